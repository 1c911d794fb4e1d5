package sched

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/sched/reconcile"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// TestPickIsBest places groups of many kinds one by one and compares every
// choice with what looking at all nodes anew would choose.
func TestPickIsBest(t *testing.T) {
	kinds := map[string]func(j *nl.Job, g *nl.Group){
		"plain":       func(*nl.Job, *nl.Group) {},
		"even spread": func(_ *nl.Job, g *nl.Group) { g.Spreads = []*nl.Spread{{Attribute: "${attr.rack}", Weight: 50}} },
		"spread over nodes": func(_ *nl.Job, g *nl.Group) {
			g.Spreads = []*nl.Spread{{Attribute: "${node.unique.id}", Weight: 50}}
		},
		"two even spreads": func(_ *nl.Job, g *nl.Group) {
			g.Spreads = []*nl.Spread{{Attribute: "${node.unique.id}", Weight: 50}, {Attribute: "${attr.rack}", Weight: 20}}
		},
		"spread with targets": func(_ *nl.Job, g *nl.Group) {
			g.Spreads = []*nl.Spread{{Attribute: "${attr.rack}", Weight: 100, SpreadTarget: []*nl.SpreadTarget{{Value: "a", Percent: 60}, {Value: "b", Percent: 20}}}}
		},
		"affinity": func(_ *nl.Job, g *nl.Group) {
			g.Affinities = []*nl.Affinity{{LTarget: "${attr.rack}", Operand: "=", RTarget: "b", Weight: 40}, {LTarget: "${attr.rack}", Operand: "=", RTarget: "c", Weight: -60}}
		},
		"distinct property": func(j *nl.Job, _ *nl.Group) {
			j.Constraints = []*nl.Constraint{{LTarget: "${attr.rack}", Operand: "distinct_property", RTarget: "9"}}
		},
		"distinct hosts": func(_ *nl.Job, g *nl.Group) {
			g.Constraints = []*nl.Constraint{{Operand: "distinct_hosts", RTarget: "true"}}
		},
		"dynamic ports": func(_ *nl.Job, g *nl.Group) {
			g.Networks = []*nl.Network{{DynamicPorts: []*nl.Port{{Label: "a"}, {Label: "b"}}}}
		},
	}
	for name, change := range kinds {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(4) {
				pickAll(t, rand.New(rand.NewPCG(seed, 7)), change)
			}
		})
	}
}

const pickNodes = 80 // more than bucketsMax, so that both ways of ordering are used

