package nomadlike

// Plan is what the scheduler wants to change for one evaluation. The applier
// verifies it against the newest state, drops what no longer fits, node by
// node, and commits the rest in one log entry.
type Plan struct {
	EvalID    string
	EvalToken string // delivery token of the broker: a stale worker's plan is refused
	Priority  int
	AllAtOnce bool // nothing is committed unless everything fits
	// Gangs name groups of Job whose new allocations belong together: either all
	// of a gang are committed or none.
	Gangs [][]string

	SnapshotIndex uint64 // state the plan was decided on

	// Job is the version new allocations belong to; nil when the job is gone.
	Job *Job

	// Place holds new allocations, and existing ones (same ID) that are updated
	// in place or otherwise rewritten by the server.
	Place []*Alloc
	// Stop ends existing allocations.
	Stop []AllocStop
	// Preempt evicts allocations of other jobs.
	Preempt []AllocPreemption

	Deployment        *Deployment // created or replaced; nil when unchanged
	DeploymentUpdates []DeploymentStatusUpdate
	Annotations       *PlanAnnotations

	// QuotaExceeded is set by verification: the plan would use more than the
	// quota of its namespace allows, and nothing of it was accepted.
	QuotaExceeded []string

	// Evals are written with the plan, and only if nothing of it was rejected:
	// the evaluation itself in its final form and the ones that follow from it
	// (blocked, delayed, for preempted jobs).
	Evals []*Eval
}

// AllocStop ends one allocation.
type AllocStop struct {
	AllocID        string
	NodeID         string
	Description    string // becomes DesiredDescription
	ClientStatus   string // "" keeps it; "lost" or "unknown" when the node is gone
	FollowupEvalID string // evaluation that will replace it later, or ""
	// Desired is the new DesiredStatus; "" is "stop". Allocations that become
	// unknown keep "run".
	Desired string
	// Tracker replaces the reschedule tracker when not nil.
	Tracker *RescheduleTracker
}

// AllocPreemption evicts one allocation in favour of another.
type AllocPreemption struct {
	AllocID string
	NodeID  string
	ByAlloc string
}

// DeploymentStatusUpdate changes the status of one deployment.
type DeploymentStatusUpdate struct {
	DeploymentID      string
	Status            string
	StatusDescription string
	UpdatedAt         int64 // unix ns
}

// PlanResult is what became of a plan.
type PlanResult struct {
	Index         uint64   // of the commit; 0 when nothing was left to commit
	RejectedNodes []string // nodes that had no room for their part; none when a quota, a volume or the end of the job forbade it
	RefreshIndex  uint64   // reschedule the rest on a snapshot at least this new; 0 when nothing was dropped
}

// Full tells whether the whole plan was committed.
func (r *PlanResult) Full() bool { return r.RefreshIndex == 0 }

// AllocUpdate is what a node tells about one of its allocations.
type AllocUpdate struct {
	ID                string                 `cbor:"1,keyasint,omitzero"`
	ClientStatus      string                 `cbor:"2,keyasint,omitzero"`
	ClientDescription string                 `cbor:"3,keyasint,omitzero"`
	TaskStates        TaskStates             `cbor:"4,keyasint,omitzero"`
	DeploymentStatus  *AllocDeploymentStatus `cbor:"5,keyasint,omitzero"` // nil leaves it
	NetworkStatus     *AllocNetworkStatus    `cbor:"6,keyasint,omitzero"` // nil leaves it

	// Place is where the state of this server has the allocation, which spares
	// looking for it again; 0 is not known. It never leaves the process, and is
	// not believed.
	Place uint64 `cbor:"-"`
}

// PlanAnnotations say what a plan would change.
type PlanAnnotations struct {
	DesiredTGUpdates map[string]*DesiredUpdates
	PreemptedAllocs  []*AllocStub
}

// DesiredUpdates counts the changes to one group, by kind.
type DesiredUpdates struct {
	Ignore            uint64
	Place             uint64
	Migrate           uint64
	Stop              uint64
	InPlaceUpdate     uint64
	DestructiveUpdate uint64
	Canary            uint64
	Preemptions       uint64
	Disconnect        uint64
	Reconnect         uint64
	RescheduleNow     uint64
	RescheduleLater   uint64
}
