package endpoint

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/golang/snappy"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/diff"
	"github.com/nomadlike/nomadlike/nomadlike/explain"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/periodic"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// planIndexOfNewJob is the index a job that does not exist yet is planned at,
// as the API documents.
const planIndexOfNewJob = 100

// jobPlan runs the scheduler on a copy of the state that holds the new job.
// Nothing is stored.
func (e *Endpoints) jobPlan(_ context.Context, req *query.JobPlan, reply *nl.JobPlanResponse) error {
	if req.Job == nil {
		return nl.Errorf(nl.CodeInvalid, "Job must be specified")
	}
	job := req.Job.Copy()
	if err := e.authorize(req.AuthToken, can(job.Namespace, "submit-job", "plan-job")); err != nil {
		return err
	}
	s := e.snapshot()
	warnings, err := e.admitJob(s, job)
	if err != nil {
		return err
	}
	old := s.Job(job.Namespace, job.ID)
	if err := admit.CheckUpdate(old, job); err != nil {
		return err
	}
	admit.AssignPolicyIDs(old, job, e.cfg.NewID)
	job.SubmitTime = e.now()

	index := uint64(planIndexOfNewJob)
	if old != nil {
		index = old.JobModifyIndex + 1
		reply.JobModifyIndex = old.JobModifyIndex
	}
	out, why, err := e.plan(s, job, max(index, s.Index()+1), req.AuthToken, req.Explain)
	if err != nil {
		return err
	}
	reply.Annotations, reply.Explanation = out.Plan.Annotations, why
	for _, ev := range out.Plan.Evals {
		if ev.ID == out.Eval.ID {
			reply.FailedTGAllocs = ev.FailedTGAllocs
		} else {
			reply.CreatedEvals = append(reply.CreatedEvals, ev)
		}
	}
	if req.Diff {
		if old != nil && old.Stop {
			old = nil
		}
		reply.Diff = diff.Job(old, job, true)
		diff.Annotate(reply.Diff, reply.Annotations)
	}
	if job.Periodic != nil && job.Periodic.Enabled {
		if err := previewLaunches(job.Periodic, e.cfg.Now(), reply); err != nil {
			return err
		}
	}
	reply.Warnings = admit.WarningText(warnings)
	reply.Index = reply.JobModifyIndex
	return nil
}

// launchesPreviewed is how many launches of a periodic job a plan tells.
const launchesPreviewed = 5

// previewLaunches tells when the job would be launched if it were registered
// now.
func previewLaunches(p *nl.Periodic, now time.Time, reply *nl.JobPlanResponse) error {
	times, err := periodic.Read(p)
	if err != nil {
		return nl.Errorf(nl.CodeInvalid, "%v", err)
	}
	for _, at := range times.Launches(now, launchesPreviewed) {
		reply.NextPeriodicLaunches = append(reply.NextPeriodicLaunches, nl.Time{Time: at.UTC()})
	}
	if len(reply.NextPeriodicLaunches) > 0 {
		reply.NextPeriodicLaunch = reply.NextPeriodicLaunches[0]
	}
	return nil
}

// plan schedules job on a copy of s in which it is registered at index, and
// explains the outcome when it is to.
func (e *Endpoints) plan(s *store.Snapshot, job *nl.Job, index uint64, token string, why bool) (*sched.Outcome, *nl.JobExplanation, error) {
	eval := e.jobEval(job, nl.TriggerJobRegister, 0)
	eval.AnnotatePlan = true
	next, _, _, err := store.Apply(s, index, &op.RegisterJob{Job: job.Copy(), Eval: eval})
	if err != nil {
		return nil, nil, err
	}
	eval = next.Eval(eval.ID)
	in := e.explainInput(next, token, false)
	if why {
		out, x, err := explain.Plan(next, eval, in)
		if err == nil {
			x.Index = s.Index() // the copy is nobody's state
		}
		return out, x, err
	}
	in.Elapsed = nil
	out, err := sched.Schedule(next, eval, in.Input)
	return out, nil, err
}

// jobPeriodicForce launches a child of a periodic job now, whatever runs.
func (e *Endpoints) jobPeriodicForce(ctx context.Context, req *query.JobPeriodicForce, reply *query.EvalCreated) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "dispatch-job", "submit-job", "force-periodic-job")); err != nil {
		return err
	}
	job := e.snapshot().Job(ns, req.ID)
	switch {
	case job == nil:
		return errNoJob
	case !job.IsPeriodic():
		return nl.Errorf(nl.CodeInternal, "can't force launch non-periodic job")
	case job.Stop || !job.Periodic.Enabled:
		return nl.Errorf(nl.CodeInternal, "force launch for job %q failed: can't force run non-tracked job %q (%s)", req.ID, req.ID, ns)
	}
	o := periodic.Launch(job, e.cfg.Now().Truncate(time.Second), e.cfg.NewID)
	r, err := e.propose(ctx, o)
	if err != nil {
		return err
	}
	reply.Index = r.Index
	if o.Eval != nil {
		reply.EvalID, reply.EvalCreateIndex = o.Eval.ID, r.Index
	}
	return nil
}

