package job

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// stopOptions are the flags of job stop.
type stopOptions struct {
	detach, global, noShutdownDelay, purge, yes, verbose bool
	evalPriority                                         int
}

// stopped is a job that was told to stop.
type stopped struct {
	match meta.JobMatch
	reply nl.JobDeregisterResponse
	err   error
}

func stopVerb(*meta.Meta) *meta.Verb {
	var o stopOptions
	return &meta.Verb{
		Name: "job stop", Aliases: []string{"stop"}, Args: "<job> [<job>...]", MinArgs: 1, MaxArgs: meta.AnyArgs,
		Summary: "Stop jobs",
		Text:    "Stops one or more jobs and follows until their allocations are told to stop. A stopped job stays known, and can be started again, until it is collected or purged. A job may be given by the start of its ID; a question is asked then.",
		Examples: []meta.Example{
			{Text: "Stop a job", Line: "nomadlike job stop web"},
			{Text: "Stop a job and forget it", Line: "nomadlike job stop -purge web"},
		},
		Flags: func(f *meta.Flags) {
			f.Detach(&o.detach)
			f.Int(&o.evalPriority, "eval-priority", 0, "<priority>", "Priority of the evaluation, 1 to 100, if it is to differ from the job's.")
			f.Bool(&o.global, "global", false, "Stop a multi-region job in all its regions.")
			f.Bool(&o.noShutdownDelay, "no-shutdown-delay", false, "Kill tasks without the shutdown delay that groups and tasks ask for. Connections may break.")
			f.Bool(&o.purge, "purge", false, "Forget the job at once instead of when it is collected.")
			f.Yes(&o.yes)
			f.Verbose(&o.verbose)
		},
		Predict: meta.Predict("jobs"),
		Do: func(ctx context.Context, c *meta.Call) error {
			if len(c.Args) == 1 {
				return o.stopOne(ctx, c)
			}
			return o.stopMany(ctx, c)
		},
	}
}

func (o *stopOptions) stopOne(ctx context.Context, c *meta.Call) error {
	match, err := c.Job(ctx, c.Args[0])
	if err != nil {
		return err
	}
	if sure, err := o.confirm(ctx, c, match); err != nil {
		return err
	} else if !sure {
		c.Print("Cancelling job stop")
		return nil
	}
	s := o.stop(ctx, c, match)
	if s.err != nil {
		return s.err
	}
	return o.follow(ctx, c, s)
}

// confirm asks where the job may not be the one that was meant.
func (o *stopOptions) confirm(ctx context.Context, c *meta.Call, match meta.JobMatch) (bool, error) {
	if o.yes {
		return true, nil
	}
	client, err := c.Client()
	if err != nil {
		return false, err
	}
	if !match.Exact {
		sure, err := c.Confirm(fmt.Sprintf("Are you sure you want to stop job %q?", match.ID))
		if err != nil || !sure {
			return false, err
		}
	}
	job, _, err := apiclient.Get[*nl.Job](ctx, client, watch.JobPath(match.ID), nil)
	if err != nil {
		return false, fmt.Errorf("reading job %q: %w", match.ID, err)
	}
	if job.Multiregion != nil && !o.global {
		return c.Confirm(fmt.Sprintf("Job %q runs in several regions and will be stopped in region %q only. Continue?", match.ID, job.Region))
	}
	return true, nil
}

func (o *stopOptions) stop(ctx context.Context, c *meta.Call, match meta.JobMatch) stopped {
	client, err := c.Client()
	if err != nil {
		return stopped{err: err}
	}
	params := map[string]string{
		"purge": fmt.Sprint(o.purge), "global": fmt.Sprint(o.global),
		"no_shutdown_delay": fmt.Sprint(o.noShutdownDelay),
	}
	if o.evalPriority != 0 {
		params["eval_priority"] = fmt.Sprint(o.evalPriority)
	}
	q := &apiclient.Query{Namespace: match.Namespace, Params: params}
	reply, _, err := apiclient.Delete[nl.JobDeregisterResponse](ctx, client, watch.JobPath(match.ID), nil, q)
	if err != nil {
		err = fmt.Errorf("stopping job %q: %w", match.ID, err)
	}
	return stopped{match: match, reply: reply, err: err}
}

// stopMany stops jobs at the same time and follows them one after the other.
func (o *stopOptions) stopMany(ctx context.Context, c *meta.Call) error {
	matches := make([]meta.JobMatch, len(c.Args))
	namespace := c.Namespace()
	for i, arg := range c.Args {
		if _, err := c.Within("", namespace); err != nil {
			return err
		}
		match, err := c.Job(ctx, arg)
		if err != nil {
			return err
		}
		matches[i] = match
	}
	results := make([]stopped, len(matches))
	var wg sync.WaitGroup
	for i, match := range matches {
		wg.Go(func() { results[i] = o.stop(ctx, c, match) })
	}
	wg.Wait()
	var failed, unfinished error
	for _, s := range results {
		if s.err != nil {
			failed = errors.Join(failed, s.err)
			continue
		}
		if _, err := c.Within("", s.match.Namespace); err != nil {
			return err
		}
		if err := o.follow(ctx, c, s); err != nil {
			unfinished = err
		}
	}
	if failed != nil {
		return failed
	}
	return unfinished
}

func (o *stopOptions) follow(ctx context.Context, c *meta.Call, s stopped) error {
	// Periodic and parameterized jobs have no evaluation.
	if s.reply.EvalID == "" {
		c.Printf("Job %q stopped", s.match.ID)
		return nil
	}
	if o.detach {
		c.Print(s.reply.EvalID)
		return nil
	}
	return watch.Eval(ctx, c, s.reply.EvalID, o.verbose)
}
