// Package rollout decides how deployments go on: it asks for the next wave
// when allocations become healthy, promotes canaries that may promote
// themselves, fails what is unhealthy or makes no progress, rolls back, and
// ends what is complete. It is pure. The leader's loop calls Step; endpoints
// use its rules for what is done by hand.
package rollout

import (
	"maps"
	"slices"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// What deployments say of themselves. Clients read these.
const (
	descRunning     = "Deployment is running"
	descPromotion   = "Deployment is running but requires manual promotion"
	descAutoPromote = "Deployment is running pending automatic promotion"
	descSuccessful  = "Deployment completed successfully"
	descUnhealthy   = "Failed due to unhealthy allocations"
	descNoProgress  = "Failed due to progress deadline"
)

const (
	// evalEvery bounds how often the job of a deployment is evaluated because
	// of the health of its allocations: what becomes healthy together is looked
	// at together.
	evalEvery = 250 * time.Millisecond
	// settleAfter is how long a deployment may stay open that has all it wants.
	// The evaluation that its last healthy allocation caused closes it; this is
	// for when that one was lost.
	settleAfter = 5 * time.Second
)

// Watcher follows deployments. Its memory only saves work: one that starts
// empty, on a new leader or after a write was refused, evaluates the job of
// each deployment once more.
type Watcher struct {
	seen map[string]*progress // by deployment ID
}

// progress is what was last acted on.
type progress struct {
	health    int       // allocations whose health was known then
	evaluated time.Time // when the job was last evaluated for it

	// What was last looked at without anything to do, and until when that
	// holds; zero is until something changes. The counters of a deployment
	// change with its allocations, so these two tell.
	deployment *nl.Deployment
	job        *nl.Job
	failed     int // allocations of the job that have ever failed
	until      time.Time
}

// New makes a watcher without memory.
func New() *Watcher { return &Watcher{seen: map[string]*progress{}} }

// Step gives what is to be written now, and when to look again at the latest.
func (w *Watcher) Step(now time.Time, s *store.Snapshot, newID func() string) (ops []op.Op, wake time.Time) {
	active := map[string]bool{}
	for d := range s.Deployments(nl.AllNamespaces) {
		if !d.Active() {
			continue
		}
		active[d.ID] = true
		o, next := w.look(&check{now: now, s: s, d: d, job: s.Job(d.Namespace, d.JobID), newID: newID})
		if o != nil {
			ops = append(ops, o)
		}
		if !next.IsZero() && (wake.IsZero() || next.Before(wake)) {
			wake = next
		}
	}
	for _, id := range slices.Sorted(maps.Keys(w.seen)) {
		if !active[id] {
			delete(w.seen, id)
			if o := leftover(now, s, s.Deployment(id), newID); o != nil {
				ops = append(ops, o)
			}
		}
	}
	return ops, wake
}

// leftover evaluates the job of a deployment that has succeeded when one of its
// allocations failed so late that the deployment still kept the scheduler from
// replacing it. The other ends come with an evaluation that sees to that.
func leftover(now time.Time, s *store.Snapshot, d *nl.Deployment, newID func() string) op.Op {
	if d == nil || d.Status != nl.DeploymentStatusSuccessful {
		return nil
	}
	c := &check{now: now, s: s, d: d, job: s.Job(d.Namespace, d.JobID), newID: newID}
	if c.job == nil || c.job.Stop || len(c.failedOnes()) == 0 {
		return nil
	}
	e := c.eval()
	e.TriggeredBy, e.DeploymentID = nl.TriggerRetryFailedAlloc, ""
	return &op.UpsertEvals{Evals: []*nl.Eval{e}}
}

// check is one deployment being looked at.
type check struct {
	now   time.Time
	s     *store.Snapshot
	d     *nl.Deployment
	job   *nl.Job
	newID func() string

	counted *standing // nil until somebody asks
}

// standing is what runs of a deployment's job, by group.
type standing struct {
	healthy map[string]int  // live allocations of the deployment that are healthy
	older   map[string]bool // groups of which something of another version runs
}

// standing looks at every allocation of the job once, however many groups ask.
func (c *check) standing() *standing {
	if c.counted != nil {
		return c.counted
	}
	c.counted = &standing{healthy: map[string]int{}, older: map[string]bool{}}
	for a := range c.s.AllocsByJob(c.d.Namespace, c.d.JobID) {
		if a.Terminal() {
			continue
		}
		if a.JobVersion != c.d.JobVersion {
			c.counted.older[a.TaskGroup] = true
		}
		if is := health(a); a.DeploymentID == c.d.ID && is != nil && *is {
			c.counted.healthy[a.TaskGroup]++
		}
	}
	return c.counted
}

// look takes a step unless nothing has changed since the last one.
func (w *Watcher) look(c *check) (op.Op, time.Time) {
	p := w.seen[c.d.ID]
	if p == nil {
		p = &progress{}
		w.seen[c.d.ID] = p
	}
	failed := c.everFailed()
	if p.deployment == c.d && p.job == c.job && p.failed == failed && (p.until.IsZero() || c.now.Before(p.until)) {
		return nil, p.until
	}
	o, next := p.step(c)
	if p.deployment = nil; o == nil {
		p.deployment, p.job, p.failed, p.until = c.d, c.job, failed, next
	}
	return o, next
}

func (p *progress) step(c *check) (op.Op, time.Time) {
	if c.job == nil || c.job.Stop || c.job.CreateIndex != c.d.JobCreateIndex || c.job.Version != c.d.JobVersion {
		return nil, time.Time{} // the evaluation of that change cancels it
	}
	if c.d.Status != nl.DeploymentStatusRunning {
		return nil, time.Time{}
	}
	sick := c.unhealthy()
	if FailsOnUnhealthy(c.d, c.s, sick) {
		return c.fail(descUnhealthy), time.Time{}
	}
	if c.promotes() {
		return &op.PromoteDeployment{DeploymentID: c.d.ID, All: true, Eval: c.eval(), Time: c.now.UnixNano()}, time.Time{}
	}
	deadline := c.deadline()
	if !deadline.IsZero() && !deadline.After(c.now) {
		return c.fail(descNoProgress), time.Time{}
	}
	if c.everFailed() > 0 {
		sick = union(sick, c.failedOnes())
	}
	if known := healthKnown(c.d); known != p.health || len(sick) > 0 {
		if next := p.evaluated.Add(evalEvery); next.After(c.now) && len(sick) == 0 {
			return nil, sooner(next, deadline)
		}
		p.health, p.evaluated = known, c.now
		return c.goOn(sick), sooner(c.now.Add(settleAfter), deadline)
	}
	if !c.hasAll() {
		return nil, deadline
	}
	if !c.complete() {
		// What it waits for may end without a change that this looks at.
		return nil, sooner(c.now.Add(settleAfter), deadline)
	}
	if next := p.evaluated.Add(settleAfter); next.After(c.now) {
		return nil, next
	}
	return c.end(nl.DeploymentStatusSuccessful, descSuccessful, nil), time.Time{}
}

// sooner is the earlier of two times, of which the second may be zero.
func sooner(a, b time.Time) time.Time {
	if !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// unhealthy are the allocations that were found unhealthy and are not being
// replaced yet, by ID.
func (c *check) unhealthy() []string {
	count := 0
	for _, state := range c.d.TaskGroups {
		count += state.UnhealthyAllocs
	}
	if count == 0 {
		return nil
	}
	var ids []string
	for a := range c.s.AllocsByDeployment(c.d.ID) {
		marked := a.DesiredTransition().Reschedule == nl.Yes
		if is := health(a); is != nil && !*is && !marked && !a.TerminalDesired() && a.NextAllocation() == "" {
			ids = append(ids, a.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// everFailed is how many allocations of the job have failed so far.
func (c *check) everFailed() int {
	summary := c.s.JobSummary(c.d.Namespace, c.d.JobID)
	if summary == nil {
		return 0
	}
	n := 0
	for _, g := range summary.Summary {
		n += g.Failed
	}
	return n
}

// failedOnes are allocations that have failed, whatever their health was
// before, and may be replaced but are not yet, by ID.
func (c *check) failedOnes() []string {
	var ids []string
	for a := range c.s.AllocsByDeployment(c.d.ID) {
		marked := a.DesiredTransition().Reschedule == nl.Yes
		if a.ClientStatus == nl.AllocClientFailed && !marked && !a.TerminalDesired() && a.NextAllocation() == "" &&
			a.FollowupEvalID() == "" && Reschedulable(a) {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

// union is the sorted IDs of both lists, each once.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// goOn lets the scheduler look at the job again: to place the next wave, to
// replace what is unhealthy, or to close the deployment.
func (c *check) goOn(sick []string) op.Op {
	if len(sick) == 0 {
		return &op.UpsertEvals{Evals: []*nl.Eval{c.eval()}}
	}
	o := &op.TransitionAllocs{
		Transitions: map[string]*nl.DesiredTransition{}, Evals: []*nl.Eval{c.eval()}, Time: c.now.UnixNano(),
	}
	for _, id := range sick {
		o.Transitions[id] = &nl.DesiredTransition{Reschedule: nl.Yes}
	}
	return o
}

// promotes tells whether every group with canaries promotes itself and has
// them healthy.
func (c *check) promotes() bool {
	any := false
	for _, state := range c.d.TaskGroups {
		if state.DesiredCanaries == 0 || state.Promoted {
			continue
		}
		if !state.AutoPromote || c.healthyCanaries(state) < state.DesiredCanaries {
			return false
		}
		any = true
	}
	return any
}

func (c *check) healthyCanaries(state *nl.DeploymentState) int {
	n := 0
	for _, id := range state.PlacedCanaries {
		if a := c.s.Alloc(id); a != nil && !a.Terminal() {
			if is := health(a); is != nil && *is {
				n++
			}
		}
	}
	return n
}

// deadline is when the first group must have made progress, zero for never.
// Groups that have all they want, or wait to be promoted, need not.
func (c *check) deadline() time.Time {
	var first time.Time
	for name, state := range c.d.TaskGroups {
		by := state.RequireProgressBy.Time
		switch {
		case by.IsZero() || state.ProgressDeadline == 0:
		case state.DesiredCanaries > 0 && !state.Promoted && c.healthyCanaries(state) >= state.DesiredCanaries:
		case c.groupHasAll(name, state):
		case first.IsZero() || by.Before(first):
			first = by
		}
	}
	return first
}

// hasAll tells whether every group has all it wants.
func (c *check) hasAll() bool {
	for name, state := range c.d.TaskGroups {
		if !c.groupHasAll(name, state) {
			return false
		}
	}
	return true
}

// groupHasAll is hasAll for one group. The counters of a deployment never go
// down: what was healthy and is gone, and not replaced, counts no longer. Of
// jobs on every node, a node that is gone takes its part of the aim with it, and
// what is missing is where an older version runs.
func (c *check) groupHasAll(name string, state *nl.DeploymentState) bool {
	wanted := max(state.DesiredTotal, state.DesiredCanaries)
	if state.HealthyAllocs < wanted || state.DesiredCanaries > 0 && !state.Promoted {
		return false
	}
	if c.job == nil || c.job.Type != nl.JobTypeService {
		return !c.standing().older[name]
	}
	return c.standing().healthy[name] >= wanted
}

// complete tells, of a deployment that has all it wants, whether nothing older
// runs and nobody is about to look at the job.
func (c *check) complete() bool {
	for e := range c.s.EvalsByJob(c.d.Namespace, c.d.JobID) {
		if e.Status == nl.EvalStatusPending {
			return false
		}
	}
	return len(c.standing().older) == 0
}

// fail ends the deployment and, if its groups say so, goes back to the last
// version that was stable.
func (c *check) fail(why string) op.Op {
	desc, revert := OnFailure(c.s, c.d, why)
	return c.end(nl.DeploymentStatusFailed, desc, revert)
}

func (c *check) end(status, why string, revert *nl.Job) op.Op {
	o := &op.UpdateDeployment{
		Update: nl.DeploymentStatusUpdate{
			DeploymentID: c.d.ID, Status: status, StatusDescription: why, UpdatedAt: c.now.UnixNano(),
		},
		Eval: c.eval(),
	}
	if revert != nil {
		o.Revert = revert.Copy()
		o.Revert.VersionTag, o.Revert.Stable, o.Revert.Stop = nil, false, false
		o.Revert.SubmitTime = c.now.UnixNano()
	}
	return o
}

func (c *check) eval() *nl.Eval {
	e := &nl.Eval{
		ID: c.newID(), Namespace: c.d.Namespace, Priority: c.d.EvalPriority, Type: c.job.Type,
		TriggeredBy: nl.TriggerDeploymentWatcher, JobID: c.d.JobID, DeploymentID: c.d.ID,
		Status: nl.EvalStatusPending, CreateTime: c.now.UnixNano(), ModifyTime: c.now.UnixNano(),
	}
	if e.Priority == 0 {
		e.Priority = c.job.Priority
	}
	return e
}