func pickAll(t *testing.T, random *rand.Rand, change func(*nl.Job, *nl.Group)) {
	t.Helper()
	s := store.Empty()
	apply := func(o op.Op) {
		next, _, _, err := store.Apply(s, s.Index()+1, o)
		if err != nil {
			t.Fatal(err)
		}
		s = next
	}
	for i := range pickNodes {
		n := &nl.Node{
			ID: fmt.Sprintf("n%02d", i), Name: fmt.Sprint(i), SecretID: fmt.Sprint(i), Datacenter: "dc1", NodePool: "default",
			Status: nl.NodeStatusReady, SchedulingEligibility: nl.NodeEligible,
			Attributes: map[string]string{"driver.mock": "1"},
			NodeResources: &nl.NodeResources{
				Cpu: nl.LegacyNodeCpuResources{CpuShares: 500 + 100*random.Int64N(9)}, Memory: nl.NodeMemoryResources{MemoryMB: 500 + 100*random.Int64N(9)},
				Networks:       []*nl.Network{{IP: "10.0.0.1"}},
				MinDynamicPort: 20000, MaxDynamicPort: 20007,
			},
		}
		if rack := random.IntN(4); rack < 3 {
			n.Attributes["rack"] = string(rune('a' + rack))
		}
		n.ComputedClass = nl.ComputedClass(n)
		apply(&op.RegisterNode{Node: n, Time: 1})
	}
	job := &nl.Job{ID: "web", Name: "web", Namespace: "default", Type: "service", Priority: 50, Datacenters: []string{"*"}, NodePool: "default",
		TaskGroups: []*nl.Group{{Name: "g", Count: 150, Tasks: []*nl.Task{{Name: "t", Driver: "mock", Resources: &nl.Resources{CPU: 60, MemoryMB: 80}}}}}}
	change(job, job.TaskGroups[0])
	apply(&op.RegisterJob{Job: job})
	ids := 0
	r := newRun(s, &nl.Eval{ID: "e", Namespace: "default", JobID: "web", Type: "service"}, Input{Now: time.Unix(1, 0), Seed: 3, NewID: func() string {
		ids++
		return fmt.Sprint(ids)
	}})
	p, err := r.placer(r.job, r.job.TaskGroups[0])
	if err != nil {
		t.Fatal(err)
	}
	// whole looks at every node in the same run.
	r.whole = true
	whole, err := r.newPlacer(r.job, r.job.TaskGroups[0])
	if err != nil {
		t.Fatal(err)
	}
	whole.prepare()
	r.whole = false
	for i := range job.TaskGroups[0].Count {
		place := &reconcile.Placement{Name: reconcile.Name("web", "g", i), Group: r.job.TaskGroups[0]}
		var penalized []string
		if random.IntN(5) == 0 {
			penalized = []string{fmt.Sprintf("n%02d", random.IntN(pickNodes)), fmt.Sprintf("n%02d", random.IntN(pickNodes))}
		}
		whole.catchUp()
		for _, c := range whole.candidates {
			whole.look(c)
		}
		want := whole.scan(place, penalized)
		got := p.pick(place, penalized)
		if got == nil || want == nil {
			if got != nil || want != nil {
				t.Fatalf("placement %d: picked %v, but %v", i, got, want)
			}
			return
		}
		g, w := p.row(got, penalized).NormScore, whole.row(want, penalized).NormScore
		if g != w || got.node != want.node {
			t.Fatalf("placement %d: picked %s with %.6f, best is %s with %.6f", i, got.node.Info.ID, g, want.node.Info.ID, w)
		}
		if !r.putOn(p, got, place, nil, penalized) {
			t.Fatalf("placement %d: the picked node has no room", i)
		}
	}
}

