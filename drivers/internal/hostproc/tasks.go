//go:build linux

// Package hostproc keeps the tasks of a driver whose tasks are processes of the
// host: it starts them under a supervisor, recovers, stops, measures and
// destroys them, and runs commands beside them. The drivers raw_exec, exec, java
// and qemu decide what to run and hand it a Launch; it decides nothing about
// commands, users or file systems.
package hostproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nomadlike/nomadlike/drivers/internal/cgroup"
	"github.com/nomadlike/nomadlike/drivers/internal/supervise"
	"github.com/nomadlike/nomadlike/drivers/internal/supervise/core"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

// DefaultSignal stops a task whose job names none.
const DefaultSignal = "SIGINT"

// preparesMax is how many tasks are prepared at once. Making control groups waits
// for one lock of the kernel: each more of them is a thread that waits for it,
// and threads are never given back.
const preparesMax = 16

// handleVersion numbers the layout of taskState.
const handleVersion = 1

// Launch is what a driver decided to run.
type Launch struct {
	Spec  core.Spec
	Group *cgroup.Group
}

// taskState is what recovery needs beyond the task's config.
type taskState struct {
	Supervisor supervise.State `codec:"supervisor"`
	Group      cgroup.Group    `codec:"group"`
	Dir        string          `codec:"dir"`
	NetNS      string          `codec:"netns"`
	Switch     bool            `codec:"switch_user"`
	UID        int             `codec:"uid"`
	GID        int             `codec:"gid"`
	Groups     []int           `codec:"gids"`
	StartedAt  int64           `codec:"started_at"` // Unix nanoseconds
}

// task is one entry of Tasks.
type task struct {
	cfg   *driver.TaskConfig
	state taskState
	proc  *supervise.Task
}

// Tasks are the tasks of one plugin process.
type Tasks struct {
	launcher   *supervise.Launcher
	cgroupRoot string
	preparing  chan struct{} // one entry for each that is being prepared

	mu    sync.Mutex
	byID  map[string]*task
	speed speed
}

// New makes an empty table.
func New(cgroupRoot string) (*Tasks, error) {
	l, err := supervise.NewLauncher()
	if err != nil {
		return nil, err
	}
	return &Tasks{launcher: l, cgroupRoot: cgroupRoot, preparing: make(chan struct{}, preparesMax), byID: map[string]*task{}}, nil
}

// SetTotal tells what the node's processors add up to, for statistics in MHz.
func (t *Tasks) SetTotal(totalMHz uint64, cores int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.speed = speed{totalMHz: totalMHz, cores: cores}
}

// reserve claims an ID before the slow work starts.
func (t *Tasks) reserve(id string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, taken := t.byID[id]; taken {
		return fmt.Errorf("task with ID %q already started", id)
	}
	t.byID[id] = nil
	return nil
}

func (t *Tasks) put(id string, k *task) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k == nil {
		delete(t.byID, id)
		return
	}
	t.byID[id] = k
}

func (t *Tasks) get(id string) (*task, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.byID[id]
	if k == nil {
		return nil, driver.ErrTaskNotFound
	}
	return k, nil
}

// Start runs what prepare decides. prepare runs after the ID was claimed.
func (t *Tasks) Start(ctx context.Context, cfg *driver.TaskConfig, prepare func() (*Launch, error)) (*driver.TaskHandle, error) {
	if err := t.reserve(cfg.ID); err != nil {
		return nil, err
	}
	k, err := t.start(ctx, cfg, prepare)
	if err != nil {
		t.put(cfg.ID, nil)
		return nil, err
	}
	h, err := driver.NewTaskHandle(cfg, handleVersion, k.state)
	if err != nil {
		t.put(cfg.ID, k)
		return nil, errors.Join(err, t.Destroy(ctx, cfg.ID, true))
	}
	t.put(cfg.ID, k)
	if err := ctx.Err(); err != nil {
		// Nobody is told of the task any more.
		return nil, errors.Join(err, t.Destroy(context.WithoutCancel(ctx), cfg.ID, true))
	}
	return h, nil
}

func (t *Tasks) start(ctx context.Context, cfg *driver.TaskConfig, prepare func() (*Launch, error)) (*task, error) {
	l, err := t.prepare(ctx, cfg, prepare)
	if err != nil {
		return nil, err
	}
	spec := &l.Spec
	started := time.Now()
	// A caller that gave up must not leave a half-started task; the supervisor
	// is killed with the call until the task runs.
	proc, err := t.launcher.Start(ctx, spec)
	if err != nil {
		l.Group.Remove()
		return nil, err
	}
	return &task{cfg: cfg, proc: proc, state: taskState{
		Supervisor: proc.State(), Group: *l.Group, Dir: spec.Dir, NetNS: spec.NetNS,
		Switch: spec.Switch, UID: spec.UID, GID: spec.GID, Groups: spec.Groups, StartedAt: started.UnixNano(),
	}}, nil
}

