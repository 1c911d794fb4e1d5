package nomadlike

// Resources is a noun of the HTTP API.
type Resources struct {
	IOPS int // legacy, 0
	// MHz; default 100 (0 when Cores set)
	CPU int
	// default 0
	Cores int
	// default 300; min 10
	MemoryMB int64
	// default 0 = no oversubscription
	MemoryMaxMB int64
	// deprecated task networks
	Networks []*Network
	// Affinity default `none`
	NUMA      *NUMA
	DiskMB    int64
	Devices   []*RequestedDevice
	SecretsMB int
}

// RequestedDevice is a noun of the HTTP API.
type RequestedDevice struct {
	// `[vendor/][type/]name`
	Name string
	// default 1
	Count       uint64
	Constraints []*Constraint
	Affinities  []*Affinity
}

// NUMA is a noun of the HTTP API.
type NUMA struct {
	Affinity string
	Devices  []string
}

// Network (Observed default port answer: `{"HostNetwork":"default","Label":"http"}`.)
type Network struct {
	// ""|host|bridge|none|cni/<name>; "" behaves as host
	Mode string `json:"Mode,omitempty,omitzero"`
	// interpolated
	Hostname string `json:"Hostname,omitempty,omitzero"`
	// deprecated
	MBits int `json:"MBits,omitempty,omitzero"`
	// static ports
	ReservedPorts []*Port `json:"ReservedPorts,omitempty,omitzero"`
	// allocated range 20000-32000 by default
	DynamicPorts []*Port `json:"DynamicPorts,omitempty,omitzero"`
	// {Args}
	CNI    *CNIConfig `json:"CNI,omitempty,omitzero"`
	Device string     `json:"Device,omitempty,omitzero"`
	CIDR   string     `json:"CIDR,omitempty,omitzero"`
	IP     string     `json:"IP,omitempty,omitzero"`
	DNS    *DNSConfig `json:"DNS,omitempty,omitzero"`
}

// Port is a noun of the HTTP API.
type Port struct {
	// static value or assigned
	Value int `json:"Value,omitempty,omitzero"`
	// 0 = same as host port (dynamic), -1 = mapped to the assigned port
	To int `json:"To,omitempty,omitzero"`
	// default `default`
	HostNetwork string `json:"HostNetwork,omitempty,omitzero"`
	// host mode only
	IgnoreCollision bool   `json:"IgnoreCollision,omitempty,omitzero"`
	Label           string `json:"Label,omitempty,omitzero"`
}

// DNSConfig is a noun of the HTTP API.
type DNSConfig struct {
	Servers  []string
	Searches []string
	Options  []string
}

// CNIConfig is a noun of the HTTP API.
type CNIConfig struct {
	Args map[string]string
}

// AllocatedResources is a noun of the HTTP API.
type AllocatedResources struct {
	// per task, null when main
	TaskLifecycles map[string]*Lifecycle
	// group-level
	Shared AllocatedSharedResources
	Tasks  map[string]*AllocatedTaskResources
}

// AllocatedTaskResources is a noun of the HTTP API.
type AllocatedTaskResources struct {
	Cpu      AllocatedCpuResources
	Memory   AllocatedMemoryResources
	Networks []*Network
	Devices  []*AllocatedDeviceResource
}

// AllocatedCpuResources is a noun of the HTTP API.
type AllocatedCpuResources struct {
	CpuShares     int64
	ReservedCores []uint64
}

// AllocatedMemoryResources is a noun of the HTTP API.
type AllocatedMemoryResources struct {
	MemoryMB    int64
	MemoryMaxMB int64
}

// AllocatedDeviceResource is a noun of the HTTP API.
type AllocatedDeviceResource struct {
	Vendor    string
	Type      string
	Name      string
	DeviceIDs []string
}

// AllocatedSharedResources is a noun of the HTTP API.
type AllocatedSharedResources struct {
	Networks []*Network
	DiskMB   int64
	Ports    []*AllocatedPortMapping
}

// AllocatedPortMapping is a noun of the HTTP API.
type AllocatedPortMapping struct {
	Label           string `json:"Label,omitempty,omitzero"`
	Value           int    `json:"Value,omitempty,omitzero"`
	To              int    `json:"To,omitempty,omitzero"`
	HostIP          string `json:"HostIP,omitempty,omitzero"`
	IgnoreCollision bool   `json:"IgnoreCollision,omitempty,omitzero"`
}
