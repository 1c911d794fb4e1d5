// Package cgroup makes the control groups of tasks: a scope per task on the
// unified hierarchy, a cpuset on the old one. Cores that tasks reserve are kept
// from all others. Task shells call it before a start and after the end; limits
// inside a group are set by the drivers.
package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
)

// Names below the parent.
const (
	shareSlice   = "share.slice"
	reserveSlice = "reserve.slice"
	shareV1      = "share"
	reserveV1    = "reserve"
)

// controllers are those that tasks need on the unified hierarchy.
func controllers() []string { return []string{"cpuset", "cpu", "io", "memory", "pids"} }

// Config of a Manager.
type Config struct {
	Root    string // where control groups are mounted
	Version string // "1", "2" or "" for none
	Parent  string // nomad.slice on version 2, /nomad on version 1
	Usable  []uint64
	Logger  hclog.Logger
}

// Manager makes and removes groups. It implements task.Cgroups.
type Manager struct {
	cfg      Config
	mu       sync.Mutex
	ready    bool
	reserved map[string][]uint64 // by scope name
}

// New makes a manager; the parents are made with the first group.
func New(cfg Config) *Manager {
	if cfg.Parent == "" {
		cfg.Parent = "nomad.slice"
		if cfg.Version == "1" {
			cfg.Parent = "/nomad"
		}
	}
	return &Manager{cfg: cfg, reserved: map[string][]uint64{}}
}

// Parent is what tasks are told of their group's parent.
func (m *Manager) Parent() string { return m.cfg.Parent }

func scope(allocID, task string) string { return allocID + "." + task }

// Make makes the group of a task. Machines that do not let the agent do so run
// tasks without one, unless cores are to be kept for it.
func (m *Manager) Make(allocID, task string, cores []uint64) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := scope(allocID, task)
	var path string
	var err error
	switch m.cfg.Version {
	case "2":
		path, err = m.makeV2(name, cores)
	case "1":
		path, err = m.makeV1(name, cores)
	}
	if err == nil {
		return path, nil
	}
	if len(cores) > 0 {
		return "", fmt.Errorf("reserving cores %v: %w", cores, err)
	}
	m.cfg.Logger.Debug("task runs without a control group of its own", "alloc_id", allocID, "task", task, "reason", err)
	return "", nil
}

// Remove removes the group of a task and gives its cores back.
func (m *Manager) Remove(allocID, task string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := scope(allocID, task)
	cores, had := m.reserved[name]
	delete(m.reserved, name)
	slice, base := shareSlice, m.base()
	if had && len(cores) > 0 {
		slice = reserveSlice
	}
	path := filepath.Join(base, slice, name+".scope")
	if m.cfg.Version == "1" {
		path = filepath.Join(base, reserveV1, name)
	}
	if m.cfg.Version == "" {
		return nil
	}
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if had && len(cores) > 0 {
		err = errors.Join(err, m.share())
	}
	return err
}

func (m *Manager) base() string {
	if m.cfg.Version == "1" {
		return filepath.Join(m.cfg.Root, "cpuset", m.cfg.Parent)
	}
	return filepath.Join(m.cfg.Root, m.cfg.Parent)
}

// setupV2 makes the slices and hands the controllers down to them.
func (m *Manager) setupV2() error {
	if m.ready {
		return nil
	}
	base := m.base()
	for _, dir := range []string{base, filepath.Join(base, shareSlice), filepath.Join(base, reserveSlice)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for _, dir := range []string{m.cfg.Root, base, filepath.Join(base, shareSlice), filepath.Join(base, reserveSlice)} {
		for _, c := range controllers() {
			// A controller that the machine lacks only takes its limit away.
			if err := write(dir, "cgroup.subtree_control", "+"+c); err != nil {
				m.cfg.Logger.Debug("controller cannot be used", "controller", c, "group", dir, "error", err)
			}
		}
	}
	m.ready = true
	return m.share()
}

func (m *Manager) makeV2(name string, cores []uint64) (string, error) {
	if err := m.setupV2(); err != nil {
		return "", err
	}
	slice := shareSlice
	if len(cores) > 0 {
		slice = reserveSlice
		m.reserved[name] = cores
	}
	path := filepath.Join(m.base(), slice, name+".scope")
	if err := os.MkdirAll(path, 0o755); err != nil {
		return "", err
	}
	if len(cores) == 0 {
		return path, nil
	}
	if err := write(path, "cpuset.cpus", list(cores)); err != nil {
		return "", err
	}
	return path, m.share()
}

func (m *Manager) makeV1(name string, cores []uint64) (string, error) {
	share := filepath.Join(m.base(), shareV1)
	if !m.ready {
		mems, err := os.ReadFile(filepath.Join(m.cfg.Root, "cpuset", "cpuset.mems"))
		if err != nil {
			return "", err
		}
		for _, dir := range []string{m.base(), share, filepath.Join(m.base(), reserveV1)} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return "", err
			}
			err := errors.Join(write(dir, "cpuset.mems", strings.TrimSpace(string(mems))), write(dir, "cpuset.cpus", list(m.cfg.Usable)))
			if err != nil {
				return "", err
			}
		}
		m.ready = true
	}
	if len(cores) == 0 {
		return share, nil
	}
	path := filepath.Join(m.base(), reserveV1, name)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return "", err
	}
	mems, err := os.ReadFile(filepath.Join(share, "cpuset.mems"))
	if err != nil {
		return "", err
	}
	m.reserved[name] = cores
	return path, errors.Join(write(path, "cpuset.mems", strings.TrimSpace(string(mems))), write(path, "cpuset.cpus", list(cores)), m.share())
}

// share gives the cores that nobody reserves to all other tasks. The last core
// stays shared: a group without cores could run nothing.
func (m *Manager) share() error {
	var taken []uint64
	for _, cores := range m.reserved {
		taken = append(taken, cores...)
	}
	var free []uint64
	for _, c := range m.cfg.Usable {
		if !slices.Contains(taken, c) {
			free = append(free, c)
		}
	}
	if len(free) == 0 {
		free = m.cfg.Usable
	}
	name := shareSlice
	if m.cfg.Version == "1" {
		name = shareV1
	}
	err := write(filepath.Join(m.base(), name), "cpuset.cpus", list(free))
	if m.cfg.Version == "2" && errors.Is(err, fs.ErrNotExist) {
		return nil // no cpuset controller: nothing is reserved
	}
	return err
}

func write(dir, file, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

func list(cores []uint64) string {
	parts := make([]string, len(cores))
	for i, c := range cores {
		parts[i] = strconv.FormatUint(c, 10)
	}
	return strings.Join(parts, ",")
}
