package docker

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/nomadlike/nomadlike/plugins/driver"
)

// addMounts shows the container its directories, volumes and devices.
func addMounts(r *request, c *driver.TaskConfig, tc *taskConfig, p *pluginConfig, _ node) error {
	binds := []string{
		c.SharedDir() + ":/alloc",
		c.LocalDir() + ":/local",
		c.SecretsDir() + ":/secrets",
	}
	for _, v := range tc.Volumes {
		b, err := volumeBind(v, c, tc, p)
		if err != nil {
			return err
		}
		binds = append(binds, b)
	}
	logs := filepath.Join(c.SharedDir(), "logs") + ":/alloc/logs:ro"
	binds = append(binds[:1], append([]string{logs}, binds[1:]...)...)
	if label := p.Volumes.SELinuxLabel; label != "" {
		for i := range binds {
			binds[i] = withMode(binds[i], label)
		}
	}
	r.host.Binds = binds
	for _, m := range append(append([]mountConfig(nil), tc.Mount...), tc.Mounts...) {
		converted, err := convertMount(m, c, p)
		if err != nil {
			return err
		}
		r.host.Mounts = append(r.host.Mounts, *converted)
	}
	for _, m := range c.Mounts {
		r.host.Mounts = append(r.host.Mounts, mount.Mount{
			Type: mount.TypeBind, Source: m.HostPath, Target: m.TaskPath, ReadOnly: m.Readonly,
			BindOptions: &mount.BindOptions{Propagation: propagation(m.Propagation)},
		})
	}
	return addDevices(r, c, tc)
}

// withMode adds a mode to a bind's own.
func withMode(bind, mode string) string {
	const partsWithMode = 3
	if strings.Count(bind, ":") >= partsWithMode-1 {
		return bind + "," + mode
	}
	return bind + ":" + mode
}

func propagation(mode string) mount.Propagation {
	switch mode {
	case "host-to-task":
		return mount.PropagationRSlave
	case "bidirectional":
		return mount.PropagationRShared
	default:
		return mount.PropagationRPrivate
	}
}

// inside reports whether path is dir or below it.
func inside(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

func volumeBind(v string, c *driver.TaskConfig, tc *taskConfig, p *pluginConfig) (string, error) {
	parts := strings.SplitN(v, ":", 3)
	if len(parts) < 2 || parts[0] == "" || parts[1] == "" {
		return "", fmt.Errorf("volume %q is malformed: write it as source:target or source:target:mode", v)
	}
	if tc.VolumeDriver != "" {
		if !p.Volumes.Enabled {
			return "", fmt.Errorf("volumes are not enabled; cannot use volume driver %q", tc.VolumeDriver)
		}
		return v, nil
	}
	src, err := hostPath(parts[0], c, p)
	if err != nil {
		return "", err
	}
	parts[0] = src
	return strings.Join(parts, ":"), nil
}

// hostPath resolves the source of a bind, and refuses it where the plugin keeps
// tasks to their own directories.
func hostPath(src string, c *driver.TaskConfig, p *pluginConfig) (string, error) {
	resolved := filepath.Clean(src)
	if !filepath.IsAbs(src) {
		resolved = filepath.Join(c.TaskDir(), src)
	}
	if !p.Volumes.Enabled && !inside(c.AllocDir, resolved) {
		return "", fmt.Errorf("volumes are not enabled; cannot mount host paths: %q", src)
	}
	return resolved, nil
}

func convertMount(m mountConfig, c *driver.TaskConfig, p *pluginConfig) (*mount.Mount, error) {
	out := &mount.Mount{Type: mount.Type(m.Type), Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly}
	switch out.Type {
	case mount.TypeBind:
		src, err := hostPath(m.Source, c, p)
		if err != nil {
			return nil, err
		}
		out.Source = src
		if m.Bind != nil {
			out.BindOptions = &mount.BindOptions{Propagation: mount.Propagation(m.Bind.Propagation)}
		}
	case mount.TypeTmpfs:
		if m.Source != "" {
			return nil, fmt.Errorf("mount on %s: a tmpfs must have no source", m.Target)
		}
		if m.Tmpfs != nil {
			out.TmpfsOptions = &mount.TmpfsOptions{SizeBytes: m.Tmpfs.SizeBytes, Mode: os.FileMode(m.Tmpfs.Mode)}
		}
	case mount.TypeVolume:
		if !p.Volumes.Enabled {
			return nil, fmt.Errorf("volumes are not enabled; cannot mount volume: %q", m.Source)
		}
		if v := m.Volume; v != nil {
			out.VolumeOptions = &mount.VolumeOptions{NoCopy: v.NoCopy, Labels: merged(v.Labels)}
			if v.Driver != nil {
				out.VolumeOptions.DriverConfig = &mount.Driver{Name: v.Driver.Name, Options: merged(v.Driver.Options)}
			}
		}
	default:
		return nil, fmt.Errorf("mount on %s has type %q: use volume, bind or tmpfs", m.Target, m.Type)
	}
	return out, nil
}

const deviceAll = "rwm"

func addDevices(r *request, c *driver.TaskConfig, tc *taskConfig) error {
	for _, d := range tc.Devices {
		if d.HostPath == "" {
			return fmt.Errorf("devices: host_path must be set")
		}
		m := container.DeviceMapping{PathOnHost: d.HostPath, PathInContainer: d.ContainerPath, CgroupPermissions: d.Permissions}
		if m.PathInContainer == "" {
			m.PathInContainer = m.PathOnHost
		}
		if m.CgroupPermissions == "" {
			m.CgroupPermissions = deviceAll
		}
		if strings.Trim(m.CgroupPermissions, deviceAll) != "" {
			return fmt.Errorf("device %s has cgroup_permissions %q: use letters of %s", d.HostPath, d.Permissions, deviceAll)
		}
		r.host.Devices = append(r.host.Devices, m)
	}
	for _, d := range c.Devices {
		r.host.Devices = append(r.host.Devices, container.DeviceMapping{
			PathOnHost: d.HostPath, PathInContainer: d.TaskPath, CgroupPermissions: d.Permissions,
		})
	}
	return nil
}
