package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Default is the configuration that files are read over.
func Default() *Config {
	yes, no, hundred, jobs := true, false, 100, 50000
	return &Config{
		Region: "global", Datacenter: "dc1", BindAddr: "0.0.0.0",
		Ports:    Ports{HTTP: 4646, RPC: 4647, Serf: 4648},
		LogLevel: "INFO", LogRotateDuration: 24 * time.Hour, SyslogFacility: "LOCAL0",
		ACL: ACL{TokenTTL: 30 * time.Second, PolicyTTL: 30 * time.Second, RoleTTL: 30 * time.Second,
			TokenMinExpirationTTL: time.Minute, TokenMaxExpirationTTL: 24 * time.Hour},
		Client: Client{NodePool: "default", MinDynamicPort: 20000, MaxDynamicPort: 32000, ClientMinPort: 14000, ClientMaxPort: 14512,
			MaxKillTimeout: 30 * time.Second, GCInterval: time.Minute, GCParallelDestroys: 2, GCDiskUsageThreshold: 80,
			GCInodeUsageThreshold: 70, GCMaxAllocs: 50, NoHostUUID: &yes, NomadServiceDiscovery: &yes,
			CNIPath: "/opt/cni/bin:/usr/libexec/cni", CNIConfigDir: "/opt/cni/config", BridgeNetworkName: "nomad",
			BridgeNetworkSubnet: "172.26.64.0/20", BindWildcardDefault: true},
		Server: Server{RaftMultiplier: 1, RaftTrailingLogs: 10240, RaftSnapshotThreshold: 8192, RaftSnapshotInterval: 120 * time.Second,
			HeartbeatGrace: 10 * time.Second, MinHeartbeatTTL: 10 * time.Second, MaxHeartbeatsPerSecond: 50, FailoverHeartbeatTTL: 5 * time.Minute,
			JobGCInterval: 5 * time.Minute, JobGCThreshold: 4 * time.Hour, EvalGCThreshold: time.Hour, BatchEvalGCThreshold: 24 * time.Hour,
			DeploymentGCThreshold: time.Hour, NodeGCThreshold: 24 * time.Hour, RootKeyGCInterval: 10 * time.Minute, RootKeyGCThreshold: time.Hour,
			RootKeyRotationThreshold: 720 * time.Hour, JobDefaultPriority: 50, JobMaxPriority: 100, JobMaxCount: &jobs, JobMaxSourceSize: "1M",
			JobTrackedVersions: 6, EnableEventBroker: &yes, EventBufferSize: 100,
			Search:     Search{FuzzyEnabled: &yes, LimitQuery: 20, LimitResults: 100, MinTermLength: 2},
			ServerJoin: ServerJoin{RetryInterval: 30 * time.Second}, StartTimeout: 30 * time.Second,
			PlanApplyPipeline: 1, DeployQueryRateLimit: 100},
		Telemetry: Telemetry{InMemoryCollectionInterval: 10 * time.Second, InMemoryRetentionPeriod: time.Minute, CollectionInterval: time.Second},
		Limits: Limits{HTTPMaxConnsPerClient: &hundred, HTTPSHandshakeTimeout: 5 * time.Second,
			RPCHandshakeTimeout: 5 * time.Second, RPCMaxConnsPerClient: &hundred},
		// There is no web console to point at yet.
		UI: UI{Enabled: &no, ShowCLIHints: &no},
	}
}

// Dev is the configuration of an agent to try things with: server and client
// in one, on loopback, nothing kept.
func Dev() *Config {
	c := Default()
	c.DevMode, c.BindAddr, c.LogLevel, c.EnableDebug = true, "127.0.0.1", "DEBUG", true
	c.DisableAnonymousSignature = true
	c.Server.Enabled, c.Server.BootstrapExpect = true, 1
	c.Client.Enabled, c.Client.NetworkInterface = true, "lo"
	c.Client.GCInterval, c.Client.GCDiskUsageThreshold, c.Client.GCInodeUsageThreshold = 10*time.Minute, 99, 99
	c.Client.Options = map[string]string{"driver.raw_exec.enable": "true", "docker.volumes.enabled": "true"}
	c.Telemetry.PrometheusMetrics, c.Telemetry.PublishAllocationMetrics, c.Telemetry.PublishNodeMetrics = true, true, true
	c.Telemetry.IncludeAllocMetadata = true
	return c
}

