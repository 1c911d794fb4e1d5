package quality

import (
	"fmt"
	"strconv"
	"time"

	"github.com/nomadlike/nomadlike/command/sim/settle"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// driver is what the jobs of the harness run with.
const driver = "mock_driver"

// scheduled places jobs with the real scheduler: each arrival registers a job
// and its evaluation, each departure purges it, plans are verified and applied
// with the ops that servers use.
type scheduled struct {
	c      *settle.Cluster
	index  map[string]int // of nodes, by ID
	allocs []int          // on each node
	jobs   map[int][]*nl.Alloc
	busy   int
	last   *sched.Outcome
}

func newScheduled(cfg *Config) (*scheduled, error) {
	s := &scheduled{
		c:     settle.New(store.Empty(), time.Unix(1, 0).UTC(), cfg.Seed),
		index: map[string]int{}, allocs: make([]int, cfg.Nodes), jobs: map[int][]*nl.Alloc{},
	}
	s.c.OnOutcome = func(o *sched.Outcome) { s.last = o }
	for i := range cfg.Nodes {
		n := uniformNode(i, cfg.Node)
		s.index[n.ID] = i
		if _, err := s.c.Do(&op.RegisterNode{Node: n, Time: 1}); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func nodeID(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }

// uniformNode is a node that differs from others in its name only.
func uniformNode(i int, shape Shape) *nl.Node {
	n := &nl.Node{
		ID: nodeID(i), SecretID: "secret-" + strconv.Itoa(i), Name: "n" + strconv.Itoa(i),
		Datacenter: "dc1", NodePool: nl.NodePoolDefault, Status: nl.NodeStatusReady, SchedulingEligibility: nl.NodeEligible,
		Attributes:        map[string]string{"kernel.name": "linux", "driver." + driver: "1"},
		Drivers:           map[string]*nl.DriverInfo{driver: {Detected: true, Healthy: true}},
		ReservedResources: &nl.NodeReservedResources{},
		NodeResources: &nl.NodeResources{
			Cpu: nl.LegacyNodeCpuResources{CpuShares: shape.CPU}, Memory: nl.NodeMemoryResources{MemoryMB: shape.Memory},
			Disk:         nl.NodeDiskResources{DiskMB: 1 << 30},
			NodeNetworks: []*nl.NodeNetworkResource{{Mode: "host", Addresses: []*nl.NodeNetworkAddress{{Alias: "default", Address: "10.0.0.1"}}}},
		},
	}
	n.ComputedClass = nl.ComputedClass(n)
	return n
}

// plainJob asks for count allocations and nothing else.
func plainJob(id string, d Demand) *nl.Job {
	return &nl.Job{
		ID: id, Name: id, Namespace: nl.DefaultNamespace, Region: "global", Type: nl.JobTypeService, Priority: 50,
		Datacenters: []string{"*"}, NodePool: nl.NodePoolDefault,
		TaskGroups: []*nl.Group{{
			Name: "g", Count: d.Count, EphemeralDisk: &nl.EphemeralDisk{SizeMB: 1}, Update: &nl.UpdateStrategy{},
			Tasks: []*nl.Task{{Name: "t", Driver: driver, Resources: &nl.Resources{CPU: int(d.CPU), MemoryMB: d.Memory}}},
		}},
	}
}

func (s *scheduled) place(id int, d Demand) (failed int, err error) {
	job := plainJob("j"+strconv.Itoa(id), d)
	if _, err := s.c.Do(&op.RegisterJob{Job: job, Eval: s.c.Eval(job, nl.TriggerJobRegister)}); err != nil {
		return 0, err
	}
	if err := s.c.Evaluate(); err != nil {
		return 0, err
	}
	s.jobs[id] = s.last.Plan.Place
	for _, a := range s.last.Plan.Place {
		at := s.index[a.NodeID]
		if s.allocs[at]++; s.allocs[at] == 1 {
			s.busy++
		}
	}
	failed = d.Count - len(s.last.Plan.Place)
	if failed > 0 {
		// A model does not try again later, so nothing may stay blocked.
		return failed, s.unblock()
	}
	return 0, nil
}

// unblock ends the evaluation that waits for room.
func (s *scheduled) unblock() error {
	blocked := s.c.Snapshot().Eval(s.last.Eval.BlockedEval)
	if blocked == nil {
		return fmt.Errorf("evaluation of job %s placed less than it was asked for and left nothing blocked", s.last.Eval.JobID)
	}
	over := blocked.Copy()
	over.Status = nl.EvalStatusCancelled
	_, err := s.c.Do(&op.UpsertEvals{Evals: []*nl.Eval{over}})
	return err
}

func (s *scheduled) remove(id int) error {
	job := s.c.Snapshot().Job(nl.DefaultNamespace, "j"+strconv.Itoa(id))
	gone := &op.DeregisterJob{Namespace: job.Namespace, ID: job.ID, Purge: true, Eval: s.c.Eval(job, nl.TriggerJobDeregister)}
	if _, err := s.c.Do(gone); err != nil {
		return err
	}
	if err := s.c.Evaluate(); err != nil {
		return err
	}
	garbage := &op.Collect{}
	for e := range s.c.Snapshot().EvalsByJob(job.Namespace, job.ID) {
		garbage.Evals = append(garbage.Evals, e.ID)
	}
	for _, a := range s.jobs[id] {
		garbage.Allocs = append(garbage.Allocs, a.ID)
		at := s.index[a.NodeID]
		if s.allocs[at]--; s.allocs[at] == 0 {
			s.busy--
		}
	}
	delete(s.jobs, id)
	_, err := s.c.Do(garbage)
	return err
}

func (s *scheduled) inUse() int { return s.busy }

// used reads the state itself, not what was noted along the way.
func (s *scheduled) used() []Shape {
	out := make([]Shape, len(s.allocs))
	for a := range s.c.Snapshot().Allocs(nl.AllNamespaces) {
		if a.Terminal() {
			continue
		}
		need := fit.Need(a.AllocatedResources)
		at := s.index[a.NodeID]
		out[at].CPU += need.CPU
		out[at].Memory += need.Memory
	}
	return out
}
