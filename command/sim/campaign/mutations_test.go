package campaign

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/command/sim/check"
	"github.com/nomadlike/nomadlike/command/sim/work"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/sched/reconcile"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// seedOf finds a specification of a job.
func seedOf(t *testing.T, job int, fits func(*nl.Job, *nl.Group) bool) uint64 {
	t.Helper()
	for seed := range uint64(10_000) {
		j, err := work.Build(job, seed, false)
		if err != nil {
			t.Fatal(err)
		}
		if fits(j, j.TaskGroups[0]) {
			return seed
		}
	}
	t.Fatalf("no specification of %s is like that", work.JobID(job))
	return 0
}

// calm is a group of so many small allocations of which none fails.
func calm(g *nl.Group, count int) bool {
	t := g.Tasks[0]
	return g.Count >= count && t.Resources.CPU <= 400 && t.Resources.MemoryMB <= 512 && t.Config["start_error"] == nil &&
		t.Config["exit_code"] == 0.0 && len(g.Networks) == 0
}

func onLarge(j *nl.Job) bool {
	return constrained(j, func(c *nl.Constraint) bool { return c.LTarget == "${node.class}" })
}

func constrained(j *nl.Job, what func(*nl.Constraint) bool) bool {
	return slices.ContainsFunc(j.Constraints, what)
}

