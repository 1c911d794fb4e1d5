package watch_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/nomadlike/verify"
	"github.com/nomadlike/nomadlike/server/applier"
	"github.com/nomadlike/nomadlike/server/broker"
	"github.com/nomadlike/nomadlike/server/watch"
	"github.com/nomadlike/nomadlike/server/worker"
)

// cluster is a leader without consensus, RPC and HTTP: the store, a log that
// is a lock, and everything between an evaluation and a committed plan. Nodes
// are played by the test.
type cluster struct {
	t  testing.TB
	st *store.Store
	b  *broker.Broker
	w  *watch.Watch
	a  *applier.Applier
	p  *worker.Pool

	mu    sync.Mutex
	index uint64
}

func newCluster(t testing.TB, workers int) *cluster {
	c := &cluster{t: t, st: store.New(store.Empty()), index: 10}
	newID := func() string { return nl.NewID(rand.Reader) }
	var err error
	c.b, err = broker.New(broker.Config{
		Store: c.st, NewID: newID,
		Write: func(ctx context.Context, evals []*nl.Eval) error {
			_, err := c.propose(ctx, &op.UpsertEvals{Evals: evals})
			return err
		},
	})
	c.check(err)
	c.a, err = applier.New(applier.Config{Store: c.st, Propose: c.propose, Verify: verify.Plan, Outstanding: c.b.Outstanding})
	c.check(err)
	c.p, err = worker.New(worker.Config{Store: c.st, Broker: c.b, Plans: c.a, Count: workers, NewID: newID})
	c.check(err)
	c.w, err = watch.New(watch.Config{Store: c.st, Propose: c.propose, NewID: newID, Random: rand.Reader})
	c.check(err)
	return c
}

func (c *cluster) check(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// run runs everything until the returned function is called.
func (c *cluster) run(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	c.b.SetLeader(true)
	for _, run := range []func(context.Context) error{c.b.Run, c.a.Run, c.p.Run, c.w.Run} {
		all.Go(func() {
			if err := run(ctx); err != context.Canceled {
				c.t.Errorf("Run ended with %v", err)
			}
		})
	}
	return func() {
		cancel()
		all.Wait()
	}
}

func (c *cluster) propose(_ context.Context, o op.Op) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.index++
	_, err := c.st.Apply(c.index, o)
	return c.index, err
}

func (c *cluster) apply(o op.Op) {
	c.t.Helper()
	_, err := c.propose(context.Background(), o)
	c.check(err)
}

func clusterNode(id string) *nl.Node {
	n := &nl.Node{
		ID: id, Name: id, Datacenter: "dc1", NodePool: nl.NodePoolDefault, Status: nl.NodeStatusReady,
		SchedulingEligibility: nl.NodeEligible, Attributes: map[string]string{"kernel.name": "linux", "driver.raw_exec": "1"},
		Drivers: map[string]*nl.DriverInfo{"raw_exec": {Detected: true, Healthy: true}},
		NodeResources: &nl.NodeResources{
			Cpu: nl.LegacyNodeCpuResources{CpuShares: 4000, TotalCpuCores: 4}, Memory: nl.NodeMemoryResources{MemoryMB: 8192},
			Disk: nl.NodeDiskResources{DiskMB: 100000}, MinDynamicPort: 20000, MaxDynamicPort: 32000,
		},
		ReservedResources: &nl.NodeReservedResources{}, ComputedClass: "v1:1",
	}
	return n
}

// serviceJob has a group g with one task. version tells its versions apart.
func serviceJob(id string, count int, version string) *nl.Job {
	update := &nl.UpdateStrategy{
		Stagger: 30 * time.Second, MaxParallel: 1, HealthCheck: "task_states", MinHealthyTime: minHealthyTime,
		HealthyDeadline: 5 * time.Minute, ProgressDeadline: 10 * time.Minute,
	}
	return &nl.Job{
		ID: id, Name: id, Namespace: nl.DefaultNamespace, Region: "global", Type: nl.JobTypeService, Priority: 50,
		Datacenters: []string{"*"}, NodePool: nl.NodePoolDefault, Update: *update,
		TaskGroups: []*nl.Group{{
			Name: "g", Count: count, Update: update,
			EphemeralDisk:    &nl.EphemeralDisk{SizeMB: 10},
			Migrate:          &nl.MigrateStrategy{MaxParallel: 1, HealthCheck: "task_states"},
			ReschedulePolicy: &nl.ReschedulePolicy{Unlimited: true, Delay: 5 * time.Second, DelayFunction: "constant"},
			RestartPolicy:    &nl.RestartPolicy{Mode: "fail"},
			Tasks: []*nl.Task{{
				Name: "t", Driver: "raw_exec", Env: map[string]string{"VERSION": version},
				Resources: &nl.Resources{CPU: 100, MemoryMB: 64}, LogConfig: &nl.LogConfig{MaxFiles: 1, MaxFileSizeMB: 1},
			}},
		}},
	}
}

