package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// resources are a few MHz, sometimes with a port.
func resources(r *rand.Rand) *nl.AllocatedResources {
	out := &nl.AllocatedResources{Tasks: map[string]*nl.AllocatedTaskResources{"t": {Cpu: nl.AllocatedCpuResources{CpuShares: r.Int64N(9)}}}}
	if r.IntN(3) == 0 {
		out.Shared.Ports = []*nl.AllocatedPortMapping{{Label: "p", Value: r.IntN(9)}}
	}
	return out
}

// metric says one of a few things.
func metric(r *rand.Rand) *nl.AllocMetric {
	switch r.IntN(3) {
	case 0:
		return nil
	case 1:
		return &nl.AllocMetric{NodesEvaluated: r.IntN(2), Scores: map[string]float64{}}
	}
	return &nl.AllocMetric{NodesAvailable: map[string]int{"dc1": r.IntN(2)}, ScoreMetaData: []*nl.NodeScoreMeta{
		{NodeID: "node-1", NormScore: 0.5, Scores: nl.ScoreTable{{Name: "binpack", Value: float64(r.IntN(2)) / 3}}},
	}}
}

// randomOp is a write that touches a few jobs, nodes and allocations, so that
// writes meet each other; many are refused.
func randomOp(s *Snapshot, ids *ids) op.Op {
	r := ids.r
	job := func() string { return fmt.Sprintf("job-%d", r.IntN(4)) }
	node := func() string { return fmt.Sprintf("node-%d", r.IntN(3)) }
	pick := func() string {
		for a := range s.AllocsByJob(nl.DefaultNamespace, job()) {
			if r.IntN(3) == 0 {
				return a.ID
			}
		}
		return "none"
	}
	now := int64(s.Index()+1) * int64(time.Second)
	eval := func(job string) *nl.Eval {
		status := []string{nl.EvalStatusPending, nl.EvalStatusComplete, nl.EvalStatusBlocked}[r.IntN(3)]
		return &nl.Eval{ID: fmt.Sprintf("eval-%d", r.IntN(12)), Namespace: nl.DefaultNamespace, JobID: job, Type: nl.JobTypeService,
			Status: status, QueuedAllocations: map[string]int{"g": r.IntN(3)}}
	}
	switch r.IntN(13) {
	case 0, 1:
		id := job()
		return &op.RegisterJob{Job: &nl.Job{Namespace: nl.DefaultNamespace, ID: id, Type: nl.JobTypeService, Priority: r.IntN(3),
			TaskGroups: []*nl.Group{{Name: "g", Count: r.IntN(3)}}}, Eval: eval(id)}
	case 2:
		id := job()
		return &op.DeregisterJob{Namespace: nl.DefaultNamespace, ID: id, Purge: r.IntN(2) == 0, Eval: eval(id)}
	case 3, 4, 5:
		id := job()
		p := &op.PlanDelta{Time: now, Evals: []*nl.Eval{eval(id)}}
		deployment := ""
		if j := s.Job(nl.DefaultNamespace, id); j != nil && r.IntN(2) == 0 {
			deployment = fmt.Sprintf("deployment-%s-%d", id, r.IntN(2))
			p.Deployment = &nl.Deployment{ID: deployment, Namespace: nl.DefaultNamespace, JobID: id, JobCreateIndex: j.CreateIndex,
				Status: nl.DeploymentStatusRunning, TaskGroups: map[string]*nl.DeploymentState{"g": {ProgressDeadline: time.Minute}}}
		}
		why := metric(r)
		for range r.IntN(4) {
			if r.IntN(3) == 0 {
				why = metric(r) // perhaps one that says the same
			}
			p.Place = append(p.Place, &nl.Alloc{ID: ids.next(), Metrics: why, Namespace: nl.DefaultNamespace, JobID: id, TaskGroup: "g",
				NodeID: node(), EvalID: fmt.Sprintf("eval-%d", r.IntN(12)), AllocHistory: &nl.AllocHistory{PreviousAllocation: pick()}, DeploymentID: deployment,
				AllocatedResources: resources(r)})
		}
		p.Stop = []nl.AllocStop{{AllocID: pick()}, {AllocID: pick(), ClientStatus: nl.AllocClientLost}}
		p.Preempt = []nl.AllocPreemption{{AllocID: pick(), ByAlloc: "x"}}
		return &op.ApplyPlans{Plans: []*op.PlanDelta{p}}
	case 6, 7:
		healthy := r.IntN(2) == 0
		status := []string{nl.AllocClientRunning, nl.AllocClientFailed, nl.AllocClientComplete, nl.AllocClientUnknown}[r.IntN(4)]
		return &op.UpdateAllocs{NodeID: node(), Time: now, Updates: []*nl.AllocUpdate{
			{ID: pick(), ClientStatus: status, DeploymentStatus: &nl.AllocDeploymentStatus{Healthy: &healthy, Timestamp: timeOf(now)}},
			{ID: pick(), ClientStatus: nl.AllocClientRunning},
		}}
	case 8:
		return &op.RegisterNode{Node: &nl.Node{ID: node(), SecretID: ids.next(), Status: nl.NodeStatusReady, NodePool: []string{"", "gpu"}[r.IntN(2)]}, Time: now}
	case 9:
		c := &op.Collect{Evals: []string{fmt.Sprintf("eval-%d", r.IntN(12))}, Allocs: []string{pick(), pick()},
			Jobs: []op.JobID{{Namespace: nl.DefaultNamespace, ID: job()}}, Nodes: []string{node()}}
		for d := range s.Deployments(nl.AllNamespaces) {
			c.Deployments = append(c.Deployments, d.ID)
		}
		return c
	case 10:
		for d := range s.Deployments(nl.AllNamespaces) {
			if r.IntN(4) == 0 {
				return &op.SetAllocHealth{DeploymentID: d.ID, Healthy: []string{pick()}, Time: now,
					Update: &nl.DeploymentStatusUpdate{DeploymentID: "none", Status: nl.DeploymentStatusFailed}}
			}
		}
		for d := range s.Deployments(nl.AllNamespaces) {
			if d.Active() && r.IntN(2) == 0 {
				return &op.UpdateDeployment{Update: nl.DeploymentStatusUpdate{DeploymentID: d.ID,
					Status: []string{nl.DeploymentStatusSuccessful, nl.DeploymentStatusFailed, nl.DeploymentStatusPaused}[r.IntN(3)]}}
			}
		}
		return &op.ReconcileSummaries{}
	case 11:
		return &op.UpsertNamespaces{Namespaces: []*nl.Namespace{{Name: nl.DefaultNamespace, Quota: []string{"", "q1", "q2"}[r.IntN(3)]}}}
	}
	return &op.SetNodeStatus{NodeID: node(), Status: []string{nl.NodeStatusDown, nl.NodeStatusReady}[r.IntN(2)], Time: now}
}

