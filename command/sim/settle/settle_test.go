package settle_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/command/sim/settle"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/server/watch"
)

// lab is a cluster with nodes of 1,000 MHz and 1,000 MB.
type lab struct {
	*settle.Cluster
	t *testing.T
}

func newLab(t *testing.T, nodes int) *lab {
	l := &lab{settle.New(store.Empty(), time.Unix(1000, 0).UTC(), 1), t}
	for i := range nodes {
		l.do(l.join(i))
	}
	return l
}

func (l *lab) do(o op.Op) {
	l.t.Helper()
	if _, err := l.Do(o); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) settle() {
	l.t.Helper()
	if err := l.Settle(); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) join(i int) op.Op {
	n := &nl.Node{
		ID: fmt.Sprintf("node-%d", i), Name: fmt.Sprint(i), SecretID: fmt.Sprint("s", i), Datacenter: "dc1", NodePool: "default",
		Status: nl.NodeStatusReady, SchedulingEligibility: nl.NodeEligible, Attributes: map[string]string{"driver.mock": "1"},
		NodeResources: &nl.NodeResources{Cpu: nl.LegacyNodeCpuResources{CpuShares: 1000}, Memory: nl.NodeMemoryResources{MemoryMB: 1000}},
	}
	n.ComputedClass = nl.ComputedClass(n)
	return &op.RegisterNode{Node: n, Time: 1, Evals: watch.EvalsForJoiningNode(l.Snapshot(), n, nl.TriggerNodeUpdate, 1, l.NewID)}
}

// register runs a job whose allocations fill half a node each.
func (l *lab) register(kind string, count int, change func(*nl.Group)) {
	l.t.Helper()
	g := &nl.Group{
		Name: "g", Count: count, Update: &nl.UpdateStrategy{}, EphemeralDisk: &nl.EphemeralDisk{},
		Tasks: []*nl.Task{{Name: "t", Driver: "mock", Resources: &nl.Resources{CPU: 500, MemoryMB: 500}}},
	}
	if change != nil {
		change(g)
	}
	job := &nl.Job{
		ID: "web", Name: "web", Namespace: "default", Region: "global", Type: kind, Priority: 50, Datacenters: []string{"*"},
		NodePool: "default", TaskGroups: []*nl.Group{g},
	}
	l.do(&op.RegisterJob{Job: job, Eval: l.Eval(job, nl.TriggerJobRegister)})
}

