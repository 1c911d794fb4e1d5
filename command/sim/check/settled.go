package check

import (
	"fmt"
	"reflect"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/sched/reconcile"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// settled: in the end, what is to run runs and nothing else, or there is no
// place for it. Whether there is a place is found by trying every node.
type settled struct{}

func newSettled() Checker { return settled{} }

func (settled) Name() string { return "running is desired, or there is no place" }

func (settled) Observe(ev Event) error {
	end, ok := ev.(Settled)
	if !ok {
		return nil
	}
	s := end.Snapshots[0]
	if err := processes(s, end.Running); err != nil {
		return err
	}
	for j := range s.Jobs(nl.AllNamespaces, "") {
		if j.Stop || j.IsPeriodic() || j.IsParameterized() {
			for a := range s.AllocsByJob(j.Namespace, j.ID) {
				if !a.Terminal() {
					return fmt.Errorf("job %s is stopped, and allocation %s is %s", j.ID, a.ID, a.ClientStatus)
				}
			}
			continue
		}
		if err := job(s, j); err != nil {
			return err
		}
	}
	return nil
}

// processes: nodes run what the state says they run, and nothing else.
func processes(s *store.Snapshot, running map[string]map[string]bool) error {
	for node, allocs := range running {
		n := s.Node(node)
		if n == nil || n.Status != nl.NodeStatusReady {
			continue
		}
		for id := range allocs {
			if a := s.Alloc(id); a == nil || a.TerminalDesired() || a.ClientStatus != nl.AllocClientRunning {
				return fmt.Errorf("node %s runs allocation %s, which it is not to run", n.Name, id)
			}
		}
		for a := range s.AllocsByNode(node) {
			if a.ClientStatus == nl.AllocClientRunning && !allocs[a.ID] {
				return fmt.Errorf("allocation %s of job %s is said to run on node %s, and does not", a.ID, a.JobID, n.Name)
			}
		}
	}
	return nil
}

func job(s *store.Snapshot, j *nl.Job) error {
	// What an unfinished or failed deployment keeps from being placed is for a
	// user to decide; one that is not there any more may have failed, too.
	d := s.LatestDeployment(j.Namespace, j.ID)
	deployed := d != nil && d.JobVersion == j.Version && d.Status == nl.DeploymentStatusSuccessful
	for _, g := range j.TaskGroups {
		if !deployed && g.Update != nil && g.Update.MaxParallel > 0 && (j.Type == nl.JobTypeService || j.Type == nl.JobTypeSystem) {
			continue
		}
		var err error
		switch j.Type {
		case nl.JobTypeSystem, nl.JobTypeSysBatch:
			if j.Type == nl.JobTypeSysBatch && j.Status == nl.JobStatusDead {
				continue // it has ended; nodes that join later do not revive it
			}
			err = everywhere(s, j, g)
		default:
			err = count(s, j, g)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// count: as many allocations run, or have ended as they may, as are wanted.
func count(s *store.Snapshot, j *nl.Job, g *nl.Group) error {
	have := 0
	seen := map[string]bool{} // batch: by name, since each is to end once
	for a := range s.AllocsByJob(j.Namespace, j.ID) {
		if a.TaskGroup != g.Name {
			continue
		}
		switch {
		case !a.Terminal():
			have++
			if j.Type == nl.JobTypeService && a.JobVersion != j.Version && a.DesiredStatus == nl.AllocDesiredRun && a.Job.JobModifyIndex < j.JobModifyIndex && !inPlace(a.Job, j, g.Name) {
				return fmt.Errorf("allocation %s of job %s runs version %d, and version %d is wanted", a.ID, j.ID, a.JobVersion, j.Version)
			}
		case a.ClientStatus == nl.AllocClientFailed && !a.TerminalDesired() && (a.NextAllocation() == "" || recalled(s, a) && inPlace(a.Job, j, g.Name)):
			have++ // it has been tried as often as it may
		case j.Type == nl.JobTypeBatch && a.ClientStatus == nl.AllocClientComplete && !seen[a.Name]:
			seen[a.Name] = true
			have++
		}
	}
	if j.Type == nl.JobTypeService && have > g.Count {
		return fmt.Errorf("job %s has %d allocations of group %s, and %d are wanted", j.ID, have, g.Name, g.Count)
	}
	if have >= g.Count {
		return nil
	}
	if !waits(s, j) {
		return fmt.Errorf("job %s has %d of %d allocations of group %s, and no evaluation waits for room", j.ID, have, g.Count, g.Name)
	}
	if !quotaHasRoom(s, j, g) {
		return nil
	}
	if n := anyPlace(s, j, g); n != nil {
		return fmt.Errorf("job %s has %d of %d allocations of group %s, and node %s has room", j.ID, have, g.Count, g.Name, n.Name)
	}
	return nil
}

// waits tells whether an evaluation of the job waits for room.
func waits(s *store.Snapshot, j *nl.Job) bool {
	for e := range s.EvalsByJob(j.Namespace, j.ID) {
		if e.Status == nl.EvalStatusBlocked {
			return true
		}
	}
	return false
}

// recalled tells whether what stood in for the allocation was stopped because
// it came back.
func recalled(s *store.Snapshot, a *nl.Alloc) bool {
	next := s.Alloc(a.NextAllocation())
	return next != nil && next.DesiredDescription() == reconcile.DescReconnected
}

// inPlace tells whether two versions want the same of a group's tasks.
func inPlace(a, b *nl.Job, group string) bool {
	x, y := a.Group(group), b.Group(group)
	return x == nil || y == nil || reflect.DeepEqual(x.Tasks, y.Tasks) && reflect.DeepEqual(x.Networks, y.Networks)
}

// everywhere: every node that may run it does, did, or has no room.
func everywhere(s *store.Snapshot, j *nl.Job, g *nl.Group) error {
	at := map[string]bool{}
	for a := range s.AllocsByJob(j.Namespace, j.ID) {
		if a.TaskGroup == g.Name && (!a.Terminal() || a.ClientStatus == nl.AllocClientComplete || a.ClientStatus == nl.AllocClientFailed) {
			at[a.NodeID] = true
		}
	}
	for n := range s.Nodes() {
		if g.Count > 0 && !at[n.ID] && fits(s, j, g, n) {
			return fmt.Errorf("job %s has no allocation on node %s, which has room", j.ID, n.Name)
		}
	}
	return nil
}

func anyPlace(s *store.Snapshot, j *nl.Job, g *nl.Group) *nl.Node {
	for n := range s.Nodes() {
		if fits(s, j, g, n) {
			return n
		}
	}
	return nil
}

// fits tries one node, knowing of constraints only the kinds that simulated
// jobs have.
func fits(s *store.Snapshot, j *nl.Job, g *nl.Group, n *nl.Node) bool {
	if !n.Ready() || n.NodePool != j.NodePool && j.NodePool != nl.NodePoolAll {
		return false
	}
	for _, c := range slices.Concat(j.Constraints, g.Constraints) {
		switch {
		case c.Operand == "distinct_hosts":
			for a := range s.AllocsByNode(n.ID) {
				if a.JobID == j.ID && a.Namespace == j.Namespace && !a.Terminal() {
					return false
				}
			}
		case c.LTarget == "${node.class}" && n.NodeClass != c.RTarget:
			return false
		}
	}
	u := newUsage(n)
	for a := range s.AllocsByNode(n.ID) {
		if !a.Terminal() && u.add(a) != nil {
			return false
		}
	}
	for _, t := range g.Tasks {
		u.cpu += int64(t.Resources.CPU)
		u.mem += int64(t.Resources.MemoryMB)
	}
	u.disk += int64(g.EphemeralDisk.SizeMB)
	for _, network := range g.Networks {
		for _, p := range network.ReservedPorts {
			for what := range u.taken {
				if len(n.NodeResources.NodeNetworks) > 0 && what == fmt.Sprintf("port %s:%d", n.NodeResources.NodeNetworks[0].Addresses[0].Address, p.Value) {
					return false
				}
			}
		}
	}
	return u.exceeds() == nil
}
