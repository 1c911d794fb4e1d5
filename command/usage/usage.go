// Package usage shows how much of what was given to tasks is in use: cells
// and tables of CPU, memory, disks and devices. The commands that show
// allocations and nodes call it. It never asks an agent for the numbers.
package usage

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// CPU is "used/total MHz", or only the total when nothing was measured.
func CPU(u *nl.ResourceUsage, total int64) string {
	if u == nil || u.CpuStats == nil {
		return fmt.Sprintf("%d MHz", total)
	}
	return render.Share(int64(u.CpuStats.TotalTicks), total, "MHz")
}

// Memory is "used/total", or only the total when nothing was measured.
func Memory(u *nl.ResourceUsage, totalMB int64) string {
	if u == nil || u.MemoryStats == nil {
		return render.MB(totalMB)
	}
	return render.Bytes(MemoryUsed(u.MemoryStats)) + "/" + render.MB(totalMB)
}

// MemoryUsed is what counts against the limit: some systems measure resident
// memory, others only the whole.
func MemoryUsed(m *nl.MemoryStats) uint64 {
	if m == nil {
		return 0
	}
	if m.RSS > 0 || slices.Contains(m.Measured, "RSS") {
		return m.RSS
	}
	return m.Usage
}

// column is a statistic that may or may not have been measured.
type column struct {
	title string
	names []string // names it is measured by
	show  string
}

// measured keeps the columns that were.
func measured(all []column, names []string) *render.Table {
	var header, row []string
	for _, c := range all {
		if slices.ContainsFunc(c.names, func(n string) bool { return slices.Contains(names, n) }) {
			header, row = append(header, c.title), append(row, c.show)
		}
	}
	if len(header) == 0 {
		return nil
	}
	t := render.NewTable(header...)
	t.Row(row...)
	return t
}

// MemoryTable shows the memory statistics that were measured, nil when none
// were.
func MemoryTable(m *nl.MemoryStats) *render.Table {
	if m == nil {
		return nil
	}
	return measured([]column{
		{"Cache", []string{"Cache"}, render.Bytes(m.Cache)},
		{"Kernel Max Usage", []string{"Kernel Max Usage"}, render.Bytes(m.KernelMaxUsage)},
		{"Kernel Usage", []string{"Kernel Usage"}, render.Bytes(m.KernelUsage)},
		{"Mapped File", []string{"Mapped File"}, render.Bytes(m.MappedFile)},
		{"Max Usage", []string{"Max Usage"}, render.Bytes(m.MaxUsage)},
		{"RSS", []string{"RSS"}, render.Bytes(m.RSS)},
		{"Swap", []string{"Swap"}, render.Bytes(m.Swap)},
		{"Usage", []string{"Usage"}, render.Bytes(m.Usage)},
	}, m.Measured)
}

// CPUTable shows the processor statistics that were measured, nil when none
// were.
func CPUTable(c *nl.CpuStats) *render.Table {
	if c == nil {
		return nil
	}
	percent := func(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) + "%" }
	return measured([]column{
		{"Percent", []string{"Percent"}, percent(c.Percent)},
		{"System Mode", []string{"System Mode"}, percent(c.SystemMode)},
		{"Throttled Periods", []string{"Throttled Periods"}, strconv.FormatUint(c.ThrottledPeriods, 10)},
		{"Throttled Time", []string{"Throttled Time"}, time.Duration(c.ThrottledTime).String()},
		{"User Mode", []string{"User Mode"}, percent(c.UserMode)},
	}, c.Measured)
}

// Devices are rows "vendor/type/name[instance]" with each device's summary.
func Devices(groups []*nl.DeviceGroupStats) *render.Pairs {
	rows := &render.Pairs{}
	for _, g := range groups {
		for _, id := range render.Keys(g.InstanceStats) {
			if d := g.InstanceStats[id]; d != nil {
				rows.Add(deviceName(g, id), stat(d.Summary))
			}
		}
	}
	return rows
}

// DeviceDetails shows every statistic of every device, one block each.
func DeviceDetails(groups []*nl.DeviceGroupStats) string {
	var blocks []string
	for _, g := range groups {
		for _, id := range render.Keys(g.InstanceStats) {
			d := g.InstanceStats[id]
			if d == nil {
				continue
			}
			rows := (&render.Pairs{}).Add("Device", deviceName(g, id))
			object(rows, "", d.Stats)
			blocks = append(blocks, rows.String())
		}
	}
	return strings.Join(blocks, "\n\n")
}

func deviceName(g *nl.DeviceGroupStats, id string) string {
	parts := slices.DeleteFunc([]string{g.Vendor, g.Type, g.Name}, func(s string) bool { return s == "" })
	return strings.Join(parts, "/") + "[" + id + "]"
}

func object(rows *render.Pairs, prefix string, o *nl.StatObject) {
	if o == nil {
		return
	}
	for _, k := range render.Keys(o.Attributes) {
		rows.Add(prefix+k, stat(o.Attributes[k]))
	}
	for _, k := range render.Keys(o.Nested) {
		object(rows, prefix+k+".", o.Nested[k])
	}
}

// stat is one value, a share of something when it has a denominator.
func stat(v *nl.StatValue) string {
	if v == nil {
		return ""
	}
	text := ""
	switch {
	case v.StringVal != nil:
		return *v.StringVal
	case v.BoolVal != nil:
		return strconv.FormatBool(*v.BoolVal)
	case v.IntNumeratorVal != nil:
		text = strconv.Itoa(*v.IntNumeratorVal)
		if v.IntDenominatorVal != nil {
			text += "/" + strconv.Itoa(*v.IntDenominatorVal)
		}
	case v.FloatNumeratorVal != nil:
		text = render.Float(*v.FloatNumeratorVal)
		if v.FloatDenominatorVal != nil {
			text += "/" + render.Float(*v.FloatDenominatorVal)
		}
	}
	if v.Unit != "" {
		text += " " + v.Unit
	}
	return text
}
