package docker

import (
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/strslice"
	"github.com/docker/go-units"

	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

const (
	labelPrefix  = "com.hashicorp.nomad."
	labelAllocID = labelPrefix + "alloc_id"

	// sandboxLabel and sandboxHostname travel in a network's labels; hosts know
	// them by these names.
	sandboxLabel    = "docker_sandbox_container_id"
	sandboxHostname = "docker_sandbox_hostname"

	// cpuSharesMin and cpuSharesMax are the kernel's bounds.
	cpuSharesMin = 2
	cpuSharesMax = 262144
)

// request is everything the engine is asked for when a container is created.
type request struct {
	name       string
	config     *container.Config
	host       *container.HostConfig
	networking *network.NetworkingConfig
}

// node is what the request depends on beside job and plugin config.
type node struct {
	totalMHz uint64
	cores    int
	cgroupV2 bool
}

// newNode reads what SetConfig told.
func newNode(t *base.Topology) node {
	n := node{totalMHz: t.TotalMHz(), cores: runtime.NumCPU()}
	if t != nil && len(t.Cores) > 0 {
		n.cores = len(t.Cores)
	}
	return n
}

// containerName is the name of a task's container.
func containerName(c *driver.TaskConfig) string {
	return strings.ReplaceAll(c.Name, "/", "_") + "-" + c.AllocID
}

// build turns a task's config into the request. It touches nothing but files
// that it must read (seccomp profiles) or write (hosts, resolv.conf), through
// the functions of mounts.go.
func build(c *driver.TaskConfig, tc *taskConfig, p *pluginConfig, n node) (*request, error) {
	r := &request{name: containerName(c)}
	r.config = &container.Config{
		Image: tc.Image, Entrypoint: strslice.StrSlice(tc.Entrypoint), Cmd: commandOf(tc), WorkingDir: tc.WorkDir,
		Hostname: tc.Hostname, User: c.User, Tty: tc.TTY, OpenStdin: tc.Interactive, Labels: labels(c, tc, p),
	}
	if tc.Healthchecks.Disable {
		r.config.Healthcheck = &container.HealthConfig{Test: []string{"NONE"}}
	}
	logging, err := logConfig(tc, p)
	if err != nil {
		return nil, err
	}
	r.host = &container.HostConfig{
		LogConfig: logging, Privileged: tc.Privileged, ReadonlyRootfs: tc.ReadonlyRootfs, GroupAdd: tc.GroupAdd,
		ShmSize: tc.ShmSize, StorageOpt: tc.StorageOpt, OomScoreAdj: tc.OOMScoreAdj, VolumeDriver: tc.VolumeDriver,
		Sysctls: merged(tc.Sysctl), CgroupnsMode: container.CgroupnsMode(tc.CgroupNS),
	}
	if tc.Init {
		r.host.Init = &tc.Init
	}
	steps := []func(*request, *driver.TaskConfig, *taskConfig, *pluginConfig, node) error{
		addResources, addModes, addCapabilities, addSecurity, addRuntime, addMounts, addNetwork,
	}
	for _, step := range steps {
		if err := step(r, c, tc, p, n); err != nil {
			return nil, err
		}
	}
	r.config.Env = envList(c.Env)
	return r, nil
}

// commandOf is the CMD: arguments alone replace the image's.
func commandOf(tc *taskConfig) strslice.StrSlice {
	if tc.Command == "" {
		return strslice.StrSlice(tc.Args)
	}
	return append(strslice.StrSlice{tc.Command}, tc.Args...)
}

func envList(env map[string]string) []string {
	out := make([]string, 0, len(env))
	for k, v := range env {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return out
}

func labels(c *driver.TaskConfig, tc *taskConfig, p *pluginConfig) map[string]string {
	out := merged(tc.Labels)
	out[labelAllocID] = c.AllocID
	for name, value := range map[string]string{
		"job_name": c.JobName, "job_id": c.JobID, "parent_job_id": c.ParentJobID, "task_group_name": c.TaskGroupName,
		"task_name": c.Name, "namespace": c.Namespace, "node_name": c.NodeName, "node_id": c.NodeID,
	} {
		if value != "" && matchesGlob(name, p.ExtraLabels) {
			out[labelPrefix+name] = value
		}
	}
	return out
}

func matchesGlob(name string, globs []string) bool {
	for _, g := range globs {
		if ok, err := path.Match(g, name); err == nil && ok {
			return true
		}
	}
	return false
}

func logConfig(tc *taskConfig, p *pluginConfig) (container.LogConfig, error) {
	if tc.Logging.Type != "" && tc.Logging.Driver != "" && tc.Logging.Type != tc.Logging.Driver {
		return container.LogConfig{}, fmt.Errorf("logging names two drivers, %q and %q: set type or driver", tc.Logging.Type, tc.Logging.Driver)
	}
	name := tc.Logging.Type
	if name == "" {
		name = tc.Logging.Driver
	}
	if name != "" {
		return container.LogConfig{Type: name, Config: merged(tc.Logging.Config)}, nil
	}
	if len(tc.Logging.Config) > 0 {
		return container.LogConfig{Type: p.Logging.Type, Config: merged(tc.Logging.Config)}, nil
	}
	return container.LogConfig{Type: p.Logging.Type, Config: p.Logging.Config}, nil
}

// addResources sets limits of processor, memory and processes.
func addResources(r *request, c *driver.TaskConfig, tc *taskConfig, p *pluginConfig, n node) error {
	res := c.Resources
	h := &r.host.Resources
	h.CPUShares = cpuShares(res.CPUMHz, n.totalMHz)
	h.CpusetCpus = res.Linux.CpusetCPUs
	if h.CpusetCpus == "" {
		h.CpusetCpus = effectiveCpuset(res.Linux.CpusetCgroup)
	}
	if tc.CPUHardLimit {
		period := tc.CPUCFSPeriod
		h.CPUPeriod = period
		h.CPUQuota = int64(res.Linux.PercentTicks*float64(period)) * int64(runtime.NumCPU())
	}
	if err := addMemory(h, res, tc, n); err != nil {
		return err
	}
	switch {
	case tc.PidsLimit > 0:
		h.PidsLimit = &tc.PidsLimit
	case p.PidsLimit > 0:
		h.PidsLimit = &p.PidsLimit
	}
	var err error
	h.Ulimits, err = ulimits(merged(tc.Ulimit))
	return err
}

func cpuShares(mhz int64, totalMHz uint64) int64 {
	if totalMHz >= cpuSharesMax {
		mhz = int64(math.Round(float64(mhz) / float64(totalMHz) * cpuSharesMax))
	}
	return max(mhz, cpuSharesMin)
}

// effectiveCpuset is what the host left to tasks without cores of their own.
func effectiveCpuset(dir string) string {
	if dir == "" {
		return ""
	}
	for _, name := range []string{"cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"} {
		if raw, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			return strings.TrimSpace(string(raw))
		}
	}
	return ""
}

func addMemory(h *container.Resources, res *driver.Resources, tc *taskConfig, n node) error {
	const mib = 1 << 20
	limit, reservation := res.MemoryMB*mib, int64(0)
	switch {
	case res.MemoryMaxMB < 0:
		limit, reservation = 0, res.MemoryMB*mib
	case res.MemoryMaxMB > 0 || tc.MemoryHardLimit > 0:
		limit, reservation = max(res.MemoryMaxMB, tc.MemoryHardLimit)*mib, res.MemoryMB*mib
	}
	if limit > 0 && reservation > limit {
		return fmt.Errorf("memory reservation of %d MiB exceeds the hard limit of %d MiB: lower memory or raise memory_hard_limit", reservation/mib, limit/mib)
	}
	h.Memory, h.MemoryReservation, h.MemorySwap = limit, reservation, limit
	if limit > 0 && !n.cgroupV2 {
		none := int64(0)
		h.MemorySwappiness = &none
	}
	return nil
}

func ulimits(in map[string]string) ([]*units.Ulimit, error) {
	var out []*units.Ulimit
	for name, text := range in {
		softText, hardText, both := strings.Cut(text, ":")
		if !both {
			hardText = softText
		}
		soft, err1 := strconv.ParseInt(softText, 10, 64)
		hard, err2 := strconv.ParseInt(hardText, 10, 64)
		if err1 != nil || err2 != nil || name == "" {
			return nil, fmt.Errorf("ulimit %s = %q is malformed: write it as soft or soft:hard", name, text)
		}
		out = append(out, &units.Ulimit{Name: name, Soft: soft, Hard: hard})
	}
	slices.SortFunc(out, func(a, b *units.Ulimit) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// addModes sets the namespaces that a container may share.
func addModes(r *request, _ *driver.TaskConfig, tc *taskConfig, p *pluginConfig, _ node) error {
	for _, m := range []struct {
		attr, value string
		allowed     []string
	}{
		{"pid_mode", tc.PIDMode, p.AllowedModes.PID},
		{"ipc_mode", tc.IPCMode, p.AllowedModes.IPC},
		{"userns_mode", tc.UserNSMode, p.AllowedModes.UserNS},
		{"uts_mode", tc.UTSMode, p.AllowedModes.UTS},
	} {
		if m.value != "" && !p.AllowPrivileged && !matchesGlob(m.value, m.allowed) {
			return fmt.Errorf("%s = %q is not allowed on this node: set allow_privileged or allowed_modes in the plugin's config", m.attr, m.value)
		}
	}
	r.host.PidMode, r.host.IpcMode = container.PidMode(tc.PIDMode), container.IpcMode(tc.IPCMode)
	r.host.UsernsMode, r.host.UTSMode = container.UsernsMode(tc.UserNSMode), container.UTSMode(tc.UTSMode)
	return nil
}

func capName(s string) string { return strings.TrimPrefix(strings.ToLower(s), "cap_") }

func capNames(in []string) []string {
	var out []string
	for _, s := range in {
		out = append(out, capName(s))
	}
	return out
}

// addCapabilities allows no more than the plugin does.
func addCapabilities(r *request, _ *driver.TaskConfig, tc *taskConfig, p *pluginConfig, _ node) error {
	add, drop, err := capabilities(capNames(tc.CapAdd), capNames(tc.CapDrop), capNames(p.AllowCaps))
	if err != nil {
		return err
	}
	r.host.CapAdd, r.host.CapDrop = add, drop
	return nil
}

func capabilities(add, drop, allowed []string) (capAdd, capDrop []string, err error) {
	const all = "all"
	allowAll := slices.Contains(allowed, all)
	for _, a := range add {
		if !allowAll && !slices.Contains(allowed, a) {
			return nil, nil, fmt.Errorf("driver does not allow the capability %s: it is not in the plugin's allow_caps", a)
		}
	}
	drops := map[string]bool{}
	for _, d := range drop {
		drops[d] = true
	}
	if !allowAll {
		for _, b := range append(defaultCaps(), "net_raw") {
			if !slices.Contains(allowed, b) {
				drops[b] = true
			}
		}
	}
	capAdd = append([]string(nil), add...)
	if slices.Contains(add, all) {
		capAdd = []string{all}
	}
	for d := range drops {
		capDrop = append(capDrop, d)
	}
	if drops[all] {
		capDrop = []string{all}
	}
	slices.Sort(capAdd)
	slices.Sort(capDrop)
	return slices.Compact(capAdd), capDrop, nil
}

// addSecurity inlines seccomp profiles: the engine may run elsewhere.
func addSecurity(r *request, c *driver.TaskConfig, tc *taskConfig, _ *pluginConfig, _ node) error {
	for _, opt := range tc.SecurityOpt {
		key, value, ok := strings.Cut(opt, "=")
		if !ok {
			key, value, ok = strings.Cut(opt, ":")
		}
		if !ok && opt != "no-new-privileges" {
			return fmt.Errorf("security_opt %q is malformed: write it as key=value", opt)
		}
		if key == "seccomp" && value != "unconfined" {
			file := value
			if !filepath.IsAbs(file) {
				file = filepath.Join(c.TaskDir(), file)
			}
			raw, err := os.ReadFile(file)
			if err != nil {
				return fmt.Errorf("seccomp profile cannot be read: %w", err)
			}
			opt = key + "=" + string(raw)
		}
		r.host.SecurityOpt = append(r.host.SecurityOpt, opt)
	}
	return nil
}

// addRuntime chooses the engine's runtime: the GPU one when a device plugin
// reserved a GPU.
func addRuntime(r *request, c *driver.TaskConfig, tc *taskConfig, p *pluginConfig, _ node) error {
	r.host.Runtime = tc.Runtime
	if _, gpu := c.DeviceEnv["NVIDIA_VISIBLE_DEVICES"]; gpu {
		if !p.allowsRuntime(p.NvidiaRuntime) {
			return fmt.Errorf("runtime %q, which GPU tasks need, is not in the plugin's allow_runtimes", p.NvidiaRuntime)
		}
		r.host.Runtime = p.NvidiaRuntime
	}
	return nil
}
