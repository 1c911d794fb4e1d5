package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/client/alloc"
	"github.com/nomadlike/nomadlike/client/assign"
	"github.com/nomadlike/nomadlike/client/state"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// streamRetry bounds the pause before the stream of allocations is opened
// again; a random part of it is added.
const streamRetry = 250 * time.Millisecond

// errMissingJob says that the servers believe a job to be known here that is
// not any more: a new stream repeats it.
var errMissingJob = errors.New("the stream of allocations refers to an unknown job")

// errBehind ends a stream of a server that knows less than others have shown:
// what it does not know of is not to be stopped, and what it does not know to
// have ended is not to be run again.
var errBehind = errors.New("the stream of allocations begins with an old state: its server has not caught up")

// follow keeps the stream of allocations open.
func (c *Client) follow(ctx context.Context) error {
	select {
	case <-c.contacted:
	case <-ctx.Done():
		return ctx.Err()
	}
	for ctx.Err() == nil {
		err := c.stream(ctx)
		if ctx.Err() != nil {
			break
		}
		c.log.Debug("stream of allocations ended and is opened again", "reason", err)
		sleep(ctx, streamRetry+rand.N(streamRetry))
	}
	return ctx.Err()
}

func (c *Client) stream(life context.Context) error {
	ctx, cancel := context.WithCancel(life)
	defer cancel()
	n := c.node.get()
	st, err := c.conn.Stream(ctx, "Node.Allocs", &query.NodeAllocs{NodeID: n.ID, SecretID: n.SecretID})
	if err != nil {
		return err
	}
	defer st.Close()
	for {
		var m query.NodeAllocChanges
		if err := st.Recv(&m); err != nil {
			return err
		}
		if err := c.apply(life, &m); err != nil {
			return err
		}
	}
}

// behind tells whether a message is older than what is known, and notes how new
// it is otherwise.
func (c *Client) behind(m *query.NodeAllocChanges) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.Reset && m.Index < c.seen {
		return true
	}
	c.seen = max(c.seen, m.Index)
	return false
}

// apply carries out one message. The runners outlive the stream: they run as
// long as life.
func (c *Client) apply(life context.Context, m *query.NodeAllocChanges) error {
	if c.behind(m) {
		return errBehind
	}
	for _, told := range m.Jobs {
		j, err := told.Job()
		if err != nil {
			return err
		}
		c.keepJob(j)
	}
	c.mu.Lock()
	known := func(id string) (assign.Known, bool) {
		e := c.allocs[id]
		if e == nil {
			return assign.Known{}, false
		}
		return assign.Known{ModifyIndex: e.index}, true
	}
	d := assign.Compare(known, maps.Keys(c.allocs), m)
	c.mu.Unlock()
	for _, a := range d.Start {
		a, err := c.attach(a)
		if err != nil {
			return err
		}
		c.log.Debug("allocation received", "alloc_id", a.ID, "job", a.JobID)
		if err := c.start(life, a, nil, nil); err != nil {
			c.refuse(a, err)
		}
	}
	for _, a := range d.Update {
		a, err := c.attach(a)
		if err != nil {
			return err
		}
		c.mu.Lock()
		e := c.allocs[a.ID]
		if e != nil {
			e.index = a.AllocModifyIndex
		}
		c.mu.Unlock()
		if e != nil {
			e.runner.Update(a)
		}
	}
	for _, id := range d.Remove {
		c.remove(id)
	}
	for _, a := range d.Over {
		c.batch.Put(&nl.AllocUpdate{ID: a.ID, ClientStatus: nl.AllocClientComplete, ClientDescription: "stopped before it was started"}, true)
	}
	c.resend(m)
	c.forgetJobs()
	return nil
}

// resend tells again what the servers may have missed while they were away, or
// do not believe any more since they have not heard of the node.
func (c *Client) resend(m *query.NodeAllocChanges) {
	for _, a := range m.Allocs {
		if !m.Reset && a.ClientStatus != nl.AllocClientUnknown {
			continue
		}
		if r := c.runner(a.ID); r != nil && a.ClientStatus != r.Status() {
			r.Resend()
		}
	}
}

// refuse tells the servers that an allocation cannot run here at all.
func (c *Client) refuse(a *nl.Alloc, err error) {
	c.log.Error("allocation cannot be run", "alloc_id", a.ID, "error", err)
	c.batch.Put(&nl.AllocUpdate{ID: a.ID, ClientStatus: nl.AllocClientFailed, ClientDescription: "failed to setup alloc: " + err.Error()}, true)
}

