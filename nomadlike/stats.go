package nomadlike

// HostStats is a noun of the HTTP API.
type HostStats struct {
	// per core
	CPU []*HostCPUStats
	// per mount
	DiskStats []*HostDiskStats
	// s
	Uptime           uint64
	Memory           *HostMemoryStats
	AllocDirStats    *HostDiskStats
	DeviceStats      []*DeviceGroupStats
	CPUTicksConsumed float64
	// unix ns
	Timestamp int64
}

// HostMemoryStats is a noun of the HTTP API.
type HostMemoryStats struct {
	Total     uint64
	Available uint64
	Used      uint64
	Free      uint64
}

// HostCPUStats is a noun of the HTTP API.
type HostCPUStats struct {
	CPU          string
	User         float64
	System       float64
	Idle         float64
	TotalPercent float64
	TotalTicks   float64 // MHz
}

// HostDiskStats (HostStats answers also carry `Timestamp` (unix ns); HostCPUStats also `TotalPercent`, `TotalTicks`; DeviceGroupStats = {Vendor, Type, Name, InstanceStats: object<{Summary: StatValue, Stats: StatObject, Timestamp}>}.)
type HostDiskStats struct {
	Device            string
	Mountpoint        string
	Size              uint64
	Used              uint64
	Available         uint64
	UsedPercent       float64
	InodesUsedPercent float64
}

// StatValue is a noun of the HTTP API.
type StatValue struct {
	FloatNumeratorVal   *float64 `json:"FloatNumeratorVal,omitempty,omitzero"`
	FloatDenominatorVal *float64 `json:"FloatDenominatorVal,omitempty,omitzero"`
	IntNumeratorVal     *int     `json:"IntNumeratorVal,omitempty,omitzero"`
	IntDenominatorVal   *int     `json:"IntDenominatorVal,omitempty,omitzero"`
	StringVal           *string  `json:"StringVal,omitempty,omitzero"`
	BoolVal             *bool    `json:"BoolVal,omitempty,omitzero"`
	Unit                string   `json:"Unit,omitempty,omitzero"`
	Desc                string   `json:"Desc,omitempty,omitzero"`
}

// StatObject is a noun of the HTTP API.
type StatObject struct {
	Nested     map[string]*StatObject
	Attributes map[string]*StatValue
}

// AllocResourceUsage is a noun of the HTTP API.
type AllocResourceUsage struct {
	// unix ns
	Timestamp     int64
	ResourceUsage *ResourceUsage
	Tasks         map[string]*TaskResourceUsage
}

// TaskResourceUsage is a noun of the HTTP API.
type TaskResourceUsage struct {
	// object keyed by pid
	Pids          map[string]*ResourceUsage
	ResourceUsage *ResourceUsage
	Timestamp     int64
}

// ResourceUsage is a noun of the HTTP API.
type ResourceUsage struct {
	MemoryStats *MemoryStats
	CpuStats    *CpuStats
	DeviceStats []*DeviceGroupStats
}

// MemoryStats is a noun of the HTTP API.
type MemoryStats struct {
	// subset of RSS, Cache, Swap, Usage, Max Usage, Kernel Usage, Kernel Max Usage
	Measured       []string
	RSS            uint64
	Cache          uint64
	Swap           uint64
	MappedFile     uint64
	Usage          uint64
	MaxUsage       uint64
	KernelUsage    uint64
	KernelMaxUsage uint64
}

// CpuStats is a noun of the HTTP API.
type CpuStats struct {
	// subset of System Mode, User Mode, Throttled Periods, Throttled Time, Percent; fields not listed are not measured
	Measured         []string
	SystemMode       float64
	UserMode         float64
	TotalTicks       float64
	ThrottledPeriods uint64
	ThrottledTime    uint64
	Percent          float64
}

// CheckQueryResult is a noun of the HTTP API.
type CheckQueryResult struct {
	// hex sha-256
	ID string
	// healthiness|readiness
	Mode string
	// success|failure|pending
	Status string
	// unix s
	Timestamp  int64
	StatusCode int `json:"StatusCode,omitempty,omitzero"`
	Output     string
	Group      string
	Task       string `json:"Task,omitempty,omitzero"`
	Service    string
	Check      string
}

// AllocFileInfo is a noun of the HTTP API.
type AllocFileInfo struct {
	// e.g. `-rw-r--r--`
	FileMode string
	// sniffed, only on stat
	ContentType string `json:"ContentType,omitempty,omitzero"`
	Name        string
	IsDir       bool
	Size        int64
	ModTime     Time
}

// HostData is a noun of the HTTP API.
type HostData struct {
	OS          string
	Network     []map[string]string
	ResolvConf  string
	Hosts       string
	Environment map[string]string
	Disk        map[string]*DiskUsage
}

// DiskUsage is a noun of the HTTP API.
type DiskUsage struct {
	DiskMB int64
	UsedMB int
}

// DeviceGroupStats are the statistics of the instances of one device group.
type DeviceGroupStats struct {
	Vendor        string
	Type          string
	Name          string
	InstanceStats map[string]*DeviceStats
}

// DeviceStats are the statistics of one device instance.
type DeviceStats struct {
	Summary   *StatValue
	Stats     *StatObject
	Timestamp Time
}
