package verify_test

import (
	"fmt"
	"slices"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/nomadlike/verify"
)

// cluster is state under construction: nodes n1 to n3 of 1000 MHz and 1000 MB.
type cluster struct {
	t *testing.T
	s *store.Snapshot
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{t, store.Empty()}
	for i := range 3 {
		c.apply(&op.RegisterNode{Time: 1, Node: &nl.Node{
			ID: fmt.Sprintf("n%d", i+1), Name: fmt.Sprintf("n%d", i+1), SecretID: fmt.Sprint(i), Datacenter: "dc1", NodePool: "default",
			Status: nl.NodeStatusReady, SchedulingEligibility: nl.NodeEligible,
			NodeResources: &nl.NodeResources{
				Cpu: nl.LegacyNodeCpuResources{CpuShares: 1000}, Memory: nl.NodeMemoryResources{MemoryMB: 1000},
				Disk:         nl.NodeDiskResources{DiskMB: 1000},
				NodeNetworks: []*nl.NodeNetworkResource{{Mode: "host", Addresses: []*nl.NodeNetworkAddress{{Alias: "default", Address: "10.0.0.1"}}}},
			},
			ReservedResources: &nl.NodeReservedResources{},
		}})
	}
	c.apply(&op.RegisterJob{Job: &nl.Job{ID: "web", Name: "web", Namespace: "default", Type: "service", Priority: 50, NodePool: "default",
		TaskGroups: []*nl.Group{{Name: "g", Count: 1}}}})
	return c
}

func (c *cluster) apply(o op.Op) {
	c.t.Helper()
	next, _, _, err := store.Apply(c.s, c.s.Index()+1, o)
	if err != nil {
		c.t.Fatal(err)
	}
	c.s = next
}

func (c *cluster) commit(p *nl.Plan) {
	c.t.Helper()
	c.apply(&op.ApplyPlans{Plans: []*op.PlanDelta{store.PlanDelta(p, 1)}})
}

func (c *cluster) alloc(id, node string, memory int64, ports ...int) *nl.Alloc {
	r := &nl.AllocatedResources{
		TaskLifecycles: map[string]*nl.Lifecycle{"t": nil},
		Tasks:          map[string]*nl.AllocatedTaskResources{"t": {Memory: nl.AllocatedMemoryResources{MemoryMB: memory}}},
	}
	for _, p := range ports {
		r.Shared.Ports = append(r.Shared.Ports, &nl.AllocatedPortMapping{Label: "p", Value: p, HostIP: "10.0.0.1"})
	}
	job := c.s.Job("default", "web")
	return &nl.Alloc{
		ID: id, Name: "web.g[0]", Namespace: "default", JobID: "web", Job: job, TaskGroup: "g", NodeID: node,
		AllocatedResources: r, DesiredStatus: nl.AllocDesiredRun, ClientStatus: nl.AllocClientPending,
	}
}

func (c *cluster) plan(place ...*nl.Alloc) *nl.Plan {
	return &nl.Plan{EvalID: "e", SnapshotIndex: c.s.Index(), Place: place, Evals: []*nl.Eval{{ID: "e", Namespace: "default", JobID: "web"}}}
}

func ids(p *nl.Plan) []string {
	out := []string{}
	for _, a := range p.Place {
		out = append(out, a.ID)
	}
	return out
}

