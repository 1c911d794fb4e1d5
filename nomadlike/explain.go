package nomadlike

import "time"

// JobExplanation tells why the allocations of a job are where they are and why
// others are nowhere. What was decided is told as it was stored then; Index and
// Time are the state on which everything else was decided anew, without doing
// it.
type JobExplanation struct {
	ID        string
	Namespace string
	Type      string
	Priority  int
	Version   uint64
	Status    string

	Index uint64
	Time  Time

	// Waiting tells that something that is to run does not: a dry run finds no
	// place for it, or something else holds it back.
	Waiting bool
	// Summary says it all in one line.
	Summary string
	// Reasons concern the job as a whole, the weightiest first.
	Reasons  []*ExplainReason     `json:",omitempty"`
	Groups   []*GroupExplanation  // in the order of the job
	Stages   []*ExplainStage      `json:",omitempty"`
	Preempts []*ExplainPreemption `json:",omitempty"` // who would have to go
}

// ExplainPreemption is an allocation that would be evicted.
type ExplainPreemption struct {
	AllocID, JobID, Namespace, NodeID string
}

// Kinds of reasons.
const (
	ReasonStopped       = "stopped"       // the job is not to run
	ReasonComplete      = "complete"      // the job has run
	ReasonPeriodic      = "periodic"      // its children run
	ReasonParameterized = "parameterized" // its children run
	ReasonNoPlace       = "no-place"      // no node can take it
	ReasonQueued        = "queued"        // an evaluation has yet to be processed
	ReasonBlocked       = "blocked"       // an evaluation waits until nodes change
	ReasonDelayed       = "delayed"       // an evaluation waits for its time
	ReasonPaused        = "paused"        // the scheduler or a deployment is paused
	ReasonDeployment    = "deployment"    // a deployment goes on first
	ReasonPromotion     = "promotion"     // canaries wait to be promoted
	ReasonReschedule    = "reschedule"    // failed, replaced later or not at all
	ReasonNode          = "node"          // its node does not answer or is drained
	ReasonStarting      = "starting"      // placed, the node has yet to start it
	ReasonFailed        = "failed"        // an evaluation or deployment failed
	ReasonQuota         = "quota"         // a quota is used up
	ReasonEvicted       = "evicted"       // it made way for something else
)

// ExplainReason is one reason why something is as it is.
type ExplainReason struct {
	Kind string // one of the Reason constants
	Text string // one line
	// Until is when it ends by itself, unset when it does not or nobody knows.
	Until        Time   `json:",omitzero"`
	EvalID       string `json:",omitempty"`
	AllocID      string `json:",omitempty"`
	NodeID       string `json:",omitempty"`
	DeploymentID string `json:",omitempty"`
}

// ExplainStage is how long one stage of an explanation took.
type ExplainStage struct {
	Name string
	Took time.Duration
}

// GroupExplanation is about one group of a job.
type GroupExplanation struct {
	Name    string
	Summary string // one line

	// Want is how many allocations there are to be, Running and Starting how many
	// there are; Waiting is how many have no node, of which NoPlace would find
	// none now.
	Want, Running, Starting, Waiting, NoPlace int

	Ask     *GroupAsk
	Reasons []*ExplainReason `json:",omitempty"`
	// Quota is what of the namespace's quota is used up and keeps the group from
	// being placed.
	Quota []string `json:",omitempty"`

	// AllOrNothing says how much of a gang that does not fit as a whole would.
	AllOrNothing string `json:",omitempty"`

	// Nodes is every node of the cluster as the group sees it, after the dry run.
	Nodes *NodeSurvey `json:",omitempty"`
	// Unblock says what would let it be placed, the easiest first.
	Unblock []*ExplainHint `json:",omitempty"`
	// Planned are placements that the dry run makes, PlannedMore how many others.
	Planned     []*PlacementExplanation `json:",omitempty"`
	PlannedMore int                     `json:",omitempty"`
	// Placed are the live allocations with what was stored when they were placed,
	// newest first, PlacedMore how many others.
	Placed     []*PlacementExplanation `json:",omitempty"`
	PlacedMore int                     `json:",omitempty"`
	// Failure is what was stored when a place was last looked for in vain.
	Failure *PlacementFailure `json:",omitempty"`
}

// GroupAsk is what each allocation of a group asks for.
type GroupAsk struct {
	CPU         int64 // MHz, without that of reserved cores
	CPUMillis   int   `json:",omitempty"` // thousandths of a core, beside CPU
	MemoryMB    int64
	MemoryMaxMB int64 `json:",omitempty"`
	DiskMB      int64
	Cores       int      `json:",omitempty"`
	Ports       []string `json:",omitempty"` // "http=8080" when static
	NetworkMode string   `json:",omitempty"`
	Devices     []string `json:",omitempty"`
	Volumes     []string `json:",omitempty"`
	Drivers     []string
	Datacenters []string
	NodePool    string
	Constraints []string `json:",omitempty"`
	Affinities  []string `json:",omitempty"`
	Spreads     []string `json:",omitempty"`
}

// NodeSurvey counts the nodes of the cluster by what keeps them from taking one
// more allocation of a group.
type NodeSurvey struct {
	Known int // in the cluster
	// Considered are those that are ready, eligible and in the pool and a
	// datacenter of the job. They are Filtered by what they are, Exhausted by
	// what is on them, or Usable.
	Considered, Filtered, Exhausted, Usable int
	// Obstacles are what is in the way, in the order in which it is tested, then
	// by the number of nodes.
	Obstacles []*NodeFold `json:",omitempty"`
	// Nearest are considered nodes that lack least.
	Nearest []*NodeVerdict `json:",omitempty"`
	// All is every node that is in the way of something; only when asked for.
	All []*NodeVerdict `json:",omitempty"`
}