func (c *cluster) register(job *nl.Job) string {
	c.t.Helper()
	job.SubmitTime = time.Now().UnixNano()
	id := nl.NewID(rand.Reader)
	c.apply(&op.RegisterJob{Job: job, Eval: &nl.Eval{
		ID: id, Namespace: job.Namespace, JobID: job.ID, Priority: job.Priority, Type: job.Type,
		TriggeredBy: nl.TriggerJobRegister, Status: nl.EvalStatusPending, CreateTime: job.SubmitTime, ModifyTime: job.SubmitTime,
	}})
	return id
}

// minHealthyTime is how long an allocation runs before its node calls it
// healthy.
const minHealthyTime = time.Second

// settle plays the nodes until nothing changes: what is placed runs at once and
// is healthy after a while, what is stopped ends.
func (c *cluster) settle() {
	c.t.Helper()
	for range 100 {
		synctest.Wait()
		if !c.play() {
			return
		}
	}
	c.t.Fatal("the cluster does not settle")
}

// play lets every node do one thing, and tells whether there was one to do.
func (c *cluster) play() bool {
	s := c.st.Snapshot()
	yes := true
	acted := false
	for n := range s.Nodes() {
		if n.Status != nl.NodeStatusReady {
			continue
		}
		c.w.Beat(n.ID)
		o := &op.UpdateAllocs{NodeID: n.ID, Time: time.Now().UnixNano()}
		for a := range s.AllocsByNode(n.ID) {
			switch {
			case a.TerminalClient():
			case a.TerminalDesired():
				o.Updates = append(o.Updates, &nl.AllocUpdate{ID: a.ID, ClientStatus: nl.AllocClientComplete})
			case a.ClientStatus == nl.AllocClientPending || a.ClientStatus == nl.AllocClientUnknown:
				o.Updates = append(o.Updates, &nl.AllocUpdate{ID: a.ID, ClientStatus: nl.AllocClientRunning})
			case a.DeploymentStatus != nil && a.DeploymentStatus.Healthy != nil:
			case time.Since(time.Unix(0, a.ModifyTime)) >= minHealthyTime:
				o.Updates = append(o.Updates, &nl.AllocUpdate{
					ID: a.ID, ClientStatus: nl.AllocClientRunning,
					DeploymentStatus: &nl.AllocDeploymentStatus{Healthy: &yes, Timestamp: nl.Time{Time: time.Now()}},
				})
			}
		}
		if len(o.Updates) > 0 {
			acted = true
			o.Evals = watch.EvalsForAllocUpdates(s, o.Updates, o.Time, func() string { return nl.NewID(rand.Reader) })
			c.apply(o)
		}
	}
	return acted
}

// running counts running allocations of a job, by version.
func (c *cluster) running(job string) map[uint64]int {
	out := map[uint64]int{}
	for a := range c.st.Snapshot().AllocsByJob(nl.DefaultNamespace, job) {
		if !a.Terminal() && a.ClientStatus == nl.AllocClientRunning {
			out[a.JobVersion]++
		}
	}
	return out
}

func (c *cluster) expectRunning(job string, want map[uint64]int) {
	c.t.Helper()
	if got := c.running(job); fmt.Sprint(got) != fmt.Sprint(want) {
		c.t.Errorf("running of %s, by version: %v, want %v", job, got, want)
		for e := range c.st.Snapshot().EvalsByJob(nl.DefaultNamespace, job) {
			c.t.Logf("eval %s %s %s %s", e.ID, e.TriggeredBy, e.Status, e.StatusDescription)
		}
	}
}

func inCluster(t *testing.T, nodes int, f func(*cluster)) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2)
		defer c.run(t.Context())()
		for i := range nodes {
			c.apply(&op.RegisterNode{Node: clusterNode(fmt.Sprintf("node-%d", i))})
		}
		f(c)
	})
}

func TestCluster_PlacesWithoutWaiting(t *testing.T) {
	inCluster(t, 3, func(c *cluster) {
		before := time.Now()
		eval := c.register(serviceJob("web", 3, "one"))
		synctest.Wait()
		s := c.st.Snapshot()
		if e := s.Eval(eval); e.Status != nl.EvalStatusComplete {
			c.t.Fatalf("evaluation is %s: %s", e.Status, e.StatusDescription)
		}
		if took := time.Since(before); took != 0 {
			c.t.Errorf("a timer of %v stands between registration and placement", took)
		}
		c.settle()
		c.expectRunning("web", map[uint64]int{0: 3})
		c.pass(10)
		if d := c.st.Snapshot().LatestDeployment(nl.DefaultNamespace, "web"); d == nil || d.Status != nl.DeploymentStatusSuccessful {
			c.t.Errorf("deployment: %+v", d)
		}
	})
}

