//go:build linux

// Package cgroup places tasks of host-executed drivers into control groups,
// limits them, and kills what is in a group. It knows both hierarchies (v1 and
// v2) below a root that tests replace. It never makes the group that a host made
// for the task; it uses it.
package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// DefaultRoot is where the hierarchies are mounted.
const DefaultRoot = "/sys/fs/cgroup"

const (
	// parent is the folder of all our v1 groups.
	parent = "nomad"
	// killRounds and killPause bound the wait for killed processes to leave.
	killRounds = 400
	killPause  = 5 * time.Millisecond
	// sharesMin and sharesMax are the kernel's bounds of cpu.shares.
	sharesMin = 2
	sharesMax = 262144
	// weightMax is the kernel's bound of cpu.weight.
	weightMax = 10000
)

// Version is the hierarchy a machine uses for resource control.
type Version int

const (
	None Version = iota
	V1
	V2
)

// v1Controllers are those a task gets a group of its own in.
func v1Controllers() []string { return []string{"freezer", "cpu", "memory"} }

// Detect looks at root. A v2 hierarchy beside v1 controllers holds no
// controllers itself, so the machine counts as v1.
func Detect(root string) Version {
	if raw, err := os.ReadFile(filepath.Join(root, "cgroup.controllers")); err == nil && len(strings.TrimSpace(string(raw))) > 0 {
		return V2
	}
	for _, c := range v1Controllers() {
		if st, err := os.Stat(filepath.Join(root, c)); err != nil || !st.IsDir() {
			return None
		}
	}
	return V1
}

// Limits are a task's resources in the units of TaskConfig.
type Limits struct {
	// CPUShares in MHz.
	CPUShares int64
	// MemoryMB is the reservation, MemoryMaxMB the limit above it: 0 none, -1
	// unlimited.
	MemoryMB    int64
	MemoryMaxMB int64
	// CpusetCPUs lists reserved cores, empty for none.
	CpusetCPUs string
}

// Group is the place of one task.
type Group struct {
	// V2 is the directory of the v2 group, empty on v1.
	V2 string
	// V1 are the directories of the v1 groups.
	V1 []string
	// Own are the directories to remove at the end; a group that was not made
	// for this task alone is never killed nor removed.
	Own []string
}

// Managed prepares the groups of a task. host is the group that the host made:
// the whole place on v2, the cpuset on v1.
func Managed(root, name, host string, lim Limits) (*Group, error) {
	switch Detect(root) {
	case V2:
		if host == "" {
			return &Group{}, nil
		}
		g := &Group{V2: host, Own: []string{host}}
		return g, limitV2(host, lim)
	case V1:
		return managedV1(root, name, host, lim)
	default:
		return &Group{}, nil
	}
}

func managedV1(root, name, host string, lim Limits) (*Group, error) {
	g := &Group{}
	for _, c := range v1Controllers() {
		dir := filepath.Join(root, c, parent, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			g.Remove()
			return nil, fmt.Errorf("cgroup %s cannot be made: %w", dir, err)
		}
		g.V1 = append(g.V1, dir)
		g.Own = append(g.Own, dir)
	}
	if host != "" {
		g.V1 = append(g.V1, host)
	}
	if err := limitV1(root, name, lim); err != nil {
		g.Remove()
		return nil, err
	}
	return g, nil
}

// OverrideV2 is a place that the job chose; a relative path is below root.
func OverrideV2(root, path string) *Group { return &Group{V2: below(root, path)} }

// OverrideV1 is a place per controller that the job chose.
func OverrideV1(root string, paths map[string]string) *Group {
	g := &Group{}
	for _, c := range slices.Sorted(maps.Keys(paths)) {
		g.V1 = append(g.V1, below(filepath.Join(root, c), paths[c]))
	}
	return g
}

func below(root, path string) string {
	if filepath.IsAbs(path) && strings.HasPrefix(path, root) {
		return path
	}
	return filepath.Join(root, path)
}

