package nomadlike

import "time"

// Deployment is a noun of the HTTP API.
type Deployment struct {
	// false in community
	IsMultiregion bool
	// per group state
	TaskGroups map[string]*DeploymentState
	// behaviour 7
	Status string
	// unix ns
	CreateTime int64
	// unix ns
	ModifyTime         int64
	ID                 string
	Namespace          string
	JobID              string
	JobVersion         uint64
	JobModifyIndex     uint64
	JobSpecModifyIndex uint64
	JobCreateIndex     uint64
	StatusDescription  string
	EvalPriority       int
	CreateIndex        uint64
	ModifyIndex        uint64
}

// DeploymentState is a noun of the HTTP API.
type DeploymentState struct {
	// null until first progress
	RequireProgressBy Time
	// alloc ids
	PlacedCanaries   []string
	AutoRevert       bool
	AutoPromote      bool
	ProgressDeadline time.Duration
	Promoted         bool
	DesiredCanaries  int
	DesiredTotal     int
	PlacedAllocs     int
	HealthyAllocs    int
	UnhealthyAllocs  int
}

// DeploymentUpdateResponse is a noun of the HTTP API.
type DeploymentUpdateResponse struct {
	EvalID                string
	EvalCreateIndex       uint64
	DeploymentModifyIndex uint64
	RevertedJobVersion    *uint64
	WriteMeta
}
