package nomadlike

// Job types.
const (
	JobTypeService  = "service"
	JobTypeBatch    = "batch"
	JobTypeSystem   = "system"
	JobTypeSysBatch = "sysbatch"
	JobTypeCore     = "_core"
)

// Job statuses.
const (
	JobStatusPending = "pending"
	JobStatusRunning = "running"
	JobStatusDead    = "dead"
)

// Desired statuses of an allocation.
const (
	AllocDesiredRun   = "run"
	AllocDesiredStop  = "stop"
	AllocDesiredEvict = "evict"
)

// Client statuses of an allocation.
const (
	AllocClientPending  = "pending"
	AllocClientRunning  = "running"
	AllocClientComplete = "complete"
	AllocClientFailed   = "failed"
	AllocClientLost     = "lost"
	AllocClientUnknown  = "unknown"
)

// Evaluation statuses.
const (
	EvalStatusBlocked   = "blocked"
	EvalStatusPending   = "pending"
	EvalStatusComplete  = "complete"
	EvalStatusFailed    = "failed"
	EvalStatusCancelled = "canceled"
)

// What triggers an evaluation.
const (
	TriggerJobRegister          = "job-register"
	TriggerJobDeregister        = "job-deregister"
	TriggerPeriodicJob          = "periodic-job"
	TriggerNodeDrain            = "node-drain"
	TriggerNodeUpdate           = "node-update"
	TriggerAllocStop            = "alloc-stop"
	TriggerScheduled            = "scheduled"
	TriggerRollingUpdate        = "rolling-update"
	TriggerDeploymentWatcher    = "deployment-watcher"
	TriggerFailedFollowUp       = "failed-follow-up"
	TriggerMaxPlans             = "max-plan-attempts"
	TriggerRetryFailedAlloc     = "alloc-failure"
	TriggerQueuedAllocs         = "queued-allocs"
	TriggerPreemption           = "preemption"
	TriggerJobScaling           = "job-scaling"
	TriggerMaxDisconnectTimeout = "max-disconnect-timeout"
	TriggerReconnect            = "reconnect"
	TriggerAllocReschedule      = "alloc-reschedule"
	TriggerRebalance            = "rebalance"
)

// Node statuses and eligibility.
const (
	NodeStatusInit         = "initializing"
	NodeStatusReady        = "ready"
	NodeStatusDown         = "down"
	NodeStatusDisconnected = "disconnected"

	NodeEligible   = "eligible"
	NodeIneligible = "ineligible"
)

// Deployment statuses.
const (
	DeploymentStatusRunning      = "running"
	DeploymentStatusPaused       = "paused"
	DeploymentStatusFailed       = "failed"
	DeploymentStatusSuccessful   = "successful"
	DeploymentStatusCancelled    = "cancelled"
	DeploymentStatusInitializing = "initializing"
	DeploymentStatusPending      = "pending"
	DeploymentStatusBlocked      = "blocked"
	DeploymentStatusUnblocking   = "unblocking"
)

// Task states.
const (
	TaskStatePending = "pending"
	TaskStateRunning = "running"
	TaskStateDead    = "dead"
)

// Names that always exist.
const (
	DefaultNamespace = "default"
	DefaultRegion    = "global"
	NodePoolDefault  = "default"
	NodePoolAll      = "all"
	AllNamespaces    = "*"
)
