package nomadlike

import "time"

// Alloc (Answer of `/v1/allocation/:id` and node allocations. `Job` is the full job at that version. `Services` exists client-side only.)
type Alloc struct {
	// `job.group[n]`
	Name string `json:"Name,omitempty,omitzero"`
	// null/absent without deployment
	DeploymentStatus *AllocDeploymentStatus `json:"DeploymentStatus,omitempty,omitzero"`
	// key of the identities
	SigningKeyID string `json:"SigningKeyID,omitempty,omitzero"`
	// server-side changes only
	AllocModifyIndex uint64 `json:"AllocModifyIndex,omitempty,omitzero"`
	// unix ns
	CreateTime int64 `json:"CreateTime,omitempty,omitzero"`
	// unix ns
	ModifyTime int64  `json:"ModifyTime,omitempty,omitzero"`
	ID         string `json:"ID,omitempty,omitzero"`
	Namespace  string `json:"Namespace,omitempty,omitzero"`
	EvalID     string `json:"EvalID,omitempty,omitzero"`
	NodeID     string `json:"NodeID,omitempty,omitzero"`
	NodeName   string `json:"NodeName,omitempty,omitzero"`
	JobID      string `json:"JobID,omitempty,omitzero"`
	// Job is the version the allocation belongs to, shared by all of them. It is
	// never encoded with an allocation: log, snapshot and RPC carry JobVersion,
	// and whoever decodes attaches the job.
	Job        *Job   `json:"Job,omitempty,omitzero" cbor:"-"`
	JobVersion uint64 `json:"-" cbor:"JobVersion,omitempty"`

	TaskGroup          string              `json:"TaskGroup,omitempty,omitzero"`
	AllocatedResources *AllocatedResources `json:"AllocatedResources,omitempty,omitzero"`
	Metrics            *AllocMetric        `json:"Metrics,omitempty,omitzero"`
	DesiredStatus      string              `json:"DesiredStatus,omitempty,omitzero"`
	ClientStatus       string              `json:"ClientStatus,omitempty,omitzero"`
	ClientDescription  string              `json:"ClientDescription,omitempty,omitzero"`
	TaskStates         TaskStates          `json:"TaskStates,omitempty,omitzero"`
	DeploymentID       string              `json:"DeploymentID,omitempty,omitzero"`
	NetworkStatus      *AllocNetworkStatus `json:"NetworkStatus,omitempty,omitzero"`
	*AllocHistory

	CreateIndex uint64 `json:"CreateIndex,omitempty,omitzero"`
	ModifyIndex uint64 `json:"ModifyIndex,omitempty,omitzero"`
}

// AllocHistory is what has happened to an allocation or came of it. Most have
// none, so that it is kept apart: nil stands for the zero value. Allocations
// that are versions of each other share it, so that it is never changed: see
// Alloc.Amend. The methods of Alloc read it.
type AllocHistory struct {
	DesiredDescription    string             `json:"DesiredDescription,omitempty,omitzero"`
	DesiredTransition     DesiredTransition  `json:"DesiredTransition,omitempty,omitzero"`
	AllocStates           []*AllocState      `json:"AllocStates,omitempty,omitzero"`
	PreviousAllocation    string             `json:"PreviousAllocation,omitempty,omitzero"`
	NextAllocation        string             `json:"NextAllocation,omitempty,omitzero"`
	RescheduleTracker     *RescheduleTracker `json:"RescheduleTracker,omitempty,omitzero"`
	FollowupEvalID        string             `json:"FollowupEvalID,omitempty,omitzero"`
	PreemptedAllocations  []string           `json:"PreemptedAllocations,omitempty,omitzero"`
	PreemptedByAllocation string             `json:"PreemptedByAllocation,omitempty,omitzero"`
}

// noHistory is that of most allocations.
var noHistory AllocHistory

// History is that of the allocation, to be read only; never nil.
func (a *Alloc) History() *AllocHistory {
	if a.AllocHistory == nil {
		return &noHistory
	}
	return a.AllocHistory
}

// Amend gives the allocation a history of its own, to be changed until the
// allocation is shown to others.
func (a *Alloc) Amend() *AllocHistory {
	own := *a.History()
	a.AllocHistory = &own
	return &own
}

// DesiredDescription says why servers want what DesiredStatus is.
func (a *Alloc) DesiredDescription() string { return a.History().DesiredDescription }

// DesiredTransition is what servers want to happen to it next.
func (a *Alloc) DesiredTransition() DesiredTransition { return a.History().DesiredTransition }

// AllocStates are the changes of the client status that reconnecting is decided by, oldest first.
func (a *Alloc) AllocStates() []*AllocState { return a.History().AllocStates }

// PreviousAllocation is the ID of the allocation that it replaces, if any.
func (a *Alloc) PreviousAllocation() string { return a.History().PreviousAllocation }

// NextAllocation is the ID of the allocation that replaces it, if any.
func (a *Alloc) NextAllocation() string { return a.History().NextAllocation }

