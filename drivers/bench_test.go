//go:build linux

package drivers

import (
	"sync"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/drivers/rawexec"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

// BenchmarkStart measures StartTask alone, one after the other.
func BenchmarkStart(b *testing.B) {
	h := newHost(b, rawexec.Name, map[string]any{"enabled": true})
	var starting time.Duration
	for range b.N {
		c := h.task(map[string]any{"command": "/bin/true"})
		began := time.Now()
		_, _, err := h.inst.StartTask(h.ctx(), c)
		starting += time.Since(began)
		check(b, err)
		h.wait(c.ID)
		check(b, h.inst.DestroyTask(h.ctx(), c.ID, true))
	}
	b.ReportMetric(float64(starting.Microseconds())/float64(b.N), "µs/start")
}

// BenchmarkBurst measures tasks from start to removal, many at a time.
func BenchmarkBurst(b *testing.B) {
	h := newHost(b, rawexec.Name, map[string]any{"enabled": true})
	work := make(chan *driver.TaskConfig, b.N)
	for range b.N {
		work <- h.task(map[string]any{"command": "/bin/true"})
	}
	close(work)
	b.ResetTimer()
	const atOnce = 16
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for c := range work {
				if _, _, err := h.inst.StartTask(h.ctx(), c); err != nil {
					b.Error(err)
					return
				}
				if _, err := h.inst.WaitTask(h.ctx(), c.ID); err != nil {
					b.Error(err)
				}
				if err := h.inst.DestroyTask(h.ctx(), c.ID, true); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}
