package nomadlike

import "time"

// Job is one version of a job: what its author asked for, filled up with what
// admission adds, and what the servers keep about it.
type Job struct {
	// true after deregister
	Stop bool
	// default `global` -> agent region
	Region string
	// default `default`
	Namespace string
	// required; no spaces or NUL; unique per namespace+region
	ID string
	// parent of dispatched/periodic child
	ParentID string
	// default = ID
	Name string
	// default `service`; service|batch|system|sysbatch
	Type string
	// default 50 (server `job_default_priority`)
	Priority int
	// default false
	AllAtOnce bool
	// default false; service and batch only. What an evaluation places of all
	// groups is placed together or not at all
	AllOrNothing bool `json:"AllOrNothing,omitempty,omitzero"`
	// default `["*"]`; globs allowed
	Datacenters []string
	// default `default`
	NodePool string
	// always an object; only MaxParallel and Stagger are carried at job level (service/system default 1 and 30 s, other members zero; batch/sysbatch all zero). Effective values are in the groups
	Update UpdateStrategy
	// nil runs the job in one region
	Multiregion *Multiregion
	// batch/sysbatch only
	Periodic *Periodic
	// batch/sysbatch only
	ParameterizedJob *Parameterized
	// read-only
	Dispatched bool
	// dispatch payload, uncompressed in answers; refused on register
	Payload []byte
	// server managed
	ConsulNamespace string
	// server managed
	VaultNamespace string
	// accessor of submitter
	NomadTokenID string
	// pending|running|dead
	Status string
	// its deployment succeeded, or someone said so
	Stable bool
	// 0-based
	Version uint64
	// unix ns
	SubmitTime int64
	// description <= 1000 chars
	UI *JobUIConfig
	// only on tagged versions
	VersionTag               *JobVersionTag
	Constraints              []*Constraint
	Affinities               []*Affinity
	Spreads                  []*Spread
	TaskGroups               []*Group
	DispatchIdempotencyToken string
	Meta                     map[string]string
	StatusDescription        string
	CreateIndex              uint64
	ModifyIndex              uint64
	JobModifyIndex           uint64
}

// UpdateStrategy is how a group is rolled from one version to the next.
type UpdateStrategy struct {
	// default 30 s
	Stagger time.Duration
	// default 1; 0 disables deployments
	MaxParallel int
	// default `checks`; checks|task_states|manual
	HealthCheck string
	// default 10 s
	MinHealthyTime time.Duration
	// default 5 m; must exceed MinHealthyTime
	HealthyDeadline time.Duration
	// default 10 m; 0 or > HealthyDeadline
	ProgressDeadline time.Duration
	// default false
	AutoRevert bool
	// default false; needs Canary > 0
	AutoPromote bool
	// default 0
	Canary int
}

// Periodic launches children of a batch job by the clock; the API calls it
// PeriodicConfig.
type Periodic struct {
	// default true
	Enabled bool
	// legacy single
	Spec string
	// list form
	Specs []string
	// default `cron`
	SpecType string
	// default false
	ProhibitOverlap bool
	// default `UTC`
	TimeZone string
}

// Parameterized makes a batch job a template whose children are dispatched; the
// API calls it ParameterizedJobConfig.
type Parameterized struct {
	// default `optional`; optional|required|forbidden
	Payload      string
	MetaRequired []string
	MetaOptional []string
}

// Multiregion runs a job in several regions.
type Multiregion struct {
	Strategy *MultiregionStrategy
	Regions  []*MultiregionRegion
}

// MultiregionStrategy is how a multi-region job is rolled out.
type MultiregionStrategy struct {
	MaxParallel int
	OnFailure   string
}

// MultiregionRegion is what differs in one region of a multi-region job.
type MultiregionRegion struct {
	Name        string
	Count       int
	Datacenters []string
	NodePool    string
	Meta        map[string]string
}

