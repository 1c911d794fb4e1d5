package client

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	dirs "github.com/nomadlike/nomadlike/client/step/dir"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// BenchmarkDensity tells what an idle task costs this process.
func BenchmarkDensity(b *testing.B) {
	const tasks = 100
	measure := func() (bytes, goroutines float64) {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc + m.StackInuse), float64(runtime.NumGoroutine())
	}
	for range b.N {
		dir, err := os.MkdirTemp("", "density")
		if err != nil {
			b.Fatal(err)
		}
		f := newFakeServer(b)
		c := startClient(b, f, dir, func(c *Config) { c.GC.MaxAllocations = 10 * tasks })
		f.until("registration", func() bool { return f.node != nil && f.node.Attributes["driver.raw_exec"] == "1" })
		bytes, goroutines := measure()
		var all []*nl.Alloc
		for i := range tasks {
			a := shell(fmt.Sprintf("dddddddd-0000-4000-8000-%012d", i), nl.JobTypeService, "exec sleep 600")
			all = append(all, a)
			f.put(a)
		}
		every := func(status string) func() bool {
			return func() bool {
				for _, a := range all {
					if f.allocs[a.ID].ClientStatus != status {
						return false
					}
				}
				return true
			}
		}
		f.until("all run", every(nl.AllocClientRunning))
		bytes2, goroutines2 := measure()
		b.ReportMetric((bytes2-bytes)/tasks, "B/task")
		b.ReportMetric((goroutines2-goroutines)/tasks, "goroutines/task")
		for _, a := range all {
			f.put(stopped(a))
		}
		f.until("all end", every(nl.AllocClientComplete))
		c.stop()
		for _, a := range all {
			dirs.Of(dir+"/alloc", a.ID).Remove([]string{"t"})
		}
		f.close()
		os.RemoveAll(dir)
	}
}
