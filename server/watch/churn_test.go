package watch_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/server/watch"
)

// churn changes a cluster at random. What it chooses depends on the seed only.
type churn struct {
	*cluster
	rand  *rand.Rand
	jobs  int
	nodes int
}

// TestCluster_Churn changes jobs and nodes at random, checking after each
// change that nothing is overcommitted, then lets everything come to rest:
// every job must have what it wants.
func TestCluster_Churn(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			inCluster(t, 4, func(c *cluster) {
				x := &churn{cluster: c, rand: rand.New(rand.NewPCG(seed, 1)), nodes: 4}
				for range 40 {
					x.change()
					if x.rand.IntN(2) == 0 {
						x.live(x.rand.IntN(4))
					}
					x.checkRoom()
				}
				x.rest()
			})
		})
	}
}

// live is pass for a cluster of which some nodes are silent.
func (x *churn) live(seconds int) {
	for range seconds {
		x.settleAlive()
		time.Sleep(time.Second)
	}
	x.settleAlive()
}

func (x *churn) settleAlive() {
	for range 200 {
		synctest.Wait()
		if !x.play() {
			return
		}
	}
	x.t.Fatal("the cluster does not settle")
}

func (x *churn) change() {
	now := time.Now().UnixNano()
	switch x.rand.IntN(9) {
	case 0, 1:
		x.jobs++
		x.register(x.newJob(x.jobs, x.rand.IntN(4)+1, "one"))
	case 2, 3:
		if x.jobs > 0 { // change or start again
			x.register(x.newJob(x.rand.IntN(x.jobs)+1, x.rand.IntN(5), fmt.Sprintf("v%d", x.rand.IntN(4))))
		}
	case 4:
		if x.jobs > 0 {
			id := fmt.Sprintf("job-%d", x.rand.IntN(x.jobs)+1)
			x.apply(&op.DeregisterJob{Namespace: nl.DefaultNamespace, ID: id, SubmitTime: now, Eval: &nl.Eval{
				ID: newID(), Namespace: nl.DefaultNamespace, JobID: id, Type: nl.JobTypeService, Priority: 50,
				TriggeredBy: nl.TriggerJobDeregister, Status: nl.EvalStatusPending,
			}})
		}
	case 5:
		x.failOne()
	case 6:
		x.status(x.node(), nl.NodeStatusDown)
	case 7:
		x.status(x.node(), nl.NodeStatusReady)
	case 8:
		x.drain(x.node())
	}
}

func (x *churn) newJob(i, count int, version string) *nl.Job {
	job := serviceJob(fmt.Sprintf("job-%d", i), count, version)
	u := job.TaskGroups[0].Update
	u.MaxParallel = i%3 + 1
	if i%2 == 0 && count > 0 {
		u.Canary, u.AutoPromote = 1, true
	}
	return job
}

func (x *churn) node() string { return fmt.Sprintf("node-%d", x.rand.IntN(x.nodes)) }

func (x *churn) status(node, status string) {
	s := x.st.Snapshot()
	if s.Node(node).Status == status {
		return
	}
	now := time.Now().UnixNano()
	o := &op.SetNodeStatus{NodeID: node, Status: status, Time: now}
	if watch.StatusNeedsEvals(s.Node(node).Status, status) {
		o.Evals = watch.EvalsForNode(s, node, nl.TriggerNodeUpdate, now, newID)
	}
	x.apply(o)
}

func (x *churn) drain(node string) {
	now := time.Now()
	x.apply(&op.SetNodeDrain{
		NodeID: node, Time: now.UnixNano(), LastDrain: &nl.DrainMetadata{Status: "draining"},
		Strategy: &nl.DrainStrategy{Deadline: time.Minute, ForceDeadline: nl.Time{Time: now.Add(time.Minute)}},
	})
}

// failOne lets one running allocation fail.
func (x *churn) failOne() {
	var running []*nl.Alloc
	for a := range x.st.Snapshot().Allocs(nl.AllNamespaces) {
		if a.ClientStatus == nl.AllocClientRunning && !a.Terminal() {
			running = append(running, a)
		}
	}
	if len(running) == 0 {
		return
	}
	a := running[x.rand.IntN(len(running))]
	x.tell(a.NodeID, &nl.AllocUpdate{ID: a.ID, ClientStatus: nl.AllocClientFailed, TaskStates: nl.PackTaskStates(map[string]*nl.TaskState{
		"t": {State: nl.TaskStateDead, Failed: true, FinishedAt: nl.Time{Time: time.Now()}},
	})})
}

// checkRoom fails the test when a node holds more than it has room for.
func (x *churn) checkRoom() {
	x.t.Helper()
	s := x.st.Snapshot()
	for n := range s.Nodes() {
		used := 0
		for a := range s.AllocsByNode(n.ID) {
			if !a.TerminalClient() && !a.TerminalDesired() {
				used += 100
			}
		}
		if used > 4000 {
			x.t.Errorf("%s holds %d MHz of 4000", n.ID, used)
		}
	}
}

// rest heals every node, ends every drain and waits; then every job must have
// what it wants, in its newest version.
func (x *churn) rest() {
	x.t.Helper()
	for i := range x.nodes {
		id := fmt.Sprintf("node-%d", i)
		x.status(id, nl.NodeStatusReady)
		now := time.Now().UnixNano()
		x.apply(&op.SetNodeDrain{
			NodeID: id, MarkEligible: true, Time: now, Evals: watch.EvalsForNode(x.st.Snapshot(), id, nl.TriggerNodeUpdate, now, newID),
		})
	}
	x.live(90)
	s := x.st.Snapshot()
	for job := range s.Jobs(nl.AllNamespaces, "") {
		want := map[uint64]int{}
		if !job.Stop && job.TaskGroups[0].Count > 0 {
			want[job.Version] = job.TaskGroups[0].Count
		}
		x.expectRunning(job.ID, want)
		if d := s.LatestDeployment(job.Namespace, job.ID); d != nil && d.Active() {
			x.t.Errorf("deployment of %s is %s (%s)", job.ID, d.Status, d.StatusDescription)
		}
	}
	x.checkEnded()
	if n := len(x.b.BlockedEvals()); n != 0 {
		x.t.Errorf("%d evaluations wait for room although there is enough", n)
	}
}