func (c *Client) keepJob(j *nl.Job) {
	key := state.JobKey(j.Namespace, j.ID, j.Version)
	c.mu.Lock()
	_, have := c.jobs[key]
	c.jobs[key] = j
	c.mu.Unlock()
	if have {
		return
	}
	if err := c.db.PutJob(j); err != nil {
		c.log.Error("job is not recorded; its allocations would be lost with the agent", "job", j.ID, "error", err)
	}
}

// attach gives a copy of the allocation its job.
func (c *Client) attach(a *nl.Alloc) (*nl.Alloc, error) {
	if a.Job != nil {
		// From a server in this process, which shares it.
		c.keepJob(a.Job)
		own := a.Copy()
		own.JobVersion = a.Job.Version
		return own, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	j := c.jobs[state.JobKey(a.Namespace, a.JobID, a.JobVersion)]
	if j == nil {
		return nil, fmt.Errorf("%w: %s version %d", errMissingJob, a.JobID, a.JobVersion)
	}
	own := a.Copy()
	own.Job = j
	return own, nil
}

// jobsSpare is how many job versions without allocations are kept, for servers
// that do not repeat them on a stream. Beyond that they are dropped, and a
// stream that refers to one is opened anew.
const jobsSpare = 256

// forgetJobs drops jobs that no allocation needs.
func (c *Client) forgetJobs() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.jobs) <= len(c.allocs)+jobsSpare {
		return
	}
	used := map[string]bool{}
	for _, e := range c.allocs {
		a := e.runner.Alloc()
		used[state.JobKey(a.Namespace, a.JobID, a.JobVersion)] = true
	}
	for key := range c.jobs {
		if !used[key] {
			delete(c.jobs, key)
			c.db.DeleteJob(key)
		}
	}
}

// remove ends an allocation that the servers have forgotten and removes what
// it left.
func (c *Client) remove(id string) {
	c.mu.Lock()
	e := c.allocs[id]
	if e != nil {
		e.remove = true
	}
	c.mu.Unlock()
	if e == nil {
		return
	}
	c.batch.Forget(id)
	e.runner.Stop()
	c.triggerGC()
}

// destroy removes an ended allocation from the node.
func (c *Client) destroy(e *entry) error {
	e.cancel()
	<-e.done
	if err := e.runner.Destroy(); err != nil {
		return err
	}
	c.mu.Lock()
	delete(c.allocs, e.runner.ID())
	c.mu.Unlock()
	return nil
}

func (c *Client) runners() []*alloc.Runner {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]*alloc.Runner, 0, len(c.allocs))
	for _, e := range c.allocs {
		out = append(out, e.runner)
	}
	slices.SortFunc(out, func(a, b *alloc.Runner) int { return strings.Compare(a.ID(), b.ID()) })
	return out
}

// previous waits for the allocation that a follows, if it ran here, and takes
// over its data if the group's disk is sticky.
func (c *Client) previous(a *nl.Alloc) func(context.Context) error {
	if a.PreviousAllocation() == "" {
		return nil
	}
	old := c.runner(a.PreviousAllocation())
	if old == nil {
		return nil
	}
	return func(ctx context.Context) error {
		select {
		case <-old.Ended():
		case <-ctx.Done():
			return ctx.Err()
		}
		g := a.Job.Group(a.TaskGroup)
		if g.EphemeralDisk == nil || !g.EphemeralDisk.Sticky {
			return nil
		}
		return moveData(old, filepath.Join(c.cfg.AllocDir, a.ID), g)
	}
}

// moveData moves the shared data and the tasks' own directories.
func moveData(old *alloc.Runner, to string, g *nl.Group) error {
	from := old.Dirs()
	pairs := [][2]string{{from.Data(), filepath.Join(to, "alloc", "data")}}
	for _, t := range g.Tasks {
		dst := filepath.Join(to, t.Name, "local")
		if err := os.MkdirAll(filepath.Dir(dst), 0o777); err != nil {
			return fmt.Errorf("taking over the disk of allocation %s: %w", old.ID(), err)
		}
		pairs = append(pairs, [2]string{from.Task(t.Name).Local(), dst})
	}
	for _, p := range pairs {
		if _, err := os.Stat(p[0]); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		err := os.RemoveAll(p[1])
		if err == nil {
			err = os.Rename(p[0], p[1])
		}
		if err != nil {
			return fmt.Errorf("taking over the disk of allocation %s: %w", old.ID(), err)
		}
	}
	return nil
}