func TestPlan(t *testing.T) {
	for _, test := range []struct {
		name      string
		meanwhile func(c *cluster)
		plan      func(c *cluster) *nl.Plan
		placed    []string
		rejected  []string
		stops     int
	}{
		{
			name:   "everything fits",
			plan:   func(c *cluster) *nl.Plan { return c.plan(c.alloc("a", "n1", 600), c.alloc("b", "n2", 600)) },
			placed: []string{"a", "b"},
		},
		{
			name:      "one node was filled meanwhile",
			meanwhile: func(c *cluster) { c.commit(c.plan(c.alloc("x", "n1", 600))) },
			plan:      func(c *cluster) *nl.Plan { return c.plan(c.alloc("a", "n1", 600), c.alloc("b", "n2", 600)) },
			placed:    []string{"b"}, rejected: []string{"n1"},
		},
		{
			name:     "two of one plan do not fit together",
			plan:     func(c *cluster) *nl.Plan { return c.plan(c.alloc("a", "n1", 600), c.alloc("b", "n1", 600)) },
			placed:   []string{},
			rejected: []string{"n1"},
		},
		{
			name:      "a port was taken",
			meanwhile: func(c *cluster) { c.commit(c.plan(c.alloc("x", "n1", 10, 8080))) },
			plan:      func(c *cluster) *nl.Plan { return c.plan(c.alloc("a", "n1", 10, 8080)) },
			placed:    []string{}, rejected: []string{"n1"},
		},
		{
			name:      "the node went down",
			meanwhile: func(c *cluster) { c.apply(&op.SetNodeStatus{NodeID: "n1", Status: nl.NodeStatusDown, Time: 1}) },
			plan:      func(c *cluster) *nl.Plan { return c.plan(c.alloc("a", "n1", 10)) },
			placed:    []string{}, rejected: []string{"n1"},
		},
		{
			name:      "the node is gone",
			meanwhile: func(c *cluster) { c.apply(&op.DeregisterNodes{NodeIDs: []string{"n1"}}) },
			plan:      func(c *cluster) *nl.Plan { return c.plan(c.alloc("a", "n1", 10)) },
			placed:    []string{}, rejected: []string{"n1"},
		},
		{
			name: "the node became ineligible",
			meanwhile: func(c *cluster) {
				c.apply(&op.SetNodeEligibility{NodeID: "n1", Eligibility: nl.NodeIneligible, Time: 1})
			},
			plan:   func(c *cluster) *nl.Plan { return c.plan(c.alloc("a", "n1", 10)) },
			placed: []string{}, rejected: []string{"n1"},
		},
		{
			name:      "stops on a lost node are accepted",
			meanwhile: func(c *cluster) { c.commit(c.plan(c.alloc("x", "n1", 600))) },
			plan: func(c *cluster) *nl.Plan {
				c.apply(&op.SetNodeStatus{NodeID: "n1", Status: nl.NodeStatusDown, Time: 1})
				p := c.plan(c.alloc("a", "n2", 600))
				p.Stop = []nl.AllocStop{{AllocID: "x", NodeID: "n1", ClientStatus: nl.AllocClientLost}}
				return p
			},
			placed: []string{"a"}, stops: 1,
		},
		{
			name:      "room made by a stop of the same plan counts",
			meanwhile: func(c *cluster) { c.commit(c.plan(c.alloc("x", "n1", 600))) },
			plan: func(c *cluster) *nl.Plan {
				p := c.plan(c.alloc("a", "n1", 600))
				p.Stop = []nl.AllocStop{{AllocID: "x", NodeID: "n1"}}
				return p
			},
			placed: []string{"a"}, stops: 1,
		},
		{
			name:      "what a rejected placement would replace keeps running",
			meanwhile: func(c *cluster) { c.commit(c.plan(c.alloc("x", "n1", 600))) },
			plan: func(c *cluster) *nl.Plan {
				a := c.alloc("a", "n1", 2000)
				a.Amend().PreviousAllocation = "x"
				p := c.plan(a)
				p.Stop = []nl.AllocStop{{AllocID: "x", NodeID: "n1"}}
				return p
			},
			placed: []string{}, rejected: []string{"n1"},
		},
		{
			name: "what a placement elsewhere would replace keeps running when that is rejected",
			meanwhile: func(c *cluster) {
				c.commit(c.plan(c.alloc("x", "n1", 600)))
				c.commit(c.plan(c.alloc("y", "n2", 600)))
			},
			plan: func(c *cluster) *nl.Plan {
				a := c.alloc("a", "n2", 600)
				a.Amend().PreviousAllocation = "x"
				p := c.plan(a)
				p.Stop = []nl.AllocStop{{AllocID: "x", NodeID: "n1"}}
				return p
			},
			placed: []string{}, rejected: []string{"n2"},
		},
		{
			name:      "room made by an eviction counts",
			meanwhile: func(c *cluster) { c.commit(c.plan(c.alloc("x", "n1", 600))) },
			plan: func(c *cluster) *nl.Plan {
				p := c.plan(c.alloc("a", "n1", 600))
				p.Preempt = []nl.AllocPreemption{{AllocID: "x", NodeID: "n1", ByAlloc: "a"}}
				return p
			},
			placed: []string{"a"},
		},
		{
			name:      "a rewrite of what servers changed since is outdated",
			meanwhile: func(c *cluster) { c.commit(c.plan(c.alloc("x", "n1", 600))) },
			plan: func(c *cluster) *nl.Plan {
				p := c.plan(c.s.Alloc("x").Copy())
				c.apply(&op.TransitionAllocs{Transitions: map[string]*nl.DesiredTransition{"x": {Migrate: nl.Yes}}, Time: 2})
				return p
			},
			placed: []string{}, rejected: []string{"n1"},
		},
		{
			name: "an update in place on an ineligible node is accepted",
			meanwhile: func(c *cluster) {
				c.commit(c.plan(c.alloc("x", "n1", 600)))
				c.apply(&op.SetNodeEligibility{NodeID: "n1", Eligibility: nl.NodeIneligible, Time: 1})
			},
			plan:   func(c *cluster) *nl.Plan { return c.plan(c.s.Alloc("x").Copy()) },
			placed: []string{"x"},
		},
		{
			name:      "what came back is not replaced elsewhere",
			meanwhile: func(c *cluster) { c.commit(c.plan(c.alloc("x", "n1", 10))) },
			plan: func(c *cluster) *nl.Plan {
				next := c.alloc("a", "n2", 10)
				next.Amend().PreviousAllocation = "x"
				p := c.plan(next, c.alloc("b", "n2", 10))
				p.Stop = []nl.AllocStop{{AllocID: "x", NodeID: "n1", ClientStatus: nl.AllocClientUnknown, Desired: nl.AllocDesiredRun}}
				return p
			},
			placed: []string{"b"}, rejected: []string{"n1"},
		},
		{
			name:      "what came back is not unknown",
			meanwhile: func(c *cluster) { c.commit(c.plan(c.alloc("x", "n1", 600))) },
			plan: func(c *cluster) *nl.Plan {
				p := c.plan(c.alloc("a", "n2", 600))
				p.Stop = []nl.AllocStop{{AllocID: "x", NodeID: "n1", ClientStatus: nl.AllocClientUnknown, Desired: nl.AllocDesiredRun}}
				return p
			},
			placed: []string{"a"}, rejected: []string{"n1"},
		},
		{
			name: "the job was purged",
			plan: func(c *cluster) *nl.Plan {
				p := c.plan(c.alloc("a", "n1", 10), c.alloc("b", "n2", 10))
				p.Deployment = &nl.Deployment{ID: "d"}
				c.apply(&op.DeregisterJob{Namespace: "default", ID: "web", Purge: true})
				return p
			},
			placed: []string{},
		},
		{
			name: "the job was purged and registered again",
			plan: func(c *cluster) *nl.Plan {
				p := c.plan(c.alloc("a", "n1", 10))
				job := c.s.Job("default", "web").Copy()
				c.apply(&op.DeregisterJob{Namespace: "default", ID: "web", Purge: true})
				c.apply(&op.RegisterJob{Job: job})
				return p
			},
			placed: []string{},
		},
		{
			name: "what was placed for a purged job is stopped",
			plan: func(c *cluster) *nl.Plan {
				c.commit(c.plan(c.alloc("x", "n1", 10)))
				c.apply(&op.DeregisterJob{Namespace: "default", ID: "web", Purge: true})
				p := c.plan()
				p.Stop = []nl.AllocStop{{AllocID: "x", NodeID: "n1"}}
				return p
			},
			placed: []string{}, stops: 1,
		},
		{
			name:      "all or nothing",
			meanwhile: func(c *cluster) { c.commit(c.plan(c.alloc("x", "n1", 600))) },
			plan: func(c *cluster) *nl.Plan {
				p := c.plan(c.alloc("a", "n1", 600), c.alloc("b", "n2", 600))
				p.AllAtOnce = true
				p.Deployment = &nl.Deployment{ID: "d"}
				return p
			},
			placed: []string{}, rejected: []string{"n1"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCluster(t)
			if test.meanwhile != nil {
				test.meanwhile(c)
			}
			p := test.plan(c)
			accepted, rejected := verify.Plan(c.s, nil, p)
			if got := ids(accepted); !slices.Equal(got, test.placed) {
				t.Errorf("accepted %v, want %v", got, test.placed)
			}
			if !slices.Equal(rejected, test.rejected) {
				t.Errorf("rejected %v, want %v", rejected, test.rejected)
			}
			if len(accepted.Stop) != test.stops {
				t.Errorf("accepted %d stops, want %d", len(accepted.Stop), test.stops)
			}
			if (len(accepted.Evals) == 0) != (accepted != p) || len(rejected) > 0 && accepted == p {
				t.Errorf("%d evaluations, all accepted: %t, rejected %v", len(accepted.Evals), accepted == p, rejected)
			}
			if p.AllAtOnce && accepted.Deployment != nil {
				t.Error("nothing is committed, but the deployment")
			}
			if _, again := verify.Plan(c.s, nil, accepted); len(again) > 0 {
				t.Errorf("verifying again rejects %v", again)
			}
		})
	}
}

