//go:build linux

package drivers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/drivers/rawexec"
	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

// benchHost launches raw_exec the way an agent does.
func benchHost(b *testing.B) (*driver.Instance, func(n int, command string, args ...string) *driver.TaskConfig) {
	b.Helper()
	ctx := context.Background()
	self, err := os.Executable()
	check(b, err)
	inst, err := driver.Launch(ctx, base.LaunchConfig{Command: self, Args: []string{ServeCommand, rawexec.Name}}, nil)
	check(b, err)
	b.Cleanup(inst.Kill)
	probed, err := base.Look(ctx, inst)
	check(b, err)
	v, err := hclspec.Decode(probed.Schema, map[string]any{"enabled": true}, nil)
	check(b, err)
	raw, err := hclspec.Marshal(v)
	check(b, err)
	check(b, inst.SetConfig(ctx, &base.Config{APIVersion: probed.APIVersion, PluginConfig: raw}))
	schema, err := inst.TaskConfigSchema(ctx)
	check(b, err)
	dir := b.TempDir()
	return inst, func(n int, command string, args ...string) *driver.TaskConfig {
		v, err := hclspec.Decode(schema, map[string]any{"command": command, "args": args}, nil)
		check(b, err)
		raw, err := hclspec.Marshal(v)
		check(b, err)
		c := &driver.TaskConfig{
			ID: fmt.Sprintf("bench/t/%08x", n), Name: "t", AllocID: fmt.Sprintf("bench-%d", n),
			AllocDir: filepath.Join(dir, fmt.Sprint(n)), DriverConfig: raw,
			StdoutPath: driver.NullDevice, StderrPath: driver.NullDevice,
			Resources: &driver.Resources{CPUMHz: 100, MemoryMB: 64},
		}
		check(b, os.MkdirAll(c.TaskDir(), 0o777))
		return c
	}
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkStart measures StartTask alone, one after the other.
func BenchmarkStart(b *testing.B) {
	inst, task := benchHost(b)
	ctx := context.Background()
	var starting time.Duration
	for n := range b.N {
		c := task(n, "/bin/true")
		began := time.Now()
		_, _, err := inst.StartTask(ctx, c)
		starting += time.Since(began)
		check(b, err)
		_, err = inst.WaitTask(ctx, c.ID)
		check(b, err)
		check(b, inst.DestroyTask(ctx, c.ID, true))
	}
	b.ReportMetric(float64(starting.Microseconds())/float64(b.N), "µs/start")
}

// BenchmarkBurst measures tasks from start to removal, many at a time.
func BenchmarkBurst(b *testing.B) {
	inst, task := benchHost(b)
	ctx := context.Background()
	configs := make([]*driver.TaskConfig, b.N)
	for n := range configs {
		configs[n] = task(n, "/bin/true")
	}
	work := make(chan *driver.TaskConfig, b.N)
	for _, c := range configs {
		work <- c
	}
	close(work)
	b.ResetTimer()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for c := range work {
				if _, _, err := inst.StartTask(ctx, c); err != nil {
					b.Error(err)
					return
				}
				if _, err := inst.WaitTask(ctx, c.ID); err != nil {
					b.Error(err)
				}
				if err := inst.DestroyTask(ctx, c.ID, true); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}
