package docker

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
)

type taskAuth struct {
	Username      string `codec:"username"`
	Password      string `codec:"password"`
	Email         string `codec:"email"`
	ServerAddress string `codec:"server_address"`
}

type deviceConfig struct {
	HostPath      string `codec:"host_path"`
	ContainerPath string `codec:"container_path"`
	Permissions   string `codec:"cgroup_permissions"`
}

type mountConfig struct {
	Type     string `codec:"type"`
	Source   string `codec:"source"`
	Target   string `codec:"target"`
	ReadOnly bool   `codec:"readonly"`
	Bind     *struct {
		Propagation string `codec:"propagation"`
	} `codec:"bind_options"`
	Tmpfs *struct {
		SizeBytes int64 `codec:"size"`
		Mode      int   `codec:"mode"`
	} `codec:"tmpfs_options"`
	Volume *struct {
		NoCopy bool                `codec:"no_copy"`
		Labels []map[string]string `codec:"labels"`
		Driver *struct {
			Name    string              `codec:"name"`
			Options []map[string]string `codec:"options"`
		} `codec:"driver_config"`
	} `codec:"volume_options"`
}

type taskLogging struct {
	Type   string              `codec:"type"`
	Driver string              `codec:"driver"`
	Config []map[string]string `codec:"config"`
}

type taskConfig struct {
	Image            string              `codec:"image"`
	Command          string              `codec:"command"`
	Args             []string            `codec:"args"`
	Entrypoint       []string            `codec:"entrypoint"`
	WorkDir          string              `codec:"work_dir"`
	Hostname         string              `codec:"hostname"`
	Auth             *taskAuth           `codec:"auth"`
	AuthSoftFail     bool                `codec:"auth_soft_fail"`
	ForcePull        bool                `codec:"force_pull"`
	ImagePullTimeout string              `codec:"image_pull_timeout"`
	Load             string              `codec:"load"`
	Ports            []string            `codec:"ports"`
	PortMap          []map[string]int    `codec:"port_map"`
	NetworkMode      string              `codec:"network_mode"`
	NetworkAliases   []string            `codec:"network_aliases"`
	IPv4Address      string              `codec:"ipv4_address"`
	IPv6Address      string              `codec:"ipv6_address"`
	MacAddress       string              `codec:"mac_address"`
	AdvertiseIPv6    bool                `codec:"advertise_ipv6_address"`
	DNSServers       []string            `codec:"dns_servers"`
	DNSSearchDomains []string            `codec:"dns_search_domains"`
	DNSOptions       []string            `codec:"dns_options"`
	ExtraHosts       []string            `codec:"extra_hosts"`
	Volumes          []string            `codec:"volumes"`
	VolumeDriver     string              `codec:"volume_driver"`
	Mount            []mountConfig       `codec:"mount"`
	Mounts           []mountConfig       `codec:"mounts"`
	Devices          []deviceConfig      `codec:"devices"`
	TTY              bool                `codec:"tty"`
	Interactive      bool                `codec:"interactive"`
	Init             bool                `codec:"init"`
	Privileged       bool                `codec:"privileged"`
	CapAdd           []string            `codec:"cap_add"`
	CapDrop          []string            `codec:"cap_drop"`
	SecurityOpt      []string            `codec:"security_opt"`
	UserNSMode       string              `codec:"userns_mode"`
	PIDMode          string              `codec:"pid_mode"`
	IPCMode          string              `codec:"ipc_mode"`
	UTSMode          string              `codec:"uts_mode"`
	CgroupNS         string              `codec:"cgroupns"`
	Runtime          string              `codec:"runtime"`
	Isolation        string              `codec:"isolation"`
	Sysctl           []map[string]string `codec:"sysctl"`
	Ulimit           []map[string]string `codec:"ulimit"`
	Labels           []map[string]string `codec:"labels"`
	ShmSize          int64               `codec:"shm_size"`
	StorageOpt       map[string]string   `codec:"storage_opt"`
	PidsLimit        int64               `codec:"pids_limit"`
	CPUHardLimit     bool                `codec:"cpu_hard_limit"`
	CPUCFSPeriod     int64               `codec:"cpu_cfs_period"`
	CpusetCPUs       string              `codec:"cpuset_cpus"`
	MemoryHardLimit  int64               `codec:"memory_hard_limit"`
	OOMScoreAdj      int                 `codec:"oom_score_adj"`
	GroupAdd         []string            `codec:"group_add"`
	ReadonlyRootfs   bool                `codec:"readonly_rootfs"`
	Healthchecks     struct {
		Disable bool `codec:"disable"`
	} `codec:"healthchecks"`
	ContainerExistsAttempts int         `codec:"container_exists_attempts"`
	Logging                 taskLogging `codec:"logging"`

	pullTimeout time.Duration
}

