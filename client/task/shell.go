package task

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	client "github.com/nomadlike/nomadlike/client/driver"
	"github.com/nomadlike/nomadlike/client/state"
	"github.com/nomadlike/nomadlike/client/step/dir"
	"github.com/nomadlike/nomadlike/client/step/identity"
	"github.com/nomadlike/nomadlike/client/step/logs"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/interp"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

// Preparation steps that are not repeated when a task restarts.
const (
	donePayload   = "payload"
	doneArtifacts = "artifacts"
)

// Shell does for one task what its machine decides. Its methods block; the
// runner calls them from goroutines of their own, never two that prepare,
// launch or clean at once.
type Shell struct {
	host *Host
	dirs dir.Alloc
	name string
	log  hclog.Logger
	// emit adds an event to the task; ask passes an input to its machine.
	emit func(*nl.TaskEvent)
	ask  func(Input)

	keeping sync.Mutex // one record after the other: the newest stays

	mu       sync.Mutex
	alloc    *nl.Alloc
	task     *nl.Task
	group    *nl.Group
	rec      state.TaskRecord
	pump     *logs.Pump
	tokens   *identity.Tokens
	tmplEnv  map[string]string
	tmplStop func()
	env      interp.Env
	handle   *driver.TaskHandle
	ended    chan struct{} // closed at the end of the run
	services []string      // registered for this run
}

// NewShell makes the shell of a task of an allocation whose job has it.
func NewShell(host *Host, dirs dir.Alloc, alloc *nl.Alloc, name string, rec *state.TaskRecord, emit func(*nl.TaskEvent), ask func(Input)) *Shell {
	s := &Shell{host: host, dirs: dirs, name: name, emit: emit, ask: ask,
		log: host.Logger.With("alloc_id", alloc.ID, "task", name)}
	if rec != nil {
		s.rec = *rec
		s.rec.Done = maps.Clone(rec.Done)
	}
	if s.rec.Done == nil {
		s.rec.Done = map[string]bool{}
	}
	s.Update(alloc)
	return s
}

// Update takes a newer version of the allocation.
func (s *Shell) Update(alloc *nl.Alloc) {
	s.mu.Lock()
	s.alloc = alloc
	if g := alloc.Job.Group(alloc.TaskGroup); g != nil {
		if t := g.Task(s.name); t != nil {
			s.group, s.task = g, t
		}
	}
	running := s.handle != nil
	s.mu.Unlock()
	if running {
		s.registerServices()
	}
}

// Save records the task with what the machine knows.
func (s *Shell) Save(st *nl.TaskState, tries Restarts) {
	s.mu.Lock()
	s.rec.State, s.rec.Tries, s.rec.TriesStart = st, tries.Count, tries.Start
	s.mu.Unlock()
	s.keep()
}

// keep records the task with what the machine last told.
func (s *Shell) keep() {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	s.mu.Lock()
	rec, id := s.rec, s.alloc.ID
	rec.Done = maps.Clone(s.rec.Done)
	s.mu.Unlock()
	if err := s.host.DB.PutTask(id, s.name, &rec); err != nil {
		s.log.Error("task is not recorded; it would be lost with the agent", "error", err)
	}
}

// current is what the task is made of now.
func (s *Shell) current() (*nl.Alloc, *nl.Group, *nl.Task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alloc, s.group, s.task
}

