package check

import (
	"fmt"
	"time"

	"github.com/nomadlike/nomadlike/command/sim/world"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// drainComplete is what a node says of a drain that reached its end.
const drainComplete = "complete"

// drainLate is how long after its deadline a drain may not have told everything
// to leave: longer than servers are without a leader, or their clocks differ.
const drainLate = 2 * time.Minute

// drains: when a drain is said to be complete, nothing runs on the node that
// the drain was about; and when its deadline is over, all of that is to leave.
type drains struct {
	running map[string]map[string]bool // by node and allocation
	under   map[string]bool            // nodes that drain
}

func newDrains() Checker {
	return &drains{running: map[string]map[string]bool{}, under: map[string]bool{}}
}

func (*drains) Name() string { return "drain-complete means nothing runs there" }

func (d *drains) Observe(ev Event) error {
	switch ev := ev.(type) {
	case Ran:
		if d.running[ev.Node] == nil {
			d.running[ev.Node] = map[string]bool{}
		}
		if ev.Running {
			d.running[ev.Node][ev.Alloc] = true
		} else {
			delete(d.running[ev.Node], ev.Alloc)
		}
	case Applied:
		if !ev.First {
			return nil
		}
		for _, c := range ev.Changes {
			before, _ := c.Before.(*nl.Node)
			after, _ := c.After.(*nl.Node)
			if before != nil {
				delete(d.under, before.ID)
			}
			if after != nil && after.DrainStrategy != nil {
				d.under[after.ID] = true
			}
			if before == nil || after == nil || before.DrainStrategy == nil || after.DrainStrategy != nil ||
				after.LastDrain == nil || after.LastDrain.Status != drainComplete {
				continue
			}
			if err := d.empty(ev.Snapshot, before); err != nil {
				return err
			}
		}
		if len(d.under) == 0 {
			return nil
		}
		for n := range ev.Snapshot.Nodes() {
			if err := left(ev, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// left tells whether all is to leave a node that drains, once it must.
func left(ev Applied, n *nl.Node) error {
	if n.DrainStrategy == nil {
		return nil
	}
	deadline := n.DrainStrategy.ForceDeadline
	if deadline.IsZero() || world.Epoch().Add(ev.At).Sub(deadline.Time) < drainLate {
		return nil
	}
	for a := range ev.Snapshot.AllocsByNode(n.ID) {
		if n.DrainStrategy.IgnoreSystemJobs && a.Job != nil && a.Job.Type == nl.JobTypeSystem {
			continue
		}
		if !a.Terminal() && !a.DesiredTransition().Migrates() {
			return fmt.Errorf("the drain of node %s was to end at %v, and allocation %s of job %s stays there at %v", n.Name, deadline, a.ID, a.JobID, ev.At)
		}
	}
	return nil
}

func (d *drains) empty(s *store.Snapshot, n *nl.Node) error {
	for a := range s.AllocsByNode(n.ID) {
		if n.DrainStrategy.IgnoreSystemJobs && a.Job != nil && a.Job.Type == nl.JobTypeSystem {
			continue
		}
		if !a.TerminalClient() {
			return fmt.Errorf("the drain of node %s is complete, and allocation %s of job %s is %s there", n.Name, a.ID, a.JobID, a.ClientStatus)
		}
		// A node that is not heard of may still run what is counted as lost.
		if a.ClientStatus != nl.AllocClientLost && d.running[n.ID][a.ID] {
			return fmt.Errorf("the drain of node %s is complete, and allocation %s of job %s still runs there", n.Name, a.ID, a.JobID)
		}
	}
	return nil
}
