package sched_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/sched/reconcile"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/nomadlike/verify"
)

func benchApply(b testing.TB, s *store.Snapshot, o op.Op) *store.Snapshot {
	b.Helper()
	next, _, _, err := store.Apply(s, s.Index()+1, o)
	if err != nil {
		b.Fatal(err)
	}
	return next
}

// benchCluster has nodes alike but for four classes.
func benchCluster(b testing.TB, nodes int) *store.Snapshot {
	b.Helper()
	s := store.Empty()
	for i := range nodes {
		n := &nl.Node{
			ID: fmt.Sprintf("10000000-0000-0000-0000-%012d", i), Name: fmt.Sprintf("n%d", i), SecretID: fmt.Sprintf("s%d", i),
			Datacenter: "dc1", NodePool: "default", Status: nl.NodeStatusReady, SchedulingEligibility: nl.NodeEligible,
			Attributes: map[string]string{"kernel.name": "linux", "rack": fmt.Sprint(i % 4), "unique.hostname": fmt.Sprint(i)},
			Drivers:    map[string]*nl.DriverInfo{"mock_driver": {Detected: true, Healthy: true}},
			NodeResources: &nl.NodeResources{
				Cpu:    nl.LegacyNodeCpuResources{CpuShares: 16000},
				Memory: nl.NodeMemoryResources{MemoryMB: 32768},
				Disk:   nl.NodeDiskResources{DiskMB: 500000},
				NodeNetworks: []*nl.NodeNetworkResource{{Mode: "host", Addresses: []*nl.NodeNetworkAddress{
					{Alias: "default", Address: "10.0.0.1"},
				}}},
			},
			ReservedResources: &nl.NodeReservedResources{},
		}
		n.ComputedClass = nl.ComputedClass(n)
		s = benchApply(b, s, &op.RegisterNode{Node: n, Time: 1})
	}
	return s
}

func benchJob(count int, change func(*nl.Group)) *nl.Job {
	g := &nl.Group{
		Name: "g", Count: count, EphemeralDisk: &nl.EphemeralDisk{SizeMB: 10},
		Constraints: []*nl.Constraint{{LTarget: "${attr.kernel.name}", Operand: "=", RTarget: "linux"}},
		Tasks:       []*nl.Task{{Name: "t", Driver: "mock_driver", Resources: &nl.Resources{CPU: 20, MemoryMB: 20}}},
		Update:      &nl.UpdateStrategy{MaxParallel: 1},
	}
	if change != nil {
		change(g)
	}
	return &nl.Job{
		ID: "bench", Name: "bench", Namespace: "default", Type: nl.JobTypeService, Priority: 50,
		Datacenters: []string{"*"}, NodePool: "default", TaskGroups: []*nl.Group{g},
	}
}

func benchInput() sched.Input {
	ids := 0
	return sched.Input{Now: time.Unix(1, 0), Seed: 1, NewID: func() string {
		ids++
		return fmt.Sprintf("20000000-0000-0000-0000-%012d", ids)
	}}
}

func benchSchedule(b *testing.B, s *store.Snapshot) *sched.Outcome {
	b.Helper()
	e := &nl.Eval{ID: "30000000-0000-0000-0000-000000000001", Namespace: "default", JobID: "bench", Type: nl.JobTypeService, Priority: 50}
	out, err := sched.Schedule(s, e, benchInput())
	if err != nil {
		b.Fatal(err)
	}
	return out
}

func BenchmarkPlace(b *testing.B) {
	spread := func(g *nl.Group) { g.Spreads = []*nl.Spread{{Attribute: "${node.unique.id}", Weight: 100}} }
	racks := func(g *nl.Group) { g.Spreads = []*nl.Spread{{Attribute: "${attr.rack}", Weight: 100}} }
	ports := func(g *nl.Group) { g.Networks = []*nl.Network{{DynamicPorts: []*nl.Port{{Label: "http"}}}} }
	for _, c := range []struct {
		name         string
		nodes, count int
		change       func(*nl.Group)
	}{
		{"5000on1000", 1000, 5000, nil},
		{"5000on5000", 5000, 5000, nil},
		{"1on5000", 5000, 1, nil},
		{"spread1000on1000", 1000, 1000, spread},
		{"spread5000on5000", 5000, 5000, spread},
		{"racks5000on1000", 1000, 5000, racks},
		{"ports5000on1000", 1000, 5000, ports},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := benchApply(b, benchCluster(b, c.nodes), &op.RegisterJob{Job: benchJob(c.count, c.change)})
			b.ReportAllocs()
			for b.Loop() {
				if out := benchSchedule(b, s); len(out.Plan.Place) != c.count {
					b.Fatalf("placed %d of %d", len(out.Plan.Place), c.count)
				}
			}
			b.ReportMetric(float64(c.count)*float64(b.N)/b.Elapsed().Seconds(), "placements/s")
		})
	}
}

