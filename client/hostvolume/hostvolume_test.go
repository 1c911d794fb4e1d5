package hostvolume_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/nomadlike/nomadlike/client/hostvolume"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type records map[string]*nl.HostVolume

func (r records) PutVolume(v *nl.HostVolume) error {
	r[v.ID] = v
	return nil
}

func (r records) DeleteVolume(id string) error {
	delete(r, id)
	return nil
}

type bench struct {
	*hostvolume.Manager
	cfg     hostvolume.Config
	records records
}

func newBench(t *testing.T) *bench {
	b := &bench{records: records{}}
	b.cfg = hostvolume.Config{
		Dir: filepath.Join(t.TempDir(), "volumes"), PluginDir: t.TempDir(), NodeID: "node", NodePool: "pool", Version: "1.2.3", Records: b.records,
	}
	b.restart()
	return b
}

// restart makes a manager of what is recorded.
func (b *bench) restart() {
	b.Manager = hostvolume.New(b.cfg, slices.Collect(maps.Values(b.records)))
}

func (b *bench) script(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.cfg.PluginDir, name), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func volume(id, name, plugin string, parameters map[string]string) *nl.HostVolume {
	return &nl.HostVolume{ID: id, Name: name, Namespace: "default", PluginID: plugin, Parameters: parameters, RequestedCapacityMinBytes: 5}
}

func TestMkdir(t *testing.T) {
	b := newBench(t)
	path, _, err := b.Create(t.Context(), volume("id-1", "data", "mkdir", map[string]string{"mode": "1755"}))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != os.ModeDir|os.ModeSticky|0o755 {
		t.Errorf("made %v: %v", info.Mode(), err)
	}
	if err := os.WriteFile(filepath.Join(path, "kept"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.restart()
	if v := b.Volumes()["data"]; v == nil || v.Path != path || v.ID != "id-1" || v.ReadOnly {
		t.Errorf("after a restart the volume is %+v", v)
	}
	if again, _, err := b.Create(t.Context(), volume("id-1", "data", "mkdir", nil)); err != nil || again != path {
		t.Errorf("made again: %s, %v", again, err)
	}
	if _, err := os.Stat(filepath.Join(path, "kept")); err != nil {
		t.Errorf("making it again lost its content: %v", err)
	}
	for range 2 { // the second time it is gone already
		if err := b.Delete(t.Context(), "id-1"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) || len(b.Volumes())+len(b.records) > 0 {
		t.Errorf("something is left: %v, %v, %v", err, b.Volumes(), b.records)
	}
}

func TestCreate_Refuses(t *testing.T) {
	b := newBench(t)
	if _, _, err := b.Create(t.Context(), volume("id-1", "data", "mkdir", nil)); err != nil {
		t.Fatal(err)
	}
	b.script(t, "fails", "echo no space >&2; exit 3")
	b.script(t, "lies", `echo '{"path": "/nowhere/at/all"}'`)
	b.script(t, "talks", "echo hello")
	for want, v := range map[string]*nl.HostVolume{
		"use octal digits":              volume("id-2", "a", "mkdir", map[string]string{"mode": "99"}),
		"up to 7777":                    volume("id-2", "a", "mkdir", map[string]string{"mode": "17777"}),
		"parameter uid is":              volume("id-2", "a", "mkdir", map[string]string{"uid": "root"}),
		"path escapes":                  volume("../id-2", "a", "mkdir", nil),
		"named \"data\" already: id-1":  volume("id-2", "data", "mkdir", nil),
		"no such host volume plugin":    volume("id-2", "a", "../mkdir", nil),
		"is no file in":                 volume("id-2", "a", "absent", nil),
		"no space":                      volume("id-2", "a", "fails", nil),
		"no directory with an absolute": volume("id-2", "a", "lies", nil),
		"no JSON object":                volume("id-2", "a", "talks", nil),
	} {
		if _, _, err := b.Create(t.Context(), v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("creating %+v: %v, want an error with %q", v, err, want)
		}
	}
	if len(b.Volumes()) != 1 {
		t.Errorf("volumes: %v", b.Volumes())
	}
}

func TestExternal(t *testing.T) {
	b := newBench(t)
	b.script(t, "own", `set -e
case "$1$DHV_OPERATION" in
fingerprintfingerprint) echo '{"version": "0.3.1"}' ;;
createcreate)
	test "$DHV_NODE_ID $DHV_NODE_POOL $DHV_NAMESPACE $DHV_VOLUME_NAME $DHV_CAPACITY_MIN_BYTES $DHV_PARAMETERS" = 'node pool default data 5 {"k":"v"}'
	mkdir -p "$DHV_VOLUMES_DIR/own-$DHV_VOLUME_ID"
	echo "{\"path\": \"$DHV_VOLUMES_DIR/own-$DHV_VOLUME_ID\", \"bytes\": 42}" ;;
deletedelete) rmdir "$DHV_CREATED_PATH" ;;
esac`)
	b.script(t, "broken", "exit 1")
	attributes, problems := b.Fingerprint(t.Context())
	want := map[string]string{"plugins.host_volume.mkdir.version": "1.2.3", "plugins.host_volume.own.version": "0.3.1"}
	if !maps.Equal(attributes, want) || len(problems) != 1 || !strings.Contains(problems[0].Error(), "broken") {
		t.Errorf("fingerprint: %v, %v", attributes, problems)
	}
	path, bytes, err := b.Create(t.Context(), volume("id-1", "data", "own", map[string]string{"k": "v"}))
	if err != nil || bytes != 42 || !strings.HasSuffix(path, "own-id-1") {
		t.Fatalf("%s, %d, %v", path, bytes, err)
	}
	b.restart()
	if err := b.Delete(t.Context(), "id-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the plugin left %s: %v", path, err)
	}
}

func TestRegister(t *testing.T) {
	b := newBench(t)
	v := volume("id-1", "data", "", nil)
	v.HostPath = filepath.Join(t.TempDir(), "absent")
	if err := b.Register(v); err == nil {
		t.Error("a path that is not there was registered")
	}
	v.HostPath = t.TempDir()
	if err := b.Register(v); err != nil || b.Volumes()["data"].Path != v.HostPath {
		t.Errorf("%v, %v", err, b.Volumes())
	}
	if err := b.Delete(t.Context(), "id-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(v.HostPath); err != nil {
		t.Errorf("letting go of a registered directory removed it: %v", err)
	}
}
