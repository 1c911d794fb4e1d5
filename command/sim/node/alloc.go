package node

import (
	"slices"
	"time"

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
// One that was begun and to which nothing has happened since, as most are, is
// fresh: it has no machine, since what that would be follows from its group and
// when it began; it rests once that was told (see rest.go). One that is parked
// holds the states of its tasks in their packed form only.
type allocation struct {
	held
	cfg     *Config
	began   moment
	machine *alloc.Machine // nil while it is fresh
	runs    []run          // of the machine's tasks, in their order

	health   alloc.Health // of an allocation that is watched
	since    moment       // of the verdict; 0 when it is the servers' own
	healthAt moment
	expireAt moment // max_run_duration
	deregAt  moment // end of the group's shutdown delay

	told    told
	states  nl.TaskStates // at the latest report, even one that is to be repeated
	verdict opinion
	stepped bool // states are out of date
	watched bool // its health is being found out
	parked  bool // the machine's tasks have no states
	dirty   bool // there may be something to report
	touched bool // it is in the node's list of these
	gone    bool // the node has forgotten it

	due moment // of its appointment
}

// told is what the servers have been told beside the tasks' states.
type told struct {
	status string // "": nothing yet
	health opinion
}

// held is the part of an allocation as servers send it that is needed.
type held struct {
	key            key
	id             string
	group          *group
	deployment     string
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

// statuses are those of the opinions, only to be looked at.
var statuses = [...]*nl.AllocDeploymentStatus{healthy: healthy.status(), unhealthy: unhealthy.status()}

// keep takes what is needed.
func keep(k key, a *nl.Alloc, g *group) held {
	h := held{
		key: k, id: a.ID, group: g, deployment: a.DeploymentID, modified: a.AllocModifyIndex,
		terminal: a.TerminalDesired(), noDelay: a.DesiredTransition().NoShutdownDelay == nl.Yes,
	}
	if st := a.DeploymentStatus; st != nil {
		h.canary, h.healthModified, h.healthy = st.Canary, st.ModifyIndex, opinionOf(st.Healthy)
	}
	return h
}

// rules are those by which the allocation's health is found out.
func (h *held) rules() (alloc.HealthRules, bool) {
	return alloc.RulesOf(&nl.Alloc{DeploymentID: h.deployment, Job: h.group.job}, h.group.Group)
}

// newAllocation starts an allocation.
func newAllocation(h held, now time.Time, cfg *Config) *allocation {
	a := allocations.Get().(*allocation)
	*a = allocation{held: h, cfg: cfg, began: momentOf(now), verdict: h.healthy, dirty: true}
	a.expireAt = h.group.expiry(a.began)
	if h.group.first == nil {
		a.begin(now)
	}
	a.follow(now)
	return a
}

// begin gives the allocation its machine, and starts that.
func (a *allocation) begin(now time.Time) {
	g := a.group
	tasks := make([]*task.Machine, len(g.tasks))
	a.runs = make([]run, len(g.tasks))
	for i := range g.tasks {
		p := &g.tasks[i]
		tasks[i] = task.NewMachine(p.spec, nil, now, a.cfg.Random)
		a.runs[i] = run{plan: p, does: nothing}
	}
	a.machine = alloc.NewMachine(tasks)
	a.feed(now, alloc.Begin{})
}

// park lets go of what is not needed for a while. It is called after a report,
// which has packed the states.
func (a *allocation) park(now time.Time) {
	if a.machine == nil || a.parked || a.stepped || a.watched {
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

// wake undoes park, and gives a machine to an allocation that is fresh.
func (a *allocation) wake() {
	if a.machine == nil {
		a.states = a.packed()
		dirty := a.dirty
		a.begin(a.began.time())
		a.dirty, a.stepped = dirty, false
	}
	if !a.parked {
		return
	}
	for name, state := range a.states.All() {
		a.machine.Task(name).State = state
	}
	a.parked = false
}

// look is the machine, only to be looked at.
func (a *allocation) look() *alloc.Machine {
	if a.machine == nil {
		return a.group.first.machine
	}
	a.wake()
	return a.machine
}

// packed are the states at the latest report.
func (a *allocation) packed() nl.TaskStates {
	if a.machine == nil && a.states.IsZero() {
		return a.group.first.states(a.began)
	}
	return a.states
}

// inputs are those that are to be fed to a machine still.
type inputs []alloc.Input

// answer queues inputs of a task.
func (q *inputs) answer(name string, in task.Input) {
	*q = append(*q, alloc.TaskInput{Task: name, In: in})
}

// step feeds the machine, and looks what that says about the health.
func (a *allocation) step(now time.Time, in alloc.Input) {
	a.wake()
	a.feed(now, in)
	a.judge(now)
}

// feed feeds the machine until nothing more follows at this moment.
func (a *allocation) feed(now time.Time, in alloc.Input) {
	a.dirty, a.stepped = true, true
	q := inputs{in}
	for len(q) > 0 {
		in, q = q[0], q[1:]
		for _, e := range a.machine.Step(now, in) {
			a.effect(now, e, &q)
		}
	}
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
		if in := r.start(now, a.cfg.Lifetime); in != nil {
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
func (a *allocation) restarted(now time.Time) {
	a.wake()
	var tasks []*task.Machine
	for i, old := range a.machine.Tasks {
		r := &a.runs[i]
		m := task.NewMachine(r.plan.spec, old.State, now, a.cfg.Random)
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
	a.wake()
	for i, r := range a.runs {
		a.runs[i] = run{plan: r.plan, does: r.does}
	}
}

// live tells whether the allocation has a process.
func (a *allocation) live() bool {
	if a.machine == nil {
		return a.group.first.live()
	}
	return slices.ContainsFunc(a.runs, func(r run) bool { return r.live })
}

// tick does what has become due.
func (a *allocation) tick(now time.Time) {
	if a.expireAt.passed(now) {
		a.step(now, alloc.Expired{})
	}
	if a.deregAt.passed(now) {
		a.step(now, alloc.Deregistered{})
	}
	if at := a.nextRun(); at.passed(now) {
		a.wake()
		for i, m := range a.machine.Tasks {
			for _, in := range a.runs[i].due(now, a.cfg.Lifetime) {
				a.step(now, alloc.TaskInput{Task: m.Spec.Name, In: in})
			}
		}
	}
	if a.healthAt.passed(now) {
		a.judge(now)
	}
}

// next is when something is due.
func (a *allocation) next() moment {
	return sooner(sooner(sooner(a.expireAt, a.deregAt), a.healthAt), a.nextRun())
}

// nextRun is when something is due of what its tasks pretend.
func (a *allocation) nextRun() (at moment) {
	if a.machine == nil {
		if d := a.group.first.runFor(a.cfg.Lifetime); d > 0 {
			at = a.began + moment(d)
		}
		return at
	}
	for i := range a.runs {
		at = sooner(at, a.runs[i].next())
	}
	return at
}

// update takes a newer version of the allocation.
func (a *allocation) update(now time.Time, next held) {
	old := a.held
	if next.group != old.group {
		a.wake() // it began as the old group says
		for i, m := range a.machine.Tasks {
			if p := next.group.plan(m.Spec.Name); p != nil {
				m.Spec, a.runs[i].plan = p.spec, p
			}
		}
	}
	a.held = next
	if next.deployment != old.deployment {
		a.verdict = next.healthy
		// What was told about the last deployment says nothing of this one.
		a.told.health = unknown
		a.follow(now)
	}
	if next.healthy != unknown && a.watched {
		// Somebody else has decided about its health.
		a.verdict, a.watched, a.healthAt = next.healthy, false, 0
	}
	if next.terminal && !old.terminal {
		a.step(now, alloc.Stop{NoDelay: next.noDelay})
	}
}

// follow begins to find out the allocation's health, if anybody asks.
func (a *allocation) follow(now time.Time) {
	a.watched, a.healthAt = false, 0
	if rules, ok := a.rules(); ok && a.verdict == unknown {
		a.watched, a.health = true, alloc.Health{Rules: rules, Began: now}
		a.judge(now)
	}
}

// judge looks whether the health is known now. Checks of services pass: there
// are none to fail.
func (a *allocation) judge(now time.Time) {
	if !a.watched {
		return
	}
	m := a.look()
	if m.Stopping() && !a.failed() {
		return
	}
	v := a.health.Step(now, m.Tasks, 0, 0)
	if !v.Known {
		a.healthAt = momentOf(v.Wake)
		return
	}
	a.watched, a.healthAt = false, 0
	if !v.Healthy {
		a.wake()
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
	for _, m := range a.look().Tasks {
		if m.Dead() && m.State.Failed {
			return true
		}
	}
	return false
}

// report is what the servers have not been told, nil when that is nothing.
// urgent says that somebody waits for it.
func (a *allocation) report() (u *nl.AllocUpdate, urgent bool) {
	a.dirty = false
	m := a.look()
	a.states = a.packed()
	var before *nl.AllocUpdate
	if a.told.status != "" {
		before = &nl.AllocUpdate{ClientStatus: a.told.status, DeploymentStatus: statuses[a.told.health], TaskStates: a.states}
	}
	if a.stepped {
		a.states, a.stepped = nl.PackTaskStates(m.States()), false
	}
	status, description := m.Status()
	u = &nl.AllocUpdate{
		ID: a.id, ClientStatus: status, ClientDescription: description, TaskStates: a.states, NetworkStatus: noNetwork,
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

// noNetwork is what is reported of every allocation's network. It is not changed.
var noNetwork = new(nl.AllocNetworkStatus)

// repeat lets all be told again.
func (a *allocation) repeat() { a.told, a.dirty = told{}, true }

// reportedRunning tells whether the last report says so.
func (a *allocation) reportedRunning() bool { return a.told.status == nl.AllocClientRunning }
