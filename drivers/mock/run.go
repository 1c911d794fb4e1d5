//go:build linux

package mock

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/nomadlike/nomadlike/plugins/driver"
)

// run pretends: it prints and passes the time until it is over or ctx ends.
// began is when the command started, which may lie in the past.
func (c *command) run(ctx context.Context, began time.Time, stdout, stderr io.Writer) *driver.ExitResult {
	exit := &driver.ExitResult{ExitCode: c.ExitCode, Signal: c.ExitSignal, Err: c.ExitErrMsg}
	runFor, err1 := duration("run_for", c.RunFor)
	outPause, err2 := duration("stdout_repeat_duration", c.StdoutRepeatDuration)
	errPause, err3 := duration("stderr_repeat_duration", c.StderrRepeatDuration)
	if err := errors.Join(err1, err2, err3); err != nil {
		exit.Err = err.Error()
		return exit
	}
	ctx, cancel := context.WithDeadline(ctx, began.Add(runFor))
	defer cancel()
	var printing sync.WaitGroup
	printing.Go(func() { repeat(ctx, stdout, c.StdoutString, c.StdoutRepeat, outPause) })
	printing.Go(func() { repeat(ctx, stderr, c.StderrString, c.StderrRepeat, errPause) })
	<-ctx.Done()
	printing.Wait()
	return exit
}

// repeat prints text once and then again n times.
func repeat(ctx context.Context, to io.Writer, text string, n int, pause time.Duration) {
	if text == "" {
		return
	}
	if _, err := io.WriteString(to, text); err != nil {
		return
	}
	for range n {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		if _, err := io.WriteString(to, text); err != nil {
			return
		}
	}
}
