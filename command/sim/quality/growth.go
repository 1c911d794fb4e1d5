package quality

import (
	"fmt"
	"slices"
	"time"

	"github.com/nomadlike/nomadlike/command/sim/settle"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

const (
	// growthCount is how many allocations one evaluation places.
	growthCount = 1000
	// growthRounds is how often each is measured; the median counts.
	growthRounds = 5
	// growthSingles is how many evaluations of one placement make a round.
	growthSingles = 20
	// growthRacks are the values that nodes are spread over.
	growthRacks = 10
)

// GrowthNodes are the sizes of clusters that are measured.
func GrowthNodes() []int { return []int{100, 1000, 5000, 10_000, 50_000} }

// GrowthRow is the time of one placement on a cluster of that size.
type GrowthRow struct {
	Nodes int
	// Plain is with 1,000 placed by one evaluation, Spread the same spread over
	// nodes, Single with one placed by each.
	Plain, Spread, Single time.Duration
}

// Growth measures placements on clusters of the sizes. Only the scheduler is
// timed: what it decides is not applied.
func Growth(nodes []int, seed uint64, now func() time.Time, progress func(string)) ([]GrowthRow, error) {
	var out []GrowthRow
	for _, n := range nodes {
		if progress != nil {
			progress(fmt.Sprintf("%d nodes", n))
		}
		f, err := newField(n, seed)
		if err != nil {
			return nil, err
		}
		row := GrowthRow{Nodes: n}
		for _, m := range []struct {
			into *time.Duration
			kind growthKind
		}{{&row.Plain, growthPlain}, {&row.Spread, growthSpread}, {&row.Single, growthSingle}} {
			var times []time.Duration
			for range growthRounds {
				start := now()
				placed, err := f.measure(m.kind)
				if err != nil {
					return nil, err
				}
				times = append(times, now().Sub(start)/time.Duration(placed))
			}
			slices.Sort(times)
			*m.into = times[len(times)/2]
		}
		out = append(out, row)
	}
	return out, nil
}

// growthKind is what is measured.
type growthKind int

const (
	growthPlain growthKind = iota
	growthSpread
	growthSingle
)

// field is a cluster with one registered job of each kind.
type field struct {
	s    *store.Snapshot
	ids  func() string
	seed uint64
	jobs [3]*nl.Job
}

func newField(nodes int, seed uint64) (*field, error) {
	c := settle.New(store.Empty(), time.Unix(1, 0).UTC(), seed)
	for i := range nodes {
		n := uniformNode(i, Shape{CPU: 96 * coreMHz, Memory: 384 * 1024})
		n.Attributes["rack"] = fmt.Sprint(i % growthRacks)
		n.ComputedClass = nl.ComputedClass(n)
		if _, err := c.Do(&op.RegisterNode{Node: n, Time: 1}); err != nil {
			return nil, err
		}
	}
	f := &field{ids: c.NewID, seed: seed}
	for kind, count := range []int{growthCount, growthCount, 1} {
		job := plainJob(fmt.Sprintf("job-%d", kind), Demand{Shape: Shape{CPU: 20, Memory: 20}, Count: count})
		if growthKind(kind) == growthSpread {
			job.TaskGroups[0].Spreads = []*nl.Spread{{Attribute: "${node.unique.id}", Weight: 100}}
		}
		f.jobs[kind] = job
		if _, err := c.Do(&op.RegisterJob{Job: job, Eval: c.Eval(job, nl.TriggerJobRegister)}); err != nil {
			return nil, err
		}
	}
	f.s = c.Snapshot()
	return f, nil
}

// measure schedules and gives how many allocations were placed.
func (f *field) measure(kind growthKind) (placed int, err error) {
	evaluations := 1
	if kind == growthSingle {
		evaluations = growthSingles
	}
	for range evaluations {
		f.seed++
		job := f.jobs[kind]
		e := &nl.Eval{
			ID: f.ids(), Namespace: job.Namespace, JobID: job.ID, Type: job.Type, Priority: job.Priority,
			TriggeredBy: nl.TriggerJobRegister, Status: nl.EvalStatusPending,
		}
		out, err := sched.Schedule(f.s, e, sched.Input{Now: time.Unix(1, 0), NewID: f.ids, Seed: f.seed})
		if err != nil {
			return 0, err
		}
		if got, want := len(out.Plan.Place), job.TaskGroups[0].Count; got != want {
			return 0, fmt.Errorf("job %s: %d of %d allocations were placed on empty nodes", job.ID, got, want)
		}
		placed += len(out.Plan.Place)
	}
	return placed, nil
}
