// Package driver manages the task driver plugins of a node: it launches each
// once, keeps it running, reattaches to it after a restart of the agent, and
// watches its health. The client runs the Manager; task shells get a driver's
// Instance from it. It never decides about tasks.
package driver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

// Records keeps what is needed to reattach.
type Records interface {
	PutPlugin(name string, r base.ReattachRecord) error
	DeletePlugin(name string)
}

// Block is the agent configuration's plugin block.
type Block struct {
	Args   []string
	Config map[string]any
}

// Builtin is a driver that the agent's own binary serves.
type Builtin struct {
	Name    string
	Command string
	Args    []string
}

// Config of a Manager.
type Config struct {
	Builtins []Builtin
	// PluginDir is looked through for other plugins; "" is none.
	PluginDir string
	// Blocks are by plugin name.
	Blocks map[string]Block
	// Allow names the only drivers to be used when not empty; Deny those not to
	// be used.
	Allow, Deny []string
	// Agent is what plugins learn about the node.
	Agent *base.AgentConfig
	// Reattach are the processes that an earlier agent left.
	Reattach map[string]base.ReattachRecord
	Records  Records
	// Detach leaves the plugin processes running when Run ends, for an agent
	// that follows at once.
	Detach bool
	// OnInfo is told of every change of a driver's health or attributes.
	OnInfo func(name string, info *nl.DriverInfo)
	// OnTaskEvent is told what drivers tell about tasks.
	OnTaskEvent func(*driver.TaskEvent)
	Logger      hclog.Logger
	// Now; nil is the wall clock.
	Now func() time.Time
}

// Manager runs the plugins.
type Manager struct {
	cfg     Config
	log     hclog.Logger
	mu      sync.Mutex
	plugins map[string]*plugin
	found   chan struct{} // closed when plugins is complete
	ready   chan struct{} // closed when every plugin was looked at once
}

// New makes a manager.
func New(cfg Config) (*Manager, error) {
	if cfg.Records == nil || cfg.OnInfo == nil || cfg.OnTaskEvent == nil {
		return nil, errors.New("driver manager needs Records, OnInfo and OnTaskEvent")
	}
	if cfg.Logger == nil {
		cfg.Logger = hclog.NewNullLogger()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Manager{
		cfg: cfg, log: cfg.Logger, plugins: map[string]*plugin{},
		found: make(chan struct{}), ready: make(chan struct{}),
	}, nil
}

// Ready is closed when every plugin was looked at once.
func (m *Manager) Ready() <-chan struct{} { return m.ready }

// Run runs the plugins until ctx ends.
func (m *Manager) Run(ctx context.Context) error {
	for _, p := range m.discover(ctx) {
		m.plugins[p.name] = p
	}
	close(m.found)
	m.dropStale(ctx)
	var running, first sync.WaitGroup
	for _, p := range m.plugins {
		running.Add(1)
		first.Add(1)
		go func() {
			defer running.Done()
			p.run(ctx, sync.OnceFunc(first.Done))
		}()
	}
	running.Add(1)
	go func() {
		defer running.Done()
		first.Wait()
		close(m.ready)
	}()
	<-ctx.Done()
	running.Wait()
	return ctx.Err()
}

// allowed applies the operator's lists.
func (m *Manager) allowed(name string) bool {
	if len(m.cfg.Allow) > 0 && !slices.Contains(m.cfg.Allow, name) {
		return false
	}
	return !slices.Contains(m.cfg.Deny, name)
}

// dropStale ends processes of plugins that are not used any more.
func (m *Manager) dropStale(ctx context.Context) {
	for _, name := range slices.Sorted(maps.Keys(m.cfg.Reattach)) {
		if m.plugins[name] != nil {
			continue
		}
		if inst, err := driver.Reattach(ctx, base.LaunchConfig{Logger: m.log}, m.cfg.Reattach[name]); err == nil {
			inst.Kill()
		}
		m.cfg.Records.DeletePlugin(name)
	}
}

// discover lists the plugins to run. Of two with one name the external one is
// used: an operator put it there.
func (m *Manager) discover(ctx context.Context) map[string]*plugin {
	out := map[string]*plugin{}
	for _, b := range m.cfg.Builtins {
		if m.allowed(b.Name) {
			out[b.Name] = m.newPlugin(b.Name, b.Command, b.Args)
		}
	}
	if m.cfg.PluginDir == "" {
		return out
	}
	entries, err := os.ReadDir(m.cfg.PluginDir)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			m.log.Error("plugin directory cannot be read", "dir", m.cfg.PluginDir, "error", err)
		}
		return out
	}
	versions := map[string]string{}
	for _, e := range entries {
		path := filepath.Join(m.cfg.PluginDir, e.Name())
		if !executable(path) {
			continue
		}
		launch := base.LaunchConfig{Command: path, Args: m.cfg.Blocks[e.Name()].Args, Logger: m.log.Named(e.Name())}
		probed, err := base.Probe(ctx, launch)
		if err != nil {
			m.log.Error("plugin cannot be used", "path", path, "error", err)
			continue
		}
		name, version := probed.Info.Name, probed.Info.PluginVersion
		if probed.Info.Type != base.TypeDriver || !m.allowed(name) || versions[name] != "" && versions[name] >= version {
			continue
		}
		versions[name] = version
		out[name] = m.newPlugin(name, path, launch.Args)
	}
	return out
}

func executable(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	return runtime.GOOS == "windows" || info.Mode().Perm()&0o111 != 0
}

// Get gives the running instance of a driver, waiting for it while it is being
// launched.
func (m *Manager) Get(ctx context.Context, name string) (*Handle, error) {
	select {
	case <-m.found:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p := m.plugins[name]
	if p == nil {
		return nil, fmt.Errorf("driver %q not found: it is not built in, not in the plugin directory, or denied", name)
	}
	return p.wait(ctx)
}
