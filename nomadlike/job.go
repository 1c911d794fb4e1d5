package nomadlike

import "time"

// Job (Request-only extras accepted: `Reschedule`, `Migrate` (merged into every group that lacks its own), `Update` (merged into groups).)
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
	// default `["*"]`; globs allowed
	Datacenters []string
	// default `default`
	NodePool string
	// always an object; only MaxParallel and Stagger are carried at job level (service/system default 1 and 30 s, other members zero; batch/sysbatch all zero). Effective values are in the groups
	Update UpdateStrategy
	// enterprise upstream
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
	// see behaviour 1.3
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

// UpdateStrategy is a noun of the HTTP API.
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

// Periodic is what the HTTP API shows as PeriodicConfig.
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

// Parameterized is what the HTTP API shows as ParameterizedJobConfig.
type Parameterized struct {
	// default `optional`; optional|required|forbidden
	Payload      string
	MetaRequired []string
	MetaOptional []string
}

// Multiregion is a noun of the HTTP API.
type Multiregion struct {
	Strategy *MultiregionStrategy
	Regions  []*MultiregionRegion
}

// MultiregionStrategy is a noun of the HTTP API.
type MultiregionStrategy struct {
	MaxParallel int
	OnFailure   string
}

// MultiregionRegion is a noun of the HTTP API.
type MultiregionRegion struct {
	Name        string
	Count       int
	Datacenters []string
	NodePool    string
	Meta        map[string]string
}

// JobUIConfig is a noun of the HTTP API.
type JobUIConfig struct {
	Description string
	Links       []*JobUILink
}

// JobUILink is a noun of the HTTP API.
type JobUILink struct {
	Label string
	Url   string
}

// JobVersionTag is a noun of the HTTP API.
type JobVersionTag struct {
	// <= 1000 chars
	Description string
	// unix ns
	TaggedTime int64
	Name       string
}

// JobDispatchResponse is a noun of the HTTP API.
type JobDispatchResponse struct {
	DispatchedJobID string
	EvalID          string
	EvalCreateIndex uint64
	JobCreateIndex  uint64
	WriteMeta
}

// JobStub is what the HTTP API shows as JobListStub.
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

// JobSummary is a noun of the HTTP API.
type JobSummary struct {
	JobID       string
	Namespace   string
	Summary     map[string]*GroupSummary
	Children    *JobChildrenSummary
	CreateIndex uint64
	ModifyIndex uint64
}

// GroupSummary is what the HTTP API shows as TaskGroupSummary.
type GroupSummary struct {
	Queued   int
	Complete int
	Failed   int
	Running  int
	Starting int
	Lost     int
	Unknown  int
}

// JobChildrenSummary is a noun of the HTTP API.
type JobChildrenSummary struct {
	Pending int
	Running int
	Dead    int
}

// JobSubmission is a noun of the HTTP API.
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

// JobStatusesJob is a noun of the HTTP API.
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

// JobStatusesAlloc is a noun of the HTTP API.
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

// JobStatusesDeployment is a noun of the HTTP API.
type JobStatusesDeployment struct {
	Canary  bool
	Healthy *bool
}

// JobStatusesLatestDeployment is a noun of the HTTP API.
type JobStatusesLatestDeployment struct {
	ID                string
	IsActive          bool
	JobVersion        uint64
	Status            string
	StatusDescription string
	AllAutoPromote    bool
	RequiresPromotion bool
}

// JobAction is a noun of the HTTP API.
type JobAction struct {
	Name          string
	Command       string
	Args          []string
	TaskName      string
	TaskGroupName string
}
