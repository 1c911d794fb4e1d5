package store

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// ids makes random-looking IDs that are the same in every run.
type ids struct{ r *rand.Rand }

func newIDs() *ids { return &ids{rand.New(rand.NewPCG(1, 2))} }

func (i *ids) Read(b []byte) (int, error) {
	for j := range b {
		b[j] = byte(i.r.Uint32())
	}
	return len(b), nil
}

func (i *ids) next() string { return nl.NewID(i) }

// crowd is a cluster to be filled: nodes, and a job to place.
type crowd struct {
	ids   *ids
	state *Snapshot
	nodes []string
}

func newCrowd(tb testing.TB, nodes int) *crowd {
	c := &crowd{ids: newIDs(), state: Empty()}
	for i := range nodes {
		id := c.ids.next()
		c.nodes = append(c.nodes, id)
		c.apply(tb, &op.RegisterNode{Node: &nl.Node{ID: id, Name: fmt.Sprintf("node-%d", i), Status: nl.NodeStatusReady}})
	}
	return c
}

func (c *crowd) apply(tb testing.TB, o op.Op) {
	next, _, _, err := Apply(c.state, c.state.Index()+1, o)
	if err != nil {
		tb.Fatal(err)
	}
	c.state = next
}

func (c *crowd) register(tb testing.TB, id string, count int) {
	c.apply(tb, &op.RegisterJob{Job: &nl.Job{
		Namespace: nl.DefaultNamespace, ID: id, Name: id, Type: nl.JobTypeService,
		TaskGroups: []*nl.Group{{Name: "g", Count: count, Tasks: []*nl.Task{{Name: "t", Driver: "mock"}}}},
	}})
}

// plan places count allocations of a job, all of the same resources.
func (c *crowd) plan(job string, count int) *op.ApplyPlans {
	p := &op.PlanDelta{EvalID: c.ids.next(), Time: int64(time.Second)}
	resources := &nl.AllocatedResources{Tasks: map[string]*nl.AllocatedTaskResources{
		"t": {Cpu: nl.AllocatedCpuResources{CpuShares: 100}, Memory: nl.AllocatedMemoryResources{MemoryMB: 64}},
	}}
	metrics := &nl.AllocMetric{NodesEvaluated: len(c.nodes), NodesAvailable: map[string]int{"dc1": len(c.nodes)}}
	for i := range count {
		p.Place = append(p.Place, &nl.Alloc{
			ID: c.ids.next(), Name: fmt.Sprintf("%s.g[%d]", job, i), Namespace: nl.DefaultNamespace, JobID: job,
			TaskGroup: "g", EvalID: p.EvalID, NodeID: c.nodes[c.ids.r.IntN(len(c.nodes))],
			DesiredStatus: nl.AllocDesiredRun, ClientStatus: nl.AllocClientPending,
			AllocatedResources: resources, Metrics: metrics,
		})
	}
	return &op.ApplyPlans{Plans: []*op.PlanDelta{p}}
}

const planAllocs = 1000

// fill places allocations until the state holds total.
func (c *crowd) fill(tb testing.TB, total int) {
	for n := 0; n < total; n += planAllocs {
		if n%10_000 == 0 {
			c.register(tb, fmt.Sprintf("job-%d", n/10_000), 10_000)
		}
		b, err := wire.EncodeOp(c.plan(fmt.Sprintf("job-%d", n/10_000), planAllocs))
		if err != nil {
			tb.Fatal(err)
		}
		o, err := wire.DecodeOp(b)
		if err != nil {
			tb.Fatal(err)
		}
		c.apply(tb, o)
	}
}

// BenchmarkApplyPlan applies plans of 1,000 allocations to a state that holds
// 200,000 on 5,000 nodes. "decoded" includes decoding the log entry.
func BenchmarkApplyPlan(b *testing.B) {
	c := newCrowd(b, 5000)
	c.fill(b, 200_000)
	entry, err := wire.EncodeOp(c.plan("job-0", planAllocs))
	if err != nil {
		b.Fatal(err)
	}
	run := func(b *testing.B, next func() op.Op) {
		for b.Loop() {
			if _, _, _, err := Apply(c.state, c.state.Index()+1, next()); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)*planAllocs/b.Elapsed().Seconds(), "allocs/s")
	}
	plan := c.plan("job-0", planAllocs)
	b.Run("in memory", func(b *testing.B) { run(b, func() op.Op { return plan }) })
	b.Run("decoded", func(b *testing.B) {
		run(b, func() op.Op {
			o, err := wire.DecodeOp(entry)
			if err != nil {
				b.Fatal(err)
			}
			return o
		})
		b.ReportMetric(float64(len(entry))/planAllocs, "B/alloc")
	})
}

