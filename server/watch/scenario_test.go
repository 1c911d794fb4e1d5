package watch_test

import (
	"crypto/rand"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/verify"
	"github.com/nomadlike/nomadlike/server/watch"
)

func newID() string { return nl.NewID(rand.Reader) }

// pass lets the cluster live for a number of seconds.
func (c *cluster) pass(seconds int) {
	c.t.Helper()
	for range seconds {
		c.settle()
		time.Sleep(time.Second)
	}
	c.settle()
}

// tell is what a node tells of allocations.
func (c *cluster) tell(node string, updates ...*nl.AllocUpdate) {
	c.t.Helper()
	now := time.Now().UnixNano()
	c.apply(&op.UpdateAllocs{
		NodeID: node, Updates: updates, Time: now, Evals: watch.EvalsForAllocUpdates(c.st.Snapshot(), updates, now, newID),
	})
}

func (c *cluster) allocs(job string) []*nl.Alloc {
	var out []*nl.Alloc
	for a := range c.st.Snapshot().AllocsByJob(nl.DefaultNamespace, job) {
		out = append(out, a)
	}
	return out
}

func (c *cluster) deployment(job string) *nl.Deployment {
	c.t.Helper()
	d := c.st.Snapshot().LatestDeployment(nl.DefaultNamespace, job)
	if d == nil {
		c.t.Fatalf("job %s has no deployment", job)
	}
	return d
}

func (c *cluster) expectDeployment(job string, version uint64, status string) {
	c.t.Helper()
	if d := c.deployment(job); d.JobVersion != version || d.Status != status {
		c.t.Errorf("deployment of version %d is %s (%s), want version %d %s", d.JobVersion, d.Status, d.StatusDescription, version, status)
	}
}

// checkEnded fails the test when an evaluation is left over that does not wait
// for a time to come.
func (c *cluster) checkEnded() {
	c.t.Helper()
	for e := range c.st.Snapshot().Evals(nl.AllNamespaces) {
		if e.Status == nl.EvalStatusPending && !e.WaitUntil.After(time.Now()) {
			c.t.Errorf("evaluation %s of %s (%s) is still pending", e.ID, e.JobID, e.TriggeredBy)
		}
	}
}

func TestCluster_Canary(t *testing.T) {
	inCluster(t, 3, func(c *cluster) {
		c.register(serviceJob("web", 2, "one"))
		c.pass(3)
		next := serviceJob("web", 2, "two")
		next.TaskGroups[0].Update.Canary = 1
		c.register(next)
		c.pass(3)
		c.expectRunning("web", map[uint64]int{0: 2, 1: 1})
		c.expectDeployment("web", 1, nl.DeploymentStatusRunning)
		c.apply(&op.PromoteDeployment{DeploymentID: c.deployment("web").ID, All: true, Time: time.Now().UnixNano(), Eval: &nl.Eval{
			ID: newID(), Namespace: nl.DefaultNamespace, JobID: "web", Type: nl.JobTypeService, Priority: 50,
			TriggeredBy: nl.TriggerDeploymentWatcher, Status: nl.EvalStatusPending,
		}})
		c.pass(10)
		c.expectRunning("web", map[uint64]int{1: 2})
		c.expectDeployment("web", 1, nl.DeploymentStatusSuccessful)
		c.checkEnded()
	})
}

func TestCluster_CanaryPromotesItself(t *testing.T) {
	inCluster(t, 3, func(c *cluster) {
		c.register(serviceJob("web", 2, "one"))
		c.pass(3)
		next := serviceJob("web", 2, "two")
		next.TaskGroups[0].Update.Canary, next.TaskGroups[0].Update.AutoPromote = 1, true
		c.register(next)
		c.pass(10)
		c.expectRunning("web", map[uint64]int{1: 2})
		c.expectDeployment("web", 1, nl.DeploymentStatusSuccessful)
		c.checkEnded()
	})
}

func TestCluster_RevertsWhatIsUnhealthy(t *testing.T) {
	inCluster(t, 3, func(c *cluster) {
		good := serviceJob("web", 2, "one")
		good.TaskGroups[0].Update.AutoRevert = true
		c.register(good)
		c.pass(5)
		c.expectDeployment("web", 0, nl.DeploymentStatusSuccessful)
		bad := serviceJob("web", 2, "two")
		bad.TaskGroups[0].Update.AutoRevert = true
		bad.TaskGroups[0].Update.ProgressDeadline = 0
		c.register(bad)
		synctest.Wait()
		no := false
		for _, a := range c.allocs("web") {
			if a.JobVersion == 1 {
				c.tell(a.NodeID, &nl.AllocUpdate{
					ID: a.ID, ClientStatus: nl.AllocClientFailed,
					DeploymentStatus: &nl.AllocDeploymentStatus{Healthy: &no, Timestamp: nl.Time{Time: time.Now()}},
				})
			}
		}
		c.pass(20)
		c.expectRunning("web", map[uint64]int{2: 2})
		c.expectDeployment("web", 2, nl.DeploymentStatusSuccessful)
		for d := range c.st.Snapshot().DeploymentsByJob(nl.DefaultNamespace, "web") {
			if d.JobVersion == 1 && d.Status != nl.DeploymentStatusFailed {
				c.t.Errorf("the bad deployment is %s", d.Status)
			}
		}
		c.checkEnded()
	})
}

