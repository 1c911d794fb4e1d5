package fingerprint

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	megabyte = 1 << 20
	kilobyte = 1 << 10
	// fallbackMHz stands in for a processor speed that nobody tells.
	fallbackMHz = 1000
)

func arch(*Config) found {
	return found{attributes: map[string]string{"cpu.arch": runtime.GOARCH}}
}

func readTrim(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}

func memory(c *Config) found {
	total := uint64(c.MemoryTotalMB) * megabyte
	if total == 0 {
		raw, err := os.ReadFile("/proc/meminfo")
		if err != nil {
			return found{err: err}
		}
		for line := range bytes.Lines(raw) {
			fields := strings.Fields(string(line))
			if len(fields) > 1 && fields[0] == "MemTotal:" {
				kb, _ := strconv.ParseUint(fields[1], 10, 64)
				total = kb * kilobyte
			}
		}
	}
	return found{
		attributes: map[string]string{"memory.totalbytes": strconv.FormatUint(total, 10)},
		resources:  func(r *nl.NodeResources) { r.Memory.MemoryMB = int64(total / megabyte) },
	}
}

// cpuinfo is what the kernel tells of one logical processor.
type cpuinfo struct {
	id, socket uint64
	model      string
	mhz        uint64
}

func readCPUs() []cpuinfo {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return nil
	}
	defer f.Close()
	var out []cpuinfo
	scan := bufio.NewScanner(f)
	for scan.Scan() {
		k, v, ok := strings.Cut(scan.Text(), ":")
		if !ok {
			continue
		}
		v = strings.TrimSpace(v)
		switch k = strings.TrimSpace(k); {
		case k == "processor":
			id, _ := strconv.ParseUint(v, 10, 64)
			out = append(out, cpuinfo{id: id})
		case len(out) == 0:
		case k == "model name":
			out[len(out)-1].model = v
		case k == "physical id":
			out[len(out)-1].socket, _ = strconv.ParseUint(v, 10, 64)
		case k == "cpu MHz":
			mhz, _ := strconv.ParseFloat(v, 64)
			out[len(out)-1].mhz = uint64(mhz)
		}
	}
	return out
}

func kiloHertz(path string) uint64 {
	khz, _ := strconv.ParseUint(readTrim(path), 10, 64)
	return khz / 1000
}