// BenchmarkUpdateAllocs applies the status of 1,000 allocations.
func BenchmarkUpdateAllocs(b *testing.B) {
	c := newCrowd(b, 5000)
	c.fill(b, 100_000)
	update := &op.UpdateAllocs{Time: 1}
	for a := range c.state.AllocsByPrefix(nl.AllNamespaces, "") {
		if update.Updates = append(update.Updates, runningUpdate(a.ID)); len(update.Updates) == planAllocs {
			break
		}
	}
	entry, err := wire.EncodeOp(update)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		o, err := wire.DecodeOp(entry)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, _, err := Apply(c.state, c.state.Index()+1, o); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*planAllocs/b.Elapsed().Seconds(), "updates/s")
	b.ReportMetric(float64(len(entry))/planAllocs, "B/update")
}

func runningUpdate(id string) *nl.AllocUpdate {
	return &nl.AllocUpdate{ID: id, ClientStatus: nl.AllocClientRunning, ClientDescription: "Tasks are running",
		TaskStates: nl.PackTaskStates(map[string]*nl.TaskState{"t": {
			State: nl.TaskStateRunning, StartedAt: timeOf(1e18),
			Events: []*nl.TaskEvent{
				{Type: "Received", Time: 1e18, DisplayMessage: "Task received by client"},
				{Type: "Task Setup", Time: 1e18, Message: "Building Task Directory", DisplayMessage: "Building Task Directory"},
				{Type: "Started", Time: 1e18, DisplayMessage: "Task started by client"},
			},
		}})}
}

// BenchmarkFill fills a cluster of 6,100 nodes as large services do: every plan
// places 2,000 allocations, each on a node of its own, and the nodes tell of
// some plans at once, first that their allocations run, then that they are
// healthy. It tells what an allocation costs in each of the three, with what the
// collector of garbage does meanwhile.
func BenchmarkFill(b *testing.B) {
	const (
		nodes, total = 6100, 200_000
		perPlan      = 2000
		window       = 8000 // allocations that nodes tell of about the same time
		perEntry     = 4096 // updates
	)
	type sum struct {
		spent        time.Duration
		bytes, count uint64
	}
	var sums [3]sum
	for b.Loop() {
		c := &crowd{ids: newIDs(), state: Empty()}
		for i := range nodes {
			n := &nl.Node{ID: c.ids.next(), Name: fmt.Sprintf("node-%d", i), Status: nl.NodeStatusReady, NodeResources: &nl.NodeResources{
				Cpu: nl.LegacyNodeCpuResources{CpuShares: 1 << 20}, Memory: nl.NodeMemoryResources{MemoryMB: 1 << 20},
			}}
			c.nodes = append(c.nodes, n.ID)
			c.apply(b, &op.RegisterNode{Node: n})
		}
		apply := func(phase int, o op.Op) {
			entry, err := wire.EncodeOp(o)
			if err != nil {
				b.Fatal(err)
			}
			if o, err = wire.DecodeOp(entry); err != nil {
				b.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := processorTime()
			c.apply(b, o)
			sums[phase].spent += processorTime() - start
			runtime.ReadMemStats(&after)
			sums[phase].bytes += after.TotalAlloc - before.TotalAlloc
			sums[phase].count += after.Mallocs - before.Mallocs
		}
		var told []*nl.Alloc
		tell := func(phase int, update func(*nl.Alloc) *nl.AllocUpdate) {
			for part := range slices.Chunk(told, perEntry) {
				batch := &op.Batch{}
				var last *op.UpdateAllocs
				for _, a := range part {
					if last == nil || last.NodeID != a.NodeID {
						last = &op.UpdateAllocs{NodeID: a.NodeID, Time: int64(time.Minute)}
						batch.Ops = append(batch.Ops, last)
					}
					last.Updates = append(last.Updates, update(a))
				}
				apply(phase, batch)
			}
		}
		for n := 0; n < total; n += perPlan {
			job := fmt.Sprintf("job-%d", n/perPlan)
			c.register(b, job, perPlan)
			o := c.plan(job, perPlan)
			p := o.Plans[0]
			p.Deployment = &nl.Deployment{ID: c.ids.next(), Namespace: nl.DefaultNamespace, JobID: job, Status: nl.DeploymentStatusRunning,
				TaskGroups: map[string]*nl.DeploymentState{"g": {DesiredTotal: perPlan, ProgressDeadline: time.Minute}}}
			at := c.ids.r.Perm(nodes)
			for i, a := range p.Place {
				a.NodeID, a.DeploymentID = c.nodes[at[i]], p.Deployment.ID
			}
			apply(0, o)
			if told = append(told, p.Place...); len(told) < window {
				continue
			}
			slices.SortFunc(told, func(a, b *nl.Alloc) int { return strings.Compare(a.NodeID, b.NodeID) })
			tell(1, func(a *nl.Alloc) *nl.AllocUpdate { return runningUpdate(a.ID) })
			healthy := true
			tell(2, func(a *nl.Alloc) *nl.AllocUpdate {
				u := runningUpdate(a.ID)
				u.DeploymentStatus = &nl.AllocDeploymentStatus{Healthy: &healthy, Timestamp: timeOf(1e18)}
				return u
			})
			told = nil
		}
		for d := range c.state.Deployments(nl.AllNamespaces) {
			if n := d.TaskGroups["g"].HealthyAllocs; n != perPlan {
				b.Fatalf("%d allocations of a deployment are healthy", n)
			}
		}
	}
	for i, phase := range []string{"placed", "running", "healthy"} {
		per := func(n uint64) float64 { return float64(n) / float64(b.N*total) }
		b.ReportMetric(per(uint64(sums[i].spent)), "cpu-ns/"+phase)
		b.ReportMetric(per(sums[i].bytes), "B/"+phase)
		b.ReportMetric(per(sums[i].count), "mallocs/"+phase)
	}
}

// BenchmarkMemory tells the bytes of an allocation with all its indexes, as
// placed and after its node told that it runs.
func BenchmarkMemory(b *testing.B) {
	const total = 200_000
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	for b.Loop() {
		c := newCrowd(b, 1000)
		before := heap()
		c.fill(b, total)
		placed := heap()
		b.ReportMetric((placed-before)/total, "B/placed")
		updateAll(b, c)
		b.ReportMetric((heap()-before)/total, "B/running")
		runtime.KeepAlive(c)
	}
}

func updateAll(b *testing.B, c *crowd) {
	var update op.UpdateAllocs
	for a := range c.state.AllocsByPrefix(nl.AllNamespaces, "") {
		if update.Updates = append(update.Updates, runningUpdate(a.ID)); len(update.Updates) < planAllocs {
			continue
		}
		entry, err := wire.EncodeOp(&update)
		if err != nil {
			b.Fatal(err)
		}
		o, err := wire.DecodeOp(entry)
		if err != nil {
			b.Fatal(err)
		}
		c.apply(b, o)
		update.Updates = nil
	}
}

// BenchmarkSaveRestore saves and restores 200,000 running allocations.
func BenchmarkSaveRestore(b *testing.B) {
	const total = 200_000
	c := newCrowd(b, 1000)
	c.fill(b, total)
	updateAll(b, c)
	var saved bytes.Buffer
	b.Run("save", func(b *testing.B) {
		for b.Loop() {
			saved.Reset()
			if err := c.state.Save(&saved); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)*total/b.Elapsed().Seconds(), "allocs/s")
		b.ReportMetric(float64(saved.Len())/total, "B/alloc")
	})
	b.Run("restore", func(b *testing.B) {
		for b.Loop() {
			if _, err := Restore(bytes.NewReader(saved.Bytes())); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)*total/b.Elapsed().Seconds(), "allocs/s")
	})
}

