// Package quality measures how well the scheduler packs: it replays a workload
// of arrivals and departures through the real scheduler, in process, and through
// models of other ways to choose, and compares how many nodes each keeps in use
// and how much room for large allocations each leaves. `nomadlike sim quality`
// runs it. It also measures how the time of a placement grows with the number
// of nodes. Nothing here opens a socket or changes a cluster.
//
// The models see the same arrivals and departures in the same order:
//
//   - full best fit looks at every node with the score formulas of the contract,
//     in a few lines of its own, and is what the scheduler must not be worse than;
//   - best of log2(n) and best of 2 look at that many random nodes with room, as
//     schedulers do that sample;
//   - the fractional bound is what the demand needs if allocations could be cut
//     into pieces. Nothing can do better.
package quality

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Shape is an amount of CPU and memory: what a node has or an allocation takes.
type Shape struct {
	CPU    int64 // MHz; a core counts as 1,000
	Memory int64 // MiB
}

func (s Shape) String() string {
	return fmt.Sprintf("%d cores/%d GiB", s.CPU/coreMHz, s.Memory/1024)
}

const coreMHz = 1000

// Defaults of a run without a trace.
const (
	nodesDefault = 600
	churnDefault = 1.0
	nodesMax     = 100_000
	loadMax      = 0.95 // beyond, failures to place hide the differences
)

// Config says what to replay.
type Config struct {
	// Nodes of the cluster; 0 is 600, or with a trace as many as make all of it
	// half a load.
	Nodes int
	// Node is the shape of each; zero is 96 cores and 384 GiB.
	Node Shape
	// Loads are the parts of the cluster's scarcer resource that are asked for;
	// empty is 0.3, 0.5, 0.8.
	Loads []float64
	// Churn is how many jobs arrive after the load is reached, as a part of
	// those that arrived until then; as many leave. Negative is 1.
	Churn float64
	// Demand is what jobs ask for; nil makes a synthetic workload.
	Demand []Demand
	Seed   uint64
}

// Demand is what one job asks for.
type Demand struct {
	Shape
	Count    int     // allocations
	Lifetime float64 // seconds
}

// Report is what came out.
type Report struct {
	Nodes int
	Node  Shape
	Seed  uint64
	Churn float64
	Large []Shape // whose places are counted
	Loads []LoadReport
}

// LoadReport compares the ways to choose at one load.
type LoadReport struct {
	Load     float64
	Jobs     int // that arrived
	Allocs   int // that were asked for in total
	Bound    Bound
	Policies []PolicyReport
}

// Bound is the fractional lower bound of nodes in use: when the load was first
// reached, and the mean afterwards.
type Bound struct{ Filled, Churned float64 }

// PolicyReport is how one way to choose did.
type PolicyReport struct {
	Name string
	// Filled is how many nodes were in use when the load was first reached,
	// Churned the mean over the second half of the churn; 0 without churn.
	Filled  int
	Churned float64
	// Above is how much that is above full best fit, as a part of it: of Churned,
	// or of Filled without churn.
	Above  float64
	Failed int   // allocations that found no place
	Large  []int // places left for each of the large shapes, at the end
	Took   time.Duration
}

// Names of the ways to choose.
const (
	PolicyScheduler = "scheduler"
	PolicyBestFit   = "full best fit"
	PolicyLog2      = "best of log2(n)"
	PolicyTwo       = "best of 2"
)

// Run replays the workload at every load. Progress, when not nil, is told what
// runs next.
func Run(cfg Config, now func() time.Time, progress func(string)) (*Report, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	r := &Report{Nodes: cfg.Nodes, Node: cfg.Node, Seed: cfg.Seed, Churn: cfg.Churn, Large: largeShapes(cfg.Node)}
	for _, load := range cfg.Loads {
		if progress != nil {
			progress(fmt.Sprintf("load %.0f %%", 100*load))
		}
		l, err := cfg.replay(load, r.Large, now)
		if err != nil {
			return nil, fmt.Errorf("replaying at load %.2f: %w", load, err)
		}
		r.Loads = append(r.Loads, *l)
	}
	return r, nil
}

