package assign

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
)

// offer adds to the resources what they need and the deprecated forms of them.
func (a *Ask) offer(r *nl.AllocatedResources) *Offer {
	o := &Offer{
		Resources: r,
		Need:      fit.Need(r),
		Total:     &nl.Resources{DiskMB: r.Shared.DiskMB},
		Shared:    &nl.Resources{DiskMB: r.Shared.DiskMB, Networks: r.Shared.Networks},
		Tasks:     make(map[string]*nl.Resources, len(a.tasks)),
	}
	o.Total.Networks = r.Shared.Networks
	for _, t := range a.tasks {
		got := r.Tasks[t.task.Name]
		one := &nl.Resources{
			CPU:         int(got.Cpu.CpuShares),
			MemoryMB:    got.Memory.MemoryMB,
			MemoryMaxMB: got.Memory.MemoryMaxMB,
			Networks:    got.Networks,
		}
		o.Tasks[t.task.Name] = one
		o.Total.Networks = append(o.Total.Networks[:len(o.Total.Networks):len(o.Total.Networks)], got.Networks...)
		o.Total.Cores += len(got.Cpu.ReservedCores)
		limit := got.Memory.MemoryMaxMB
		if limit == 0 {
			limit = got.Memory.MemoryMB
		}
		// The deprecated total knows no stages: it is the plain sum.
		o.Total.CPU += one.CPU
		o.Total.MemoryMB += one.MemoryMB
		o.Total.MemoryMaxMB += limit
	}
	return o
}