// What is committed of a plan that is rejected in part may name evaluations that
// are to look at it later: they are committed, too.
func TestPlanKeepsFollowups(t *testing.T) {
	c := newCluster(t)
	c.commit(c.plan(c.alloc("x", "n1", 10), c.alloc("y", "n2", 10)))
	later := func(id string) *nl.Eval { return &nl.Eval{ID: id, Namespace: "default", JobID: "web"} }
	noted := c.s.Alloc("y").Copy()
	noted.Amend().FollowupEvalID = "reschedule"
	dropped := c.alloc("b", "n2", 2000)
	dropped.Amend().FollowupEvalID = "of what is dropped"
	p := c.plan(noted, dropped)
	p.Place[0].NodeID, p.Place[1].NodeID = "n2", "n3"
	c.apply(&op.SetNodeStatus{NodeID: "n1", Status: nl.NodeStatusDisconnected, Time: 1})
	p.Stop = []nl.AllocStop{{AllocID: "x", NodeID: "n1", ClientStatus: nl.AllocClientUnknown, Desired: nl.AllocDesiredRun, FollowupEvalID: "timeout"}}
	p.Evals = append(p.Evals, later("blocked"), later("timeout"), later("of what is dropped"), later("reschedule"))
	accepted, rejected := verify.Plan(c.s, nil, p)
	var got []string
	for _, e := range accepted.Evals {
		got = append(got, e.ID)
	}
	if !slices.Equal(got, []string{"timeout", "reschedule"}) || !slices.Equal(rejected, []string{"n3"}) {
		t.Errorf("evaluations %q with rejected nodes %q", got, rejected)
	}
}

