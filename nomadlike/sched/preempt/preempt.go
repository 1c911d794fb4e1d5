// Package preempt picks which allocations to evict from a node so that a more
// important one fits. The scheduler calls it when nothing else is left. It only
// chooses; it never changes a node or a plan.
package preempt

import (
	"math"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
)

const (
	// priorityGap is how much less important a victim's job must be.
	priorityGap = 10
	// crowdPenalty makes victims of a group unattractive that has lost as many
	// allocations already as it may lose at once.
	crowdPenalty = 50.0
)

// Input is one search.
type Input struct {
	Node     *fit.Node
	Priority int // of the job that needs the room
	// JobID and Namespace keep a job from evicting itself.
	Namespace, JobID string
	Need             fit.Vector
	// Ports are static ports that must become free.
	Ports []int
	// Evicted is how many allocations of the same job and group are evicted
	// already.
	Evicted func(a *nl.Alloc) int
	// Keep tells what must stay, however unimportant; nil when nothing must.
	Keep func(a *nl.Alloc) bool
	// Fits tells whether the ask fits once these are gone.
	Fits func(victims []*nl.Alloc) bool
}

// Victims are the allocations to evict, nil when evicting does not help.
func Victims(in Input) []*nl.Alloc {
	candidates := candidates(in)
	if len(candidates) == 0 {
		return nil
	}
	chosen := holders(in, candidates)
	if chosen == nil {
		return nil
	}
	if !in.Fits(chosen) {
		if chosen = takeNearest(in, candidates, chosen); chosen == nil {
			return nil
		}
	}
	return shortest(in, chosen)
}

// candidates are those unimportant enough, humblest first.
func candidates(in Input) []*nl.Alloc {
	var out []*nl.Alloc
	for _, a := range in.Node.Allocs() {
		if a.Job == nil || a.Job.Priority > in.Priority-priorityGap || a.JobID == in.JobID && a.Namespace == in.Namespace {
			continue
		}
		if in.Keep == nil || !in.Keep(a) {
			out = append(out, a)
		}
	}
	slices.SortStableFunc(out, func(a, b *nl.Alloc) int {
		if a.Job.Priority != b.Job.Priority {
			return a.Job.Priority - b.Job.Priority
		}
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return out
}

// holders are the candidates that hold static ports; nil when one is held by
// something too important.
func holders(in Input, candidates []*nl.Alloc) []*nl.Alloc {
	out := []*nl.Alloc{}
	for _, port := range in.Ports {
		for _, a := range in.Node.Allocs() {
			if !Holds(a, port) {
				continue
			}
			if !slices.Contains(candidates, a) {
				return nil
			}
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out
}

// Holds tells whether an allocation has the port of its node.
func Holds(a *nl.Alloc, port int) bool {
	if a.AllocatedResources == nil {
		return false
	}
	for _, p := range a.AllocatedResources.Shared.Ports {
		if p.Value == port {
			return true
		}
	}
	for _, t := range a.AllocatedResources.Tasks {
		for _, nw := range t.Networks {
			for _, p := range append(slices.Clone(nw.ReservedPorts), nw.DynamicPorts...) {
				if p.Value == port {
					return true
				}
			}
		}
	}
	return false
}

// takeNearest adds, priority by priority, the allocation that comes nearest to
// what is still missing, until the ask fits.
func takeNearest(in Input, candidates, chosen []*nl.Alloc) []*nl.Alloc {
	need := in.Need
	for _, a := range chosen {
		need = need.Minus(fit.Need(a.AllocatedResources))
	}
	left := slices.DeleteFunc(slices.Clone(candidates), func(a *nl.Alloc) bool { return slices.Contains(chosen, a) })
	for len(left) > 0 {
		priority := left[0].Job.Priority
		best, bestDistance := -1, math.Inf(1)
		for i, a := range left {
			if a.Job.Priority != priority {
				break
			}
			if d := distance(in, need, a, chosen); d < bestDistance {
				best, bestDistance = i, d
			}
		}
		a := left[best]
		left = slices.Delete(left, best, best+1)
		chosen = append(chosen, a)
		need = need.Minus(fit.Need(a.AllocatedResources))
		if in.Fits(chosen) {
			return chosen
		}
	}
	return nil
}

// distance is how far an allocation is from what is needed, so that little is
// evicted beyond that.
func distance(in Input, need fit.Vector, a *nl.Alloc, chosen []*nl.Alloc) float64 {
	have := fit.Need(a.AllocatedResources)
	part := func(need, have int64) float64 {
		if need <= 0 {
			return 0
		}
		return float64(need-have) / float64(need)
	}
	memory, cpu, disk := part(need.Memory, have.Memory), part(need.CPU, have.CPU), part(need.Disk, have.Disk)
	d := math.Sqrt(memory*memory + cpu*cpu + disk*disk)
	evicted := in.Evicted(a)
	for _, c := range chosen {
		if c.JobID == a.JobID && c.Namespace == a.Namespace && c.TaskGroup == a.TaskGroup {
			evicted++
		}
	}
	if limit := maxParallel(a); limit > 0 && evicted >= limit {
		d += crowdPenalty * float64(evicted+1-limit)
	}
	return d
}

func maxParallel(a *nl.Alloc) int {
	g := a.Job.Group(a.TaskGroup)
	if g == nil || g.Migrate == nil {
		return 0
	}
	return g.Migrate.MaxParallel
}

// shortest keeps the fewest of the chosen that suffice: those with the greatest
// distance first, and none of them that is not needed beside the others.
func shortest(in Input, chosen []*nl.Alloc) []*nl.Alloc {
	slices.SortStableFunc(chosen, func(a, b *nl.Alloc) int {
		switch x, y := distance(in, in.Need, a, nil), distance(in, in.Need, b, nil); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	for n := 1; n < len(chosen); n++ {
		if in.Fits(chosen[:n]) {
			chosen = chosen[:n]
			break
		}
	}
	for i := 0; i < len(chosen) && len(chosen) > 1; {
		rest := slices.Delete(slices.Clone(chosen), i, i+1)
		if in.Fits(rest) {
			chosen = rest
		} else {
			i++
		}
	}
	return chosen
}
