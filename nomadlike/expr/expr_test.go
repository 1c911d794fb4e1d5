package expr

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/nomadlike/nomadlike/nomadlike"
)

func testNode() *nomadlike.Node {
	return &nomadlike.Node{
		ID: "n1", Name: "alpha", Datacenter: "dc1", NodeClass: "big", NodePool: "gpu",
		Attributes: map[string]string{"kernel.name": "linux", "driver.docker": "1", "unique.hostname": "h1", "want": "^li"},
		Meta:       map[string]string{"rack": "r1", "empty": ""},
	}
}

// TestOperators reads one comparison a line.
func TestOperators(t *testing.T) {
	file, err := os.Open("testdata/operators.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Split(line, "|")
		if len(parts) != 4 {
			t.Fatalf("%s: want four parts", line)
		}
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		left, operand, right, want := parts[0], parts[1], parts[2], parts[3]
		node := &nomadlike.Node{Attributes: map[string]string{}}
		if left != "-" {
			node.Attributes["left"] = left
		}
		rtarget := right
		if right == "-" {
			rtarget = "${attr.right}"
		}
		got := "error"
		if c, err := Compile(operand, "${attr.left}", rtarget); err == nil {
			got = "false"
			if c.Node(node) {
				got = "true"
			}
			if right != "-" {
				node.Attributes["right"] = right
				if late, err := Compile(operand, "${attr.left}", "${attr.right}"); err != nil || late.Node(node) != (got == "true") {
					t.Errorf("%s: a right side from the node gives another answer (%v)", line, err)
				}
			}
		}
		if got != want {
			t.Errorf("%s: got %s", line, got)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

func TestResolve(t *testing.T) {
	for target, want := range map[string]string{
		"${node.unique.id}": "n1", "${node.unique.name}": "alpha", "${node.datacenter}": "dc1",
		"${node.class}": "big", "${node.pool}": "gpu", "${attr.kernel.name}": "linux",
		"${attr.driver.docker}": "1", "${meta.rack}": "r1", "${meta.empty}": "", "plain": "plain", "": "",
	} {
		if got, ok := Resolve(target, testNode()); !ok || got != want {
			t.Errorf("%s: want %q, got %q, %v", target, want, got, ok)
		}
	}
	for _, target := range []string{"${attr.none}", "${meta.none}", "${node.region}", "${env.HOME}", "${"} {
		if got, ok := Resolve(target, testNode()); ok {
			t.Errorf("%s: resolves to %q", target, got)
		}
	}
}

func TestEscapes(t *testing.T) {
	for target, want := range map[string]bool{
		"${node.unique.id}": true, "${node.unique.name}": true, "${attr.unique.hostname}": true,
		"${meta.unique.x}": true, "${unique.x}": true, "${node.class}": false, "${attr.kernel.name}": false,
		"${meta.rack}": false, "unique.id": false,
	} {
		if got := Escapes(target); got != want {
			t.Errorf("%s: got %v", target, got)
		}
	}
	c, err := Compile("=", "${attr.kernel.name}", "${node.unique.id}")
	if err != nil || !c.Escapes() {
		t.Errorf("a right side escapes too: %v", err)
	}
	if want := "${attr.kernel.name} = ${node.unique.id}"; c.String() != want {
		t.Errorf("want %s, got %s", want, c)
	}
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true}, {"*", "dc1", true}, {"dc*", "dc1", true}, {"dc*", "xdc1", false},
		{"*dc", "xdc", true}, {"a*b*c", "a-b-c", true}, {"a*b*c", "a-c-b", false}, {"us-?", "us-1", true},
		{"us-?", "us-", false}, {"dc1", "dc1", true}, {"dc1", "dc11", false}, {"", "", true}, {"", "a", false},
		{"**", "a", true}, {"a**", "a", true}, {"*a", "b", false},
		{strings.Repeat("*a", 20) + "b", strings.Repeat("a", 200), false},
	} {
		if got := Glob(c.pattern, c.name); got != c.want {
			t.Errorf("%q against %q: got %v", c.pattern, c.name, got)
		}
	}
	if !GlobAny([]string{"eu-*", "dc1"}, "dc1") || GlobAny([]string{"eu-*"}, "dc1") || GlobAny(nil, "dc1") {
		t.Error("GlobAny needs exactly one pattern that matches")
	}
}

// TestAttributes compares values of devices, which carry units.
func TestAttributes(t *testing.T) {
	for _, c := range []struct {
		left, operand, right string
		want                 bool
	}{
		{"8 GiB", ">=", "8192 MiB", true}, {"8 GiB", ">", "8192 MiB", false}, {"8 GB", "<", "8 GiB", true},
		{"1.5 GHz", ">", "1400 MHz", true}, {"500 mW", "<", "1 W", true}, {"1 GB/s", ">", "900 MB/s", true},
		{"8 GiB", "=", "8 GHz", false}, {"8 GiB", "!=", "8 GHz", true}, {"10", ">", "9", true},
		{"tesla", "=", "tesla", true}, {"tesla", "regexp", "^te", true}, {"true", "=", "true", true},
		{"true", "=", "false", false}, {"true", "<", "false", false}, {"a,b", "set_contains", "b", true},
		{"11264 MiB", ">=", "10 GiB", true},
	} {
		check, err := Compile(c.operand, "${device.attr.x}", c.right)
		if err != nil {
			t.Fatal(err)
		}
		if got := check.Attributes(ParseAttribute(c.left), ParseAttribute(c.right)); got != c.want {
			t.Errorf("%s %s %s: got %v", c.left, c.operand, c.right, got)
		}
	}
	check, err := Compile(">", "${device.attr.x}", "1")
	if err != nil || check.Attributes(nil, ParseAttribute("1")) {
		t.Errorf("a missing value passes: %v", err)
	}
}

func TestComputedClass(t *testing.T) {
	base := nomadlike.ComputedClass(testNode())
	if !strings.HasPrefix(base, "v1:") {
		t.Errorf("class is %q", base)
	}
	same := testNode()
	same.ID, same.Name, same.Attributes["unique.hostname"], same.Meta["unique.k"] = "n2", "beta", "h2", "v"
	if nomadlike.ComputedClass(same) != base {
		t.Error("what is unique to a node changes its class")
	}
	for name, change := range map[string]func(*nomadlike.Node){
		"datacenter": func(n *nomadlike.Node) { n.Datacenter = "dc2" },
		"class":      func(n *nomadlike.Node) { n.NodeClass = "small" },
		"pool":       func(n *nomadlike.Node) { n.NodePool = "default" },
		"attribute":  func(n *nomadlike.Node) { n.Attributes["cpu.arch"] = "arm64" },
		"meta":       func(n *nomadlike.Node) { n.Meta["rack"] = "r2" },
		"device": func(n *nomadlike.Node) {
			n.NodeResources = &nomadlike.NodeResources{Devices: []*nomadlike.NodeDeviceResource{{Type: "gpu"}}}
		},
	} {
		n := testNode()
		change(n)
		if nomadlike.ComputedClass(n) == base {
			t.Errorf("another %s keeps the class", name)
		}
	}
}

func BenchmarkNode(b *testing.B) {
	c, err := Compile("=", "${attr.kernel.name}", "linux")
	if err != nil {
		b.Fatal(err)
	}
	n := testNode()
	for b.Loop() {
		c.Node(n)
	}
}