// moreMutations break the rules of which a checker has several, and those that
// need work of their own to be broken.
func moreMutations(t *testing.T) []mutation {
	register := func(at time.Duration, job int, fits func(*nl.Job, *nl.Group) bool) work.Step {
		return work.Step{At: at, Verb: work.Register, Job: job, Seed: seedOf(t, job, fits)}
	}
	deployed := func(j *nl.Job, g *nl.Group) bool {
		return calm(g, 6) && len(j.Constraints) == 0 && g.Update != nil && g.Update.MaxParallel == 1 && g.Update.Canary == 0 && g.Update.ProgressDeadline == time.Minute
	}
	other := func(j *nl.Job, g *nl.Group) bool { return deployed(j, g) && g.Tasks[0].Resources.CPU == 300 }
	update := []work.Step{register(5*time.Second, 0, deployed), register(60*time.Second, 0, other)}
	failing := []work.Step{register(5*time.Second, 4, func(j *nl.Job, g *nl.Group) bool {
		return g.Tasks[0].Config["exit_code"] == 1.0 && len(j.Constraints) == 0
	})}
	batch := []work.Step{
		register(5*time.Second, 4, func(j *nl.Job, g *nl.Group) bool { return calm(g, 3) }),
		register(60*time.Second, 0, deployed), register(75*time.Second, 1, deployed),
	}
	ports := []work.Step{register(5*time.Second, 0, func(j *nl.Job, g *nl.Group) bool {
		return len(j.Constraints) == 0 && g.Count > 3 && len(g.Networks) > 0 && len(g.Networks[0].DynamicPorts) > 0 && len(g.Networks[0].ReservedPorts) == 0
	})}
	each := func(change func(i int, a *nl.Alloc)) func() func(int, uint64, op.Op) op.Op {
		return func() func(int, uint64, op.Op) op.Op {
			return plans(func(p *op.PlanDelta) {
				for i, a := range p.Place {
					c := *a
					c.AllocatedResources = nl.DeepCopy(a.AllocatedResources)
					change(i, &c)
					p.Place[i] = &c
				}
			})
		}
	}
	crowded := "" // a node
	return []mutation{
		{checker: "equal fingerprint at equal index", defect: "a server that is given something else", events: entries(func(a *check.Applied) {
			if a.Server == 2 && a.Index == 30 {
				a.Sum++
			}
		})},
		{checker: "acknowledged ops survive", defect: "what was never applied", events: events(func(ev check.Event) check.Event {
			if a, ok := ev.(check.Acked); ok {
				a.Sum++
				return a
			}
			return ev
		})},
		{checker: "acknowledged ops survive", defect: "lost in the end", events: events(func(ev check.Event) check.Event {
			if s, ok := ev.(check.Settled); ok {
				s.Snapshots = append(slices.Clone(s.Snapshots), store.Empty())
				return s
			}
			return ev
		})},
		{checker: "no node over capacity", defect: "a port twice", steps: ports, ops: each(func(_ int, a *nl.Alloc) {
			a.NodeID = cmp.Or(crowded, a.NodeID)
			crowded = a.NodeID
			for i := range a.AllocatedResources.Shared.Ports {
				a.AllocatedResources.Shared.Ports[i].HostIP, a.AllocatedResources.Shared.Ports[i].Value = "10.0.0.1", 20000
			}
		})},
		{checker: "no node over capacity", defect: "a core twice", ops: each(func(_ int, a *nl.Alloc) {
			for _, t := range a.AllocatedResources.Tasks {
				t.Cpu.ReservedCores = []uint64{0}
			}
		})},
		{checker: "no node over capacity", defect: "a device twice", ops: each(func(_ int, a *nl.Alloc) {
			for _, t := range a.AllocatedResources.Tasks {
				t.Devices = []*nl.AllocatedDeviceResource{{DeviceIDs: []string{"gpu-0"}}}
			}
		})},
		{checker: "every evaluation ends", defect: "waiting for what is there", steps: update, events: settledState(func(s *store.Snapshot) op.Op {
			return &op.UpsertEvals{Evals: []*nl.Eval{{ID: "stuck", Namespace: nl.DefaultNamespace, JobID: work.JobID(0), Type: nl.JobTypeService, Status: nl.EvalStatusBlocked}}}
		})},
		{checker: "running is desired, or there is no place", defect: "nobody waits for room", steps: []work.Step{
			register(5*time.Second, 0, func(j *nl.Job, g *nl.Group) bool { return calm(g, 2) && onLarge(j) }),
			{At: 60 * time.Second, Verb: work.Drain, Node: 0, For: 5 * time.Second}, {At: 60 * time.Second, Verb: work.Drain, Node: 4, For: 5 * time.Second},
		}, events: settledState(func(s *store.Snapshot) op.Op {
			var out []*nl.Eval
			for e := range s.Evals(nl.AllNamespaces) {
				if e.Status == nl.EvalStatusBlocked {
					c := e.Copy()
					c.Status = nl.EvalStatusComplete
					out = append(out, c)
				}
			}
			return &op.UpsertEvals{Evals: out}
		})},
		{checker: "allocations per group within count and surge", defect: "two on a node of a job for all", steps: []work.Step{{At: 5 * time.Second, Verb: work.Register, Job: 6, Seed: 1}}, ops: onNode("sim-1")},
		{checker: "state enums only advance", defect: "allocations that are pending again", events: backwards(func(before, after any) bool {
			a, _ := after.(*nl.Alloc)
			return a != nil && before != nil && a.ClientStatus == nl.AllocClientComplete
		})},
		{checker: "state enums only advance", defect: "allocations that are wanted again", events: backwards(func(before, after any) bool {
			a, _ := after.(*nl.Alloc)
			return a != nil && before != nil && a.TerminalDesired()
		})},
		{checker: "state enums only advance", defect: "deployments that begin again", steps: update, events: backwards(func(_, after any) bool {
			d, _ := after.(*nl.Deployment)
			return d != nil && !d.Active()
		})},
		{checker: "state enums only advance", defect: "older versions of jobs", steps: update, events: backwards(func(before, after any) bool {
			j, _ := after.(*nl.Job)
			return j != nil && before != nil && j.Version == 1
		})},
		{checker: "a stopped allocation never restarts", defect: "a status after the end", events: entries(func(ev *check.Applied) {
			for _, c := range ev.Changes {
				if a, _ := c.After.(*nl.Alloc); a != nil && c.Before != nil && a.ClientStatus == nl.AllocClientComplete {
					ev.Changes = append(ev.Changes, store.Change{Table: c.Table, Before: c.After, After: c.Before})
				}
			}
		})},
		{checker: "drain-complete means nothing runs there", defect: "processes that go on", events: events(func(ev check.Event) check.Event {
			if r, ok := ev.(check.Ran); ok {
				r.Running = true
				return r
			}
			return ev
		})},
		{checker: "drain-complete means nothing runs there", defect: "a deadline that is passed over", ops: func() func(int, uint64, op.Op) op.Op {
			return func(_ int, _ uint64, o op.Op) op.Op {
				if t, ok := o.(*op.TransitionAllocs); ok {
					return &op.TransitionAllocs{Time: t.Time}
				}
				return o
			}
		}},
		{checker: "allocation IDs are unique and found", defect: "an ID twice", events: placed(func(first, a *nl.Alloc) { a.ID = first.ID })},
		{checker: "allocation IDs are unique and found", defect: "an index that lacks some", events: entries(func(a *check.Applied) { a.Snapshot = store.Empty() })},
		{checker: "names within a group are unique", defect: "a name twice", steps: update, ops: each(func(_ int, a *nl.Alloc) { a.Name = a.JobID + ".g[0]" })},
		{checker: "names within a group are unique", defect: "a name above the count", steps: update, ops: each(func(i int, a *nl.Alloc) {
			if i == 5 {
				a.Name = a.JobID + ".g[1000]"
			}
		})},
		{checker: "placements are on nodes that take them", defect: "a node that drains", ops: onDraining,
			steps: append([]work.Step{{At: 4 * time.Second, Verb: work.Drain, Node: 2, For: time.Minute}}, update...)},
		{checker: "placements are on nodes that take them", defect: "a node of another class", ops: onNode("sim-2"), steps: []work.Step{
			register(5*time.Second, 0, func(j *nl.Job, g *nl.Group) bool {
				return calm(g, 1) && onLarge(j)
			})}},
		{checker: "placements are on nodes that take them", defect: "hosts that are not distinct", ops: onNode("sim-1"), steps: []work.Step{
			register(5*time.Second, 0, func(j *nl.Job, g *nl.Group) bool {
				return calm(g, 3) && constrained(j, func(c *nl.Constraint) bool { return c.Operand == "distinct_hosts" })
			})}},
		{checker: "allocations are given what they ask for", defect: "less processor", ops: each(func(_ int, a *nl.Alloc) {
			for _, t := range a.AllocatedResources.Tasks {
				t.Cpu.CpuShares--
			}
		})},
		{checker: "allocations are given what they ask for", defect: "more disk", ops: each(func(_ int, a *nl.Alloc) { a.AllocatedResources.Shared.DiskMB++ })},
		{checker: "allocations are given what they ask for", defect: "no port", steps: ports, ops: each(func(_ int, a *nl.Alloc) { a.AllocatedResources.Shared.Ports = nil })},
		{checker: "allocations are given what they ask for", defect: "a port below the range", steps: ports, ops: each(func(_ int, a *nl.Alloc) { a.AllocatedResources.Shared.Ports[0].Value = 80 })},
		{checker: "changes carry their index", defect: "the index of an earlier change", events: changed(func(a *nl.Alloc) { a.ModifyIndex-- })},
		{checker: "changes carry their index", defect: "another beginning", events: changed(func(a *nl.Alloc) { a.CreateIndex = a.ModifyIndex })},
		{checker: "changes carry their index", defect: "another node", events: changed(func(a *nl.Alloc) { a.NodeID = "elsewhere" })},
		{checker: "allocations and their replacements name each other", defect: "a successor that there is not", steps: update, events: changed(func(a *nl.Alloc) {
			a.Amend().NextAllocation = "nowhere"
		})},
		{checker: "allocations and their replacements name each other", defect: "another predecessor", steps: update, events: placed(func(first, a *nl.Alloc) {
			a.Amend().PreviousAllocation = first.ID
		})},
		{checker: "rollouts keep to their pace", defect: "an update of all at once", steps: update, ops: updatesAll},
		{checker: "rollouts keep to their pace", defect: "successful from the beginning", steps: update, ops: func() func(int, uint64, op.Op) op.Op {
			return plans(func(p *op.PlanDelta) {
				if p.Deployment != nil {
					d := p.Deployment.Copy()
					d.Status = nl.DeploymentStatusSuccessful
					p.Deployment = d
				}
			})
		}},
		{checker: "rollouts keep to their pace", defect: "an old deployment that goes on", steps: []work.Step{update[0], {At: 7 * time.Second, Verb: work.Register, Job: 0, Seed: update[1].Seed}}, ops: func() func(int, uint64, op.Op) op.Op {
			return plans(func(p *op.PlanDelta) { p.DeploymentUpdates = nil })
		}},
		{checker: "rollouts keep to their pace", defect: "a version that is not stable", steps: update, events: entries(func(a *check.Applied) {
			next, _, _, err := store.Apply(a.Snapshot, a.Index+1, &op.SetJobStability{Namespace: nl.DefaultNamespace, ID: work.JobID(0)})
			if err == nil {
				a.Snapshot = next
			}
		})},
		{checker: "drains keep to their pace", defect: "all leave at once", ops: leaveAtOnce, steps: []work.Step{
			register(5*time.Second, 0, deployed), {At: 50 * time.Second, Verb: work.Drain, Node: 0, For: 5 * time.Minute}, {At: 51 * time.Second, Verb: work.Drain, Node: 1, For: 5 * time.Minute}, {At: 52 * time.Second, Verb: work.Drain, Node: 2, For: 5 * time.Minute},
		}},
		{checker: "failed work is replaced as often as allowed", defect: "too often", steps: failing, events: placed(func(_, a *nl.Alloc) {
			if t := a.RescheduleTracker(); t != nil {
				e := t.Events[len(t.Events)-1]
				a.Amend().RescheduleTracker = &nl.RescheduleTracker{Events: []*nl.RescheduleEvent{e, e, e}}
			}
		})},
		{checker: "failed work is replaced as often as allowed", defect: "a replacement that is forgotten", steps: failing, events: placed(func(_, a *nl.Alloc) {
			if t := a.RescheduleTracker(); t != nil {
				a.Amend().RescheduleTracker = &nl.RescheduleTracker{Events: t.Events[len(t.Events)-1:]}
			}
		})},
		{checker: "finished work is not done again", defect: "work that is done twice", steps: batch, ops: again},
	}
}

