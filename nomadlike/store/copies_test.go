package store

import (
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// TestCopies: servers that hold the same in other copies come to the same state.
// The one that proposed a write has what it proposed, the others what they read.
func TestCopies(t *testing.T) {
	cpu := 1000
	s := Empty()
	apply := func(s *Snapshot, o op.Op) *Snapshot {
		t.Helper()
		next, _, _, err := Apply(s, s.Index()+1, o)
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	for _, o := range []op.Op{
		&op.UpsertQuotas{Quotas: []*nl.QuotaSpec{{Name: "q", Limits: []*nl.QuotaLimit{{Region: nl.DefaultRegion, RegionLimit: &nl.QuotaResources{CPU: &cpu}}}}}},
		&op.UpsertNamespaces{Namespaces: []*nl.Namespace{{Name: "team", Quota: "q"}}},
		&op.RegisterNode{Node: &nl.Node{ID: "n", Status: nl.NodeStatusReady}},
		&op.RegisterJob{Job: &nl.Job{ID: "web", Namespace: "team", Type: nl.JobTypeService, Region: nl.DefaultRegion,
			TaskGroups: []*nl.Group{{Name: "g", Count: 1, Tasks: []*nl.Task{{Name: "t"}}}}}},
	} {
		s = apply(s, o)
	}
	place := func(r *nl.AllocatedResources, evalID string) op.Op {
		return &op.ApplyPlans{Plans: []*op.PlanDelta{{Time: 1, Place: []*nl.Alloc{{
			ID: "a", Name: "web.g[0]", Namespace: "team", JobID: "web", TaskGroup: "g", NodeID: "n", EvalID: evalID, AllocatedResources: r,
		}}}}}
	}
	resources := func(cpu int64) *nl.AllocatedResources {
		return &nl.AllocatedResources{Tasks: map[string]*nl.AllocatedTaskResources{"t": {Cpu: nl.AllocatedCpuResources{CpuShares: cpu}}}}
	}
	first := resources(100)
	s = apply(s, place(first, "e1"))
	same, copied := apply(s, place(first, "e2")), apply(s, place(resources(100), "e2"))
	if same.Fingerprint() != copied.Fingerprint() {
		t.Error("an allocation that is written again leaves another state where its resources are another copy")
	}
	if more := apply(s, place(resources(200), "e2")); more.QuotaLedger("q").ModifyIndex != more.Index() {
		t.Error("more resources are not counted")
	}
}