// RescheduleTracker tells how often it was placed anew before; nil: never.
func (a *Alloc) RescheduleTracker() *RescheduleTracker { return a.History().RescheduleTracker }

// FollowupEvalID is the evaluation that will decide about it later, if any.
func (a *Alloc) FollowupEvalID() string { return a.History().FollowupEvalID }

// PreemptedAllocations are the IDs of those that had to leave for it.
func (a *Alloc) PreemptedAllocations() []string { return a.History().PreemptedAllocations }

// PreemptedByAllocation is the ID of the allocation that it had to leave for, if any.
func (a *Alloc) PreemptedByAllocation() string { return a.History().PreemptedByAllocation }

// AllocStub is what the HTTP API shows as AllocListStub.
type AllocStub struct {
	// only with resources=true
	AllocatedResources *AllocatedResources `json:"AllocatedResources,omitempty,omitzero"`
	// null with task_states=false
	TaskStates map[string]*TaskState
	// unix ns
	CreateTime int64
	// unix ns
	ModifyTime            int64
	ID                    string
	EvalID                string
	Name                  string
	Namespace             string
	NodeID                string
	NodeName              string
	JobID                 string
	JobType               string
	JobVersion            uint64
	TaskGroup             string
	DesiredStatus         string
	DesiredDescription    string
	ClientStatus          string
	ClientDescription     string
	DesiredTransition     DesiredTransition
	DeploymentStatus      *AllocDeploymentStatus
	FollowupEvalID        string
	NextAllocation        string
	RescheduleTracker     *RescheduleTracker
	PreemptedAllocations  []string
	PreemptedByAllocation string
	CreateIndex           uint64
	ModifyIndex           uint64
}

// Stub is the allocation as lists show it, without resources and task states.
func (a *Alloc) Stub() *AllocStub {
	out := &AllocStub{
		ID: a.ID, EvalID: a.EvalID, Name: a.Name, Namespace: a.Namespace, NodeID: a.NodeID, NodeName: a.NodeName,
		JobID: a.JobID, JobVersion: a.JobVersion, TaskGroup: a.TaskGroup,
		DesiredStatus: a.DesiredStatus, DesiredDescription: a.DesiredDescription(), ClientStatus: a.ClientStatus,
		ClientDescription: a.ClientDescription, DesiredTransition: a.DesiredTransition(), DeploymentStatus: a.DeploymentStatus,
		FollowupEvalID: a.FollowupEvalID(), NextAllocation: a.NextAllocation(), RescheduleTracker: a.RescheduleTracker(),
		PreemptedAllocations: a.PreemptedAllocations(), PreemptedByAllocation: a.PreemptedByAllocation(),
		CreateIndex: a.CreateIndex, ModifyIndex: a.ModifyIndex, CreateTime: a.CreateTime, ModifyTime: a.ModifyTime,
	}
	if a.Job != nil {
		out.JobType = a.Job.Type
	}
	return out
}

// AllocDeploymentStatus is a noun of the HTTP API.
type AllocDeploymentStatus struct {
	Healthy     *bool  `cbor:"1,keyasint,omitzero"`
	Timestamp   Time   `cbor:"2,keyasint,omitzero"`
	Canary      bool   `cbor:"3,keyasint,omitzero"`
	ModifyIndex uint64 `cbor:"4,keyasint,omitzero"`
}

// AllocState is a noun of the HTTP API.
type AllocState struct {
	Field string
	Value string
	Time  Time
}

// AllocNetworkStatus is a noun of the HTTP API.
type AllocNetworkStatus struct {
	InterfaceName string     `cbor:"1,keyasint,omitzero"`
	Address       string     `cbor:"2,keyasint,omitzero"`
	AddressIPv6   string     `cbor:"3,keyasint,omitzero"`
	DNS           *DNSConfig `cbor:"4,keyasint,omitzero"`
}

// DesiredTransition is a noun of the HTTP API.
type DesiredTransition struct {
	Migrate                 Flag
	Reschedule              Flag
	ForceReschedule         Flag
	NoShutdownDelay         Flag
	MigrateDisablePlacement Flag
	// StartFirst makes Migrate wait: the allocation stops once its replacement
	// is healthy.
	StartFirst Flag `json:",omitzero"`
}

// Migrates tells whether the allocation is to leave its node.
func (d DesiredTransition) Migrates() bool { return d.Migrate == Yes }

// Waits tells whether the allocation stays until its replacement is healthy.
func (d DesiredTransition) Waits() bool { return d.Migrates() && d.StartFirst == Yes }

// RescheduleTracker is a noun of the HTTP API.
type RescheduleTracker struct {
	Events         []*RescheduleEvent
	LastReschedule string
}

// RescheduleEvent is a noun of the HTTP API.
type RescheduleEvent struct {
	// unix ns
	RescheduleTime int64
	PrevAllocID    string
	PrevNodeID     string
	Delay          time.Duration
}
