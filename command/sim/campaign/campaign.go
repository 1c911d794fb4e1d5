// Package campaign makes runs of simulated clusters out of seeds: what cluster
// and what steps a seed stands for, many seeds one after the other, and the
// smallest list of steps that still fails. The command sim run and the tests
// call it.
package campaign

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/command/sim/check"
	"github.com/nomadlike/nomadlike/command/sim/cluster"
	"github.com/nomadlike/nomadlike/command/sim/shrink"
	"github.com/nomadlike/nomadlike/command/sim/work"
)

// Options say what runs are like; zero fields are drawn from the seed.
type Options struct {
	Servers int
	Nodes   int
	Span    time.Duration // with faults and work
	Faults  work.Faults
	Mass    bool // a job of hundreds of allocations in every run
	// Keep leaves out every step whose ID is not in it; nil keeps all.
	Keep []int
}

// What most runs are like, and what one in largeEvery is. Small clusters find
// most of what large ones do, for a third of the time; a large one has room for
// what takes several jobs, many nodes or long histories to go wrong.
const (
	largeEvery = 5
	smallSpan  = 150 * time.Second // of faults and work
	largeSpan  = 5 * time.Minute
	// massEvery is how seldom a run has jobs of hundreds of allocations: one such
	// run takes as long as twenty others.
	massEvery = 100
)

// Purposes of sources of randomness, apart from those of the cluster.
const (
	purposeShape = 1 << 32
	purposeSteps = 1<<32 + 1
)

// Draw is the run that a seed stands for.
func Draw(seed uint64, o Options) cluster.Config {
	r := rand.New(rand.NewPCG(seed, purposeShape))
	c := cluster.Config{
		Seed: seed, Servers: []int{1, 3, 3, 3, 5}[r.IntN(5)], Nodes: 4 + r.IntN(6), Workers: 1 + r.IntN(4),
		PlanBatch: 1 << r.IntN(7), SnapshotEvery: []int{30, 80, 150, 300, 500, 1000, 10_000, 10_000}[r.IntN(8)],
		Faults: o.Faults, Span: smallSpan,
	}
	steps := 20 + r.IntN(21)
	if r.IntN(largeEvery) == 0 {
		c.Nodes, c.Span, steps = 8+r.IntN(13), largeSpan, 40+r.IntN(41)
	}
	if o.Servers > 0 {
		c.Servers = o.Servers
	}
	if o.Nodes > 0 {
		c.Nodes = o.Nodes
	}
	if o.Span > 0 {
		c.Span = o.Span
	}
	c.Quota = work.DrawQuota(r.Uint64())
	plan := work.Plan{
		Servers: c.Servers, Nodes: c.Nodes, Steps: steps, Span: c.Span, Faults: c.Faults,
		Mass: r.IntN(massEvery) == 0 || o.Mass,
	}
	c.Capacity = plan.Capacity()
	c.Steps = keep(work.Draw(plan, rand.New(rand.NewPCG(seed, purposeSteps))), o.Keep)
	return c
}

func keep(steps []work.Step, ids []int) []work.Step {
	if ids == nil {
		return steps
	}
	return slices.DeleteFunc(steps, func(s work.Step) bool { return !slices.Contains(ids, s.ID) })
}

// Run runs a cluster with all checkers.
func Run(c cluster.Config, trace io.Writer) cluster.Result {
	c.Checkers, c.Trace = check.All(), trace
	return cluster.Run(c)
}

// Line is the command that runs a seed again.
func Line(seed uint64, o Options) string {
	line := fmt.Sprintf("nomadlike sim run -seed %d -runs 1 -faults %s", seed, o.Faults)
	if o.Span > 0 {
		line += fmt.Sprintf(" -time %v", o.Span)
	}
	if o.Servers > 0 {
		line += fmt.Sprintf(" -servers %d", o.Servers)
	}
	if o.Nodes > 0 {
		line += fmt.Sprintf(" -clients %d", o.Nodes)
	}
	if o.Mass {
		line += " -mass"
	}
	if o.Keep != nil {
		line += " -keep " + FormatIDs(o.Keep)
	}
	return line
}

// FormatIDs writes a list of steps as ParseIDs reads it: 1,4,9-12.
func FormatIDs(ids []int) string {
	var out []string
	for i := 0; i < len(ids); {
		end := i
		for end+1 < len(ids) && ids[end+1] == ids[end]+1 {
			end++
		}
		if end > i {
			out = append(out, fmt.Sprintf("%d-%d", ids[i], ids[end]))
		} else {
			out = append(out, fmt.Sprint(ids[i]))
		}
		i = end + 1
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ",")
}

// idsMax bounds the list that ParseIDs makes.
const idsMax = 100_000

// ParseIDs reads a list of steps.
func ParseIDs(text string) ([]int, error) {
	out := []int{}
	if text == "none" {
		return out, nil
	}
	for _, part := range strings.Split(text, ",") {
		var low, high int
		n, err := fmt.Sscanf(part, "%d-%d", &low, &high)
		if n == 1 {
			high = low
			_, err = fmt.Sscanf(part, "%d", &low)
		}
		if err != nil || low < 0 || high < low || high > idsMax {
			return nil, fmt.Errorf("%q is no list of steps: write it like 1,4,9-12", text)
		}
		for i := low; i <= high; i++ {
			out = append(out, i)
		}
	}
	return out, nil
}

// Shrink finds a short list of steps with which a run fails in the way it did.
func Shrink(c cluster.Config, failed error, most int) []work.Step {
	way := wayOf(failed)
	return shrink.List(c.Steps, most, func(steps []work.Step) bool {
		next := c
		next.Steps = steps
		r := Run(next, nil)
		return r.Err != nil && wayOf(r.Err) == way
	})
}

// wayOf is what two failures have in common that are the same.
func wayOf(err error) string {
	if v, ok := err.(*check.Violation); ok {
		return v.Checker
	}
	text, _, _ := strings.Cut(err.Error(), ":")
	return text
}

// IDs are the IDs of steps.
func IDs(steps []work.Step) []int {
	out := []int{}
	for i := range steps {
		out = append(out, steps[i].ID)
	}
	return out
}
