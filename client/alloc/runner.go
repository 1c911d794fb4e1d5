package alloc

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/nomadlike/nomadlike/client/state"
	"github.com/nomadlike/nomadlike/client/step/check"
	"github.com/nomadlike/nomadlike/client/step/dir"
	"github.com/nomadlike/nomadlike/client/task"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Config of a Runner.
type Config struct {
	Host     *task.Host
	AllocDir string
	// Alloc has its job.
	Alloc *nl.Alloc
	// Saved and Tasks are on record for an allocation that ran before the agent
	// did; Saved is nil for a new one.
	Saved *state.AllocRecord
	Tasks map[string]*state.TaskRecord
	// MaxKillTimeout bounds the kill timeout of tasks.
	MaxKillTimeout time.Duration
	// Previous waits for the allocation this one follows, and takes over its
	// data; nil when there is none.
	Previous func(ctx context.Context) error
	// Contacted is closed once the servers were reached: what could not be
	// restored is not started before.
	Contacted <-chan struct{}
	// Report takes every change. urgent ones are those users wait for.
	Report func(u *nl.AllocUpdate, urgent bool)
	Random func() float64
	Logger hclog.Logger
}

// Runner runs one allocation.
type Runner struct {
	cfg  Config
	id   string
	dirs dir.Alloc
	log  hclog.Logger

	// The loop owns these.
	machine   *Machine
	health    *Health
	restarts  map[string]*checkRestart      // by check ID
	queued    map[string]chan struct{}      // by task: closed when the last work queued is done
	aborts    map[string]context.CancelFunc // by task: ends its preparation
	preparing map[string]context.CancelFunc // by task: ends preparation or a start that a kill makes pointless
	services  []string                      // of the group, registered
	sent      *nl.AllocUpdate
	checks    *check.Set
	required  map[string]bool // checks that health looks at
	jobs      sync.WaitGroup  // goroutines that work for effects
	lookAt    time.Time       // when health is looked at next
	lookTimer *time.Timer

	boxMu sync.Mutex
	box   []any
	wake  chan struct{}

	mu       sync.Mutex
	alloc    *nl.Alloc
	shells   map[string]*task.Shell
	view     map[string]*nl.TaskState
	status   string
	verdict  *bool // health
	since    time.Time
	began    time.Time
	terminal bool
	endedAt  time.Time
	ended    chan struct{} // closed when terminal for the first time
}

// New makes a runner. It writes nothing before Run.
func New(cfg Config) (*Runner, error) {
	g := cfg.Alloc.Job.Group(cfg.Alloc.TaskGroup)
	if g == nil {
		return nil, fmt.Errorf("allocation %s: its job %q has no group %q", cfg.Alloc.ID, cfg.Alloc.JobID, cfg.Alloc.TaskGroup)
	}
	r := &Runner{
		cfg: cfg, id: cfg.Alloc.ID, alloc: cfg.Alloc, dirs: dir.Of(cfg.AllocDir, cfg.Alloc.ID),
		log: cfg.Logger.With("alloc_id", cfg.Alloc.ID), wake: make(chan struct{}, 1),
		shells: map[string]*task.Shell{}, restarts: map[string]*checkRestart{}, queued: map[string]chan struct{}{}, aborts: map[string]context.CancelFunc{}, preparing: map[string]context.CancelFunc{}, required: map[string]bool{},
		ended: make(chan struct{}),
	}
	now := cfg.Host.Now()
	r.checks = check.NewSet(cfg.Host.Now, func(res check.Result) { r.post(res) })
	var tasks []*task.Machine
	for _, t := range g.Tasks {
		rec := cfg.Tasks[t.Name]
		var st *nl.TaskState
		if rec != nil {
			st = rec.State
		}
		m := task.NewMachine(task.SpecOf(cfg.Alloc.Job, g, t, cfg.MaxKillTimeout), st, now, cfg.Random)
		if rec != nil {
			m.Tries = task.Restarts{Count: rec.Tries, Start: rec.TriesStart}
			if rec.RunID != "" && m.Phase == task.PhaseWaiting {
				m.Phase = task.PhaseRestoring
			}
		}
		tasks = append(tasks, m)
		name := t.Name
		r.shells[name] = task.NewShell(cfg.Host, r.dirs, cfg.Alloc, name, rec,
			func(e *nl.TaskEvent) { r.post(TaskInput{Task: name, In: task.Tell{Event: e}}) },
			func(in task.Input) { r.post(TaskInput{Task: name, In: in}) })
	}
	r.machine = NewMachine(tasks)
	if s := cfg.Saved; s != nil {
		r.verdict, r.began = s.Health, s.Began
	}
	if st := cfg.Alloc.DeploymentStatus; r.verdict == nil && st != nil {
		r.verdict = st.Healthy
	}
	r.status, _ = r.machine.Status()
	r.view = r.machine.States()
	return r, nil
}

