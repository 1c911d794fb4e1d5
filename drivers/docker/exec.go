//go:build linux

package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/nomadlike/nomadlike/plugins/driver"
)

const (
	// execOutputBytes is how much of the end of a command's output ExecTask
	// keeps, per stream.
	execOutputBytes = 4096
	// execPoll is the pause between questions for an exit code.
	execPoll = 100 * time.Millisecond
)

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

// ExecTask implements driver.Driver.
func (d *Driver) ExecTask(ctx context.Context, id string, command []string, timeout time.Duration) (*driver.ExecResult, error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	var stdout, stderr tail
	exit, err := d.ExecTaskStreaming(ctx, id, &driver.ExecOptions{Command: command, Stdout: &stdout, Stderr: &stderr})
	if err != nil {
		return nil, err
	}
	return &driver.ExecResult{Stdout: stdout.buf, Stderr: stderr.buf, Exit: *exit}, nil
}

// ExecTaskStreaming implements driver.Driver.
func (d *Driver) ExecTaskStreaming(ctx context.Context, id string, opts *driver.ExecOptions) (*driver.ExitResult, error) {
	t, err := d.get(id)
	if err != nil {
		return nil, err
	}
	if len(opts.Command) == 0 {
		return nil, errors.New("there is no command to execute")
	}
	api, err := d.engine()
	if err != nil {
		return nil, err
	}
	created, err := api.ContainerExecCreate(ctx, t.id, container.ExecOptions{
		AttachStdin: opts.Stdin != nil, AttachStdout: true, AttachStderr: true, Tty: opts.Tty, Cmd: opts.Command,
	})
	if err != nil {
		return nil, fmt.Errorf("command cannot be executed in container %s: %w", t.id, err)
	}
	conn, err := api.ContainerExecAttach(ctx, created.ID, container.ExecAttachOptions{Tty: opts.Tty})
	if err != nil {
		return nil, fmt.Errorf("command cannot be executed in container %s: %w", t.id, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, conn.Close)
	defer stop()
	sizes, cancel := context.WithCancel(ctx)
	defer cancel()
	go resizeExec(sizes, api, created.ID, opts.Resize)
	go sendInput(conn, opts.Stdin)
	if err := receiveOutput(conn, opts); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("output of a command in container %s broke off: %w", t.id, err)
	}
	return execExit(ctx, api, created.ID)
}

func sendInput(conn types.HijackedResponse, in io.Reader) {
	if in == nil {
		return
	}
	// The command may end without reading all of its input.
	_, _ = io.Copy(conn.Conn, in)
	_ = conn.CloseWrite()
}

func receiveOutput(conn types.HijackedResponse, opts *driver.ExecOptions) error {
	stdout, stderr := opts.Stdout, opts.Stderr
	if stdout == nil {
		stdout = io.Discard
	}
	if stderr == nil {
		stderr = io.Discard
	}
	var err error
	if opts.Tty {
		_, err = io.Copy(stdout, conn.Reader)
	} else {
		_, err = stdcopy.StdCopy(stdout, stderr, conn.Reader)
	}
	return err
}

func resizeExec(ctx context.Context, api *client.Client, execID string, sizes <-chan driver.TerminalSize) {
	for {
		select {
		case <-ctx.Done():
			return
		case s, ok := <-sizes:
			if !ok {
				return
			}
			// The engine refuses a size until the command runs; then the terminal
			// gets it late rather than never.
			for api.ContainerExecResize(ctx, execID, container.ResizeOptions{Height: uint(s.Height), Width: uint(s.Width)}) != nil {
				select {
				case <-ctx.Done():
					return
				case <-time.After(execPoll):
				}
			}
		}
	}
}

// execExit asks until the engine knows the exit code, which may be a little
// after the end of the output.
func execExit(ctx context.Context, api *client.Client, execID string) (*driver.ExitResult, error) {
	for {
		info, err := api.ContainerExecInspect(ctx, execID)
		if err != nil {
			return nil, fmt.Errorf("exit of a command cannot be learned: %w", err)
		}
		if !info.Running {
			return &driver.ExitResult{ExitCode: info.ExitCode}, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(execPoll):
		}
	}
}
