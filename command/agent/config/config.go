// Package config is the configuration of an agent: its blocks with their
// defaults, read from files in the HCL 1 dialect or JSON, merged in order.
// Package agent turns it into what the rooms need. It opens no socket.
package config

import "time"

// Config is an agent's whole configuration. Members are named in files by
// their hcl tag. A source later in order wins where it says something: a
// number that is not zero, a text that is not empty; a plain bool can only be
// turned on, a *bool both ways; maps are merged; lists are appended unless
// tagged "replace".
type Config struct {
	Region     string `hcl:"region"`     // default global
	Datacenter string `hcl:"datacenter"` // default dc1
	Name       string `hcl:"name"`       // default the host's name
	DataDir    string `hcl:"data_dir"`   // absolute
	PluginDir  string `hcl:"plugin_dir"` // default <data_dir>/plugins
	BindAddr   string `hcl:"bind_addr"`  // default 0.0.0.0

	Addresses Addresses `hcl:"addresses"`
	Advertise Addresses `hcl:"advertise"`
	Ports     Ports     `hcl:"ports"`

	LogLevel           string        `hcl:"log_level"` // default INFO
	LogJSON            bool          `hcl:"log_json"`
	LogIncludeLocation bool          `hcl:"log_include_location"`
	LogFile            string        `hcl:"log_file"`
	LogRotateDuration  time.Duration `hcl:"log_rotate_duration"` // default 24h
	LogRotateBytes     int           `hcl:"log_rotate_bytes"`    // 0 no limit
	LogRotateMaxFiles  int           `hcl:"log_rotate_max_files"`
	EnableSyslog       bool          `hcl:"enable_syslog"`
	SyslogFacility     string        `hcl:"syslog_facility"`

	EnableDebug               bool  `hcl:"enable_debug"`
	LeaveOnInterrupt          bool  `hcl:"leave_on_interrupt"`
	LeaveOnTerminate          bool  `hcl:"leave_on_terminate"`
	DisableUpdateCheck        *bool `hcl:"disable_update_check"`
	DisableAnonymousSignature bool  `hcl:"disable_anonymous_signature"`

	HTTPAPIResponseHeaders map[string]string `hcl:"http_api_response_headers"`

	ACL       ACL                `hcl:"acl"`
	Autopilot Autopilot          `hcl:"autopilot"`
	Client    Client             `hcl:"client"`
	Server    Server             `hcl:"server"`
	Telemetry Telemetry          `hcl:"telemetry"`
	TLS       TLS                `hcl:"tls"`
	Limits    Limits             `hcl:"limits"`
	RPC       RPC                `hcl:"rpc"`
	UI        UI                 `hcl:"ui"`
	Plugins   map[string]*Plugin `hcl:"plugin,label"`

	// Blocks whose features come later: their text is checked to be a block and
	// kept as it is.
	Audit     map[string]any   `hcl:"audit"`
	EventLog  map[string]any   `hcl:"eventlog"`
	Reporting map[string]any   `hcl:"reporting"`
	Sentinel  map[string]any   `hcl:"sentinel"`
	Consul    []map[string]any `hcl:"consul"`
	Vault     []map[string]any `hcl:"vault"`
	Keyring   []map[string]any `hcl:"keyring"`

	// Files are the files that were read, in order.
	Files []string
	// DevMode keeps nothing on disk.
	DevMode bool
}

// Addresses are host or host:port, by protocol.
type Addresses struct {
	HTTP string `hcl:"http"`
	RPC  string `hcl:"rpc"`
	Serf string `hcl:"serf"`
}

// Ports are by protocol; defaults 4646, 4647, 4648.
type Ports struct {
	HTTP int `hcl:"http"`
	RPC  int `hcl:"rpc"`
	Serf int `hcl:"serf"`
}

// ACL is the acl block.
type ACL struct {
	Enabled               bool          `hcl:"enabled"`
	TokenTTL              time.Duration `hcl:"token_ttl"`
	PolicyTTL             time.Duration `hcl:"policy_ttl"`
	RoleTTL               time.Duration `hcl:"role_ttl"`
	TokenMinExpirationTTL time.Duration `hcl:"token_min_expiration_ttl"`
	TokenMaxExpirationTTL time.Duration `hcl:"token_max_expiration_ttl"`
	ReplicationToken      string        `hcl:"replication_token" secret:"true"`
}

