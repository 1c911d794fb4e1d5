package nomadlike

// Resources are what a task asks for.
type Resources struct {
	IOPS int // legacy, 0
	// MHz; default 100 (0 when Cores or CPUMillis set)
	CPU int
	// thousandths of one core of the node; default 0; excludes CPU and Cores
	CPUMillis int `json:"CPUMillis,omitempty,omitzero"`
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

// RequestedDevice are devices that a task asks for.
type RequestedDevice struct {
	// `[vendor/][type/]name`
	Name string
	// default 1
	Count       uint64
	Constraints []*Constraint
	Affinities  []*Affinity
}

// NUMA is how close together a task's cores, memory and devices must be.
type NUMA struct {
	Affinity string
	Devices  []string
}

// Network is a network that a group or task asks for, or that a node has given;
// the API calls it NetworkResource. Answers leave out what is zero.
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

// Port is a port that is asked for or was given.
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

// DNSConfig is how names are resolved inside an allocation.
type DNSConfig struct {
	Servers  []string
	Searches []string
	Options  []string
}

// CNIConfig is what CNI plugins are told about an allocation.
type CNIConfig struct {
	Args map[string]string
}

// AllocatedResources are what an allocation was given.
type AllocatedResources struct {
	// per task, null when main
	TaskLifecycles map[string]*Lifecycle `cbor:"1,keyasint,omitzero"`
	// group-level
	Shared AllocatedSharedResources           `cbor:"2,keyasint,omitzero"`
	Tasks  map[string]*AllocatedTaskResources `cbor:"3,keyasint,omitzero"`
}

// AllocatedTaskResources are what one task of an allocation was given.
type AllocatedTaskResources struct {
	Cpu      AllocatedCpuResources      `cbor:"1,keyasint,omitzero"`
	Memory   AllocatedMemoryResources   `cbor:"2,keyasint,omitzero"`
	Networks []*Network                 `cbor:"3,keyasint,omitzero"`
	Devices  []*AllocatedDeviceResource `cbor:"4,keyasint,omitzero"`
}

// AllocatedCpuResources are the share of the processors and the cores reserved.
type AllocatedCpuResources struct {
	CpuShares     int64    `cbor:"1,keyasint,omitzero"`
	ReservedCores []uint64 `cbor:"2,keyasint,omitzero"`
}

// AllocatedMemoryResources are memory reserved and its limit.
type AllocatedMemoryResources struct {
	MemoryMB    int64 `cbor:"1,keyasint,omitzero"`
	MemoryMaxMB int64 `cbor:"2,keyasint,omitzero"`
}

// AllocatedDeviceResource are devices that a task was given.
type AllocatedDeviceResource struct {
	Vendor    string   `cbor:"1,keyasint,omitzero"`
	Type      string   `cbor:"2,keyasint,omitzero"`
	Name      string   `cbor:"3,keyasint,omitzero"`
	DeviceIDs []string `cbor:"4,keyasint,omitzero"`
}

// AllocatedSharedResources are what the tasks of an allocation share.
type AllocatedSharedResources struct {
	Networks []*Network              `cbor:"1,keyasint,omitzero"`
	DiskMB   int64                   `cbor:"2,keyasint,omitzero"`
	Ports    []*AllocatedPortMapping `cbor:"3,keyasint,omitzero"`
}

// AllocatedPortMapping is a port of an allocation and where it leads.
type AllocatedPortMapping struct {
	Label           string `json:"Label,omitempty,omitzero" cbor:"1,keyasint,omitzero"`
	Value           int    `json:"Value,omitempty,omitzero" cbor:"2,keyasint,omitzero"`
	To              int    `json:"To,omitempty,omitzero" cbor:"3,keyasint,omitzero"`
	HostIP          string `json:"HostIP,omitempty,omitzero" cbor:"4,keyasint,omitzero"`
	IgnoreCollision bool   `json:"IgnoreCollision,omitempty,omitzero" cbor:"5,keyasint,omitzero"`
}
