package sched

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// TestIndexedIsWhole runs jobs of many kinds on random clusters and compares
// every outcome, placements, scores and counts, with that of looking at each
// node.
func TestIndexedIsWhole(t *testing.T) {
	indexed, failed := 0, 0
	for seed := range uint64(300) {
		c := newRandomCluster(t, rand.New(rand.NewPCG(seed, 3)))
		for range 4 {
			n, lacking := c.evaluate()
			indexed += n
			failed += lacking
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if indexed < 1000 || failed < 100 {
		t.Errorf("%d groups were placed by the index, %d of them in part: too few to tell", indexed, failed)
	}
}

// randomCluster is a cluster with jobs, and what its nodes have in common.
type randomCluster struct {
	t     *testing.T
	r     *rand.Rand
	s     *store.Snapshot
	ids   int
	nodes int
	racks int
}

func newRandomCluster(t *testing.T, r *rand.Rand) *randomCluster {
	c := &randomCluster{t: t, r: r, s: store.Empty(), nodes: 1 + r.IntN(30), racks: 1 + r.IntN(6)}
	if r.IntN(3) == 0 {
		c.nodes += 120 // more than bucketsMax, and several levels of the index
	}
	if r.IntN(3) == 0 {
		c.apply(&op.SetSchedulerConfig{Config: &nl.SchedulerConfiguration{
			SchedulerAlgorithm: "spread",
			PreemptionConfig:   nl.PreemptionConfig{ServiceSchedulerEnabled: true, BatchSchedulerEnabled: true},
		}})
	}
	shapes := int64(1 + r.IntN(5))
	for i := range c.nodes {
		n := &nl.Node{
			ID: fmt.Sprintf("node-%d", i), Name: fmt.Sprint(i), SecretID: fmt.Sprint(i), NodePool: "default",
			Datacenter: fmt.Sprint("dc", r.IntN(2)), NodeClass: []string{"", "small", "large"}[r.IntN(3)],
			Status: nl.NodeStatusReady, SchedulingEligibility: nl.NodeEligible,
			Attributes: map[string]string{"driver.mock": "1", "rack": fmt.Sprint(r.IntN(c.racks))},
			NodeResources: &nl.NodeResources{
				Cpu:    nl.LegacyNodeCpuResources{CpuShares: 500 + 250*r.Int64N(shapes)},
				Memory: nl.NodeMemoryResources{MemoryMB: 500 + 250*r.Int64N(shapes)},
				Disk:   nl.NodeDiskResources{DiskMB: 400},
				NodeNetworks: []*nl.NodeNetworkResource{{Mode: "host", Addresses: []*nl.NodeNetworkAddress{
					{Alias: "default", Address: "10.0.0.1"},
				}}},
			},
		}
		switch r.IntN(12) {
		case 0:
			n.NodePool = "other"
		case 1:
			n.Status = nl.NodeStatusDown
		case 2:
			n.Drivers = map[string]*nl.DriverInfo{"mock": {Detected: true}}
		case 3:
			n.NodeMaxAllocs = 2
		}
		if n.ComputedClass = nl.ComputedClass(n); r.IntN(25) == 0 {
			n.ComputedClass = ""
		}
		c.apply(&op.RegisterNode{Node: n, Time: 1})
	}
	return c
}

func (c *randomCluster) apply(o op.Op) {
	c.t.Helper()
	next, _, _, err := store.Apply(c.s, c.s.Index()+1, o)
	if err != nil {
		c.t.Fatal(err)
	}
	c.s = next
}

func (c *randomCluster) group(name string) *nl.Group {
	r := c.r
	g := &nl.Group{
		Name: name, Count: 1 + r.IntN(3), EphemeralDisk: &nl.EphemeralDisk{SizeMB: 50 * r.IntN(2)},
		ReschedulePolicy: &nl.ReschedulePolicy{Unlimited: true, DelayFunction: "constant"},
		Tasks:            []*nl.Task{{Name: "t", Driver: "mock", Resources: &nl.Resources{CPU: 100 * r.IntN(4), MemoryMB: 50 * r.Int64N(6)}}},
	}
	if r.IntN(4) == 0 {
		g.Count = r.IntN(c.nodes)
	}
	for range 1 + r.IntN(2) {
		switch r.IntN(14) {
		case 0:
			g.Constraints = append(g.Constraints, &nl.Constraint{LTarget: "${attr.rack}", Operand: "!=", RTarget: "0"})
		case 1:
			g.Constraints = append(g.Constraints, &nl.Constraint{LTarget: "${node.class}", Operand: "=", RTarget: "large"})
		case 2:
			g.Constraints = append(g.Constraints, &nl.Constraint{Operand: "distinct_hosts", RTarget: "true"})
		case 3:
			g.Affinities = append(g.Affinities, &nl.Affinity{LTarget: "${attr.rack}", Operand: "=", RTarget: "1", Weight: 20 + r.IntN(80)})
		case 4:
			g.Affinities = append(g.Affinities, &nl.Affinity{LTarget: "${node.class}", Operand: "=", RTarget: "small", Weight: -20 - r.IntN(80)})
		case 5:
			g.Spreads = append(g.Spreads, &nl.Spread{Attribute: "${attr.rack}", Weight: 1 + r.IntN(100)})
		case 6:
			g.Spreads = append(g.Spreads, &nl.Spread{Attribute: "${node.unique.id}", Weight: 50})
		case 7:
			g.Spreads = append(g.Spreads, &nl.Spread{Attribute: "${node.datacenter}", Weight: 50, SpreadTarget: []*nl.SpreadTarget{{Value: "dc0", Percent: 70}, {Value: "dc1", Percent: 10 * r.Uint64N(4)}}})
		case 8:
			g.Networks = []*nl.Network{{DynamicPorts: []*nl.Port{{Label: "a"}, {Label: "b"}}}}
		case 9:
			g.Networks = []*nl.Network{{ReservedPorts: []*nl.Port{{Label: "a", Value: 8080}}}}
		case 10:
			g.Constraints = append(g.Constraints, &nl.Constraint{LTarget: "${attr.rack}", Operand: "distinct_property", RTarget: "2"})
		case 11:
			g.Constraints = append(g.Constraints, &nl.Constraint{LTarget: "${node.unique.name}", Operand: "!=", RTarget: "3"})
		}
	}
	return g
}

func (c *randomCluster) job() *nl.Job {
	r := c.r
	j := &nl.Job{
		ID: fmt.Sprint("job", r.IntN(4)), Namespace: "default", Type: nl.JobTypeService, Priority: 20 + 20*r.IntN(4),
		Datacenters: []string{[]string{"*", "dc0"}[r.IntN(2)]}, NodePool: []string{"default", "default", "all"}[r.IntN(3)],
		AllOrNothing: r.IntN(8) == 0,
	}
	j.Name = j.ID
	for i := range 1 + r.IntN(4) {
		j.TaskGroups = append(j.TaskGroups, c.group(fmt.Sprint("g", i)))
	}
	if r.IntN(3) == 0 {
		j.Type = nl.JobTypeBatch
	}
	return j
}

// evaluate registers a job, evaluates it both ways and applies what comes of it.
// It tells how many groups the index was used for, and how many of those were
// not placed whole.
func (c *randomCluster) evaluate() (indexed, failed int) {
	c.t.Helper()
	job := c.job()
	c.apply(&op.RegisterJob{Job: job})
	if c.r.IntN(3) == 0 { // a node comes back with other things to tell
		if n := c.s.Node(fmt.Sprintf("node-%d", c.r.IntN(c.nodes))); n != nil {
			next := *n
			next.Status = []string{nl.NodeStatusReady, nl.NodeStatusDown}[c.r.IntN(2)]
			c.apply(&op.RegisterNode{Node: &next, Time: 1})
		}
	}
	if c.r.IntN(3) == 0 { // some allocation fails
		for a := range c.s.AllocsByJob("default", job.ID) {
			c.apply(&op.UpdateAllocs{Time: 1, Updates: []*nl.AllocUpdate{{ID: a.ID, ClientStatus: nl.AllocClientFailed}}})
			break
		}
	}
	e := &nl.Eval{ID: fmt.Sprint("eval", c.ids), Namespace: "default", JobID: job.ID, Type: job.Type, Priority: job.Priority}
	first, seed := c.ids, c.r.Uint64()
	decide := func(whole bool) (*Outcome, *run) {
		c.ids = first
		r := newRun(c.s, e, Input{Now: time.Unix(10, 0), Seed: seed, NewID: func() string {
			c.ids++
			return fmt.Sprintf("id-%d", c.ids)
		}})
		r.whole = whole
		out, err := r.decide()
		if err != nil {
			c.t.Fatal(err)
		}
		return out, r
	}
	want, _ := decide(true)
	got, r := decide(false)
	if g, w := outcomeOf(got), outcomeOf(want); !reflect.DeepEqual(g, w) {
		a, _ := json.MarshalIndent(g, "", " ")
		b, _ := json.MarshalIndent(w, "", " ")
		c.t.Errorf("by the index\n%s\nlooking at each node\n%s", a, b)
	}
	for _, p := range r.placers {
		if p.indexed != nil || p.placed > 0 && !p.ready && p.indexable() {
			indexed++
			if p.failed != nil {
				failed++
			}
		}
	}
	c.apply(&op.ApplyPlans{Plans: []*op.PlanDelta{store.PlanDelta(got.Plan, 1)}})
	return indexed, failed
}

// outcomeOf leaves out how many nodes are exhausted where ports were found: the
// index does not ask nodes without room, or worse than those tried, for them.
func outcomeOf(o *Outcome) *nl.Plan {
	plan := *o.Plan
	plan.Job = nil
	var allocs []*nl.Alloc
	for _, a := range plan.Place {
		next := *a
		next.Job = nil
		if g := a.Job.Group(a.TaskGroup); a.Metrics != nil && len(g.Networks) > 0 {
			m := *a.Metrics
			m.NodesExhausted, m.ClassExhausted, m.DimensionExhausted = 0, nil, nil
			next.Metrics = &m
		}
		allocs = append(allocs, &next)
	}
	plan.Place = allocs
	return &plan
}
