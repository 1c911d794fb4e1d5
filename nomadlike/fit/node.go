package fit

import (
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Names of what a node can run out of beside amounts, as metrics show them.
const (
	PortClash    = "network: port collision"
	DeviceClash  = "devices: already in use"
	CoreClash    = "cores"
	AllocsPerMax = "node_max_allocs"
)

// Node is a node and what is on it. The allocations it is given are those that
// are not over, minus what a plan stops, plus what it places.
type Node struct {
	Info   *nl.Node
	Cap    Vector
	Used   Vector
	allocs []*nl.Alloc

	// Built when first asked for, dropped when an allocation leaves.
	ports   *Ports
	cores   *Cores
	devices *Devices
}

// NewNode is a node without allocations.
func NewNode(n *nl.Node) *Node { return &Node{Info: n, Cap: Capacity(n)} }

// Allocs lists what is on the node.
func (n *Node) Allocs() []*nl.Alloc { return n.allocs }

// Add puts an allocation on the node.
func (n *Node) Add(a *nl.Alloc) { n.AddNeed(a, Need(a.AllocatedResources)) }

// AddNeed is Add for callers that know already what the allocation needs.
func (n *Node) AddNeed(a *nl.Alloc, need Vector) {
	n.allocs = append(n.allocs, a)
	n.Used = n.Used.Plus(need)
	if n.ports != nil {
		n.ports.add(a)
	}
	if n.cores != nil {
		n.cores.add(a)
	}
	if n.devices != nil {
		n.devices.add(a)
	}
}

// Remove takes an allocation from the node and tells whether it was there.
func (n *Node) Remove(id string) bool {
	at := slices.IndexFunc(n.allocs, func(a *nl.Alloc) bool { return a.ID == id })
	if at < 0 {
		return false
	}
	n.Used = n.Used.Minus(Need(n.allocs[at].AllocatedResources))
	n.allocs = slices.Delete(n.allocs, at, at+1)
	n.ports, n.cores, n.devices = nil, nil, nil
	return true
}

// Ports is the use of the node's ports.
func (n *Node) Ports() *Ports {
	if n.ports == nil {
		n.ports = newPorts(n.Info)
		for _, a := range n.allocs {
			n.ports.add(a)
		}
	}
	return n.ports
}

// Cores is the use of the node's cores.
func (n *Node) Cores() *Cores {
	if n.cores == nil {
		n.cores = newCores(n.Info)
		for _, a := range n.allocs {
			n.cores.add(a)
		}
	}
	return n.cores
}

// Devices is the use of the node's devices.
func (n *Node) Devices() *Devices {
	if n.devices == nil {
		n.devices = newDevices(n.Info)
		for _, a := range n.allocs {
			n.devices.add(a)
		}
	}
	return n.devices
}

// Room names what keeps need from fitting beside what is there, "" when it fits.
func (n *Node) Room(need Vector) string {
	if n.Info.NodeMaxAllocs > 0 && len(n.allocs) >= n.Info.NodeMaxAllocs {
		return AllocsPerMax
	}
	return n.Used.Plus(need).Exceeds(n.Cap)
}

// Check names what the node has given away more of than it has, "" when
// everything on it fits.
func (n *Node) Check() string {
	switch {
	case n.hasPorts() && n.Ports().clash:
		return PortClash
	case n.has(func(t *nl.AllocatedTaskResources) bool { return len(t.Devices) > 0 }) && n.Devices().clash:
		return DeviceClash
	case n.has(func(t *nl.AllocatedTaskResources) bool { return len(t.Cpu.ReservedCores) > 0 }) && n.Cores().clash:
		return CoreClash
	case n.Info.NodeMaxAllocs > 0 && len(n.allocs) > n.Info.NodeMaxAllocs:
		return AllocsPerMax
	}
	return n.Used.Exceeds(n.Cap)
}

// Clash tells whether two allocations on the node hold the same port already.
func (n *Node) Clash() bool { return n.Ports().clash }

func (n *Node) hasPorts() bool {
	for _, a := range n.allocs {
		if r := a.AllocatedResources; r != nil && (len(r.Shared.Ports) > 0 || len(r.Shared.Networks) > 0) {
			return true
		}
	}
	return n.has(func(t *nl.AllocatedTaskResources) bool { return len(t.Networks) > 0 })
}

func (n *Node) has(test func(*nl.AllocatedTaskResources) bool) bool {
	for _, a := range n.allocs {
		if a.AllocatedResources == nil {
			continue
		}
		for _, t := range a.AllocatedResources.Tasks {
			if test(t) {
				return true
			}
		}
	}
	return false
}