// events changes what a checker is told.
func events(change func(check.Event) check.Event) func() func(check.Event) check.Event {
	return func() func(check.Event) check.Event { return change }
}

// entries changes what a checker is told of entries.
func entries(change func(*check.Applied)) func() func(check.Event) check.Event {
	return events(func(ev check.Event) check.Event {
		if a, ok := ev.(check.Applied); ok {
			a.Changes = slices.Clone(a.Changes)
			change(&a)
			return a
		}
		return ev
	})
}

// backwards turns changes round.
func backwards(which func(before, after any) bool) func() func(check.Event) check.Event {
	return entries(func(a *check.Applied) {
		for i, c := range a.Changes {
			if which(c.Before, c.After) {
				a.Changes[i].Before, a.Changes[i].After = c.After, c.Before
			}
		}
	})
}

// changed changes allocations that were there before.
func changed(change func(*nl.Alloc)) func() func(check.Event) check.Event {
	return entries(func(ev *check.Applied) {
		for i, c := range ev.Changes {
			if a, _ := c.After.(*nl.Alloc); a != nil && c.Before != nil {
				other := *a
				change(&other)
				ev.Changes[i].After = &other
			}
		}
	})
}

// placed changes placements; it is told of the first there ever was.
func placed(change func(first, a *nl.Alloc)) func() func(check.Event) check.Event {
	return func() func(check.Event) check.Event {
		var first *nl.Alloc
		return entries(func(ev *check.Applied) {
			for i, c := range ev.Changes {
				a, _ := c.After.(*nl.Alloc)
				if a == nil || c.Before != nil {
					continue
				}
				other := *a
				if first == nil {
					first = a
				} else {
					change(first, &other)
				}
				ev.Changes[i].After = &other
			}
		})()
	}
}

