// Package docker is the docker driver: tasks are containers of a Docker engine.
// It is served by drivers.Serve in a process of its own. It decides what the
// engine is asked for, follows the containers' output, and cleans up after
// them; it holds no containers itself, so they outlive it.
package docker

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
)

// Name is the driver's name in job files.
const Name = "docker"

const (
	pluginVersion = "0.1.0"
	// pullActivityMin and creationGraceMin are the lowest values that still let
	// slow registries and slow starts pass.
	pullActivityMin  = time.Minute
	creationGraceMin = time.Minute
)

type authConfig struct {
	Config string `codec:"config"`
	Helper string `codec:"helper"`
}

type tlsConfig struct {
	Cert string `codec:"cert"`
	Key  string `codec:"key"`
	CA   string `codec:"ca"`
}

type volumesConfig struct {
	Enabled      bool   `codec:"enabled"`
	SELinuxLabel string `codec:"selinuxlabel"`
}

type danglingConfig struct {
	Enabled       bool   `codec:"enabled"`
	Period        string `codec:"period"`
	CreationGrace string `codec:"creation_grace"`
	DryRun        bool   `codec:"dry_run"`

	period        time.Duration
	creationGrace time.Duration
}

type gcConfig struct {
	Image      bool           `codec:"image"`
	ImageDelay string         `codec:"image_delay"`
	Container  bool           `codec:"container"`
	Dangling   danglingConfig `codec:"dangling_containers"`

	imageDelay time.Duration
}

type defaultLogging struct {
	Type   string            `codec:"type"`
	Config map[string]string `codec:"config"`
}

type allowedModes struct {
	PID    []string `codec:"pid"`
	IPC    []string `codec:"ipc"`
	UserNS []string `codec:"userns"`
	UTS    []string `codec:"uts"`
}

type pluginConfig struct {
	Endpoint                string         `codec:"endpoint"`
	Auth                    authConfig     `codec:"auth"`
	TLS                     tlsConfig      `codec:"tls"`
	AllowPrivileged         bool           `codec:"allow_privileged"`
	AllowCaps               []string       `codec:"allow_caps"`
	AllowRuntimes           []string       `codec:"allow_runtimes"`
	NvidiaRuntime           string         `codec:"nvidia_runtime"`
	Volumes                 volumesConfig  `codec:"volumes"`
	GC                      gcConfig       `codec:"gc"`
	Logging                 defaultLogging `codec:"logging"`
	ExtraLabels             []string       `codec:"extra_labels"`
	InfraImage              string         `codec:"infra_image"`
	InfraImagePullTimeout   string         `codec:"infra_image_pull_timeout"`
	ImagePullTimeout        string         `codec:"image_pull_timeout"`
	PullActivityTimeout     string         `codec:"pull_activity_timeout"`
	ContainerExistsAttempts int            `codec:"container_exists_attempts"`
	PidsLimit               int64          `codec:"pids_limit"`
	OOMScoreAdj             int            `codec:"oom_score_adj"`
	DisableLogCollection    bool           `codec:"disable_log_collection"`
	AllowedModes            allowedModes   `codec:"allowed_modes"`
	WindowsInsecureAdmin    bool           `codec:"windows_allow_insecure_container_admin"`

	infraPullTimeout time.Duration
	imagePullTimeout time.Duration
	pullActivity     time.Duration
}

// defaultCaps are the capabilities tasks may use without more configuration.
func defaultCaps() []string {
	return []string{"audit_write", "chown", "dac_override", "fowner", "fsetid", "kill", "mknod",
		"net_bind_service", "setfcap", "setgid", "setpcap", "setuid", "sys_chroot"}
}

func quoted(list []string) string {
	return `["` + strings.Join(list, `", "`) + `"]`
}

func withDefault(name, typ, literal string) *hclspec.Spec {
	return hclspec.Default(hclspec.Attr(name, typ, false), hclspec.Literal(literal))
}

func stringAttrs(names ...string) map[string]*hclspec.Spec {
	out := map[string]*hclspec.Spec{}
	for _, n := range names {
		out[n] = hclspec.Attr(n, "string", false)
	}
	return out
}

