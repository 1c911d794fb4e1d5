// Package drivertest is a conformance suite for task drivers. A driver's own
// tests call Run, which drives the plugin process the way an agent does. It
// tests nothing that the contract leaves open, and uses no cluster.
package drivertest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

// callMax bounds every single call: a driver that hangs fails its test.
const callMax = 30 * time.Second

// Harness describes the driver under test.
type Harness struct {
	// Launch starts the plugin.
	Launch base.LaunchConfig
	// PluginConfig is the plugin block's config.
	PluginConfig map[string]any
	// Name is the driver's expected name.
	Name string
	// Shell turns a shell script into the task's config block.
	Shell func(script string) map[string]any
	// Exit, Sleep and Print are config blocks for drivers without a shell: a
	// task that ends with a code, one that runs for an hour, and one that prints
	// the two texts and ends. Nil means that Shell does it.
	Exit  func(code int) map[string]any
	Sleep func() map[string]any
	Print func(stdout, stderr string) map[string]any
	// IgnoresRecover is set for drivers whose tasks end with the plugin.
	IgnoresRecover bool
	// KillSucceeds is set for drivers that tell no failure for a killed task.
	KillSucceeds bool
	// InterruptsUnknown is set for drivers that take a signal nobody knows as
	// SIGINT instead of refusing it.
	InterruptsUnknown bool
	// BadConfigs are task configs that must be refused, by case name.
	BadConfigs map[string]map[string]any
}

func (h *Harness) exit(code int) map[string]any {
	if h.Exit != nil {
		return h.Exit(code)
	}
	return h.Shell("exit " + strconv.Itoa(code))
}

func (h *Harness) sleep() map[string]any {
	if h.Sleep != nil {
		return h.Sleep()
	}
	return h.Shell("exec sleep 3600")
}

func (h *Harness) print(stdout, stderr string) map[string]any {
	if h.Print != nil {
		return h.Print(stdout, stderr)
	}
	return h.Shell(fmt.Sprintf("printf %%s '%s'; printf %%s '%s' >&2", stdout, stderr))
}

// world is one plugin process and the directories of its tasks.
type world struct {
	t      *testing.T
	h      *Harness
	inst   *driver.Instance
	probed *base.Probed
	schema *hclspec.Spec
	caps   *driver.Capabilities
	config *base.Config
	alloc  string
	seq    *atomic.Int64
}

// newWorld launches the plugin through the steps of an agent: look, validate,
// configure, initialise.
func newWorld(t *testing.T, h *Harness) *world {
	t.Helper()
	w := &world{t: t, h: h, seq: &atomic.Int64{}}
	if h.Launch.Logger == nil {
		out := &testWriter{t: t}
		t.Cleanup(out.close)
		h.Launch.Logger = hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: out})
	}
	ctx := w.ctx()
	inst, err := driver.Launch(ctx, h.Launch, nil)
	must(t, err, "launch")
	t.Cleanup(func() { w.inst.Kill() })
	w.inst = inst
	w.probed, err = base.Look(ctx, inst)
	must(t, err, "look at the plugin")
	w.config = &base.Config{APIVersion: w.probed.APIVersion, Agent: &base.AgentConfig{
		ClientMinPort: 14000, ClientMaxPort: 14512, Topology: (*base.Topology)(nil).Complete(),
	}}
	if w.probed.Schema != nil {
		v, err := hclspec.Decode(w.probed.Schema, h.PluginConfig, nil)
		must(t, err, "decode plugin config")
		w.config.PluginConfig, err = hclspec.Marshal(v)
		must(t, err, "encode plugin config")
	}
	// Agents validate a config in a process of its own, without telling about
	// the node; a driver must bear both.
	must(t, inst.SetConfig(ctx, &base.Config{APIVersion: w.config.APIVersion, PluginConfig: w.config.PluginConfig}), "set config without the node")
	must(t, inst.SetConfig(ctx, w.config), "set config")
	must(t, inst.Init(ctx), "init")
	w.schema, err = inst.TaskConfigSchema(ctx)
	must(t, err, "task config schema")
	w.caps, err = inst.Capabilities(ctx)
	must(t, err, "capabilities")
	w.alloc = filepath.Join(t.TempDir(), "alloc-dir")
	return w
}