func limitV2(dir string, lim Limits) error {
	writes := [][2]string{{"cpu.weight", strconv.FormatInt(Weight(lim.CPUShares), 10)}}
	if lim.CpusetCPUs != "" {
		writes = append(writes, [2]string{"cpuset.cpus", lim.CpusetCPUs})
	}
	hard, soft := memory(lim)
	if hard < 0 {
		writes = append(writes, [2]string{"memory.max", "max"})
	} else if hard > 0 {
		writes = append(writes, [2]string{"memory.max", strconv.FormatInt(hard, 10)})
	}
	if soft > 0 {
		writes = append(writes, [2]string{"memory.low", strconv.FormatInt(soft, 10)})
	}
	// A controller that is not enabled has no file; the task runs without that
	// limit rather than not at all.
	for _, w := range writes {
		if err := write(dir, w[0], w[1]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	// Kernels refuse or lack the knob; swapping is then the kernel's choice.
	_ = write(dir, "memory.swap.max", "0")
	return nil
}

func limitV1(root, name string, lim Limits) error {
	cpu := filepath.Join(root, "cpu", parent, name)
	mem := filepath.Join(root, "memory", parent, name)
	if err := write(cpu, "cpu.shares", strconv.FormatInt(max(lim.CPUShares, sharesMin), 10)); err != nil {
		return err
	}
	hard, soft := memory(lim)
	if hard != 0 {
		if err := write(mem, "memory.limit_in_bytes", strconv.FormatInt(hard, 10)); err != nil {
			return err
		}
	}
	if soft > 0 {
		if err := write(mem, "memory.soft_limit_in_bytes", strconv.FormatInt(soft, 10)); err != nil {
			return err
		}
	}
	_ = write(mem, "memory.swappiness", "0")
	return nil
}

// memory turns the job's figures into a hard limit (-1 unlimited, 0 unset) and
// a soft one (0 unset), in bytes.
func memory(lim Limits) (hard, soft int64) {
	const mib = 1 << 20
	switch {
	case lim.MemoryMaxMB < 0:
		return -1, lim.MemoryMB * mib
	case lim.MemoryMaxMB > 0:
		return max(lim.MemoryMaxMB, lim.MemoryMB) * mib, lim.MemoryMB * mib
	default:
		return lim.MemoryMB * mib, 0
	}
}

// Weight converts v1 shares to a v2 weight.
func Weight(shares int64) int64 {
	shares = min(max(shares, sharesMin), sharesMax)
	return 1 + (shares-sharesMin)*(weightMax-1)/(sharesMax-sharesMin)
}

// threadFile moves a single thread, and what it starts next, into a v1 group. To
// move a process through cgroup.procs the kernel stops all forks of the machine
// first, which costs several milliseconds whenever nobody did it just before.
const threadFile = "tasks"

// JoinV1 are the files through which a thread enters the v1 groups.
func (g *Group) JoinV1() []string {
	var out []string
	for _, d := range g.V1 {
		out = append(out, filepath.Join(d, threadFile))
	}
	return out
}

// LeaveV1 are the files through which this process's own groups are entered
// again, one for each of JoinV1.
func (g *Group) LeaveV1(root string) []string {
	if len(g.V1) == 0 {
		return nil
	}
	raw, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	return leave(root, g.V1, string(raw))
}

// leave finds, for every group below root, the process's own group of the same
// controller in the text of /proc/self/cgroup.
func leave(root string, groups []string, self string) []string {
	own := map[string]string{}
	for line := range strings.Lines(self) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		for c := range strings.SplitSeq(f[1], ",") {
			own[c] = f[2]
		}
	}
	var out []string
	for _, g := range groups {
		rel, err := filepath.Rel(root, g)
		if err != nil {
			continue
		}
		controller, _, _ := strings.Cut(rel, string(filepath.Separator))
		if path, ok := own[controller]; ok {
			out = append(out, filepath.Join(root, controller, path, threadFile))
		}
	}
	return out
}

// OOMFile counts OOM kills of the group, empty when nothing does.
func (g *Group) OOMFile() string {
	if g.V2 != "" {
		return filepath.Join(g.V2, "memory.events")
	}
	for _, d := range g.Own {
		f := filepath.Join(d, "memory.oom_control")
		if _, err := os.Stat(f); err == nil {
			return f
		}
	}
	return ""
}

// Pids lists the processes of a group of the task's own.
func (g *Group) Pids() []int {
	if len(g.Own) == 0 {
		return nil
	}
	raw, err := os.ReadFile(filepath.Join(g.Own[0], "cgroup.procs"))
	if err != nil {
		return nil
	}
	var out []int
	for f := range strings.FieldsSeq(string(raw)) {
		if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
			out = append(out, pid)
		}
	}
	return out
}

// Kill ends every process of the task's own groups and waits until they left.
func (g *Group) Kill() {
	if len(g.Own) == 0 {
		return
	}
	for range killRounds {
		pids := g.Pids()
		if len(pids) == 0 {
			return
		}
		if write(g.Own[0], "cgroup.kill", "1") != nil {
			for _, pid := range pids {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		time.Sleep(killPause)
	}
}

// Remove takes away the groups of the task's own on v1; the host removes what
// it made.
func (g *Group) Remove() {
	for _, d := range g.Own {
		if d != g.V2 {
			_ = os.Remove(d)
		}
	}
}

func write(dir, file, text string) error {
	path := filepath.Join(dir, file)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("cgroup limit cannot be set: %w", err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		return fmt.Errorf("cgroup limit %s = %s cannot be set: %w", path, text, err)
	}
	return nil
}
