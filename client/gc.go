package client

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/nomadlike/nomadlike/client/stats"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func (c *Client) triggerGC() {
	select {
	case c.gcNow <- struct{}{}:
	default:
	}
}

// removalCheck is how soon allocations that the servers forgot are looked at
// again while their tasks still end.
const removalCheck = time.Second

// collect removes ended allocations when there are too many or the disk is
// full, and those the servers have forgotten.
func (c *Client) collect(ctx context.Context) error {
	timer := time.NewTimer(c.cfg.GC.Interval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		case <-c.gcNow:
		}
		wait := c.cfg.GC.Interval
		if c.removeForgotten(ctx) {
			wait = min(wait, removalCheck)
		}
		for ctx.Err() == nil && c.crowded() {
			ended := c.ended()
			if len(ended) == 0 {
				break
			}
			c.destroyAll(ended[:min(len(ended), c.cfg.GC.Parallel)])
		}
		timer.Reset(wait)
	}
}

// removeForgotten removes what the servers forgot; it tells whether some of it
// still runs.
func (c *Client) removeForgotten(context.Context) (more bool) {
	c.mu.Lock()
	var list []*entry
	for _, e := range c.allocs {
		if !e.remove {
			continue
		}
		if _, terminal := e.runner.Terminal(); terminal {
			list = append(list, e)
		} else {
			more = true
		}
	}
	c.mu.Unlock()
	c.destroyAll(list)
	return more
}

// crowded tells whether something must go.
func (c *Client) crowded() bool {
	c.mu.Lock()
	n := len(c.allocs)
	c.mu.Unlock()
	if n > c.cfg.GC.MaxAllocations {
		return true
	}
	d := stats.Disk(c.cfg.AllocDir)
	return d.UsedPercent > c.cfg.GC.DiskPercent || d.InodesUsedPercent > c.cfg.GC.InodesPercent
}

// ended lists the allocations that have ended, the first one first.
func (c *Client) ended() []*entry {
	type ended struct {
		e  *entry
		at time.Time
	}
	c.mu.Lock()
	var list []ended
	for _, e := range c.allocs {
		if at, terminal := e.runner.Terminal(); terminal {
			list = append(list, ended{e, at})
		}
	}
	c.mu.Unlock()
	slices.SortFunc(list, func(a, b ended) int { return a.at.Compare(b.at) })
	out := make([]*entry, len(list))
	for i, x := range list {
		out[i] = x.e
	}
	return out
}

func (c *Client) destroyAll(list []*entry) {
	var wg sync.WaitGroup
	for _, e := range list {
		wg.Go(func() {
			if err := c.destroy(e); err != nil {
				c.log.Error("allocation cannot be removed from the node", "alloc_id", e.runner.ID(), "error", err)
			}
		})
	}
	wg.Wait()
}

// gcAll removes everything that has ended.
func (c *Client) gcAll() {
	c.destroyAll(c.ended())
}

// errNotCollectable is what a request to remove a running allocation gets.
var errNotCollectable error = nl.Errorf(nl.CodeInternal, "No such allocation on client, or allocation not eligible for GC")

func (c *Client) gcOne(id string) error {
	c.mu.Lock()
	e := c.allocs[id]
	c.mu.Unlock()
	if e == nil {
		return unknownAlloc(id)
	}
	if _, terminal := e.runner.Terminal(); !terminal {
		return errNotCollectable
	}
	return c.destroy(e)
}