// Autopilot is the initial autopilot configuration.
type Autopilot struct {
	CleanupDeadServers      *bool         `hcl:"cleanup_dead_servers"`
	LastContactThreshold    time.Duration `hcl:"last_contact_threshold"`
	MaxTrailingLogs         int           `hcl:"max_trailing_logs"`
	MinQuorum               int           `hcl:"min_quorum"`
	ServerStabilizationTime time.Duration `hcl:"server_stabilization_time"`
	EnableRedundancyZones   *bool         `hcl:"enable_redundancy_zones"`
	DisableUpgradeMigration *bool         `hcl:"disable_upgrade_migration"`
	EnableCustomUpgrades    *bool         `hcl:"enable_custom_upgrades"`
}

// ServerJoin says how to find servers.
type ServerJoin struct {
	StartJoin     []string      `hcl:"start_join,replace"`
	RetryJoin     []string      `hcl:"retry_join,replace"`
	RetryMax      int           `hcl:"retry_max"`      // 0 forever
	RetryInterval time.Duration `hcl:"retry_interval"` // default 30s
}

// Server is the server block.
type Server struct {
	Enabled             bool       `hcl:"enabled"`
	BootstrapExpect     int        `hcl:"bootstrap_expect"`
	DataDir             string     `hcl:"data_dir"`
	AuthoritativeRegion string     `hcl:"authoritative_region"`
	ServerJoin          ServerJoin `hcl:"server_join"`

	StartJoin     []string      `hcl:"start_join,replace"`
	RetryJoin     []string      `hcl:"retry_join,replace"`
	RetryMax      int           `hcl:"retry_max"`
	RetryInterval time.Duration `hcl:"retry_interval"`

	RejoinAfterLeave      bool           `hcl:"rejoin_after_leave"`
	Encrypt               string         `hcl:"encrypt" secret:"true"`
	RaftProtocol          int            `hcl:"raft_protocol"`
	RaftMultiplier        int            `hcl:"raft_multiplier"`
	RaftTrailingLogs      int            `hcl:"raft_trailing_logs"`
	RaftSnapshotThreshold int            `hcl:"raft_snapshot_threshold"`
	RaftSnapshotInterval  time.Duration  `hcl:"raft_snapshot_interval"`
	RaftLogStore          map[string]any `hcl:"raft_logstore"`
	RaftBoltDB            map[string]any `hcl:"raft_boltdb"`

	NumSchedulers          *int            `hcl:"num_schedulers"`
	EnabledSchedulers      []string        `hcl:"enabled_schedulers"`
	DefaultSchedulerConfig SchedulerConfig `hcl:"default_scheduler_config"`

	HeartbeatGrace         time.Duration `hcl:"heartbeat_grace"`
	MinHeartbeatTTL        time.Duration `hcl:"min_heartbeat_ttl"`
	MaxHeartbeatsPerSecond float64       `hcl:"max_heartbeats_per_second"`
	FailoverHeartbeatTTL   time.Duration `hcl:"failover_heartbeat_ttl"`

	JobGCInterval            time.Duration `hcl:"job_gc_interval"`
	JobGCThreshold           time.Duration `hcl:"job_gc_threshold"`
	EvalGCThreshold          time.Duration `hcl:"eval_gc_threshold"`
	BatchEvalGCThreshold     time.Duration `hcl:"batch_eval_gc_threshold"`
	DeploymentGCThreshold    time.Duration `hcl:"deployment_gc_threshold"`
	NodeGCThreshold          time.Duration `hcl:"node_gc_threshold"`
	CSIVolumeClaimGCInterval time.Duration `hcl:"csi_volume_claim_gc_interval"`
	CSIVolumeClaimGCThresh   time.Duration `hcl:"csi_volume_claim_gc_threshold"`
	CSIPluginGCThreshold     time.Duration `hcl:"csi_plugin_gc_threshold"`
	ACLTokenGCThreshold      time.Duration `hcl:"acl_token_gc_threshold"`
	RootKeyGCInterval        time.Duration `hcl:"root_key_gc_interval"`
	RootKeyGCThreshold       time.Duration `hcl:"root_key_gc_threshold"`
	RootKeyRotationThreshold time.Duration `hcl:"root_key_rotation_threshold"`

	JobDefaultPriority int    `hcl:"job_default_priority"`
	JobMaxPriority     int    `hcl:"job_max_priority"`
	JobMaxCount        *int   `hcl:"job_max_count"`
	JobMaxSourceSize   string `hcl:"job_max_source_size"`
	JobTrackedVersions int    `hcl:"job_tracked_versions"`

	PlanRejectionTracker PlanRejectionTracker `hcl:"plan_rejection_tracker"`
	PlanApplyPipeline    int                  `hcl:"plan_apply_pipeline"`
	DeployQueryRateLimit float64              `hcl:"deploy_query_rate_limit"`
	EnableEventBroker    *bool                `hcl:"enable_event_broker"`
	EventBufferSize      int                  `hcl:"event_buffer_size"`
	Search               Search               `hcl:"search"`
	ClientIntroduction   map[string]any       `hcl:"client_introduction"`
	OIDCIssuer           string               `hcl:"oidc_issuer"`
	StartTimeout         time.Duration        `hcl:"start_timeout"`

	LicensePath     string `hcl:"license_path"`
	NonVotingServer bool   `hcl:"non_voting_server"`
	RedundancyZone  string `hcl:"redundancy_zone"`
	UpgradeVersion  string `hcl:"upgrade_version"`
	NonProduction   bool   `hcl:"non_production"`
	ProtocolVersion int    `hcl:"protocol_version"`
}