func TestPlanDropsUnplacedCanaries(t *testing.T) {
	c := newCluster(t)
	p := c.plan(c.alloc("a", "n1", 2000), c.alloc("b", "n2", 10))
	p.Deployment = &nl.Deployment{ID: "d", TaskGroups: map[string]*nl.DeploymentState{"g": {PlacedCanaries: []string{"a", "b"}}}}
	accepted, _ := verify.Plan(c.s, nil, p)
	if got := accepted.Deployment.TaskGroups["g"].PlacedCanaries; !slices.Equal(got, []string{"b"}) {
		t.Errorf("canaries %v, want only b", got)
	}
	if got := p.Deployment.TaskGroups["g"].PlacedCanaries; len(got) != 2 {
		t.Errorf("the given plan was changed: %v", got)
	}
}

// What is on its way into the log counts, once, whether it has arrived or not.
func TestAhead(t *testing.T) {
	c := newCluster(t)
	c.commit(&nl.Plan{Place: []*nl.Alloc{c.alloc("old", "n1", 300)}})
	on := c.s.Index()
	var held verify.Ahead
	first := &nl.Plan{SnapshotIndex: on, Place: []*nl.Alloc{c.alloc("a", "n1", 400)}}
	held.Add(store.PlanDelta(first, 1))
	ahead := []*verify.Ahead{&held}
	rejected := func(p *nl.Plan) bool {
		_, rejected := verify.Plan(c.s, ahead, p)
		return len(rejected) > 0
	}
	fits := &nl.Plan{SnapshotIndex: on, Place: []*nl.Alloc{c.alloc("b", "n1", 300)}}
	over := &nl.Plan{SnapshotIndex: on, Place: []*nl.Alloc{c.alloc("b", "n1", 301)}}
	for _, when := range []string{"before it arrives", "after it has arrived"} {
		if rejected(fits) || !rejected(over) {
			t.Errorf("%s: 300 MB are rejected: %t, 301 MB: %t", when, rejected(fits), rejected(over))
		}
		c.commit(first)
	}
	// Room that a stop makes is not there before the stop is.
	held.Add(store.PlanDelta(&nl.Plan{Stop: []nl.AllocStop{{AllocID: "old", NodeID: "n1"}}}, 1))
	if !rejected(over) {
		t.Error("a plan builds on a stop that has not arrived")
	}
	rewrite := c.s.Alloc("old").Copy()
	if !rejected(&nl.Plan{SnapshotIndex: c.s.Index(), Place: []*nl.Alloc{rewrite}}) {
		t.Error("an allocation is rewritten that is about to be stopped")
	}
}