// Random writes keep what is counted equal to what is there, never change an
// earlier snapshot, and survive being saved and restored at any point: the
// restored state continues exactly as the original does.
func TestRandomWrites(t *testing.T) {
	for seed := range uint64(6) {
		ids := &ids{rand.New(rand.NewPCG(seed, 1))}
		s, restored := Empty(), Empty()
		type kept struct {
			s           *Snapshot
			fingerprint string
		}
		var earlier []kept
		for step := range 400 {
			o := randomOp(s, ids)
			// Followers apply what they read from the log, the leader what it
			// proposed.
			read := readBack(t, o)
			var err, errRestored error
			s, _, _, err = Apply(s, s.Index()+1, o)
			restored, _, _, errRestored = Apply(restored, restored.Index()+1, read)
			if (err == nil) != (errRestored == nil) {
				t.Fatalf("seed %d, step %d: %v, and after restoring %v", seed, step, err, errRestored)
			}
			if step%25 != 0 {
				continue
			}
			checkCounters(t, s)
			checkCapacity(t, s)
			checkCapacity(t, restored)
			fingerprint := s.Fingerprint()
			if restored.Fingerprint() != fingerprint {
				t.Fatalf("seed %d, step %d: the restored state went another way", seed, step)
			}
			earlier = append(earlier, kept{s, fingerprint})
			var saved bytes.Buffer
			if err := s.Save(&saved); err != nil {
				t.Fatal(err)
			}
			if restored, err = Restore(&saved); err != nil {
				t.Fatal(err)
			}
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
		}
		for _, k := range earlier {
			if k.s.Fingerprint() != k.fingerprint {
				t.Errorf("seed %d: the snapshot at index %d changed later", seed, k.s.Index())
			}
		}
	}
}

