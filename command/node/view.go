package node

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/command/usage"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// view is what is known of a node when it is shown.
type view struct {
	node   *nl.Node
	drain  bool
	allocs []*nl.Alloc
	host   *nl.HostStats                     // nil when the node did not answer
	usage  map[string]*nl.AllocResourceUsage // by allocation

	now     time.Time
	verbose bool
}

// basics are the rows that come first.
func (v *view) basics(short bool) string {
	n, rows := v.node, &render.Pairs{}
	rows.Add("ID", n.ID).
		Add("Name", n.Name).
		Add("Node Pool", n.NodePool).
		Add("Class", n.NodeClass).
		Add("DC", n.Datacenter).
		Add("Drain", v.drainText()).
		Add("Eligibility", n.SchedulingEligibility).
		Add("Status", v.statusText())
	if short {
		return rows.Add("Drivers", drivers(n)).String()
	}
	uptime := ""
	if v.host != nil {
		uptime = (time.Duration(v.host.Uptime) * time.Second).String()
	}
	rows.Add("CSI Controllers", render.List(render.Keys(n.CSIControllerPlugins))).
		Add("CSI Drivers", render.List(render.Keys(n.CSINodePlugins))).
		AddIf(v.host != nil, "Uptime", uptime)
	if v.verbose {
		return rows.String()
	}
	return rows.Add("Host Volumes", render.List(render.Keys(n.HostVolumes))).
		Add("Host Networks", render.List(render.Keys(n.HostNetworks))).
		Add("CSI Volumes", render.List(v.csiVolumes())).
		Add("Driver Status", drivers(n)).String()
}

func (v *view) statusText() string {
	if d := v.node.StatusDescription; d != "" && v.node.Status != nl.NodeStatusReady {
		return v.node.Status + " (" + d + ")"
	}
	return v.node.Status
}

// drainText tells how the node is drained.
func (v *view) drainText() string {
	s := v.node.DrainStrategy
	if s == nil {
		return strconv.FormatBool(v.drain)
	}
	parts := []string{"true"}
	switch {
	case s.Deadline < 0:
		parts = append(parts, "force drain")
	case s.Deadline == 0:
		parts = append(parts, "no deadline")
	case s.ForceDeadline.IsZero():
		parts = append(parts, s.Deadline.String()+" deadline")
	case s.ForceDeadline.Before(v.now):
		parts = append(parts, "deadline passed "+render.Since(s.ForceDeadline.Time, v.now))
	default:
		parts = append(parts, "deadline "+render.Since(s.ForceDeadline.Time, v.now))
	}
	if s.IgnoreSystemJobs {
		parts = append(parts, "ignoring system jobs")
	}
	return strings.Join(parts, "; ")
}

// drivers lists the drivers that were found; those that are not well say so.
func drivers(n *nl.Node) string {
	var out []string
	for _, name := range render.Keys(n.Drivers) {
		d := n.Drivers[name]
		switch {
		case d == nil || !d.Detected:
		case d.Healthy:
			out = append(out, name)
		default:
			out = append(out, name+" (unhealthy)")
		}
	}
	return render.List(out)
}

