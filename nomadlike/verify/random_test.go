package verify_test

import (
	"fmt"
	"maps"
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
	l.memory += memoryOf(a)
	l.count++
	for _, p := range a.AllocatedResources.Shared.Ports {
		l.clash = l.clash || l.ports[p.Value]
		l.ports[p.Value] = true
	}
}

func memoryOf(a *nl.Alloc) int64 { return a.AllocatedResources.Tasks["t"].Memory.MemoryMB }

// sum is what is rejected of a plan by plain addition.
type sum struct {
	s       *store.Snapshot
	ahead   *nl.Plan
	plan    *nl.Plan
	nodeMax int
}

// rejected lists the nodes that cannot take their part, in rounds: what was to
// make room for what is rejected stays.
func (m *sum) rejected() []string {
	bad := map[string]bool{}
	for {
		more := m.round(bad)
		if len(more) == 0 {
			return slices.Sorted(maps.Keys(bad))
		}
		for _, node := range more {
			bad[node] = true
		}
	}
}

func (m *sum) round(bad map[string]bool) (more []string) {
	gone, stays := map[string]bool{}, map[string]bool{}
	place := map[string][]*nl.Alloc{}
	for _, a := range m.plan.Place {
		if bad[a.NodeID] {
			stays[a.PreviousAllocation()], stays[a.ID] = true, true
			continue
		}
		place[a.NodeID] = append(place[a.NodeID], a)
		gone[a.ID] = true
	}
	for _, st := range m.plan.Stop {
		gone[st.AllocID] = gone[st.AllocID] || !stays[st.AllocID] || st.ClientStatus != ""
	}
	for _, e := range m.plan.Preempt {
		gone[e.AllocID] = gone[e.AllocID] || !stays[e.ByAlloc]
	}
	for node, placed := range place {
		if !m.fits(node, placed, gone) {
			more = append(more, node)
		}
	}
	return more
}

func (m *sum) fits(node string, placed []*nl.Alloc, gone map[string]bool) bool {
	l := &load{ports: map[int]bool{}}
	takesMore := false
	for _, a := range placed {
		stored := m.s.Alloc(a.ID)
		if stored == nil {
			takesMore = true
		} else {
			changed := func(st nl.AllocStop) bool { return st.AllocID == a.ID }
			if stored.AllocModifyIndex > m.plan.SnapshotIndex || slices.ContainsFunc(m.ahead.Stop, changed) {
				return false
			}
			takesMore = takesMore || !a.Terminal() && memoryOf(a) != memoryOf(stored)
		}
		if !a.Terminal() {
			l.add(a)
		}
	}
	for a := range m.s.AllocsByNode(node) {
		if !a.Terminal() && !gone[a.ID] {
			l.add(a)
		}
	}
	for _, a := range m.ahead.Place {
		if a.NodeID == node && m.s.Alloc(a.ID) == nil && !a.Terminal() && !gone[a.ID] {
			l.add(a)
		}
	}
	return !takesMore || l.memory <= 1000 && !l.clash && (m.nodeMax == 0 || l.count <= m.nodeMax)
}

// TestRandomPlans compares what is rejected with adding everything up: what is
// there, what is ahead and what is placed, with ports now and then, allocations
// that are over, and a bound of allocations. Two thirds of the plans also stop,
// evict and change what is there, sometimes twice, or what is not there.
func TestRandomPlans(t *testing.T) {
	rejections, leaving := 0, 0
	for seed := range uint64(3000) {
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
		draw := func(prefix string, count int) []*nl.Alloc {
			var out []*nl.Alloc
			for i := range count {
				node := fmt.Sprintf("n%d", 1+r.IntN(3))
				var ports []int
				if seed%2 == 0 && r.IntN(6) == 0 {
					ports = append(ports, 8000+r.IntN(4))
				}
				a := c.alloc(fmt.Sprint(prefix, i), node, int64(50+r.IntN(200)), ports...)
				if len(out) > 0 && ports == nil && r.IntN(2) == 0 {
					a.AllocatedResources = out[len(out)-1].AllocatedResources // as those of one group
				}
				if r.IntN(8) == 0 {
					a.ClientStatus = nl.AllocClientComplete
				}
				out = append(out, a)
			}
			return out
		}
		stop := func(p *nl.Plan, a *nl.Alloc) {
			p.Stop = append(p.Stop, nl.AllocStop{AllocID: a.ID, NodeID: a.NodeID})
		}
		there := draw("stored", 8)
		c.commit(c.plan(there...))
		before := c.plan(draw("ahead", 4)...)
		if seed%4 != 0 && r.IntN(2) == 0 {
			stop(before, there[r.IntN(len(there))])
		}
		ahead := &verify.Ahead{}
		ahead.Add(store.PlanDelta(before, 1))
		if seed%5 == 0 {
			c.commit(before) // nobody has looked whether it is there
		}
		plan := c.plan(draw("new", 6)...)
		if seed%5 == 1 {
			c.commit(before)
		}
		if seed%4 != 0 {
			for _, a := range slices.Concat(there, before.Place, draw("nowhere", 1)) {
				by := plan.Place[r.IntN(6)]
				switch r.IntN(8) {
				case 0, 1: // replaced
					by.Amend().PreviousAllocation = a.ID
					stop(plan, a)
				case 2: // stopped, perhaps twice
					stop(plan, a)
					if r.IntN(3) == 0 {
						stop(plan, a)
					}
				case 3:
					plan.Preempt = append(plan.Preempt, nl.AllocPreemption{AllocID: a.ID, NodeID: a.NodeID, ByAlloc: by.ID})
					if r.IntN(3) == 0 {
						stop(plan, a)
					}
				case 4: // updated in place
					if stored := c.s.Alloc(a.ID); stored != nil {
						next := *stored
						if r.IntN(3) > 0 {
							next.AllocatedResources = c.alloc("", a.NodeID, int64(50+r.IntN(200))).AllocatedResources
						}
						plan.Place = append(plan.Place, &next)
					}
				}
			}
		}
		leaving += len(plan.Stop) + len(plan.Preempt) + len(plan.Place) - 6

		want := (&sum{c.s, before, plan, nodeMax}).rejected()
		rejections += len(want)
		if _, rejected := verify.Plan(c.s, []*verify.Ahead{ahead}, plan); !slices.Equal(rejected, want) {
			t.Errorf("seed %d: rejected %v, by addition %v", seed, rejected, want)
		}
	}
	if rejections == 0 || leaving == 0 {
		t.Errorf("%d rejections, %d leave: the test proves nothing", rejections, leaving)
	}
}
