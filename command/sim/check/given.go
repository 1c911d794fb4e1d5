package check

import (
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// gifts: an allocation is given what its group asks for, no more and no less.
type gifts struct{}

func newGifts() Checker { return gifts{} }

func (gifts) Name() string { return "allocations are given what they ask for" }

// The range of dynamic ports of simulated nodes.
const (
	dynamicMin = 20000
	dynamicMax = 32000
)

func (gifts) Observe(ev Event) error {
	applied, ok := ev.(Applied)
	if !ok || !applied.First {
		return nil
	}
	for a := range placements(applied) {
		if a.Job == nil || a.Job.Group(a.TaskGroup) == nil {
			continue
		}
		if err := gift(a, a.Job.Group(a.TaskGroup)); err != nil {
			return fmt.Errorf("allocation %s of job %s %w", a.ID, a.JobID, err)
		}
	}
	return nil
}

func gift(a *nl.Alloc, g *nl.Group) error {
	r := a.AllocatedResources
	if r == nil || len(r.Tasks) != len(g.Tasks) {
		return fmt.Errorf("has not the resources of %d tasks", len(g.Tasks))
	}
	for _, t := range g.Tasks {
		got := r.Tasks[t.Name]
		if got == nil || got.Memory.MemoryMB != t.Resources.MemoryMB || len(got.Cpu.ReservedCores) != t.Resources.Cores ||
			t.Resources.Cores == 0 && got.Cpu.CpuShares != int64(t.Resources.CPU) {
			return fmt.Errorf("asks for %d MHz and %d MB, and is given %+v", t.Resources.CPU, t.Resources.MemoryMB, got)
		}
	}
	if r.Shared.DiskMB != int64(g.EphemeralDisk.SizeMB) {
		return fmt.Errorf("asks for %d MB of disk, and is given %d", g.EphemeralDisk.SizeMB, r.Shared.DiskMB)
	}
	asked := 0
	for _, n := range g.Networks {
		for _, p := range n.ReservedPorts {
			asked++
			if got := port(r, p.Label); got != p.Value {
				return fmt.Errorf("asks for port %d, and is given %d", p.Value, got)
			}
		}
		for _, p := range n.DynamicPorts {
			asked++
			if got := port(r, p.Label); got < dynamicMin || got > dynamicMax {
				return fmt.Errorf("asks for a port, and is given %d", got)
			}
		}
	}
	if len(r.Shared.Ports) != asked {
		return fmt.Errorf("asks for %d ports, and is given %d", asked, len(r.Shared.Ports))
	}
	return nil
}

// port is the value of a port by its label, 0 for none.
func port(r *nl.AllocatedResources, label string) int {
	for _, p := range r.Shared.Ports {
		if p.Label == label {
			return p.Value
		}
	}
	return 0
}
