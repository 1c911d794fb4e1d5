package nomadlike

// ScalingPolicy bounds what may be scaled, and by which rules it is.
type ScalingPolicy struct {
	// UUID, stable
	ID string
	// default `horizontal`
	Type string
	// {Namespace, Job, Group[, Task]}
	Target map[string]string
	// default Count
	Min int
	// required (>= Min)
	Max int
	// default true
	Enabled     bool
	Policy      Opaque
	CreateIndex uint64
	ModifyIndex uint64
}

// ScalingRequest asks for another count, or records why there is none.
type ScalingRequest struct {
	Count          *int
	Target         map[string]string
	Message        string
	Error          bool
	Meta           map[string]any
	Region         string `json:"Region,omitempty"`
	Namespace      string `json:"Namespace,omitempty"`
	PolicyOverride bool
	JobModifyIndex uint64
}

// JobScaleStatus is what an autoscaler needs to know of a job.
type JobScaleStatus struct {
	JobID          string
	Namespace      string
	JobCreateIndex uint64
	JobModifyIndex uint64
	JobStopped     bool
	TaskGroups     map[string]*GroupScaleStatus
}

// GroupScaleStatus is what an autoscaler needs to know of a group; the API
// calls it TaskGroupScaleStatus.
type GroupScaleStatus struct {
	Desired   int
	Placed    int
	Running   int
	Healthy   int
	Unhealthy int
	Events    []*ScalingEvent
}

// ScalingEvent is a decision about a group's count.
type ScalingEvent struct {
	// unix ns
	Time          int64
	Count         *int
	PreviousCount int
	Message       string
	Error         bool
	Meta          map[string]any
	EvalID        *string
	CreateIndex   uint64
}

// ScalingPolicyStub is a scaling policy in a list; the API calls it
// ScalingPolicyListStub.
type ScalingPolicyStub struct {
	ID          string
	Enabled     bool
	Type        string
	Target      map[string]string
	CreateIndex uint64
	ModifyIndex uint64
}
