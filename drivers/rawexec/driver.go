//go:build linux

package rawexec

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/nomadlike/nomadlike/drivers/internal/cgroup"
	"github.com/nomadlike/nomadlike/drivers/internal/hostproc"
	"github.com/nomadlike/nomadlike/drivers/internal/supervise/core"
	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

// fingerprintPeriod is how often a node hears that the driver is well.
const fingerprintPeriod = 30 * time.Second

// Driver implements driver.Driver.
type Driver struct {
	driver.Unsupported
	log        hclog.Logger
	cgroupRoot string
	tasks      *hostproc.Tasks
	events     driver.Events

	mu     sync.Mutex
	config pluginConfig
	uids   []idRange
	gids   []idRange
}

// New makes the driver of a plugin process.
func New(log hclog.Logger) (*Driver, error) {
	tasks, err := hostproc.New(cgroup.DefaultRoot)
	if err != nil {
		return nil, err
	}
	return &Driver{log: log, cgroupRoot: cgroup.DefaultRoot, tasks: tasks}, nil
}

// PluginInfo implements base.Plugin.
func (d *Driver) PluginInfo(context.Context) (*base.Info, error) {
	return &base.Info{Type: base.TypeDriver, Name: Name, PluginVersion: pluginVersion, APIVersions: []string{base.APIVersion}}, nil
}

// ConfigSchema implements base.Plugin.
func (d *Driver) ConfigSchema(context.Context) (*hclspec.Spec, error) { return configSpec(), nil }

// SetConfig implements base.Plugin.
func (d *Driver) SetConfig(_ context.Context, c *base.Config) error {
	var cfg pluginConfig
	if err := hclspec.Unmarshal(c.PluginConfig, &cfg); err != nil {
		return err
	}
	uids, err := parseRanges("denied_host_uids", cfg.DeniedHostUIDs)
	if err != nil {
		return err
	}
	gids, err := parseRanges("denied_host_gids", cfg.DeniedHostGIDs)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.config, d.uids, d.gids = cfg, uids, gids
	if c.Agent != nil && c.Agent.Topology != nil {
		d.tasks.SetTotal(c.Agent.Topology.TotalMHz(), len(c.Agent.Topology.Cores))
	}
	return nil
}

// TaskConfigSchema implements driver.Driver.
func (d *Driver) TaskConfigSchema(context.Context) (*hclspec.Spec, error) { return taskSpec(), nil }

// Capabilities implements driver.Driver.
func (d *Driver) Capabilities(context.Context) (*driver.Capabilities, error) {
	return &driver.Capabilities{
		SendSignals: true, Exec: true, FSIsolation: driver.FSIsolationNone, NoMounts: true,
		NetworkModes: []driver.NetworkMode{driver.NetworkModeHost, driver.NetworkModeGroup},
	}, nil
}

