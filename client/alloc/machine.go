// Package alloc runs allocations. Machine is the pure part: it orders the tasks
// of a group, reacts to the end of one with the others, and derives the
// allocation's status. Runner is the shell: one goroutine per allocation that
// feeds the machine and carries out its effects. The client creates runners;
// nothing here talks to servers.
package alloc

import (
	"time"

	"github.com/nomadlike/nomadlike/client/task"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Descriptions of the client status. They are shown to users.
const (
	descriptionFailed   = "Failed tasks"
	descriptionRunning  = "Tasks are running"
	descriptionPending  = "No tasks have started"
	descriptionComplete = "All tasks have completed"
	descriptionTimeout  = "Allocation exceeded its max_run_duration"
)

// Inputs of the machine, beside those of its tasks.
type (
	// Begin starts the allocation once its own preparation is done; Err says
	// that it failed.
	Begin struct{ Err string }
	// TaskInput is an input for one task.
	TaskInput struct {
		Task string
		In   task.Input
	}
	// Stop ends the allocation.
	Stop struct{ NoDelay bool }
	// Expired says that the allocation has run for longer than it may.
	Expired struct{}
	// Deregistered ends the effect Deregister.
	Deregistered struct{}
	// RestartTasks restarts one task, all that run, or all.
	RestartTasks struct {
		Task string
		All  bool
	}
)

// Effects of the machine, beside those of its tasks.
type (
	// TaskEffect is an effect of one task.
	TaskEffect struct {
		Task   string
		Effect task.Effect
	}
	// Deregister takes the group's services away and waits the group's
	// shutdown delay; Deregistered follows.
	Deregister struct{ NoDelay bool }
	// Ended says that no task will run any more.
	Ended struct{}
)

// Input and Effect are one of the types above.
type (
	Input  any
	Effect any
)

// stage is how far the end of the allocation has got.
type stage uint8

const (
	stageNone stage = iota
	stageDeregister
	stageLeader
	stageMain
	stageSidecar
	stageDone
)

// Machine is the state of one allocation.
type Machine struct {
	Tasks []*task.Machine // in the job's order

	gate    gate
	begun   bool
	stage   stage
	noDelay bool
	expired bool
	failed  string // why the allocation failed as a whole
	ended   bool
	effects []Effect // of the step under way
}

// NewMachine orders tasks.
func NewMachine(tasks []*task.Machine) *Machine { return &Machine{Tasks: tasks} }

// Task is the task of that name, nil when there is none.
func (m *Machine) Task(name string) *task.Machine {
	for _, t := range m.Tasks {
		if t.Spec.Name == name {
			return t
		}
	}
	return nil
}

// Terminal tells whether no task runs or will run.
func (m *Machine) Terminal() bool {
	return every(m.Tasks, func(*task.Machine) bool { return true }, (*task.Machine).Dead)
}

// Stopping tells whether the allocation is being ended.
func (m *Machine) Stopping() bool { return m.stage != stageNone }

// Status is the client status and its description.
func (m *Machine) Status() (status, description string) {
	if m.failed != "" && m.Terminal() {
		return nl.AllocClientFailed, m.failed
	}
	var o outcome
	for _, t := range m.Tasks {
		o.add(t.State)
	}
	return o.status()
}

// States are the tasks' states by name, in a map of the caller's.
func (m *Machine) States() map[string]*nl.TaskState {
	out := make(map[string]*nl.TaskState, len(m.Tasks))
	for _, t := range m.Tasks {
		out[t.Spec.Name] = t.State
	}
	return out
}

// StatusOf derives the status from the states of tasks. Keys that skip holds
// are not looked at.
func StatusOf(states map[string]*nl.TaskState, skip map[string]bool) (status, description string) {
	var o outcome
	for name, s := range states {
		if !skip[name] {
			o.add(s)
		}
	}
	return o.status()
}

// outcome sums up what the tasks of an allocation do.
type outcome struct{ failed, running, pending bool }

func (o *outcome) add(s *nl.TaskState) {
	switch s.State {
	case nl.TaskStateRunning:
		o.running = true
	case nl.TaskStatePending:
		o.pending = true
	case nl.TaskStateDead:
		o.failed = o.failed || s.Failed
	}
}

func (o *outcome) status() (status, description string) {
	switch {
	case o.failed:
		return nl.AllocClientFailed, descriptionFailed
	case o.running:
		return nl.AllocClientRunning, descriptionRunning
	case o.pending:
		return nl.AllocClientPending, descriptionPending
	}
	return nl.AllocClientComplete, descriptionComplete
}

// Step takes one input and tells what to do.
func (m *Machine) Step(now time.Time, in Input) []Effect {
	m.effects = nil
	switch in := in.(type) {
	case Begin:
		m.begin(now, in)
	case TaskInput:
		if t := m.Task(in.Task); t != nil {
			m.task(now, t, in.In)
		}
	case Stop:
		m.stop(in.NoDelay)
	case Expired:
		m.expired, m.failed = true, descriptionTimeout
		m.stop(false)
	case Deregistered:
		if m.stage == stageDeregister {
			m.stage = stageLeader
		}
	case RestartTasks:
		m.restart(now, in)
	}
	m.settle(now)
	out := m.effects
	m.effects = nil
	return out
}

func (m *Machine) task(now time.Time, t *task.Machine, in task.Input) {
	for _, e := range t.Step(now, in) {
		m.effects = append(m.effects, TaskEffect{Task: t.Spec.Name, Effect: e})
	}
}

func (m *Machine) begin(now time.Time, in Begin) {
	m.begun = true
	if in.Err == "" {
		return
	}
	m.failed = "failed to setup alloc: " + in.Err
	for _, t := range m.Tasks {
		if !t.Dead() {
			m.task(now, t, task.Kill{Event: task.SetupFailed(now, m.failed), Fails: true, NoDelay: true})
		}
	}
}

func (m *Machine) stop(noDelay bool) {
	if m.stage != stageNone {
		return
	}
	m.stage, m.noDelay = stageDeregister, noDelay
	m.effects = append(m.effects, Deregister{NoDelay: noDelay})
}

// settle follows up on whatever the input changed, until nothing does.
func (m *Machine) settle(now time.Time) {
	if !m.begun && m.stage == stageNone {
		return
	}
	for {
		before := m.gate
		m.react(now)
		m.kill(now)
		m.gate = m.gate.next(m.Tasks)
		for _, t := range m.Tasks {
			if t.Phase == task.PhaseWaiting && m.mayStart(t) {
				m.task(now, t, task.Go{})
			}
		}
		if m.gate == before && !m.pendingKill() {
			break
		}
	}
	if m.Terminal() && !m.ended {
		m.ended = true
		m.effects = append(m.effects, Ended{})
	} else if !m.Terminal() {
		m.ended = false
	}
}

func (m *Machine) mayStart(t *task.Machine) bool {
	if !m.begun || !m.gate.allows(t.Spec) {
		return false
	}
	return m.stage == stageNone || t.Spec.Hook == task.HookPoststop && !m.expired
}

// react ends the other tasks when one of them ended in a way that concerns
// them.
func (m *Machine) react(now time.Time) {
	if m.stage != stageNone {
		return
	}
	var cause func() *nl.TaskEvent
	switch failed, leader := m.find(func(t *task.Machine) bool { return t.Dead() && t.State.Failed }),
		m.find(func(t *task.Machine) bool { return t.Dead() && t.Spec.Leader }); {
	case failed != nil && failed.Spec.Hook != task.HookPoststop:
		cause = func() *nl.TaskEvent { return task.SiblingFailed(now, failed.Spec.Name) }
	case leader != nil:
		cause = func() *nl.TaskEvent { return task.LeaderDead(now) }
	case m.onlySidecars():
		cause = func() *nl.TaskEvent { return task.MainDead(now) }
	default:
		return
	}
	live := m.find(func(t *task.Machine) bool { return notPoststop(t) && !t.Dead() })
	if live == nil {
		return
	}
	for _, t := range m.Tasks {
		if notPoststop(t) && !t.Dead() {
			m.task(now, t, task.Tell{Event: cause()})
		}
	}
	m.stop(false)
}

func (m *Machine) find(which func(*task.Machine) bool) *task.Machine {
	for _, t := range m.Tasks {
		if which(t) {
			return t
		}
	}
	return nil
}

// onlySidecars tells whether sidecars live on after everything they serve has
// ended. A group that has nothing but sidecars is not meant.
func (m *Machine) onlySidecars() bool {
	served := func(t *task.Machine) bool { return notPoststop(t) && !isSidecar(t) }
	return m.find(served) != nil && every(m.Tasks, served, (*task.Machine).Dead) &&
		m.find(func(t *task.Machine) bool { return isSidecar(t) && !t.Dead() }) != nil
}

// kill ends the tasks in order: the leader, what is no sidecar, the sidecars.
// Tasks that follow the end of the others are left alone, unless time is up.
func (m *Machine) kill(now time.Time) {
	for m.stage > stageDeregister && m.stage < stageDone {
		waiting := false
		for _, t := range m.Tasks {
			if !m.inStage(t) || t.Dead() {
				continue
			}
			m.task(now, t, task.Kill{NoDelay: m.noDelay, Fails: m.expired})
			waiting = waiting || !t.Dead()
		}
		if waiting {
			return
		}
		m.stage++
	}
}

func (m *Machine) inStage(t *task.Machine) bool {
	if t.Spec.Hook == task.HookPoststop {
		return m.expired && m.stage == stageSidecar
	}
	switch m.stage {
	case stageLeader:
		return t.Spec.Leader
	case stageMain:
		return !isSidecar(t)
	}
	return true
}

// pendingKill tells whether kill could go further.
func (m *Machine) pendingKill() bool {
	if m.stage <= stageDeregister || m.stage >= stageDone {
		return false
	}
	return every(m.Tasks, m.inStage, (*task.Machine).Dead)
}

// reasons that user requests give.
const (
	reasonRestart    = "User requested task to restart"
	reasonRestartAll = "User requested all tasks to restart"
)

func (m *Machine) restart(now time.Time, in RestartTasks) {
	if m.stage != stageNone {
		return
	}
	if in.All {
		m.gate = gateInit
	}
	for _, t := range m.Tasks {
		if in.Task != "" && t.Spec.Name != in.Task {
			continue
		}
		reason := reasonRestart
		if in.All {
			reason = reasonRestartAll
		}
		switch {
		case t.Phase == task.PhaseRunning:
			m.task(now, t, task.Restart{Reason: reason, Regate: in.All})
		case in.All && t.Dead() && notPoststop(t):
			m.task(now, t, task.Rerun{Reason: reason})
		}
	}
}