func TestCluster_ReplacesWhatANodeTakesWithIt(t *testing.T) {
	inCluster(t, 2, func(c *cluster) {
		c.register(serviceJob("web", 2, "one"))
		c.settle()
		var lost string
		for a := range c.st.Snapshot().AllocsByJob(nl.DefaultNamespace, "web") {
			lost = a.NodeID
		}
		// One node falls silent; the other is heard of all the time.
		other := map[string]string{"node-0": "node-1", "node-1": "node-0"}[lost]
		for range 10 {
			time.Sleep(5 * time.Second)
			c.w.Beat(other)
		}
		synctest.Wait()
		s := c.st.Snapshot()
		if n := s.Node(lost); n.Status != nl.NodeStatusDown {
			c.t.Fatalf("silent node is %s", n.Status)
		}
		c.settle()
		c.expectRunning("web", map[uint64]int{0: 2})
		gone := 0
		for a := range c.st.Snapshot().AllocsByNode(lost) {
			if a.ClientStatus == nl.AllocClientLost {
				gone++
			} else {
				c.t.Errorf("allocation on the silent node is %s", a.ClientStatus)
			}
		}
		if gone == 0 {
			c.t.Error("nothing is lost")
		}
	})
}

func TestCluster_RollsOutInWaves(t *testing.T) {
	inCluster(t, 3, func(c *cluster) {
		c.register(serviceJob("web", 3, "one"))
		c.settle()
		c.pass(10)
		c.register(serviceJob("web", 3, "two"))
		synctest.Wait()
		// Before the first one is healthy only one is replaced.
		replaced := 0
		for a := range c.st.Snapshot().AllocsByJob(nl.DefaultNamespace, "web") {
			if a.JobVersion == 1 {
				replaced++
			}
		}
		if replaced != 1 {
			c.t.Errorf("%d were replaced at once, want 1", replaced)
		}
		for range 10 {
			c.settle()
			time.Sleep(time.Second)
		}
		c.expectRunning("web", map[uint64]int{1: 3})
		s := c.st.Snapshot()
		d := s.LatestDeployment(nl.DefaultNamespace, "web")
		if d.JobVersion != 1 || d.Status != nl.DeploymentStatusSuccessful {
			c.t.Errorf("deployment of version %d is %s: %s", d.JobVersion, d.Status, d.StatusDescription)
		}
		if v := s.JobVersion(nl.DefaultNamespace, "web", 1); !v.Stable {
			c.t.Error("the version is not stable")
		}
	})
}

func TestCluster_PlacesWhenRoomAppears(t *testing.T) {
	inCluster(t, 0, func(c *cluster) {
		c.register(serviceJob("web", 1, "one"))
		c.settle()
		c.expectRunning("web", map[uint64]int{})
		if n := len(c.b.BlockedEvals()); n != 1 {
			c.t.Fatalf("%d evaluations are blocked", n)
		}
		c.apply(&op.RegisterNode{Node: clusterNode("late")})
		c.settle()
		c.expectRunning("web", map[uint64]int{0: 1})
		if n := len(c.b.BlockedEvals()); n != 0 {
			c.t.Errorf("%d evaluations are blocked still", n)
		}
	})
}

func TestCluster_Drains(t *testing.T) {
	inCluster(t, 2, func(c *cluster) {
		c.register(serviceJob("web", 4, "one"))
		c.settle()
		c.apply(&op.SetNodeDrain{
			NodeID: "node-0", Time: time.Now().UnixNano(), LastDrain: &nl.DrainMetadata{Status: "draining"},
			Strategy: &nl.DrainStrategy{Deadline: time.Hour, ForceDeadline: nl.Time{Time: time.Now().Add(time.Hour)}},
		})
		for range 20 {
			c.settle()
			if n := c.running("web")[0]; n < 3 {
				c.t.Fatalf("%d of 4 run during the drain, want at least 3", n)
			}
			time.Sleep(time.Second)
		}
		c.expectRunning("web", map[uint64]int{0: 4})
		s := c.st.Snapshot()
		n := s.Node("node-0")
		if n.DrainStrategy != nil || n.SchedulingEligibility != nl.NodeIneligible || n.LastDrain.Status != "complete" {
			c.t.Errorf("node after the drain: %s, %+v", n.SchedulingEligibility, n.LastDrain)
		}
		for a := range s.AllocsByNode("node-0") {
			if !a.TerminalClient() {
				c.t.Errorf("%s still runs on the drained node", a.Name)
			}
		}
	})
}

func TestCluster_ReschedulesFailures(t *testing.T) {
	inCluster(t, 2, func(c *cluster) {
		c.register(serviceJob("web", 1, "one"))
		c.settle()
		c.pass(10)
		s := c.st.Snapshot()
		for a := range s.AllocsByJob(nl.DefaultNamespace, "web") {
			updates := []*nl.AllocUpdate{{ID: a.ID, ClientStatus: nl.AllocClientFailed, TaskStates: nl.PackTaskStates(map[string]*nl.TaskState{
				"t": {State: nl.TaskStateDead, Failed: true, StartedAt: nl.Time{Time: time.Now()}, FinishedAt: nl.Time{Time: time.Now()}},
			})}}
			c.apply(&op.UpdateAllocs{
				NodeID: a.NodeID, Updates: updates, Time: time.Now().UnixNano(),
				Evals: watch.EvalsForAllocUpdates(s, updates, time.Now().UnixNano(), func() string { return nl.NewID(rand.Reader) }),
			})
		}
		c.settle()
		c.expectRunning("web", map[uint64]int{})
		c.pass(6)
		c.expectRunning("web", map[uint64]int{0: 1})
	})
}