func TestCluster_Stops(t *testing.T) {
	inCluster(t, 2, func(c *cluster) {
		c.register(serviceJob("web", 3, "one"))
		c.pass(3)
		c.apply(&op.DeregisterJob{Namespace: nl.DefaultNamespace, ID: "web", SubmitTime: time.Now().UnixNano(), Eval: &nl.Eval{
			ID: newID(), Namespace: nl.DefaultNamespace, JobID: "web", Type: nl.JobTypeService, Priority: 50,
			TriggeredBy: nl.TriggerJobDeregister, Status: nl.EvalStatusPending,
		}})
		c.pass(3)
		c.expectRunning("web", map[uint64]int{})
		if j := c.st.Snapshot().Job(nl.DefaultNamespace, "web"); j.Status != nl.JobStatusDead {
			c.t.Errorf("stopped job is %s", j.Status)
		}
		c.checkEnded()
	})
}

func TestCluster_Batch(t *testing.T) {
	inCluster(t, 2, func(c *cluster) {
		job := serviceJob("work", 3, "one")
		job.Type, job.Update = nl.JobTypeBatch, nl.UpdateStrategy{}
		g := job.TaskGroups[0]
		g.Update, g.Migrate = nil, nil
		g.ReschedulePolicy = &nl.ReschedulePolicy{Attempts: 1, Interval: 24 * time.Hour, Delay: 5 * time.Second, DelayFunction: "constant"}
		c.register(job)
		c.settle()
		c.expectRunning("work", map[uint64]int{0: 3})
		// Two end well; the other one fails, and so does what replaces it.
		for i, a := range c.allocs("work") {
			status := nl.AllocClientComplete
			if i == 0 {
				status = nl.AllocClientFailed
			}
			c.tell(a.NodeID, &nl.AllocUpdate{ID: a.ID, ClientStatus: status, TaskStates: nl.PackTaskStates(map[string]*nl.TaskState{
				"t": {State: nl.TaskStateDead, Failed: i == 0, FinishedAt: nl.Time{Time: time.Now()}},
			})})
		}
		c.pass(10)
		c.expectRunning("work", map[uint64]int{0: 1})
		for _, a := range c.allocs("work") {
			if a.ClientStatus == nl.AllocClientRunning {
				c.tell(a.NodeID, &nl.AllocUpdate{ID: a.ID, ClientStatus: nl.AllocClientFailed, TaskStates: nl.PackTaskStates(map[string]*nl.TaskState{
					"t": {State: nl.TaskStateDead, Failed: true, FinishedAt: nl.Time{Time: time.Now()}},
				})})
			}
		}
		c.pass(20)
		c.expectRunning("work", map[uint64]int{})
		if j := c.st.Snapshot().Job(nl.DefaultNamespace, "work"); j.Status != nl.JobStatusDead {
			c.t.Errorf("finished job is %s", j.Status)
		}
		if n := len(c.allocs("work")); n != 4 {
			c.t.Errorf("%d allocations were made, want 4", n)
		}
		c.checkEnded()
	})
}

func TestCluster_SystemJobFollowsNodes(t *testing.T) {
	inCluster(t, 2, func(c *cluster) {
		job := serviceJob("sys", 1, "one")
		job.Type = nl.JobTypeSystem
		job.TaskGroups[0].ReschedulePolicy, job.TaskGroups[0].Migrate = nil, nil
		c.register(job)
		c.pass(3)
		c.expectRunning("sys", map[uint64]int{0: 2})
		n := clusterNode("late")
		now := time.Now().UnixNano()
		c.apply(&op.RegisterNode{Node: n, Time: now, Evals: watch.EvalsForJoiningNode(c.st.Snapshot(), n, nl.TriggerNodeUpdate, now, newID)})
		c.pass(3)
		c.expectRunning("sys", map[uint64]int{0: 3})
		c.checkEnded()
	})
}