// post hands an input to the loop; it never blocks.
func (r *Runner) post(in any) {
	r.boxMu.Lock()
	r.box = append(r.box, in)
	r.boxMu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Runner) take() []any {
	r.boxMu.Lock()
	defer r.boxMu.Unlock()
	box := r.box
	r.box = nil
	return box
}

// internal inputs of the loop.
type (
	updated  struct{ alloc *nl.Alloc }
	tick     struct{}
	prepared struct{ err error }
)

// Run runs the allocation until ctx ends, which leaves its tasks running.
func (r *Runner) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.record()
	restored := r.cfg.Saved != nil
	if restored {
		r.restore(ctx)
	}
	if r.Alloc().TerminalDesired() {
		r.step(ctx, Stop{})
	}
	if r.machine.Terminal() {
		r.step(ctx, Begin{})
	} else {
		r.work(func() { r.post(prepared{r.prepare(ctx)}) })
	}
	for {
		select {
		case <-ctx.Done():
			r.leave()
			return
		case <-r.wake:
		}
		for _, in := range r.take() {
			r.handle(ctx, in)
		}
	}
}

// leave stops working for the tasks without ending them.
func (r *Runner) leave() {
	if r.lookTimer != nil {
		r.lookTimer.Stop()
	}
	for _, s := range r.shells {
		s.Detach()
	}
	r.checks.Stop(nil)
	r.checks.Wait()
	r.jobs.Wait()
}

func (r *Runner) work(f func()) {
	r.jobs.Add(1)
	go func() {
		defer r.jobs.Done()
		f()
	}()
}

func (r *Runner) handle(ctx context.Context, in any) {
	now := r.cfg.Host.Now()
	switch in := in.(type) {
	case updated:
		r.update(ctx, in.alloc)
	case tick:
		r.judge(now)
		r.report()
	case resend:
		r.sent = nil
		r.report()
	case prepared:
		r.begin(ctx, in.err)
	case check.Result:
		r.checked(ctx, in)
	case TaskInput:
		if sig, ok := in.In.(task.SignalAsked); ok {
			r.work(func() { r.Signal(ctx, in.Task, sig.Signal, sig.Reason) })
			return
		}
		r.step(ctx, in)
	default:
		r.step(ctx, in)
	}
}

// restore finds the tasks that ran before, all at once, before anything else
// is decided.
func (r *Runner) restore(ctx context.Context) {
	found := make(chan TaskInput)
	n := 0
	for _, t := range r.machine.Tasks {
		if t.Phase != task.PhaseRestoring {
			continue
		}
		n++
		s := r.shells[t.Spec.Name]
		r.work(func() { found <- TaskInput{Task: t.Spec.Name, In: s.Restore(ctx)} })
	}
	missing := false
	for range n {
		in := <-found
		res := in.In.(task.Restored)
		missing = missing || !res.Found
		if res.Found {
			r.wait(ctx, in.Task)
		}
		r.step(ctx, in)
	}
	if missing && r.cfg.Contacted != nil {
		select {
		case <-r.cfg.Contacted:
		case <-ctx.Done():
		}
	}
}

// prepare does what comes before the first task.
func (r *Runner) prepare(ctx context.Context) error {
	alloc := r.Alloc()
	g := alloc.Job.Group(alloc.TaskGroup)
	if err := networkSupported(g); err != nil {
		return err
	}
	for _, v := range g.Volumes {
		if v.Type != "host" {
			return fmt.Errorf("volume %q has type %q, which this node does not support", v.Name, v.Type)
		}
	}
	if err := r.dirs.Build(); err != nil {
		return err
	}
	if r.cfg.Previous != nil && r.cfg.Saved == nil {
		return r.cfg.Previous(ctx)
	}
	return nil
}

