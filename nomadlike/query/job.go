package query

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// JobRegister registers a decoded, canonical job. Method Job.Register, reply
// nl.JobRegisterResponse.
type JobRegister struct {
	nl.WriteOptions
	Job               *nl.Job
	Submission        *nl.JobSubmission
	EnforceIndex      bool
	JobModifyIndex    uint64
	PolicyOverride    bool
	PreserveCounts    bool
	PreserveResources bool
	EvalPriority      int
}

// JobPlan asks what registering a job would change. Method Job.Plan, reply
// nl.JobPlanResponse.
type JobPlan struct {
	nl.WriteOptions
	Job            *nl.Job
	Diff           bool
	PolicyOverride bool
	Explain        bool // the reply explains every group
}

// JobValidate checks a job without registering it. Method Job.Validate, reply
// nl.JobValidateResponse.
type JobValidate struct {
	nl.WriteOptions
	Job *nl.Job
}

// JobDeregister stops or purges a job. Method Job.Deregister, reply
// nl.JobDeregisterResponse.
type JobDeregister struct {
	nl.WriteOptions
	ID              string
	Purge           bool
	NoShutdownDelay bool
	EvalPriority    int
}

// JobEvaluate makes an evaluation of a job. Method Job.Evaluate, reply
// nl.JobRegisterResponse.
type JobEvaluate struct {
	nl.WriteOptions
	ID              string
	ForceReschedule bool
}

// JobRevert registers an earlier version again. Method Job.Revert, reply
// nl.JobRegisterResponse.
type JobRevert struct {
	nl.WriteOptions
	ID                  string
	Version             uint64
	EnforcePriorVersion *uint64
}

// JobStable marks a version as stable or not. Method Job.Stable, reply Written.
type JobStable struct {
	nl.WriteOptions
	ID      string
	Version uint64
	Stable  bool
}

// JobTag tags a version; with Remove it takes the tag away. Method Job.Tag,
// reply JobTagReply.
type JobTag struct {
	nl.WriteOptions
	ID          string
	Tag         string
	Description string
	Version     uint64
	Latest      bool
	Remove      bool
}

// JobTagReply answers JobTag.
type JobTagReply struct {
	Name        string
	Description string
	TaggedTime  int64
	nl.QueryMeta
}

// JobDispatch makes a child of a parameterized job. Method Job.Dispatch, reply
// nl.JobDispatchResponse.
type JobDispatch struct {
	nl.WriteOptions
	ID               string
	Payload          []byte
	Meta             map[string]string
	IDPrefixTemplate string
	Priority         int
	IdempotencyToken string
}

// JobPeriodicForce launches a periodic job now. Method Job.PeriodicForce,
// reply EvalCreated.
type JobPeriodicForce struct {
	nl.WriteOptions
	ID string
}

// EvalCreated tells which evaluation a write made.
type EvalCreated struct {
	EvalID          string
	EvalCreateIndex uint64
	nl.WriteMeta
}

// JobScale scales a group or records a scaling event. Method Job.Scale, reply
// nl.JobRegisterResponse.
type JobScale struct {
	nl.WriteOptions
	ID             string
	Group          string
	Count          *int
	Message        string
	Error          bool
	Meta           map[string]any
	PolicyOverride bool
	JobModifyIndex uint64
	EnforceIndex   bool
}

// JobGet names one job: the request of every read of one job. Methods Job.Get
// (JobReply), Job.Versions, Job.Summary (JobSummaryReply), Job.Allocs
// (AllocStubs), Job.Evals (Evals), Job.Deployments (Deployments),
// Job.LatestDeployment (DeploymentReply), Job.ScaleStatus (JobScaleReply),
// Job.Submission (SubmissionReply), Job.Services (ServicesReply), Job.Actions.
type JobGet struct {
	nl.QueryOptions
	ID      string
	All     bool   // also what belongs to earlier incarnations of the job
	Version uint64 // of the submission
	Diffs   bool
	// DiffVersion and DiffTag choose what versions are compared with; nil and
	// "" compare each with the one before it.
	DiffVersion *uint64
	DiffTag     string
}

// JobReply answers Job.Get; Job is nil when there is none.
type JobReply struct {
	Job *nl.Job
	nl.QueryMeta
}

// JobVersionsReply answers Job.Versions, newest first.
type JobVersionsReply struct {
	Versions []*nl.Job
	Diffs    []*nl.JobDiff
	nl.QueryMeta
}

// JobSummaryReply answers Job.Summary.
type JobSummaryReply struct {
	Summary *nl.JobSummary
	nl.QueryMeta
}

// SubmissionReply answers Job.Submission.
type SubmissionReply struct {
	Submission *nl.JobSubmission
	nl.QueryMeta
}

// JobScaleReply answers Job.ScaleStatus.
type JobScaleReply struct {
	Status *nl.JobScaleStatus
	nl.QueryMeta
}

// JobActionsReply answers Job.Actions.
type JobActionsReply struct {
	Actions []*nl.JobAction
	nl.QueryMeta
}

// JobList lists jobs. Method Job.List, reply JobStubs.
type JobList struct {
	nl.QueryOptions
	Meta     bool   // with the jobs' meta
	NodePool string // only jobs of that pool; "" is all
}

// JobStubs answers JobList.
type JobStubs struct {
	Jobs []*nl.JobStub
	nl.QueryMeta
}

// JobStatuses asks for the state of jobs at a glance. Method Job.Statuses,
// reply JobStatusesReply.
type JobStatuses struct {
	nl.QueryOptions
	Jobs            []JobName // empty: all
	IncludeChildren bool
}

// JobName names a job.
type JobName struct{ ID, Namespace string }

// JobStatusesReply answers JobStatuses.
type JobStatusesReply struct {
	Jobs []*nl.JobStatusesJob
	nl.QueryMeta
}

// Evals answers reads of evaluations.
type Evals struct {
	Evals []*nl.Eval
	nl.QueryMeta
}

// Deployments answers reads of deployments.
type Deployments struct {
	Deployments []*nl.Deployment
	nl.QueryMeta
}

// DeploymentReply answers reads of one deployment; nil when there is none.
type DeploymentReply struct {
	Deployment *nl.Deployment
	nl.QueryMeta
}

// AllocStubs answers reads of allocation lists.
type AllocStubs struct {
	Allocs []*nl.AllocStub
	nl.QueryMeta
}

// ServicesReply answers reads of service instances.
type ServicesReply struct {
	Services []*nl.ServiceRegistration
	nl.QueryMeta
}