// SchedulerConfig is what a new cluster starts with.
type SchedulerConfig struct {
	SchedulerAlgorithm            string     `hcl:"scheduler_algorithm"`
	MemoryOversubscriptionEnabled bool       `hcl:"memory_oversubscription_enabled"`
	RejectJobRegistration         bool       `hcl:"reject_job_registration"`
	PauseEvalBroker               bool       `hcl:"pause_eval_broker"`
	NodeLimitForFeasibilityChecks int        `hcl:"node_limit_for_feasibility_checks"`
	BatchFairShare                bool       `hcl:"batch_fair_share"`
	PreemptionConfig              Preemption `hcl:"preemption_config"`
}

// Preemption says which schedulers may evict work of lower priority.
type Preemption struct {
	SystemSchedulerEnabled   *bool `hcl:"system_scheduler_enabled"`
	SysBatchSchedulerEnabled *bool `hcl:"sysbatch_scheduler_enabled"`
	BatchSchedulerEnabled    *bool `hcl:"batch_scheduler_enabled"`
	ServiceSchedulerEnabled  *bool `hcl:"service_scheduler_enabled"`
}

// PlanRejectionTracker bounds how often a node may refuse plans.
type PlanRejectionTracker struct {
	Enabled       *bool         `hcl:"enabled"`
	NodeThreshold int           `hcl:"node_threshold"`
	NodeWindow    time.Duration `hcl:"node_window"`
}

// Search bounds searches.
type Search struct {
	FuzzyEnabled  *bool `hcl:"fuzzy_enabled"`
	LimitQuery    int   `hcl:"limit_query"`
	LimitResults  int   `hcl:"limit_results"`
	MinTermLength int   `hcl:"min_term_length"`
}