// networkSupported refuses the network modes that need a namespace.
func networkSupported(g *nl.Group) error {
	for _, n := range g.Networks {
		switch n.Mode {
		case "", "host", "none":
		default:
			return fmt.Errorf("network mode %q is not supported by this node: use mode \"host\"", n.Mode)
		}
	}
	return nil
}

func (r *Runner) begin(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	now := r.cfg.Host.Now()
	in := Begin{}
	if err != nil {
		in.Err = err.Error()
		r.log.Error("allocation cannot be set up", "error", err)
	}
	r.mu.Lock()
	first := r.began.IsZero()
	if first {
		r.began = now
	}
	r.mu.Unlock()
	if first {
		r.record()
	}
	if err == nil && !r.machine.Stopping() && !r.machine.Terminal() {
		r.limitDuration(ctx)
		r.registerGroup()
		r.startChecks(ctx)
	}
	r.follow(now, now)
	r.step(ctx, in)
}

// limitDuration arms the end of the allocation's time.
func (r *Runner) limitDuration(ctx context.Context) {
	a := r.Alloc()
	g := a.Job.Group(a.TaskGroup)
	if g.MaxRunDuration == nil || *g.MaxRunDuration <= 0 {
		return
	}
	r.after(ctx, r.began.Add(*g.MaxRunDuration).Sub(r.cfg.Host.Now()), Expired{})
}

// after posts an input later, without a goroutine until then.
func (r *Runner) after(ctx context.Context, d time.Duration, in any) {
	time.AfterFunc(max(d, 0), func() {
		if ctx.Err() == nil {
			r.post(in)
		}
	})
}

// step feeds the machine and carries out what it decides.
func (r *Runner) step(ctx context.Context, in Input) {
	effects := r.machine.Step(r.cfg.Host.Now(), in)
	for name, cancel := range r.preparing {
		// Preparation may wait for ever, as for a template's variable, and so may
		// a driver.
		if r.machine.Task(name).Phase == task.PhaseStopping {
			cancel()
		}
	}
	r.judge(r.cfg.Host.Now())
	r.report()
	for _, e := range effects {
		r.effect(ctx, e)
	}
	r.save()
}

func (r *Runner) effect(ctx context.Context, e Effect) {
	switch e := e.(type) {
	case TaskEffect:
		r.taskEffect(ctx, e.Task, e.Effect)
	case Deregister:
		r.deregister(ctx, e.NoDelay)
	case Ended:
		r.finish()
	}
}

func (r *Runner) taskEffect(ctx context.Context, name string, e task.Effect) {
	s, m := r.shells[name], r.machine.Task(name)
	answer := func(in task.Input) {
		if ctx.Err() == nil {
			r.post(TaskInput{Task: name, In: in})
		}
	}
	switch e := e.(type) {
	case task.Prepare:
		prepare, cancel := context.WithCancel(ctx)
		r.preparing[name] = cancel
		r.queue(name, func() {
			defer cancel()
			answer(s.Prepare(prepare, e.First))
		})
	case task.Launch:
		launch, abort := context.WithCancelCause(ctx)
		r.preparing[name] = func() { abort(task.ErrAborted) }
		r.work(func() {
			res := s.Launch(launch)
			abort(nil)
			answer(res)
			if res.Err != "" {
				return
			}
			if end, ok := s.Wait(ctx); ok {
				answer(end)
			}
		})
	case task.Stop:
		timeout := m.Spec.KillTimeout
		r.work(func() { answer(s.Stop(ctx, e.Delay, timeout)) })
	case task.Delay:
		r.after(ctx, e.For, TaskInput{Task: name, In: task.Wake{Seq: e.Seq}})
	case task.Clean:
		r.queue(name, s.Release(ctx))
	case task.Finish:
		r.queue(name, s.Finish)
	}
}

// queue does work for a task after all that was queued for it before: the next
// start has to find the driver without the last run.
func (r *Runner) queue(name string, f func()) {
	before := r.queued[name]
	done := make(chan struct{})
	r.queued[name] = done
	r.work(func() {
		defer close(done)
		if before != nil {
			<-before
		}
		f()
	})
}

// wait waits for the end of a restored task.
func (r *Runner) wait(ctx context.Context, name string) {
	s := r.shells[name]
	r.work(func() {
		if end, ok := s.Wait(ctx); ok && ctx.Err() == nil {
			r.post(TaskInput{Task: name, In: end})
		}
	})
}