func (c *Config) complete() error {
	if c.Node == (Shape{}) {
		c.Node = Shape{CPU: 96 * coreMHz, Memory: 384 * 1024}
	}
	if c.Node.CPU <= 0 || c.Node.Memory <= 0 {
		return fmt.Errorf("a node cannot have %d MHz and %d MiB", c.Node.CPU, c.Node.Memory)
	}
	if c.Churn < 0 {
		c.Churn = churnDefault
	}
	if len(c.Loads) == 0 {
		c.Loads = []float64{0.3, 0.5, 0.8}
	}
	var wrong []error
	for _, load := range c.Loads {
		if load <= 0 || load > loadMax {
			wrong = append(wrong, fmt.Errorf("load %.2f cannot be replayed: it must be above 0 and at most %.2f", load, loadMax))
		}
	}
	c.Demand = fitting(c.Demand, c.Node)
	if c.Nodes == 0 {
		if c.Nodes = nodesDefault; len(c.Demand) > 0 {
			c.Nodes = 2 * int(math.Ceil(demandOf(c.Demand).bound(c.Node)))
		}
	}
	if c.Nodes < 1 || c.Nodes > nodesMax {
		wrong = append(wrong, fmt.Errorf("a cluster of %d nodes cannot be replayed: give 1 to %d", c.Nodes, nodesMax))
	}
	if len(c.Demand) == 0 {
		c.Demand = Synthetic(c.Node, c.Seed)
	}
	return errors.Join(wrong...)
}

// fitting cuts what is larger than a node down to one.
func fitting(demand []Demand, node Shape) []Demand {
	out := slices.Clone(demand)
	for i := range out {
		out[i].CPU, out[i].Memory = min(out[i].CPU, node.CPU), min(out[i].Memory, node.Memory)
	}
	return out
}

// demandOf is everything together.
func demandOf(demand []Demand) (sum Shape) {
	for _, d := range demand {
		sum.CPU += d.CPU * int64(d.Count)
		sum.Memory += d.Memory * int64(d.Count)
	}
	return sum
}

// bound is how many nodes hold that much if it can be cut into pieces.
func (s Shape) bound(node Shape) float64 {
	return max(float64(s.CPU)/float64(node.CPU), float64(s.Memory)/float64(node.Memory))
}

// largeShapes are two thirds, a third and a sixth of a node.
func largeShapes(node Shape) []Shape {
	return []Shape{
		{node.CPU * 2 / 3, node.Memory * 2 / 3},
		{node.CPU / 3, node.Memory / 3},
		{node.CPU / 6, node.Memory / 6},
	}
}

// cluster is a way to choose with what it has placed.
type cluster interface {
	// place takes a job in and gives how many of its allocations found no place.
	place(id int, d Demand) (failed int, err error)
	// remove takes the job's allocations away.
	remove(id int) error
	// inUse is how many nodes hold something.
	inUse() int
	// used is what is taken on every node.
	used() []Shape
}

// replay runs one load through all ways to choose.
func (c *Config) replay(load float64, large []Shape, now func() time.Time) (*LoadReport, error) {
	plan := newSequence(c, load)
	out := &LoadReport{Load: load, Jobs: len(plan.jobs), Bound: plan.bound(c.Node)}
	for _, d := range plan.jobs {
		out.Allocs += d.Count
	}
	scheduler, err := newScheduled(c)
	if err != nil {
		return nil, err
	}
	sample := int(math.Ceil(math.Log2(float64(c.Nodes))))
	for _, p := range []struct {
		name string
		is   cluster
	}{
		{PolicyScheduler, scheduler},
		{PolicyBestFit, newModel(c, 0)},
		{PolicyLog2, newModel(c, sample)},
		{PolicyTwo, newModel(c, 2)},
	} {
		start := now()
		r, err := plan.run(p.is)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		r.Name, r.Took = p.name, now().Sub(start)
		for _, shape := range large {
			r.Large = append(r.Large, places(p.is.used(), c.Node, shape))
		}
		out.Policies = append(out.Policies, *r)
	}
	best := out.Policies[1].nodes()
	for i := range out.Policies {
		out.Policies[i].Above = out.Policies[i].nodes()/best - 1
	}
	return out, nil
}

// nodes is the figure that is compared.
func (p *PolicyReport) nodes() float64 {
	if p.Churned > 0 {
		return p.Churned
	}
	return float64(p.Filled)
}

// places is how often the shape fits into what is left.
func places(used []Shape, node, shape Shape) int {
	n := int64(0)
	for _, u := range used {
		n += min((node.CPU-u.CPU)/shape.CPU, (node.Memory-u.Memory)/shape.Memory)
	}
	return int(n)
}

// Worst is how much more nodes than full best fit the scheduler keeps in use at
// its worst load, as a part; negative when it is better everywhere.
func (r *Report) Worst() float64 {
	worst := math.Inf(-1)
	for _, l := range r.Loads {
		worst = max(worst, l.Policies[0].Above)
	}
	return worst
}
