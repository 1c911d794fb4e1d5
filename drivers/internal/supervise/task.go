//go:build linux

package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nomadlike/nomadlike/drivers/internal/supervise/core"
)

const (
	// recordPoll is the pause between looks for the record of a task that was
	// seen to end.
	recordPoll = 2 * time.Millisecond
	// tickPoll watches a process where the kernel offers no descriptor for it.
	tickPoll = 100 * time.Millisecond
	// lingerMax is how long a supervisor may hold back unread output of a task
	// that is being removed.
	lingerMax = 2 * time.Second
	// recordBytesMax bounds what is read of a record: its directory belongs to
	// the task.
	recordBytesMax = 256
)

// ErrLost says that a task's end was not witnessed.
var ErrLost = errors.New("the task's supervisor ended without telling how the task ended")

// Task is a supervised task.
type Task struct {
	state State
	proc  *process // nil when recovered

	done   chan struct{}
	record core.Record
	err    error
	ended  time.Time
}

// Start runs spec under a supervisor of its own and watches it.
func (l *Launcher) Start(ctx context.Context, spec *core.Spec) (*Task, error) {
	p, err := l.launch(ctx, spec, nil)
	if err != nil {
		return nil, err
	}
	t := &Task{state: p.state, proc: p, done: make(chan struct{})}
	go t.watchChild()
	return t, nil
}

// Recover takes up a task that an earlier process started.
func Recover(s State) (*Task, error) {
	t := &Task{state: s, done: make(chan struct{})}
	if r, ok := t.readRecord(); ok {
		t.finish(r, nil)
		return t, nil
	}
	if !t.supervisorAlive() {
		// It may have written the record between the two looks.
		if r, ok := t.readRecord(); ok {
			t.finish(r, nil)
			return t, nil
		}
		return nil, fmt.Errorf("task process %d cannot be recovered: %w", s.TaskPid, ErrLost)
	}
	go t.watchStranger()
	return t, nil
}

// State is what Recover needs.
func (t *Task) State() State { return t.state }

// Done is closed when the task has ended.
func (t *Task) Done() <-chan struct{} { return t.done }

// Result is valid after Done.
func (t *Task) Result() (core.Record, time.Time, error) { return t.record, t.ended, t.err }

func (t *Task) finish(r core.Record, err error) {
	t.record, t.err, t.ended = r, err, time.Now()
	close(t.done)
}

// watchChild follows the status lines of a supervisor of our own.
func (t *Task) watchChild() {
	line, err := t.proc.lines.ReadString('\n')
	t.proc.status.Close()
	r, ok := core.ParseRecord(line)
	if err == nil && ok {
		t.finish(r, nil)
	} else {
		t.witness()
	}
	_, _ = t.proc.os.Wait()
}

// watchStranger follows a supervisor that is no child of ours.
func (t *Task) watchStranger() {
	waitForEnd(t.state.TaskPid, t.state.TaskStart)
	t.witness()
}

// witness looks for the record until it is there or will never be.
func (t *Task) witness() {
	for {
		alive := t.supervisorAlive()
		if r, ok := t.readRecord(); ok {
			t.finish(r, nil)
			return
		}
		if !alive {
			t.finish(core.Record{}, ErrLost)
			return
		}
		time.Sleep(recordPoll)
	}
}

func (t *Task) supervisorAlive() bool { return alive(t.state.SupervisorPid, t.state.SupervisorStart) }

// alive reports whether the process is running still; a zombie is not.
func alive(pid int, start uint64) bool {
	if pid <= 0 || core.StartTick(pid) != start {
		return false
	}
	stat, err := core.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	for i := len(stat) - 1; i >= 0; i-- {
		if stat[i] == ')' {
			return i+2 < len(stat) && stat[i+2] != 'Z' && stat[i+2] != 'X'
		}
	}
	return false
}

// readRecord reads the exit record without following or trusting anything in
// the task's directory.
func (t *Task) readRecord() (core.Record, bool) {
	if t.state.RecordName == "" {
		return core.Record{}, false
	}
	path := filepath.Join(t.state.RecordDir, t.state.RecordName)
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return core.Record{}, false
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, recordBytesMax))
	if err != nil {
		return core.Record{}, false
	}
	return core.ParseRecord(string(raw))
}

// Signal delivers sig to the task's main process.
func (t *Task) Signal(sig syscall.Signal) error {
	return signalProcess(t.state.TaskPid, t.state.TaskStart, sig)
}

// Alive reports whether the task's main process exists, whoever watches it.
func (t *Task) Alive() bool { return alive(t.state.TaskPid, t.state.TaskStart) }

// signalProcess never hits another process that got the same number.
func signalProcess(pid int, start uint64, sig syscall.Signal) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	if err == nil {
		defer unix.Close(fd)
	}
	if core.StartTick(pid) != start {
		return os.ErrProcessDone
	}
	if err == nil {
		err = unix.PidfdSendSignal(fd, sig, nil, 0)
	} else {
		err = unix.Kill(pid, sig)
	}
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// Stop signals the task, waits up to timeout, kills it, and waits for its end.
func (t *Task) Stop(ctx context.Context, sig syscall.Signal, timeout time.Duration) error {
	if timeout > 0 {
		if err := t.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		select {
		case <-t.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
	}
	if err := t.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-t.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Remove ends what is left of the supervisor and of its record. The task must
// have ended.
func (t *Task) Remove() {
	deadline := time.Now().Add(lingerMax)
	for t.supervisorAlive() {
		if time.Now().After(deadline) {
			_ = signalProcess(t.state.SupervisorPid, t.state.SupervisorStart, syscall.SIGKILL)
			break
		}
		time.Sleep(recordPoll)
	}
	if t.state.RecordName != "" {
		_ = os.Remove(filepath.Join(t.state.RecordDir, t.state.RecordName))
		_ = os.Remove(filepath.Join(t.state.RecordDir, t.state.RecordName+".tmp"))
	}
}

// waitForEnd blocks until a process that is no child of ours has ended.
func waitForEnd(pid int, start uint64) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		for alive(pid, start) {
			time.Sleep(tickPoll)
		}
		return
	}
	if core.StartTick(pid) != start {
		unix.Close(fd)
		return
	}
	// The runtime's poller waits for it, not a thread.
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	raw, err := f.SyscallConn()
	if err == nil {
		err = raw.Read(func(fd uintptr) bool {
			p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(p, 0)
			return err == nil && n > 0
		})
	}
	for err != nil && alive(pid, start) {
		time.Sleep(tickPoll)
	}
}
