package client

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/nomadlike/nomadlike/client/alloc"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

const (
	// statsInterval is what drivers are asked to measure over.
	statsInterval = time.Second
	// statsWait bounds the wait for a driver's first sample.
	statsWait = 2 * time.Second
)

// errEnough ends a stream of statistics after its first message.
var errEnough = errors.New("one sample is enough")

// onAllocStats measures the tasks of an allocation now. Drivers are asked only
// when somebody wants to know.
func (c *Client) onAllocStats(ctx context.Context, req *query.AllocStats, reply *nl.AllocResourceUsage) error {
	r, err := c.find(req.AllocID)
	if err != nil {
		return err
	}
	states := r.States()
	if req.Task != "" && states[req.Task] == nil {
		return nl.Errorf(nl.CodeNotFound, "unknown task name %q", req.Task)
	}
	reply.Tasks = map[string]*nl.TaskResourceUsage{}
	reply.ResourceUsage = &nl.ResourceUsage{MemoryStats: &nl.MemoryStats{}, CpuStats: &nl.CpuStats{}, DeviceStats: []*nl.DeviceGroupStats{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for name, s := range states {
		if s.State != nl.TaskStateRunning || req.Task != "" && name != req.Task {
			continue
		}
		wg.Go(func() {
			if u := c.taskUsage(ctx, r, name); u != nil {
				mu.Lock()
				reply.Tasks[name] = u
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for _, u := range reply.Tasks {
		add(reply.ResourceUsage, u.ResourceUsage)
		reply.Timestamp = max(reply.Timestamp, u.Timestamp)
	}
	return nil
}

func (c *Client) taskUsage(ctx context.Context, r *alloc.Runner, name string) *nl.TaskResourceUsage {
	ctx, cancel := context.WithTimeout(ctx, statsWait)
	defer cancel()
	h, run, err := r.Driver(ctx, name)
	if err != nil {
		return nil
	}
	var out *nl.TaskResourceUsage
	err = h.TaskStats(ctx, run, statsInterval, func(s *driver.TaskStats) error {
		out = &nl.TaskResourceUsage{Timestamp: s.Timestamp.UnixNano(), ResourceUsage: convert(&s.Usage), Pids: map[string]*nl.ResourceUsage{}}
		for pid, u := range s.Pids {
			out.Pids[pid] = convert(&u)
		}
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		c.log.Debug("task cannot be measured", "alloc_id", r.ID(), "task", name, "error", err)
	}
	return out
}

func convert(u *driver.ResourceUsage) *nl.ResourceUsage {
	m, p := u.Memory, u.CPU
	return &nl.ResourceUsage{
		MemoryStats: &nl.MemoryStats{
			Measured: m.Measured, RSS: m.RSS, Cache: m.Cache, Swap: m.Swap, Usage: m.Usage, MaxUsage: m.MaxUsage,
			KernelUsage: m.KernelUsage, KernelMaxUsage: m.KernelMaxUsage,
		},
		CpuStats: &nl.CpuStats{
			Measured: p.Measured, SystemMode: p.SystemMode, UserMode: p.UserMode, TotalTicks: p.TotalTicks,
			ThrottledPeriods: p.ThrottledPeriods, ThrottledTime: p.ThrottledTime, Percent: p.Percent,
		},
	}
}

// add sums the usage of tasks.
func add(sum, u *nl.ResourceUsage) {
	m, n := sum.MemoryStats, u.MemoryStats
	m.RSS += n.RSS
	m.Cache += n.Cache
	m.Swap += n.Swap
	m.MappedFile += n.MappedFile
	m.Usage += n.Usage
	m.MaxUsage += n.MaxUsage
	m.KernelUsage += n.KernelUsage
	m.KernelMaxUsage += n.KernelMaxUsage
	m.Measured = union(m.Measured, n.Measured)
	p, q := sum.CpuStats, u.CpuStats
	p.SystemMode += q.SystemMode
	p.UserMode += q.UserMode
	p.TotalTicks += q.TotalTicks
	p.ThrottledPeriods += q.ThrottledPeriods
	p.ThrottledTime += q.ThrottledTime
	p.Percent += q.Percent
	p.Measured = union(p.Measured, q.Measured)
}

func union(a, b []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, list := range [][]string{a, b} {
		for _, s := range list {
			if !seen[s] {
				seen[s] = true
				out = append(out, s)
			}
		}
	}
	return out
}

// AllocUsage measures an allocation, for metrics.
func (c *Client) AllocUsage(ctx context.Context, id string) (*nl.AllocResourceUsage, error) {
	var out nl.AllocResourceUsage
	err := c.onAllocStats(ctx, &query.AllocStats{OnNode: query.OnNode{AllocID: id}}, &out)
	return &out, err
}

// Allocs lists what the node has, for the agent's own statistics.
func (c *Client) Allocs() []*alloc.Runner { return c.runners() }

// formatCount spells counts in the agent's statistics.
func formatCount(n int) string { return strconv.Itoa(n) }

// Stats are the client's part of the agent's statistics.
func (c *Client) Stats() map[string]string {
	last, ttl := c.beat.get()
	heard := "never"
	if !last.IsZero() {
		heard = c.cfg.Now().Sub(last).Round(time.Millisecond).String()
	}
	known := ""
	for i, addr := range c.conn.Addrs() {
		if i > 0 {
			known += ","
		}
		known += addr
	}
	return map[string]string{
		"node_id": c.NodeID(), "known_servers": known, "num_allocations": formatCount(len(c.runners())),
		"last_heartbeat": heard, "heartbeat_ttl": ttl.String(),
	}
}
