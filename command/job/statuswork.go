package job

import (
	"fmt"
	"slices"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/watch"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// printWork shows what the scheduler and the nodes make of a job.
func (o *statusOptions) printWork(c *meta.Call, s *jobState) {
	if o.evals || o.verbose {
		c.Section("Evaluations", evalRows(s.evals, o.verbose))
	}
	if table := reschedules(c, s, o.verbose); table != "" {
		c.Section("Future Rescheduling Attempts", table)
	}
	if failed := unplaced(s.evals); failed != nil {
		c.Section("Placement Failure", watch.Failures(failed.FailedTGAllocs, c.Colour, o.verbose))
	}
	if table := waiting(s.why); table != "" {
		c.Section("Waiting", table)
		c.Printf("\nFor more, run: %s job explain %s%s", meta.Binary, c.NamespaceFlag(), s.job.ID)
	}
	if s.deployment != nil {
		c.Section("Latest Deployment", latest(s.deployment, o.verbose))
		if len(s.deployment.TaskGroups) > 0 {
			c.Section("Deployed", watch.Deployed(s.deployment))
		}
	}
	if len(s.actions) > 0 {
		t := render.NewTable("Action Name", "Task Group", "Task")
		for _, a := range s.actions {
			t.Row(a.Name, a.TaskGroupName, a.TaskName)
		}
		c.Section("Actions", t.String())
	}
	c.Section("Allocations", allocRows(c, s.job, s.allocs, o.verbose))
}

// waits tells whether something of the job has no place or has yet to start.
func waits(s *jobState) bool {
	if s.job.Stop || s.summary == nil {
		return false
	}
	for _, g := range s.summary.Summary {
		if g.Queued > 0 || g.Starting > 0 {
			return true
		}
	}
	return s.job.Status == nl.JobStatusPending
}

// waiting is one line for each group that waits, with the reason.
func waiting(x *nl.JobExplanation) string {
	if x == nil {
		return ""
	}
	t := render.NewTable("Task Group", "Allocations", "Why").WrapLast(render.Narrow)
	for _, g := range x.Groups {
		reasons := append(slices.Clone(g.Reasons), x.Reasons...)
		if n := g.Waiting + g.Starting; n > 0 && len(reasons) > 0 {
			t.Row(g.Name, fmt.Sprint(n), reasons[0].Text)
		}
	}
	if t.Len() == 0 {
		return ""
	}
	return t.String()
}

func allocRows(c *meta.Call, job *nl.Job, allocs []*nl.AllocStub, verbose bool) string {
	if len(allocs) == 0 {
		return "No allocations placed"
	}
	slices.SortStableFunc(allocs, func(a, b *nl.AllocStub) int {
		switch {
		case a.CreateIndex > b.CreateIndex:
			return -1
		case a.CreateIndex < b.CreateIndex:
			return 1
		}
		return 0
	})
	return c.AllocTableWithin(allocs, job, verbose)
}

func evalRows(evals []*nl.Eval, verbose bool) string {
	if len(evals) == 0 {
		return "No evaluations"
	}
	newestFirst(evals)
	t := render.NewTable("ID", "Priority", "Triggered By", "Status", "Placement Failures")
	for _, e := range evals {
		t.Row(render.ID(e.ID, verbose), fmt.Sprint(e.Priority), e.TriggeredBy, e.Status, meta.PlacementFailures(e))
	}
	return t.String()
}

func newestFirst(evals []*nl.Eval) {
	slices.SortStableFunc(evals, func(a, b *nl.Eval) int {
		switch {
		case a.CreateIndex > b.CreateIndex:
			return -1
		case a.CreateIndex < b.CreateIndex:
			return 1
		}
		return 0
	})
}

// unplaced is the evaluation that tells what of the job cannot be placed now:
// the newest one, if it is blocked or has failed to place something. A newer
// success makes old failures history.
func unplaced(evals []*nl.Eval) *nl.Eval {
	evals = slices.Clone(evals)
	newestFirst(evals)
	blocked := slices.ContainsFunc(evals, func(e *nl.Eval) bool { return e.Status == nl.EvalStatusBlocked })
	for _, e := range evals {
		if len(e.FailedTGAllocs) > 0 {
			return e
		}
		if e.Status == nl.EvalStatusComplete && !blocked {
			return nil
		}
	}
	return nil
}

// reschedules lists the groups whose failed allocations will be replaced later.
func reschedules(c *meta.Call, s *jobState, verbose bool) string {
	waiting := map[string]*nl.Eval{}
	for _, e := range s.evals {
		if e.WaitUntil.After(c.Now()) && !e.Terminal() {
			waiting[e.ID] = e
		}
	}
	groups := map[string]*nl.Eval{}
	for _, a := range s.allocs {
		if e, ok := waiting[a.FollowupEvalID]; ok && a.NextAllocation == "" {
			groups[a.TaskGroup] = e
		}
	}
	if len(groups) == 0 {
		return ""
	}
	t := render.NewTable("Task Group", render.If(verbose, "Reschedule Policy"), "Eval ID", "Eval Time")
	for _, name := range render.Keys(groups) {
		e := groups[name]
		when := render.Since(e.WaitUntil.Time, c.Now())
		if verbose {
			when = render.Time(e.WaitUntil.Local())
		}
		t.Row(name, policyText(s.job.Group(name)), render.ID(e.ID, verbose), when)
	}
	return t.String()
}

func policyText(g *nl.Group) string {
	if g == nil || g.ReschedulePolicy == nil {
		return ""
	}
	p := g.ReschedulePolicy
	if p.Unlimited {
		return fmt.Sprintf("unlimited with %s delay, max_delay = %s", p.DelayFunction, p.MaxDelay)
	}
	return fmt.Sprintf("%d in %s with %s delay, max_delay = %s", p.Attempts, p.Interval, p.DelayFunction, p.MaxDelay)
}

func latest(d *nl.Deployment, verbose bool) string {
	var kv render.Pairs
	return kv.Add("ID", render.ID(d.ID, verbose)).
		Add("Status", d.Status).
		Add("Description", d.StatusDescription).String()
}
