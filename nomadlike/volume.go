package nomadlike

// CSIVolume (Answers add `Allocations` [AllocListStub]; claims never shown.)
type CSIVolume struct {
	// "" until claimed; single-node-reader-only|single-node-writer|multi-node-reader-only|multi-node-single-writer|multi-node-multi-writer
	AccessMode string
	// file-system|block-device
	AttachmentMode string
	// MountFlags shown as ["[REDACTED]"]
	MountOptions *CSIMountOptions
	// always null in answers
	Secrets map[string]string
	// object<null> keyed by alloc id
	ReadAllocs map[string]*Alloc
	// object<null>
	WriteAllocs map[string]*Alloc
	// unix ns
	CreateTime            int64
	ID                    string
	Name                  string
	ExternalID            string
	Namespace             string
	RequestedTopologies   *CSITopologyRequest
	Topologies            []*CSITopology
	Parameters            map[string]string
	Context               map[string]string
	Capacity              int64
	RequestedCapacityMin  int64
	RequestedCapacityMax  int64
	RequestedCapabilities []*CSIVolumeCapability
	CloneID               string
	SnapshotID            string
	Schedulable           bool
	PluginID              string
	Provider              string
	ProviderVersion       string
	ControllerRequired    bool
	ControllersHealthy    int
	ControllersExpected   int
	NodesHealthy          int
	NodesExpected         int
	ResourceExhausted     Time
	CreateIndex           uint64
	ModifyIndex           uint64
	ModifyTime            int64
}

// CSIVolListStub is a noun of the HTTP API.
type CSIVolListStub struct {
	ID                  string
	Namespace           string
	Name                string
	ExternalID          string
	Topologies          []*CSITopology
	AccessMode          string
	AttachmentMode      string
	CurrentReaders      int
	CurrentWriters      int
	Schedulable         bool
	PluginID            string
	Provider            string
	ControllerRequired  bool
	ControllersHealthy  int
	ControllersExpected int
	NodesHealthy        int
	NodesExpected       int
	ResourceExhausted   Time
	CreateIndex         uint64
	ModifyIndex         uint64
	CreateTime          int64
	ModifyTime          int64
}

// CSIVolumeCapability is a noun of the HTTP API.
type CSIVolumeCapability struct {
	AttachmentMode string
	AccessMode     string
}

// CSITopologyRequest is a noun of the HTTP API.
type CSITopologyRequest struct {
	Required  []*CSITopology
	Preferred []*CSITopology
}

// CSIPlugin is a noun of the HTTP API.
type CSIPlugin struct {
	ID                  string
	Provider            string
	Version             string
	ControllerRequired  bool
	Controllers         map[string]*CSIInfo
	Nodes               map[string]*CSIInfo
	Allocations         []*AllocStub
	ControllerJobs      map[string]map[string]*JobDescription
	NodeJobs            map[string]map[string]*JobDescription
	ControllersHealthy  int
	ControllersExpected int
	NodesHealthy        int
	NodesExpected       int
	CreateIndex         uint64
	ModifyIndex         uint64
	CreateTime          int64
	ModifyTime          int64
}

// CSIPluginListStub is a noun of the HTTP API.
type CSIPluginListStub struct {
	ID                  string
	Provider            string
	ControllerRequired  bool
	ControllersHealthy  int
	ControllersExpected int
	NodesHealthy        int
	NodesExpected       int
	CreateIndex         uint64
	ModifyIndex         uint64
}

// CSIVolumeExternalStub is a noun of the HTTP API.
type CSIVolumeExternalStub struct {
	ExternalID               string
	CapacityBytes            int64
	VolumeContext            map[string]string
	CloneID                  string
	SnapshotID               string
	PublishedExternalNodeIDs []string
	IsAbnormal               bool
	Status                   string
}

// CSISnapshot is a noun of the HTTP API.
type CSISnapshot struct {
	ID                     string
	ExternalSourceVolumeID string
	SizeBytes              int64
	CreateTime             int64
	IsReady                bool
	SourceVolumeID         string
	PluginID               string
	Name                   string
	Secrets                map[string]string
	Parameters             map[string]string
}

// HostVolume is a noun of the HTTP API.
type HostVolume struct {
	// UUID
	ID string
	// create: default `default`
	PluginID string
	// pending|ready|unavailable
	State string
	// unix ns
	CreateTime int64
	// stubs using it
	Allocations               []*AllocStub `json:"Allocations,omitempty,omitzero"`
	Namespace                 string
	Name                      string
	NodePool                  string
	NodeID                    string
	Constraints               []*Constraint `json:"Constraints,omitempty,omitzero"`
	RequestedCapacityMinBytes int
	RequestedCapacityMaxBytes int
	CapacityBytes             int64
	RequestedCapabilities     []*HostVolumeCapability
	Parameters                map[string]string `json:"Parameters,omitempty,omitzero"`
	HostPath                  string
	CreateIndex               uint64
	ModifyIndex               uint64
	ModifyTime                int64
}

// HostVolumeStub is a noun of the HTTP API.
type HostVolumeStub struct {
	Namespace     string
	ID            string
	Name          string
	PluginID      string
	NodePool      string
	NodeID        string
	CapacityBytes int64
	State         string
	CreateIndex   uint64
	CreateTime    int64
	ModifyIndex   uint64
	ModifyTime    int64
}

// HostVolumeCapability (HostVolumeCapability access modes: single-node-reader-only, single-node-writer, single-node-single-writer, single-node-multi-writer.)
type HostVolumeCapability struct {
	AttachmentMode string
	AccessMode     string
}

// TaskGroupHostVolumeClaim is a noun of the HTTP API.
type TaskGroupHostVolumeClaim struct {
	ID            string
	Namespace     string
	JobID         string
	TaskGroupName string
	AllocID       string
	VolumeID      string
	VolumeName    string
	CreateIndex   uint64
	ModifyIndex   uint64
}

// JobDescription names one version of a job.
type JobDescription struct {
	Namespace string
	ID        string
	Version   uint64
}
