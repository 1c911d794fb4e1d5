package verify_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/nomadlike/verify"
)

// load is what a node holds by plain addition.
type load struct {
	memory int64
	count  int
	ports  map[int]bool
	clash  bool
}

func (l *load) add(a *nl.Alloc) {
	l.memory += a.AllocatedResources.Tasks["t"].Memory.MemoryMB
	l.count++
	for _, p := range a.AllocatedResources.Shared.Ports {
		l.clash = l.clash || l.ports[p.Value]
		l.ports[p.Value] = true
	}
}

// TestRandomPlans compares what is rejected with adding everything up: what is
// there, what is ahead and what is placed, with ports now and then, allocations
// that are over, and a bound of allocations.
func TestRandomPlans(t *testing.T) {
	rejections := 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 0))
		c := newCluster(t)
		nodeMax := 0
		if seed%3 == 0 {
			nodeMax = 6
			for n := range c.s.Nodes() {
				limited := *n
				limited.NodeMaxAllocs = nodeMax
				c.apply(&op.RegisterNode{Node: &limited, Time: 2})
			}
		}
		loads := map[string]*load{}
		draw := func(prefix string, count int) []*nl.Alloc {
			var out []*nl.Alloc
			for i := range count {
				node := fmt.Sprintf("n%d", 1+r.IntN(3))
				var ports []int
				if seed%2 == 0 && r.IntN(6) == 0 {
					ports = append(ports, 8000+r.IntN(4))
				}
				a := c.alloc(fmt.Sprint(prefix, i), node, int64(50+r.IntN(120)), ports...)
				if len(out) > 0 && ports == nil && r.IntN(2) == 0 {
					a.AllocatedResources = out[len(out)-1].AllocatedResources // as those of one group
				}
				if r.IntN(8) == 0 {
					a.ClientStatus = nl.AllocClientComplete
				}
				out = append(out, a)
				if loads[node] == nil {
					loads[node] = &load{ports: map[int]bool{}}
				}
				if !a.Terminal() {
					loads[node].add(a)
				}
			}
			return out
		}
		c.commit(c.plan(draw("stored", 6)...))
		ahead := &verify.Ahead{}
		before := c.plan(draw("ahead", 5)...)
		ahead.Add(store.PlanDelta(before, 1))
		if seed%5 == 0 {
			c.commit(before) // nobody has looked whether it is there
		}
		plan := c.plan(draw("new", 6)...)
		if seed%5 == 1 {
			c.commit(before)
		}

		var want []string
		for _, a := range plan.Place {
			l := loads[a.NodeID]
			if l.memory > 1000 || l.clash || nodeMax > 0 && l.count > nodeMax {
				want = append(want, a.NodeID)
			}
		}
		slices.Sort(want)
		want = slices.Compact(want)
		rejections += len(want)
		if _, rejected := verify.Plan(c.s, []*verify.Ahead{ahead}, plan); !slices.Equal(rejected, want) {
			t.Errorf("seed %d: rejected %v, by addition %v", seed, rejected, want)
		}
	}
	if rejections == 0 {
		t.Error("no plan was rejected: the test proves nothing")
	}
}
