package nomadlike

import "time"

// Task is one process, container or machine of a group.
type Task struct {
	// required; no `/`, NUL
	Name string
	// required
	Driver string
	// ""
	User string
	// driver config as decoded map
	Config Opaque
	// null or list
	Services []*Service
	// null unless set
	Vault *VaultBlock
	// see Resources
	Resources *Resources
	// group policy merged with own
	RestartPolicy *RestartPolicy
	// {File}
	DispatchPayload *DispatchPayload
	// null when hook and sidecar empty
	Lifecycle *Lifecycle
	// null when empty
	Meta map[string]string
	// default 5 s
	KillTimeout time.Duration
	// default {MaxFiles 10, MaxFileSizeMB 10, Disabled false}
	LogConfig *LogConfig
	// at most one per group
	Leader bool
	// driver default when ""
	KillSignal string
	// `connect-proxy:<svc>` etc. for injected tasks
	Kind string
	// default identity always present after register
	Identity *WorkloadIdentity
	// named identities
	Identities []*WorkloadIdentity
	// nil runs the task all the time
	Schedule        *TaskSchedule
	Env             map[string]string
	Secrets         []*Secret
	Consul          *ConsulBlock
	Templates       []*Template
	Constraints     []*Constraint
	Affinities      []*Affinity
	Artifacts       []*Artifact
	ShutdownDelay   time.Duration
	VolumeMounts    []*VolumeMount
	ScalingPolicies []*ScalingPolicy
	CSIPluginConfig *TaskCSIPluginConfig
	Actions         []*Action
}

// Template is a file that is rendered for a task, and again when its data change.
type Template struct {
	// exclusive with EmbeddedTmpl
	SourcePath string
	// default `restart`; noop|restart|signal|script
	ChangeMode string
	// default SIGHUP for signal; upper-cased
	ChangeSignal string
	// default {Timeout 5 s, FailOnError false, RunOnFirstRender false}
	ChangeScript *ChangeScript
	// default false
	Once bool
	// default 5 s
	Splay time.Duration
	// default `0644`
	Perms string
	// null = task user/root
	Uid *int
	// null
	Gid *int
	// default `{{`
	LeftDelim string
	// default `}}`
	RightDelim string
	// default false
	Envvars bool
	// 0, deprecated
	VaultGrace time.Duration
	// nil waits as long as the client is configured to
	Wait *WaitConfig
	// default false
	ErrMissingKey bool
	DestPath      string
	EmbeddedTmpl  string
}

// ChangeScript is a command that is run in a task when a template changed.
type ChangeScript struct {
	Command          string
	Args             []string
	Timeout          time.Duration
	FailOnError      bool
	RunOnFirstRender bool
}

// WaitConfig is how long a template waits for more changes.
type WaitConfig struct {
	Min *time.Duration
	Max *time.Duration
}

// Artifact is something to download before a task starts; the API calls it
// TaskArtifact.
type Artifact struct {
	// null when empty
	GetterOptions map[string]string
	// null when empty
	GetterHeaders map[string]string
	// default `any`; any|file|dir
	GetterMode string
	// default false
	GetterInsecure bool
	// default `local/` (mode file: `local/<basename>`)
	RelativeDest string
	// default false
	Chown        bool
	GetterSource string
}

// VaultBlock gives a task a token of Vault.
type VaultBlock struct {
	// default `default`
	Cluster string
	// default true
	Env bool
	// default false
	DisableFile bool
	// default `restart`
	ChangeMode string
	// default `SIGHUP`
	ChangeSignal string
	// default false
	AllowTokenExpiration bool
	Role                 string
	Namespace            string
}

// Secret is a set of values fetched for a task before it starts.
type Secret struct {
	Name     string
	Provider string
	Path     string
	Config   Opaque
	Env      map[string]string
}

// ConsulBlock is the Consul cluster, namespace and partition that a group or
// task uses; the API calls it Consul.
type ConsulBlock struct {
	// default `default`
	Cluster   string
	Namespace string
	Partition string
}

// LogConfig is how much of a task's output is kept.
type LogConfig struct {
	// default 10
	MaxFiles int
	// default 10
	MaxFileSizeMB int
	// default false (request may use deprecated `Enabled`)
	Disabled bool
}

// DispatchPayload is where a dispatched job's payload is written; the API calls
// it DispatchPayloadConfig.
type DispatchPayload struct {
	File string
}

// Lifecycle makes a task run before or after the main tasks; the API calls it
// TaskLifecycleConfig.
type Lifecycle struct {
	// prestart|poststart|poststop
	Hook    string
	Sidecar bool
}

// TaskCSIPluginConfig makes a task a CSI plugin.
type TaskCSIPluginConfig struct {
	// node|controller|monolith
	Type string
	// default `/csi`
	MountDir string
	// default `/local/csi`
	StagePublishBaseDir string
	// default 30 s
	HealthTimeout time.Duration
	ID            string
}

// WorkloadIdentity is a signed token that says which task or service it was
// given to.
type WorkloadIdentity struct {
	// default `default`; regex-limited
	Name string
	// default identity forced to `["nomadproject.io"]`
	Audience []string
	// noop|restart|signal
	ChangeMode string
	// not for the default identity
	TTL          time.Duration
	ChangeSignal string
	Env          bool
	File         bool
	Filepath     string
	ServiceName  string
	ExtraClaims  []string
}

// Action is a command that can be run in a task on demand.
type Action struct {
	Name    string
	Command string
	Args    []string
}

// TaskSchedule is when a task runs and when it pauses.
type TaskSchedule struct {
	Cron *TaskScheduleCron
}

// TaskScheduleCron is a schedule of times to start and end.
type TaskScheduleCron struct {
	Start    string
	End      string
	Timezone string
}