// prepare completes what the driver decided, when it is the task's turn.
func (t *Tasks) prepare(ctx context.Context, cfg *driver.TaskConfig, decide func() (*Launch, error)) (*Launch, error) {
	select {
	case t.preparing <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-t.preparing }()
	l, err := decide()
	if err != nil {
		return nil, err
	}
	l.Spec.Stdout, l.Spec.Stderr = cfg.StdoutPath, cfg.StderrPath
	l.Spec.CgroupV2, l.Spec.JoinV1, l.Spec.LeaveV1 = l.Group.V2, l.Group.JoinV1(), l.Group.LeaveV1(t.cgroupRoot)
	l.Spec.OOMFile = l.Group.OOMFile()
	l.Spec.RecordDir, l.Spec.RecordName = recordPlace(cfg)
	return l, nil
}

// recordPlace prefers the directory that users cannot see through the API.
func recordPlace(cfg *driver.TaskConfig) (dir, name string) {
	dir = cfg.TaskDir()
	if private := filepath.Join(dir, "private"); isDir(private) {
		dir = private
	}
	return dir, ".exit-" + strings.ReplaceAll(cfg.ID, "/", "_")
}

func isDir(path string) bool {
	st, err := os.Lstat(path)
	return err == nil && st.IsDir()
}

// Recover takes up a task of an earlier plugin process.
func (t *Tasks) Recover(h *driver.TaskHandle) error {
	if h.Version != handleVersion {
		return fmt.Errorf("task handle has version %d, this driver reads %d: the task must be started anew", h.Version, handleVersion)
	}
	id := h.Config.ID
	if _, err := t.get(id); err == nil {
		return nil
	}
	k := &task{cfg: h.Config}
	if err := h.Decode(&k.state); err != nil {
		return err
	}
	proc, err := supervise.Recover(k.state.Supervisor)
	if err != nil {
		return err
	}
	k.proc = proc
	t.put(id, k)
	return nil
}

// Wait blocks until the task has ended.
func (t *Tasks) Wait(ctx context.Context, id string) (*driver.ExitResult, error) {
	k, err := t.get(id)
	if err != nil {
		return nil, err
	}
	select {
	case <-k.proc.Done():
		return k.exit(), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (k *task) exit() *driver.ExitResult {
	r, _, err := k.proc.Result()
	out := &driver.ExitResult{ExitCode: r.Code, Signal: r.Signal, OOMKilled: r.OOM}
	if err != nil {
		out.Err = err.Error()
	}
	return out
}

// ended reports whether the task has ended.
func (k *task) ended() bool {
	select {
	case <-k.proc.Done():
		return true
	default:
		return false
	}
}

// Stop ends the task and everything it started.
func (t *Tasks) Stop(ctx context.Context, id string, timeout time.Duration, signal string) error {
	k, err := t.get(id)
	if err != nil {
		return err
	}
	if signal == "" {
		signal = DefaultSignal
	}
	sig, err := ParseSignal(signal)
	if err != nil {
		sig = syscall.SIGINT
	}
	if err := k.proc.Stop(ctx, sig, timeout); err != nil {
		return fmt.Errorf("task %s cannot be stopped: %w", id, err)
	}
	k.state.Group.Kill()
	return nil
}

// Destroy forgets the task.
func (t *Tasks) Destroy(ctx context.Context, id string, force bool) error {
	k, err := t.get(id)
	if err != nil {
		return err
	}
	if !k.ended() {
		if !force {
			return fmt.Errorf("task %s is running: stop it first or force its removal", id)
		}
		if err := k.proc.Stop(ctx, syscall.SIGKILL, 0); err != nil {
			return fmt.Errorf("task %s cannot be killed: %w", id, err)
		}
	}
	k.state.Group.Kill()
	k.proc.Remove()
	k.state.Group.Remove()
	t.put(id, nil)
	return nil
}

// Inspect tells the task's state.
func (t *Tasks) Inspect(id string) (*driver.TaskStatus, error) {
	k, err := t.get(id)
	if err != nil {
		return nil, err
	}
	s := &driver.TaskStatus{
		ID: k.cfg.ID, Name: k.cfg.Name, State: driver.TaskStateRunning,
		StartedAt:        time.Unix(0, k.state.StartedAt),
		Exit:             &driver.ExitResult{},
		DriverAttributes: map[string]string{"pid": fmt.Sprint(k.state.Supervisor.TaskPid)},
	}
	if k.ended() {
		_, at, _ := k.proc.Result()
		s.State, s.CompletedAt, s.Exit = driver.TaskStateExited, at, k.exit()
	}
	return s, nil
}

// Signal delivers a signal to the task's main process. A name that no signal
// has is taken as SIGINT, which is what clients of this driver know.
func (t *Tasks) Signal(id, signal string) error {
	k, err := t.get(id)
	if err != nil {
		return err
	}
	sig, err := ParseSignal(signal)
	if err != nil {
		sig = syscall.SIGINT
	}
	if err := k.proc.Signal(sig); err != nil {
		return fmt.Errorf("task %s cannot be signalled: %w", id, err)
	}
	return nil
}

// ParseSignal reads a signal's name.
func ParseSignal(name string) (syscall.Signal, error) {
	if sig := unix.SignalNum(strings.ToUpper(name)); sig != 0 {
		return sig, nil
	}
	return 0, fmt.Errorf("signal %q is unknown: use a name such as SIGHUP", name)
}
