package nomadlike

import "time"

// Group is a set of tasks that run together on one node, Count times; the API
// calls it TaskGroup.
type Group struct {
	// required, unique
	Name string
	// default Scaling.Min else 1; system: must be <= 1; 0 allowed
	Count int
	// service/system: job update merged over defaults; null for batch/sysbatch
	Update *UpdateStrategy
	// service: defaults; others null
	Migrate *MigrateStrategy
	// null: allocations stay where they are
	Rebalance *Rebalance `json:",omitempty"`
	// implied ones appended
	Constraints []*Constraint
	// forbidden for system (400)
	Scaling *ScalingPolicy
	// default false; service and batch only. What an evaluation places of the
	// group is placed together or not at all
	AllOrNothing bool `json:"AllOrNothing,omitempty,omitzero"`
	// defaults by type
	RestartPolicy *RestartPolicy
	// null unless set
	Disconnect *Disconnect
	// default {Sticky false, Migrate false, SizeMB 300}
	EphemeralDisk *EphemeralDisk
	// defaults by type; null/zero for system, sysbatch
	ReschedulePolicy *ReschedulePolicy
	// not for system
	Affinities []*Affinity
	// not for system
	Spreads []*Spread
	// the scheduler uses entry 0; port labels unique across the group
	Networks []*Network
	// keyed by name
	Volumes map[string]*VolumeRequest
	// null = none
	ShutdownDelay *time.Duration
	// null = none; limited to some job types
	MaxRunDuration *time.Duration
	// no longer supported: admission warns and clears it
	StopAfterClientDisconnect *time.Duration
	// no longer supported: admission warns and clears it
	MaxClientDisconnect *time.Duration
	// no longer supported: admission warns and clears it
	PreventRescheduleOnLost bool
	Tasks                   []*Task
	Meta                    map[string]string
	Consul                  *ConsulBlock
	Services                []*Service
}

// MigrateStrategy is how allocations leave a node that is drained.
type MigrateStrategy struct {
	// default 1
	MaxParallel int
	// default `checks`; checks|task_states
	HealthCheck string
	// default 10 s
	MinHealthyTime time.Duration
	// default 5 m
	HealthyDeadline time.Duration
	// OrderStartFirst or OrderStopFirst; empty is OrderStopFirst
	Order string `json:",omitempty"`
}

// What comes first when an allocation moves: the end of the old one, or the
// start of the new one, which must become healthy before the old one stops.
const (
	OrderStopFirst  = "stop-first"
	OrderStartFirst = "start-first"
)

// StartFirst tells whether allocations of the group move by starting the
// replacement first.
func (g *Group) StartFirst() bool { return g.Migrate != nil && g.Migrate.Order == OrderStartFirst }

// Rebalance lets the servers move allocations of the group to nodes that suit
// them better than those they are on.
type Rebalance struct {
	// default true; false in batch jobs, whose work a move would throw away
	Enabled bool
	// default 1; allocations on the move at a time
	MaxParallel int
	// default 1 h; how often all allocations are looked at
	Interval time.Duration
	// default true; look as well when nodes have joined
	OnNodeJoin bool
	// default 0.05; how much higher the score of the other node must be, 0 to 1
	MinGain float64
}

// ReschedulePolicy is when and how often a failed allocation is replaced by one
// on another node. Service jobs try without end, ever more slowly; batch jobs
// once a day; system jobs never.
type ReschedulePolicy struct {
	// min 5 s
	Delay time.Duration
	// constant|exponential|fibonacci
	DelayFunction string
	Attempts      int
	Interval      time.Duration
	MaxDelay      time.Duration
	Unlimited     bool
}

// RestartPolicy is when and how often a failed task is started again on its
// node. By default service and system tasks are restarted twice in 30 minutes,
// batch tasks three times a day.
type RestartPolicy struct {
	// min 5 s
	Interval time.Duration
	// fail|delay
	Mode            string
	Attempts        int
	Delay           time.Duration
	RenderTemplates bool
}

// Disconnect is what happens to allocations whose node stops answering; the API
// calls it DisconnectStrategy.
type Disconnect struct {
	// ns; 0 = lost at once
	LostAfter time.Duration
	// exclusive with LostAfter
	StopOnClientAfter *time.Duration
	// default true
	Replace *bool
	// default `best_score`; keep_original|keep_replacement|best_score|longest_running
	Reconcile string
}

// EphemeralDisk is the disk space that the tasks of an allocation share.
type EphemeralDisk struct {
	// default false
	Sticky bool
	// default 300
	SizeMB int
	// default false
	Migrate bool
}