// Fingerprint implements driver.Driver.
func (d *Driver) Fingerprint(ctx context.Context, emit func(*driver.Fingerprint) error) error {
	ticker := time.NewTicker(fingerprintPeriod)
	defer ticker.Stop()
	for {
		if err := emit(d.fingerprint()); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func (d *Driver) fingerprint() *driver.Fingerprint {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.config.Enabled {
		return &driver.Fingerprint{Health: driver.HealthUndetected, Description: "disabled"}
	}
	return &driver.Fingerprint{
		Health: driver.HealthHealthy, Description: "Healthy",
		Attributes: map[string]*base.Attribute{"driver." + Name: base.Bool(true)},
	}
}

// StartTask implements driver.Driver.
func (d *Driver) StartTask(ctx context.Context, c *driver.TaskConfig) (*driver.TaskHandle, *driver.Network, error) {
	d.mu.Lock()
	cfg, uids, gids := d.config, d.uids, d.gids
	d.mu.Unlock()
	if !cfg.Enabled {
		return nil, nil, errors.New("raw_exec is disabled on this node: set enabled = true in its plugin block")
	}
	h, err := d.tasks.Start(ctx, c, func() (*hostproc.Launch, error) {
		return d.prepare(c, cfg, uids, gids)
	})
	return h, nil, err
}

// prepare turns a task's config into what the supervisor is to do.
func (d *Driver) prepare(c *driver.TaskConfig, cfg pluginConfig, uids, gids []idRange) (*hostproc.Launch, error) {
	var tc taskConfig
	if err := c.Decode(&tc); err != nil {
		return nil, err
	}
	if err := tc.validate(); err != nil {
		return nil, err
	}
	command, err := findCommand(c, tc.Command)
	if err != nil {
		return nil, err
	}
	who := &hostproc.User{}
	// Reading the user files for nothing would cost a burst of tasks dearly.
	if c.User != "" || len(uids) > 0 || len(gids) > 0 {
		if who, err = hostproc.LookupUser(c.User); err != nil {
			return nil, err
		}
		if err := checkUser(who, uids, gids); err != nil {
			return nil, err
		}
	}
	env := filterEnv(c.Env, append(append([]string(nil), cfg.DeniedEnvvars...), tc.DeniedEnvvars...))
	if c.User != "" {
		hostproc.AddUserEnv(env, who)
	}
	c.Env = env
	spec := core.Spec{
		Path: command, Args: append([]string{tc.Command}, tc.Args...), Env: hostproc.EnvList(env), Dir: c.TaskDir(),
		Switch: who.Switch, UID: who.UID, GID: who.GID, Groups: who.Groups, OOMScoreAdj: tc.OOMScoreAdj,
	}
	if tc.WorkDir != "" {
		spec.Dir = tc.WorkDir
	}
	if n := c.Network; n != nil && n.Path != "" {
		spec.NetNS = n.Path
	}
	return &hostproc.Launch{Spec: spec, Group: d.group(c, &tc)}, nil
}

// group finds the task's place. Limits are the driver's best effort: a task runs
// without them where nobody can set them, as in a container or without root.
func (d *Driver) group(c *driver.TaskConfig, tc *taskConfig) *cgroup.Group {
	if tc.CgroupV2Override != "" {
		return cgroup.OverrideV2(d.cgroupRoot, tc.CgroupV2Override)
	}
	if len(tc.CgroupV1Override) > 0 {
		merged := map[string]string{}
		for _, m := range tc.CgroupV1Override {
			maps.Copy(merged, m)
		}
		return cgroup.OverrideV1(d.cgroupRoot, merged)
	}
	if os.Geteuid() != 0 || c.AllocID == "" {
		d.log.Debug("task runs without resource limits: control groups need root", "task", c.ID)
		return &cgroup.Group{}
	}
	res := c.Resources
	group, err := cgroup.Managed(d.cgroupRoot, c.AllocID+"."+c.Name, res.Linux.CpusetCgroup, cgroup.Limits{
		CPUShares: res.CPUMHz, MemoryMB: res.MemoryMB, MemoryMaxMB: res.MemoryMaxMB, CpusetCPUs: res.Linux.CpusetCPUs,
	})
	if err != nil {
		d.log.Warn("task runs without resource limits", "task", c.ID, "error", err)
		return &cgroup.Group{}
	}
	return group
}

// findCommand searches the task's own files first, then the host.
func findCommand(c *driver.TaskConfig, command string) (string, error) {
	for _, dir := range []string{c.LocalDir(), c.TaskDir()} {
		candidate := filepath.Join(dir, command)
		if st, err := os.Stat(candidate); err == nil && st.Mode().IsRegular() {
			return candidate, makeExecutable(candidate, st.Mode())
		}
	}
	if filepath.IsAbs(command) {
		st, err := os.Stat(command)
		if err != nil {
			return "", fmt.Errorf("command %s was not found: %w", command, err)
		}
		return command, makeExecutable(command, st.Mode())
	}
	found, err := exec.LookPath(command)
	if err != nil {
		return "", fmt.Errorf("command %q was found neither in the task's directory nor in the agent's PATH", command)
	}
	return filepath.Abs(found)
}

func makeExecutable(file string, mode os.FileMode) error {
	const readAndExecute = 0o555
	if mode&readAndExecute == readAndExecute {
		return nil
	}
	if err := os.Chmod(file, mode.Perm()|readAndExecute); err != nil {
		return fmt.Errorf("command %s cannot be made executable: %w", file, err)
	}
	return nil
}

func checkUser(u *hostproc.User, uids, gids []idRange) error {
	if denied(u.UID, uids) {
		return fmt.Errorf("running as uid %d is denied by the plugin's denied_host_uids", u.UID)
	}
	for _, g := range u.Groups {
		if denied(g, gids) {
			return fmt.Errorf("running as gid %d is denied by the plugin's denied_host_gids", g)
		}
	}
	return nil
}

// filterEnv drops the variables whose name matches one of the globs.
func filterEnv(env map[string]string, globs []string) map[string]string {
	out := make(map[string]string, len(env))
	for k, v := range env {
		if !matchesAny(k, globs) {
			out[k] = v
		}
	}
	return out
}

func matchesAny(name string, globs []string) bool {
	for _, g := range globs {
		if ok, err := path.Match(g, name); err == nil && ok {
			return true
		}
	}
	return false
}

// RecoverTask implements driver.Driver.
func (d *Driver) RecoverTask(_ context.Context, h *driver.TaskHandle) error {
	return d.tasks.Recover(h)
}

// WaitTask implements driver.Driver.
func (d *Driver) WaitTask(ctx context.Context, id string) (*driver.ExitResult, error) {
	return d.tasks.Wait(ctx, id)
}

// StopTask implements driver.Driver.
func (d *Driver) StopTask(ctx context.Context, id string, timeout time.Duration, signal string) error {
	return d.tasks.Stop(ctx, id, timeout, signal)
}

// DestroyTask implements driver.Driver.
func (d *Driver) DestroyTask(ctx context.Context, id string, force bool) error {
	return d.tasks.Destroy(ctx, id, force)
}

// InspectTask implements driver.Driver.
func (d *Driver) InspectTask(_ context.Context, id string) (*driver.TaskStatus, error) {
	return d.tasks.Inspect(id)
}

// TaskStats implements driver.Driver.
func (d *Driver) TaskStats(ctx context.Context, id string, interval time.Duration, emit func(*driver.TaskStats) error) error {
	return d.tasks.Stats(ctx, id, interval, emit)
}

// TaskEvents implements driver.Driver.
func (d *Driver) TaskEvents(ctx context.Context, emit func(*driver.TaskEvent) error) error {
	return d.events.Stream(ctx, emit)
}

// SignalTask implements driver.Driver.
func (d *Driver) SignalTask(_ context.Context, id, signal string) error {
	return d.tasks.Signal(id, signal)
}

// ExecTask implements driver.Driver.
func (d *Driver) ExecTask(ctx context.Context, id string, command []string, timeout time.Duration) (*driver.ExecResult, error) {
	return d.tasks.Exec(ctx, id, command, timeout)
}

// ExecTaskStreaming implements driver.Driver.
func (d *Driver) ExecTaskStreaming(ctx context.Context, id string, opts *driver.ExecOptions) (*driver.ExitResult, error) {
	return d.tasks.ExecStreaming(ctx, id, opts)
}