// BenchmarkWake measures from a write to the moment the last of 200 queries
// that watch one job has its answer, beside 1,000 that watch others.
func BenchmarkWake(b *testing.B) {
	const watchers, others = 200, 1000
	c := newCrowd(b, 10)
	for i := range others + 1 {
		c.register(b, fmt.Sprintf("job-%d", i), 1)
	}
	st := New(c.state)
	ctx, cancel := context.WithCancel(context.Background())
	answered := make(chan uint64, watchers)
	stopped := make(chan struct{})
	query := func(id string, answer chan<- uint64) {
		defer func() { stopped <- struct{}{} }()
		index := st.Snapshot().Index()
		for {
			var found uint64
			err := st.Query(ctx, index, time.Hour, func(s *Snapshot) (uint64, []Key, error) {
				found = s.Job(nl.DefaultNamespace, id).ModifyIndex
				return found, []Key{{TableJobs, JobKey(nl.DefaultNamespace, id)}}, nil
			})
			if err != nil {
				return
			}
			index = found
			answer <- found
		}
	}
	for range watchers {
		go query("job-0", answered)
	}
	for i := range others {
		go query(fmt.Sprintf("job-%d", i+1), answered)
	}
	for st.watching() < watchers+others {
		runtime.Gosched()
	}
	var worst time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := st.Apply(st.Snapshot().Index()+1, &op.RegisterJob{Job: &nl.Job{
			Namespace: nl.DefaultNamespace, ID: "job-0", Type: nl.JobTypeService, Priority: int(st.Snapshot().Index()),
		}}); err != nil {
			b.Fatal(err)
		}
		for range watchers {
			<-answered
		}
		worst = max(worst, time.Since(start))
	}
	b.ReportMetric(float64(worst.Microseconds()), "worst-µs")
	cancel()
	for range watchers + others {
		<-stopped
	}
}

// watching is how many queries wait.
func (st *Store) watching() int {
	st.mu.Lock()
	defer st.mu.Unlock()
	n := 0
	for _, ws := range st.watchers {
		n += len(ws)
	}
	return n
}
