// Package hostvolume makes, keeps and removes the dynamic host volumes of a
// node, by the built-in plugin mkdir or by executables in the plugin directory.
// The client calls it for servers, and asks it at start which volumes there
// are. It never mounts anything: tasks get the directories by their paths.
package hostvolume

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// PluginMkdir is the built-in plugin: a volume is a directory.
const PluginMkdir = "mkdir"

// Config says where volumes and plugins are, and who the node is.
type Config struct {
	// Dir holds the volumes that plugins make; "" refuses to make any.
	Dir string
	// PluginDir holds executables, each a plugin named as the file; "" or a
	// directory that is not there: only the built-in plugin.
	PluginDir string
	NodeID    string
	NodePool  string
	// Version is that of the built-in plugin.
	Version string
	// Records keeps volumes over restarts of the agent.
	Records Records
}

// Records keeps what was made.
type Records interface {
	PutVolume(v *nl.HostVolume) error
	DeleteVolume(id string) error
}

// plugin makes and removes volumes.
type plugin interface {
	create(ctx context.Context, v *nl.HostVolume) (path string, bytes int64, err error)
	remove(ctx context.Context, v *nl.HostVolume) error
}

// Manager keeps the volumes of a node.
type Manager struct {
	cfg Config

	mu      sync.Mutex // one change at a time
	volumes map[string]*nl.HostVolume
}

// New takes what was recorded.
func New(cfg Config, recorded []*nl.HostVolume) *Manager {
	m := &Manager{cfg: cfg, volumes: map[string]*nl.HostVolume{}}
	for _, v := range recorded {
		m.volumes[v.ID] = v
	}
	return m
}

// Volumes are what tasks may mount, by name.
func (m *Manager) Volumes() map[string]*nl.ClientHostVolumeConfig {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]*nl.ClientHostVolumeConfig{}
	for _, v := range m.volumes {
		out[v.Name] = &nl.ClientHostVolumeConfig{Name: v.Name, Path: v.HostPath, ID: v.ID}
	}
	return out
}

// Create makes a volume, or makes sure that it is there, and returns its path
// and its size, 0 when that has no bound.
func (m *Manager) Create(ctx context.Context, v *nl.HostVolume) (path string, bytes int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.free(v); err != nil {
		return "", 0, err
	}
	p, err := m.plugin(v.PluginID)
	if err != nil {
		return "", 0, err
	}
	made := *v
	if made.HostPath, made.CapacityBytes, err = p.create(ctx, v); err != nil {
		return "", 0, fmt.Errorf("creating host volume %q with plugin %q: %w", v.Name, v.PluginID, err)
	}
	return made.HostPath, made.CapacityBytes, m.keep(&made)
}

// Register takes over a directory that is there already.
func (m *Manager) Register(v *nl.HostVolume) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.free(v); err != nil {
		return err
	}
	info, err := os.Stat(v.HostPath)
	switch {
	case err != nil:
		return fmt.Errorf("registering host volume %q: %w", v.Name, err)
	case !info.IsDir():
		return fmt.Errorf("registering host volume %q: %s is no directory", v.Name, v.HostPath)
	}
	return m.keep(v)
}

// Delete removes a volume that was made, and lets go of one that was
// registered. One that is not known is removed already.
func (m *Manager) Delete(ctx context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := m.volumes[id]
	if v == nil {
		return nil
	}
	if v.PluginID != "" {
		p, err := m.plugin(v.PluginID)
		if err != nil {
			return err
		}
		if err := p.remove(ctx, v); err != nil {
			return fmt.Errorf("deleting host volume %q with plugin %q: %w", v.Name, v.PluginID, err)
		}
	}
	delete(m.volumes, id)
	return m.cfg.Records.DeleteVolume(id)
}

// free refuses a name that another volume of the node has.
func (m *Manager) free(v *nl.HostVolume) error {
	for _, id := range slices.Sorted(maps.Keys(m.volumes)) {
		if o := m.volumes[id]; o.Name == v.Name && o.ID != v.ID {
			return fmt.Errorf("the node has a host volume named %q already: %s", v.Name, o.ID)
		}
	}
	return nil
}

func (m *Manager) keep(v *nl.HostVolume) error {
	m.volumes[v.ID] = v
	return m.cfg.Records.PutVolume(v)
}

func (m *Manager) plugin(id string) (plugin, error) {
	if m.cfg.Dir == "" {
		return nil, errors.New("this node has no directory for host volumes; set client.host_volumes_dir or data_dir")
	}
	if id == PluginMkdir {
		return mkdir{m.cfg.Dir}, nil
	}
	return m.external(id)
}