// gang makes a plan's new allocations of group g belong together.
func gang(p *nl.Plan) *nl.Plan {
	p.Job = &nl.Job{ID: "web"}
	p.Gangs = [][]string{{"g"}}
	return p
}

func TestGangs(t *testing.T) {
	c := newCluster(t)
	c.commit(c.plan(c.alloc("x", "n1", 600)))
	c.commit(c.plan(c.alloc("old", "n2", 600)))
	c.commit(c.plan(c.alloc("low", "n3", 600)))

	// One member has no room any more: the whole gang goes, with what it would
	// have replaced and evicted, and then what stood on that room.
	replacing, evicting, other := c.alloc("b", "n2", 600), c.alloc("c", "n3", 600), c.alloc("d", "n2", 400)
	replacing.Amend().PreviousAllocation = "old"
	other.TaskGroup = "other"
	p := gang(c.plan(c.alloc("a", "n1", 600), replacing, evicting, other))
	p.Stop = []nl.AllocStop{{AllocID: "old", NodeID: "n2"}}
	p.Preempt = []nl.AllocPreemption{{AllocID: "low", NodeID: "n3", ByAlloc: "c"}}
	accepted, rejected := verify.Plan(c.s, nil, p)
	if got := ids(accepted); !slices.Equal(got, []string{"d"}) || !slices.Equal(rejected, []string{"n1"}) {
		t.Errorf("accepted %v, rejected %v", got, rejected)
	}
	if len(accepted.Stop)+len(accepted.Preempt) > 0 {
		t.Errorf("still stops %v and evicts %v", accepted.Stop, accepted.Preempt)
	}
	if len(p.Place) != 4 || len(p.Stop) != 1 || len(p.Preempt) != 1 {
		t.Error("the given plan was changed")
	}

	// What keeps running because of that may be in the way of others.
	other.AllocatedResources = c.alloc("", "", 401).AllocatedResources
	accepted, rejected = verify.Plan(c.s, nil, p)
	if got := ids(accepted); len(got) > 0 || !slices.Equal(rejected, []string{"n1", "n2"}) {
		t.Errorf("accepted %v, rejected %v", got, rejected)
	}

	// Another gang is not concerned, nor is what exists already.
	rest := gang(c.plan(c.s.Alloc("old").Copy(), c.alloc("e", "n1", 300), c.alloc("f", "n1", 600)))
	rest.Place[2].TaskGroup = "other"
	rest.Gangs = [][]string{{"g"}, {"other"}}
	if accepted, _ = verify.Plan(c.s, nil, rest); !slices.Equal(ids(accepted), []string{"old"}) {
		t.Errorf("accepted %v", ids(accepted))
	}
	rest.Place[2].NodeID = "n3"
	if accepted, rejected = verify.Plan(c.s, nil, rest); !slices.Equal(ids(accepted), []string{"old", "e"}) || !slices.Equal(rejected, []string{"n3"}) {
		t.Errorf("accepted %v, rejected %v", ids(accepted), rejected)
	}
}