func mountSpec() *hclspec.Spec {
	return hclspec.Object(map[string]*hclspec.Spec{
		"type":     withDefault("type", "string", `"volume"`),
		"source":   hclspec.Attr("source", "string", false),
		"target":   hclspec.Attr("target", "string", false),
		"readonly": hclspec.Attr("readonly", "bool", false),
		"bind_options": hclspec.Block("bind_options", false, hclspec.Object(map[string]*hclspec.Spec{
			"propagation": hclspec.Attr("propagation", "string", false),
		})),
		"tmpfs_options": hclspec.Block("tmpfs_options", false, hclspec.Object(map[string]*hclspec.Spec{
			"size": hclspec.Attr("size", "number", false),
			"mode": hclspec.Attr("mode", "number", false),
		})),
		"volume_options": hclspec.Block("volume_options", false, hclspec.Object(map[string]*hclspec.Spec{
			"no_copy": hclspec.Attr("no_copy", "bool", false),
			"labels":  hclspec.Attr("labels", "list(map(string))", false),
			"driver_config": hclspec.Block("driver_config", false, hclspec.Object(map[string]*hclspec.Spec{
				"name":    hclspec.Attr("name", "string", false),
				"options": hclspec.Attr("options", "list(map(string))", false),
			})),
		})),
	})
}

func taskSpec() *hclspec.Spec {
	attrs := map[string]*hclspec.Spec{
		"image":          hclspec.Attr("image", "string", true),
		"cpu_cfs_period": withDefault("cpu_cfs_period", "number", "100000"),
		"auth":           hclspec.Block("auth", false, hclspec.Object(stringAttrs("username", "password", "email", "server_address"))),
		"mount":          hclspec.BlockList("mount", mountSpec()),
		"mounts":         hclspec.BlockList("mounts", mountSpec()),
		"devices":        hclspec.BlockList("devices", hclspec.Object(stringAttrs("host_path", "container_path", "cgroup_permissions"))),
		"healthchecks": hclspec.Block("healthchecks", false, hclspec.Object(map[string]*hclspec.Spec{
			"disable": hclspec.Attr("disable", "bool", false),
		})),
		"logging": hclspec.Block("logging", false, hclspec.Object(map[string]*hclspec.Spec{
			"type":   hclspec.Attr("type", "string", false),
			"driver": hclspec.Attr("driver", "string", false),
			"config": hclspec.Attr("config", "list(map(string))", false),
		})),
		"storage_opt": hclspec.BlockAttrs("storage_opt", "string", false),
		"port_map":    hclspec.Attr("port_map", "list(map(number))", false),
	}
	for typ, names := range map[string][]string{
		"string": {"command", "work_dir", "hostname", "image_pull_timeout", "load", "network_mode", "ipv4_address", "ipv6_address",
			"mac_address", "volume_driver", "userns_mode", "pid_mode", "ipc_mode", "uts_mode", "cgroupns", "runtime", "isolation", "cpuset_cpus"},
		"bool":   {"auth_soft_fail", "force_pull", "advertise_ipv6_address", "tty", "interactive", "init", "privileged", "cpu_hard_limit", "readonly_rootfs"},
		"number": {"shm_size", "pids_limit", "memory_hard_limit", "oom_score_adj", "container_exists_attempts"},
		"list(string)": {"args", "entrypoint", "ports", "network_aliases", "dns_servers", "dns_search_domains", "dns_options", "extra_hosts",
			"volumes", "cap_add", "cap_drop", "security_opt", "group_add"},
		"list(map(string))": {"sysctl", "ulimit", "labels"},
	} {
		for _, n := range names {
			attrs[n] = hclspec.Attr(n, typ, false)
		}
	}
	return hclspec.Object(attrs)
}

// cfsPeriodMax is the longest CFS period in microseconds.
const cfsPeriodMax = 1000000

// check looks at what needs no engine and no node.
func (c *taskConfig) check(p *pluginConfig) error {
	if c.Image == "" {
		return errors.New("image must be set")
	}
	c.Image = strings.TrimPrefix(c.Image, "https://")
	if c.Command != strings.TrimSpace(c.Command) {
		return fmt.Errorf("command %q must not begin or end with blanks", c.Command)
	}
	if c.Isolation != "" {
		return errors.New("isolation can be set on Windows only")
	}
	if c.Privileged && !p.AllowPrivileged {
		return errors.New("privileged containers are not allowed on this node: set allow_privileged in the plugin's config")
	}
	if c.CPUCFSPeriod < 0 || c.CPUCFSPeriod > cfsPeriodMax {
		return fmt.Errorf("cpu_cfs_period is %d, it must be between 0 and %d", c.CPUCFSPeriod, cfsPeriodMax)
	}
	if p.PidsLimit > 0 && c.PidsLimit > p.PidsLimit {
		return fmt.Errorf("pids_limit is %d, this node allows at most %d", c.PidsLimit, p.PidsLimit)
	}
	if c.Runtime != "" && !p.allowsRuntime(c.Runtime) {
		return fmt.Errorf("runtime %q is not allowed on this node: it is not in allow_runtimes", c.Runtime)
	}
	c.pullTimeout = p.imagePullTimeout
	return parseDuration("image_pull_timeout", c.ImagePullTimeout, &c.pullTimeout)
}

// merged joins repeated blocks of one kind, the later ones winning.
func merged[V any](list []map[string]V) map[string]V {
	out := map[string]V{}
	for _, m := range list {
		maps.Copy(out, m)
	}
	return out
}
