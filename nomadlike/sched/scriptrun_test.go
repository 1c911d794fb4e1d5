package sched_test

import (
	"fmt"
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/nomadlike/verify"
)

// newEval makes a pending evaluation of a job and stores it.
func (w *world) newEval(job string, a args) *nl.Eval {
	namespace := "default"
	if other := a.get("namespace"); other != "" {
		namespace = other
	}
	e := &nl.Eval{
		ID: w.newID(), Namespace: namespace, JobID: job, Priority: 50, Type: nl.JobTypeService,
		TriggeredBy: nl.TriggerJobRegister, Status: nl.EvalStatusPending, NodeID: a.get("node"),
		CreateTime: w.now.UnixNano(), ModifyTime: w.now.UnixNano(),
	}
	if trigger := a.get("trigger"); trigger != "" {
		e.TriggeredBy = trigger
	}
	if j := w.state.Job(namespace, job); j != nil {
		e.Type, e.Priority, e.JobModifyIndex = j.Type, j.Priority, j.ModifyIndex
	}
	if kind := a.get("type"); kind != "" {
		e.Type = kind
	}
	w.apply(&op.UpsertEvals{Evals: []*nl.Eval{e}})
	return w.state.Eval(e.ID)
}

func (w *world) run(job string, a args) { w.process(w.newEval(job, a)) }

// again processes the evaluations that which selects, oldest first.
func (w *world) again(which func(*nl.Eval) bool) {
	var list []*nl.Eval
	for e := range w.state.Evals("default") {
		if which(e) {
			list = append(list, e)
		}
	}
	if len(list) == 0 {
		w.printf("nothing to run")
	}
	for _, e := range list {
		if now := w.state.Eval(e.ID); now != nil && !now.Terminal() {
			w.process(now)
		}
	}
}

// process schedules an evaluation, checks what must hold whatever the script
// says, commits the plan and prints it.
func (w *world) process(e *nl.Eval) {
	w.t.Helper()
	before := w.state
	w.checkUnfitNode(e)
	w.checkMore(e)
	out := w.schedule(before, e)
	w.checkGangs(before, out)
	w.checkOneForm(out.Plan)
	accepted, rejected := verify.Plan(before, nil, out.Plan)
	if len(rejected) > 0 || accepted != out.Plan {
		w.t.Errorf("a fresh plan was rejected on %v", rejected)
	}
	w.apply(&op.ApplyPlans{Plans: []*op.PlanDelta{store.PlanDelta(out.Plan, w.now.UnixNano())}})
	w.checkCapacity(w.state)
	w.checkShape(before, out.Plan)
	w.checkQuotas(before, w.state)
	w.checkStale(before, out.Plan)
	w.printPlan(before, out)
	w.checkSecondRun(e)
}

func (w *world) plan(job string, a args) {
	kept := w.state
	e := w.newEval(job, a)
	out := w.schedule(w.state, e)
	w.printPlan(w.state, out)
	w.state = kept
}

func (w *world) schedule(s *store.Snapshot, e *nl.Eval) *sched.Outcome {
	w.t.Helper()
	before := s.Fingerprint()
	out, err := sched.Schedule(s, e, w.input())
	if s.Fingerprint() != before {
		w.t.Errorf("scheduling %s has changed the state it was decided on", e.JobID)
	}
	if err != nil {
		w.t.Fatalf("scheduling: %v", err)
	}
	return out
}

// checkOneForm: a plan does one thing with an allocation.
func (w *world) checkOneForm(p *nl.Plan) {
	w.t.Helper()
	seen := map[string]bool{}
	once := func(id string) {
		if seen[id] {
			w.t.Errorf("the plan does two things with %s (%s)", w.names[id], id)
		}
		seen[id] = true
	}
	for _, a := range p.Place {
		once(a.ID)
	}
	for i := range p.Stop {
		once(p.Stop[i].AllocID)
	}
	for i := range p.Preempt {
		once(p.Preempt[i].AllocID)
	}
}

