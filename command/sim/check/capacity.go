package check

import (
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// capacity: what is placed on a node fits it, and no port, core or device is
// given twice. It adds up by itself, without the scheduler's own code.
type capacity struct {
	gone map[string]uint64 // nodes that were removed, and when
}

func newCapacity() Checker { return capacity{gone: map[string]uint64{}} }

func (capacity) Name() string { return "no node over capacity" }

func (k capacity) Observe(ev Event) error {
	applied, ok := ev.(Applied)
	if !ok || !applied.First {
		return nil
	}
	nodes := map[string]bool{}
	for _, c := range applied.Changes {
		if n, ok := c.Before.(*nl.Node); ok && n != nil && c.After == nil {
			k.gone[n.ID] = applied.Index
		}
	}
	for _, c := range applied.Changes {
		// A node that is given less than it runs was changed by its owner; the
		// scheduler can only not add to it.
		if a, ok := c.After.(*nl.Alloc); ok && c.Before == nil && !nodes[a.NodeID] {
			nodes[a.NodeID] = true
			// What was decided while the node was there is found out to be lost.
			if applied.Snapshot.Node(a.NodeID) == nil && k.gone[a.NodeID] > applied.Decided {
				continue
			}
			if err := nodeFits(applied.Snapshot, a.NodeID); err != nil {
				return err
			}
		}
	}
	return nil
}

func nodeFits(s *store.Snapshot, id string) error {
	n := s.Node(id)
	if n == nil {
		return fmt.Errorf("something is placed on node %s, which does not exist", id)
	}
	u := newUsage(n)
	for a := range s.AllocsByNode(id) {
		if a.Terminal() {
			continue
		}
		if err := u.add(a); err != nil {
			return fmt.Errorf("node %s: %w", n.Name, err)
		}
	}
	return u.exceeds()
}

// usage is what the allocations of a node take.
type usage struct {
	node           *nl.Node
	cpu, mem, disk int64
	taken          map[string]string // what there is only one of, and who has it
}

func newUsage(n *nl.Node) *usage { return &usage{node: n, taken: map[string]string{}} }

func (u *usage) add(a *nl.Alloc) error {
	r := a.AllocatedResources
	if r == nil {
		return nil
	}
	for _, t := range r.Tasks {
		u.cpu += t.Cpu.CpuShares
		u.mem += t.Memory.MemoryMB
		for _, core := range t.Cpu.ReservedCores {
			if err := u.take(a, fmt.Sprintf("core %d", core)); err != nil {
				return err
			}
		}
		for _, d := range t.Devices {
			for _, id := range d.DeviceIDs {
				if err := u.take(a, "device "+id); err != nil {
					return err
				}
			}
		}
	}
	u.disk += r.Shared.DiskMB
	for _, p := range r.Shared.Ports {
		if err := u.take(a, fmt.Sprintf("port %s:%d", p.HostIP, p.Value)); err != nil {
			return err
		}
	}
	return nil
}

func (u *usage) take(a *nl.Alloc, what string) error {
	if other := u.taken[what]; other != "" {
		return fmt.Errorf("%s is given to allocation %s and to %s", what, other, a.ID)
	}
	u.taken[what] = a.ID
	return nil
}

func (u *usage) exceeds() error {
	cpu, mem, disk := capacityOf(u.node)
	if u.cpu > cpu || u.mem > mem || u.disk > disk {
		return fmt.Errorf("node %s has %d MHz, %d MB memory, %d MB disk, and %d, %d, %d are given away",
			u.node.Name, cpu, mem, disk, u.cpu, u.mem, u.disk)
	}
	return nil
}

func capacityOf(n *nl.Node) (cpu, mem, disk int64) {
	r := n.NodeResources
	cpu, mem, disk = r.Cpu.CpuShares, r.Memory.MemoryMB, r.Disk.DiskMB
	if o := n.ReservedResources; o != nil {
		cpu, mem, disk = cpu-o.Cpu.CpuShares, mem-o.Memory.MemoryMB, disk-o.Disk.DiskMB
	}
	return cpu, mem, disk
}
