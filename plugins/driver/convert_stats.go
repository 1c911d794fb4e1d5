package driver

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/nomadlike/nomadlike/plugins/driver/proto"
)

// cpuFields and memoryFields give the display spelling of each measured field.
var cpuFields = map[proto.CPUUsage_Fields]string{
	proto.CPUUsage_SYSTEM_MODE:       "System Mode",
	proto.CPUUsage_USER_MODE:         "User Mode",
	proto.CPUUsage_TOTAL_TICKS:       "Total Ticks",
	proto.CPUUsage_THROTTLED_PERIODS: "Throttled Periods",
	proto.CPUUsage_THROTTLED_TIME:    "Throttled Time",
	proto.CPUUsage_PERCENT:           "Percent",
}

var memoryFields = map[proto.MemoryUsage_Fields]string{
	proto.MemoryUsage_RSS:              "RSS",
	proto.MemoryUsage_CACHE:            "Cache",
	proto.MemoryUsage_MAX_USAGE:        "Max Usage",
	proto.MemoryUsage_KERNEL_USAGE:     "Kernel Usage",
	proto.MemoryUsage_KERNEL_MAX_USAGE: "Kernel Max Usage",
	proto.MemoryUsage_USAGE:            "Usage",
	proto.MemoryUsage_SWAP:             "Swap",
}

// fieldsToProto drops names nobody knows.
func fieldsToProto[F comparable](names []string, table map[F]string) []F {
	var out []F
	for _, n := range names {
		for f, name := range table {
			if name == n {
				out = append(out, f)
			}
		}
	}
	return out
}

func fieldsFromProto[F comparable](fields []F, table map[F]string) []string {
	var out []string
	for _, f := range fields {
		if name, ok := table[f]; ok {
			out = append(out, name)
		}
	}
	return out
}

func statsToProto(s *TaskStats) *proto.TaskStats {
	out := &proto.TaskStats{
		Timestamp:          timestamppb.New(s.Timestamp),
		AggResourceUsage:   usageToProto(s.Usage),
		ResourceUsageByPid: make(map[string]*proto.TaskResourceUsage, len(s.Pids)),
	}
	for pid, u := range s.Pids {
		out.ResourceUsageByPid[pid] = usageToProto(u)
	}
	return out
}

func statsFromProto(p *proto.TaskStats) *TaskStats {
	out := &TaskStats{
		Timestamp: toTime(p.GetTimestamp()),
		Usage:     usageFromProto(p.GetAggResourceUsage()),
		Pids:      make(map[string]ResourceUsage, len(p.GetResourceUsageByPid())),
	}
	for pid, u := range p.GetResourceUsageByPid() {
		out.Pids[pid] = usageFromProto(u)
	}
	return out
}

func usageToProto(u ResourceUsage) *proto.TaskResourceUsage {
	return &proto.TaskResourceUsage{
		Cpu: &proto.CPUUsage{
			SystemMode: u.CPU.SystemMode, UserMode: u.CPU.UserMode, TotalTicks: u.CPU.TotalTicks,
			ThrottledPeriods: u.CPU.ThrottledPeriods, ThrottledTime: u.CPU.ThrottledTime, Percent: u.CPU.Percent,
			MeasuredFields: fieldsToProto(u.CPU.Measured, cpuFields),
		},
		Memory: &proto.MemoryUsage{
			Rss: u.Memory.RSS, Cache: u.Memory.Cache, Swap: u.Memory.Swap, Usage: u.Memory.Usage,
			MaxUsage: u.Memory.MaxUsage, KernelUsage: u.Memory.KernelUsage, KernelMaxUsage: u.Memory.KernelMaxUsage,
			MeasuredFields: fieldsToProto(u.Memory.Measured, memoryFields),
		},
	}
}

func usageFromProto(p *proto.TaskResourceUsage) ResourceUsage {
	c, m := p.GetCpu(), p.GetMemory()
	return ResourceUsage{
		CPU: CPUStats{
			SystemMode: c.GetSystemMode(), UserMode: c.GetUserMode(), TotalTicks: c.GetTotalTicks(),
			ThrottledPeriods: c.GetThrottledPeriods(), ThrottledTime: c.GetThrottledTime(), Percent: c.GetPercent(),
			Measured: fieldsFromProto(c.GetMeasuredFields(), cpuFields),
		},
		Memory: MemoryStats{
			RSS: m.GetRss(), Cache: m.GetCache(), Swap: m.GetSwap(), Usage: m.GetUsage(),
			MaxUsage: m.GetMaxUsage(), KernelUsage: m.GetKernelUsage(), KernelMaxUsage: m.GetKernelMaxUsage(),
			Measured: fieldsFromProto(m.GetMeasuredFields(), memoryFields),
		},
	}
}