// settledState shows another end: one op later.
func settledState(what func(*store.Snapshot) op.Op) func() func(check.Event) check.Event {
	return events(func(ev check.Event) check.Event {
		end, ok := ev.(check.Settled)
		if !ok {
			return ev
		}
		s := end.Snapshots[0]
		if next, _, _, err := store.Apply(s, s.Index()+1, what(s)); err == nil {
			end.Snapshots = []*store.Snapshot{next}
		}
		return end
	})
}

// onNode places everything on the node with a name.
func onNode(name string) func() func(int, uint64, op.Op) op.Op {
	return func() func(int, uint64, op.Op) op.Op {
		node := ""
		move := movePlans(&node)
		return func(server int, index uint64, o op.Op) op.Op {
			if r, ok := o.(*op.RegisterNode); ok && r.Node.Name == name {
				node = r.Node.ID
			}
			return move(server, index, o)
		}
	}
}

// onDraining places everything on the node that was drained first.
func onDraining() func(int, uint64, op.Op) op.Op {
	node := ""
	move := movePlans(&node)
	return func(server int, index uint64, o op.Op) op.Op {
		if d, ok := o.(*op.SetNodeDrain); ok && node == "" {
			node = d.NodeID
		}
		return move(server, index, o)
	}
}

func movePlans(node *string) func(int, uint64, op.Op) op.Op {
	return plans(func(p *op.PlanDelta) {
		for i, a := range p.Place {
			moved := *a
			moved.NodeID = *node
			p.Place[i] = &moved
		}
	})
}