// csiVolumes are the CSI volumes that running allocations ask for.
func (v *view) csiVolumes() []string {
	var out []string
	for _, a := range v.allocs {
		if a.Terminal() || a.Job == nil || a.Job.Group(a.TaskGroup) == nil {
			continue
		}
		for _, request := range a.Job.Group(a.TaskGroup).Volumes {
			if request.Type == "csi" {
				out = append(out, request.Source)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (v *view) print(c *meta.Call, stats bool) {
	c.Print(v.basics(false))
	n := v.node
	if v.verbose {
		v.printParts(c)
	}
	if len(n.Events) > 0 {
		c.Section("Node Events", v.events().String())
	}
	if t := v.allocated(); t != nil {
		c.Section("Allocated Resources", t.String())
	}
	if v.host == nil {
		return
	}
	if t := v.allocationUse(); t != nil {
		c.Section("Allocation Resource Utilization", t.String())
	}
	if t := v.hostUse(); t != nil {
		c.Section("Host Resource Utilization", t.String())
	}
	if !stats {
		if rows := usage.Devices(v.host.DeviceStats); rows.Len() > 0 {
			c.Section("Device Resource Utilization", rows.String())
		}
		return
	}
	v.printStats(c)
}

// printParts prints what the short rows only name.
func (v *view) printParts(c *meta.Call) {
	n := v.node
	t := render.NewTable("Driver", "Detected", "Healthy", "Message", "Time")
	for _, name := range render.Keys(n.Drivers) {
		if d := n.Drivers[name]; d != nil {
			t.Row(name, strconv.FormatBool(d.Detected), strconv.FormatBool(d.Healthy), d.HealthDescription, render.Time(d.UpdateTime.Local()))
		}
	}
	if t.Len() > 0 {
		c.Section("Drivers", t.String())
	}
	t = render.NewTable("Name", "ReadOnly", "Source")
	for _, name := range render.Keys(n.HostVolumes) {
		if h := n.HostVolumes[name]; h != nil {
			t.Row(name, strconv.FormatBool(h.ReadOnly), h.Path)
		}
	}
	if t.Len() > 0 {
		c.Section("Host Volumes", t.String())
	}
	t = render.NewTable("Name", "CIDR", "Interface", "ReservedPorts")
	for _, name := range render.Keys(n.HostNetworks) {
		if h := n.HostNetworks[name]; h != nil {
			t.Row(name, h.CIDR, h.Interface, h.ReservedPorts)
		}
	}
	if t.Len() > 0 {
		c.Section("Host Networks", t.String())
	}
}

// events lists what happened to the node, newest first.
func (v *view) events() *render.Table {
	t := render.NewTable("Time", "Subsystem", "Message", render.If(v.verbose, "Details"))
	for _, e := range slices.Backward(v.node.Events) {
		t.Row(render.Time(e.Timestamp.Local()), e.Subsystem, e.Message, render.Map(e.Details))
	}
	return t
}

// total is what the node has for allocations.
type total struct{ cpu, memoryMB, diskMB int64 }

func (v *view) total() (total, bool) {
	res := v.node.NodeResources
	if res == nil {
		return total{}, false
	}
	t := total{res.Cpu.CpuShares, res.Memory.MemoryMB, res.Disk.DiskMB}
	if r := v.node.ReservedResources; r != nil {
		t.cpu -= r.Cpu.CpuShares
		t.memoryMB -= r.Memory.MemoryMB
		t.diskMB -= r.Disk.DiskMB
	}
	return t, true
}

// allocated is what was given to allocations that are not over, nil when the
// node told nothing of its resources.
func (v *view) allocated() *render.Table {
	all, known := v.total()
	if !known {
		return nil
	}
	var given total
	count := 0
	for _, a := range v.allocs {
		if a.TerminalClient() || a.AllocatedResources == nil {
			continue
		}
		count++
		given.diskMB += a.AllocatedResources.Shared.DiskMB
		for _, task := range a.AllocatedResources.Tasks {
			given.cpu += task.Cpu.CpuShares
			given.memoryMB += task.Memory.MemoryMB
		}
	}
	counted := strconv.Itoa(count)
	if v.node.NodeMaxAllocs > 0 {
		counted += "/" + strconv.Itoa(v.node.NodeMaxAllocs)
	}
	t := render.NewTable("CPU", "Memory", "Disk", "Alloc Count")
	t.Row(render.Share(given.cpu, all.cpu, "MHz"), render.MB(given.memoryMB)+"/"+render.MB(all.memoryMB), render.MB(given.diskMB)+"/"+render.MB(all.diskMB), counted)
	return t
}

// allocationUse is what all allocations use together.
func (v *view) allocationUse() *render.Table {
	all, known := v.total()
	if !known {
		return nil
	}
	var ticks float64
	var memory uint64
	for _, used := range v.usage {
		if used == nil || used.ResourceUsage == nil {
			continue
		}
		if s := used.ResourceUsage.CpuStats; s != nil {
			ticks += s.TotalTicks
		}
		memory += usage.MemoryUsed(used.ResourceUsage.MemoryStats)
	}
	t := render.NewTable("CPU", "Memory")
	t.Row(render.Share(int64(math.Floor(ticks)), all.cpu, "MHz"), render.Bytes(memory)+"/"+render.MB(all.memoryMB))
	return t
}

// hostUse is what everything on the machine uses together.
func (v *view) hostUse() *render.Table {
	res, h := v.node.NodeResources, v.host
	if res == nil || h.Memory == nil {
		return nil
	}
	disk := ""
	if d := h.AllocDirStats; d != nil && d.Size > 0 {
		disk = render.Bytes(d.Used) + "/" + render.Bytes(d.Size)
	}
	t := render.NewTable("CPU", "Memory", "Disk")
	t.Row(render.Share(int64(math.Floor(h.CPUTicksConsumed)), res.Cpu.CpuShares, "MHz"), render.Bytes(h.Memory.Used)+"/"+render.Bytes(h.Memory.Total), disk)
	return t
}

// printStats prints everything that was measured.
func (v *view) printStats(c *meta.Call) {
	percent := func(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) + "%" }
	var blocks []string
	for _, cpu := range v.host.CPU {
		blocks = append(blocks, (&render.Pairs{}).Add("CPU", cpu.CPU).Add("User", percent(cpu.User)).
			Add("System", percent(cpu.System)).Add("Idle", percent(cpu.Idle)).String())
	}
	if len(blocks) > 0 {
		c.Section("CPU Stats", strings.Join(blocks, "\n\n"))
	}
	if m := v.host.Memory; m != nil {
		c.Section("Memory Stats", (&render.Pairs{}).Add("Total", render.Bytes(m.Total)).Add("Available", render.Bytes(m.Available)).
			Add("Used", render.Bytes(m.Used)).Add("Free", render.Bytes(m.Free)).String())
	}
	blocks = nil
	for _, d := range v.host.DiskStats {
		blocks = append(blocks, (&render.Pairs{}).Add("Device", d.Device).Add("MountPoint", d.Mountpoint).Add("Size", render.Bytes(d.Size)).
			Add("Used", render.Bytes(d.Used)).Add("Available", render.Bytes(d.Available)).
			Add("Used Percent", percent(d.UsedPercent)).Add("Inodes Percent", percent(d.InodesUsedPercent)).String())
	}
	if len(blocks) > 0 {
		c.Section("Disk Stats", strings.Join(blocks, "\n\n"))
	}
	if text := usage.DeviceDetails(v.host.DeviceStats); text != "" {
		c.Section("Device Stats", text)
	}
}

func (v *view) printAllocs(c *meta.Call) {
	if len(v.allocs) == 0 {
		c.Section("Allocations", "No allocations placed")
		return
	}
	allocs := slices.Clone(v.allocs)
	slices.SortStableFunc(allocs, func(a, b *nl.Alloc) int { return cmp.Compare(b.CreateIndex, a.CreateIndex) })
	c.Section("Allocations", c.AllocTable(stubs(allocs), v.verbose))
}

// stubs are what lists show of allocations.
func stubs(allocs []*nl.Alloc) []*nl.AllocStub {
	out := make([]*nl.AllocStub, len(allocs))
	for i, a := range allocs {
		out[i] = &nl.AllocStub{ID: a.ID, EvalID: a.EvalID, NodeID: a.NodeID, NodeName: a.NodeName, JobID: a.JobID, TaskGroup: a.TaskGroup,
			DesiredStatus: a.DesiredStatus, ClientStatus: a.ClientStatus, CreateTime: a.CreateTime, ModifyTime: a.ModifyTime}
		if a.Job != nil {
			out[i].JobVersion = a.Job.Version
		}
	}
	return out
}

// printDetails prints attributes, devices and metadata.
func (v *view) printDetails(c *meta.Call) {
	if len(v.node.Attributes) > 0 {
		c.Section("Attributes", mapRows(v.node.Attributes))
	}
	if res := v.node.NodeResources; res != nil && len(res.Devices) > 0 {
		var blocks []string
		for _, d := range res.Devices {
			rows := (&render.Pairs{}).Add("Device Group", strings.Join([]string{d.Vendor, d.Type, d.Name}, "/"))
			for _, k := range render.Keys(d.Attributes) {
				rows.Add(k, attribute(d.Attributes[k]))
			}
			blocks = append(blocks, rows.String())
		}
		c.Section("Device Group Attributes", strings.Join(blocks, "\n\n"))
	}
	if len(v.node.Meta) > 0 {
		c.Section("Meta", mapRows(v.node.Meta))
	}
}

func mapRows(m map[string]string) string {
	rows := &render.Pairs{}
	for _, k := range render.Keys(m) {
		rows.Add(k, m[k])
	}
	return rows.String()
}

func attribute(a *nl.Attribute) string {
	text := ""
	switch {
	case a == nil:
	case a.String != nil:
		text = *a.String
	case a.Bool != nil:
		text = strconv.FormatBool(*a.Bool)
	case a.Int != nil:
		text = strconv.FormatInt(*a.Int, 10)
	case a.Float != nil:
		text = render.Float(*a.Float)
	}
	if a != nil && a.Unit != "" {
		text = fmt.Sprintf("%s %s", text, a.Unit)
	}
	return text
}
