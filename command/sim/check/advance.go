package check

import (
	"fmt"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// advance: states go forward only.
type advance struct{}

func newAdvance() Checker { return advance{} }

func (advance) Name() string { return "state enums only advance" }

// Steps that are allowed, by the state before. A state may always stay.
var (
	allocClient = map[string][]string{
		nl.AllocClientPending: {nl.AllocClientRunning, nl.AllocClientComplete, nl.AllocClientFailed, nl.AllocClientLost, nl.AllocClientUnknown},
		// A task that is restarted is pending again.
		nl.AllocClientRunning: {nl.AllocClientPending, nl.AllocClientComplete, nl.AllocClientFailed, nl.AllocClientLost, nl.AllocClientUnknown},
		nl.AllocClientUnknown: {nl.AllocClientPending, nl.AllocClientRunning, nl.AllocClientComplete, nl.AllocClientFailed, nl.AllocClientLost},
		// A node that was given up on tells how its allocations ended.
		nl.AllocClientLost: {nl.AllocClientComplete, nl.AllocClientFailed, nl.AllocClientRunning, nl.AllocClientPending},
	}
	allocDesired = map[string][]string{
		nl.AllocDesiredRun: {nl.AllocDesiredStop, nl.AllocDesiredEvict},
	}
	evalStatus = map[string][]string{
		nl.EvalStatusPending: {nl.EvalStatusBlocked, nl.EvalStatusComplete, nl.EvalStatusFailed, nl.EvalStatusCancelled},
		nl.EvalStatusBlocked: {nl.EvalStatusPending, nl.EvalStatusComplete, nl.EvalStatusFailed, nl.EvalStatusCancelled},
	}
	deploymentEnds = []string{nl.DeploymentStatusSuccessful, nl.DeploymentStatusFailed, nl.DeploymentStatusCancelled}
)

func (advance) Observe(ev Event) error {
	applied, ok := ev.(Applied)
	if !ok || !applied.First {
		return nil
	}
	for _, c := range applied.Changes {
		if c.Before == nil || c.After == nil {
			continue
		}
		switch after := c.After.(type) {
		case *nl.Alloc:
			before := c.Before.(*nl.Alloc)
			if !allowed(allocClient, before.ClientStatus, after.ClientStatus) {
				return backwards("allocation", after.ID, before.ClientStatus, after.ClientStatus)
			}
			if !allowed(allocDesired, before.DesiredStatus, after.DesiredStatus) {
				return backwards("allocation", after.ID, "desired "+before.DesiredStatus, after.DesiredStatus)
			}
		case *nl.Eval:
			if before := c.Before.(*nl.Eval); !allowed(evalStatus, before.Status, after.Status) {
				return backwards("evaluation", after.ID, before.Status, after.Status)
			}
		case *nl.Deployment:
			if before := c.Before.(*nl.Deployment); before.Status != after.Status && slices.Contains(deploymentEnds, before.Status) {
				return backwards("deployment", after.ID, before.Status, after.Status)
			}
		case *nl.Job:
			if before := c.Before.(*nl.Job); after.Version < before.Version && after.CreateIndex == before.CreateIndex {
				return fmt.Errorf("job %s goes from version %d back to %d", after.ID, before.Version, after.Version)
			}
		}
	}
	return nil
}

func allowed(table map[string][]string, before, after string) bool {
	return before == after || slices.Contains(table[before], after)
}

func backwards(what, id, before, after string) error {
	return fmt.Errorf("%s %s goes from %s to %s", what, id, before, after)
}
