package nomadlike

import "time"

// Node (Answers add `Drain` bool (DrainStrategy != null). The Go client type also has legacy `Resources`/`Reserved` (absent in answers).)
type Node struct {
	// always ""
	SecretID string
	// host:port clients dial directly
	HTTPAddr string
	// fingerprints; `unique.` prefix excluded from class
	Attributes map[string]string
	// default `default`
	NodePool string
	// `v1:...`
	ComputedClass string
	// eligible|ineligible
	SchedulingEligibility string
	// initializing|ready|down|disconnected
	Status string
	// unix s
	StatusUpdatedAt int64
	// {} when none
	CSIControllerPlugins map[string]*CSIInfo
	// {} when none
	CSINodePlugins map[string]*CSIInfo
	// null or last drain
	LastDrain                *DrainMetadata
	ID                       string
	Datacenter               string
	Name                     string
	CgroupParent             string
	TLSEnabled               bool
	NodeResources            *NodeResources
	ReservedResources        *NodeReservedResources
	Links                    map[string]string
	Meta                     map[string]string
	NodeClass                string
	DrainStrategy            *DrainStrategy
	StatusDescription        string
	IdentitySigningKeyID     string
	Events                   []*NodeEvent
	Drivers                  map[string]*DriverInfo
	HostVolumes              map[string]*ClientHostVolumeConfig
	GCVolumesOnNodeGC        bool
	HostNetworks             map[string]*ClientHostNetworkConfig
	NodeMaxAllocs            int
	LastMissedHeartbeatIndex uint64
	LastAllocUpdateIndex     uint64
	CreateIndex              uint64
	ModifyIndex              uint64
}

// NodeStub is what the HTTP API shows as NodeListStub.
type NodeStub struct {
	// host part of HTTPAddr
	Address string
	// only with os=true: {"os.name": ...}
	Attributes map[string]string `json:"Attributes,omitempty,omitzero"`
	// attr nomad.version
	Version string
	// only with resources=true
	NodeResources *NodeResources `json:"NodeResources,omitempty,omitzero"`
	// only with resources=true
	ReservedResources     *NodeReservedResources `json:"ReservedResources,omitempty,omitzero"`
	ID                    string
	Datacenter            string
	Name                  string
	NodePool              string
	NodeClass             string
	Drain                 bool
	SchedulingEligibility string
	Status                string
	StatusDescription     string
	Drivers               map[string]*DriverInfo
	HostVolumes           map[string]*ClientHostVolumeConfig
	LastDrain             *DrainMetadata
	CreateIndex           uint64
	ModifyIndex           uint64
}

// NodeResources is a noun of the HTTP API.
type NodeResources struct {
	Cpu            LegacyNodeCpuResources
	Processors     NodeProcessorResources
	Memory         NodeMemoryResources
	Disk           NodeDiskResources
	Devices        []*NodeDeviceResource
	NodeNetworks   []*NodeNetworkResource
	Networks       []*Network
	MinDynamicPort int
	MaxDynamicPort int
}

// LegacyNodeCpuResources is a noun of the HTTP API.
type LegacyNodeCpuResources struct {
	CpuShares          int64
	TotalCpuCores      uint64
	ReservableCpuCores []uint64
}

// NodeProcessorResources is a noun of the HTTP API.
type NodeProcessorResources struct {
	Topology *Topology
}

// NodeMemoryResources is a noun of the HTTP API.
type NodeMemoryResources struct {
	MemoryMB int64
}

// NodeDiskResources is a noun of the HTTP API.
type NodeDiskResources struct {
	DiskMB int64
}

// NodeNetworkResource is a noun of the HTTP API.
type NodeNetworkResource struct {
	Mode       string
	Device     string
	MacAddress string
	Speed      int64
	Addresses  []*NodeNetworkAddress
}

// NodeNetworkAddress is a noun of the HTTP API.
type NodeNetworkAddress struct {
	Family        string
	Alias         string
	Address       string
	ReservedPorts string
	Gateway       string
}

// NodeDeviceResource is a noun of the HTTP API.
type NodeDeviceResource struct {
	Vendor     string
	Type       string
	Name       string
	Instances  []*NodeDevice
	Attributes map[string]*Attribute
}

// NodeDevice is a noun of the HTTP API.
type NodeDevice struct {
	ID                string
	Healthy           bool
	HealthDescription string
	Locality          *NodeDeviceLocality
}

// NodeDeviceLocality (Device attribute = {Float?, Int?, String?, Bool?, Unit}.)
type NodeDeviceLocality struct {
	PciBusID string
}

// NodeReservedResources is a noun of the HTTP API.
type NodeReservedResources struct {
	Cpu      NodeReservedCpuResources
	Memory   NodeReservedMemoryResources
	Disk     NodeReservedDiskResources
	Networks NodeReservedNetworkResources
}

// NodeReservedCpuResources is a noun of the HTTP API.
type NodeReservedCpuResources struct {
	CpuShares        int64
	ReservedCpuCores []uint64
}

// NodeReservedMemoryResources is a noun of the HTTP API.
type NodeReservedMemoryResources struct {
	MemoryMB int64
}

// NodeReservedDiskResources is a noun of the HTTP API.
type NodeReservedDiskResources struct {
	DiskMB int64
}

// NodeReservedNetworkResources is a noun of the HTTP API.
type NodeReservedNetworkResources struct {
	ReservedHostPorts string
}

