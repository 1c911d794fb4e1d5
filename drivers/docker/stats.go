//go:build linux

package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/nomadlike/nomadlike/plugins/driver"
)

// statsIntervalMin keeps a caller from making statistics the main load.
const statsIntervalMin = 100 * time.Millisecond

// TaskStats implements driver.Driver. The engine samples once a second; the
// newest sample is told every interval.
func (d *Driver) TaskStats(ctx context.Context, id string, interval time.Duration, emit func(*driver.TaskStats) error) error {
	t, err := d.get(id)
	if err != nil {
		return err
	}
	api, err := d.engine()
	if err != nil {
		return err
	}
	_, n := d.settings()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := api.ContainerStats(ctx, t.id, true)
	if err != nil {
		return fmt.Errorf("statistics of container %s cannot be read: %w", t.id, err)
	}
	defer stream.Body.Close()
	interval = max(interval, statsIntervalMin)
	decoder := json.NewDecoder(stream.Body)
	var last time.Time
	for {
		var s container.StatsResponse
		if err := decoder.Decode(&s); err != nil {
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, io.EOF) || t.ended():
				return nil
			default:
				return fmt.Errorf("statistics of container %s broke off: %w", t.id, err)
			}
		}
		now := time.Now()
		// A container that ended is told as one sample of zeros.
		if s.Read.IsZero() || (!last.IsZero() && now.Sub(last) < interval*9/10) {
			continue
		}
		last = now
		if err := emit(convertStats(&s, n, now)); err != nil {
			return err
		}
	}
}

// convertStats reads the engine's sample: percentages are of all processors, as
// the engine's own tools show them.
func convertStats(s *container.StatsResponse, n node, now time.Time) *driver.TaskStats {
	out := &driver.TaskStats{Timestamp: now}
	cores := int(s.CPUStats.OnlineCPUs)
	if cores == 0 {
		cores = max(len(s.CPUStats.CPUUsage.PercpuUsage), n.cores)
	}
	c := &out.Usage.CPU
	c.ThrottledPeriods, c.ThrottledTime = s.CPUStats.ThrottlingData.ThrottledPeriods, s.CPUStats.ThrottlingData.ThrottledTime
	c.Measured = []string{"Throttled Periods", "Throttled Time", "Percent", "System Mode", "User Mode"}
	share := func(now, before uint64) float64 {
		if now <= before || s.CPUStats.SystemUsage <= s.PreCPUStats.SystemUsage {
			return 0
		}
		return float64(now-before) / float64(s.CPUStats.SystemUsage-s.PreCPUStats.SystemUsage) * float64(cores) * 100
	}
	usage, before := s.CPUStats.CPUUsage, s.PreCPUStats.CPUUsage
	c.Percent = share(usage.TotalUsage, before.TotalUsage)
	c.SystemMode = share(usage.UsageInKernelmode, before.UsageInKernelmode)
	c.UserMode = share(usage.UsageInUsermode, before.UsageInUsermode)
	if cores > 0 {
		c.TotalTicks = c.Percent / 100 / float64(cores) * float64(n.totalMHz)
	}
	m := &out.Usage.Memory
	m.Usage, m.MaxUsage = s.MemoryStats.Usage, s.MemoryStats.MaxUsage
	// The two cgroup versions name their figures differently.
	first := func(names ...string) uint64 {
		for _, name := range names {
			if v, ok := s.MemoryStats.Stats[name]; ok {
				return v
			}
		}
		return 0
	}
	m.RSS, m.Cache, m.Swap = first("rss", "anon"), first("cache", "file"), first("swap")
	m.KernelUsage = first("kernel", "kernel_stack")
	m.Measured = []string{"RSS", "Cache", "Swap", "Usage", "Max Usage"}
	return out
}
