package endpoint

import (
	"context"
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

func (e *Endpoints) registerJobs() {
	on(e, Write, "Job.Register", e.jobRegister)
	on(e, Write, "Job.Deregister", e.jobDeregister)
	on(e, Write, "Job.Evaluate", e.jobEvaluate)
	on(e, Write, "Job.Revert", e.jobRevert)
	on(e, Write, "Job.Stable", e.jobStable)
	on(e, Write, "Job.Tag", e.jobTag)
	on(e, Write, "Job.Scale", e.jobScale)
	on(e, Write, "Job.Dispatch", e.jobDispatch)
	on(e, Write, "Job.PeriodicForce", e.jobPeriodicForce)
	on(e, Write, "Job.Plan", e.jobPlan)
	on(e, Write, "Job.Validate", e.jobValidate)

	on(e, Read, "Job.List", e.jobList)
	on(e, Read, "Job.Get", e.jobGet)
	on(e, Read, "Job.Versions", e.jobVersions)
	on(e, Read, "Job.Summary", e.jobSummary)
	on(e, Read, "Job.Submission", e.jobSubmission)
	on(e, Read, "Job.Allocs", e.jobAllocs)
	on(e, Read, "Job.Evals", e.jobEvals)
	on(e, Read, "Job.Deployments", e.jobDeployments)
	on(e, Read, "Job.LatestDeployment", e.jobLatestDeployment)
	on(e, Read, "Job.ScaleStatus", e.jobScaleStatus)
	on(e, Read, "Job.Services", e.jobServices)
	on(e, Read, "Job.Actions", e.jobActions)
	on(e, Read, "Job.Statuses", e.jobStatuses)
}

// jobSourceBytesMax is how much of a job's source is kept with a version.
const jobSourceBytesMax = 1 << 20

// The bounds of an evaluation's own priority.
const (
	evalPriorityMin = 1
	evalPriorityMax = 100
)

func (e *Endpoints) jobRegister(ctx context.Context, req *query.JobRegister, reply *nl.JobRegisterResponse) error {
	if req.Job == nil {
		return nl.Errorf(nl.CodeInvalid, "missing job for registration")
	}
	job := req.Job.Copy() // the request stays as it is: it may be made again
	if p := req.EvalPriority; p != 0 && (p < evalPriorityMin || p > evalPriorityMax) {
		return nl.Errorf(nl.CodeInvalid, "eval priority must be between %d and %d", evalPriorityMin, evalPriorityMax)
	}
	s := e.snapshot()
	if e.rejects(s) {
		return nl.Errorf(nl.CodeDenied, "Job registration, dispatch, and scale are disabled by the scheduler configuration")
	}
	if req.Namespace != "" && req.Namespace != job.Namespace {
		return fmt.Errorf("mismatched request namespace in request: %q, %q", req.Namespace, job.Namespace)
	}
	old := s.Job(job.Namespace, job.ID)
	admit.Preserve(old, job, req.PreserveCounts, req.PreserveResources)
	warnings, err := e.admitJob(s, job)
	if err != nil {
		return err
	}
	if err := e.authorize(req.AuthToken, can(job.Namespace, "register-job", "submit-job")); err != nil {
		return err
	}
	if err := admit.CheckUpdate(old, job); err != nil {
		return err
	}
	admit.AssignPolicyIDs(old, job, e.cfg.NewID)
	source := req.Submission
	if sub := source; sub != nil && len(sub.Source) > jobSourceBytesMax {
		warnings = append(warnings, fmt.Sprintf("job source size of %s exceeds maximum of %s and will be discarded", bytesText(len(sub.Source)), bytesText(jobSourceBytesMax)))
		source = nil
	}
	if source == nil && old != nil {
		// The source of the version before is still the nearest there is.
		if sub := s.JobSubmission(old.Namespace, old.ID, old.Version); sub != nil {
			c := *sub
			source = &c
		}
	}
	job.SubmitTime = e.now()
	o := &op.RegisterJob{Job: job, Submission: source, EnforceIndex: req.EnforceIndex, JobModifyIndex: req.JobModifyIndex}
	if !job.IsPeriodic() && !job.IsParameterized() {
		o.Eval = e.jobEval(job, nl.TriggerJobRegister, req.EvalPriority)
	}
	reply.Warnings = admit.WarningText(warnings)
	return e.proposeJob(ctx, o, o.Eval, reply)
}

// rejects tells whether operators have stopped registrations. Whoever manages
// the cluster, which is everybody with ACLs off, may register all the same.
func (e *Endpoints) rejects(s *store.Snapshot) bool {
	return e.cfg.ACLEnabled && s.SchedulerConfig().RejectJobRegistration
}

// proposeJob commits an op that answers with *op.RegisterJobResult.
func (e *Endpoints) proposeJob(ctx context.Context, o op.Op, eval *nl.Eval, reply *nl.JobRegisterResponse) error {
	r, err := e.propose(ctx, o)
	if err != nil {
		return err
	}
	reply.Index = r.Index
	if v, ok := r.Value.(*op.RegisterJobResult); ok {
		reply.JobModifyIndex = v.JobModifyIndex
	}
	if eval != nil {
		reply.EvalID, reply.EvalCreateIndex = eval.ID, r.Index
	}
	return nil
}

// jobEval is a new evaluation of a job; priority 0 is the job's.
func (e *Endpoints) jobEval(job *nl.Job, trigger string, priority int) *nl.Eval {
	if priority == 0 {
		priority = job.Priority
	}
	now := e.now()
	return &nl.Eval{
		ID: e.cfg.NewID(), Namespace: job.Namespace, Priority: priority, Type: job.Type,
		TriggeredBy: trigger, JobID: job.ID, JobModifyIndex: job.JobModifyIndex,
		Status: nl.EvalStatusPending, CreateTime: now, ModifyTime: now,
	}
}

// admitJob fills in what servers fill in and refuses what they refuse.
func (e *Endpoints) admitJob(s *store.Snapshot, job *nl.Job) (warnings []string, err error) {
	if err := checkQuota(s, job.Namespace); err != nil {
		return nil, err
	}
	settings := e.admission(s, job)
	warnings = admit.Mutate(job, settings)
	more, err := admit.Validate(job, settings)
	if err != nil {
		return nil, err
	}
	return append(warnings, more...), nil
}

// admission is what a job is measured by in its namespace.
func (e *Endpoints) admission(s *store.Snapshot, job *nl.Job) admit.Settings {
	settings := e.cfg.Admission
	settings.MemoryOversubscription = s.SchedulerConfig().MemoryOversubscriptionEnabled
	if p := s.NodePool(job.NodePool); p != nil && p.SchedulerConfiguration != nil && p.SchedulerConfiguration.MemoryOversubscriptionEnabled != nil {
		settings.MemoryOversubscription = *p.SchedulerConfiguration.MemoryOversubscriptionEnabled
	}
	settings.Namespace = s.Namespace(job.Namespace)
	settings.NodePoolExists = func(name string) bool { return s.NodePool(name) != nil }
	return settings
}

// bytesText renders a size for people.
func bytesText(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f kB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}

func (e *Endpoints) jobValidate(_ context.Context, req *query.JobValidate, reply *nl.JobValidateResponse) error {
	if req.Job == nil {
		return nl.Errorf(nl.CodeInvalid, "Job must be specified")
	}
	job := req.Job.Copy()
	if err := e.authorize(req.AuthToken, can(job.Namespace, "read-job")); err != nil {
		return err
	}
	s := e.snapshot()
	settings := e.admission(s, job)
	warnings := admit.Mutate(job, settings)
	reply.DriverConfigValidated = true
	more, err := admit.Validate(job, settings)
	if err != nil {
		reply.Error = err.Error()
		reply.ValidationErrors = admit.Errors(err)
		reply.Problems = admit.Located(err)
	}
	reply.Warnings = admit.WarningText(append(warnings, more...))
	return nil
}

func (e *Endpoints) jobDeregister(ctx context.Context, req *query.JobDeregister, reply *nl.JobDeregisterResponse) error {
	ns := namespaceOf(req.Namespace)
	caps := []string{"submit-job", "deregister-job"}
	if req.Purge {
		caps = []string{"submit-job", "purge-job"}
	}
	if err := e.authorize(req.AuthToken, can(ns, caps...)); err != nil {
		return err
	}
	if req.ID == "" {
		return fmt.Errorf("missing job ID for deregistering")
	}
	job := e.snapshot().Job(ns, req.ID)
	if job == nil {
		return nil // nothing to stop, no index to tell
	}
	o := &op.DeregisterJob{Namespace: ns, ID: req.ID, Purge: req.Purge, NoShutdownDelay: req.NoShutdownDelay, SubmitTime: e.now()}
	if !job.IsPeriodic() && !job.IsParameterized() {
		o.Eval = e.jobEval(job, nl.TriggerJobDeregister, req.EvalPriority)
	}
	r, err := e.propose(ctx, o)
	if err != nil {
		return err
	}
	reply.Index, reply.JobModifyIndex = r.Index, r.Index
	if o.Eval != nil {
		reply.EvalID, reply.EvalCreateIndex = o.Eval.ID, r.Index
	}
	return nil
}

func (e *Endpoints) jobEvaluate(ctx context.Context, req *query.JobEvaluate, reply *nl.JobRegisterResponse) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "submit-job", "evaluate-job")); err != nil {
		return err
	}
	s := e.snapshot()
	job := s.Job(ns, req.ID)
	switch {
	case job == nil:
		return fmt.Errorf("job not found")
	case job.IsPeriodic():
		return fmt.Errorf("can't evaluate periodic job")
	case job.IsParameterized():
		return fmt.Errorf("can't evaluate parameterized job")
	}
	eval := e.jobEval(job, nl.TriggerJobRegister, 0)
	var o op.Op = &op.UpsertEvals{Evals: []*nl.Eval{eval}}
	if req.ForceReschedule {
		marks := map[string]*nl.DesiredTransition{}
		for a := range s.AllocsByJob(ns, req.ID) {
			if a.ClientStatus == nl.AllocClientFailed && a.NextAllocation() == "" && !a.TerminalDesired() {
				marks[a.ID] = &nl.DesiredTransition{ForceReschedule: nl.Yes}
			}
		}
		o = &op.TransitionAllocs{Transitions: marks, Evals: []*nl.Eval{eval}, Time: e.now()}
	}
	r, err := e.propose(ctx, o)
	if err != nil {
		return err
	}
	reply.EvalID, reply.EvalCreateIndex, reply.Index = eval.ID, r.Index, r.Index
	reply.JobModifyIndex = job.ModifyIndex
	return nil
}

