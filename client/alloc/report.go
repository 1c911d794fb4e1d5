package alloc

import (
	"context"
	"errors"
	"time"

	client "github.com/nomadlike/nomadlike/client/driver"
	"github.com/nomadlike/nomadlike/client/state"
	"github.com/nomadlike/nomadlike/client/step/dir"
	"github.com/nomadlike/nomadlike/client/task"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// record keeps the allocation itself.
func (r *Runner) record() {
	r.mu.Lock()
	rec := &state.AllocRecord{Alloc: r.alloc, Health: r.verdict, Began: r.began}
	r.mu.Unlock()
	if err := r.cfg.Host.DB.PutAlloc(rec); err != nil {
		r.log.Error("allocation is not recorded; it would be lost with the agent", "error", err)
	}
}

// save keeps the tasks.
func (r *Runner) save() {
	for _, m := range r.machine.Tasks {
		r.shells[m.Spec.Name].Save(m.State, m.Tries)
	}
}

// report tells of what has changed since the last time.
func (r *Runner) report() {
	status, description := r.machine.Status()
	states := r.machine.States()
	u := &nl.AllocUpdate{
		ID: r.id, ClientStatus: status, ClientDescription: description, TaskStates: nl.PackTaskStates(states),
		NetworkStatus: &nl.AllocNetworkStatus{},
	}
	r.mu.Lock()
	if r.verdict != nil && !r.since.IsZero() {
		u.DeploymentStatus = &nl.AllocDeploymentStatus{Healthy: r.verdict, Timestamp: nl.Time{Time: r.since.UTC()}}
		if st := r.alloc.DeploymentStatus; st != nil {
			u.DeploymentStatus.Canary, u.DeploymentStatus.ModifyIndex = st.Canary, st.ModifyIndex
		}
	}
	r.view, r.status = states, status
	r.terminal = r.machine.Terminal()
	r.mu.Unlock()
	changed, urgent := Differs(r.sent, u)
	if !changed {
		return
	}
	r.sent = u
	r.cfg.Report(u, urgent)
}

// Differs tells whether the report b says anything that a, nil before the
// first, did not, and whether somebody waits for it.
func Differs(a, b *nl.AllocUpdate) (changed, urgent bool) {
	if a == nil {
		// The servers know that it is pending.
		return true, b.ClientStatus != nl.AllocClientPending
	}
	healthA, healthB := a.DeploymentStatus, b.DeploymentStatus
	if a.ClientStatus != b.ClientStatus || (healthA == nil) != (healthB == nil) ||
		healthA != nil && *healthA.Healthy != *healthB.Healthy {
		return true, true
	}
	if a.TaskStates.Equal(b.TaskStates) {
		return false, false
	}
	for name, s := range b.TaskStates.All() {
		old := a.TaskStates.Get(name)
		urgent = urgent || old == nil || old.State != s.State || old.Restarts != s.Restarts
	}
	return true, urgent
}

// Alloc is the current version.
func (r *Runner) Alloc() *nl.Alloc {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.alloc
}

// ID of the allocation.
func (r *Runner) ID() string { return r.id }

// Dirs are the allocation's directories.
func (r *Runner) Dirs() dir.Alloc { return r.dirs }

// Update hands the runner a newer version.
func (r *Runner) Update(a *nl.Alloc) { r.post(updated{a}) }

// Stop ends the allocation whatever the servers want, such as after they were
// not reached for too long.
func (r *Runner) Stop() { r.post(Stop{}) }

// Tell adds an event to a task.
func (r *Runner) Tell(taskName string, e *nl.TaskEvent) {
	r.post(TaskInput{Task: taskName, In: task.Tell{Event: e}})
}

// States are the tasks' states, not to be changed.
func (r *Runner) States() map[string]*nl.TaskState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.view
}

// Status is the client status.
func (r *Runner) Status() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// Terminal tells whether no task runs or will run, and since when.
func (r *Runner) Terminal() (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.endedAt, r.terminal && !r.endedAt.IsZero()
}

// Ended is closed when the last task has ended.
func (r *Runner) Ended() <-chan struct{} { return r.ended }

// Checks are the latest results of the allocation's checks.
func (r *Runner) Checks() map[string]*nl.CheckQueryResult { return r.checks.Results() }

// Resend tells everything again, for servers that may have missed it.
func (r *Runner) Resend() { r.post(resend{}) }

type resend struct{}

// Errors of requests, worded as users know them.
var (
	errBoth     = errors.New("task name cannot be set when restarting all tasks")
	errNotFound = func(name string) error {
		return nl.Errorf(nl.CodeInternal, "Could not find task runner for task: %s", name)
	}
)

// Restart restarts a task, all that run, or all.
func (r *Runner) Restart(name string, all bool) error {
	if name != "" && all {
		return errBoth
	}
	states := r.States()
	if name != "" {
		s := states[name]
		if s == nil {
			return errNotFound(name)
		}
		if s.State != nl.TaskStateRunning {
			return task.ErrNotRunning
		}
	}
	r.post(RestartTasks{Task: name, All: all})
	return nil
}

// Signal signals a task, or all that run when name is "".
func (r *Runner) Signal(ctx context.Context, name, signal, reason string) error {
	states := r.States()
	if name != "" && states[name] == nil {
		return errNotFound(name)
	}
	var errs []error
	for n, s := range states {
		if name != "" && n != name {
			continue
		}
		if s.State != nl.TaskStateRunning {
			if name != "" {
				return task.ErrNotRunning
			}
			continue
		}
		r.Tell(n, task.Signaling(r.cfg.Host.Now(), signal, reason))
		h, run, err := r.Driver(ctx, n)
		if err == nil {
			err = h.SignalTask(ctx, run, signal)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Driver is the driver of a task and the name of the run there.
func (r *Runner) Driver(ctx context.Context, name string) (*client.Handle, string, error) {
	s := r.shells[name]
	if s == nil {
		return nil, "", errNotFound(name)
	}
	return s.Handle(ctx)
}

// Destroy removes what the allocation left on the node. Its runner must have
// ended.
func (r *Runner) Destroy() error {
	var tasks []string
	for name := range r.shells {
		tasks = append(tasks, name)
	}
	if err := r.dirs.Remove(tasks); err != nil {
		return err
	}
	r.cfg.Host.DB.DeleteAlloc(r.id, tasks)
	return nil
}
