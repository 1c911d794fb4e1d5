package work

import (
	"math/rand/v2"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Jobs of so many allocations that their plans are large ones.
const (
	MassService = 10
	MassBatch   = 11
)

const (
	// massMin and massMax are how many allocations such a job wants at least,
	// unless it is scaled, and at most. The scheduler handles plans of 256
	// placements and more in ways of their own.
	massMin = 256
	massMax = 1000
	// massParallel is how many of them are at least updated at a time.
	massParallel = 100
	// massSteps is how many steps such jobs get in a run: each costs as much as a
	// whole run without them.
	massSteps = 5
	// midPlan is how long it takes at most from a step to the commit of the plan
	// that follows from it, when nothing goes wrong.
	midPlan = 40 * time.Millisecond
)

func isMass(job int) bool { return job == MassService || job == MassBatch }

// mass makes a specification that of a job of many small allocations. Two such
// jobs do not always fit the nodes. Of work that fails each time there is little,
// and no service: it would take most of the time of all runs.
func (s *shape) mass(r *rand.Rand) {
	s.count, s.cpu, s.mem = massCount(r), 4+r.IntN(28), 10+r.IntN(22)
	s.static, s.distinct, s.killAfter = false, false, 0
	if s.kind == nl.JobTypeService {
		s.startErr, s.runFor, s.exit = false, 0, 0
		// One after the other, as by default, they would take hours.
		s.deployment, s.parallel = true, massParallel+r.IntN(massMax-massParallel+1)
		if s.canaries > 0 {
			s.canaries = 1 + r.IntN(massMax/2)
		}
	}
	if s.exit > 0 {
		s.count, s.class = massMin, ""
	}
}

func massCount(r *rand.Rand) int { return massMin + r.IntN(massMax-massMin+1) }

// mass draws steps of users about jobs of many allocations, and what befalls
// their plans: something that happens while they are made and committed.
func (d *drawer) mass() {
	at := d.within(d.Span/20, d.Span/4)
	for i := range massSteps {
		s := Step{
			Verb: Register, At: at, Job: MassService, N: massCount(d.random), Seed: d.random.Uint64(), Flag: d.random.IntN(2) == 0,
		}
		if i > 0 {
			s.At = d.within(at, d.Span)
			s.Verb = d.pick([]choice{{Register, 5}, {Scale, 5}, {Stop, 1}, {Purge, 1}, {Evaluate, 1}, {Revert, 2}, {Promote, 2}})
			if d.random.IntN(3) == 0 {
				s.Job = MassBatch
			}
			if s.Verb == Scale && d.random.IntN(3) == 0 {
				s.N = d.random.IntN(massMin)
			}
		}
		d.out = append(d.out, s)
		d.amid(s)
	}
}

// amid draws what happens while the plan is made that follows from a step.
func (d *drawer) amid(s Step) {
	from, to := s.At, min(s.At+midPlan, d.Span)
	switch d.random.IntN(4) {
	case 0: // the nodes are not what the plan takes them for
		other := Step{
			Verb: d.pick([]choice{{Drain, 3}, {Ineligible, 3}, {PurgeNode, 1}}), At: d.within(from, to),
			Node: d.random.IntN(d.Nodes), For: d.within(5*time.Second, time.Minute), Flag: s.Flag,
		}
		d.out = append(d.out, other)
	case 1: // another plan wants the same room, or the job is another one
		other := Step{
			Verb: d.pick([]choice{{Register, 3}, {Scale, 2}, {Stop, 1}}), At: d.within(from, to),
			Job: MassService + d.random.IntN(2), N: massCount(d.random), Seed: d.random.Uint64(),
		}
		d.out = append(d.out, other)
	case 2: // servers or nodes fail
		if of := d.kinds(); len(of) > 0 {
			d.out = append(d.out, d.stroke(of, from, to))
		}
	}
}
