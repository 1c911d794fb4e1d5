package fit

import (
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Core is a core that tasks may own.
type Core struct {
	ID, NUMA uint64
	MHz      int64
}

// Cores is the use of a node's cores.
type Cores struct {
	all   []Core // by ID
	used  map[uint64]bool
	clash bool
}

func newCores(n *nl.Node) *Cores {
	c := &Cores{used: map[uint64]bool{}}
	r := n.NodeResources
	if r == nil {
		return c
	}
	reserved := map[uint64]bool{}
	if n.ReservedResources != nil {
		for _, id := range n.ReservedResources.Cpu.ReservedCpuCores {
			reserved[id] = true
		}
	}
	if t := r.Processors.Topology; t != nil && len(t.Cores) > 0 {
		for _, core := range t.Cores {
			if !core.Disable && !reserved[core.ID] {
				c.all = append(c.all, Core{core.ID, core.NodeID, int64(speed(core))})
			}
		}
	} else {
		each := int64(0)
		if r.Cpu.TotalCpuCores > 0 {
			each = r.Cpu.CpuShares / int64(r.Cpu.TotalCpuCores)
		}
		for _, id := range r.Cpu.ReservableCpuCores {
			if !reserved[id] {
				c.all = append(c.all, Core{ID: id, MHz: each})
			}
		}
	}
	slices.SortFunc(c.all, func(a, b Core) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return c
}

// Len is how many cores tasks may own.
func (c *Cores) Len() int { return len(c.all) }

// Free lists the cores nobody owns, by ID.
func (c *Cores) Free() []Core {
	var free []Core
	for _, core := range c.all {
		if !c.used[core.ID] {
			free = append(free, core)
		}
	}
	return free
}

func (c *Cores) add(a *nl.Alloc) {
	if a.AllocatedResources == nil {
		return
	}
	for _, t := range a.AllocatedResources.Tasks {
		for _, id := range t.Cpu.ReservedCores {
			if c.used[id] {
				c.clash = true
			}
			c.used[id] = true
		}
	}
}
