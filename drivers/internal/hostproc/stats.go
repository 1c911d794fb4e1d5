//go:build linux

package hostproc

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/plugins/driver"
)

const (
	// clockTicks is the kernel's unit of processor time in /proc, per second; it
	// is the same on every Linux that Go runs on.
	clockTicks = 100
	// statsIntervalMin keeps a caller from making statistics the main load.
	statsIntervalMin = 100 * time.Millisecond
)

// speed is what the node's processors add up to.
type speed struct {
	totalMHz uint64
	cores    int
}

// perCore is the MHz behind 100 percent of one core.
func (s speed) perCore() float64 {
	if s.cores == 0 {
		return 0
	}
	return float64(s.totalMHz) / float64(s.cores)
}

// times is the processor time of one process so far.
type times struct{ user, system uint64 }

// Stats samples the task's processes until it ends.
func (t *Tasks) Stats(ctx context.Context, id string, interval time.Duration, emit func(*driver.TaskStats) error) error {
	k, err := t.get(id)
	if err != nil {
		return err
	}
	t.mu.Lock()
	sp := t.speed
	t.mu.Unlock()
	ticker := time.NewTicker(max(interval, statsIntervalMin))
	defer ticker.Stop()
	last, at := map[int]times{}, time.Time{}
	for {
		now := time.Now()
		sample, seen := k.sample(now, now.Sub(at), last, sp)
		last, at = seen, now
		if err := emit(sample); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-k.proc.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (k *task) sample(now time.Time, since time.Duration, last map[int]times, sp speed) (*driver.TaskStats, map[int]times) {
	out := &driver.TaskStats{Timestamp: now, Pids: map[string]driver.ResourceUsage{}}
	out.Usage.CPU.Measured = []string{"System Mode", "User Mode", "Percent"}
	out.Usage.Memory.Measured = []string{"RSS", "Swap"}
	seen := map[int]times{}
	pids := k.state.Group.Pids()
	if len(pids) == 0 {
		pids = descendants(k.state.Supervisor.TaskPid)
	}
	for _, pid := range pids {
		u, ok := processUsage(pid, since, last, seen, sp)
		if !ok {
			continue
		}
		out.Pids[strconv.Itoa(pid)] = u
		out.Usage.CPU.SystemMode += u.CPU.SystemMode
		out.Usage.CPU.UserMode += u.CPU.UserMode
		out.Usage.CPU.Percent += u.CPU.Percent
		out.Usage.CPU.TotalTicks += u.CPU.TotalTicks
		out.Usage.Memory.RSS += u.Memory.RSS
		out.Usage.Memory.Swap += u.Memory.Swap
	}
	return out, seen
}

func processUsage(pid int, since time.Duration, last, seen map[int]times, sp speed) (driver.ResourceUsage, bool) {
	u := driver.ResourceUsage{}
	u.CPU.Measured = []string{"System Mode", "User Mode", "Percent"}
	u.Memory.Measured = []string{"RSS", "Swap"}
	fields, ok := statFields(pid)
	if !ok {
		return u, false
	}
	const userField, systemField, rssField = 11, 12, 21
	now := times{user: number(fields[userField]), system: number(fields[systemField])}
	seen[pid] = now
	// The first look at a process has nothing to compare with.
	if before, known := last[pid]; known && since > 0 && now.user >= before.user && now.system >= before.system {
		u.CPU.UserMode = percent(now.user-before.user, since)
		u.CPU.SystemMode = percent(now.system-before.system, since)
		u.CPU.Percent = u.CPU.UserMode + u.CPU.SystemMode
		u.CPU.TotalTicks = u.CPU.Percent / 100 * sp.perCore()
	}
	u.Memory.RSS = number(fields[rssField]) * uint64(os.Getpagesize())
	u.Memory.Swap = swapBytes(pid)
	return u, true
}

func percent(ticks uint64, since time.Duration) float64 {
	return float64(ticks) / clockTicks / since.Seconds() * 100
}

// statFields are the fields of /proc/<pid>/stat after the command name.
func statFields(pid int) ([]string, bool) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil, false
	}
	text := string(raw)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	const needed = 22
	return fields, len(fields) >= needed
}

func swapBytes(pid int) uint64 {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmSwap:"); ok {
			return number(strings.TrimSuffix(strings.TrimSpace(rest), " kB")) << 10
		}
	}
	return 0
}

func number(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// descendants lists pid and all processes below it.
func descendants(pid int) []int {
	out := []int{pid}
	for i := 0; i < len(out); i++ {
		base := "/proc/" + strconv.Itoa(out[i]) + "/task"
		threads, err := os.ReadDir(base)
		if err != nil {
			continue
		}
		for _, th := range threads {
			raw, err := os.ReadFile(base + "/" + th.Name() + "/children")
			if err != nil {
				continue
			}
			for f := range strings.FieldsSeq(string(raw)) {
				if child, err := strconv.Atoi(f); err == nil {
					out = append(out, child)
				}
			}
		}
	}
	return out
}
