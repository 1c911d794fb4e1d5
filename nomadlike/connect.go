package nomadlike

import "time"

// ConsulConnect is a noun of the HTTP API.
type ConsulConnect struct {
	Native         bool
	SidecarService *ConsulSidecarService
	SidecarTask    *SidecarTask
	Gateway        *ConsulGateway
}

// ConsulSidecarService is a noun of the HTTP API.
type ConsulSidecarService struct {
	Tags                   []string
	Port                   string
	Proxy                  *ConsulProxy
	DisableDefaultTCPCheck bool
	Meta                   map[string]string
}

// SidecarTask is a noun of the HTTP API.
type SidecarTask struct {
	Name          string
	Driver        string
	User          string
	Config        map[string]any
	Env           map[string]string
	Resources     *Resources
	Meta          map[string]string
	KillTimeout   *time.Duration
	LogConfig     *LogConfig
	ShutdownDelay *time.Duration
	KillSignal    string
	VolumeMounts  []*VolumeMount
	Identities    []*WorkloadIdentity
}

// ConsulProxy is a noun of the HTTP API.
type ConsulProxy struct {
	LocalServiceAddress string
	LocalServicePort    int
	Upstreams           []*ConsulUpstream
	Expose              *ConsulExposeConfig
	TransparentProxy    *ConsulTransparentProxy
	Config              map[string]any
}

// ConsulUpstream is a noun of the HTTP API.
type ConsulUpstream struct {
	DestinationName      string
	DestinationNamespace string
	DestinationPartition string
	DestinationPeer      string
	DestinationType      string
	LocalBindPort        int
	Datacenter           string
	LocalBindAddress     string
	LocalBindSocketPath  string
	LocalBindSocketMode  string
	MeshGateway          ConsulMeshGateway
	Config               map[string]any
}

// ConsulMeshGateway is a noun of the HTTP API.
type ConsulMeshGateway struct {
	Mode string
}

// ConsulExposeConfig is a noun of the HTTP API.
type ConsulExposeConfig struct {
	Paths []*ConsulExposePath
}

// ConsulExposePath is a noun of the HTTP API.
type ConsulExposePath struct {
	Path          string
	Protocol      string
	LocalPathPort int
	ListenerPort  string
}

// ConsulTransparentProxy is a noun of the HTTP API.
type ConsulTransparentProxy struct {
	UID                  string
	OutboundPort         uint64
	ExcludeInboundPorts  []string
	ExcludeOutboundPorts []uint64
	ExcludeOutboundCIDRs []string
	ExcludeUIDs          []string
	NoDNS                bool
}

// ConsulGateway is a noun of the HTTP API.
type ConsulGateway struct {
	Proxy       *ConsulGatewayProxy
	Ingress     *ConsulIngressConfigEntry
	Terminating *ConsulTerminatingConfigEntry
	Mesh        *ConsulMeshConfigEntry
}

// ConsulGatewayProxy is a noun of the HTTP API.
type ConsulGatewayProxy struct {
	ConnectTimeout                  *time.Duration
	EnvoyGatewayBindTaggedAddresses bool
	EnvoyGatewayBindAddresses       map[string]*ConsulGatewayBindAddress
	EnvoyGatewayNoDefaultBind       bool
	EnvoyDNSDiscoveryType           string
	Config                          map[string]any
}

// ConsulGatewayBindAddress is a noun of the HTTP API.
type ConsulGatewayBindAddress struct {
	Address string
	Port    int
}

// ConsulIngressConfigEntry is a noun of the HTTP API.
type ConsulIngressConfigEntry struct {
	TLS       *ConsulGatewayTLSConfig
	Listeners []*ConsulIngressListener
}

// ConsulIngressListener is a noun of the HTTP API.
type ConsulIngressListener struct {
	Port     int
	Protocol string
	Services []*ConsulIngressService
}

// ConsulIngressService is a noun of the HTTP API.
type ConsulIngressService struct {
	Name                  string
	Hosts                 []string
	TLS                   *ConsulGatewayTLSConfig
	RequestHeaders        *ConsulHTTPHeaderModifiers
	ResponseHeaders       *ConsulHTTPHeaderModifiers
	MaxConnections        *uint64
	MaxPendingRequests    *uint64
	MaxConcurrentRequests *uint64
}

// ConsulGatewayTLSConfig is a noun of the HTTP API.
type ConsulGatewayTLSConfig struct {
	Enabled       bool
	TLSMinVersion string
	TLSMaxVersion string
	CipherSuites  []string
	SDS           *ConsulGatewayTLSSDSConfig
}

// ConsulGatewayTLSSDSConfig is a noun of the HTTP API.
type ConsulGatewayTLSSDSConfig struct {
	ClusterName  string
	CertResource string
}

// ConsulHTTPHeaderModifiers is a noun of the HTTP API.
type ConsulHTTPHeaderModifiers struct {
	Add    map[string]string
	Set    map[string]string
	Remove []string
}

// ConsulTerminatingConfigEntry is a noun of the HTTP API.
type ConsulTerminatingConfigEntry struct {
	Services []*ConsulLinkedService
}

// ConsulLinkedService (Requests: `ConsulExposeConfig` also accepts `Path`; `ConsulProxy` also `ExposeConfig`; bind addresses carry `Name`. Gateway proxy ConnectTimeout default 5 s; ingress listener Protocol default `tcp`.)
type ConsulLinkedService struct {
	Name     string
	CAFile   string
	CertFile string
	KeyFile  string
	SNI      string
}

// ConsulMeshConfigEntry marks a mesh gateway; it has no settings.
type ConsulMeshConfigEntry struct{}
