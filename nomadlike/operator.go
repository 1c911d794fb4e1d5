package nomadlike

// SchedulerConfiguration is a noun of the HTTP API.
type SchedulerConfiguration struct {
	// default `binpack`; binpack|spread
	SchedulerAlgorithm            string
	PreemptionConfig              PreemptionConfig
	MemoryOversubscriptionEnabled bool
	RejectJobRegistration         bool
	PauseEvalBroker               bool
	NodeLimitForFeasibilityChecks uint64
	// BatchFairShare takes batch work of several namespaces in turn, by the
	// weights of the namespaces; otherwise only priority and age count.
	BatchFairShare bool `json:"BatchFairShare,omitempty"`
	CreateIndex    uint64
	ModifyIndex    uint64
}

// PreemptionConfig is a noun of the HTTP API.
type PreemptionConfig struct {
	SystemSchedulerEnabled   bool
	SysBatchSchedulerEnabled bool
	BatchSchedulerEnabled    bool
	ServiceSchedulerEnabled  bool
}

// AutopilotConfig is a noun of the HTTP API.
type AutopilotConfig struct {
	// duration string
	ServerStabilizationTime string
	// duration string
	LastContactThreshold    string
	CleanupDeadServers      bool
	MaxTrailingLogs         uint64
	MinQuorum               uint64
	EnableRedundancyZones   bool
	DisableUpgradeMigration bool
	EnableCustomUpgrades    bool
	CreateIndex             uint64
	ModifyIndex             uint64
}

// OperatorHealthReply is a noun of the HTTP API.
type OperatorHealthReply struct {
	Healthy                    bool
	FailureTolerance           int
	Servers                    []*ServerHealth
	Leader                     string
	Voters                     []string
	ReadReplicas               []string                  `json:"ReadReplicas,omitempty,omitzero"`
	RedundancyZones            map[string]*AutopilotZone `json:"RedundancyZones,omitempty,omitzero"`
	Upgrade                    *AutopilotUpgrade         `json:"Upgrade,omitempty,omitzero"`
	OptimisticFailureTolerance int                       `json:"OptimisticFailureTolerance,omitempty,omitzero"`
}

// ServerHealth is a noun of the HTTP API.
type ServerHealth struct {
	// alive|left|failed|none
	SerfStatus string
	// duration string
	LastContact string
	ID          string
	Name        string
	Address     string
	Version     string
	Leader      bool
	LastTerm    uint64
	LastIndex   uint64
	Healthy     bool
	Voter       bool
	StableSince Time
}

// AutopilotZone is a noun of the HTTP API.
type AutopilotZone struct {
	Servers          []string
	Voters           []string
	FailureTolerance int
}

// AutopilotUpgrade is a noun of the HTTP API.
type AutopilotUpgrade struct {
	Status                    string
	TargetVersion             string
	TargetVersionVoters       []string
	TargetVersionNonVoters    []string
	TargetVersionReadReplicas []string
	OtherVersionVoters        []string
	OtherVersionNonVoters     []string
	OtherVersionReadReplicas  []string
	RedundancyZones           map[string]*AutopilotZoneUpgradeVersions
}

// RaftConfigurationResponse is a noun of the HTTP API.
type RaftConfigurationResponse struct {
	Servers []*RaftServer
	Index   uint64
}

// RaftServer is a noun of the HTTP API.
type RaftServer struct {
	ID           string
	Node         string
	Address      string
	Leader       bool
	Voter        bool
	RaftProtocol string
}

// LeadershipTransferResponse is a noun of the HTTP API.
type LeadershipTransferResponse struct {
	From RaftIDAddress
	To   RaftIDAddress
	Noop bool
	Err  any
}

// RaftIDAddress is a noun of the HTTP API.
type RaftIDAddress struct {
	Address string
	ID      string
}

// RootKeyMeta is a noun of the HTTP API.
type RootKeyMeta struct {
	// aes256-gcm
	Algorithm string
	// unix ns
	CreateTime int64
	// unix ns or 0
	PublishTime int64
	KeyID       string
	CreateIndex uint64
	ModifyIndex uint64
	State       string
}

// ServerMembersResponse is a noun of the HTTP API.
type ServerMembersResponse struct {
	ServerName   string
	ServerRegion string
	ServerDC     string
	Members      []*ServerMember
}

// ServerMember is a noun of the HTTP API.
type ServerMember struct {
	// IP string
	Addr        string
	Name        string
	Port        uint64
	Tags        map[string]string
	Status      string
	ProtocolMin uint64
	ProtocolMax uint64
	ProtocolCur uint64
	DelegateMin uint64
	DelegateMax uint64
	DelegateCur uint64
}

