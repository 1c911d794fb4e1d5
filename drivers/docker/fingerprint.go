//go:build linux

package docker

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"

	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

const (
	// fingerprintPeriod is how often the engine is looked at.
	fingerprintPeriod = 30 * time.Second
	// fingerprintMax bounds one look.
	fingerprintMax = 10 * time.Second
)

// Fingerprint implements driver.Driver.
func (d *Driver) Fingerprint(ctx context.Context, emit func(*driver.Fingerprint) error) error {
	ticker := time.NewTicker(fingerprintPeriod)
	defer ticker.Stop()
	for {
		if err := emit(d.fingerprint(ctx)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func (d *Driver) fingerprint(ctx context.Context) *driver.Fingerprint {
	ctx, cancel := context.WithTimeout(ctx, fingerprintMax)
	defer cancel()
	api, err := d.engine()
	if err != nil {
		return &driver.Fingerprint{Health: driver.HealthUndetected, Description: err.Error()}
	}
	info, err := api.Info(ctx)
	if err != nil {
		return d.unreachable()
	}
	d.mu.Lock()
	d.reached = true
	d.node.cgroupV2 = info.CgroupVersion == "2"
	cfg := d.config
	d.mu.Unlock()
	const prefix = "driver." + Name
	attrs := map[string]*base.Attribute{
		prefix:               base.Bool(true),
		prefix + ".version":  base.String(info.ServerVersion),
		prefix + ".os_type":  base.String(info.OSType),
		prefix + ".runtimes": base.String(strings.Join(slices.Sorted(maps.Keys(info.Runtimes)), ",")),
	}
	if n, err := api.NetworkInspect(ctx, "bridge", network.InspectOptions{}); err == nil && len(n.IPAM.Config) > 0 && n.IPAM.Config[0].Gateway != "" {
		attrs[prefix+".bridge_ip"] = base.String(n.IPAM.Config[0].Gateway)
	}
	if cfg.AllowPrivileged {
		attrs[prefix+".privileged.enabled"] = base.Bool(true)
	}
	if cfg.PidsLimit > 0 {
		attrs[prefix+".pids.limit"] = base.Int(cfg.PidsLimit, "")
	}
	if cfg.Volumes.Enabled {
		attrs[prefix+".volumes.enabled"] = base.Bool(true)
	}
	if os.Geteuid() != 0 {
		attrs[prefix+".cpuset_management.disabled"] = base.Bool(true)
	}
	return &driver.Fingerprint{Health: driver.HealthHealthy, Description: "Healthy", Attributes: attrs}
}

// unreachable is a missing engine, unless it was there before.
func (d *Driver) unreachable() *driver.Fingerprint {
	d.mu.Lock()
	defer d.mu.Unlock()
	health := driver.HealthUndetected
	if d.reached {
		health = driver.HealthUnhealthy
	}
	return &driver.Fingerprint{Health: health, Description: "Failed to connect to docker daemon"}
}

// collectDangling removes containers of ours that no task stands behind, such as
// those of a plugin whose record was lost.
func (d *Driver) collectDangling(ctx context.Context, cfg danglingConfig) {
	// The first round waits until recovery had its time.
	timer := time.NewTimer(max(cfg.period, cfg.creationGrace))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-timer.C:
			if err := d.removeDangling(ctx, cfg, now); err != nil {
				d.log.Warn("containers without a task cannot be collected", "error", err)
			}
			timer.Reset(cfg.period)
		}
	}
}

func (d *Driver) removeDangling(ctx context.Context, cfg danglingConfig, now time.Time) error {
	api, err := d.engine()
	if err != nil {
		return err
	}
	list, err := api.ContainerList(ctx, container.ListOptions{Filters: filters.NewArgs(filters.Arg("status", "running"))})
	if err != nil {
		return err
	}
	d.mu.Lock()
	tracked := map[string]bool{}
	for _, t := range d.tasks {
		if t != nil {
			tracked[t.id] = true
		}
	}
	d.mu.Unlock()
	for _, c := range list {
		if !dangling(c, tracked, cfg.creationGrace, now) {
			continue
		}
		if cfg.DryRun {
			d.log.Info("container without a task would be removed", "container", c.ID, "names", c.Names)
			continue
		}
		d.log.Info("removing container without a task", "container", c.ID, "names", c.Names)
		if err := api.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil && !gone(err) {
			return fmt.Errorf("container %s cannot be removed: %w", c.ID, err)
		}
	}
	return nil
}

// dangling decides about one container. Network holders outlive the plugin's
// knowledge of them and are removed with their allocation's network.
func dangling(c container.Summary, tracked map[string]bool, grace time.Duration, now time.Time) bool {
	if tracked[c.ID] || now.Sub(time.Unix(c.Created, 0)) < grace {
		return false
	}
	for _, name := range c.Names {
		if strings.HasPrefix(strings.TrimPrefix(name, "/"), sandboxPrefix) {
			return false
		}
	}
	if c.Labels[labelAllocID] != "" {
		return true
	}
	return looksLikeOurs(c)
}

// looksLikeOurs recognises containers made before they were labelled: by their
// three directories and their name.
func looksLikeOurs(c container.Summary) bool {
	var found int
	for _, m := range c.Mounts {
		if m.Destination == "/alloc" || m.Destination == "/local" || m.Destination == "/secrets" {
			found++
		}
	}
	const directories = 3
	if found < directories {
		return false
	}
	for _, name := range c.Names {
		if namedLikeTask.MatchString(name) {
			return true
		}
	}
	return false
}