// numaNodes are the NUMA nodes by the cores they hold.
func numaNodes() (ids []uint64, ofCore map[uint64]uint64, distances [][]uint64) {
	ofCore = map[uint64]uint64{}
	dirs, _ := filepath.Glob("/sys/devices/system/node/node[0-9]*")
	for _, d := range dirs {
		id, err := strconv.ParseUint(strings.TrimPrefix(filepath.Base(d), "node"), 10, 64)
		if err != nil {
			continue
		}
		cores, _ := ParseCores(readTrim(filepath.Join(d, "cpulist")))
		for _, c := range cores {
			ofCore[c] = id
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		var row []uint64
		for _, f := range strings.Fields(readTrim(fmt.Sprintf("/sys/devices/system/node/node%d/distance", id))) {
			d, _ := strconv.ParseUint(f, 10, 64)
			row = append(row, d)
		}
		distances = append(distances, row)
	}
	if len(ids) == 0 {
		ids = []uint64{0}
	}
	return ids, ofCore, distances
}

// busNodes is the NUMA node that each device on the PCI bus is attached to, by
// its address; devices that are near to none are left out.
func busNodes() map[string]uint64 {
	out := map[string]uint64{}
	files, _ := filepath.Glob("/sys/bus/pci/devices/*/numa_node")
	for _, f := range files {
		// -1 stands for none.
		if id, err := strconv.ParseUint(readTrim(f), 10, 64); err == nil {
			out[strings.ToLower(filepath.Base(filepath.Dir(f)))] = id
		}
	}
	return out
}

// ParseCores reads a list of cores: 0-2,5.
func ParseCores(s string) ([]uint64, error) {
	var out []uint64
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		from, to, isRange := strings.Cut(part, "-")
		lo, err := strconv.ParseUint(from, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("core list %q: %q is no number", s, from)
		}
		hi := lo
		if isRange {
			if hi, err = strconv.ParseUint(to, 10, 16); err != nil || hi < lo {
				return nil, fmt.Errorf("core list %q: %q is no range", s, part)
			}
		}
		for c := lo; c <= hi; c++ {
			out = append(out, c)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func cpu(c *Config) found {
	cpus := readCPUs()
	if len(cpus) == 0 {
		for i := range runtime.NumCPU() {
			cpus = append(cpus, cpuinfo{id: uint64(i)})
		}
	}
	nodes, ofCore, distances := numaNodes()
	reservable, errA := ParseCores(c.ReservableCores)
	reserved, errB := ParseCores(c.ReservedCores)
	if err := errors.Join(errA, errB); err != nil {
		return found{err: err}
	}
	top := &nl.Topology{
		Nodes: nodes, Distances: distances, BusAssociativity: busNodes(),
		OverrideTotalCompute: uint64(c.TotalComputeMHz), OverrideWitholdCompute: uint64(c.ReservedMHz),
	}
	var usable []uint64
	var total, use, speed uint64
	for _, p := range cpus {
		base := fmt.Sprintf("/sys/devices/system/cpu/cpu%d/cpufreq/", p.id)
		core := &nl.TopologyCore{
			ID: p.id, NodeID: ofCore[p.id], SocketID: p.socket, Grade: true,
			BaseSpeed: kiloHertz(base + "base_frequency"), MaxSpeed: kiloHertz(base + "cpuinfo_max_freq"), GuessSpeed: p.mhz,
		}
		if len(reservable) > 0 {
			core.Disable = !slices.Contains(reservable, p.id)
		} else {
			core.Disable = slices.Contains(reserved, p.id)
		}
		if core.BaseSpeed+core.MaxSpeed+core.GuessSpeed == 0 {
			core.GuessSpeed = fallbackMHz
		}
		mhz := CoreMHz(core)
		total += mhz
		speed = max(speed, mhz)
		if !core.Disable {
			usable = append(usable, p.id)
			use += mhz
		}
		top.Cores = append(top.Cores, core)
	}
	if c.TotalComputeMHz > 0 {
		total, use = uint64(c.TotalComputeMHz), uint64(c.TotalComputeMHz)
	}
	use -= min(use, uint64(c.ReservedMHz))
	a := map[string]string{
		"cpu.frequency":       strconv.FormatUint(speed, 10),
		"cpu.numcores":        strconv.Itoa(len(cpus)),
		"cpu.reservablecores": strconv.Itoa(len(usable)),
		"cpu.totalcompute":    strconv.FormatUint(total, 10),
		"cpu.usablecompute":   strconv.FormatUint(use, 10),
		"numa.node.count":     strconv.Itoa(len(nodes)),
	}
	if cpus[0].model != "" {
		a["cpu.modelname"] = cpus[0].model
	}
	for _, n := range nodes {
		var cores []uint64
		for _, p := range cpus {
			if ofCore[p.id] == n {
				cores = append(cores, p.id)
			}
		}
		a[fmt.Sprintf("numa.node%d.cores", n)] = coreText(cores)
	}
	return found{attributes: a, resources: func(r *nl.NodeResources) {
		r.Processors.Topology = top
		r.Cpu = nl.LegacyNodeCpuResources{CpuShares: int64(use), TotalCpuCores: uint64(len(cpus)), ReservableCpuCores: usable}
	}}
}

// CoreMHz is the speed that counts for a core.
func CoreMHz(c *nl.TopologyCore) uint64 {
	switch {
	case c.BaseSpeed > 0:
		return c.BaseSpeed
	case c.MaxSpeed > 0:
		return c.MaxSpeed
	}
	return c.GuessSpeed
}

func coreText(cores []uint64) string {
	var parts []string
	for i := 0; i < len(cores); {
		j := i
		for j+1 < len(cores) && cores[j+1] == cores[j]+1 {
			j++
		}
		if j > i {
			parts = append(parts, fmt.Sprintf("%d-%d", cores[i], cores[j]))
		} else {
			parts = append(parts, strconv.FormatUint(cores[i], 10))
		}
		i = j + 1
	}
	return strings.Join(parts, ",")
}

func host(*Config) found {
	a := map[string]string{"kernel.name": runtime.GOOS, "kernel.arch": machineName(), "kernel.version": kernelRelease()}
	if name, err := os.Hostname(); err == nil {
		a["unique.hostname"] = name
	}
	if id := readTrim("/etc/machine-id"); id != "" {
		a["unique.host_id"] = id
	}
	a["os.name"], a["os.version"] = runtime.GOOS, ""
	for _, path := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for line := range bytes.Lines(raw) {
			k, v, _ := strings.Cut(strings.TrimSpace(string(line)), "=")
			v = strings.Trim(v, `"'`)
			switch k {
			case "ID":
				a["os.name"] = v
			case "VERSION_ID":
				a["os.version"] = v
			}
		}
		break
	}
	return found{attributes: a}
}

func cgroups(*Config) found {
	if v := CgroupVersion(); v != "" {
		return found{attributes: map[string]string{"os.cgroups.version": v}}
	}
	return found{}
}

// CgroupVersion is "2", "1", or "" where there are none.
func CgroupVersion() string {
	if readTrim("/sys/fs/cgroup/cgroup.controllers") != "" {
		return "2"
	}
	if info, err := os.Stat("/sys/fs/cgroup/cpu"); err == nil && info.IsDir() {
		return "1"
	}
	return ""
}

func bridge(c *Config) found {
	if _, err := os.Stat("/sys/module/bridge"); err != nil {
		return found{err: errors.New("kernel module bridge is not loaded")}
	}
	return found{attributes: map[string]string{"nomad.bridge.hairpin_mode": strconv.FormatBool(c.BridgeHairpin)}}
}

func cni(*Config) found { return found{} }

func pluginsCNI(*Config) found { return found{} }
