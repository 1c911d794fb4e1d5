package node

import (
	"time"

	"github.com/nomadlike/nomadlike/client/alloc"
	"github.com/nomadlike/nomadlike/client/task"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// allocation is one allocation that pretends to run. The client's machine
// decides; this carries out its effects by setting timers.
type allocation struct {
	alloc    held
	machine  *alloc.Machine
	runs     []run // of the machine's tasks, in their order
	lifetime time.Duration
	inputs   []alloc.Input // to be fed to the machine

	health   *alloc.Health // nil when nobody asks, or the answer is known
	verdict  *bool
	since    time.Time // of the verdict
	healthAt time.Time
	expireAt time.Time // max_run_duration
	deregAt  time.Time // end of the group's shutdown delay

	sent  *nl.AllocUpdate // latest report
	dirty bool            // there may be something to report
}

// held is the part of an allocation that is needed: with millions in one
// process the rest adds up.
type held struct {
	id, deployment string
	job            *nl.Job
	group          *nl.Group // of job
	modified       uint64    // AllocModifyIndex
	terminal       bool      // it is to stop
	noDelay        bool      // without its shutdown delay
	canary         bool
	healthModified uint64 // ModifyIndex of DeploymentStatus
	healthy        *bool  // as the servers have it
}

// keep takes what is needed; nil when the job lacks the group.
func keep(a *nl.Alloc, job *nl.Job) *held {
	g := job.Group(a.TaskGroup)
	if g == nil {
		return nil
	}
	h := &held{
		id: a.ID, deployment: a.DeploymentID, job: job, group: g, modified: a.AllocModifyIndex,
		terminal: a.TerminalDesired(), noDelay: a.DesiredTransition.NoShutdownDelay == nl.Yes,
	}
	if st := a.DeploymentStatus; st != nil {
		h.canary, h.healthModified, h.healthy = st.Canary, st.ModifyIndex, st.Healthy
	}
	return h
}

// rules are those by which the allocation's health is found out.
func (h *held) rules() (alloc.HealthRules, bool) {
	return alloc.RulesOf(&nl.Alloc{DeploymentID: h.deployment, Job: h.job}, h.group)
}

// newAllocation starts an allocation.
func newAllocation(h *held, now time.Time, lifetime time.Duration, random func() float64) *allocation {
	g := h.group
	out := &allocation{alloc: *h, lifetime: lifetime, runs: make([]run, len(g.Tasks))}
	var tasks []*task.Machine
	for i, t := range g.Tasks {
		tasks = append(tasks, task.NewMachine(task.SpecOf(h.job, g, t, 0), nil, now, random))
		out.runs[i] = run{task: t, does: nothing}
	}
	out.machine = alloc.NewMachine(tasks)
	out.verdict = h.healthy
	if g.MaxRunDuration != nil && *g.MaxRunDuration > 0 {
		out.expireAt = now.Add(*g.MaxRunDuration)
	}
	out.follow(now)
	out.step(now, alloc.Begin{})
	return out
}

// step feeds the machine until nothing more follows at this moment.
func (a *allocation) step(now time.Time, in alloc.Input) {
	a.dirty = true
	a.inputs = append(a.inputs, in)
	for len(a.inputs) > 0 {
		in, a.inputs = a.inputs[0], a.inputs[1:]
		for _, e := range a.machine.Step(now, in) {
			a.effect(now, e)
		}
	}
	a.inputs = nil
	a.judge(now)
}

func (a *allocation) effect(now time.Time, e alloc.Effect) {
	switch e := e.(type) {
	case alloc.TaskEffect:
		a.taskEffect(now, e.Task, e.Effect)
	case alloc.Deregister:
		if d := a.alloc.group.ShutdownDelay; d != nil && *d > 0 && !e.NoDelay {
			a.deregAt = now.Add(*d)
			return
		}
		a.inputs = append(a.inputs, alloc.Deregistered{})
	case alloc.Ended:
		a.expireAt = time.Time{}
	}
}

// run is that of a task.
func (a *allocation) run(name string) *run {
	for i := range a.runs {
		if a.runs[i].task.Name == name {
			return &a.runs[i]
		}
	}
	return nil
}

func (a *allocation) taskEffect(now time.Time, name string, e task.Effect) {
	r := a.run(name)
	switch e := e.(type) {
	case task.Prepare:
		a.answer(name, task.Prepared{})
	case task.Launch:
		a.answer(name, r.start(now, a.lifetime)...)
	case task.Stop:
		wait := e.Delay + r.does.killAfter
		if wait > 0 {
			r.stopAt = now.Add(wait)
			return
		}
		r.endAt, r.live = time.Time{}, false
		a.answer(name, task.Ended{Exit: r.does.killed})
	case task.Delay:
		r.wakeAt, r.wakeSeq = now.Add(e.For), e.Seq
	}
}

// restarted goes on after the agent was killed, as the real client does: with
// what it had noted of every task, which is then looked for.
func (a *allocation) restarted(now time.Time, random func() float64) {
	var tasks []*task.Machine
	g := a.alloc.group
	for i, old := range a.machine.Tasks {
		m := task.NewMachine(task.SpecOf(a.alloc.job, g, g.Task(old.Spec.Name), 0), old.State, now, random)
		m.Tries = old.Tries
		r := &a.runs[i]
		if r.live && m.Phase == task.PhaseWaiting {
			m.Phase = task.PhaseRestoring // the agent died between the start and its news
		}
		r.launchAt, r.stopAt, r.wakeAt = time.Time{}, time.Time{}, time.Time{}
		tasks = append(tasks, m)
	}
	a.machine = alloc.NewMachine(tasks)
	a.deregAt, a.sent, a.dirty, a.inputs = time.Time{}, nil, true, nil
	for i, m := range tasks {
		if m.Phase == task.PhaseRestoring {
			in := task.Restored{Found: a.runs[i].live}
			if !in.Found {
				in.Event = task.Message(now, task.EventRestoreFailed, "failed to restore task: the process is gone")
			}
			a.step(now, alloc.TaskInput{Task: m.Spec.Name, In: in})
		}
	}
	if a.alloc.terminal {
		a.step(now, alloc.Stop{})
	}
	a.follow(now)
	a.step(now, alloc.Begin{})
}

// answer queues inputs of a task.
func (a *allocation) answer(name string, list ...task.Input) {
	for _, in := range list {
		a.inputs = append(a.inputs, alloc.TaskInput{Task: name, In: in})
	}
}

// tick does what has become due.
func (a *allocation) tick(now time.Time) {
	if passed(&a.expireAt, now) {
		a.step(now, alloc.Expired{})
	}
	if passed(&a.deregAt, now) {
		a.step(now, alloc.Deregistered{})
	}
	for i, m := range a.machine.Tasks {
		for _, in := range a.runs[i].due(now) {
			a.step(now, alloc.TaskInput{Task: m.Spec.Name, In: in})
		}
	}
	if passed(&a.healthAt, now) {
		a.judge(now)
	}
}

// next is when something is due, zero for never.
func (a *allocation) next() time.Time {
	at := earliest(earliest(a.expireAt, a.deregAt), a.healthAt)
	for i := range a.runs {
		at = earliest(at, a.runs[i].next())
	}
	return at
}

// update takes a newer version of the allocation.
func (a *allocation) update(now time.Time, next *held) {
	old := a.alloc
	a.alloc = *next
	for i, m := range a.machine.Tasks {
		if t := next.group.Task(m.Spec.Name); t != nil {
			m.Spec = task.SpecOf(next.job, next.group, t, 0)
			a.runs[i].task = t
		}
	}
	if next.deployment != old.deployment {
		a.verdict = next.healthy
		if a.sent != nil {
			// What was told about the last deployment says nothing of this one.
			told := *a.sent
			told.DeploymentStatus = nil
			a.sent = &told
		}
		a.follow(now)
	}
	if next.healthy != nil && a.health != nil {
		// Somebody else has decided about its health.
		a.verdict, a.health, a.healthAt = next.healthy, nil, time.Time{}
	}
	if next.terminal && !old.terminal {
		a.step(now, alloc.Stop{NoDelay: next.noDelay})
	}
}

// follow begins to find out the allocation's health, if anybody asks.
func (a *allocation) follow(now time.Time) {
	a.health, a.healthAt = nil, time.Time{}
	if rules, ok := a.alloc.rules(); ok && a.verdict == nil {
		a.health = &alloc.Health{Rules: rules, Began: now}
		a.judge(now)
	}
}

// judge looks whether the health is known now. Checks of services pass: there
// are none to fail.
func (a *allocation) judge(now time.Time) {
	if a.health == nil || a.machine.Stopping() && !a.failed() {
		return
	}
	v := a.health.Step(now, a.machine.Tasks, 0, 0)
	if !v.Known {
		a.healthAt = v.Wake
		return
	}
	a.health, a.healthAt = nil, time.Time{}
	if !v.Healthy {
		for _, m := range a.machine.Tasks {
			if !m.Dead() {
				m.Step(now, task.Tell{Event: task.Message(now, task.EventAllocUnhealthy, v.Reason)})
			}
		}
	}
	a.verdict, a.since, a.dirty = &v.Healthy, now, true
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
	a.dirty = false
	status, description := a.machine.Status()
	u = &nl.AllocUpdate{
		ID: a.alloc.id, ClientStatus: status, ClientDescription: description,
		TaskStates: nl.PackTaskStates(a.machine.States()), NetworkStatus: &nl.AllocNetworkStatus{},
	}
	if a.verdict != nil && !a.since.IsZero() {
		u.DeploymentStatus = &nl.AllocDeploymentStatus{Healthy: a.verdict, Timestamp: nl.Time{Time: a.since.UTC()}}
		u.DeploymentStatus.Canary, u.DeploymentStatus.ModifyIndex = a.alloc.canary, a.alloc.healthModified
	}
	changed, urgent := alloc.Differs(a.sent, u)
	if !changed {
		return nil, false
	}
	a.sent = u
	return u, urgent
}

// reportedRunning tells whether the last report says so.
func (a *allocation) reportedRunning() bool {
	return a.sent != nil && a.sent.ClientStatus == nl.AllocClientRunning
}
