package client

import (
	"context"
	"errors"
	"io"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/session"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

// output sends what a command writes.
type output struct {
	s      session.Stream
	stderr bool
}

func (w output) Write(b []byte) (int, error) {
	m := &query.ExecOutput{}
	data := slices.Clone(b)
	if w.stderr {
		m.Stderr = data
	} else {
		m.Stdout = data
	}
	if err := w.s.Send(m); err != nil {
		return 0, err
	}
	return len(b), nil
}

// resizesMax bounds the terminal sizes that wait for the driver; only the last
// one matters.
const resizesMax = 1

// onExec runs a command in a task.
func (c *Client) onExec(ctx context.Context, req *query.AllocExec, s session.Stream) error {
	if c.cfg.DisableRemoteExec {
		return nl.Errorf(nl.CodeDenied, "Permission denied")
	}
	r, err := c.find(req.AllocID)
	if err != nil {
		return err
	}
	command, err := c.command(r.Alloc(), req)
	if err != nil {
		return err
	}
	if status := r.Status(); status != nl.AllocClientRunning {
		return nl.Errorf(nl.CodeInvalid, "exec not possible, client status of allocation %s is %s", req.AllocID, status)
	}
	state := r.States()[req.Task]
	if state == nil {
		return nl.Errorf(nl.CodeInvalid, "unknown task name %q", req.Task)
	}
	if state.State != nl.TaskStateRunning {
		return nl.Errorf(nl.CodeInvalid, "task %q is not running.", req.Task)
	}
	h, run, err := r.Driver(ctx, req.Task)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stdin, feed := io.Pipe()
	resize := make(chan driver.TerminalSize, resizesMax)
	go func() {
		defer feed.Close()
		if err := feedExec(s, feed, resize); err != nil {
			cancel()
		}
	}()
	res, err := h.ExecTaskStreaming(ctx, run, &driver.ExecOptions{
		Command: command, Tty: req.Tty, Stdin: stdin, Stdout: output{s: s}, Stderr: output{s: s, stderr: true}, Resize: resize,
	})
	stdin.Close()
	if err != nil {
		return err
	}
	if res.Err != "" && res.ExitCode == 0 {
		return errors.New(res.Err)
	}
	return s.Send(&query.ExecOutput{Exited: true, ExitCode: res.ExitCode})
}

// command is what is to be run: the request's own, or that of an action.
func (c *Client) command(a *nl.Alloc, req *query.AllocExec) ([]string, error) {
	command := req.Command
	if req.Action != "" {
		var found *nl.Action
		if t := a.Job.Group(a.TaskGroup).Task(req.Task); t != nil {
			for _, action := range t.Actions {
				if action.Name == req.Action {
					found = action
				}
			}
		}
		if found == nil {
			return nil, nl.Errorf(nl.CodeNotFound, "action %q not found", req.Action)
		}
		command = append([]string{found.Command}, found.Args...)
	}
	if len(command) == 0 {
		return nil, nl.Errorf(nl.CodeInvalid, "command is not present")
	}
	return command, nil
}

// feedExec passes on what the caller types, until it sends no more. An error
// says that the caller is gone.
func feedExec(s session.Stream, stdin *io.PipeWriter, resize chan driver.TerminalSize) error {
	for {
		var in query.ExecInput
		err := s.Recv(&in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(in.Stdin) > 0 {
			// The command may have closed its input: what is typed is lost then.
			_, _ = stdin.Write(in.Stdin)
		}
		if in.CloseStdin {
			stdin.Close()
		}
		if in.Height > 0 || in.Width > 0 {
			select {
			case <-resize:
			default:
			}
			resize <- driver.TerminalSize{Height: in.Height, Width: in.Width}
		}
	}
}
