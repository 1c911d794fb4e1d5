package nomadlike

import "time"

// Eval is what the HTTP API shows as Evaluation.
type Eval struct {
	LeaderACL string `json:"LeaderACL,omitempty,omitzero"`
	// pending|complete|failed|blocked|canceled
	Status string `json:"Status,omitempty,omitzero"`
	// ns
	Wait time.Duration `json:"Wait,omitempty,omitzero"`
	// only with related=true
	RelatedEvals []*EvalStub `json:"RelatedEvals,omitempty,omitzero"`
	// present after processing
	PlanAnnotations *PlanAnnotations `json:"PlanAnnotations,omitempty,omitzero"`
	// unix ns
	CreateTime int64 `json:"CreateTime,omitempty,omitzero"`
	// unix ns
	ModifyTime              int64                   `json:"ModifyTime,omitempty,omitzero"`
	ID                      string                  `json:"ID,omitempty,omitzero"`
	Namespace               string                  `json:"Namespace,omitempty,omitzero"`
	Priority                int                     `json:"Priority,omitempty,omitzero"`
	Type                    string                  `json:"Type,omitempty,omitzero"`
	TriggeredBy             string                  `json:"TriggeredBy,omitempty,omitzero"`
	JobID                   string                  `json:"JobID,omitempty,omitzero"`
	JobModifyIndex          uint64                  `json:"JobModifyIndex,omitempty,omitzero"`
	NodeID                  string                  `json:"NodeID,omitempty,omitzero"`
	NodeModifyIndex         uint64                  `json:"NodeModifyIndex,omitempty,omitzero"`
	DeploymentID            string                  `json:"DeploymentID,omitempty,omitzero"`
	StatusDescription       string                  `json:"StatusDescription,omitempty,omitzero"`
	WaitUntil               Time                    `json:"WaitUntil,omitempty,omitzero"`
	NextEval                string                  `json:"NextEval,omitempty,omitzero"`
	PreviousEval            string                  `json:"PreviousEval,omitempty,omitzero"`
	BlockedEval             string                  `json:"BlockedEval,omitempty,omitzero"`
	FailedTGAllocs          map[string]*AllocMetric `json:"FailedTGAllocs,omitempty,omitzero"`
	ClassEligibility        map[string]bool         `json:"ClassEligibility,omitempty,omitzero"`
	QuotaLimitReached       string                  `json:"QuotaLimitReached,omitempty,omitzero"`
	MissingNonNodeResources []string                `json:"MissingNonNodeResources,omitempty,omitzero"`
	// AwaitedJobs are jobs of the namespace whose new allocations may unblock the
	// evaluation, since a constraint wants them near; "*" is any
	AwaitedJobs          []string       `json:"AwaitedJobs,omitempty,omitzero"`
	EscapedComputedClass bool           `json:"EscapedComputedClass,omitempty,omitzero"`
	AnnotatePlan         bool           `json:"AnnotatePlan,omitempty,omitzero"`
	QueuedAllocations    map[string]int `json:"QueuedAllocations,omitempty,omitzero"`
	SnapshotIndex        uint64         `json:"SnapshotIndex,omitempty,omitzero"`
	CreateIndex          uint64         `json:"CreateIndex,omitempty,omitzero"`
	ModifyIndex          uint64         `json:"ModifyIndex,omitempty,omitzero"`
}

// EvalStub is what the HTTP API shows as EvaluationStub.
type EvalStub struct {
	ID                string
	Namespace         string
	Priority          int
	Type              string
	TriggeredBy       string
	JobID             string
	NodeID            string
	DeploymentID      string
	Status            string
	StatusDescription string
	WaitUntil         Time
	NextEval          string
	PreviousEval      string
	BlockedEval       string
	CreateIndex       uint64
	ModifyIndex       uint64
	CreateTime        int64
	ModifyTime        int64
}