// checkSecondRun: what was decided is not decided again.
func (w *world) checkSecondRun(e *nl.Eval) {
	w.t.Helper()
	again := e.Copy()
	again.ID, again.Status, again.TriggeredBy = w.newID(), nl.EvalStatusPending, nl.TriggerJobRegister
	out := w.schedule(w.state, again)
	p := out.Plan
	if n := len(p.Place) + len(p.Stop) + len(p.Preempt); n > 0 || p.Deployment != nil || len(p.DeploymentUpdates) > 0 {
		for _, a := range p.Place {
			w.t.Errorf("a second run places %s (%s) on %s", a.Name, a.ID, a.NodeID)
		}
		for _, s := range p.Stop {
			w.t.Errorf("a second run stops %s: %s", w.names[s.AllocID], s.Description)
		}
		w.t.Errorf("a second run on unchanged state is not empty: deployment %v, updates %v", p.Deployment, p.DeploymentUpdates)
	}
	for _, later := range p.Evals[1:] {
		if later.Status == nl.EvalStatusPending {
			w.t.Errorf("a second run makes another delayed evaluation: %s", later.StatusDescription)
		}
	}
}

// checkUnfitNode: a node that no group can use changes nothing.
func (w *world) checkUnfitNode(e *nl.Eval) {
	w.t.Helper()
	ids := w.ids
	plain := w.schedule(w.state, e)
	w.ids = ids
	n := &nl.Node{
		ID: "zz-unfit", Name: "zz-unfit", Datacenter: "elsewhere", NodePool: "nobody",
		Status: nl.NodeStatusReady, SchedulingEligibility: nl.NodeEligible, NodeResources: &nl.NodeResources{},
	}
	more, _, _, err := store.Apply(w.state, w.state.Index()+1, &op.RegisterNode{Node: n, Time: w.now.UnixNano()})
	if err != nil {
		w.t.Fatal(err)
	}
	with := w.schedule(more, e)
	w.ids = ids
	if a, b := placements(plain.Plan), placements(with.Plan); a != b {
		w.t.Errorf("a node nobody can use changes the plan:\n%s\nbecomes\n%s", a, b)
	}
}

// checkGangs: of what belongs together all is placed or nothing.
func (w *world) checkGangs(before *store.Snapshot, out *sched.Outcome) {
	w.t.Helper()
	job := out.Plan.Job
	if job == nil || job.Stop {
		return
	}
	for _, a := range out.Plan.Place {
		if before.Alloc(a.ID) != nil || a.JobVersion != job.Version {
			continue
		}
		for _, g := range job.TaskGroups {
			together := job.AllOrNothing || g.AllOrNothing && g.Name == a.TaskGroup
			if together && out.Eval.FailedTGAllocs[g.Name] != nil {
				w.t.Errorf("%s is placed although some of %s are not", a.Name, g.Name)
			}
		}
	}
}

// checkMore: one more of the last group, which is placed behind all others, only
// adds. What would have been kept is kept, and what would have been placed anew
// still is.
func (w *world) checkMore(e *nl.Eval) {
	w.t.Helper()
	job := w.state.Job(e.Namespace, e.JobID)
	if job == nil || job.Stop || job.AllOrNothing || e.Type == nl.JobTypeSystem || e.Type == nl.JobTypeSysBatch {
		return
	}
	ids := w.ids
	defer func() { w.ids = ids }()
	for _, g := range job.TaskGroups {
		if g.AllOrNothing {
			return // one more may be one too many
		}
		if slices.ContainsFunc(g.Constraints, func(k *nl.Constraint) bool { return k.LTarget == "${alloc.job}" && k.Operand == "is_set" }) {
			return // one more may be the company that lets another one move
		}
	}
	// Both are new versions, by something that is changed in place.
	job = nl.DeepCopy(job)
	last := job.TaskGroups[len(job.TaskGroups)-1]
	last.Tasks[0].KillTimeout++
	same := w.reregistered(e, nl.DeepCopy(job))
	last.Count++
	more := w.reregistered(e, job)
	wanted := w.stopped(same)
	for id := range w.stopped(more) {
		if !wanted[id] {
			w.t.Errorf("one more of the last group stops %s", w.names[id])
		}
	}
	added := fresh(more)
	for name := range fresh(same) {
		if !added[name] {
			w.t.Errorf("one more of the last group leaves %s unplaced", name)
		}
	}
}

// reregistered is the plan once the job has been written anew.
func (w *world) reregistered(e *nl.Eval, job *nl.Job) *nl.Plan {
	w.t.Helper()
	next, _, _, err := store.Apply(w.state, w.state.Index()+1, &op.RegisterJob{Job: job})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.schedule(next, e).Plan
}