func TestExhausted(t *testing.T) {
	in := Input{Now: time.Unix(9, 0), NewID: func() string { return "new" }}
	e := &nl.Eval{ID: "e", Namespace: "default", JobID: "web", Type: "service", Priority: 70, Status: nl.EvalStatusPending, TriggeredBy: nl.TriggerJobRegister}
	got := Exhausted(e, in, Attempts(e.Type))
	if len(got) != 2 {
		t.Fatalf("%d evaluations, want the failed and a blocked one", len(got))
	}
	done, blocked := got[0], got[1]
	if done.ID != "e" || done.Status != nl.EvalStatusFailed || done.StatusDescription != "maximum attempts reached (5)" || done.BlockedEval != "new" {
		t.Errorf("the evaluation ends as %+v", done)
	}
	if blocked.ID != "new" || blocked.Status != nl.EvalStatusBlocked || blocked.TriggeredBy != nl.TriggerMaxPlans || blocked.PreviousEval != "e" || blocked.Priority != 70 {
		t.Errorf("blocked is %+v", blocked)
	}
	again := Exhausted(blocked, in, Attempts(e.Type))
	if len(again) != 1 || again[0].ID != "new" || again[0].Status != nl.EvalStatusBlocked {
		t.Errorf("a blocked one becomes %+v", again)
	}
	// Tried again, it finds no room: from then on it waits for that, not for a
	// time. What had waited for room and meets conflicts is tried again by time.
	s, _, _, err := store.Apply(store.Empty(), 1, &op.RegisterJob{Job: &nl.Job{ID: "web", Namespace: "default", Type: "service", TaskGroups: []*nl.Group{{
		Name: "g", Count: 1, Tasks: []*nl.Task{{Name: "t", Driver: "mock_driver", Resources: &nl.Resources{CPU: 100}}}, EphemeralDisk: &nl.EphemeralDisk{},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := Schedule(s, again[0], in)
	if err != nil || len(out.Plan.Evals) != 1 || out.Plan.Evals[0].ID != "new" || out.Plan.Evals[0].TriggeredBy != nl.TriggerQueuedAllocs {
		t.Fatalf("without room it becomes %+v, %v", out, err)
	}
	if last := Exhausted(out.Plan.Evals[0], in, Attempts(e.Type)); len(last) != 1 || last[0].TriggeredBy != nl.TriggerMaxPlans {
		t.Errorf("what meets conflicts again becomes %+v", last)
	}
	if e.Status != nl.EvalStatusPending {
		t.Error("the given evaluation was changed")
	}
	for kind, want := range map[string]int{"service": 5, "batch": 2, "system": 5, "sysbatch": 2} {
		if got := Attempts(kind); got != want {
			t.Errorf("%s: %d attempts, want %d", kind, got, want)
		}
	}
}

// What has just refused the evaluation's plans is used only when nothing else is
// left, and never avoided by jobs that run on every node.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		kind    string
		count   int
		refused []string
		want    string
	}{
		{"service", 1, nil, "[n0]"},
		{"service", 1, []string{"n0"}, "[n1]"},
		{"batch", 1, []string{"n0"}, "[n1]"},
		{"service", 1, []string{"n1"}, "[n0]"},
		{"service", 1, []string{"n0", "n1"}, "[n0]"},
		{"service", 10, []string{"n0"}, "[n0 n1]"},
		{"system", 1, []string{"n0"}, "[n0 n1]"},
	} {
		var s = store.Empty()
		apply := func(o op.Op) {
			next, _, _, err := store.Apply(s, s.Index()+1, o)
			if err != nil {
				t.Fatal(err)
			}
			s = next
		}
		for i, cpu := range []int64{1000, 1200} { // packed, the smaller one is fuller
			id := fmt.Sprintf("n%d", i)
			n := &nl.Node{ID: id, Name: id, Status: nl.NodeStatusReady, SchedulingEligibility: nl.NodeEligible, NodePool: "default", Datacenter: "dc1",
				Attributes: map[string]string{"driver.mock_driver": "1"}, NodeResources: &nl.NodeResources{
					Cpu: nl.LegacyNodeCpuResources{CpuShares: cpu}, Memory: nl.NodeMemoryResources{MemoryMB: 1000}, Disk: nl.NodeDiskResources{DiskMB: 1000},
				}}
			n.ComputedClass = nl.ComputedClass(n)
			apply(&op.RegisterNode{Node: n})
		}
		apply(&op.RegisterJob{Job: &nl.Job{ID: "web", Namespace: "default", Type: c.kind, NodePool: "default", Datacenters: []string{"*"}, TaskGroups: []*nl.Group{{
			Name: "g", Count: c.count, Tasks: []*nl.Task{{Name: "t", Driver: "mock_driver", Resources: &nl.Resources{CPU: 150, MemoryMB: 10}}}, EphemeralDisk: &nl.EphemeralDisk{},
		}}}})
		ids := 0
		out, err := Schedule(s, &nl.Eval{ID: "e", Namespace: "default", JobID: "web", Type: c.kind, Status: nl.EvalStatusPending, TriggeredBy: nl.TriggerJobRegister},
			Input{Now: time.Unix(9, 0), Refused: c.refused, NewID: func() string { ids++; return fmt.Sprint("id", ids) }})
		if err != nil {
			t.Fatal(err)
		}
		used := map[string]bool{}
		for _, a := range out.Plan.Place {
			used[a.NodeID] = true
		}
		if got := fmt.Sprint(slices.Sorted(maps.Keys(used))); got != c.want {
			t.Errorf("%d of a %s job, refused by %v: placed on %s, want %s", c.count, c.kind, c.refused, got, c.want)
		}
	}
}

func TestScheduleRefusesUnknownTypes(t *testing.T) {
	if _, err := Schedule(store.Empty(), &nl.Eval{ID: "e", Type: "_core"}, Input{}); err == nil {
		t.Error("an evaluation without a scheduler was scheduled")
	}
}