// BenchmarkSingle places one allocation with one evaluation, on empty nodes and
// on nodes that are filled unevenly.
func BenchmarkSingle(b *testing.B) {
	ports := func(g *nl.Group) { g.Networks = []*nl.Network{{DynamicPorts: []*nl.Port{{Label: "http"}}}} }
	for _, nodes := range []int{100, 1000, 5000, 10_000, 50_000} {
		empty := benchCluster(b, nodes)
		filled := benchFilled(b, empty, nodes)
		for _, c := range []struct {
			name   string
			s      *store.Snapshot
			change func(*nl.Group)
		}{{"empty", empty, nil}, {"filled", filled, nil}, {"ports", filled, ports}} {
			b.Run(fmt.Sprintf("nodes=%d/%s", nodes, c.name), func(b *testing.B) {
				s := benchApply(b, c.s, &op.RegisterJob{Job: benchJob(1, c.change)})
				b.ReportAllocs()
				for b.Loop() {
					if out := benchSchedule(b, s); len(out.Plan.Place) != 1 {
						b.Fatal("nothing is placed")
					}
				}
			})
		}
	}
}

// benchFilled puts an allocation of its own size on each node.
func benchFilled(b *testing.B, s *store.Snapshot, nodes int) *store.Snapshot {
	job := benchJob(nodes, nil)
	job.ID, job.Name = "filler", "filler"
	s = benchApply(b, s, &op.RegisterJob{Job: job})
	r := rand.New(rand.NewPCG(1, 1))
	p := &op.PlanDelta{Time: 1}
	for i := range nodes {
		p.Place = append(p.Place, &nl.Alloc{
			ID: fmt.Sprintf("40000000-0000-0000-0000-%012d", i), Namespace: "default", JobID: "filler", TaskGroup: "g",
			Name: fmt.Sprintf("filler.g[%d]", i), NodeID: fmt.Sprintf("10000000-0000-0000-0000-%012d", i), EvalID: "filler",
			AllocatedResources: &nl.AllocatedResources{Tasks: map[string]*nl.AllocatedTaskResources{"t": {
				Cpu: nl.AllocatedCpuResources{CpuShares: r.Int64N(16_001)}, Memory: nl.AllocatedMemoryResources{MemoryMB: r.Int64N(32_769)},
			}}},
		})
	}
	return benchApply(b, s, &op.ApplyPlans{Plans: []*op.PlanDelta{p}})
}

// benchPlaced is a cluster that runs the job, and the plan that did it.
func benchPlaced(b *testing.B, nodes, count int) (before, after *store.Snapshot, p *nl.Plan) {
	before = benchApply(b, benchCluster(b, nodes), &op.RegisterJob{Job: benchJob(count, nil)})
	p = benchSchedule(b, before).Plan
	after = benchApply(b, before, &op.ApplyPlans{Plans: []*op.PlanDelta{store.PlanDelta(p, 1)}})
	return before, after, p
}

// BenchmarkVerify checks a plan of 5,000 placements, beside nothing and beside
// another such plan that is on its way into the log.
func BenchmarkVerify(b *testing.B) {
	run := func(b *testing.B, s *store.Snapshot, ahead []*verify.Ahead, p *nl.Plan) {
		b.ReportAllocs()
		for b.Loop() {
			if _, rejected := verify.Plan(s, ahead, p); len(rejected) > 0 {
				b.Fatal(rejected)
			}
		}
		b.ReportMetric(float64(len(p.Place))*float64(b.N)/b.Elapsed().Seconds(), "placements/s")
	}
	for _, nodes := range []int{1000, 5000} {
		before, _, p := benchPlaced(b, nodes, 5000)
		b.Run(fmt.Sprintf("5000on%d", nodes), func(b *testing.B) { run(b, before, nil, p) })
	}
	before, _, p := benchPlaced(b, 5000, 5000)
	other := store.PlanDelta(p, 1)
	for _, a := range other.Place {
		a.ID = "5" + a.ID[1:]
	}
	busy := &verify.Ahead{}
	busy.Add(other)
	b.Run("5000on5000 ahead", func(b *testing.B) { run(b, before, []*verify.Ahead{busy}, p) })
}