func TestCluster_WaitsForWhatIsDisconnected(t *testing.T) {
	inCluster(t, 2, func(c *cluster) {
		job := serviceJob("web", 1, "one")
		job.TaskGroups[0].Disconnect = &nl.Disconnect{LostAfter: time.Hour, Reconcile: "keep_original"}
		c.register(job)
		c.pass(5)
		first := c.allocs("web")[0]
		other := map[string]string{"node-0": "node-1", "node-1": "node-0"}[first.NodeID]
		for range 10 {
			time.Sleep(5 * time.Second)
			c.w.Beat(other)
		}
		synctest.Wait()
		if n := c.st.Snapshot().Node(first.NodeID); n.Status != nl.NodeStatusDisconnected {
			c.t.Fatalf("silent node is %s", n.Status)
		}
		c.settle()
		if a := c.st.Snapshot().Alloc(first.ID); a.ClientStatus != nl.AllocClientUnknown || a.TerminalDesired() {
			c.t.Errorf("allocation of the silent node is %s and desired %s", a.ClientStatus, a.DesiredStatus)
		}
		if n := c.running("web")[0]; n != 1 {
			c.t.Errorf("%d run elsewhere meanwhile, want 1", n)
		}
		// It comes back and is kept.
		now := time.Now().UnixNano()
		c.apply(&op.SetNodeStatus{
			NodeID: first.NodeID, Status: nl.NodeStatusReady, Time: now,
			Evals: watch.EvalsForNode(c.st.Snapshot(), first.NodeID, nl.TriggerNodeUpdate, now, newID),
		})
		c.tell(first.NodeID, &nl.AllocUpdate{ID: first.ID, ClientStatus: nl.AllocClientRunning})
		c.pass(5)
		c.expectRunning("web", map[uint64]int{0: 1})
		if a := c.st.Snapshot().Alloc(first.ID); a.ClientStatus != nl.AllocClientRunning {
			c.t.Errorf("the original is %s", a.ClientStatus)
		}
		c.checkEnded()
	})
}

func TestCluster_ManyJobsCompeteForRoom(t *testing.T) {
	inCluster(t, 4, func(c *cluster) {
		// Each node has room for 40 of these; 200 want in.
		for i := range 50 {
			c.register(serviceJob(fmt.Sprintf("job-%d", i), 4, "one"))
		}
		c.pass(3)
		total := 0
		s := c.st.Snapshot()
		for n := range s.Nodes() {
			used := 0
			for a := range s.AllocsByNode(n.ID) {
				if !a.Terminal() {
					used += 100
					total++
				}
			}
			if used > 4000 {
				c.t.Errorf("%s holds %d MHz of 4000", n.ID, used)
			}
		}
		if total != 160 {
			c.t.Errorf("%d were placed, want 160", total)
		}
		c.checkEnded()
		// What is stopped makes room for those that wait.
		for i := range 10 {
			id := fmt.Sprintf("job-%d", i)
			c.apply(&op.DeregisterJob{Namespace: nl.DefaultNamespace, ID: id, SubmitTime: time.Now().UnixNano(), Eval: &nl.Eval{
				ID: newID(), Namespace: nl.DefaultNamespace, JobID: id, Type: nl.JobTypeService, Priority: 50,
				TriggeredBy: nl.TriggerJobDeregister, Status: nl.EvalStatusPending,
			}})
		}
		c.pass(3)
		running := 0
		for i := range 50 {
			running += c.running(fmt.Sprintf("job-%d", i))[0]
		}
		if running != 160 {
			c.t.Errorf("%d run after ten jobs were stopped, want 160", running)
		}
		c.checkEnded()
	})
}

func TestCluster_NewLeaderGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2)
		stop := c.run(t.Context())
		for i := range 3 {
			c.apply(&op.RegisterNode{Node: clusterNode(fmt.Sprintf("node-%d", i))})
		}
		c.register(serviceJob("web", 3, "one"))
		c.pass(3)
		c.register(serviceJob("web", 3, "two"))
		c.settle()
		c.b.SetLeader(false)
		stop()
		c.register(serviceJob("late", 1, "one"))
		// Another leader over the same state.
		next := newCluster(t, 2)
		next.st.Replace(c.st.Snapshot())
		next.index = c.index
		defer next.run(t.Context())()
		next.pass(10)
		next.expectRunning("web", map[uint64]int{1: 3})
		next.expectRunning("late", map[uint64]int{0: 1})
		next.expectDeployment("web", 1, nl.DeploymentStatusSuccessful)
		next.checkEnded()
	})
}

func TestCluster_PlansFitAfterVerification(t *testing.T) {
	// Two workers decide on the same state: the applier lets one of them have
	// the last place, and the other is told to look again.
	inCluster(t, 1, func(c *cluster) {
		for i := range 8 {
			job := serviceJob(fmt.Sprintf("big-%d", i), 1, "one")
			job.TaskGroups[0].Tasks[0].Resources.CPU = 3000
			c.register(job)
		}
		c.pass(2)
		placed := 0
		for a := range c.st.Snapshot().AllocsByNode("node-0") {
			if !a.Terminal() {
				placed++
			}
		}
		if placed != 1 {
			c.t.Errorf("%d big allocations are on a node with room for one", placed)
		}
		if n := len(c.b.BlockedEvals()); n != 7 {
			c.t.Errorf("%d evaluations wait for room, want 7", n)
		}
		s := c.st.Snapshot()
		again := &nl.Plan{SnapshotIndex: s.Index(), Place: []*nl.Alloc{c.copyOf("node-0")}}
		if _, rejected := verify.Plan(s, nil, again); len(rejected) != 1 {
			c.t.Error("verification lets a second one in")
		}
	})
}

// copyOf is another allocation like the live one of a node.
func (c *cluster) copyOf(node string) *nl.Alloc {
	for a := range c.st.Snapshot().AllocsByNode(node) {
		if !a.Terminal() {
			again := a.Copy()
			again.ID = newID()
			return again
		}
	}
	c.t.Fatalf("nothing lives on %s", node)
	return nil
}
