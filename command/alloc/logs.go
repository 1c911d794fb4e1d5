package alloc

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/tail"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// logFlags are the flags of the command.
type logFlags struct {
	stdout, stderr, follow, verbose bool
	tail                            tail.Options
	target                          target
}

func logs(*meta.Meta) *meta.Verb {
	var f logFlags
	return &meta.Verb{
		Name: "alloc logs", Aliases: []string{"logs"}, Args: "<allocation> [<task>]", MinArgs: 1, MaxArgs: 2,
		Summary: "Show what a task has written to stdout and stderr",
		Text: "Prints the standard output of a task. With -f it goes on as the task writes, and then shows both outputs unless one is asked for.\n" +
			"The name of the task may be left out when there is only one.",
		Examples: []meta.Example{
			{Text: "Everything a task has written", Line: meta.Binary + " alloc logs f7a3c api"},
			{Text: "The last 50 lines of its errors, and what follows", Line: meta.Binary + " alloc logs -stderr -f -tail -n 50 f7a3c api"},
			{Text: "Any running allocation of a job", Line: meta.Binary + " alloc logs -job web"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Bool(&f.stdout, "stdout", false, "Show standard output.")
			fl.Bool(&f.stderr, "stderr", false, "Show standard error.")
			fl.Bool(&f.follow, "f", false, "Go on showing what is written.")
			f.tail.Declare(fl)
			f.target.declareTask(fl, "The task; needed when the allocation has several.")
			f.target.declareJob(fl)
			fl.Verbose(&f.verbose)
		},
		Predict: meta.Predict("allocs"),
		Do:      f.run,
	}
}

func (f *logFlags) run(ctx context.Context, c *meta.Call) error {
	if err := f.tail.Check(); err != nil {
		return err
	}
	a, client, err := f.target.find(ctx, c)
	if err != nil {
		return err
	}
	task, err := f.target.oneTask(a, rest(c))
	if err != nil {
		return err
	}
	both := f.follow && !f.stdout && !f.stderr || f.stdout && f.stderr
	if !both {
		kind := "stdout"
		if f.stderr {
			kind = "stderr"
		}
		return f.copy(ctx, c.Out, client, a, task, kind)
	}
	streams, ctx := errgroup.WithContext(ctx)
	streams.Go(func() error { return f.copy(ctx, c.Out, client, a, task, "stdout") })
	streams.Go(func() error { return f.copy(ctx, c.Err, client, a, task, "stderr") })
	return streams.Wait()
}

// copy prints one output of a task.
func (f *logFlags) copy(ctx context.Context, to io.Writer, client *apiclient.Client, a *nl.Alloc, task, kind string) error {
	q := &apiclient.Query{Params: map[string]string{
		"task": task, "type": kind, "follow": strconv.FormatBool(f.follow),
		"origin": f.tail.Origin(), "offset": strconv.FormatInt(f.tail.Offset(), 10),
	}}
	err := f.tail.Copy(ctx, to, client, "/v1/client/fs/logs/"+a.ID, q, f.follow)
	if err != nil {
		return fmt.Errorf("reading %s of task %q: %w", kind, task, err)
	}
	return nil
}
