package nomadlike

import "time"

// ConsulConnect makes a service part of the mesh: it speaks for itself, has a
// sidecar, or is a gateway.
type ConsulConnect struct {
	Native         bool
	SidecarService *ConsulSidecarService
	SidecarTask    *SidecarTask
	Gateway        *ConsulGateway
}

// ConsulSidecarService is the registration of a sidecar proxy.
type ConsulSidecarService struct {
	Tags                   []string
	Port                   string
	Proxy                  *ConsulProxy
	DisableDefaultTCPCheck bool
	Meta                   map[string]string
}

// SidecarTask is what a job says about the task that runs an injected proxy.
type SidecarTask struct {
	Name          string
	Driver        string
	User          string
	Config        Opaque
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

// ConsulProxy configures a sidecar proxy.
type ConsulProxy struct {
	LocalServiceAddress string
	LocalServicePort    int
	Upstreams           []*ConsulUpstream
	Expose              *ConsulExposeConfig
	TransparentProxy    *ConsulTransparentProxy
	Config              Opaque
}

// ConsulUpstream is a service that a proxy gives access to.
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
	Config               Opaque
}

// ConsulMeshGateway is how an upstream in another datacenter is reached.
type ConsulMeshGateway struct {
	Mode string
}

// ConsulExposeConfig lists paths that can be reached past the mesh.
type ConsulExposeConfig struct {
	Paths []*ConsulExposePath
}

// ConsulExposePath is a path that can be reached past the mesh.
type ConsulExposePath struct {
	Path          string
	Protocol      string
	LocalPathPort int
	ListenerPort  string
}

// ConsulTransparentProxy catches all traffic of the tasks for the proxy.
type ConsulTransparentProxy struct {
	UID                  string
	OutboundPort         uint64
	ExcludeInboundPorts  []string
	ExcludeOutboundPorts []uint64
	ExcludeOutboundCIDRs []string
	ExcludeUIDs          []string
	NoDNS                bool
}

// ConsulGateway makes a service a gateway of one of three kinds.
type ConsulGateway struct {
	Proxy       *ConsulGatewayProxy
	Ingress     *ConsulIngressConfigEntry
	Terminating *ConsulTerminatingConfigEntry
	Mesh        *ConsulMeshConfigEntry
}

// ConsulGatewayProxy configures the proxy of a gateway.
type ConsulGatewayProxy struct {
	ConnectTimeout                  *time.Duration
	EnvoyGatewayBindTaggedAddresses bool
	EnvoyGatewayBindAddresses       map[string]*ConsulGatewayBindAddress
	EnvoyGatewayNoDefaultBind       bool
	EnvoyDNSDiscoveryType           string
	Config                          Opaque
}

// ConsulGatewayBindAddress is an address at which a gateway listens.
type ConsulGatewayBindAddress struct {
	Address string
	Port    int
}

// ConsulIngressConfigEntry lets traffic into the mesh.
type ConsulIngressConfigEntry struct {
	TLS       *ConsulGatewayTLSConfig
	Listeners []*ConsulIngressListener
}

// ConsulIngressListener is a port at which traffic enters the mesh.
type ConsulIngressListener struct {
	Port     int
	Protocol string
	Services []*ConsulIngressService
}

// ConsulIngressService is a service behind a listener.
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

// ConsulGatewayTLSConfig is how a gateway speaks TLS.
type ConsulGatewayTLSConfig struct {
	Enabled       bool
	TLSMinVersion string
	TLSMaxVersion string
	CipherSuites  []string
	SDS           *ConsulGatewayTLSSDSConfig
}

// ConsulGatewayTLSSDSConfig is where a gateway gets its certificate.
type ConsulGatewayTLSSDSConfig struct {
	ClusterName  string
	CertResource string
}

// ConsulHTTPHeaderModifiers change headers on their way through a gateway.
type ConsulHTTPHeaderModifiers struct {
	Add    map[string]string
	Set    map[string]string
	Remove []string
}

// ConsulTerminatingConfigEntry lets traffic out of the mesh.
type ConsulTerminatingConfigEntry struct {
	Services []*ConsulLinkedService
}

// ConsulLinkedService is a service outside the mesh.
type ConsulLinkedService struct {
	Name     string
	CAFile   string
	CertFile string
	KeyFile  string
	SNI      string
}

// ConsulMeshConfigEntry marks a mesh gateway; it has no settings.
type ConsulMeshConfigEntry struct{}
