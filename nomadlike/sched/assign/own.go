package assign

import (
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
)

// Policies of nearness: whether a task's cores, and the devices it names, come
// from one NUMA node.
const (
	numaPrefer  = "prefer"
	numaRequire = "require"
)

// owned is what one allocation has for itself alone on a node: devices and
// cores.
type owned struct {
	devices []chosen
	cores   map[string][]fit.Core // by task
	mhz     int64                 // of the cores
}

// give writes what is owned into an allocation's resources.
func (o *owned) give(r *nl.AllocatedResources) {
	for _, c := range o.devices {
		got := r.Tasks[c.task]
		got.Devices = append(got.Devices, &nl.AllocatedDeviceResource{
			Vendor: c.group.Info.Vendor, Type: c.group.Info.Type, Name: c.group.Info.Name, DeviceIDs: c.ids,
		})
	}
	for task, cores := range o.cores {
		got := r.Tasks[task]
		for _, c := range cores {
			got.Cpu.ReservedCores = append(got.Cpu.ReservedCores, c.ID)
			got.Cpu.CpuShares += c.MHz
		}
	}
}

// owning is one choice under way, task by task.
type owning struct {
	owned
	node  *fit.Node
	free  []fit.Core // not taken by earlier tasks, by ID
	taken map[*fit.DeviceGroup][]string
}

// own chooses devices and cores for every task, or names what is missing.
func (a *Ask) own(n *fit.Node) (*owned, string) {
	o := &owning{node: n, taken: map[*fit.DeviceGroup][]string{}}
	if a.Cores > 0 {
		o.free = n.Cores().Free()
	}
	for i := range a.tasks {
		if reason := o.task(&a.tasks[i]); reason != "" {
			return nil, reason
		}
	}
	return &o.owned, ""
}

// task chooses for one task, as near together as its policy wants.
func (o *owning) task(t *taskAsk) string {
	var numa *nl.NUMA
	if r := t.task.Resources; r != nil && r.NUMA != nil && (r.NUMA.Affinity == numaPrefer || r.NUMA.Affinity == numaRequire) {
		numa = r.NUMA
	}
	if numa == nil {
		return o.anywhere(t)
	}
	reason := o.near(t, numa.Devices)
	if reason == "" || numa.Affinity == numaRequire {
		return reason
	}
	// Cores near each other are better than none.
	if len(numa.Devices) > 0 && o.near(t, nil) == "" {
		return ""
	}
	return o.anywhere(t)
}

func (o *owning) anywhere(t *taskAsk) string {
	devices, ok := o.devicesFor(t, func(string, *nl.NodeDevice) bool { return true })
	switch {
	case !ok:
		return noDevices
	case len(o.free) < t.cores:
		return fit.CoreClash
	}
	o.take(t, o.free[:t.cores], devices)
	return ""
}

// near chooses cores and the named devices of one NUMA node: of those that have
// enough, the one with the fewest free cores, so that large gaps stay whole.
func (o *owning) near(t *taskAsk, names []string) string {
	byNode := map[uint64][]fit.Core{}
	var order []uint64
	for _, c := range o.free {
		if byNode[c.NUMA] == nil {
			order = append(order, c.NUMA)
		}
		byNode[c.NUMA] = append(byNode[c.NUMA], c)
	}
	if t.cores == 0 {
		order = o.node.NUMANodes()
	}
	slices.SortStableFunc(order, func(a, b uint64) int { return len(byNode[a]) - len(byNode[b]) })
	reason := fit.NUMAClash
	if len(o.free) < t.cores {
		reason = fit.CoreClash
	}
	for _, numa := range order {
		if len(byNode[numa]) < t.cores {
			continue
		}
		devices, ok := o.devicesFor(t, func(name string, d *nl.NodeDevice) bool {
			if !slices.Contains(names, name) {
				return true
			}
			at, known := o.node.NUMAOf(d)
			return known && at == numa
		})
		if ok {
			o.take(t, byNode[numa][:t.cores], devices)
			return ""
		}
		reason = noDevices
	}
	return reason
}

// devicesFor finds instances for every request of a task, of those that may be
// used for it by its name.
func (o *owning) devicesFor(t *taskAsk, may func(name string, d *nl.NodeDevice) bool) ([]chosen, bool) {
	var out []chosen
	for i := range t.devices {
		d := &t.devices[i]
		got := d.choose(o.node, t.task.Name, func(g *fit.DeviceGroup, i *nl.NodeDevice) bool {
			for _, other := range out {
				if other.group == g && slices.Contains(other.ids, i.ID) {
					return false
				}
			}
			return !slices.Contains(o.taken[g], i.ID) && may(d.name, i)
		})
		if got == nil {
			return nil, false
		}
		out = append(out, *got)
	}
	return out, true
}

func (o *owning) take(t *taskAsk, cores []fit.Core, devices []chosen) {
	for _, c := range devices {
		o.taken[c.group] = append(o.taken[c.group], c.ids...)
	}
	o.devices = append(o.devices, devices...)
	if len(cores) == 0 {
		return
	}
	if o.cores == nil {
		o.cores = map[string][]fit.Core{}
	}
	cores = slices.Clone(cores)
	o.cores[t.task.Name] = cores
	for _, c := range cores {
		o.mhz += c.MHz
	}
	o.free = slices.DeleteFunc(slices.Clone(o.free), func(c fit.Core) bool { return slices.Contains(cores, c) })
}
