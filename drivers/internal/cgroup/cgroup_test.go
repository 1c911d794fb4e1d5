//go:build linux

package cgroup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeV1 and fakeV2 are file systems that look like a kernel's.
func fakeV1(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, c := range v1Controllers() {
		mkdir(t, filepath.Join(root, c, parent, "a.t"))
	}
	// The kernel fills a new group with its files.
	for _, f := range []string{"cpu/nomad/a.t/cpu.shares", "memory/nomad/a.t/memory.limit_in_bytes", "memory/nomad/a.t/memory.soft_limit_in_bytes",
		"memory/nomad/a.t/memory.swappiness", "memory/nomad/a.t/memory.oom_control"} {
		put(t, filepath.Join(root, f), "")
	}
	mkdir(t, filepath.Join(root, "unified"))
	return root
}

func fakeV2(t *testing.T) (root, scope string) {
	t.Helper()
	root = t.TempDir()
	put(t, filepath.Join(root, "cgroup.controllers"), "cpuset cpu memory\n")
	scope = filepath.Join(root, "nomad.slice/share.slice/a.t.scope")
	mkdir(t, scope)
	for _, f := range []string{"cpu.weight", "cpuset.cpus", "memory.max", "memory.low", "memory.swap.max", "cgroup.procs"} {
		put(t, filepath.Join(scope, f), "")
	}
	return root, scope
}

func mkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, file, text string) {
	t.Helper()
	mkdir(t, filepath.Dir(file))
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// content maps the non-empty files below dir to what they hold.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		if len(raw) > 0 {
			out[rel] = string(raw)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDetect(t *testing.T) {
	v2, _ := fakeV2(t)
	onlyUnified := t.TempDir()
	put(t, filepath.Join(onlyUnified, "cgroup.controllers"), "\n")
	for want, root := range map[Version]string{V1: fakeV1(t), V2: v2, None: onlyUnified} {
		if got := Detect(root); got != want {
			t.Errorf("%s is taken for version %d, want %d", root, got, want)
		}
	}
}

func TestLimitsV2(t *testing.T) {
	for name, c := range map[string]struct {
		lim  Limits
		want map[string]string
	}{
		"no max":    {Limits{CPUShares: 1000, MemoryMB: 64}, map[string]string{"cpu.weight": "39", "memory.max": "67108864", "memory.swap.max": "0"}},
		"max":       {Limits{CPUShares: 2, MemoryMB: 64, MemoryMaxMB: 128}, map[string]string{"cpu.weight": "1", "memory.max": "134217728", "memory.low": "67108864", "memory.swap.max": "0"}},
		"unlimited": {Limits{MemoryMB: 64, MemoryMaxMB: -1, CpusetCPUs: "2,3"}, map[string]string{"cpu.weight": "1", "cpuset.cpus": "2,3", "memory.max": "max", "memory.low": "67108864", "memory.swap.max": "0"}},
	} {
		root, scope := fakeV2(t)
		g, err := Managed(root, "a.t", scope, c.lim)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, content(t, scope)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if g.V2 != scope || len(g.JoinV1()) != 0 || g.OOMFile() != filepath.Join(scope, "memory.events") {
			t.Errorf("%s: group is %+v", name, g)
		}
		g.Remove()
		if _, err := os.Stat(scope); err != nil {
			t.Errorf("%s: the host's own group was removed", name)
		}
	}
}

func TestNoGroupFromTheHostV2(t *testing.T) {
	root, _ := fakeV2(t)
	g, err := Managed(root, "a.t", "", Limits{MemoryMB: 64})
	if err != nil || g.V2 != "" || len(g.Own) != 0 {
		t.Errorf("%+v, %v", g, err)
	}
	g.Kill()
}

func TestLimitsV1(t *testing.T) {
	for name, c := range map[string]struct {
		lim  Limits
		want map[string]string
	}{
		"no max":    {Limits{CPUShares: 1000, MemoryMB: 64}, map[string]string{"cpu/nomad/a.t/cpu.shares": "1000", "memory/nomad/a.t/memory.limit_in_bytes": "67108864", "memory/nomad/a.t/memory.swappiness": "0"}},
		"max":       {Limits{MemoryMB: 64, MemoryMaxMB: 128}, map[string]string{"cpu/nomad/a.t/cpu.shares": "2", "memory/nomad/a.t/memory.limit_in_bytes": "134217728", "memory/nomad/a.t/memory.soft_limit_in_bytes": "67108864", "memory/nomad/a.t/memory.swappiness": "0"}},
		"unlimited": {Limits{MemoryMB: 64, MemoryMaxMB: -1}, map[string]string{"cpu/nomad/a.t/cpu.shares": "2", "memory/nomad/a.t/memory.limit_in_bytes": "-1", "memory/nomad/a.t/memory.soft_limit_in_bytes": "67108864", "memory/nomad/a.t/memory.swappiness": "0"}},
	} {
		root := fakeV1(t)
		cpuset := filepath.Join(root, "cpuset/nomad/share")
		mkdir(t, cpuset)
		g, err := Managed(root, "a.t", cpuset, c.lim)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, content(t, root)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if len(g.JoinV1()) != 4 || g.JoinV1()[3] != cpuset+"/tasks" {
			t.Errorf("%s: groups to join are %v", name, g.JoinV1())
		}
		if want := filepath.Join(root, "memory/nomad/a.t/memory.oom_control"); g.OOMFile() != want {
			t.Errorf("%s: OOM kills are counted in %q", name, g.OOMFile())
		}
	}
}

func TestMissingV1Files(t *testing.T) {
	root := fakeV1(t)
	if _, err := Managed(root, "other", "", Limits{CPUShares: 5}); err == nil || !strings.Contains(err.Error(), "cpu.shares") {
		t.Errorf("a limit that could not be set went unnoticed: %v", err)
	}
	if _, err := os.Stat(filepath.Join(root, "freezer/nomad/other")); err == nil {
		t.Error("a group that failed was left behind")
	}
}

func TestOverrides(t *testing.T) {
	if g := OverrideV2("/r", "a/b"); g.V2 != "/r/a/b" || len(g.Own) != 0 {
		t.Errorf("%+v", g)
	}
	if g := OverrideV2("/r", "/r/a"); g.V2 != "/r/a" {
		t.Errorf("%+v", g)
	}
	g := OverrideV1("/r", map[string]string{"pids": "x", "cpu": "/r/cpu/y"})
	if diff := cmp.Diff([]string{"/r/cpu/y/tasks", "/r/pids/x/tasks"}, g.JoinV1()); diff != "" {
		t.Error(diff)
	}
}

func TestLeave(t *testing.T) {
	const self = "9:name=systemd:/\n4:memory:/mine/deep\n6:freezer:/\n1:cpu,cpuacct:/\n0::/\nnonsense\n"
	groups := []string{"/r/freezer/nomad/a", "/r/cpu/nomad/a", "/r/memory/nomad/a", "/r/pids/nomad/a"}
	want := []string{"/r/freezer/tasks", "/r/cpu/tasks", "/r/memory/mine/deep/tasks"}
	if diff := cmp.Diff(want, leave("/r", groups, self)); diff != "" {
		t.Error(diff)
	}
}

func TestWeight(t *testing.T) {
	for shares, want := range map[int64]int64{0: 1, 2: 1, 1024: 39, 262144: 10000, 1 << 40: 10000} {
		if got := Weight(shares); got != want {
			t.Errorf("%d shares weigh %d, want %d", shares, got, want)
		}
	}
}