// want checks how many allocations of each version run, and that nothing else
// is left to do.
func (l *lab) want(versions map[uint64]int, blocked int) {
	l.t.Helper()
	got := map[uint64]int{}
	for a := range l.Snapshot().Allocs("default") {
		if a.Terminal() {
			continue
		}
		got[a.JobVersion]++
		if a.ClientStatus != nl.AllocClientRunning {
			l.t.Errorf("allocation %s is %s", a.Name, a.ClientStatus)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(versions) {
		l.t.Errorf("running by version: %v, want %v", got, versions)
	}
	waiting := 0
	for e := range l.Snapshot().Evals("default") {
		switch e.Status {
		case nl.EvalStatusBlocked:
			waiting++
		case nl.EvalStatusPending:
			l.t.Errorf("evaluation %s (%s) is pending", e.ID, e.TriggeredBy)
		}
	}
	if waiting != blocked {
		l.t.Errorf("%d blocked evaluations, want %d", waiting, blocked)
	}
}

func TestBlockedWorkIsPlacedWhenNodesJoin(t *testing.T) {
	l := newLab(t, 1)
	l.register("service", 5, nil)
	l.settle()
	l.want(map[uint64]int{0: 2}, 1)
	l.do(l.join(1))
	l.settle()
	l.want(map[uint64]int{0: 4}, 1)
	l.do(l.join(2))
	l.settle()
	l.want(map[uint64]int{0: 5}, 0)
}

func TestWorkOfLostNodesMoves(t *testing.T) {
	l := newLab(t, 3)
	l.register("service", 4, nil)
	l.settle()
	evals := watch.EvalsForNode(l.Snapshot(), "node-0", nl.TriggerNodeUpdate, 1, l.NewID)
	l.do(&op.DeregisterNodes{NodeIDs: []string{"node-0"}, Evals: evals})
	l.settle()
	l.want(map[uint64]int{0: 4}, 0)
}

func TestDeploymentsGoToTheirEnd(t *testing.T) {
	rolling := func(cpu int, canaries int) func(*nl.Group) {
		return func(g *nl.Group) {
			g.Tasks[0].Resources.CPU = cpu
			g.Update = &nl.UpdateStrategy{MaxParallel: 1, Canary: canaries, HealthCheck: "task_states", ProgressDeadline: 10 * time.Minute, HealthyDeadline: 5 * time.Minute}
		}
	}
	for _, canaries := range []int{0, 1} {
		l := newLab(t, 3)
		l.register("service", 4, rolling(500, canaries))
		l.settle()
		l.want(map[uint64]int{0: 4}, 0)
		l.register("service", 4, rolling(400, canaries))
		l.settle()
		l.want(map[uint64]int{1: 4}, 0)
		d := l.Snapshot().LatestDeployment("default", "web")
		if d == nil || d.Status != nl.DeploymentStatusSuccessful {
			t.Errorf("with %d canaries the deployment ends as %+v", canaries, d)
		}
	}
}

func TestDrainsAndSystemJobs(t *testing.T) {
	l := newLab(t, 3)
	l.register("system", 1, nil)
	l.settle()
	l.want(map[uint64]int{0: 3}, 0)
	l.do(&op.SetNodeDrain{NodeID: "node-1", Strategy: &nl.DrainStrategy{}, Time: 1})
	l.settle()
	l.want(map[uint64]int{0: 2}, 0)
	if n := l.Snapshot().Node("node-1"); n.DrainStrategy != nil {
		t.Error("the drain is not over")
	}
}

func TestEvaluationsWaitForTheirTime(t *testing.T) {
	l := newLab(t, 2)
	l.register("batch", 1, func(g *nl.Group) {
		g.ReschedulePolicy = &nl.ReschedulePolicy{Attempts: 3, Interval: 24 * time.Hour, Delay: time.Minute, DelayFunction: "constant"}
	})
	l.settle()
	var failed []*nl.AllocUpdate
	for a := range l.Snapshot().Allocs("default") {
		failed = append(failed, &nl.AllocUpdate{ID: a.ID, ClientStatus: nl.AllocClientFailed, TaskStates: nl.PackTaskStates(map[string]*nl.TaskState{"t": {State: "dead", Failed: true, FinishedAt: nl.Time{Time: l.Now()}}})})
	}
	evals := watch.EvalsForAllocUpdates(l.Snapshot(), failed, l.Now().UnixNano(), l.NewID)
	if len(evals) != 1 {
		t.Fatalf("%d evaluations for a failure", len(evals))
	}
	before := l.Now()
	l.do(&op.UpdateAllocs{NodeID: "node-0", Updates: failed, Evals: evals, Time: l.Now().UnixNano()})
	l.settle()
	l.want(map[uint64]int{0: 1}, 0)
	if passed := l.Now().Sub(before); passed < time.Minute || passed > 2*time.Minute {
		t.Errorf("%v passed until the replacement", passed)
	}
}

func TestForksAndRepeatsAgree(t *testing.T) {
	names := func(l *lab) (out []string) {
		for a := range l.Snapshot().Allocs("default") {
			out = append(out, a.ID+a.NodeID)
		}
		return out
	}
	build := func() *lab {
		l := newLab(t, 5)
		l.register("service", 7, nil)
		l.settle()
		return l
	}
	one, two := build(), build()
	if fmt.Sprint(names(one)) != fmt.Sprint(names(two)) {
		t.Error("the same writes and seed ended in different states")
	}
	decisions := 0
	one.OnOutcome = func(*sched.Outcome) { decisions++ }
	f := &lab{one.Fork(), t}
	f.register("service", 8, nil)
	f.settle()
	f.want(map[uint64]int{1: 8}, 0)
	if decisions == 0 {
		t.Error("nobody was told of decisions")
	}
	one.want(map[uint64]int{0: 7}, 0)
}