// Client is the client block.
type Client struct {
	Enabled             bool       `hcl:"enabled"`
	StateDir            string     `hcl:"state_dir"`
	AllocDir            string     `hcl:"alloc_dir"`
	AllocMountsDir      string     `hcl:"alloc_mounts_dir"`
	HostVolumesDir      string     `hcl:"host_volumes_dir"`
	HostVolumePluginDir string     `hcl:"host_volume_plugin_dir"`
	CommonPluginDir     string     `hcl:"common_plugin_dir"`
	Servers             []string   `hcl:"servers"`
	ServerJoin          ServerJoin `hcl:"server_join"`
	NodeClass           string     `hcl:"node_class"`
	NodePool            string     `hcl:"node_pool"`

	Meta      map[string]string `hcl:"meta"`
	Options   map[string]string `hcl:"options"`
	ChrootEnv map[string]string `hcl:"chroot_env"`

	NetworkInterface       string `hcl:"network_interface"`
	PreferredAddressFamily string `hcl:"preferred_address_family"`
	NetworkSpeed           int    `hcl:"network_speed"`
	CPUTotalCompute        int    `hcl:"cpu_total_compute"`
	CPUDisableDmidecode    bool   `hcl:"cpu_disable_dmidecode"`
	MemoryTotalMB          int    `hcl:"memory_total_mb"`
	DiskTotalMB            int    `hcl:"disk_total_mb"`
	DiskFreeMB             int    `hcl:"disk_free_mb"`
	ReservableCores        string `hcl:"reservable_cores"`

	Reserved       Reserved      `hcl:"reserved"`
	MinDynamicPort int           `hcl:"min_dynamic_port"`
	MaxDynamicPort int           `hcl:"max_dynamic_port"`
	ClientMinPort  int           `hcl:"client_min_port"`
	ClientMaxPort  int           `hcl:"client_max_port"`
	MaxKillTimeout time.Duration `hcl:"max_kill_timeout"`

	GCInterval            time.Duration `hcl:"gc_interval"`
	GCParallelDestroys    int           `hcl:"gc_parallel_destroys"`
	GCDiskUsageThreshold  float64       `hcl:"gc_disk_usage_threshold"`
	GCInodeUsageThreshold float64       `hcl:"gc_inode_usage_threshold"`
	GCMaxAllocs           int           `hcl:"gc_max_allocs"`
	GCVolumesOnNodeGC     bool          `hcl:"gc_volumes_on_node_gc"`
	NodeMaxAllocs         int           `hcl:"node_max_allocs"`

	NoHostUUID            *bool  `hcl:"no_host_uuid"`
	DisableRemoteExec     bool   `hcl:"disable_remote_exec"`
	NomadServiceDiscovery *bool  `hcl:"nomad_service_discovery"`
	DefaultIneligible     bool   `hcl:"default_ineligible"`
	CgroupParent          string `hcl:"cgroup_parent"`
	CNIPath               string `hcl:"cni_path"`
	CNIConfigDir          string `hcl:"cni_config_dir"`

	BridgeNetworkName        string `hcl:"bridge_network_name"`
	BridgeNetworkSubnet      string `hcl:"bridge_network_subnet"`
	BridgeNetworkSubnetIPv6  string `hcl:"bridge_network_subnet_ipv6"`
	BridgeNetworkHairpinMode bool   `hcl:"bridge_network_hairpin_mode"`
	BindWildcardDefault      bool   `hcl:"bind_wildcard_default_host_network"`

	HostVolumes  map[string]*HostVolume    `hcl:"host_volume,label"`
	HostNetworks map[string]*HostNetwork   `hcl:"host_network,label"`
	Fingerprint  map[string]map[string]any `hcl:"fingerprint,label"`

	Template        map[string]any `hcl:"template"`
	Artifact        map[string]any `hcl:"artifact"`
	DrainOnShutdown *Drain         `hcl:"drain_on_shutdown"`
	Users           map[string]any `hcl:"users"`
	Stats           map[string]any `hcl:"stats"`
	IntroToken      string         `hcl:"intro_token" secret:"true"`
}

// Reserved is what a node keeps for itself.
type Reserved struct {
	CPU           int    `hcl:"cpu"`    // MHz
	Cores         string `hcl:"cores"`  // cpuset list
	MemoryMB      int    `hcl:"memory"` // MB
	DiskMB        int    `hcl:"disk"`   // MB
	ReservedPorts string `hcl:"reserved_ports"`
}

// HostVolume is a directory that jobs may mount.
type HostVolume struct {
	Path     string `hcl:"path"`
	ReadOnly bool   `hcl:"read_only"`
}

// HostNetwork is an address range that ports may be bound in.
type HostNetwork struct {
	CIDR          string `hcl:"cidr"`
	Interface     string `hcl:"interface"`
	ReservedPorts string `hcl:"reserved_ports"`
}

// Drain is what a client does on a graceful leave.
type Drain struct {
	Deadline         time.Duration `hcl:"deadline"` // default 1h
	Force            bool          `hcl:"force"`
	IgnoreSystemJobs bool          `hcl:"ignore_system_jobs"`
}

// Plugin configures a driver or device plugin.
type Plugin struct {
	Args   []string       `hcl:"args,replace"`
	Config map[string]any `hcl:"config"`
}