// DriverInfo is a noun of the HTTP API.
type DriverInfo struct {
	Attributes        map[string]string
	Detected          bool
	Healthy           bool
	HealthDescription string
	UpdateTime        Time
}

// NodeEvent is a noun of the HTTP API.
type NodeEvent struct {
	Message     string
	Subsystem   string
	Details     map[string]string
	Timestamp   Time
	CreateIndex uint64
}

// DrainSpec is a noun of the HTTP API.
type DrainSpec struct {
	Deadline         time.Duration
	IgnoreSystemJobs bool
}

// DrainStrategy (JSON: {Deadline, IgnoreSystemJobs, ForceDeadline, StartedAt}.)
type DrainStrategy struct {
	Deadline         time.Duration
	IgnoreSystemJobs bool
	ForceDeadline    Time
	StartedAt        Time
}

// DrainMetadata is a noun of the HTTP API.
type DrainMetadata struct {
	StartedAt  Time
	UpdatedAt  Time
	Status     string
	AccessorID string
	Meta       map[string]string
}

// ClientHostVolumeConfig is a noun of the HTTP API.
type ClientHostVolumeConfig struct {
	Name     string
	Path     string
	ReadOnly bool
	ID       string
}

// ClientHostNetworkConfig is a noun of the HTTP API.
type ClientHostNetworkConfig struct {
	Name          string
	CIDR          string
	Interface     string
	ReservedPorts string
}

// CSIInfo is a noun of the HTTP API.
type CSIInfo struct {
	PluginID                 string
	AllocID                  string
	Healthy                  bool
	HealthDescription        string
	UpdateTime               Time
	Provider                 string
	ProviderVersion          string
	RequiresControllerPlugin bool
	RequiresTopologies       bool
	ControllerInfo           *CSIControllerInfo `json:"ControllerInfo,omitempty,omitzero"`
	NodeInfo                 *CSINodeInfo       `json:"NodeInfo,omitempty,omitzero"`
}

// CSIControllerInfo is a noun of the HTTP API.
type CSIControllerInfo struct {
	SupportsCreateDelete             bool
	SupportsAttachDetach             bool
	SupportsListVolumes              bool
	SupportsGetCapacity              bool
	SupportsCreateDeleteSnapshot     bool
	SupportsListSnapshots            bool
	SupportsClone                    bool
	SupportsReadOnlyAttach           bool
	SupportsExpand                   bool
	SupportsListVolumesAttachedNodes bool
	SupportsCondition                bool
	SupportsGet                      bool
}

// CSINodeInfo is a noun of the HTTP API.
type CSINodeInfo struct {
	ID                      string
	MaxVolumes              int
	AccessibleTopology      *CSITopology
	RequiresNodeStageVolume bool
	SupportsStats           bool
	SupportsExpand          bool
	SupportsCondition       bool
}

// CSITopology is a noun of the HTTP API.
type CSITopology struct {
	Segments map[string]string
}

// NodeUpdateResponse is a noun of the HTTP API.
type NodeUpdateResponse struct {
	HeartbeatTTL          time.Duration
	EvalIDs               []string
	EvalCreateIndex       uint64
	NodeModifyIndex       uint64
	Features              uint64
	LeaderRPCAddr         string
	NumNodes              int
	Servers               []*NodeServerInfo
	SchedulingEligibility string
	SignedIdentity        *string
	QueryMeta
}

// NodeServerInfo is a noun of the HTTP API.
type NodeServerInfo struct {
	RPCAdvertiseAddr string
	RPCMajorVersion  int
	RPCMinorVersion  int
	Datacenter       string
}

// NodeDrainUpdateResponse is a noun of the HTTP API.
type NodeDrainUpdateResponse struct {
	NodeModifyIndex uint64
	EvalIDs         []string
	EvalCreateIndex uint64
	WriteMeta
}

// NodeEligibilityUpdateResponse is a noun of the HTTP API.
type NodeEligibilityUpdateResponse struct {
	NodeModifyIndex uint64
	EvalIDs         []string
	EvalCreateIndex uint64
	WriteMeta
}

// NodeMetaResponse is a noun of the HTTP API.
type NodeMetaResponse struct {
	Meta    map[string]string
	Dynamic map[string]*string
	Static  map[string]string
}

// Topology is a node's processors: NUMA nodes, their distances, and one entry
// per logical core.
type Topology struct {
	Nodes                  []uint64
	Distances              [][]uint64
	Cores                  []*TopologyCore
	OverrideTotalCompute   uint64 // MHz; 0 = computed from the cores
	OverrideWitholdCompute uint64 // MHz kept from tasks
	// BusAssociativity is the NUMA node that a device is attached to, by its
	// address on the PCI bus; devices that no node is nearest to are left out.
	BusAssociativity map[string]uint64 `json:"BusAssociativity,omitempty,omitzero"`
}

// TopologyCore is one logical core.
type TopologyCore struct {
	ID         uint64
	NodeID     uint64
	SocketID   uint64
	Grade      bool // true: performance core
	Disable    bool // reserved for the system
	BaseSpeed  uint64
	MaxSpeed   uint64
	GuessSpeed uint64
}

// Attribute is one typed device attribute; exactly one of the values is set.
type Attribute struct {
	Float  *float64 `json:",omitempty"`
	Int    *int64   `json:",omitempty"`
	String *string  `json:",omitempty"`
	Bool   *bool    `json:",omitempty"`
	Unit   string
}
