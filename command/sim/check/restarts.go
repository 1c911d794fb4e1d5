package check

import (
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// restarts: an allocation that a node said has ended has no process again, and
// none begins on a node that was told to stop it before it ever ran.
type restarts struct {
	ended map[string]string // by allocation: how
}

func newRestarts() Checker { return &restarts{ended: map[string]string{}} }

func (*restarts) Name() string { return "a stopped allocation never restarts" }

func (r *restarts) Observe(ev Event) error {
	switch ev := ev.(type) {
	case Applied:
		if !ev.First {
			return nil
		}
		for _, c := range ev.Changes {
			a, ok := c.After.(*nl.Alloc)
			if !ok {
				continue
			}
			if a.ClientStatus == nl.AllocClientComplete || a.ClientStatus == nl.AllocClientFailed {
				r.ended[a.ID] = a.ClientStatus
			} else if how := r.ended[a.ID]; how != "" {
				return fmt.Errorf("allocation %s was %s and is %s again", a.ID, how, a.ClientStatus)
			}
		}
	case Ran:
		if how := r.ended[ev.Alloc]; ev.Running && how != "" {
			return fmt.Errorf("allocation %s was %s and node %s runs it again", ev.Alloc, how, ev.Node)
		}
	}
	return nil
}
