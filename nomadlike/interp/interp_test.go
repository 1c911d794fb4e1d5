package interp

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/nomadlike/nomadlike/nomadlike"
)

// testInput uses every source of variables.
func testInput() Input {
	job := &nomadlike.Job{
		ID: "web/dispatch-1", Name: "web", ParentID: "web", Region: "elsewhere", Dispatched: true,
		ParameterizedJob: &nomadlike.Parameterized{MetaOptional: []string{"optional"}},
		Meta:             map[string]string{"team": "ops", "where": "${node.datacenter}"},
		TaskGroups: []*nomadlike.Group{{
			Name: "front",
			Meta: map[string]string{"team": "core", "a-b": "1"},
			Services: []*nomadlike.Service{{Connect: &nomadlike.ConsulConnect{
				SidecarService: &nomadlike.ConsulSidecarService{Proxy: &nomadlike.ConsulProxy{
					Upstreams: []*nomadlike.ConsulUpstream{{DestinationName: "count-api", LocalBindPort: 5000}},
				}},
			}}},
		}},
	}
	task := &nomadlike.Task{
		Name: "main", Meta: map[string]string{"a-b": "2"},
		Env: map[string]string{"COLOR": "blue on ${node.unique.name}"},
	}
	alloc := &nomadlike.Alloc{
		ID: "11112222-3333-4444-5555-666677778888", Name: "web.front[3]", Namespace: "prod",
		TaskGroup: "front", Job: job,
		NetworkStatus: &nomadlike.AllocNetworkStatus{InterfaceName: "eth0", Address: "172.26.64.2"},
		AllocatedResources: &nomadlike.AllocatedResources{
			Tasks: map[string]*nomadlike.AllocatedTaskResources{
				"main": {
					Cpu:    nomadlike.AllocatedCpuResources{CpuShares: 4000, ReservedCores: []uint64{7, 1, 2, 3}},
					Memory: nomadlike.AllocatedMemoryResources{MemoryMB: 256, MemoryMaxMB: 512},
				},
				"side": {Networks: []*nomadlike.Network{{IP: "10.0.0.5", ReservedPorts: []*nomadlike.Port{{Label: "admin-x", Value: 9000}}}}},
			},
			Shared: nomadlike.AllocatedSharedResources{
				Ports: []*nomadlike.AllocatedPortMapping{{Label: "http", Value: 23456, To: 8080, HostIP: "10.0.0.5"}},
			},
		},
	}
	return Input{
		Alloc: alloc, Task: task, Region: "europe",
		Node: &nomadlike.Node{
			ID: "n1", Name: "alpha", Datacenter: "dc1", NodeClass: "big", NodePool: "gpu",
			Attributes: map[string]string{"kernel.name": "linux", "driver.docker": "1", "driver.docker.version": "27.0"},
			Meta:       map[string]string{"rack": "r1"},
		},
		Dirs:         Dirs{Alloc: "/alloc", Local: "/local", Secrets: "/secrets"},
		CgroupParent: "nomad.slice",
		HostEnv:      map[string]string{"PATH": "/usr/bin", "NOMAD_DC": "not this"},
		HookEnv:      []map[string]string{{"HOOKED": "no"}, {"HOOKED": "yes"}},
		TemplateEnv:  map[string]string{"RENDERED": "from template"},
		Tokens:       map[string]string{"default": "t0", "vault": "t1"},
		APISocket:    "/secrets/api.sock",
		VaultToken:   "hvs", VaultNamespace: "vns",
		Secrets: map[string]map[string]string{"db": {"password": "s3cret"}},
	}
}

func TestBuildEnv(t *testing.T) {
	raw, err := os.ReadFile("testdata/group.env")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(raw)), "\n")
	if d := cmp.Diff(want, BuildEnv(testInput()).List()); d != "" {
		t.Errorf("environment (-want +got):\n%s", d)
	}
}