// The bounds of dispatching.
const dispatchPayloadBytesMax = 16 << 10

// jobDispatch registers a child of a parameterized job.
func (e *Endpoints) jobDispatch(ctx context.Context, req *query.JobDispatch, reply *nl.JobDispatchResponse) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "dispatch-job")); err != nil {
		return err
	}
	s := e.snapshot()
	if e.rejects(s) {
		return nl.Errorf(nl.CodeDenied, "Job registration, dispatch, and scale are disabled by the scheduler configuration")
	}
	parent := s.Job(ns, req.ID)
	if err := checkDispatch(parent, req, e.cfg.Admission.MaxPriority); err != nil {
		return err
	}
	child := e.dispatched(parent, req)
	o := &op.RegisterJob{Job: child, IdempotencyToken: req.IdempotencyToken}
	if !child.IsPeriodic() {
		o.Eval = e.jobEval(child, nl.TriggerJobRegister, 0)
	}
	r, err := e.propose(ctx, o)
	if err != nil {
		return err
	}
	reply.Index = r.Index
	reply.DispatchedJobID, reply.JobCreateIndex = child.ID, r.Index
	if v, ok := r.Value.(*op.RegisterJobResult); ok && v.ExistingChild != "" {
		reply.DispatchedJobID, reply.JobCreateIndex = v.ExistingChild, v.ExistingChildCreateIndex
		return nil
	}
	if o.Eval != nil {
		reply.EvalID, reply.EvalCreateIndex = o.Eval.ID, r.Index
	}
	return nil
}

// checkDispatch refuses dispatches that the parent does not allow.
func checkDispatch(parent *nl.Job, req *query.JobDispatch, priorityMax int) error {
	fail := func(format string, args ...any) error { return nl.Errorf(nl.CodeInternal, format, args...) }
	switch {
	case parent == nil:
		return fail("parameterized job not found")
	case !parent.IsParameterized():
		return fail("Specified job %q is not a parameterized job", req.ID)
	case parent.Stop:
		return fail("Specified job %q is stopped", req.ID)
	case parent.ParameterizedJob.Payload == "required" && len(req.Payload) == 0:
		return fail("Payload is not provided but required by parameterized job")
	case parent.ParameterizedJob.Payload == "forbidden" && len(req.Payload) != 0:
		return fail("Payload provided but forbidden by parameterized job")
	case len(req.Payload) > dispatchPayloadBytesMax:
		return fail("Payload exceeds maximum size; %d > %d", len(req.Payload), dispatchPayloadBytesMax)
	}
	if priorityMax == 0 {
		priorityMax = 100
	}
	if p := req.Priority; p != 0 && (p < 1 || p > priorityMax) {
		return fail("dispatch job priority must be between [1, %d]", priorityMax)
	}
	var unpermitted, missing []string
	allowed := append(slices.Clone(parent.ParameterizedJob.MetaRequired), parent.ParameterizedJob.MetaOptional...)
	for k := range req.Meta {
		if !slices.Contains(allowed, k) {
			unpermitted = append(unpermitted, k)
		}
	}
	if len(unpermitted) > 0 {
		slices.Sort(unpermitted)
		return fail("Dispatch request included unpermitted metadata keys: %v", unpermitted)
	}
	for _, k := range parent.ParameterizedJob.MetaRequired {
		if _, ok := req.Meta[k]; !ok {
			missing = append(missing, k)
		}
	}
	if len(missing) > 0 {
		return fail("Dispatch did not provide required meta keys: %v", missing)
	}
	return nil
}

// dispatched derives the child.
func (e *Endpoints) dispatched(parent *nl.Job, req *query.JobDispatch) *nl.Job {
	now := e.cfg.Now()
	child := parent.Copy()
	child.ID = dispatchID(parent.ID, req.IDPrefixTemplate, now, e.cfg.NewID()[:8])
	child.ParentID, child.Name, child.Dispatched = parent.ID, child.ID, true
	child.Status, child.StatusDescription = "", ""
	child.Version, child.Stable, child.VersionTag = 0, false, nil
	child.CreateIndex, child.ModifyIndex, child.JobModifyIndex = 0, 0, 0
	child.SubmitTime = now.UnixNano()
	child.DispatchIdempotencyToken = req.IdempotencyToken
	if len(req.Payload) > 0 {
		child.Payload = snappy.Encode(nil, req.Payload)
	}
	if req.Priority != 0 {
		child.Priority = req.Priority
	}
	if child.Meta == nil {
		child.Meta = map[string]string{}
	}
	for k, v := range req.Meta {
		child.Meta[k] = v
	}
	return child
}

// dispatchID names a dispatched child.
func dispatchID(parent, prefix string, now time.Time, random string) string {
	if prefix != "" {
		prefix += "-"
	}
	return fmt.Sprintf("%s/dispatch-%s%d-%s", parent, prefix, now.Unix(), random)
}
