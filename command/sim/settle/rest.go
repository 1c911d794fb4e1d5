package settle

import (
	"container/heap"
	"fmt"
	"slices"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/drain"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

const (
	// startTime is how long nodes take to start or stop what they are told.
	startTime = time.Second
	// shortWait is the longest that the leader's loops are waited for. What
	// comes later are deadlines, and those are for work that does not get on.
	shortWait = 10 * time.Second
	// roundsMax bounds the waves until everything rests: a job of this many
	// allocations that are replaced one by one.
	roundsMax = 100_000
)

// Settle works until nothing is left to decide: everything that can be placed
// runs and is healthy, deployments are over, and evaluations that wait for a
// time have had it. Canaries that wait to be promoted by hand are promoted.
// Deadlines do not pass.
func (c *Cluster) Settle() error {
	for range roundsMax {
		if err := c.Evaluate(); err != nil {
			return err
		}
		busy, err := c.round()
		if err != nil || !busy {
			return err
		}
	}
	return fmt.Errorf("the state does not come to rest within %d rounds of starting, judging and replacing allocations", roundsMax)
}

// round lets nodes report, or else the leader's loops act, or else time pass.
func (c *Cluster) round() (busy bool, err error) {
	if o := c.report(); o != nil {
		c.now = c.now.Add(startTime)
		_, err := c.Do(o)
		return true, err
	}
	ops, wake := c.rollout.Step(c.now, c.s, c.NewID)
	moves, _ := drain.Step(c.now, c.s, c.NewID)
	ops = append(ops, moves...)
	if len(ops) == 0 {
		ops = c.promotions()
	}
	for _, o := range ops {
		if _, err := c.Do(o); err != nil {
			return true, err
		}
	}
	if len(ops) > 0 {
		return true, nil
	}
	if !wake.IsZero() && wake.Sub(c.now) <= shortWait {
		c.now = wake
		return true, nil
	}
	return c.wait(), nil
}

// wait lets the time come that the next evaluation waits for.
func (c *Cluster) wait() bool {
	if len(c.later) == 0 {
		return false
	}
	next := heap.Pop(&c.later).(entry).eval
	if next.WaitUntil.After(c.now) {
		c.now = next.WaitUntil.Time
	}
	c.enqueue(next)
	return true
}

// unreported tells that servers want something of an allocation that its node
// has not reported to be so.
func unreported(a *nl.Alloc) bool {
	if a.TerminalDesired() {
		return a.ClientStatus == nl.AllocClientPending || a.ClientStatus == nl.AllocClientRunning
	}
	return a.ClientStatus == nl.AllocClientPending
}

// report is what nodes tell: what they were given runs and is healthy, what
// they were told to stop has stopped. nil when there is nothing to tell.
func (c *Cluster) report() op.Op {
	slices.Sort(c.moved)
	ids := slices.Compact(c.moved)
	c.moved = nil
	o := &op.UpdateAllocs{Time: c.now.UnixNano()}
	for _, id := range ids {
		a := c.s.Alloc(id)
		if a == nil || !unreported(a) || !c.answers(a.NodeID) {
			continue
		}
		u := &nl.AllocUpdate{ID: id, ClientStatus: nl.AllocClientComplete, TaskStates: a.TaskStates}
		if !a.TerminalDesired() {
			u.ClientStatus = nl.AllocClientRunning
			if a.DeploymentID != "" {
				healthy := true
				u.DeploymentStatus = &nl.AllocDeploymentStatus{Healthy: &healthy, Timestamp: nl.Time{Time: c.now}}
			}
		}
		o.Updates = append(o.Updates, u)
	}
	if len(o.Updates) == 0 {
		return nil
	}
	return o
}

// answers tells whether the node is there and hears what servers want.
func (c *Cluster) answers(nodeID string) bool {
	n := c.s.Node(nodeID)
	return n != nil && n.Status == nl.NodeStatusReady
}

// promotions promotes what waits for a hand.
func (c *Cluster) promotions() []op.Op {
	var ops []op.Op
	for d := range c.s.Deployments(nl.AllNamespaces) {
		if d.Status != nl.DeploymentStatusRunning || !c.canariesReady(d) {
			continue
		}
		job := c.s.Job(d.Namespace, d.JobID)
		if job == nil || job.Stop || job.Version != d.JobVersion {
			continue
		}
		eval := c.Eval(job, nl.TriggerDeploymentWatcher)
		eval.DeploymentID = d.ID
		ops = append(ops, &op.PromoteDeployment{DeploymentID: d.ID, All: true, Eval: eval, Time: c.now.UnixNano()})
	}
	return ops
}

// canariesReady tells that a deployment waits for nothing but its promotion.
func (c *Cluster) canariesReady(d *nl.Deployment) bool {
	waits := false
	for _, state := range d.TaskGroups {
		if state.DesiredCanaries == 0 || state.Promoted {
			continue
		}
		healthy := 0
		for _, id := range state.PlacedCanaries {
			if a := c.s.Alloc(id); a != nil && !a.Terminal() && a.DeploymentStatus != nil && a.DeploymentStatus.Healthy != nil && *a.DeploymentStatus.Healthy {
				healthy++
			}
		}
		if healthy < state.DesiredCanaries {
			return false
		}
		waits = true
	}
	return waits
}