// checkCapacity compares the index of what is left on nodes with the nodes.
func checkCapacity(t *testing.T, s *Snapshot) {
	t.Helper()
	x := s.Capacity()
	ready := 0
	for n := range s.Nodes() {
		if n.Ready() {
			ready++
		}
		if slot := x.Get(n.ID); (slot != nil) != n.Ready() || slot != nil && (slot.Node != n || slot.Usage != s.NodeUsage(n.ID)) {
			t.Errorf("node %s is indexed as %+v", n.ID, slot)
		}
	}
	if x.Len() != ready {
		t.Errorf("%d nodes are indexed, %d are ready", x.Len(), ready)
	}
}

// readBack is the op as the log gives it back.
func readBack(t *testing.T, o op.Op) op.Op {
	t.Helper()
	b, err := wire.EncodeOp(o)
	if err != nil {
		t.Fatal(err)
	}
	read, err := wire.DecodeOp(b)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// A damaged or shortened file is refused, whatever its bytes.
func TestRestoreDamaged(t *testing.T) {
	ids := newIDs()
	s := Empty()
	for range 100 {
		s, _, _, _ = Apply(s, s.Index()+1, randomOp(s, ids))
	}
	var saved bytes.Buffer
	if err := s.Save(&saved); err != nil {
		t.Fatal(err)
	}
	whole := saved.Bytes()
	for i := 0; i < len(whole); i += 1 + i/64 {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 0x41
		if _, err := Restore(bytes.NewReader(damaged)); err == nil {
			t.Errorf("byte %d of %d changed, and nobody noticed", i, len(whole))
		}
		if _, err := Restore(bytes.NewReader(whole[:i])); err == nil {
			t.Errorf("only %d of %d bytes, and nobody noticed", i, len(whole))
		}
	}
}

type fullDisk struct{ left int }

var errFull = errors.New("disk full")

func (d *fullDisk) Write(b []byte) (int, error) {
	if d.left -= len(b); d.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestSaveTellsErrors(t *testing.T) {
	if err := Empty().Save(&fullDisk{left: 10}); !errors.Is(err, errFull) {
		t.Errorf("saving to a full disk gives %v", err)
	}
	if err := Empty().Save(io.Discard); err != nil {
		t.Error(err)
	}
}

// Ops that lack what they are about are refused, not followed.
func TestIncompleteOps(t *testing.T) {
	for kind := op.Kind(1); op.New(kind) != nil; kind++ {
		next, _, _, _ := Apply(Empty(), 5, op.New(kind))
		if next.Index() != 5 {
			t.Errorf("kind %d leaves the index at %d", kind, next.Index())
		}
	}
	for _, o := range []op.Op{
		nil, &op.RegisterJob{}, &op.RegisterNode{}, &op.SetSchedulerConfig{}, &op.SetAutopilotConfig{}, &op.UpsertRootKey{},
		&op.UpsertRootKey{Key: &nl.RootKey{}}, &op.UpsertEvals{Evals: []*nl.Eval{nil}},
		&op.ApplyPlans{Plans: []*op.PlanDelta{nil}}, &op.ApplyPlans{Plans: []*op.PlanDelta{{Place: []*nl.Alloc{nil}}}},
		&op.UpdateAllocs{Updates: []*nl.AllocUpdate{nil}}, &op.UpsertNamespaces{Namespaces: []*nl.Namespace{nil}},
		&op.UpsertNodePools{Pools: []*nl.NodePool{nil}}, &op.UpsertServices{Services: []*nl.ServiceRegistration{nil}},
		&op.Batch{Ops: []op.Op{&op.RegisterJob{}}}, &op.Batch{Ops: []op.Op{nil}},
		&op.RegisterJob{Job: &nl.Job{TaskGroups: []*nl.Group{nil}}},
		&op.UpsertQuotas{Quotas: []*nl.QuotaSpec{nil}}, &op.UpsertQuotas{Quotas: []*nl.QuotaSpec{{Limits: []*nl.QuotaLimit{nil}}}},
		&op.UpsertQuotas{Quotas: []*nl.QuotaSpec{{Limits: []*nl.QuotaLimit{{RegionLimit: &nl.QuotaResources{NodePools: []*nl.NodePoolLimit{nil}}}}}}},
	} {
		if _, changes, _, err := Apply(Empty(), 5, o); err == nil || len(changes) > 0 {
			t.Errorf("%T %+v is applied", o, o)
		}
	}
}
