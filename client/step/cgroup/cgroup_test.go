package cgroup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/go-hclog"
)

// hierarchy stands in for the kernel's: files exist where groups are made.
func file(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func touch(t *testing.T, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte("0\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUnified(t *testing.T) {
	root := t.TempDir()
	share := filepath.Join(root, "nomad.slice/share.slice/cpuset.cpus")
	reserve := filepath.Join(root, "nomad.slice/reserve.slice/a.t.scope")
	touch(t, share, filepath.Join(reserve, "cpuset.cpus"))
	m := New(Config{Root: root, Version: "2", Usable: []uint64{0, 1, 2}, Logger: hclog.NewNullLogger()})
	path, err := m.Make("b", "t", nil)
	if err != nil || path != filepath.Join(root, "nomad.slice/share.slice/b.t.scope") {
		t.Fatalf("group is %q, %v", path, err)
	}
	if got := file(t, share); got != "0,1,2" {
		t.Errorf("shared cores are %q", got)
	}
	if path, err = m.Make("a", "t", []uint64{1}); err != nil || path != reserve {
		t.Fatalf("group is %q, %v", path, err)
	}
	if got := file(t, share)[:3] + file(t, filepath.Join(reserve, "cpuset.cpus"))[:1]; got != "0,21" {
		t.Errorf("shared and reserved cores are %q", got)
	}
	if err := m.Remove("b", "t"); err != nil {
		t.Error(err)
	}
	if err := m.Remove("b", "t"); err != nil {
		t.Errorf("removing twice: %v", err)
	}
}

func TestOld(t *testing.T) {
	root := t.TempDir()
	base := filepath.Join(root, "cpuset/nomad")
	touch(t, filepath.Join(root, "cpuset/cpuset.mems"))
	for _, g := range []string{"", "share", "reserve", "reserve/a.t"} {
		touch(t, filepath.Join(base, g, "cpuset.mems"), filepath.Join(base, g, "cpuset.cpus"))
	}
	m := New(Config{Root: root, Version: "1", Usable: []uint64{0, 1}, Logger: hclog.NewNullLogger()})
	path, err := m.Make("b", "t", nil)
	if err != nil || path != filepath.Join(base, "share") {
		t.Fatalf("group is %q, %v", path, err)
	}
	if path, err = m.Make("a", "t", []uint64{1}); err != nil || path != filepath.Join(base, "reserve/a.t") {
		t.Fatalf("group is %q, %v", path, err)
	}
	if got := file(t, filepath.Join(base, "share/cpuset.cpus"))[:1]; got != "0" {
		t.Errorf("shared cores are %q", got)
	}
}

// TestRefused runs tasks without a group, but none whose cores are not kept.
func TestRefused(t *testing.T) {
	m := New(Config{Root: filepath.Join(t.TempDir(), "none"), Version: "1", Logger: hclog.NewNullLogger()})
	if path, err := m.Make("a", "t", nil); path != "" || err != nil {
		t.Errorf("group is %q, %v", path, err)
	}
	if _, err := m.Make("a", "t", []uint64{1}); err == nil {
		t.Error("cores were reserved nowhere")
	}
}