// Launch asks the driver to start the task.
func (s *Shell) Launch(ctx context.Context) Launched {
	_, _, t := s.current()
	h, err := s.host.Drivers.Get(ctx, t.Driver)
	if err != nil {
		return Launched{Err: err.Error(), Recoverable: true}
	}
	cfg, err := s.taskConfig(h)
	if err != nil {
		return Launched{Err: err.Error(), Event: ValidationFailed(s.host.Now(), err.Error())}
	}
	s.mu.Lock()
	s.rec.RunID, s.rec.Handle, s.rec.Network = cfg.ID, nil, nil
	s.mu.Unlock()
	s.keep()
	if err := s.host.DB.Sync(ctx); err != nil {
		return Launched{Err: err.Error(), Recoverable: true}
	}
	handle, network, err := h.StartTask(ctx, cfg)
	if isShutdown(err) {
		// The plugin died under the call: once more with the next one.
		if h, err = s.host.Drivers.Get(ctx, t.Driver); err == nil {
			handle, network, err = h.StartTask(ctx, cfg)
		}
	}
	if err != nil {
		if errors.Is(context.Cause(ctx), ErrAborted) {
			s.abandon(ctx, h, cfg.ID)
		}
		return Launched{Err: err.Error(), Recoverable: recoverable(err)}
	}
	raw, err := handle.Marshal()
	if err != nil {
		h.DestroyTask(ctx, cfg.ID, true)
		return Launched{Err: "driver returned a handle that cannot be kept: " + err.Error()}
	}
	s.mu.Lock()
	s.rec.Handle, s.handle, s.ended = raw, handle, make(chan struct{})
	if network != nil {
		s.rec.Network = &state.DriverNetwork{IP: network.IP, PortMap: network.PortMap, AutoAdvertise: network.AutoAdvertise}
	}
	s.mu.Unlock()
	s.keep()
	s.registerServices()
	return Launched{}
}

// ErrAborted is the cause that ends the context of a Launch which a kill made
// pointless: drivers may take minutes, as for an image.
var ErrAborted = errors.New("the task was killed while it was being started")

// abandonTimeout bounds the call that ends a start nobody waits for any more.
const abandonTimeout = 10 * time.Second

// abandon ends what a start may have left at the driver.
func (s *Shell) abandon(ctx context.Context, h *client.Handle, runID string) {
	if h == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTimeout)
	defer cancel()
	if err := h.DestroyTask(ctx, runID, true); err != nil && !errors.Is(err, driver.ErrTaskNotFound) {
		s.log.Warn("start of a killed task may have left something at the driver", "error", err)
	}
}

// Wait waits for the end of the run. A plugin that dies meanwhile is replaced.
// ok is false when ctx ended first.
func (s *Shell) Wait(ctx context.Context) (end Ended, ok bool) {
	s.mu.Lock()
	handle, ended, pump := s.handle, s.ended, s.pump
	driverName := s.task.Driver
	s.mu.Unlock()
	if handle == nil {
		return Ended{Exit: Exit{Err: "the driver has no handle of the task"}}, true
	}
	result, err := s.wait(ctx, driverName, handle)
	if ctx.Err() != nil {
		return Ended{}, false
	}
	if pump != nil {
		pump.Flush()
	}
	close(ended)
	s.deregisterServices()
	if err != nil {
		return Ended{Exit: Exit{Err: err.Error()}}, true
	}
	return Ended{Exit: Exit{Code: result.ExitCode, Signal: result.Signal, OOMKilled: result.OOMKilled, Err: result.Err}}, true
}

func (s *Shell) wait(ctx context.Context, driverName string, handle *driver.TaskHandle) (*driver.ExitResult, error) {
	for {
		h, err := s.host.Drivers.Get(ctx, driverName)
		if err != nil {
			return nil, err
		}
		result, err := h.WaitTask(ctx, handle.Config.ID)
		if !isShutdown(err) || ctx.Err() != nil {
			return result, err
		}
		s.log.Info("driver plugin ended, taking up the task with the next one")
		if h, err = s.next(ctx, driverName, h); err != nil {
			return nil, err
		}
		if err := h.RecoverTask(ctx, handle); err != nil && !isShutdown(err) {
			return nil, fmt.Errorf("taking up the task after the driver plugin ended: %w", err)
		}
	}
}