// AgentMember is a noun of the HTTP API.
type AgentMember struct {
	Name        string
	Addr        string
	Port        uint64
	Tags        map[string]string
	Status      string
	ProtocolMin uint64
	ProtocolMax uint64
	ProtocolCur uint64
	DelegateMin uint64
	DelegateMax uint64
	DelegateCur uint64
}

// AgentSelf is a noun of the HTTP API.
type AgentSelf struct {
	Config map[string]any               `json:"config"`
	Member AgentMember                  `json:"member"`
	Stats  map[string]map[string]string `json:"stats"`
}

// AgentSchedulerWorkersInfo is a noun of the HTTP API.
type AgentSchedulerWorkersInfo struct {
	ServerID   string                      `json:"server_id"`
	Schedulers []*AgentSchedulerWorkerInfo `json:"schedulers"`
}

// AgentSchedulerWorkerInfo is a noun of the HTTP API.
type AgentSchedulerWorkerInfo struct {
	Id                string   `json:"id"`
	EnabledSchedulers []string `json:"enabled_schedulers"`
	Started           string   `json:"started"`
	Status            string   `json:"status"`
	WorkloadStatus    string   `json:"workload_status"`
}

// MetricsSummary is a noun of the HTTP API.
type MetricsSummary struct {
	Timestamp string
	Gauges    []*GaugeValue
	Points    []*PointValue
	Counters  []*SampledValue
	Samples   []*SampledValue
}

// GaugeValue is a noun of the HTTP API.
type GaugeValue struct {
	Name   string
	Value  float64
	Labels map[string]string
}

// SampledValue is a noun of the HTTP API.
type SampledValue struct {
	Name string
	AggregateSample
	Mean   float64
	Stddev float64
	Labels map[string]string
}

// AggregateSample is a noun of the HTTP API.
type AggregateSample struct {
	Count int
	Rate  float64
	Sum   float64
	Min   float64
	Max   float64
}

// UpgradeCheckVaultWorkloadIdentityResponse is a noun of the HTTP API.
type UpgradeCheckVaultWorkloadIdentityResponse struct {
	JobsWithoutVaultIdentity []*JobStub
	OutdatedNodes            []*NodeStub
	VaultTokens              []any
	QueryMeta
}

// OIDCDiscoveryConfig is a noun of the HTTP API.
type OIDCDiscoveryConfig struct {
	Issuer                           string   `json:"issuer"`
	JwksUri                          string   `json:"jwks_uri"`
	IdTokenSigningAlgValuesSupported []string `json:"id_token_signing_alg_values_supported"`
	ResponseTypesSupported           []string `json:"response_types_supported"`
	SubjectTypesSupported            []string `json:"subject_types_supported"`
}

// WorkloadIdentityClaims is a noun of the HTTP API.
type WorkloadIdentityClaims struct {
	NomadNamespace    string            `json:"nomad_namespace"`
	NomadJobId        string            `json:"nomad_job_id"`
	NomadAllocationId string            `json:"nomad_allocation_id"`
	NomadTask         string            `json:"nomad_task,omitempty,omitzero"`
	NomadService      string            `json:"nomad_service,omitempty,omitzero"`
	ConsulNamespace   string            `json:"consul_namespace,omitempty,omitzero"`
	VaultNamespace    string            `json:"vault_namespace,omitempty,omitzero"`
	VaultRole         string            `json:"vault_role,omitempty,omitzero"`
	ExtraClaims       map[string]string `json:"extra_claims,omitempty,omitzero"`
}

// NodeIdentityClaims is a noun of the HTTP API.
type NodeIdentityClaims struct {
	NomadNodeId         string `json:"nomad_node_id,omitempty,omitzero"`
	NomadNodePool       string `json:"nomad_node_pool,omitempty,omitzero"`
	NomadNodeClass      string `json:"nomad_node_class,omitempty,omitzero"`
	NomadNodeDatacenter string `json:"nomad_node_datacenter,omitempty,omitzero"`
}

// AutopilotZoneUpgradeVersions says which servers of one redundancy zone run
// which version during an upgrade.
type AutopilotZoneUpgradeVersions struct {
	TargetVersionVoters    []string `json:",omitempty"`
	TargetVersionNonVoters []string `json:",omitempty"`
	OtherVersionVoters     []string `json:",omitempty"`
	OtherVersionNonVoters  []string `json:",omitempty"`
}

// PointValue is a metric of single points; always empty here, kept for clients
// that read it.
type PointValue struct {
	Name   string
	Points []float64
}