// share is the same plugin process for another test.
func (w *world) share(t *testing.T) *world {
	t.Helper()
	out := *w
	out.t, out.alloc = t, filepath.Join(t.TempDir(), "alloc-dir")
	return &out
}

// testWriter logs to a test until that has ended; a plugin's last words may come
// later.
type testWriter struct {
	mu sync.Mutex
	t  *testing.T
}

func (w *testWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.t != nil {
		w.t.Log(strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

func (w *testWriter) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.t = nil
}

func (w *world) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), callMax)
	w.t.Cleanup(cancel)
	return ctx
}

// config builds a TaskConfig with its directories and log files.
func (w *world) task(block map[string]any) *driver.TaskConfig {
	w.t.Helper()
	n := w.seq.Add(1)
	allocID := fmt.Sprintf("%08x-0000-4000-8000-%012x", os.Getpid(), time.Now().UnixNano()&0xffffffffffff+n)
	c := &driver.TaskConfig{
		Name: "t", JobID: "j", JobName: "j", TaskGroupName: "g", AllocID: allocID, Namespace: "default",
		NodeID: "n", NodeName: "n",
		ID:  fmt.Sprintf("%s/t/%08x", allocID, n),
		Env: map[string]string{"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "MARK": "set by the host"},
		Resources: &driver.Resources{CPUMHz: 100, MemoryMB: 128,
			Linux: driver.LinuxResources{CPUShares: 100, MemoryLimitBytes: 128 << 20, PercentTicks: 0.1}},
	}
	c.AllocDir = filepath.Join(w.alloc, allocID)
	for _, dir := range []string{c.LocalDir(), c.SecretsDir(), filepath.Join(c.SharedDir(), "logs"), filepath.Join(c.TaskDir(), "tmp")} {
		must(w.t, os.MkdirAll(dir, 0o777), "task directory")
	}
	c.StdoutPath = filepath.Join(c.SharedDir(), "logs", "t.stdout")
	c.StderrPath = filepath.Join(c.SharedDir(), "logs", "t.stderr")
	v, err := hclspec.Decode(w.schema, block, nil)
	must(w.t, err, "decode task config")
	c.DriverConfig, err = hclspec.Marshal(v)
	must(w.t, err, "encode task config")
	return c
}

// fifos replaces the log files of c by pipes, as agents use them.
func (w *world) fifos(c *driver.TaskConfig) {
	w.t.Helper()
	logs := filepath.Join(c.SharedDir(), "logs")
	c.StdoutPath, c.StderrPath = filepath.Join(logs, ".t.stdout.fifo"), filepath.Join(logs, ".t.stderr.fifo")
	for _, p := range []string{c.StdoutPath, c.StderrPath} {
		must(w.t, syscall.Mkfifo(p, 0o600), "make fifo")
	}
}

// start starts c, and destroys it at the end of the test.
func (w *world) start(c *driver.TaskConfig) *driver.TaskHandle {
	w.t.Helper()
	h, _, err := w.inst.StartTask(w.ctx(), c)
	must(w.t, err, "start task")
	if h == nil || h.Config == nil || h.Config.ID != c.ID || h.Version < 1 {
		w.t.Fatalf("handle of %s is incomplete: %+v", c.ID, h)
	}
	w.t.Cleanup(func() { _ = w.inst.DestroyTask(w.ctx(), c.ID, true) })
	return h
}

func (w *world) wait(id string) *driver.ExitResult {
	w.t.Helper()
	r, err := w.inst.WaitTask(w.ctx(), id)
	must(w.t, err, "wait for task")
	return r
}

// restart kills the plugin outright and launches another.
func (w *world) restart() {
	w.t.Helper()
	pid := w.inst.ReattachRecord().Pid
	must(w.t, syscall.Kill(pid, syscall.SIGKILL), "kill plugin")
	select {
	case <-w.inst.Done():
	case <-w.ctx().Done():
		w.t.Fatal("the death of the plugin was not noticed")
	}
	w.inst.Kill()
	inst, err := driver.Launch(w.ctx(), w.h.Launch, w.config)
	must(w.t, err, "launch again")
	w.inst = inst
}

func must(t *testing.T, err error, what string) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// eventually waits for a condition of the outside world.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	const pause = 5 * time.Millisecond
	for deadline := time.Now().Add(callMax); !ok(); time.Sleep(pause) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: did not happen within %s", what, callMax)
		}
	}
}