// next is the driver's instance after old.
func (s *Shell) next(ctx context.Context, name string, old *client.Handle) (*client.Handle, error) {
	select {
	case <-old.Done():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return s.host.Drivers.Get(ctx, name)
}

// Stop ends the run: services are taken away, the shutdown delay waited, and
// the driver stops the task. The end itself is seen by Wait.
func (s *Shell) Stop(ctx context.Context, delay, timeout time.Duration) Stopped {
	s.deregisterServices()
	s.mu.Lock()
	handle, ended, t := s.handle, s.ended, s.task
	s.mu.Unlock()
	if handle == nil {
		return Stopped{}
	}
	if delay > 0 && !s.waitDelay(ctx, delay, ended) {
		return Stopped{}
	}
	var last error
	for i := range stopTries {
		h, err := s.host.Drivers.Get(ctx, t.Driver)
		if err == nil {
			err = h.StopTask(ctx, handle.Config.ID, timeout, t.KillSignal)
		}
		if err == nil || errors.Is(err, driver.ErrTaskNotFound) || closed(ended) || ctx.Err() != nil {
			return Stopped{}
		}
		last = err
		s.log.Warn("task cannot be stopped", "error", err, "attempt", i+1)
		if i < stopTries-1 && !s.waitDelay(ctx, stopPause(i), ended) {
			return Stopped{}
		}
	}
	return Stopped{Err: fmt.Sprintf("stopping the task failed %d times: %v", stopTries, last)}
}

const (
	// stopTries bounds how often a driver is asked to stop a task.
	stopTries = 5
	// stopPauseMin grows fourfold up to stopPauseMax between them.
	stopPauseMin = 5 * time.Second
	stopPauseMax = 2 * time.Minute
)

func stopPause(i int) time.Duration {
	d := stopPauseMin
	for range i {
		d = min(d*4, stopPauseMax)
	}
	return d
}

// waitDelay waits, unless the run ends before.
func (s *Shell) waitDelay(ctx context.Context, d time.Duration, ended <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ended:
	case <-ctx.Done():
	}
	return false
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Release takes the run that has ended off the record. What it returns lets
// the driver forget it too, and must be called before the next launch.
func (s *Shell) Release(ctx context.Context) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	handle, driverName, allocID := s.handle, s.task.Driver, s.alloc.ID
	s.handle, s.rec.Handle, s.rec.RunID, s.rec.Network = nil, nil, "", nil
	return func() {
		if handle != nil {
			s.clean(ctx, driverName, handle, allocID)
		}
	}
}

func (s *Shell) clean(ctx context.Context, driverName string, handle *driver.TaskHandle, allocID string) {
	h, err := s.host.Drivers.Get(ctx, driverName)
	if err == nil {
		err = h.DestroyTask(ctx, handle.Config.ID, true)
	}
	if err != nil && !errors.Is(err, driver.ErrTaskNotFound) && ctx.Err() == nil {
		s.log.Warn("driver cannot clean up after the task", "error", err)
	}
	if s.host.Cgroups != nil {
		if err := s.host.Cgroups.Remove(allocID, s.name); err != nil {
			s.log.Warn("control group of the task cannot be removed", "error", err)
		}
	}
}

// Finish frees what the task held on the node.
func (s *Shell) Finish() {
	s.deregisterServices()
	s.mu.Lock()
	pump, stop := s.pump, s.tmplStop
	s.pump, s.tmplStop = nil, nil
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
	if pump != nil {
		pump.Stop()
		if err := logs.Remove(s.dirs.Logs(), s.name); err != nil {
			s.log.Warn("FIFOs of the task cannot be removed", "error", err)
		}
	}
}

// Detach stops working for the task without ending it.
func (s *Shell) Detach() {
	s.mu.Lock()
	pump, stop := s.pump, s.tmplStop
	s.pump, s.tmplStop = nil, nil
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
	if pump != nil {
		pump.Stop()
	}
}

// Handle is the driver and the run that is under way.
func (s *Shell) Handle(ctx context.Context) (*client.Handle, string, error) {
	s.mu.Lock()
	handle, t := s.handle, s.task
	s.mu.Unlock()
	if handle == nil {
		return nil, "", ErrNotRunning
	}
	h, err := s.host.Drivers.Get(ctx, t.Driver)
	if err != nil {
		return nil, "", err
	}
	return h, handle.Config.ID, nil
}

// ErrNotRunning is what requests for a task that does not run get.
var ErrNotRunning error = nl.Errorf(nl.CodeInternal, "Task not running")
