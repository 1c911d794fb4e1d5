package sched

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/sched/reconcile"
)

// preempt finds a node where evicting humbler work makes room.
func (r *run) preempt(p *placer, place *reconcile.Placement, d *nl.Deployment) bool {
	return false
}

func (r *run) preemptedStubs() []*nl.AllocStub { return nil }

func (r *run) preemptionEvals() []*nl.Eval { return nil }
