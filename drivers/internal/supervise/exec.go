//go:build linux

package supervise

import (
	"context"
	"os"

	"github.com/nomadlike/nomadlike/drivers/internal/supervise/core"
)

// Running is a short-lived program that runs beside a task.
type Running struct{ proc *process }

// Exec starts spec, which must have Inherit set, with stdio as descriptors 0 to
// 2. It ends with ctx.
func (l *Launcher) Exec(ctx context.Context, spec *core.Spec, stdio []*os.File) (*Running, error) {
	p, err := l.launch(ctx, spec, stdio)
	if err != nil {
		return nil, err
	}
	return &Running{proc: p}, nil
}

// Wait returns the exit of the program; when ctx ends the program is killed.
func (r *Running) Wait(ctx context.Context) (core.Record, error) {
	// Its death takes the program along.
	stop := context.AfterFunc(ctx, func() { _ = r.proc.os.Kill() })
	defer stop()
	line, err := r.proc.lines.ReadString('\n')
	r.proc.status.Close()
	_, _ = r.proc.os.Wait()
	rec, ok := core.ParseRecord(line)
	if err == nil && ok {
		return rec, nil
	}
	if ctx.Err() != nil {
		return core.Record{}, ctx.Err()
	}
	return core.Record{}, ErrLost
}
