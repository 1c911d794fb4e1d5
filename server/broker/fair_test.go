package broker

import (
	"fmt"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// submit registers a batch job of one task of 100 MHz, with its evaluation.
func (x *bench) submit(namespace, id string) {
	x.apply(&op.RegisterJob{
		Job: &nl.Job{ID: id, Namespace: namespace, Type: nl.JobTypeBatch, Priority: 50, TaskGroups: []*nl.Group{{Name: "g", Count: 1,
			Tasks: []*nl.Task{{Name: "t", Resources: &nl.Resources{CPU: 100, MemoryMB: 10}}}}}},
		Eval: &nl.Eval{ID: id, Namespace: namespace, JobID: id, Type: nl.JobTypeBatch, Priority: 50, Status: nl.EvalStatusPending},
	})
}

// place commits an allocation of a job.
func (x *bench) place(namespace, job, id string) {
	x.apply(&op.ApplyPlans{Plans: []*op.PlanDelta{{Place: []*nl.Alloc{{
		ID: id, Namespace: namespace, JobID: job, TaskGroup: "g", NodeID: "n", EvalID: job,
		AllocatedResources: &nl.AllocatedResources{Tasks: map[string]*nl.AllocatedTaskResources{"t": {
			Cpu: nl.AllocatedCpuResources{CpuShares: 100}, Memory: nl.AllocatedMemoryResources{MemoryMB: 10}}}},
	}}}}})
}

func (x *bench) shares() string {
	out := ""
	for _, s := range x.b.Stats().Shares {
		out += fmt.Sprintf("%s %.2f/%d ", s.Namespace, s.Share, s.Weight)
	}
	return out
}

// What namespaces have is counted from the state when sharing begins and from
// what is written afterwards, alike on a new leader.
func TestBroker_SharesFairly(t *testing.T) {
	inBubble(t, func(x *bench) {
		node := &nl.Node{ID: "n", Status: nl.NodeStatusReady, NodeResources: &nl.NodeResources{
			Cpu: nl.LegacyNodeCpuResources{CpuShares: 1000}, Memory: nl.NodeMemoryResources{MemoryMB: 1000}}}
		x.apply(&op.RegisterNode{Node: node})
		x.apply(&op.UpsertNamespaces{Namespaces: []*nl.Namespace{{Name: "a"}, {Name: "b", Weight: 4}}})
		done := func(id string) {
			x.t.Helper()
			if err := x.b.Ack(id, x.expect(id)); err != nil {
				x.t.Error(err)
			}
		}
		x.submit("a", "a1")
		x.submit("b", "b1")
		done("a1")
		done("b1")
		x.place("a", "a1", "alloc-a1")
		x.place("b", "b1", "alloc-b1")
		if got := x.shares(); got != "" {
			x.t.Errorf("counted although nobody shares: %s", got)
		}

		share := func(on bool) {
			c := *x.st.Snapshot().SchedulerConfig()
			c.BatchFairShare = on
			x.apply(&op.SetSchedulerConfig{Config: &c})
		}
		x.submit("a", "a2")
		x.submit("b", "b2")
		share(true)
		if got, want := x.shares(), "a 0.10/1 b 0.03/4 "; got != want {
			x.t.Errorf("shares are %q, want %q", got, want)
		}
		done("b2")
		x.place("b", "b2", "alloc-b2")
		x.place("b", "b2", "alloc-b3")
		x.apply(&op.UpsertNamespaces{Namespaces: []*nl.Namespace{{Name: "b", Weight: 2}}})
		x.apply(&op.UpdateAllocs{Updates: []*nl.AllocUpdate{{ID: "alloc-a1", ClientStatus: nl.AllocClientComplete}}})
		larger := *node
		larger.NodeResources = &nl.NodeResources{Cpu: nl.LegacyNodeCpuResources{CpuShares: 3000}, Memory: nl.NodeMemoryResources{MemoryMB: 1000}}
		x.apply(&op.RegisterNode{Node: &larger})
		want := "a 0.00/1 b 0.05/2 "
		if got := x.shares(); got != want {
			x.t.Errorf("shares are %q, want %q", got, want)
		}
		x.b.SetLeader(false)
		x.b.SetLeader(true)
		if got := x.shares(); got != want {
			x.t.Errorf("shares of a new leader are %q, want %q", got, want)
		}
		share(false)
		if got := x.shares(); got != "" {
			x.t.Errorf("still counted: %s", got)
		}
	})
}

// limit puts a namespace under a quota of so many MHz.
func (x *bench) limit(namespace string, mhz int) {
	x.apply(&op.UpsertQuotas{Quotas: []*nl.QuotaSpec{{Name: "q", Limits: []*nl.QuotaLimit{
		{Region: nl.DefaultRegion, RegionLimit: &nl.QuotaResources{CPU: &mhz}}}}}})
	x.apply(&op.UpsertNamespaces{Namespaces: []*nl.Namespace{{Name: namespace, Quota: "q"}}})
}

// An evaluation that hit a quota is tried again when less is used or more is
// allowed, and for nothing else.
func TestBroker_Quotas(t *testing.T) {
	inBubble(t, func(x *bench) {
		x.apply(&op.RegisterNode{Node: &nl.Node{ID: "n", Status: nl.NodeStatusReady, ComputedClass: "c"}})
		x.limit("a", 100)
		x.submit("a", "j1")
		token := x.expect("j1")
		x.place("a", "j1", "alloc-1")
		block := func() {
			x.put(&nl.Eval{ID: "j2", Namespace: "a", JobID: "j2", Type: nl.JobTypeBatch, Status: nl.EvalStatusBlocked,
				QuotaLimitReached: "q", SnapshotIndex: x.st.Snapshot().Index()})
		}
		block()
		if err := x.b.Ack("j1", token); err != nil {
			x.t.Error(err)
		}
		x.apply(&op.RegisterNode{Node: &nl.Node{ID: "m", Status: nl.NodeStatusReady, ComputedClass: "d"}})
		x.place("a", "j1", "alloc-2") // more is used
		x.expect("none")
		again := func(why string) {
			x.t.Helper()
			e, token := x.dequeue()
			if e == nil {
				x.t.Fatalf("not tried again: %s", why)
			}
			block()
			if err := x.b.Ack(e.ID, token); err != nil {
				x.t.Error(err)
			}
			x.expect("none")
		}
		x.apply(&op.UpdateAllocs{Updates: []*nl.AllocUpdate{{ID: "alloc-1", ClientStatus: nl.AllocClientFailed}}})
		again("an allocation ended")
		x.limit("a", 200)
		again("the quota was raised")
		x.apply(&op.UpsertNamespaces{Namespaces: []*nl.Namespace{{Name: "a"}}})
		again("the namespace left the quota")

		// A change between the decision and the evaluation's arrival is not missed,
		// not even by a new leader.
		x.limit("a", 300)
		x.put(&nl.Eval{ID: "j3", Namespace: "a", JobID: "j3", Type: nl.JobTypeBatch, Status: nl.EvalStatusBlocked, QuotaLimitReached: "q",
			SnapshotIndex: x.st.Snapshot().Index() - 2})
		x.b.SetLeader(false)
		x.b.SetLeader(true)
		if e, _ := x.dequeue(); e == nil {
			x.t.Error("a change was missed")
		}
	})
}