var (
	datacenterBad = regexp.MustCompile("[\x00*]")
	poolName      = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,128}$`)
	metaKey       = regexp.MustCompile(`^[^\s{}$]+$`)
)

// Finish fills in what depends on other members or on the machine, and checks
// all of it. Every problem is told.
func (c *Config) Finish() error {
	if c.Name == "" {
		name, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("asking for the host's name: %w; set name in the configuration", err)
		}
		c.Name = name
	}
	c.fillDirs()
	problems := c.check()
	if err := c.fillAddresses(); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// fillDirs derives the directories that were not named.
func (c *Config) fillDirs() {
	under := func(to *string, parts ...string) {
		if *to == "" && c.DataDir != "" {
			*to = filepath.Join(append([]string{c.DataDir}, parts...)...)
		}
	}
	under(&c.PluginDir, "plugins")
	under(&c.Server.DataDir, "server")
	under(&c.Client.StateDir, "client")
	under(&c.Client.AllocDir, "alloc")
	under(&c.Client.HostVolumesDir, "host_volumes")
	under(&c.Client.HostVolumePluginDir, "host_volume_plugins")
	under(&c.Client.CommonPluginDir, "common_plugins")
	if c.Client.AllocMountsDir == "" && c.DataDir != "" {
		c.Client.AllocMountsDir = filepath.Join(filepath.Dir(c.DataDir), "alloc_mounts")
	}
}

func (c *Config) check() (problems []error) {
	bad := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if !c.Server.Enabled && !c.Client.Enabled {
		bad("neither client nor server is enabled: set server { enabled = true } or client { enabled = true }, or use -dev")
	}
	if c.Server.Enabled && c.Server.DataDir == "" && !c.DevMode {
		bad("a server needs data_dir")
	}
	if c.Client.Enabled && !c.DevMode && (c.Client.StateDir == "" || c.Client.AllocDir == "" || c.Client.AllocMountsDir == "" || c.PluginDir == "") {
		bad("a client needs data_dir, or all of alloc_dir, alloc_mounts_dir, state_dir and plugin_dir")
	}
	for name, dir := range map[string]string{"data_dir": c.DataDir, "client.state_dir": c.Client.StateDir, "client.alloc_dir": c.Client.AllocDir,
		"client.alloc_mounts_dir": c.Client.AllocMountsDir, "server.data_dir": c.Server.DataDir} {
		if dir != "" && !filepath.IsAbs(dir) {
			bad("%s must be an absolute path, got %q", name, dir)
		}
	}
	if strings.ContainsRune(c.Region, 0) {
		bad("region must not contain NUL")
	}
	if datacenterBad.MatchString(c.Datacenter) {
		bad("datacenter %q must not contain NUL or *", c.Datacenter)
	}
	if p := c.Client.NodePool; p == "all" || !poolName.MatchString(p) {
		bad("client.node_pool %q is not a valid node pool: it must match %s and not be \"all\"", p, poolName)
	}
	for k := range c.Client.Meta {
		if !metaKey.MatchString(k) {
			bad("client.meta key %q cannot be interpolated: it must not contain spaces, braces or $", k)
		}
	}
	for n, v := range c.Client.HostVolumes {
		if v.Path == "" {
			bad("client.host_volume %q needs path", n)
		}
	}
	if a, b := c.Client.MinDynamicPort, c.Client.MaxDynamicPort; a < 0 || b > 65535 || a > b {
		bad("client dynamic ports %d to %d are not a range of ports", a, b)
	}
	if m := c.Server.RaftMultiplier; m < 1 || m > 10 {
		bad("server.raft_multiplier must be 1 to 10, got %d", m)
	}
	if p := c.Server.RaftProtocol; p != 0 && p != 3 {
		bad("server.raft_protocol must be 3, got %d", p)
	}
	if n := c.Server.NumSchedulers; n != nil && (*n < 0 || *n > runtime.NumCPU()) {
		bad("server.num_schedulers must be 0 to the number of processors (%d), got %d", runtime.NumCPU(), *n)
	}
	if p, m := c.Server.JobDefaultPriority, c.Server.JobMaxPriority; m < 100 || m > 32766 || p < 50 || p >= m {
		bad("server.job_default_priority (%d) must be 50 or more and below job_max_priority (%d), which must be 100 to 32766", p, m)
	}
	if c.Client.ServerJoin.StartJoin != nil {
		bad("client.server_join does not take start_join; use retry_join")
	}
	if t := c.Telemetry; t.InMemoryCollectionInterval <= 0 || t.InMemoryRetentionPeriod < t.InMemoryCollectionInterval || t.CollectionInterval <= 0 {
		bad("telemetry intervals must be above zero, and in_memory_collection_interval not above in_memory_retention_period")
	}
	for name, p := range map[string]int{"http": c.Ports.HTTP, "rpc": c.Ports.RPC, "serf": c.Ports.Serf} {
		if p < 1 || p > 65535 {
			bad("ports.%s must be 1 to 65535, got %d", name, p)
		}
	}
	return problems
}

// fillAddresses resolves what is bound and what is advertised.
func (c *Config) fillAddresses() error {
	var problems []error
	for _, p := range []struct {
		name            string
		bind, advertise *string
		port            int
	}{{"http", &c.Addresses.HTTP, &c.Advertise.HTTP, c.Ports.HTTP}, {"rpc", &c.Addresses.RPC, &c.Advertise.RPC, c.Ports.RPC},
		{"serf", &c.Addresses.Serf, &c.Advertise.Serf, c.Ports.Serf}} {
		if *p.bind == "" {
			*p.bind = c.BindAddr
		}
		adv, err := advertised(*p.advertise, *p.bind, p.port, c.DevMode)
		if err != nil {
			problems = append(problems, fmt.Errorf("advertise.%s: %w", p.name, err))
		}
		*p.advertise = adv
	}
	return errors.Join(problems...)
}

// advertised is the address others are told.
func advertised(said, bind string, port int, dev bool) (string, error) {
	if said != "" {
		if _, _, err := net.SplitHostPort(said); err == nil {
			return said, nil
		}
		return net.JoinHostPort(said, strconv.Itoa(port)), nil
	}
	host, _, _ := strings.Cut(bind, " ")
	ip, err := netip.ParseAddr(host)
	if err != nil {
		if dev || host == "localhost" {
			return net.JoinHostPort(host, strconv.Itoa(port)), nil
		}
		return "", fmt.Errorf("bind address %q is not an IP address", host)
	}
	switch {
	case ip.IsLoopback():
		// One machine alone is a usable cluster; others cannot reach it.
		return net.JoinHostPort(host, strconv.Itoa(port)), nil
	case !ip.IsUnspecified():
		return net.JoinHostPort(host, strconv.Itoa(port)), nil
	}
	private, err := firstPrivate()
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(private, strconv.Itoa(port)), nil
}

// firstPrivate is the first private address of the host, or any that is not
// loopback.
func firstPrivate() (string, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return "", fmt.Errorf("listing addresses: %w", err)
	}
	var other string
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.IsLoopback() || n.IP.To4() == nil || n.IP.IsLinkLocalUnicast() {
			continue
		}
		if n.IP.IsPrivate() {
			return n.IP.String(), nil
		}
		other = n.IP.String()
	}
	if other == "" {
		return "", errors.New("the host has no address but loopback; set advertise or bind_addr")
	}
	return other, nil
}
