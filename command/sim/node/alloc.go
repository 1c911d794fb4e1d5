package node

import (
	"time"
	"unique"

	"github.com/nomadlike/nomadlike/client/alloc"
	"github.com/nomadlike/nomadlike/client/task"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// parkedFor is the least that an allocation is to do nothing to be parked:
// packing and unpacking cost more than the memory that is saved for less.
const parkedFor = 30 * time.Second

// allocation is one allocation that pretends to run. The client's machine
// decides; this carries out its effects by setting timers.
//
// One that is parked, as most are most of the time, holds the states of its
// tasks in their packed form only.
type allocation struct {
	held
	machine  *alloc.Machine
	runs     []run // of the machine's tasks, in their order
	lifetime time.Duration

	health   *alloc.Health // nil when nobody asks, or the answer is known
	verdict  opinion
	since    moment // of the verdict; 0 when it is the servers' own
	healthAt moment
	expireAt moment // max_run_duration
	deregAt  moment // end of the group's shutdown delay

	told    told
	states  nl.TaskStates // at the latest report, even one that is to be repeated
	stepped bool          // states are out of date
	parked  bool          // the machine's tasks have no states
	dirty   bool          // there may be something to report
	touched bool          // it is in the node's list of these

	at   moment // in the node's heap
	slot int    // in the node's heap; -1 is none
}

// told is what the servers have been told beside the tasks' states.
type told struct {
	status string // "": nothing yet
	health opinion
}

// held is the part of an allocation that is needed: with millions in one
// process the rest adds up.
type held struct {
	id             string
	group          *group
	deployment     unique.Handle[string]
	modified       uint64  // AllocModifyIndex
	healthModified uint64  // ModifyIndex of DeploymentStatus
	healthy        opinion // as the servers have it
	terminal       bool    // it is to stop
	noDelay        bool    // without its shutdown delay
	canary         bool
}

// opinion is what somebody thinks of an allocation's health.
type opinion uint8

const (
	unknown opinion = iota
	healthy
	unhealthy
)

func opinionOf(known *bool) opinion {
	switch {
	case known == nil:
		return unknown
	case *known:
		return healthy
	}
	return unhealthy
}

// status is what is reported of an opinion, nil when there is none.
func (o opinion) status() *nl.AllocDeploymentStatus {
	if o == unknown {
		return nil
	}
	is := o == healthy
	return &nl.AllocDeploymentStatus{Healthy: &is}
}

// keep takes what is needed.
func keep(a *nl.Alloc, g *group) held {
	h := held{
		id: a.ID, group: g, deployment: unique.Make(a.DeploymentID), modified: a.AllocModifyIndex,
		terminal: a.TerminalDesired(), noDelay: a.DesiredTransition.NoShutdownDelay == nl.Yes,
	}
	if st := a.DeploymentStatus; st != nil {
		h.canary, h.healthModified, h.healthy = st.Canary, st.ModifyIndex, opinionOf(st.Healthy)
	}
	return h
}

// rules are those by which the allocation's health is found out.
func (h *held) rules() (alloc.HealthRules, bool) {
	return alloc.RulesOf(&nl.Alloc{DeploymentID: h.deployment.Value(), Job: h.group.job}, h.group.Group)
}

// newAllocation starts an allocation.
func newAllocation(h held, now time.Time, lifetime time.Duration, random func() float64) *allocation {
	g := h.group
	out := &allocation{held: h, lifetime: lifetime, runs: make([]run, len(g.tasks)), slot: -1, stepped: true}
	tasks := make([]*task.Machine, len(g.tasks))
	for i := range g.tasks {
		p := &g.tasks[i]
		tasks[i] = task.NewMachine(p.spec, nil, now, random)
		out.runs[i] = run{plan: p, does: nothing}
	}
	out.machine = alloc.NewMachine(tasks)
	out.verdict = h.healthy
	if g.MaxRunDuration != nil && *g.MaxRunDuration > 0 {
		out.expireAt = after(now, *g.MaxRunDuration)
	}
	out.follow(now)
	out.step(now, alloc.Begin{})
	return out
}

// park lets go of what is not needed for a while. It is called after a report,
// which has packed the states.
func (a *allocation) park(now time.Time) {
	if a.parked || a.stepped || a.health != nil {
		return
	}
	if next := a.next(); next != 0 && next < after(now, parkedFor) {
		return
	}
	for _, m := range a.machine.Tasks {
		m.State = nil
	}
	a.parked = true
}

// wake undoes park.
func (a *allocation) wake() {
	if !a.parked {
		return
	}
	for name, state := range a.states.All() {
		a.machine.Task(name).State = state
	}
	a.parked = false
}

// inputs are those that are to be fed to a machine still.
type inputs []alloc.Input

// answer queues inputs of a task.
func (q *inputs) answer(name string, in task.Input) {
	*q = append(*q, alloc.TaskInput{Task: name, In: in})
}

// step feeds the machine until nothing more follows at this moment.
func (a *allocation) step(now time.Time, in alloc.Input) {
	a.wake()
	a.dirty, a.stepped = true, true
	q := inputs{in}
	for len(q) > 0 {
		in, q = q[0], q[1:]
		for _, e := range a.machine.Step(now, in) {
			a.effect(now, e, &q)
		}
	}
	a.judge(now)
}

func (a *allocation) effect(now time.Time, e alloc.Effect, q *inputs) {
	switch e := e.(type) {
	case alloc.TaskEffect:
		a.taskEffect(now, e.Task, e.Effect, q)
	case alloc.Deregister:
		if d := a.group.ShutdownDelay; d != nil && *d > 0 && !e.NoDelay {
			a.deregAt = after(now, *d)
			return
		}
		*q = append(*q, alloc.Deregistered{})
	case alloc.Ended:
		a.expireAt = 0
	}
}

// run is that of a task.
func (a *allocation) run(name string) *run {
	for i := range a.runs {
		if a.runs[i].plan.task.Name == name {
			return &a.runs[i]
		}
	}
	return nil
}

func (a *allocation) taskEffect(now time.Time, name string, e task.Effect, q *inputs) {
	r := a.run(name)
	switch e := e.(type) {
	case task.Prepare:
		q.answer(name, task.Prepared{})
	case task.Launch:
		if in := r.start(now, a.lifetime); in != nil {
			q.answer(name, in)
		}
	case task.Stop:
		if wait := e.Delay + r.does.killAfter; wait > 0 {
			r.stopAt = after(now, wait)
			return
		}
		r.endAt, r.live = 0, false
		q.answer(name, task.Ended{Exit: r.does.killed})
	case task.Delay:
		r.wakeAt, r.wakeSeq = after(now, e.For), e.Seq
	}
}

// restarted goes on after the agent was killed, as the real client does: with
// what it had noted of every task, which is then looked for.
func (a *allocation) restarted(now time.Time, random func() float64) {
	a.wake()
	var tasks []*task.Machine
	for i, old := range a.machine.Tasks {
		r := &a.runs[i]
		m := task.NewMachine(r.plan.spec, old.State, now, random)
		m.Tries = old.Tries
		if r.live && m.Phase == task.PhaseWaiting {
			m.Phase = task.PhaseRestoring // the agent died between the start and its news
		}
		r.launchAt, r.stopAt, r.wakeAt = 0, 0, 0
		tasks = append(tasks, m)
	}
	a.machine = alloc.NewMachine(tasks)
	a.deregAt = 0
	a.repeat()
	for i, m := range tasks {
		if m.Phase == task.PhaseRestoring {
			in := task.Restored{Found: a.runs[i].live}
			if !in.Found {
				in.Event = task.Message(now, task.EventRestoreFailed, "failed to restore task: the process is gone")
			}
			a.step(now, alloc.TaskInput{Task: m.Spec.Name, In: in})
		}
	}
	if a.terminal {
		a.step(now, alloc.Stop{})
	}
	a.follow(now)
	a.step(now, alloc.Begin{})
}

// powerOff ends the allocation's processes.
func (a *allocation) powerOff() {
	for i, r := range a.runs {
		a.runs[i] = run{plan: r.plan, does: r.does}
	}
}

// live tells whether the allocation has a process.
func (a *allocation) live() bool {
	for i := range a.runs {
		if a.runs[i].live {
			return true
		}
	}
	return false
}

// tick does what has become due.
func (a *allocation) tick(now time.Time) {
	if a.expireAt.passed(now) {
		a.step(now, alloc.Expired{})
	}
	if a.deregAt.passed(now) {
		a.step(now, alloc.Deregistered{})
	}
	for i, m := range a.machine.Tasks {
		for _, in := range a.runs[i].due(now, a.lifetime) {
			a.step(now, alloc.TaskInput{Task: m.Spec.Name, In: in})
		}
	}
	if a.healthAt.passed(now) {
		a.judge(now)
	}
}

// next is when something is due.
func (a *allocation) next() moment {
	at := sooner(sooner(a.expireAt, a.deregAt), a.healthAt)
	for i := range a.runs {
		at = sooner(at, a.runs[i].next())
	}
	return at
}

// update takes a newer version of the allocation.
func (a *allocation) update(now time.Time, next held) {
	old := a.held
	a.held = next
	if next.group != old.group {
		for i, m := range a.machine.Tasks {
			if p := next.group.plan(m.Spec.Name); p != nil {
				m.Spec, a.runs[i].plan = p.spec, p
			}
		}
	}
	if next.deployment != old.deployment {
		a.verdict = next.healthy
		// What was told about the last deployment says nothing of this one.
		a.told.health = unknown
		a.follow(now)
	}
	if next.healthy != unknown && a.health != nil {
		// Somebody else has decided about its health.
		a.verdict, a.health, a.healthAt = next.healthy, nil, 0
	}
	if next.terminal && !old.terminal {
		a.step(now, alloc.Stop{NoDelay: next.noDelay})
	}
}

// follow begins to find out the allocation's health, if anybody asks.
func (a *allocation) follow(now time.Time) {
	a.health, a.healthAt = nil, 0
	if rules, ok := a.rules(); ok && a.verdict == unknown {
		a.health = &alloc.Health{Rules: rules, Began: now}
		a.judge(now)
	}
}

// judge looks whether the health is known now. Checks of services pass: there
// are none to fail.
func (a *allocation) judge(now time.Time) {
	if a.health == nil {
		return
	}
	a.wake()
	if a.machine.Stopping() && !a.failed() {
		return
	}
	v := a.health.Step(now, a.machine.Tasks, 0, 0)
	if !v.Known {
		a.healthAt = momentOf(v.Wake)
		return
	}
	a.health, a.healthAt = nil, 0
	if !v.Healthy {
		for _, m := range a.machine.Tasks {
			if !m.Dead() {
				m.Step(now, task.Tell{Event: task.Message(now, task.EventAllocUnhealthy, v.Reason)})
			}
		}
		a.stepped = true
	}
	a.verdict, a.since, a.dirty = opinionOf(&v.Healthy), momentOf(now), true
}

func (a *allocation) failed() bool {
	for _, m := range a.machine.Tasks {
		if m.Dead() && m.State.Failed {
			return true
		}
	}
	return false
}

// report is what the servers have not been told, nil when that is nothing.
// urgent says that somebody waits for it.
func (a *allocation) report() (u *nl.AllocUpdate, urgent bool) {
	a.wake()
	a.dirty = false
	var before *nl.AllocUpdate
	if a.told.status != "" {
		before = &nl.AllocUpdate{ClientStatus: a.told.status, DeploymentStatus: a.told.health.status(), TaskStates: a.states}
	}
	if a.stepped {
		a.states, a.stepped = nl.PackTaskStates(a.machine.States()), false
	}
	status, description := a.machine.Status()
	u = &nl.AllocUpdate{
		ID: a.id, ClientStatus: status, ClientDescription: description, TaskStates: a.states, NetworkStatus: &nl.AllocNetworkStatus{},
	}
	health := unknown
	if a.since != 0 {
		health = a.verdict
	}
	if st := health.status(); st != nil {
		st.Timestamp, st.Canary, st.ModifyIndex = nl.Time{Time: a.since.time().UTC()}, a.canary, a.healthModified
		u.DeploymentStatus = st
	}
	changed, urgent := alloc.Differs(before, u)
	if !changed {
		return nil, false
	}
	a.told = told{status, health}
	return u, urgent
}

// repeat lets all be told again.
func (a *allocation) repeat() { a.told, a.dirty = told{}, true }

// reportedRunning tells whether the last report says so.
func (a *allocation) reportedRunning() bool { return a.told.status == nl.AllocClientRunning }