// JobUIConfig is what the console shows beside a job.
type JobUIConfig struct {
	Description string
	Links       []*JobUILink
}

// JobUILink is a link the console shows beside a job.
type JobUILink struct {
	Label string
	Url   string
}

// JobVersionTag names a version of a job and keeps it from being forgotten.
type JobVersionTag struct {
	// <= 1000 chars
	Description string
	// unix ns
	TaggedTime int64
	Name       string
}

// JobDispatchResponse tells which child a dispatch made.
type JobDispatchResponse struct {
	DispatchedJobID string
	EvalID          string
	EvalCreateIndex uint64
	JobCreateIndex  uint64
	WriteMeta
}

// JobStub is a job in a list; the API calls it JobListStub.
type JobStub struct {
	// bool here
	Periodic bool
	// bool here
	ParameterizedJob bool
	// always an object
	JobSummary *JobSummary
	// unix ns
	SubmitTime int64
	// only with meta=true
	Meta              map[string]string `json:"Meta,omitempty,omitzero"`
	ID                string
	ParentID          string
	Name              string
	Namespace         string `json:"Namespace,omitempty,omitzero"`
	Datacenters       []string
	NodePool          string
	Multiregion       *Multiregion
	Type              string
	Priority          int
	Stop              bool
	Status            string
	StatusDescription string
	CreateIndex       uint64
	ModifyIndex       uint64
	JobModifyIndex    uint64
}

// JobSummary counts the allocations of a job by group and status.
type JobSummary struct {
	JobID       string
	Namespace   string
	Summary     map[string]*GroupSummary
	Children    *JobChildrenSummary
	CreateIndex uint64
	ModifyIndex uint64
}

// GroupSummary counts the allocations of one group; the API calls it
// TaskGroupSummary.
type GroupSummary struct {
	Queued   int
	Complete int
	Failed   int
	Running  int
	Starting int
	Lost     int
	Unknown  int
}

// JobChildrenSummary counts the children of a periodic or parameterized job.
type JobChildrenSummary struct {
	Pending int
	Running int
	Dead    int
}

// JobSubmission is the source a version of a job was made from.
type JobSubmission struct {
	// hcl2|json|hcl1
	Format string
	// URL-escaped newlines on input, unescaped on output
	VariableFlags map[string]string
	// HCL var file text
	Variables      string
	Source         string
	Namespace      string
	JobID          string
	Version        uint64
	JobModifyIndex uint64
}

// JobStatusesJob is a job with the state of its allocations, for overviews.
type JobStatusesJob struct {
	ID               string
	Namespace        string
	Name             string
	Type             string
	NodePool         string
	Datacenters      []string
	Priority         int
	Version          uint64
	SubmitTime       int64
	ModifyIndex      uint64
	Allocs           []*JobStatusesAlloc
	GroupCountSum    int
	ChildStatuses    []string
	ParentID         string
	LatestDeployment *JobStatusesLatestDeployment
	Stop             bool
	IsPack           bool
	Status           string
}

// JobStatusesAlloc is an allocation in an overview.
type JobStatusesAlloc struct {
	ID               string
	Group            string
	ClientStatus     string
	NodeID           string
	DeploymentStatus JobStatusesDeployment
	JobVersion       uint64
	FollowupEvalID   string
	HasPausedTask    bool
}

// JobStatusesDeployment is what an overview tells of an allocation's part in a
// deployment.
type JobStatusesDeployment struct {
	Canary  bool
	Healthy *bool
}

// JobStatusesLatestDeployment is what an overview tells of a job's newest
// deployment.
type JobStatusesLatestDeployment struct {
	ID                string
	IsActive          bool
	JobVersion        uint64
	Status            string
	StatusDescription string
	AllAutoPromote    bool
	RequiresPromotion bool
}

// JobAction is a command that can be run in a task of a job.
type JobAction struct {
	Name          string
	Command       string
	Args          []string
	TaskName      string
	TaskGroupName string
}
