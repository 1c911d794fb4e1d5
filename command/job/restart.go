package job

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	askText  = "ask"
	failText = "fail"
)

// restartOptions are the flags of job restart.
type restartOptions struct {
	allTasks, noShutdownDelay, reschedule, yes, verbose bool
	size, wait, onError                                 string
	groups, tasks                                       []string

	pause time.Duration // between batches
	ask   bool          // between batches, instead
}

func restartVerb(*meta.Meta) *meta.Verb {
	var o restartOptions
	return &meta.Verb{
		Name: "job restart", Args: "<job>", MinArgs: 1, MaxArgs: 1,
		Summary: "Restart the allocations of a job, batch by batch",
		Text: `Restarts the running tasks of a job in place, or, with -reschedule, replaces its allocations by new ones that may run elsewhere. The version of the job does not change.

Allocations are restarted in batches, one after the other, so that a service stays up. What fails is asked about, or ends the command with -on-error=fail.`,
		Examples: []meta.Example{
			{Text: "Restart one allocation after the other", Line: "nomadlike job restart web"},
			{Text: "Restart a quarter at a time, a minute apart", Line: "nomadlike job restart -batch-size=25% -batch-wait=1m web"},
			{Text: "Move everything, asking before each batch", Line: "nomadlike job restart -reschedule -batch-wait=ask web"},
		},
		Flags: func(f *meta.Flags) {
			f.Bool(&o.allTasks, "all-tasks", false, "Restart also tasks that have ended, such as those that run before the main ones.")
			f.String(&o.size, "batch-size", "1", "<n or n%>", "How many allocations are restarted at the same time.")
			f.String(&o.wait, "batch-wait", "0s", "<duration>|ask", "How long to wait between batches, or whether to ask before each.")
			f.Strings(&o.groups, "group", "<group>", "Restart this group only. May be given many times.")
			f.Strings(&o.tasks, "task", "<task>", "Restart this task only. May be given many times.")
			f.Bool(&o.noShutdownDelay, "no-shutdown-delay", false, "With -reschedule: kill tasks without their shutdown delay.")
			f.Choice(&o.onError, "on-error", askText, []string{askText, failText}, "What to do when an allocation cannot be restarted.")
			f.Bool(&o.reschedule, "reschedule", false, "Replace allocations instead of restarting them in place.")
			f.Yes(&o.yes)
			f.Verbose(&o.verbose)
		},
		Predict: meta.Predict("jobs"),
		Do: func(ctx context.Context, c *meta.Call) error {
			if err := o.check(); err != nil {
				return err
			}
			return o.restart(ctx, c)
		},
	}
}

func (o *restartOptions) check() error {
	switch {
	case o.allTasks && len(o.tasks) > 0:
		return meta.Usagef("-all-tasks and -task exclude each other")
	case o.reschedule && len(o.tasks) > 0:
		return meta.Usagef("-reschedule and -task exclude each other: whole allocations are replaced")
	}
	if _, err := o.batchSize(1); err != nil {
		return err
	}
	if o.wait == askText {
		o.ask = !o.yes
		return nil
	}
	wait, err := time.ParseDuration(o.wait)
	if err != nil || wait < 0 {
		return meta.Usagef("-batch-wait must be a duration such as 30s, or %q, not %q", askText, o.wait)
	}
	o.pause = wait
	return nil
}

// batchSize is how many of total are restarted at a time; parts are rounded up.
func (o *restartOptions) batchSize(total int) (int, error) {
	text, percent := strings.CutSuffix(o.size, "%")
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 || percent && n > 100 {
		return 0, meta.Usagef("-batch-size must be a number above 0 or a percentage up to 100%%, not %q", o.size)
	}
	if percent {
		n = int(math.Ceil(float64(total) * float64(n) / 100))
	}
	return max(n, 1), nil
}

func (o *restartOptions) restart(ctx context.Context, c *meta.Call) error {
	match, err := c.Job(ctx, c.Args[0])
	if err != nil {
		return err
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	if err := o.allowed(ctx, client, match.ID); err != nil {
		return err
	}
	all, _, err := apiclient.Get[[]*nl.AllocStub](ctx, client, watch.JobPath(match.ID, "allocations"), nil)
	if err != nil {
		return fmt.Errorf("listing the allocations of job %q: %w", match.ID, err)
	}
	allocs := o.choose(all)
	if len(allocs) == 0 {
		c.Print("No allocations to restart")
		return nil
	}
	if !match.Exact && !o.yes {
		sure, err := c.Confirm(fmt.Sprintf("Are you sure you want to restart job %q?", match.ID))
		if err != nil {
			return err
		}
		if !sure {
			c.Print("Job restart cancelled")
			return nil
		}
	}
	r := &restarter{options: o, call: c, client: client, job: match.ID}
	return r.run(ctx, allocs)
}

// allowed refuses what would fight with the servers.
func (o *restartOptions) allowed(ctx context.Context, client *apiclient.Client, id string) error {
	if o.reschedule {
		job, _, err := apiclient.Get[*nl.Job](ctx, client, watch.JobPath(id), nil)
		if err != nil {
			return fmt.Errorf("reading job %q: %w", id, err)
		}
		if job.Type == nl.JobTypeSystem || job.Type == nl.JobTypeSysBatch {
			return fmt.Errorf("job %q is of type %s and runs on every node: it cannot be rescheduled, only restarted in place", id, job.Type)
		}
	}
	d, _, err := apiclient.Get[*nl.Deployment](ctx, client, watch.JobPath(id, "deployment"), nil)
	if err != nil {
		return fmt.Errorf("reading the deployment of job %q: %w", id, err)
	}
	if d != nil && d.Active() {
		return fmt.Errorf("deployment %q of job %q is %s: wait until it is over, or end it with 'deployment fail'", render.ID(d.ID, false), id, d.Status)
	}
	return nil
}

// choose is the allocations that run and that the flags mean, in the order in
// which they are restarted.
func (o *restartOptions) choose(all []*nl.AllocStub) []*nl.AllocStub {
	var out []*nl.AllocStub
	for _, a := range all {
		if a.DesiredStatus != nl.AllocDesiredRun || a.ClientStatus != nl.AllocClientRunning {
			continue
		}
		if len(o.groups) > 0 && !slices.Contains(o.groups, a.TaskGroup) {
			continue
		}
		if len(o.tasks) > 0 && !slices.ContainsFunc(o.tasks, func(t string) bool { return a.TaskStates[t] != nil }) {
			continue
		}
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b *nl.AllocStub) int { return strings.Compare(a.Name+a.ID, b.Name+b.ID) })
	return out
}
