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

// BenchmarkPlan verifies a plan of 2,000 allocations, each on a node of its own,
// in a cluster of 6,100 nodes with 200,000, beside another that is on its way.
// They are new, or new ones in place of those of an earlier plan.
func BenchmarkPlan(b *testing.B) {
	const nodes, perPlan, plans = 6100, 2000, 100
	r := rand.New(rand.NewPCG(1, 1))
	id := func() string { return fmt.Sprintf("%08x-%08x", r.Uint32(), r.Uint32()) }
	s := store.Empty()
	apply := func(o op.Op) {
		next, _, _, err := store.Apply(s, s.Index()+1, o)
		if err != nil {
			b.Fatal(err)
		}
		s = next
	}
	var ids []string
	for range nodes {
		ids = append(ids, id())
		apply(&op.RegisterNode{Node: &nl.Node{ID: ids[len(ids)-1], Status: nl.NodeStatusReady, NodeResources: &nl.NodeResources{
			Cpu: nl.LegacyNodeCpuResources{CpuShares: 1 << 20}, Memory: nl.NodeMemoryResources{MemoryMB: 1 << 20},
		}}})
	}
	resources := &nl.AllocatedResources{Tasks: map[string]*nl.AllocatedTaskResources{"t": {Memory: nl.AllocatedMemoryResources{MemoryMB: 64}}}}
	plan := func(n int) *nl.Plan {
		job := fmt.Sprint("job-", n)
		apply(&op.RegisterJob{Job: &nl.Job{Namespace: nl.DefaultNamespace, ID: job, Type: nl.JobTypeService, TaskGroups: []*nl.Group{{Name: "g"}}}})
		p := &nl.Plan{EvalID: id(), SnapshotIndex: s.Index(), Job: s.Job(nl.DefaultNamespace, job)}
		at := r.Perm(nodes)
		for i := range perPlan {
			p.Place = append(p.Place, &nl.Alloc{ID: id(), Namespace: nl.DefaultNamespace, JobID: job, Job: p.Job, TaskGroup: "g",
				NodeID: ids[at[i]], EvalID: p.EvalID, AllocatedResources: resources})
		}
		return p
	}
	for n := range plans {
		apply(&op.ApplyPlans{Plans: []*op.PlanDelta{store.PlanDelta(plan(n), 1)}})
	}
	var held verify.Ahead
	held.Add(store.PlanDelta(plan(plans), 1))
	place := plan(plans + 1)
	replace := *place
	replace.Place = nil
	for i, old := range slices.Collect(s.AllocsByJob(nl.DefaultNamespace, "job-7")) {
		a := *place.Place[i]
		a.NodeID, a.Amend().PreviousAllocation = old.NodeID, old.ID
		replace.Stop = append(replace.Stop, nl.AllocStop{AllocID: old.ID, NodeID: old.NodeID})
		replace.Place = append(replace.Place, &a)
	}
	for _, test := range []struct {
		name string
		plan *nl.Plan
	}{{"place", place}, {"replace", &replace}} {
		b.Run(test.name, func(b *testing.B) {
			for b.Loop() {
				if _, rejected := verify.Plan(s, []*verify.Ahead{&held}, test.plan); len(rejected) > 0 {
					b.Fatal("nodes are full")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*perPlan), "ns/alloc")
		})
	}
}
