package nomadlike

// QuotaSpec is a noun of the HTTP API.
type QuotaSpec struct {
	Name        string
	Description string
	Limits      []*QuotaLimit
	CreateIndex uint64
	ModifyIndex uint64
}

// QuotaLimit is a noun of the HTTP API.
type QuotaLimit struct {
	Region         string
	RegionLimit    *QuotaResources
	VariablesLimit *int
	Hash           []byte
}

// QuotaResources is a noun of the HTTP API.
type QuotaResources struct {
	CPU         *int
	Cores       *int
	MemoryMB    *int64
	MemoryMaxMB *int64
	Devices     []*RequestedDevice
	NUMA        *NUMA
	SecretsMB   *int
	Storage     *QuotaStorageResources
	NodePools   []*NodePoolLimit
}

// QuotaStorageResources is a noun of the HTTP API.
type QuotaStorageResources struct {
	VariablesMB   int
	HostVolumesMB int
}

// NodePoolLimit is a noun of the HTTP API.
type NodePoolLimit struct {
	NodePool    string
	CPU         *int
	Cores       *int
	MemoryMB    *int64
	MemoryMaxMB *int64
	Devices     []*RequestedDevice
	NUMA        *NUMA
	SecretsMB   *int
	Storage     *QuotaStorageResources
}

// QuotaUsage is a noun of the HTTP API.
type QuotaUsage struct {
	Name        string
	Used        map[string]*QuotaLimit
	CreateIndex uint64
	ModifyIndex uint64
}
