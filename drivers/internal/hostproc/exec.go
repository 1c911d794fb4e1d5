//go:build linux

package hostproc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/creack/pty"

	"github.com/nomadlike/nomadlike/drivers/internal/supervise/core"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

const (
	// execOutputBytes is how much of the end of a command's output Exec keeps.
	execOutputBytes = 4096
	// outputGrace is how long output may lag behind the exit of a command whose
	// descendants keep its pipes open.
	outputGrace = 2 * time.Second
)

// Exec runs a short command in the task's surroundings.
func (t *Tasks) Exec(ctx context.Context, id string, command []string, timeout time.Duration) (*driver.ExecResult, error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	stdout, stderr := &tail{}, &tail{}
	exit, err := t.ExecStreaming(ctx, id, &driver.ExecOptions{Command: command, Stdout: stdout, Stderr: stderr})
	if err != nil {
		return nil, err
	}
	return &driver.ExecResult{Stdout: stdout.bytes(), Stderr: stderr.bytes(), Exit: *exit}, nil
}

// tail keeps the last execOutputBytes written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - execOutputBytes; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tail) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]byte(nil), t.buf...)
}

// ExecStreaming runs a command in the task's surroundings, connected to opts.
func (t *Tasks) ExecStreaming(ctx context.Context, id string, opts *driver.ExecOptions) (*driver.ExitResult, error) {
	k, err := t.get(id)
	if err != nil {
		return nil, err
	}
	if len(opts.Command) == 0 {
		return nil, errors.New("there is no command to execute")
	}
	if k.ended() {
		return nil, fmt.Errorf("task %s has ended: nothing can be executed in it", id)
	}
	path, err := lookPath(opts.Command[0], k.cfg.Env["PATH"], k.state.Dir)
	if err != nil {
		return nil, err
	}
	spec := &core.Spec{
		Path: path, Args: opts.Command, Env: EnvList(k.cfg.Env), Dir: k.state.Dir, Inherit: true, TTY: opts.Tty,
		Switch: k.state.Switch, UID: k.state.UID, GID: k.state.GID, Groups: k.state.Groups, NetNS: k.state.NetNS,
		CgroupV2: k.state.Group.V2, JoinV1: k.state.Group.JoinV1(), LeaveV1: k.state.Group.LeaveV1(t.cgroupRoot),
	}
	if opts.Tty {
		return t.execTTY(ctx, spec, opts)
	}
	return t.execPipes(ctx, spec, opts)
}

func (t *Tasks) execTTY(ctx context.Context, spec *core.Spec, opts *driver.ExecOptions) (*driver.ExitResult, error) {
	master, slave, err := pty.Open()
	if err != nil {
		return nil, fmt.Errorf("no terminal can be opened: %w", err)
	}
	defer master.Close()
	stop := make(chan struct{})
	defer close(stop)
	go resize(master, opts.Resize, stop)
	if opts.Stdin != nil {
		go func() { _, _ = io.Copy(master, opts.Stdin) }()
	}
	out := copyOut(opts.Stdout, master)
	return t.run(ctx, spec, []*os.File{slave, slave, slave}, []*os.File{slave}, []*output{out})
}

func resize(master *os.File, sizes <-chan driver.TerminalSize, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case s, ok := <-sizes:
			if !ok {
				return
			}
			// A size that the terminal refuses is not worth ending a session for.
			_ = pty.Setsize(master, &pty.Winsize{Rows: uint16(s.Height), Cols: uint16(s.Width)})
		}
	}
}

func (t *Tasks) execPipes(ctx context.Context, spec *core.Spec, opts *driver.ExecOptions) (*driver.ExitResult, error) {
	var ends []*os.File
	closeAll := func() {
		for _, f := range ends {
			f.Close()
		}
	}
	pipe := func() (r, w *os.File, err error) {
		if r, w, err = os.Pipe(); err == nil {
			ends = append(ends, r, w)
		}
		return r, w, err
	}
	inR, inW, err1 := pipe()
	outR, outW, err2 := pipe()
	errR, errW, err3 := pipe()
	defer closeAll()
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	go func() {
		if opts.Stdin != nil {
			_, _ = io.Copy(inW, opts.Stdin)
		}
		inW.Close()
	}()
	outs := []*output{copyOut(opts.Stdout, outR), copyOut(opts.Stderr, errR)}
	return t.run(ctx, spec, []*os.File{inR, outW, errW}, []*os.File{inR, outW, errW}, outs)
}

// output is one stream on its way to the caller.
type output struct {
	from *os.File
	done chan struct{}
}

func copyOut(to io.Writer, from *os.File) *output {
	if to == nil {
		to = io.Discard
	}
	o := &output{from: from, done: make(chan struct{})}
	go func() {
		defer close(o.done)
		_, _ = io.Copy(to, from)
	}()
	return o
}

// run starts the command, closes our copies of its descriptors, and returns its
// exit after its output was passed on.
func (t *Tasks) run(ctx context.Context, spec *core.Spec, stdio, ours []*os.File, outs []*output) (*driver.ExitResult, error) {
	cmd, err := t.launcher.Exec(ctx, spec, stdio)
	for _, f := range ours {
		f.Close()
	}
	if err == nil {
		var rec core.Record
		if rec, err = cmd.Wait(ctx); err == nil {
			for _, o := range outs {
				_ = o.from.SetReadDeadline(time.Now().Add(outputGrace))
				<-o.done
			}
			return &driver.ExitResult{ExitCode: rec.Code, Signal: rec.Signal}, nil
		}
	}
	for _, o := range outs {
		_ = o.from.SetReadDeadline(time.Now())
		<-o.done
	}
	return nil, err
}
