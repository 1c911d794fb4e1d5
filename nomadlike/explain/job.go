// Package explain tells why jobs, allocations and evaluations are as they are:
// what was decided, as it is stored, beside what the scheduler would decide now.
// The API calls it. It reads a snapshot and changes nothing; time and IDs come
// in.
package explain

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/periodic"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

const (
	// placedMax is how many allocations of a group are explained one by one.
	placedMax = 5
	// placedAllMax bounds that when everything is asked for, so that an answer
	// stays below some 10 MB.
	placedAllMax = 2000
	// reasonsMax is how many allocations of a group, or evaluations of a job, are
	// named for a reason of one kind: more would fill the screen with the same.
	reasonsMax = 3
)

// Input is what explaining needs beside state.
type Input struct {
	sched.Input
	sched.Detail
}

// Job explains a registered job, nil when there is none.
func Job(s *store.Snapshot, namespace, id string, in Input) (*nl.JobExplanation, error) {
	job := s.Job(namespace, id)
	if job == nil {
		return nil, nil
	}
	e := &nl.Eval{
		ID: in.NewID(), Namespace: namespace, Priority: job.Priority, Type: job.Type, TriggeredBy: nl.TriggerJobRegister,
		JobID: id, JobModifyIndex: job.JobModifyIndex, Status: nl.EvalStatusPending,
	}
	_, x, err := decide(s, job, e, in, false)
	return x, err
}

// Plan decides an evaluation of a state that nobody has committed, and explains
// it.
func Plan(s *store.Snapshot, e *nl.Eval, in Input) (*sched.Outcome, *nl.JobExplanation, error) {
	return decide(s, s.Job(e.Namespace, e.JobID), e, in, true)
}

// subject is a job being explained.
type subject struct {
	s    *store.Snapshot
	job  *nl.Job
	in   Input
	plan bool // nothing of it is committed

	allocs     map[string][]*nl.Alloc // by group, newest first
	evals      []*nl.Eval             // without that of the dry run, newest first
	deployment *nl.Deployment         // of this version while it is active
	failed     *nl.Deployment         // of this version, if it has failed
}

func decide(s *store.Snapshot, job *nl.Job, e *nl.Eval, in Input, plan bool) (*sched.Outcome, *nl.JobExplanation, error) {
	j := newSubject(s, job, e, in, plan)
	x := &nl.JobExplanation{
		ID: job.ID, Namespace: job.Namespace, Type: job.Type, Priority: job.Priority, Version: job.Version, Status: job.Status,
		Index: s.Index(), Time: nl.Time{Time: in.Now.UTC()},
	}
	found, err := sched.Explain(s, e, in.Input, in.Detail)
	if err != nil {
		return nil, nil, fmt.Errorf("explaining job %q: %w", job.ID, err)
	}
	x.Stages = found.Stages
	x.Reasons = j.reasons()
	for _, g := range found.Groups {
		j.group(g)
		x.Groups = append(x.Groups, g)
		x.Waiting = x.Waiting || g.Waiting > 0
	}
	for _, p := range found.Plan.Preempt {
		if a := s.Alloc(p.AllocID); a != nil {
			x.Preempts = append(x.Preempts, &nl.ExplainPreemption{AllocID: a.ID, JobID: in.JobName(a.Namespace, a.JobID), Namespace: a.Namespace, NodeID: a.NodeID})
		}
	}
	x.Summary = j.summary(x)
	return found.Outcome, x, nil
}

