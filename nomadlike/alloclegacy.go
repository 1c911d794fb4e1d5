package nomadlike

import (
	"encoding/json"
	"slices"
)

// MarshalJSON adds what older clients read: the resources of the allocation in
// their deprecated forms. They follow from AllocatedResources, so that neither
// state nor log carries them.
func (a Alloc) MarshalJSON() ([]byte, error) {
	type plain Alloc
	out := struct {
		plain
		Resources       *Resources            `json:",omitempty"`
		SharedResources *Resources            `json:",omitempty"`
		TaskResources   map[string]*Resources `json:",omitempty"`
	}{plain: plain(a)}
	if a.AllocatedResources != nil {
		out.Resources, out.SharedResources, out.TaskResources = a.AllocatedResources.deprecated()
	}
	return json.Marshal(&out)
}

// deprecated is the sum over all tasks whenever they run, the part that the
// tasks share, and each task's own.
func (r *AllocatedResources) deprecated() (total, shared *Resources, tasks map[string]*Resources) {
	total = &Resources{DiskMB: r.Shared.DiskMB, Networks: slices.Clone(r.Shared.Networks)}
	shared = &Resources{DiskMB: r.Shared.DiskMB, Networks: r.Shared.Networks}
	tasks = make(map[string]*Resources, len(r.Tasks))
	names := make([]string, 0, len(r.Tasks))
	for name := range r.Tasks {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		got := r.Tasks[name]
		tasks[name] = &Resources{
			CPU: int(got.Cpu.CpuShares), MemoryMB: got.Memory.MemoryMB, MemoryMaxMB: got.Memory.MemoryMaxMB, Networks: got.Networks,
		}
		total.CPU += int(got.Cpu.CpuShares)
		total.MemoryMB += got.Memory.MemoryMB
		total.MemoryMaxMB += max(got.Memory.MemoryMB, got.Memory.MemoryMaxMB)
		total.Networks = append(total.Networks, got.Networks...)
	}
	return total, shared, tasks
}