func configSpec() *hclspec.Spec {
	dangling := hclspec.Default(
		hclspec.Block("dangling_containers", false, hclspec.Object(map[string]*hclspec.Spec{
			"enabled":        withDefault("enabled", "bool", "true"),
			"period":         withDefault("period", "string", `"5m"`),
			"creation_grace": withDefault("creation_grace", "string", `"5m"`),
			"dry_run":        withDefault("dry_run", "bool", "false"),
		})),
		hclspec.Literal(`{ enabled = true, period = "5m", creation_grace = "5m", dry_run = false }`))
	gc := hclspec.Default(
		hclspec.Block("gc", false, hclspec.Object(map[string]*hclspec.Spec{
			"image":               withDefault("image", "bool", "true"),
			"image_delay":         withDefault("image_delay", "string", `"3m"`),
			"container":           withDefault("container", "bool", "true"),
			"dangling_containers": dangling,
		})),
		hclspec.Literal(`{ image = true, image_delay = "3m", container = true,
			dangling_containers = { enabled = true, period = "5m", creation_grace = "5m", dry_run = false } }`))
	logging := hclspec.Default(
		hclspec.Block("logging", false, hclspec.Object(map[string]*hclspec.Spec{
			"type":   hclspec.Attr("type", "string", false),
			"config": hclspec.BlockAttrs("config", "string", false),
		})),
		hclspec.Literal(`{ type = "json-file", config = { max-file = "2", max-size = "2m" } }`))
	volumes := hclspec.Default(
		hclspec.Block("volumes", false, hclspec.Object(map[string]*hclspec.Spec{
			"enabled":      withDefault("enabled", "bool", "false"),
			"selinuxlabel": hclspec.Attr("selinuxlabel", "string", false),
		})),
		hclspec.Literal(`{ enabled = false }`))
	modes := map[string]*hclspec.Spec{}
	for _, m := range []string{"pid", "ipc", "userns", "uts"} {
		modes[m] = hclspec.Attr(m, "list(string)", false)
	}
	return hclspec.Object(map[string]*hclspec.Spec{
		"endpoint":                               hclspec.Attr("endpoint", "string", false),
		"auth":                                   hclspec.Block("auth", false, hclspec.Object(stringAttrs("config", "helper"))),
		"tls":                                    hclspec.Block("tls", false, hclspec.Object(stringAttrs("cert", "key", "ca"))),
		"allow_privileged":                       hclspec.Attr("allow_privileged", "bool", false),
		"allow_caps":                             withDefault("allow_caps", "list(string)", quoted(defaultCaps())),
		"allow_runtimes":                         withDefault("allow_runtimes", "list(string)", `["runc", "nvidia"]`),
		"nvidia_runtime":                         withDefault("nvidia_runtime", "string", `"nvidia"`),
		"volumes":                                volumes,
		"gc":                                     gc,
		"logging":                                logging,
		"extra_labels":                           hclspec.Attr("extra_labels", "list(string)", false),
		"infra_image":                            withDefault("infra_image", "string", fmt.Sprintf(`"registry.k8s.io/pause-%s:3.3"`, runtime.GOARCH)),
		"infra_image_pull_timeout":               withDefault("infra_image_pull_timeout", "string", `"5m"`),
		"image_pull_timeout":                     withDefault("image_pull_timeout", "string", `"5m"`),
		"pull_activity_timeout":                  withDefault("pull_activity_timeout", "string", `"2m"`),
		"container_exists_attempts":              withDefault("container_exists_attempts", "number", "5"),
		"pids_limit":                             hclspec.Attr("pids_limit", "number", false),
		"oom_score_adj":                          hclspec.Attr("oom_score_adj", "number", false),
		"disable_log_collection":                 hclspec.Attr("disable_log_collection", "bool", false),
		"allowed_modes":                          hclspec.Block("allowed_modes", false, hclspec.Object(modes)),
		"windows_allow_insecure_container_admin": hclspec.Attr("windows_allow_insecure_container_admin", "bool", false),
	})
}

// check parses the times and applies the lower bounds.
func (c *pluginConfig) check() error {
	if c.Logging.Type == "" {
		c.Logging = defaultLogging{Type: "json-file", Config: map[string]string{"max-file": "2", "max-size": "2m"}}
	}
	err := errors.Join(
		parseDuration("gc.image_delay", c.GC.ImageDelay, &c.GC.imageDelay),
		parseDuration("gc.dangling_containers.period", c.GC.Dangling.Period, &c.GC.Dangling.period),
		parseDuration("gc.dangling_containers.creation_grace", c.GC.Dangling.CreationGrace, &c.GC.Dangling.creationGrace),
		parseDuration("infra_image_pull_timeout", c.InfraImagePullTimeout, &c.infraPullTimeout),
		parseDuration("image_pull_timeout", c.ImagePullTimeout, &c.imagePullTimeout),
		parseDuration("pull_activity_timeout", c.PullActivityTimeout, &c.pullActivity),
	)
	if err != nil {
		return err
	}
	if c.pullActivity != 0 && c.pullActivity < pullActivityMin {
		return fmt.Errorf("pull_activity_timeout is %s, it must be at least %s", c.pullActivity, pullActivityMin)
	}
	if d := c.GC.Dangling; d.Enabled && d.creationGrace < creationGraceMin {
		return fmt.Errorf("gc.dangling_containers.creation_grace is %s, it must be at least %s", d.creationGrace, creationGraceMin)
	}
	return nil
}

func parseDuration(name, text string, into *time.Duration) error {
	if text == "" {
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%s: %q is no duration: write it like 5m", name, text)
	}
	*into = d
	return nil
}

// allows reports whether a runtime may be asked for.
func (c *pluginConfig) allowsRuntime(name string) bool { return slices.Contains(c.AllowRuntimes, name) }
