package nomadlike

// JobRegisterRequest is a noun of the HTTP API.
type JobRegisterRequest struct {
	Submission        *JobSubmission
	Job               *Job
	EnforceIndex      bool   `json:"EnforceIndex,omitempty,omitzero"`
	JobModifyIndex    uint64 `json:"JobModifyIndex,omitempty,omitzero"`
	PolicyOverride    bool   `json:"PolicyOverride,omitempty,omitzero"`
	PreserveCounts    bool   `json:"PreserveCounts,omitempty,omitzero"`
	PreserveResources bool   `json:"PreserveResources,omitempty,omitzero"`
	EvalPriority      int    `json:"EvalPriority,omitempty,omitzero"`
	Region            string `json:"Region,omitempty"`
	Namespace         string `json:"Namespace,omitempty"`
}

// JobRegisterResponse is a noun of the HTTP API.
type JobRegisterResponse struct {
	EvalID          string
	EvalCreateIndex uint64
	JobModifyIndex  uint64
	Warnings        string
	QueryMeta
}

// JobDeregisterResponse is a noun of the HTTP API.
type JobDeregisterResponse struct {
	EvalID          string
	EvalCreateIndex uint64
	JobModifyIndex  uint64
	VolumeEvalID    string
	VolumeEvalIndex uint64
	QueryMeta
}

// JobPlanRequest is a noun of the HTTP API.
type JobPlanRequest struct {
	Job            *Job
	Diff           bool
	PolicyOverride bool
	Region         string `json:"Region,omitempty"`
	Namespace      string `json:"Namespace,omitempty"`
}

// JobPlanResponse is a noun of the HTTP API.
type JobPlanResponse struct {
	// null if none
	NextPeriodicLaunch Time
	Annotations        *PlanAnnotations
	FailedTGAllocs     map[string]*AllocMetric
	JobModifyIndex     uint64
	CreatedEvals       []*Eval
	Diff               *JobDiff
	Warnings           string
	WriteMeta
}

// JobValidateResponse is a noun of the HTTP API.
type JobValidateResponse struct {
	DriverConfigValidated bool
	ValidationErrors      []string
	Error                 string
	Warnings              string
}