// What a job keeps away from may have come to the node meanwhile.
func TestShunnedCompany(t *testing.T) {
	c := newCluster(t)
	c.apply(&op.RegisterJob{Job: &nl.Job{ID: "shy", Name: "shy", Namespace: "default", Type: "service", NodePool: "default",
		TaskGroups: []*nl.Group{{Name: "g", Count: 1, Constraints: []*nl.Constraint{
			{LTarget: "${alloc.job}", Operand: "!=", RTarget: "web"}, {LTarget: "${alloc.job}", Operand: "=", RTarget: "gone"},
		}}}}})
	shy := func(p *nl.Plan) *nl.Plan {
		p.Job = c.s.Job("default", "shy")
		for _, a := range p.Place {
			a.JobID = "shy"
		}
		return p
	}
	rejects := func(c *cluster, ahead []*verify.Ahead, p *nl.Plan) bool {
		_, rejected := verify.Plan(c.s, ahead, p)
		return len(rejected) > 0
	}
	early := shy(c.plan(c.alloc("a", "n1", 10)))
	if rejects(c, nil, early) {
		t.Error("rejected on an empty node")
	}
	beside := c.plan(c.alloc("x", "n1", 10))
	var held verify.Ahead
	held.Add(store.PlanDelta(beside, 1))
	if !rejects(c, []*verify.Ahead{&held}, early) {
		t.Error("accepted beside what is on its way")
	}
	c.commit(beside)
	if !rejects(c, nil, early) {
		t.Error("accepted beside what came meanwhile")
	}
	if rejects(c, nil, shy(c.plan(c.alloc("a", "n1", 10)))) {
		t.Error("rejected for what the scheduler knew of")
	}
	c.commit(&nl.Plan{Stop: []nl.AllocStop{{AllocID: "x", NodeID: "n1"}}})
	if rejects(c, nil, early) {
		t.Error("rejected for what is over")
	}
}

// A plan that is given in twice rewrites nothing, whether or not the first is
// there by then.
func TestTwice(t *testing.T) {
	c := newCluster(t)
	p := c.plan(c.alloc("a", "n1", 600))
	var held verify.Ahead
	held.Add(store.PlanDelta(p, 1))
	if _, rejected := verify.Plan(c.s, []*verify.Ahead{&held}, p); len(rejected) > 0 {
		t.Error("rejected beside itself: what is on its way takes the place of what comes")
	}
	c.commit(p)
	for _, ahead := range [][]*verify.Ahead{nil, {&held}} {
		if _, rejected := verify.Plan(c.s, ahead, p); len(rejected) == 0 {
			t.Error("accepted although servers have written it since")
		}
	}
}
