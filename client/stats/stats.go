// Package stats measures the machine: processors, memory, disks. It measures
// when it is asked, against what it saw the last time; nothing polls. The
// client's handlers and its garbage collection call it.
package stats

import (
	"sync"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// sampleMin is the shortest time that processor percentages are computed over.
const sampleMin = 100 * time.Millisecond

// times are processor times in kernel ticks.
type times struct{ user, system, idle, total float64 }

// Host measures one machine.
type Host struct {
	// TotalMHz is the node's compute.
	totalMHz func() float64
	allocDir string
	now      func() time.Time

	mu   sync.Mutex
	last map[string]times
	at   time.Time
	cpu  []*nl.HostCPUStats
	used float64
}

// NewHost makes one. allocDir is where allocations live.
func NewHost(allocDir string, totalMHz func() float64, now func() time.Time) *Host {
	return &Host{allocDir: allocDir, totalMHz: totalMHz, now: now}
}

// Sample measures now.
func (h *Host) Sample() *nl.HostStats {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	if now.Sub(h.at) >= sampleMin {
		h.sampleCPU(now)
	}
	return &nl.HostStats{
		CPU: h.cpu, Memory: readMemory(), DiskStats: disks(), AllocDirStats: Disk(h.allocDir),
		Uptime: uptime(), CPUTicksConsumed: h.used, Timestamp: now.UnixNano(),
	}
}

func (h *Host) sampleCPU(now time.Time) {
	cpus, order := readCPU()
	out := []*nl.HostCPUStats{}
	perCore := 0.0
	if len(order) > 0 {
		perCore = h.totalMHz() / float64(len(order))
	}
	h.used = 0
	for _, name := range order {
		d := cpus[name]
		if old, ok := h.last[name]; ok {
			d = times{user: d.user - old.user, system: d.system - old.system, idle: d.idle - old.idle, total: d.total - old.total}
		}
		c := &nl.HostCPUStats{CPU: name}
		if d.total > 0 {
			c.User, c.System, c.Idle = d.user*100/d.total, d.system*100/d.total, d.idle*100/d.total
			c.TotalPercent = 100 - c.Idle
			c.TotalTicks = c.TotalPercent / 100 * perCore
		}
		h.used += c.TotalTicks
		out = append(out, c)
	}
	h.last, h.at, h.cpu = cpus, now, out
}
