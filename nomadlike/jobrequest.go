package nomadlike

// JobRegisterRequest asks to register or update a job.
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

// JobRegisterResponse tells what became of a registration.
type JobRegisterResponse struct {
	EvalID          string
	EvalCreateIndex uint64
	JobModifyIndex  uint64
	Warnings        string
	QueryMeta
}

// JobDeregisterResponse tells what became of stopping a job.
type JobDeregisterResponse struct {
	EvalID          string
	EvalCreateIndex uint64
	JobModifyIndex  uint64
	VolumeEvalID    string
	VolumeEvalIndex uint64
	QueryMeta
}

// JobPlanRequest asks what a registration would change.
type JobPlanRequest struct {
	Job            *Job
	Diff           bool
	PolicyOverride bool
	Region         string `json:"Region,omitempty"`
	Namespace      string `json:"Namespace,omitempty"`
}

// JobPlanResponse tells what a registration would change.
type JobPlanResponse struct {
	// null if none
	NextPeriodicLaunch Time
	// NextPeriodicLaunches is the first few launches; left out if there are none
	NextPeriodicLaunches []Time `json:",omitempty"`

	// Explanation tells why, only where it was asked for
	Explanation *JobExplanation `json:",omitempty"`

	Annotations    *PlanAnnotations
	FailedTGAllocs map[string]*AllocMetric
	JobModifyIndex uint64
	CreatedEvals   []*Eval
	Diff           *JobDiff
	Warnings       string
	WriteMeta
}

// JobValidateResponse tells what is wrong with a job.
type JobValidateResponse struct {
	DriverConfigValidated bool
	ValidationErrors      []string
	Error                 string
	Warnings              string
	// Problems is what ValidationErrors says, each problem by itself and with
	// where it is; left out if there are none
	Problems []JobProblem `json:",omitempty"`
}

// JobProblem is one thing that is wrong with a job.
type JobProblem struct {
	// Path is the JSON pointer of the field in the job, as the servers complete
	// it; "" is the job. The field may be missing.
	Path string
	// Part is what people call the part of the job: group "web", task "api"
	Part string
	Text string
}