// TestTaskNetwork exposes the older networks, which belong to a task.
func TestTaskNetwork(t *testing.T) {
	alloc := &nomadlike.Alloc{
		Name: "j.g[0]", Job: &nomadlike.Job{ID: "j"},
		AllocatedResources: &nomadlike.AllocatedResources{Tasks: map[string]*nomadlike.AllocatedTaskResources{
			"t": {Networks: []*nomadlike.Network{{
				IP:           "fd00::5",
				DynamicPorts: []*nomadlike.Port{{Label: "db", Value: 20001}, {Label: "mapped", Value: 20002}},
			}}},
		}},
	}
	env := BuildEnv(Input{
		Alloc: alloc, Task: &nomadlike.Task{Name: "t"},
		DriverNetwork: &DriverNetwork{PortMap: map[string]int{"mapped": 80}},
	})
	for name, want := range map[string]string{
		"NOMAD_IP_db": "fd00::5", "NOMAD_IPv6_db": "fd00::5", "NOMAD_ADDR_db": "[fd00::5]:20001",
		"NOMAD_PORT_db": "20001", "NOMAD_PORT_mapped": "80", "NOMAD_HOST_PORT_mapped": "20002",
	} {
		if got, ok := env.Get(name); !ok || got != want {
			t.Errorf("%s: want %s, got %s", name, want, got)
		}
	}
}

// TestReferences reads one string a line.
func TestReferences(t *testing.T) {
	file, err := os.Open("testdata/references.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	env := BuildEnv(testInput())
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Split(line, " | ")
		if len(parts) < 2 {
			t.Fatalf("%s: want two or three parts", line)
		}
		text, want := parts[0], parts[1]
		if got := env.Replace(text); got != want {
			t.Errorf("%s: in a string: want %s, got %s", text, want, got)
		}
		if len(parts) > 2 {
			want = parts[2]
		}
		got, err := env.ReplaceConfig(map[string]any{"a": []any{text, int64(1)}})
		switch {
		case want == "error" && err == nil:
			t.Errorf("%s: in configuration: want an error, got %v", text, got)
		case want != "error" && err != nil:
			t.Errorf("%s: in configuration: %v", text, err)
		case want != "error":
			if d := cmp.Diff(any(map[string]any{"a": []any{want, int64(1)}}), got); d != "" {
				t.Errorf("%s: in configuration (-want +got):\n%s", text, d)
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

func TestReplaceCollections(t *testing.T) {
	env := BuildEnv(testInput())
	if got := env.ReplaceAll([]string{"a-${node.class}", "b"}); got[0] != "a-big" || got[1] != "b" {
		t.Errorf("got %v", got)
	}
	if got := env.ReplaceMap(map[string]string{"${meta.rack}": "${node.pool}"}); got["r1"] != "gpu" {
		t.Errorf("got %v", got)
	}
	if env.ReplaceAll(nil) != nil || env.ReplaceMap(nil) != nil {
		t.Error("nil does not stay nil")
	}
}

func TestValues(t *testing.T) {
	values := BuildEnv(testInput()).Values()
	at := func(root string, names ...string) string {
		v := values[root]
		for _, n := range names {
			v = v.GetAttr(n)
		}
		return v.AsString()
	}
	for want, got := range map[string]string{
		"linux": at("attr", "kernel", "name"), "r1": at("meta", "rack"), "alpha": at("node", "unique", "name"),
		"27.0": at("attr", "driver", "docker", "version"), "s3cret": at("secret", "db", "password"),
		"3": at("NOMAD_ALLOC_INDEX"), "/usr/bin": values["env"].Index(cty.StringVal("PATH")).AsString(),
	} {
		if got != want {
			t.Errorf("want %s, got %s", want, got)
		}
	}
}

// TestMissingParts builds an environment from as little as there can be.
func TestMissingParts(t *testing.T) {
	env := BuildEnv(Input{Alloc: &nomadlike.Alloc{ID: "abc"}, Task: &nomadlike.Task{}})
	if got, _ := env.Get("NOMAD_SHORT_ALLOC_ID"); got != "abc" {
		t.Errorf("short ID is %q", got)
	}
}