func BenchmarkReconcile(b *testing.B) {
	_, after, _ := benchPlaced(b, 1000, 5000)
	var allocs []*nl.Alloc
	for a := range after.AllocsByJob("default", "bench") {
		allocs = append(allocs, a)
	}
	in := reconcile.Input{
		Job: after.Job("default", "bench"), Namespace: "default", ID: "bench", Type: nl.JobTypeService,
		Allocs: allocs, Node: after.Node, Now: time.Unix(1, 0), NewID: benchInput().NewID,
		Deployment: after.LatestDeployment("default", "bench"),
		InPlace:    func(*nl.Alloc, *nl.Group) bool { return true },
	}
	for b.Loop() {
		if out := reconcile.Run(in); len(out.Place)+len(out.Stop) > 0 {
			b.Fatalf("unchanged state is changed: %d, %d", len(out.Place), len(out.Stop))
		}
	}
	b.ReportMetric(float64(len(allocs))*float64(b.N)/b.Elapsed().Seconds(), "allocs/s")
}

// BenchmarkBusy places a few allocations on nodes that hold many already.
func BenchmarkBusy(b *testing.B) {
	_, s, _ := benchPlaced(b, 1000, 100_000)
	job := benchJob(10, nil)
	job.ID, job.Name = "other", "other"
	s = benchApply(b, s, &op.RegisterJob{Job: job})
	e := &nl.Eval{ID: "30000000-0000-0000-0000-000000000002", Namespace: "default", JobID: "other", Type: nl.JobTypeService, Priority: 50}
	for b.Loop() {
		out, err := sched.Schedule(s, e, benchInput())
		if err != nil || len(out.Plan.Place) != 10 {
			b.Fatalf("placed %d: %v", len(out.Plan.Place), err)
		}
	}
}

// BenchmarkReplace replaces the 2,000 allocations of a job by those of its next
// version, in a cluster of 6,100 nodes with 100 such jobs.
func BenchmarkReplace(b *testing.B) {
	const nodes, count, jobs = 6100, 2000, 100
	s := benchCluster(b, nodes)
	r := rand.New(rand.NewPCG(1, 1))
	in := sched.Input{Now: time.Unix(1, 0), NewID: func() string {
		return fmt.Sprintf("%08x-%04x-4000-8000-%012x", r.Uint32(), r.Uint32()&0xffff, r.Uint64()&(1<<48-1))
	}}
	job := func(n, version int) *nl.Job {
		j := benchJob(count, func(g *nl.Group) { g.Update = &nl.UpdateStrategy{} })
		j.ID, j.Meta = fmt.Sprint("job-", n), map[string]string{"version": fmt.Sprint(version)}
		return j
	}
	schedule := func(n int) *nl.Plan {
		in.Seed = r.Uint64()
		e := &nl.Eval{ID: in.NewID(), Namespace: "default", JobID: fmt.Sprint("job-", n), Type: nl.JobTypeService, Priority: 50}
		out, err := sched.Schedule(s, e, in)
		if err != nil || len(out.Plan.Place) != count {
			b.Fatalf("placed %d: %v", len(out.Plan.Place), err)
		}
		return out.Plan
	}
	for n := range jobs {
		s = benchApply(b, s, &op.RegisterJob{Job: job(n, 1)})
		s = benchApply(b, s, &op.ApplyPlans{Plans: []*op.PlanDelta{store.PlanDelta(schedule(n), 1)}})
		s = benchApply(b, s, &op.RegisterJob{Job: job(n, 2)})
	}
	next := 0
	b.ReportAllocs()
	for b.Loop() {
		if p := schedule(next % jobs); len(p.Stop) != count {
			b.Fatalf("%d are stopped", len(p.Stop))
		}
		next++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count), "ns/alloc")
}

// BenchmarkExplain explains a group that none of the nodes can take: all of them
// are looked at, by class and by room.
func BenchmarkExplain(b *testing.B) {
	for _, nodes := range []int{1000, 10000} {
		for _, test := range []struct {
			name   string
			change func(*nl.Group)
		}{
			{"no-memory", func(g *nl.Group) { g.Tasks[0].Resources.MemoryMB = 1 << 20 }},
			{"constraint", func(g *nl.Group) { g.Constraints[0].RTarget = "plan9" }},
			{"unique-constraint", func(g *nl.Group) { g.Constraints[0].LTarget = "${attr.unique.hostname}" }},
			{"placed", nil},
		} {
			b.Run(fmt.Sprintf("nodes=%d/%s", nodes, test.name), func(b *testing.B) {
				s := benchApply(b, benchCluster(b, nodes), &op.RegisterJob{Job: benchJob(10, test.change)})
				e := &nl.Eval{ID: "30000000-0000-0000-0000-000000000001", Namespace: "default", JobID: "bench", Type: nl.JobTypeService, Priority: 50}
				for b.Loop() {
					if _, err := sched.Explain(s, e, benchInput(), sched.Detail{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
