package config

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the recorded problems")

// TestFiles reads every file of testdata: NAME.hcl or NAME.json must be taken,
// or refused with exactly the text of NAME.err.
func TestFiles(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.*")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, p := range paths {
		if strings.HasSuffix(p, ".err") {
			continue
		}
		seen++
		t.Run(filepath.Base(p), func(t *testing.T) {
			got := ""
			if err := Default().Load(p); err != nil {
				got = err.Error() + "\n"
			}
			golden := strings.TrimSuffix(p, filepath.Ext(p)) + ".err"
			if *rewrite && got != "" {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("problems:\n%swant:\n%s", got, want)
			}
		})
	}
	if seen < 5 {
		t.Fatalf("only %d files in testdata", seen)
	}
}

func load(t *testing.T, texts ...string) *Config {
	t.Helper()
	c := Default()
	for i, text := range texts {
		if err := c.Parse(fmt.Sprintf("file%d.hcl", i), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// TestMerging checks the rules by which a later file wins.
func TestMerging(t *testing.T) {
	c := load(t, `
region = "a"
log_json = true
leave_on_interrupt = true
disable_update_check = true
client {
  servers = ["one"]
  meta { x = "1", y = "1" }
  gc_interval = "5m"
  server_join { retry_join = ["old"] }
}
plugin "docker" {
  args = ["a"]
  config { allow_privileged = true }
}
`, `
log_json = false
disable_update_check = false
client {
  servers = ["two"]
  meta { y = "2" }
  server_join { retry_join = ["new", "newer"] }
}
plugin "docker" {
  config { volumes { enabled = true } }
}
`)
	for _, is := range []struct {
		what      string
		got, want any
	}{
		{"text that is not said again", c.Region, "a"},
		{"plain bool only turns on", c.LogJSON, true},
		{"bool pointer turns off", *c.DisableUpdateCheck, false},
		{"lists are appended", strings.Join(c.Client.Servers, " "), "one two"},
		{"joins are replaced", strings.Join(c.Client.ServerJoin.RetryJoin, " "), "new newer"},
		{"maps are merged", c.Client.Meta["x"] + c.Client.Meta["y"], "12"},
		{"duration", c.Client.GCInterval, 5 * time.Minute},
		{"default beside", c.Client.GCMaxAllocs, 50},
		{"plugin arguments stay", strings.Join(c.Plugins["docker"].Args, " "), "a"},
	} {
		if is.got != is.want {
			t.Errorf("%s: %v, want %v", is.what, is.got, is.want)
		}
	}
	var keys []string
	for k := range c.Plugins["docker"].Config {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	if got := strings.Join(keys, " "); got != "allow_privileged volumes" {
		t.Errorf("plugin config has %s", got)
	}
}

// TestDirectory checks which files of a directory count, and in what order.
func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"b.hcl": `datacenter = "b"`, "a.json": `{"datacenter": "a", "name": "n"}`, "c.txt": `datacenter = "c"`,
		".#d.hcl": `datacenter = "d"`, "e.hcl~": `datacenter = "e"`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := Default()
	if err := c.Load(dir); err != nil {
		t.Fatal(err)
	}
	if c.Datacenter != "b" || c.Name != "n" || len(c.Files) != 2 {
		t.Errorf("datacenter %q, name %q, files %v", c.Datacenter, c.Name, c.Files)
	}
}

// TestFinish checks that all problems are told at once.
func TestFinish(t *testing.T) {
	c := Default()
	c.Name, c.Server.RaftMultiplier, c.DataDir, c.Client.NodePool = "n", 11, "relative", "all"
	c.BindAddr = "127.0.0.1"
	err := c.Finish()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"neither client nor server", "raft_multiplier", "absolute path", "node pool"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("problems do not mention %q:\n%v", want, err)
		}
	}
}

// TestShown checks that secrets are not told.
func TestShown(t *testing.T) {
	c := load(t, `
server { encrypt = "c2VjcmV0" }
plugin "x" { config { token = "tell-nobody" nested { password = "hidden" } } }
vault { token = "tell-nobody" }
`)
	text := fmt.Sprint(c.Shown("1"))
	for _, secret := range []string{"c2VjcmV0", "tell-nobody", "hidden"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is told", secret)
		}
	}
	if !strings.Contains(text, "dc1") {
		t.Error("the datacenter is not told")
	}
}

func FuzzParse(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.*")
	for _, p := range paths {
		if b, err := os.ReadFile(p); err == nil {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c := Default()
		if c.Parse("fuzz.hcl", text) == nil {
			c.Shown("1")
		}
	})
}