// stopped is what a plan stops that runs, by ID.
func (w *world) stopped(p *nl.Plan) map[string]bool {
	out := map[string]bool{}
	for _, s := range p.Stop {
		if s.Desired != nl.AllocDesiredRun && !w.state.Alloc(s.AllocID).Terminal() {
			out[s.AllocID] = true
		}
	}
	return out
}

// fresh is the names of what a plan places that replaces nothing.
func fresh(p *nl.Plan) map[string]bool {
	out := map[string]bool{}
	for _, a := range p.Place {
		if a.CreateIndex == 0 && a.PreviousAllocation() == "" {
			out[a.Name] = true
		}
	}
	return out
}

func placements(p *nl.Plan) string {
	var lines []string
	for _, a := range p.Place {
		lines = append(lines, a.Name+" "+a.NodeID)
	}
	for _, s := range p.Stop {
		lines = append(lines, s.AllocID)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// checkStale: a plan decided on an older state never over-commits: here every
// node has been filled meanwhile by the very same plan.
func (w *world) checkStale(before *store.Snapshot, p *nl.Plan) {
	w.t.Helper()
	stale := *p
	stale.Place = nil
	for _, a := range p.Place {
		if before.Alloc(a.ID) != nil {
			continue
		}
		twin := a.Copy()
		twin.ID = w.newID()
		stale.Place = append(stale.Place, twin)
	}
	ids := w.ids
	accepted, _ := verify.Plan(w.state, nil, &stale)
	again, rejected := verify.Plan(w.state, nil, accepted)
	if again != accepted && !p.AllAtOnce {
		w.t.Errorf("verifying an accepted plan again leaves some of it out, nodes %v", rejected)
	}
	next, _, _, err := store.Apply(w.state, w.state.Index()+1,
		&op.ApplyPlans{Plans: []*op.PlanDelta{store.PlanDelta(again, w.now.UnixNano())}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.checkCapacity(next)
	w.checkQuotas(w.state, next)
	w.ids = ids
}

// checkCapacity counts by itself, not with the code under test: no node gives
// more than it has, and no port, core or device twice.
func (w *world) checkCapacity(s *store.Snapshot) {
	w.t.Helper()
	for n := range s.Nodes() {
		var cpu, memory, disk int64
		held := map[string]string{}
		take := func(key, by string) {
			if other, twice := held[key]; twice {
				w.t.Errorf("node %s gives %s to %s and %s", n.ID, key, other, by)
			}
			held[key] = by
		}
		count := 0
		for a := range s.AllocsByNode(n.ID) {
			if a.Terminal() {
				continue
			}
			count++
			disk += a.AllocatedResources.Shared.DiskMB
			for _, p := range a.AllocatedResources.Shared.Ports {
				if !p.IgnoreCollision {
					take(fmt.Sprintf("port %s:%d", p.HostIP, p.Value), a.Name)
				}
			}
			plain := true
			for _, l := range a.AllocatedResources.TaskLifecycles {
				plain = plain && l == nil
			}
			for _, t := range a.AllocatedResources.Tasks {
				if plain {
					cpu += t.Cpu.CpuShares
					memory += t.Memory.MemoryMB
				}
				for _, c := range t.Cpu.ReservedCores {
					take(fmt.Sprintf("core %d", c), a.Name)
				}
				for _, d := range t.Devices {
					for _, id := range d.DeviceIDs {
						take("device "+id, a.Name)
					}
				}
			}
		}
		r := n.NodeResources
		if cpu > r.Cpu.CpuShares || memory > r.Memory.MemoryMB-n.ReservedResources.Memory.MemoryMB || disk > r.Disk.DiskMB {
			w.t.Errorf("node %s is over-committed: cpu %d of %d, memory %d of %d, disk %d of %d",
				n.ID, cpu, r.Cpu.CpuShares, memory, r.Memory.MemoryMB, disk, r.Disk.DiskMB)
		}
		if n.NodeMaxAllocs > 0 && count > n.NodeMaxAllocs {
			w.t.Errorf("node %s holds %d allocations of at most %d", n.ID, count, n.NodeMaxAllocs)
		}
	}
}
