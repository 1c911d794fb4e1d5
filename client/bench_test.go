package client

import (
	"fmt"
	"os"
	"testing"
	"time"

	dirs "github.com/nomadlike/nomadlike/client/step/dir"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// BenchmarkBurst runs many tasks that end at once.
func BenchmarkBurst(b *testing.B) {
	const tasks = 200
	for range b.N {
		dir, err := os.MkdirTemp("", "burst")
		if err != nil {
			b.Fatal(err)
		}
		f := newFakeServer(b)
		c := startClient(b, f, dir, func(c *Config) { c.GC.MaxAllocations = 10 * tasks })
		f.until("registration", func() bool { return f.node != nil })
		var ids []string
		began := time.Now()
		for i := range tasks {
			id := fmt.Sprintf("cccccccc-0000-4000-8000-%012d", i)
			ids = append(ids, id)
			f.put(shell(id, nl.JobTypeBatch, "exit 0"))
		}
		f.until("the end of all tasks", func() bool {
			for _, id := range ids {
				if f.allocs[id].ClientStatus != nl.AllocClientComplete {
					return false
				}
			}
			return true
		})
		b.ReportMetric(tasks/time.Since(began).Seconds(), "tasks/s")
		c.stop()
		for _, id := range ids {
			dirs.Of(dir+"/alloc", id).Remove([]string{"t"})
		}
		f.close()
		os.RemoveAll(dir)
	}
}

// BenchmarkStart measures from the news of an allocation to that of its task
// running.
func BenchmarkStart(b *testing.B) {
	dir, err := os.MkdirTemp("", "start")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	f := newFakeServer(b)
	defer f.close()
	c := startClient(b, f, dir, func(c *Config) { c.GC.MaxAllocations = 1 << 20 })
	f.until("registration", func() bool { return f.node != nil && f.node.Attributes["driver.raw_exec"] == "1" })
	b.ResetTimer()
	for i := range b.N {
		a := shell(fmt.Sprintf("eeeeeeee-0000-4000-8000-%012d", i), nl.JobTypeService, "exec sleep 600")
		f.put(a)
		f.status(a.ID, nl.AllocClientRunning)
		b.StopTimer()
		f.put(stopped(a))
		f.status(a.ID, nl.AllocClientComplete)
		f.change(func() { delete(f.allocs, a.ID) })
		b.StartTimer()
	}
	b.StopTimer()
	c.stop()
	for i := range b.N {
		dirs.Of(dir+"/alloc", fmt.Sprintf("eeeeeeee-0000-4000-8000-%012d", i)).Remove([]string{"t"})
	}
}
