package nomadlike

// QuotaSpec limits what the namespaces that name it may use together. In every
// limit nil and 0 allow any amount, and a negative number allows nothing.
type QuotaSpec struct {
	// letters, digits and dashes, up to 128
	Name        string
	Description string
	// at most one for each region; where there is none nothing is limited
	Limits      []*QuotaLimit
	CreateIndex uint64
	ModifyIndex uint64
}

// QuotaLimit is what a quota allows in one region.
type QuotaLimit struct {
	Region string
	// what allocations may use that are not over
	RegionLimit *QuotaResources
	// MB (2^20 bytes); the older form of RegionLimit.Storage.VariablesMB
	VariablesLimit *int
	// of what the author said; tells versions of the limit apart
	Hash []byte
}

// QuotaResources are amounts for all allocations together.
type QuotaResources struct {
	CPU   *int // MHz
	Cores *int // reserved cores
	// memory reserved, with that of secrets
	MemoryMB *int64
	// memory that may be used at most; the reservation where no more is allowed
	MemoryMaxMB *int64
	// by name `[vendor/][type/]name`; the counts are limits
	Devices []*RequestedDevice
	// cannot be limited
	NUMA      *NUMA
	SecretsMB *int
	Storage   *QuotaStorageResources
	// limits that hold on the nodes of a pool, beside those of the region
	NodePools []*NodePoolLimit
}

// QuotaStorageResources are amounts of what outlives allocations.
type QuotaStorageResources struct {
	VariablesMB   int // encrypted, 2^20 bytes
	HostVolumesMB int
}

// NodePoolLimit are amounts for the allocations on the nodes of one pool.
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

// QuotaUsage is what is used of a quota.
type QuotaUsage struct {
	Name string
	// by the base64 form of the limit's Hash: amounts in use, for the region
	// that is asked
	Used        map[string]*QuotaLimit
	CreateIndex uint64
	ModifyIndex uint64
}
