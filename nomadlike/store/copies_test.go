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

// TestUpdatePlace: where an update's allocation was found spares the search, and
// whatever it says, the update is of the allocation that it names.
func TestUpdatePlace(t *testing.T) {
	c := newCrowd(t, 3)
	c.register(t, "web", 4)
	plan := c.plan("web", 4)
	c.apply(t, plan)
	ids := []string{"unknown"}
	for _, a := range plan.Plans[0].Place {
		ids = append(ids, a.ID)
	}
	var want string
	for place := range uint64(8) {
		u := &op.UpdateAllocs{Time: 5}
		for _, id := range ids {
			one := runningUpdate(id)
			one.Place = place
			u.Updates = append(u.Updates, one)
		}
		next, _, _, err := Apply(c.state, c.state.Index()+1, u)
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = next.Fingerprint()
		} else if got := next.Fingerprint(); got != want {
			t.Errorf("place %d: fingerprint %s, want %s", place, got, want)
		}
		for _, one := range u.Updates[1:] {
			if a := next.AllocOf(one); a == nil || a.ID != one.ID || a.ClientStatus != nl.AllocClientRunning {
				t.Errorf("place %d: update of %s found %v", place, one.ID, a)
			}
			if number, _ := next.numbered(one.ID); one.Place != number+1 {
				t.Errorf("place %d: noted %d, want %d", place, one.Place, number+1)
			}
		}
	}
}
