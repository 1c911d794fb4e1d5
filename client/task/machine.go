// Package task decides what happens to one task, and does it: Machine is the
// pure part (inputs in, effects out), Shell the part that touches disks and
// drivers. An allocation's runner owns both and feeds what the shell did back
// into the machine. The package never decides about other tasks of the group;
// that is the allocation's machine.
package task

import (
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Phase is where a task stands between receipt and end.
type Phase uint8

// The phases. A restart goes back to PhaseWaiting or PhasePreparing.
const (
	PhaseWaiting   Phase = iota // its turn has not come
	PhasePreparing              // preparation steps run
	PhaseStarting               // the driver is starting it
	PhaseRunning                // the driver runs it
	PhaseStopping               // it is being ended
	PhaseBackoff                // it waits to be started again
	PhaseRestoring              // it is looked for after a restart of the agent
	PhaseDead
)

// Spec is what the machine must know of a task.
type Spec struct {
	Name          string
	Hook          string // prestart, poststart, poststop, or "" for a main task
	Sidecar       bool
	Leader        bool
	JobType       string
	Restart       *nl.RestartPolicy
	KillTimeout   time.Duration // already bounded by the client's maximum
	ShutdownDelay time.Duration
}

// SpecOf reads a task of a job.
func SpecOf(job *nl.Job, g *nl.Group, t *nl.Task, maxKillTimeout time.Duration) *Spec {
	s := &Spec{
		Name: t.Name, Leader: t.Leader, JobType: job.Type,
		Restart: t.RestartPolicy, KillTimeout: t.KillTimeout, ShutdownDelay: t.ShutdownDelay,
	}
	if s.Restart == nil {
		s.Restart = g.RestartPolicy
	}
	if t.Lifecycle != nil {
		s.Hook, s.Sidecar = t.Lifecycle.Hook, t.Lifecycle.Sidecar
	}
	if maxKillTimeout > 0 && s.KillTimeout > maxKillTimeout {
		s.KillTimeout = maxKillTimeout
	}
	return s
}

// restartOnSuccess tells whether the task is meant to run for ever.
func (s *Spec) restartOnSuccess() bool {
	switch {
	case s.Hook == HookPoststop:
		return false
	case s.Hook != "":
		return s.Sidecar
	}
	return s.JobType == nl.JobTypeService || s.JobType == nl.JobTypeSystem
}

// Lifecycle hooks.
const (
	HookPrestart  = "prestart"
	HookPoststart = "poststart"
	HookPoststop  = "poststop"
)

// Exit is how a run of a task ended.
type Exit struct {
	Code      int
	Signal    int
	OOMKilled bool
	Err       string
}

// Success tells whether it ended well.
func (x Exit) Success() bool { return x.Code == 0 && x.Signal == 0 && x.Err == "" }

// Inputs of Step.
type (
	// Go opens the task's turn.
	Go struct{}
	// Prepared ends preparation; Event tells why it failed.
	Prepared struct {
		Err         string
		Recoverable bool
		Event       *nl.TaskEvent
	}
	// Launched ends the driver's start of the task.
	Launched struct {
		Err         string
		Recoverable bool
		Event       *nl.TaskEvent // instead of Driver Failure, when not nil
	}
	// Restored ends the search for a task that ran before the agent did.
	Restored struct {
		Found bool
		// Event tells why it was not found, nil when nobody needs to know.
		Event *nl.TaskEvent
	}
	// Ended is the end of the running task.
	Ended struct{ Exit Exit }
	// Stopped is the end of the shell's Stop.
	Stopped struct{ Err string }
	// Kill ends the task for good.
	Kill struct {
		Event   *nl.TaskEvent // cause, told before Killing; may be nil
		Reason  string
		NoDelay bool // the shutdown delay is skipped
		Fails   bool // the task counts as failed
	}
	// Restart ends the task and starts it again.
	Restart struct {
		Reason  string
		Failure bool // counts against the restart policy
		Regate  bool // it waits for its turn again
	}
	// Rerun makes a dead task wait for its turn again.
	Rerun struct{ Reason string }
	// Wake is the end of a delay that Delay asked for.
	Wake struct{ Seq int }
	// Tell adds an event.
	Tell struct{ Event *nl.TaskEvent }
)

// Input is one of the types above.
type Input any

// Effects of Step, for the shell.
type (
	// Prepare runs the preparation steps; First tells a first start from a
	// restart.
	Prepare struct{ First bool }
	// Abort ends the preparation that is under way; Prepared still follows.
	Abort struct{}
	// Launch asks the driver to start the task.
	Launch struct{}
	// Stop ends the task: deregister services, wait, stop by the driver.
	Stop struct {
		Delay time.Duration // shutdown delay
	}
	// Delay asks for Wake with Seq after For.
	Delay struct {
		Seq int
		For time.Duration
	}
	// Clean frees what the ended run held at the driver.
	Clean struct{}
	// Finish frees what the task held on the node; it will not run again.
	Finish struct{}
)

// Effect is one of the types above.
type Effect any

// Machine is the state of one task. Its fields are persisted by the runner.
type Machine struct {
	Spec  *Spec         // not changed; tasks of many allocations share one
	State *nl.TaskState // replaced, never changed, on every change
	Phase Phase
	Tries Restarts

	prepared bool
	stopping stopKind
	regate   bool
	failKill bool
	killErr  string
	timer    int
	random   func() float64
}

type stopKind uint8

const (
	stopNone stopKind = iota
	stopKill
	stopRestart        // asked by somebody: not counted
	stopRestartFailure // a check failed: counted
)

// NewMachine starts a task that was just received, or goes on with state.
// random is uniform in [0, 1).
func NewMachine(s *Spec, state *nl.TaskState, now time.Time, random func() float64) *Machine {
	m := &Machine{Spec: s, State: state, random: random}
	if state == nil {
		m.State = &nl.TaskState{State: nl.TaskStatePending, Events: []*nl.TaskEvent{Received(now)}}
	}
	switch m.State.State {
	case nl.TaskStateDead:
		m.Phase = PhaseDead
	case nl.TaskStateRunning:
		m.Phase = PhaseRestoring
	}
	return m
}

// Dead tells whether the task has ended for good.
func (m *Machine) Dead() bool { return m.State.State == nl.TaskStateDead }

// Running tells whether the driver runs the task.
func (m *Machine) Running() bool { return m.State.State == nl.TaskStateRunning }

// Succeeded tells whether the task ended well.
func (m *Machine) Succeeded() bool { return m.Dead() && !m.State.Failed }

func (m *Machine) change(f func(*nl.TaskState)) {
	s := *m.State
	f(&s)
	m.State = &s
}

func (m *Machine) tell(e *nl.TaskEvent) {
	if e != nil {
		m.change(func(s *nl.TaskState) { s.Events = withEvent(s.Events, e) })
	}
}

// Step takes one input. Inputs that do not fit the phase (an old timer, a
// second kill) change nothing.
func (m *Machine) Step(now time.Time, in Input) []Effect {
	switch in := in.(type) {
	case Go:
		if m.Phase == PhaseWaiting {
			return m.prepare(now)
		}
	case Prepared:
		return m.onPrepared(now, in)
	case Launched:
		return m.onLaunched(now, in)
	case Restored:
		return m.onRestored(now, in)
	case Ended:
		return m.onEnded(now, in.Exit)
	case Stopped:
		if m.Phase == PhaseStopping && in.Err != "" {
			// The driver gave up: nothing will tell of the end any more.
			m.killErr = in.Err
			return m.afterStop(now)
		}
	case Kill:
		return m.onKill(now, in)
	case Restart:
		return m.onRestart(now, in)
	case Rerun:
		if m.Phase == PhaseDead {
			m.tell(RestartSignaled(now, in.Reason))
			m.countRestart(now, "", 0)
			m.Phase, m.Tries = PhaseWaiting, Restarts{}
			m.stopping, m.failKill = stopNone, false
			m.change(func(s *nl.TaskState) { s.State, s.Failed, s.FinishedAt = nl.TaskStatePending, false, nl.Time{} })
		}
	case Wake:
		if m.Phase == PhaseBackoff && in.Seq == m.timer {
			return m.prepare(now)
		}
	case Tell:
		m.tell(in.Event)
	}
	return nil
}

func (m *Machine) prepare(now time.Time) []Effect {
	first := !m.prepared
	m.Phase, m.prepared = PhasePreparing, true
	if first {
		m.tell(Setup(now))
	}
	return []Effect{Prepare{First: first}}
}

func (m *Machine) onPrepared(now time.Time, in Prepared) []Effect {
	switch {
	case m.Phase == PhaseStopping:
		return m.afterStop(now)
	case m.Phase != PhasePreparing:
		return nil
	case in.Err != "":
		m.tell(in.Event)
		return m.conclude(now, ended{unrecoverable: !in.Recoverable})
	}
	m.Phase = PhaseStarting
	return []Effect{Launch{}}
}

func (m *Machine) onLaunched(now time.Time, in Launched) []Effect {
	if m.Phase != PhaseStarting && m.Phase != PhaseStopping {
		return nil
	}
	if in.Err != "" {
		if m.Phase == PhaseStopping {
			return m.afterStop(now)
		}
		if in.Event == nil {
			in.Event = DriverFailed(now, in.Err)
		}
		m.tell(in.Event)
		return m.conclude(now, ended{unrecoverable: !in.Recoverable})
	}
	m.started(now)
	if m.Phase == PhaseStopping {
		// The kill came while the driver was starting the task.
		return []Effect{Stop{}}
	}
	m.Phase = PhaseRunning
	return nil
}

func (m *Machine) started(now time.Time) {
	m.change(func(s *nl.TaskState) {
		s.Events = withEvent(s.Events, Started(now))
		s.State = nl.TaskStateRunning
		s.StartedAt = nl.Time{Time: now.UTC()}
	})
}

func (m *Machine) onRestored(now time.Time, in Restored) []Effect {
	if m.Phase == PhaseStopping && !in.Found {
		return m.afterStop(now)
	}
	if m.Phase == PhaseStopping {
		return []Effect{Stop{}}
	}
	if m.Phase != PhaseRestoring {
		return nil
	}
	if in.Found {
		m.Phase, m.prepared = PhaseRunning, true
		if !m.Running() {
			// The agent ended between the start and its news.
			m.started(now)
		}
		return nil
	}
	m.tell(in.Event)
	m.Phase = PhaseWaiting
	m.change(func(s *nl.TaskState) { s.State = nl.TaskStatePending })
	return nil
}

func (m *Machine) onEnded(now time.Time, x Exit) []Effect {
	switch m.Phase {
	case PhaseRunning:
		m.tell(Terminated(now, x))
		return append([]Effect{Clean{}}, m.conclude(now, ended{success: x.Success()})...)
	case PhaseStopping:
		m.tell(Terminated(now, x))
		return m.afterStop(now)
	}
	return nil
}

// conclude applies the restart policy to a run that ended by itself.
func (m *Machine) conclude(now time.Time, e ended) []Effect {
	o := m.Tries.decide(now, m.Spec.Restart, m.Spec.restartOnSuccess(), e, m.random())
	if o.restart {
		return m.backoff(now, o.reason, o.delay)
	}
	if !o.quiet {
		m.tell(NotRestarting(now, o.reason, o.failed))
	}
	return m.die(now, o.failed)
}

func (m *Machine) countRestart(now time.Time, reason string, delay time.Duration) {
	m.tell(Restarting(now, reason, delay))
	m.change(func(s *nl.TaskState) {
		s.State = nl.TaskStatePending
		s.Restarts++
		s.LastRestart = nl.Time{Time: now.UTC()}
	})
}

func (m *Machine) backoff(now time.Time, reason string, delay time.Duration) []Effect {
	m.countRestart(now, reason, delay)
	if delay <= 0 {
		return m.prepare(now)
	}
	m.Phase = PhaseBackoff
	m.timer++
	return []Effect{Delay{Seq: m.timer, For: delay}}
}

func (m *Machine) die(now time.Time, failed bool) []Effect {
	m.Phase = PhaseDead
	m.change(func(s *nl.TaskState) {
		s.State = nl.TaskStateDead
		s.Failed = failed
		s.FinishedAt = nl.Time{Time: now.UTC()}
	})
	return []Effect{Finish{}}
}

func (m *Machine) onKill(now time.Time, in Kill) []Effect {
	if m.Phase == PhaseDead || m.stopping == stopKill {
		return nil
	}
	m.stopping, m.failKill = stopKill, in.Fails
	m.tell(in.Event)
	m.tell(Killing(now, m.Spec.KillTimeout, in.Reason))
	switch m.Phase {
	case PhaseWaiting, PhaseBackoff:
		m.tell(Killed(now, ""))
		return m.die(now, in.Fails)
	case PhaseRunning:
		delay := m.Spec.ShutdownDelay
		if delay > 0 {
			m.tell(ShutdownDelay(now, delay, in.NoDelay))
		}
		if in.NoDelay {
			delay = 0
		}
		m.Phase = PhaseStopping
		return []Effect{Stop{Delay: delay}}
	}
	// Preparing, starting, restoring: Step goes on when the shell is done.
	preparing := m.Phase == PhasePreparing
	m.Phase = PhaseStopping
	if preparing {
		return []Effect{Abort{}}
	}
	return nil
}

func (m *Machine) onRestart(now time.Time, in Restart) []Effect {
	if m.Phase != PhaseRunning {
		return nil
	}
	m.tell(RestartSignaled(now, in.Reason))
	m.stopping, m.regate = stopRestart, in.Regate
	if in.Failure {
		m.stopping = stopRestartFailure
	}
	m.Phase = PhaseStopping
	return []Effect{Stop{}}
}

// afterStop goes on once a task that was being stopped has ended.
func (m *Machine) afterStop(now time.Time) []Effect {
	kind := m.stopping
	m.stopping = stopNone
	effects := []Effect{Clean{}}
	switch kind {
	case stopRestart:
		if m.regate {
			m.regate = false
			m.countRestart(now, "", 0)
			m.Phase = PhaseWaiting
			return effects
		}
		return append(effects, m.backoff(now, "", 0)...)
	case stopRestartFailure:
		return append(effects, m.conclude(now, ended{})...)
	}
	m.tell(Killed(now, m.killErr))
	return append(effects, m.die(now, m.failKill)...)
}
