// Package op holds every write: one struct for one intent, which becomes one
// entry of the log. Servers propose ops after authorising and admitting them;
// the store applies them. Times and IDs are stamped before proposing: nothing
// in an op is computed from a clock or from randomness when it is applied.
package op

import (
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Kind names an op in the log and in events. Kinds are never renumbered.
type Kind uint8

// Op is a write.
type Op interface{ Kind() Kind }

// RegisterJob creates or changes a job and, unless Eval is nil (periodic and
// parameterized jobs), creates its evaluation in the same step. A job equal to
// the stored one makes no new version, only the evaluation. The index rules
// are those of the HTTP API (EnforceIndex).
// Result: *RegisterJobResult.
type RegisterJob struct {
	Job            *nl.Job
	Eval           *nl.Eval
	Submission     *nl.JobSubmission
	EnforceIndex   bool
	JobModifyIndex uint64
	// KeepVersion is how many untagged versions to track, 0 is 6.
	KeepVersions int
	// PeriodicLaunch, when not 0, is recorded as the parent's last launch, unix ns.
	PeriodicLaunch int64
	// IdempotencyToken of a dispatch: when a child of the same parent carries
	// it already, nothing is written and that child is the result.
	IdempotencyToken string
}

// RegisterJobResult tells what RegisterJob wrote.
type RegisterJobResult struct {
	JobModifyIndex uint64
	Version        uint64
	// ExistingChild is the ID of the child that had the idempotency token.
	ExistingChild            string
	ExistingChildCreateIndex uint64
}

// DeregisterJob stops a job, or removes it with all that belongs to it.
type DeregisterJob struct {
	Namespace, ID   string
	Purge           bool
	NoShutdownDelay bool
	SubmitTime      int64
	Eval            *nl.Eval // nil for periodic and parameterized jobs
}

// ScaleJob changes a group's count (nil: only records the event).
// Result: *RegisterJobResult.
type ScaleJob struct {
	Namespace, ID, Group string
	Count                *int
	SubmitTime           int64
	Event                *nl.ScalingEvent
	Eval                 *nl.Eval
	EnforceIndex         bool
	JobModifyIndex       uint64
}

// SetJobStability marks a version as stable or not.
type SetJobStability struct {
	Namespace, ID string
	Version       uint64
	Stable        bool
}

// TagJobVersion tags a version, or with a nil Tag removes the tag Name.
type TagJobVersion struct {
	Namespace, ID string
	Version       uint64
	Name          string
	Tag           *nl.JobVersionTag
}

// RecordPeriodicLaunch remembers when a periodic job last launched.
type RecordPeriodicLaunch struct {
	Namespace, ID string
	Launch        int64 // unix ns
}

// UpsertEvals creates or replaces evaluations.
type UpsertEvals struct{ Evals []*nl.Eval }

// ApplyPlans commits verified plans. Build with store.PlanDelta.
type ApplyPlans struct{ Plans []*PlanDelta }

// UpdateAllocs takes what nodes tell about their allocations, and the
// evaluations that follow from it.
type UpdateAllocs struct {
	NodeID  string
	Updates []*nl.AllocUpdate
	Evals   []*nl.Eval
	Time    int64 // unix ns
}

// TransitionAllocs marks allocations for the scheduler to act on.
type TransitionAllocs struct {
	Transitions map[string]*nl.DesiredTransition // by allocation ID
	Evals       []*nl.Eval
	Time        int64 // unix ns
}

// RegisterNode creates or updates a node; server-managed fields (status of the
// drain, eligibility, events, indexes) are kept.
type RegisterNode struct {
	Node  *nl.Node
	Time  int64 // unix ns
	Evals []*nl.Eval
	// Seen is the index of the state that Evals were made from: jobs that have
	// come to the node since get evaluations of their own. 0: Evals are all.
	Seen uint64
	// NodePool, when not nil, is created with the node.
	NodePool *nl.NodePool
}

// SetNodeStatus changes the status of a node.
type SetNodeStatus struct {
	NodeID      string
	Status      string
	Description string
	Time        int64 // unix ns
	Event       *nl.NodeEvent
	Evals       []*nl.Eval
	Seen        uint64 // as that of RegisterNode
}

// SetNodeDrain sets (Strategy) or ends (nil) the drain of a node. With Over it
// ends one because nothing was left on the node at that index, and is passed
// over when something came back since: a node may tell that what was given up
// runs still.
type SetNodeDrain struct {
	NodeID       string
	Strategy     *nl.DrainStrategy
	MarkEligible bool
	LastDrain    *nl.DrainMetadata
	Event        *nl.NodeEvent
	Evals        []*nl.Eval
	Seen         uint64 // as that of RegisterNode
	Over         uint64
	Time         int64
}

// SetNodeEligibility changes the eligibility of a node.
type SetNodeEligibility struct {
	NodeID      string
	Eligibility string
	Event       *nl.NodeEvent
	Evals       []*nl.Eval
	Seen        uint64 // as that of RegisterNode
	Time        int64
}

// AddNodeEvents adds events, by node ID; the newest 10 of each are kept.
type AddNodeEvents struct{ Events map[string][]*nl.NodeEvent }

// DeregisterNodes removes nodes.
type DeregisterNodes struct {
	NodeIDs []string
	Evals   []*nl.Eval
	Seen    uint64 // as that of RegisterNode
	Time    int64  // unix ns
}

// UpdateDeployment changes the status of a deployment and, with it, may
// register a job (roll back) and create an evaluation.
type UpdateDeployment struct {
	Update nl.DeploymentStatusUpdate
	Revert *nl.Job // job to register with the change; nil: none
	Eval   *nl.Eval
}

// PromoteDeployment promotes the canaries of all or some groups.
type PromoteDeployment struct {
	DeploymentID string
	All          bool
	Groups       []string
	Eval         *nl.Eval
	Time         int64
}

// SetAllocHealth marks allocations of a deployment as healthy or unhealthy.
type SetAllocHealth struct {
	DeploymentID string
	Healthy      []string
	Unhealthy    []string
	Time         int64 // unix ns
	Update       *nl.DeploymentStatusUpdate
	Revert       *nl.Job
	Eval         *nl.Eval
}

// UpsertNamespaces creates or changes namespaces.
type UpsertNamespaces struct {
	Namespaces []*nl.Namespace
	// QuotaMustExist refuses namespaces whose quota is not there. Entries of
	// logs from before there were quotas do not set it.
	QuotaMustExist bool
}

// DeleteNamespaces removes namespaces that hold nothing.
type DeleteNamespaces struct{ Names []string }

// UpsertNodePools creates or changes node pools.
type UpsertNodePools struct{ Pools []*nl.NodePool }

// DeleteNodePools removes node pools that hold nothing.
type DeleteNodePools struct{ Names []string }

// SetSchedulerConfig replaces the scheduler configuration; with CAS only if
// its ModifyIndex equals Expect. Result: bool, whether it was replaced.
type SetSchedulerConfig struct {
	Config *nl.SchedulerConfiguration
	CAS    bool
	Expect uint64
}

// SetAutopilotConfig is SetSchedulerConfig for autopilot. Result: bool.
type SetAutopilotConfig struct {
	Config *nl.AutopilotConfig
	CAS    bool
	Expect uint64
}

// UpsertServices registers service instances.
type UpsertServices struct{ Services []*nl.ServiceRegistration }

// DeleteServices removes service instances by ID; ByAlloc removes all of an
// allocation.
type DeleteServices struct {
	Namespace string
	IDs       []string
	ByAlloc   []string
}

// UpsertRootKey adds a key; Activate makes every other active key inactive.
type UpsertRootKey struct {
	Key      *nl.RootKey
	Activate bool
}

// DeleteRootKey removes a key.
type DeleteRootKey struct{ KeyID string }

// Collect removes what garbage collection found, in one step.
type Collect struct {
	Evals       []string
	Allocs      []string
	Deployments []string
	Nodes       []string
	Jobs        []JobID
}

// JobID names a job.
type JobID struct{ Namespace, ID string }

// ReconcileSummaries recomputes every job summary from the allocations.
type ReconcileSummaries struct{}

// SetClusterID names the cluster, once.
type SetClusterID struct {
	ID         string
	CreateTime time.Time
}

// Batch applies several ops as one entry at one index. Results: []any.
type Batch struct{ Ops []Op }
