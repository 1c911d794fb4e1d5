package quality

import (
	"fmt"
	"math/rand/v2"
	"runtime"
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
	growthRounds = 9
	// growthSingles is how many evaluations of one placement make a round.
	growthSingles = 50
	// growthRacks are the values that nodes are spread over.
	growthRacks = 10
)

// GrowthNodes are the sizes of clusters that are measured.
func GrowthNodes() []int { return []int{100, 1000, 5000, 10_000, 50_000} }

// GrowthRow is the time of one placement on a cluster of that size.
type GrowthRow struct {
	Nodes int
	// Plain is with 1,000 placed by one evaluation, Spread the same spread over
	// nodes, Single with one placed by each, all on empty nodes. Filled is Single
	// on nodes of which each is filled to another part.
	Plain, Spread, Single, Filled time.Duration
}

// Growth measures placements on clusters of the sizes by the clock now, which may
// be that of the processor. Only the scheduler is timed: what it decides is not
// applied.
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
		}{{&row.Plain, growthPlain}, {&row.Spread, growthSpread}, {&row.Single, growthSingle}, {&row.Filled, growthFilled}} {
			if m.kind == growthFilled {
				if err := f.fill(); err != nil {
					return nil, err
				}
			}
			// What was built before is not to be collected at the expense of what is
			// measured.
			runtime.GC()
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
	growthFilled
)

// field is a cluster with one registered job of each kind.
type field struct {
	c     *settle.Cluster
	s     *store.Snapshot
	ids   func() string
	seed  uint64
	nodes int
	jobs  [4]*nl.Job
}

// growthShape is a node.
func growthShape() Shape { return Shape{CPU: 96 * coreMHz, Memory: 384 * 1024} }

func newField(nodes int, seed uint64) (*field, error) {
	c := settle.New(store.Empty(), time.Unix(1, 0).UTC(), seed)
	for i := range nodes {
		n := uniformNode(i, growthShape())
		n.Attributes["rack"] = fmt.Sprint(i % growthRacks)
		n.ComputedClass = nl.ComputedClass(n)
		if _, err := c.Do(&op.RegisterNode{Node: n, Time: 1}); err != nil {
			return nil, err
		}
	}
	f := &field{c: c, ids: c.NewID, seed: seed, nodes: nodes}
	for kind, count := range []int{growthCount, growthCount, 1, 1} {
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

// fill puts an allocation of its own size on each node.
func (f *field) fill() error {
	job := plainJob("filler", Demand{Count: f.nodes})
	if _, err := f.c.Do(&op.RegisterJob{Job: job}); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(f.seed, uint64(f.nodes)))
	plan := &op.PlanDelta{Time: 1}
	for i := range f.nodes {
		plan.Place = append(plan.Place, &nl.Alloc{
			ID: f.ids(), Namespace: job.Namespace, JobID: job.ID, TaskGroup: job.TaskGroups[0].Name,
			Name: fmt.Sprintf("filler.g[%d]", i), NodeID: nodeID(i), EvalID: "filler",
			AllocatedResources: &nl.AllocatedResources{Tasks: map[string]*nl.AllocatedTaskResources{"t": {
				Cpu:    nl.AllocatedCpuResources{CpuShares: random.Int64N(growthShape().CPU)},
				Memory: nl.AllocatedMemoryResources{MemoryMB: random.Int64N(growthShape().Memory)},
			}}},
		})
	}
	_, err := f.c.Do(&op.ApplyPlans{Plans: []*op.PlanDelta{plan}})
	f.s = f.c.Snapshot()
	return err
}

// measure schedules and gives how many allocations were placed.
func (f *field) measure(kind growthKind) (placed int, err error) {
	evaluations := 1
	if kind == growthSingle || kind == growthFilled {
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
			return 0, fmt.Errorf("job %s: %d of %d allocations were placed", job.ID, got, want)
		}
		placed += len(out.Plan.Place)
	}
	return placed, nil
}