func (e *Endpoints) jobRevert(ctx context.Context, req *query.JobRevert, reply *nl.JobRegisterResponse) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "submit-job", "revert-job")); err != nil {
		return err
	}
	s := e.snapshot()
	job := s.Job(ns, req.ID)
	if job == nil {
		return fmt.Errorf("job %q not found", req.ID)
	}
	if req.Version == job.Version {
		return fmt.Errorf("can't revert to current version")
	}
	if v := req.EnforcePriorVersion; v != nil && *v != job.Version {
		return fmt.Errorf("Current job has version %d; enforcing version %d", job.Version, *v)
	}
	to := s.JobVersion(ns, req.ID, req.Version)
	if to == nil {
		return fmt.Errorf("job %q in namespace %q at version %d not found", req.ID, ns, req.Version)
	}
	revert := to.Copy()
	revert.VersionTag, revert.Stop, revert.Stable = nil, false, false
	reg := &query.JobRegister{WriteOptions: req.WriteOptions, Job: revert,
		Submission: s.JobSubmission(ns, req.ID, req.Version), EnforceIndex: true, JobModifyIndex: job.JobModifyIndex}
	reg.WriteOptions.Namespace = ns
	if reg.Submission != nil {
		sub := *reg.Submission
		reg.Submission = &sub
	}
	return e.jobRegister(ctx, reg, reply)
}

