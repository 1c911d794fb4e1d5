package driver

import (
	"path/filepath"
	"time"

	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
)

// HandleVersion is what a driver without older handles of its own writes.
const HandleVersion = 1

// TaskConfig is everything a driver gets to know about a task it starts.
type TaskConfig struct {
	// ID is new for every start: "<alloc id>/<task>/<8 hex digits>".
	ID            string
	Name          string
	JobID         string
	JobName       string
	ParentJobID   string
	TaskGroupName string
	AllocID       string
	Namespace     string
	NodeID        string
	NodeName      string

	// Env is the final environment; DeviceEnv the part device plugins added.
	Env       map[string]string
	DeviceEnv map[string]string

	// Resources is never nil on the wire; a host that leaves it nil sends zeros.
	Resources *Resources
	Mounts    []*Mount
	Devices   []*Device

	// User is empty for the driver's default.
	User string
	// AllocDir is the host path of the allocation's directory; the task's own
	// is AllocDir/Name.
	AllocDir string
	// StdoutPath and StderrPath are FIFOs, plain files or the null device.
	StdoutPath string
	StderrPath string

	// Network is nil for the host's network.
	Network *NetworkIsolation
	// DNS is nil when the host has no opinion.
	DNS *DNS

	// DriverConfig is the msgpack form of the task's config block; see
	// hclspec.Marshal and Decode.
	DriverConfig []byte
}

// Decode reads DriverConfig into a struct with `codec` tags.
func (c *TaskConfig) Decode(into any) error { return hclspec.Unmarshal(c.DriverConfig, into) }

// TaskDir is the task's own directory on the host.
func (c *TaskConfig) TaskDir() string { return filepath.Join(c.AllocDir, c.Name) }

// LocalDir, SecretsDir and SharedDir are the host paths behind
// NOMAD_TASK_DIR, NOMAD_SECRETS_DIR and NOMAD_ALLOC_DIR.
func (c *TaskConfig) LocalDir() string   { return filepath.Join(c.TaskDir(), "local") }
func (c *TaskConfig) SecretsDir() string { return filepath.Join(c.TaskDir(), "secrets") }
func (c *TaskConfig) SharedDir() string  { return filepath.Join(c.AllocDir, "alloc") }

// LogsDisabled reports whether nobody wants the task's output.
func (c *TaskConfig) LogsDisabled() bool {
	return c.StdoutPath == NullDevice && c.StderrPath == NullDevice
}

// NullDevice as StdoutPath and StderrPath says that output is not collected.
const NullDevice = "/dev/null"

// Resources is what the task was given.
type Resources struct {
	// CPUMHz is the CPU share in MHz.
	CPUMHz int64
	// MemoryMB is the reservation, MemoryMaxMB the limit above it: 0 none, -1
	// unlimited.
	MemoryMB    int64
	MemoryMaxMB int64
	// Networks are the legacy task-level networks.
	Networks []*TaskNetwork
	// Ports are the ports of the group.
	Ports []PortMapping
	Linux LinuxResources
}

// LinuxResources repeats the resources in kernel units.
type LinuxResources struct {
	CPUPeriod        int64
	CPUQuota         int64
	CPUShares        int64
	MemoryLimitBytes int64
	OOMScoreAdj      int64
	// CpusetCPUs lists reserved cores ("2,3"), empty when none were asked.
	CpusetCPUs string
	// CpusetCgroup is the directory of the cgroup the host made for the task.
	CpusetCgroup string
	// PercentTicks is the task's share of the node's usable MHz, 0 to 1.
	PercentTicks float64
}

// TaskNetwork is a network asked for by the task itself.
type TaskNetwork struct {
	Device        string
	CIDR          string
	IP            string
	MBits         int
	ReservedPorts []Port
	DynamicPorts  []Port
}

// Port is a labelled port of a TaskNetwork.
type Port struct {
	Label string
	Value int
}

// PortMapping is a group port. To is the port inside the namespace, 0 meaning
// the same as Value.
type PortMapping struct {
	Label  string
	Value  int
	To     int
	HostIP string
}

// Mount is a host path to be shown to the task.
type Mount struct {
	TaskPath string
	HostPath string
	Readonly bool
	// Propagation is private, host-to-task, bidirectional or empty.
	Propagation  string
	SELinuxLabel string
	// RequestName is the volume name in the job.
	RequestName string
}