// Stages at which a node is left out.
const (
	ObstacleReach  = "reach"  // not ready, or not of the job's pool and datacenters
	ObstacleFilter = "filter" // it is not what the group needs
	ObstacleRoom   = "room"   // it has too little left
)

// NodeFold is one obstacle with all nodes that have it.
type NodeFold struct {
	Stage  string // one of the Obstacle constants
	Reason string // as placement metrics name it, where they do
	Nodes  int
	// Only is how many of the nodes have no other obstacle.
	Only int
	// Details counts the nodes by what they have instead.
	Details map[string]int `json:",omitempty"`

	Classes     map[string]int `json:",omitempty"` // "" is none
	OnlyClasses map[string]int `json:",omitempty"` // of those without other obstacles
	Datacenters map[string]int
	Pools       map[string]int
	// Kinds is how many computed classes the nodes have.
	Kinds    int
	Examples []string // names of a few, those without other obstacles first

	// For amounts: what is asked for, and by how much the nodes are short.
	Asked    int64  `json:",omitempty"`
	ShortMin int64  `json:",omitempty"`
	ShortMax int64  `json:",omitempty"`
	Unit     string `json:",omitempty"` // MHz or MB; "" is a count
}

// NodeVerdict is one node and everything that keeps it from taking one more
// allocation of a group.
type NodeVerdict struct {
	NodeID, NodeName     string
	NodeClass            string `json:",omitempty"`
	Datacenter, NodePool string
	Obstacles            []*NodeObstacle
}

// NodeObstacle is one thing in the way on one node.
type NodeObstacle struct {
	Stage  string
	Reason string
	Detail string `json:",omitempty"` // what the node has instead
	// For amounts: what is asked for, free and there at all; Short is what is
	// missing.
	Asked int64  `json:",omitempty"`
	Free  int64  `json:",omitempty"`
	Total int64  `json:",omitempty"`
	Short int64  `json:",omitempty"`
	Unit  string `json:",omitempty"`
}

// Kinds of hints.
const (
	HintWait       = "wait"       // nothing is to be done
	HintEnable     = "enable"     // let a node be used again
	HintDatacenter = "datacenter" // ask for other datacenters
	HintPool       = "pool"       // ask for another pool
	HintRelax      = "relax"      // drop or change what filters
	HintFree       = "free"       // free a resource
	HintPreempt    = "preempt"    // stop work of lower priority
	HintShrink     = "shrink"     // ask for less
	HintAdd        = "add"        // add nodes
	HintQuota      = "quota"      // raise a quota
)

// ExplainHint is something that would let a group be placed.
type ExplainHint struct {
	Kind    string // one of the Hint constants
	Text    string
	Command string `json:",omitempty"` // that does it, where one does
	// Nodes is how many nodes could take an allocation then, 0 when that is not
	// known.
	Nodes int `json:",omitempty"`
}

// PlacementExplanation tells why an allocation is where it is.
type PlacementExplanation struct {
	AllocID, Name    string
	NodeID, NodeName string
	DesiredStatus    string `json:",omitempty"`
	ClientStatus     string `json:",omitempty"`
	JobVersion       uint64
	EvalID           string `json:",omitempty"`
	// Index is the state that it was decided on, Time when it was committed; both
	// unset for a dry run.
	Index uint64 `json:",omitempty"`
	Time  Time   `json:",omitzero"`

	Considered, Filtered, Exhausted int
	Took                            time.Duration
	// Scores are those of the chosen node and the best others, best first.
	Scores []*NodeScore `json:",omitempty"`
	// Why says in one line why it was this node.
	Why string
	// Preempted are allocations that made way.
	Preempted []string `json:",omitempty"`
}

// NodeScore is how a node was rated for a placement. The final score is the
// mean of the parts that apply.
type NodeScore struct {
	NodeID, NodeName string
	Chosen           bool
	Parts            map[string]float64
	Final            float64
}

// PlacementFailure is what was stored of placements that found no node.
type PlacementFailure struct {
	EvalID string
	Index  uint64 // the state that was looked at
	Time   Time
	Count  int // placements
	Metric *AllocMetric
}

// AllocExplanation tells why an allocation is where it is and what becomes of
// it.
type AllocExplanation struct {
	JobID, Namespace, Group string
	Index                   uint64
	Time                    Time
	Summary                 string
	Placement               *PlacementExplanation
	Ask                     *GroupAsk        `json:",omitempty"`
	Reasons                 []*ExplainReason `json:",omitempty"`
}

// EvalExplanation tells what the scheduler made of an evaluation.
type EvalExplanation struct {
	ID, JobID, Namespace string
	Type, TriggeredBy    string
	Status               string
	Index                uint64
	Time                 Time
	Summary              string
	Reasons              []*ExplainReason `json:",omitempty"`
	// Placed are its placements as they were stored, PlacedMore how many others.
	Placed     []*PlacementExplanation `json:",omitempty"`
	PlacedMore int                     `json:",omitempty"`
	// Failures are what it found no place for, by group.
	Failures map[string]*PlacementFailure `json:",omitempty"`
	// Now explains its job anew; nil when the evaluation is history.
	Now *JobExplanation `json:",omitempty"`
}