func (e *Endpoints) jobStable(ctx context.Context, req *query.JobStable, reply *query.Written) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "submit-job", "stable-job")); err != nil {
		return err
	}
	if e.snapshot().JobVersion(ns, req.ID, req.Version) == nil {
		return fmt.Errorf("job %q version %d not found", req.ID, req.Version)
	}
	r, err := e.propose(ctx, &op.SetJobStability{Namespace: ns, ID: req.ID, Version: req.Version, Stable: req.Stable})
	reply.Index = r.Index
	return err
}

func (e *Endpoints) jobTag(ctx context.Context, req *query.JobTag, reply *query.JobTagReply) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "submit-job", "tag-job-version")); err != nil {
		return err
	}
	s := e.snapshot()
	o := &op.TagJobVersion{Namespace: ns, ID: req.ID, Name: req.Tag, Version: req.Version}
	var tagged *nl.Job
	for _, v := range s.JobVersions(ns, req.ID) {
		if v.VersionTag != nil && v.VersionTag.Name == req.Tag {
			tagged = v
		}
	}
	if req.Remove {
		if tagged == nil {
			return fmt.Errorf("tag %q not found on job %q", req.Tag, req.ID)
		}
		o.Version = tagged.Version
	} else {
		if req.Latest {
			if req.Version != 0 {
				return fmt.Errorf("version must be zero when tagging latest, got: %d", req.Version)
			}
			job := s.Job(ns, req.ID)
			if job == nil {
				return fmt.Errorf("job %q not found", req.ID)
			}
			o.Version = job.Version
		}
		if s.JobVersion(ns, req.ID, o.Version) == nil {
			return fmt.Errorf("job %q version %d not found", req.ID, o.Version)
		}
		if tagged != nil && tagged.Version != o.Version {
			return fmt.Errorf("tag %q already exists on a different version of job %q", req.Tag, req.ID)
		}
		o.Tag = &nl.JobVersionTag{Name: req.Tag, Description: req.Description, TaggedTime: e.now()}
		reply.Name, reply.Description, reply.TaggedTime = o.Tag.Name, o.Tag.Description, o.Tag.TaggedTime
	}
	r, err := e.propose(ctx, o)
	reply.Index = r.Index
	return err
}