// Device is a device node to be shown to the task.
type Device struct {
	TaskPath    string
	HostPath    string
	Permissions string // any of r, w, m
}

// NetworkIsolation describes a network namespace.
type NetworkIsolation struct {
	Mode NetworkMode
	Path string
	// Labels belong to the driver that made the namespace; handed back unchanged.
	Labels map[string]string
	// Hosts is nil when the driver shall not write an /etc/hosts.
	Hosts *HostsConfig
}

// HostsConfig is the allocation's own line of /etc/hosts.
type HostsConfig struct {
	Hostname string
	Address  string
}

// NetworkRequest qualifies CreateNetwork.
type NetworkRequest struct {
	Hostname string
}

// DNS is what a resolv.conf should hold.
type DNS struct {
	Servers  []string
	Searches []string
	Options  []string
}

// Network is a driver's word on where a task is reached.
type Network struct {
	// PortMap maps a label to the port inside the task.
	PortMap       map[string]int
	IP            string
	AutoAdvertise bool
}

// TaskState is a driver's view of a task. Numbers are wire values.
type TaskState int

const (
	TaskStateUnknown TaskState = 0
	TaskStateRunning TaskState = 1
	TaskStateExited  TaskState = 2
)

// String is the spelling used in messages.
func (s TaskState) String() string {
	switch s {
	case TaskStateRunning:
		return "running"
	case TaskStateExited:
		return "exited"
	default:
		return "unknown"
	}
}

// TaskHandle is how a driver finds its task again. Hosts persist it whole.
type TaskHandle struct {
	// Version is the driver's own numbering of DriverState, at least 1.
	Version int
	// Config may differ from what the host sent.
	Config *TaskConfig
	State  TaskState
	// DriverState is opaque to everyone but the driver.
	DriverState []byte
}

// NewTaskHandle makes a running handle with state encoded into DriverState.
func NewTaskHandle(c *TaskConfig, version int, state any) (*TaskHandle, error) {
	raw, err := hclspec.MarshalGo(state)
	if err != nil {
		return nil, err
	}
	return &TaskHandle{Version: version, Config: c, State: TaskStateRunning, DriverState: raw}, nil
}

// Decode reads DriverState into what NewTaskHandle was given.
func (h *TaskHandle) Decode(into any) error { return hclspec.Unmarshal(h.DriverState, into) }

// ExitResult is how a task ended.
type ExitResult struct {
	ExitCode  int
	Signal    int
	OOMKilled bool
	// Err is the driver's explanation; when not empty the exit was a failure
	// whatever the code.
	Err string
}

// Successful reports a clean exit.
func (r *ExitResult) Successful() bool {
	return r.ExitCode == 0 && r.Signal == 0 && r.Err == ""
}

// TaskStatus is the answer of InspectTask.
type TaskStatus struct {
	ID        string
	Name      string
	State     TaskState
	StartedAt time.Time
	// CompletedAt is the zero time while the task runs.
	CompletedAt time.Time
	Exit        *ExitResult
	// DriverAttributes are the driver's own facts, such as a container ID.
	DriverAttributes map[string]string
	Network          *Network
}

// TaskEvent is something a driver tells the user about a task.
type TaskEvent struct {
	TaskID      string
	AllocID     string
	TaskName    string
	Timestamp   time.Time
	Message     string
	Annotations map[string]string
}

// TaskStats is one sample of a task's use of resources.
type TaskStats struct {
	Timestamp time.Time
	Usage     ResourceUsage
	// Pids are samples per process, keyed by pid.
	Pids map[string]ResourceUsage
}

// ResourceUsage is a sample of processor and memory.
type ResourceUsage struct {
	CPU    CPUStats
	Memory MemoryStats
}

// CPUStats: percentages of one core, TotalTicks in MHz.
type CPUStats struct {
	SystemMode       float64
	UserMode         float64
	TotalTicks       float64
	ThrottledPeriods uint64
	ThrottledTime    uint64 // nanoseconds
	Percent          float64
	// Measured names the fields that carry a value, in the display spelling.
	Measured []string
}

// MemoryStats: all in bytes.
type MemoryStats struct {
	RSS            uint64
	Cache          uint64
	Swap           uint64
	Usage          uint64
	MaxUsage       uint64
	KernelUsage    uint64
	KernelMaxUsage uint64
	// Measured names the fields that carry a value, in the display spelling.
	Measured []string
}