// Telemetry is the telemetry block.
type Telemetry struct {
	InMemoryCollectionInterval time.Duration `hcl:"in_memory_collection_interval"`
	InMemoryRetentionPeriod    time.Duration `hcl:"in_memory_retention_period"`
	CollectionInterval         time.Duration `hcl:"collection_interval"`
	DisableHostname            bool          `hcl:"disable_hostname"`
	UseNodeName                bool          `hcl:"use_node_name"`
	StatsdAddress              string        `hcl:"statsd_address"`
	StatsiteAddress            string        `hcl:"statsite_address"`
	DatadogAddress             string        `hcl:"datadog_address"`
	DatadogTags                []string      `hcl:"datadog_tags,replace"`
	PrometheusMetrics          bool          `hcl:"prometheus_metrics"`
	PublishAllocationMetrics   bool          `hcl:"publish_allocation_metrics"`
	PublishNodeMetrics         bool          `hcl:"publish_node_metrics"`
	IncludeAllocMetadata       bool          `hcl:"include_alloc_metadata_in_metrics"`
	AllowedMetadataKeys        []string      `hcl:"allowed_metadata_keys_in_metrics"`
	PrefixFilter               []string      `hcl:"prefix_filter,replace"`
	FilterDefault              *bool         `hcl:"filter_default"`
	DisableDispatchedSummary   bool          `hcl:"disable_dispatched_job_summary_metrics"`
	DisableRPCRateLabels       bool          `hcl:"disable_rpc_rate_metrics_labels"`
	DisableQuotaMetrics        bool          `hcl:"disable_quota_utilization_metrics"`
	DisableAllocHookMetrics    *bool         `hcl:"disable_allocation_hook_metrics"`
	Circonus                   Circonus      `hcl:",inline"`
}

// Circonus is accepted and not served: the service's keys of the telemetry block.
type Circonus struct {
	APIToken                   string `hcl:"circonus_api_token" secret:"true"`
	APIApp                     string `hcl:"circonus_api_app"`
	APIURL                     string `hcl:"circonus_api_url"`
	SubmissionInterval         string `hcl:"circonus_submission_interval"`
	SubmissionURL              string `hcl:"circonus_submission_url"`
	CheckID                    string `hcl:"circonus_check_id"`
	CheckForceMetricActivation string `hcl:"circonus_check_force_metric_activation"`
	CheckInstanceID            string `hcl:"circonus_check_instance_id"`
	CheckSearchTag             string `hcl:"circonus_check_search_tag"`
	CheckTags                  string `hcl:"circonus_check_tags"`
	CheckDisplayName           string `hcl:"circonus_check_display_name"`
	BrokerID                   string `hcl:"circonus_broker_id"`
	BrokerSelectTag            string `hcl:"circonus_broker_select_tag"`
}

// TLS is the tls block.
type TLS struct {
	HTTP                 bool   `hcl:"http"`
	RPC                  bool   `hcl:"rpc"`
	CAFile               string `hcl:"ca_file"`
	CertFile             string `hcl:"cert_file"`
	KeyFile              string `hcl:"key_file"`
	VerifyServerHostname bool   `hcl:"verify_server_hostname"`
	VerifyHTTPSClient    bool   `hcl:"verify_https_client"`
	RPCUpgradeMode       bool   `hcl:"rpc_upgrade_mode"`
	MinVersion           string `hcl:"tls_min_version"`
	CipherSuites         string `hcl:"tls_cipher_suites"`
	PreferServerCiphers  bool   `hcl:"tls_prefer_server_cipher_suites"`
}

// Limits bound what strangers may do.
type Limits struct {
	HTTPMaxConnsPerClient *int          `hcl:"http_max_conns_per_client"` // default 100, 0 off
	HTTPSHandshakeTimeout time.Duration `hcl:"https_handshake_timeout"`   // default 5s
	RPCHandshakeTimeout   time.Duration `hcl:"rpc_handshake_timeout"`     // default 5s
	RPCMaxConnsPerClient  *int          `hcl:"rpc_max_conns_per_client"`  // default 100, 0 off
}

// RPC tunes the connections between agents; zero keeps the default.
type RPC struct {
	AcceptBacklog          int           `hcl:"accept_backlog"`
	KeepAliveInterval      time.Duration `hcl:"keep_alive_interval"`
	ConnectionWriteTimeout time.Duration `hcl:"connection_write_timeout"`
	StreamOpenTimeout      time.Duration `hcl:"stream_open_timeout"`
	StreamCloseTimeout     time.Duration `hcl:"stream_close_timeout"`
	DialTimeout            time.Duration `hcl:"dial_timeout"`
}

// UI is the ui block.
type UI struct {
	Enabled               *bool          `hcl:"enabled"`
	ShowCLIHints          *bool          `hcl:"show_cli_hints"`
	Consul                map[string]any `hcl:"consul"`
	Vault                 map[string]any `hcl:"vault"`
	Label                 map[string]any `hcl:"label"`
	ContentSecurityPolicy map[string]any `hcl:"content_security_policy"`
}