// updatesAll stops, with the first that an update replaces, all that was placed
// before.
func updatesAll() func(int, uint64, op.Op) op.Op {
	var known []*nl.Alloc
	return plans(func(p *op.PlanDelta) {
		if len(known) == 0 {
			known = slices.Clone(p.Place)
		}
		if slices.ContainsFunc(p.Stop, func(s nl.AllocStop) bool { return s.Description == reconcile.DescUpdating }) {
			for _, a := range known {
				p.Stop = append(slices.Clone(p.Stop), nl.AllocStop{AllocID: a.ID, NodeID: a.NodeID, Description: reconcile.DescUpdating})
			}
		}
	})
}

// leaveAtOnce has all that was placed before leave when one is to.
func leaveAtOnce() func(int, uint64, op.Op) op.Op {
	var known []*nl.Alloc
	note := plans(func(p *op.PlanDelta) { known = append(known, p.Place...) })
	return func(server int, index uint64, o op.Op) op.Op {
		note(server, index, o)
		t, ok := o.(*op.TransitionAllocs)
		if !ok {
			return o
		}
		all := &op.TransitionAllocs{Transitions: map[string]*nl.DesiredTransition{}, Evals: t.Evals, Time: t.Time}
		for _, a := range known {
			all.Transitions[a.ID] = &nl.DesiredTransition{Migrate: nl.Yes}
		}
		return all
	}
}

// again places, with every later plan, what was placed first once more.
func again() func(int, uint64, op.Op) op.Op {
	var first *nl.Alloc
	return plans(func(p *op.PlanDelta) {
		switch {
		case len(p.Place) == 0:
		case first == nil:
			first = p.Place[0]
		case first.ID != p.Place[0].ID:
			twin := *first
			twin.ID = "twin" + p.Place[0].ID[4:]
			p.Place = append(p.Place, &twin)
		}
	})
}