func newSubject(s *store.Snapshot, job *nl.Job, e *nl.Eval, in Input, plan bool) *subject {
	j := &subject{s: s, job: job, in: in, plan: plan, allocs: map[string][]*nl.Alloc{}}
	for a := range s.AllocsByJob(job.Namespace, job.ID) {
		if a.Job == nil || a.Job.CreateIndex == job.CreateIndex {
			j.allocs[a.TaskGroup] = append(j.allocs[a.TaskGroup], a)
		}
	}
	for _, list := range j.allocs {
		slices.SortFunc(list, func(a, b *nl.Alloc) int {
			return cmp.Or(cmp.Compare(b.CreateIndex, a.CreateIndex), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
		})
	}
	for other := range s.EvalsByJob(job.Namespace, job.ID) {
		if other.ID != e.ID {
			j.evals = append(j.evals, other)
		}
	}
	slices.SortFunc(j.evals, func(a, b *nl.Eval) int {
		return cmp.Or(cmp.Compare(b.ModifyIndex, a.ModifyIndex), cmp.Compare(b.CreateIndex, a.CreateIndex), cmp.Compare(a.ID, b.ID))
	})
	if d := s.LatestDeployment(job.Namespace, job.ID); d != nil && d.JobVersion == job.Version && d.JobCreateIndex == job.CreateIndex {
		switch {
		case d.Active():
			j.deployment = d
		case d.Status == nl.DeploymentStatusFailed:
			j.failed = d
		}
	}
	return j
}

// reasons concern the whole job.
func (j *subject) reasons() []*nl.ExplainReason {
	var out []*nl.ExplainReason
	add := func(r *nl.ExplainReason) {
		if r != nil {
			out = append(out, r)
		}
	}
	switch job := j.job; {
	case job.Stop:
		add(&nl.ExplainReason{Kind: nl.ReasonStopped, Text: "the job was stopped: nothing of it is to run"})
	case job.IsParameterized():
		add(&nl.ExplainReason{Kind: nl.ReasonParameterized, Text: "the job is parameterized: it runs when it is dispatched"})
	case job.IsPeriodic():
		add(j.nextLaunch())
	case job.Status == nl.JobStatusDead && (job.Type == nl.JobTypeBatch || job.Type == nl.JobTypeSysBatch) && j.succeeded():
		add(&nl.ExplainReason{Kind: nl.ReasonComplete, Text: "the job has run to its end"})
	}
	if !j.job.Stop && !j.plan {
		// A system job has an evaluation for each node without room.
		var open []*nl.ExplainReason
		for _, e := range j.evals {
			if !e.Terminal() {
				open = append(open, j.openEval(e))
			}
		}
		out = append(out, few(open)...)
		if len(j.evals) > 0 && j.evals[0].Status == nl.EvalStatusFailed {
			e := j.evals[0]
			add(&nl.ExplainReason{Kind: nl.ReasonFailed, EvalID: e.ID, Text: "its last evaluation failed" + because(e.StatusDescription)})
		}
	}
	return out
}

// succeeded tells whether some allocation ran to a good end and none is alive.
func (j *subject) succeeded() bool {
	done := false
	for _, list := range j.allocs {
		for _, a := range list {
			if !a.Terminal() {
				return false
			}
			done = done || a.ClientStatus == nl.AllocClientComplete
		}
	}
	return done
}

func (j *subject) nextLaunch() *nl.ExplainReason {
	r := &nl.ExplainReason{Kind: nl.ReasonPeriodic}
	if !j.job.Periodic.Enabled {
		r.Text = "the job is periodic, but its periodic block is not enabled: it is only launched by force"
		return r
	}
	next, err := periodic.Next(j.job.Periodic, j.in.Now)
	if err != nil || next.IsZero() {
		r.Text = "the job is periodic and is not launched again"
		return r
	}
	r.Until = nl.Time{Time: next.UTC()}
	r.Text = "the job is periodic: it is launched next at " + at(next, j.in.Now)
	return r
}

// at is an instant and how far it is away.
func at(t, now time.Time) string {
	text := t.UTC().Format(time.RFC3339)
	switch d := t.Sub(now).Round(time.Second); {
	case d > 0:
		return fmt.Sprintf("%s, in %s", text, d)
	case d < 0:
		return fmt.Sprintf("%s, %s ago", text, -d)
	}
	return text
}

// ago is how long before now an instant was.
func ago(ns int64, now time.Time) string {
	return max(now.Sub(time.Unix(0, ns)), 0).Round(time.Second).String()
}

// openEval says what an evaluation that is not over waits for.
func (j *subject) openEval(e *nl.Eval) *nl.ExplainReason {
	r := &nl.ExplainReason{EvalID: e.ID, Kind: nl.ReasonQueued}
	name := "evaluation " + short(e.ID)
	switch {
	case e.QuotaLimitReached != "":
		r.Kind, r.Text = nl.ReasonQuota, fmt.Sprintf("%s waits: quota %q is used up", name, e.QuotaLimitReached)
	case e.Status == nl.EvalStatusBlocked:
		r.Kind, r.Text = nl.ReasonBlocked, name+" waits: it is tried again when nodes or their work change"
	case e.WaitUntil.After(j.in.Now):
		r.Kind, r.Until = nl.ReasonDelayed, e.WaitUntil
		r.Text = fmt.Sprintf("%s (%s) waits until %s", name, e.TriggeredBy, at(e.WaitUntil.Time, j.in.Now))
	case j.paused():
		r.Kind, r.Text = nl.ReasonPaused, name+" waits: the evaluation broker is paused by the scheduler configuration"
	default:
		r.Text = fmt.Sprintf("%s (%s) is queued since %s", name, e.TriggeredBy, ago(e.ModifyTime, j.in.Now))
	}
	return r
}

// paused tells whether no evaluation is worked on.
func (j *subject) paused() bool {
	c := j.s.SchedulerConfig()
	return c != nil && c.PauseEvalBroker
}

// because is a description behind a colon, when there is one.
func because(description string) string {
	if description == "" {
		return ""
	}
	return ": " + description
}

// idShort is how much of an ID texts show.
const idShort = 8

func short(id string) string { return id[:min(len(id), idShort)] }

// nodeName is the name of a node, or the start of its ID when it is gone.
func nodeName(s *store.Snapshot, id string) string {
	if n := s.Node(id); n != nil && n.Name != "" {
		return n.Name
	}
	return short(id)
}

// summary says it all in one line.
func (j *subject) summary(x *nl.JobExplanation) string {
	if len(x.Groups) == 0 {
		if len(x.Reasons) > 0 {
			return x.Reasons[0].Text
		}
		return "there is nothing to run"
	}
	waiting, planned, starting := 0, 0, 0
	var first *nl.GroupExplanation
	for _, g := range x.Groups {
		waiting += g.NoPlace
		starting += g.Starting
		planned += len(g.Planned) + g.PlannedMore
		if g.NoPlace > 0 && first == nil {
			first = g
		}
	}
	switch {
	case first != nil:
		return fmt.Sprintf("%s no place: %s", hasOrHave(waiting), obstacle(first))
	case j.plan && planned == 0:
		return "nothing would be placed"
	case j.plan:
		return fmt.Sprintf("everything has a place: %s", places(planned))
	case x.Waiting:
		return firstWaiting(x)
	case starting > 0:
		return fmt.Sprintf("everything has a place, %s", startingText(starting))
	case len(x.Reasons) > 0 && x.Reasons[0].Kind == nl.ReasonComplete:
		return x.Reasons[0].Text
	}
	return "everything that is to run has a place"
}

func counted(n int) string {
	if n == 1 {
		return "1 allocation"
	}
	return fmt.Sprintf("%d allocations", n)
}

func places(n int) string { return counted(n) + " would be placed" }

func startingText(n int) string {
	if n == 1 {
		return "1 allocation has yet to start"
	}
	return fmt.Sprintf("%d allocations have yet to start", n)
}

func firstWaiting(x *nl.JobExplanation) string {
	for _, g := range x.Groups {
		if g.Waiting > 0 && len(g.Reasons) > 0 {
			return g.Reasons[0].Text
		}
	}
	if len(x.Reasons) > 0 {
		return x.Reasons[0].Text
	}
	return "the scheduler would do nothing now"
}
