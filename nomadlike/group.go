package nomadlike

import "time"

// Group is what the HTTP API shows as TaskGroup.
type Group struct {
	// required, unique
	Name string
	// default Scaling.Min else 1; system: must be <= 1; 0 allowed
	Count int
	// service/system: job update merged over defaults; null for batch/sysbatch
	Update *UpdateStrategy
	// service: defaults; others null
	Migrate *MigrateStrategy
	// implied ones appended
	Constraints []*Constraint
	// forbidden for system (400)
	Scaling *ScalingPolicy
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
	// deprecated, folded into Disconnect.StopOnClientAfter
	StopAfterClientDisconnect *time.Duration
	// deprecated, folded into Disconnect.LostAfter
	MaxClientDisconnect *time.Duration
	// deprecated, folded into Disconnect.Replace
	PreventRescheduleOnLost bool
	Tasks                   []*Task
	Meta                    map[string]string
	Consul                  *ConsulBlock
	Services                []*Service
}

// MigrateStrategy is a noun of the HTTP API.
type MigrateStrategy struct {
	// default 1
	MaxParallel int
	// default `checks`; checks|task_states
	HealthCheck string
	// default 10 s
	MinHealthyTime time.Duration
	// default 5 m
	HealthyDeadline time.Duration
}

// ReschedulePolicy (Defaults: service {Delay 30 s, DelayFunction exponential, MaxDelay 1 h, Unlimited true, Attempts 0, Interval 0}; batch {Attempts 1, Interval 24 h, Delay 5 s, DelayFunction constant, MaxDelay 0, Unlimited false}; others zero.)
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

// RestartPolicy (Defaults: service/system {Attempts 2, Interval 30 m, Delay 15 s, Mode fail, RenderTemplates false}; batch/sysbatch {Attempts 3, Interval 24 h, Delay 15 s, Mode fail, RenderTemplates false}.)
type RestartPolicy struct {
	// min 5 s
	Interval time.Duration
	// fail|delay
	Mode            string
	Attempts        int
	Delay           time.Duration
	RenderTemplates bool
}

// Disconnect is what the HTTP API shows as DisconnectStrategy.
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

// EphemeralDisk is a noun of the HTTP API.
type EphemeralDisk struct {
	// default false
	Sticky bool
	// default 300
	SizeMB int
	// default false
	Migrate bool
}
