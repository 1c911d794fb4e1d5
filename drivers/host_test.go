//go:build linux

package drivers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

// host is what an agent keeps of a driver.
type host struct {
	tb     testing.TB
	launch base.LaunchConfig
	config *base.Config
	schema *hclspec.Spec
	inst   *driver.Instance
	dir    string
	seq    atomic.Int64
}

// newHost launches a built-in driver the way an agent does.
func newHost(tb testing.TB, name string, config map[string]any) *host {
	tb.Helper()
	self, err := os.Executable()
	check(tb, err)
	h := &host{tb: tb, dir: tb.TempDir(), launch: base.LaunchConfig{Command: self, Args: []string{ServeCommand, name}}}
	h.inst, err = driver.Launch(h.ctx(), h.launch, nil)
	check(tb, err)
	tb.Cleanup(func() { h.inst.Kill() })
	probed, err := base.Look(h.ctx(), h.inst)
	check(tb, err)
	h.config = &base.Config{APIVersion: probed.APIVersion, PluginConfig: h.encode(probed.Schema, config), Agent: &base.AgentConfig{}}
	check(tb, h.inst.SetConfig(h.ctx(), h.config))
	check(tb, h.inst.Init(h.ctx()))
	h.schema, err = h.inst.TaskConfigSchema(h.ctx())
	check(tb, err)
	return h
}

func (h *host) ctx() context.Context {
	const callMax = time.Minute
	ctx, cancel := context.WithTimeout(context.Background(), callMax)
	h.tb.Cleanup(cancel)
	return ctx
}

func (h *host) encode(spec *hclspec.Spec, body map[string]any) []byte {
	h.tb.Helper()
	v, err := hclspec.Decode(spec, body, nil)
	check(h.tb, err)
	raw, err := hclspec.Marshal(v)
	check(h.tb, err)
	return raw
}

// task makes a config with directories of its own.
func (h *host) task(block map[string]any) *driver.TaskConfig {
	h.tb.Helper()
	n := h.seq.Add(1)
	alloc := fmt.Sprintf("%08x-0000-4000-8000-%012x", os.Getpid(), time.Now().UnixNano()&0xffffffffffff+n)
	c := &driver.TaskConfig{
		ID: fmt.Sprintf("%s/t/%08x", alloc, n), Name: "t", AllocID: alloc, AllocDir: filepath.Join(h.dir, alloc),
		DriverConfig: h.encode(h.schema, block), StdoutPath: driver.NullDevice, StderrPath: driver.NullDevice,
		Env: map[string]string{}, Resources: &driver.Resources{CPUMHz: 100, MemoryMB: 64},
	}
	for _, d := range []string{c.LocalDir(), c.SecretsDir(), filepath.Join(c.SharedDir(), "logs")} {
		check(h.tb, os.MkdirAll(d, 0o777))
	}
	return c
}

// start starts a task that ends with the test.
func (h *host) start(c *driver.TaskConfig) *driver.TaskHandle {
	h.tb.Helper()
	handle, _, err := h.inst.StartTask(h.ctx(), c)
	check(h.tb, err)
	h.tb.Cleanup(func() { _ = h.inst.DestroyTask(h.ctx(), c.ID, true) })
	return handle
}

func (h *host) wait(id string) *driver.ExitResult {
	h.tb.Helper()
	r, err := h.inst.WaitTask(h.ctx(), id)
	check(h.tb, err)
	return r
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	const waitMax = 30 * time.Second
	for deadline := time.Now().Add(waitMax); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("%s: did not happen within %s", what, waitMax)
		}
	}
}
