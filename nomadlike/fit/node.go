package fit

import (
	"iter"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Names of what a node can run out of beside amounts, as metrics show them.
const (
	PortClash    = "network: port collision"
	DeviceClash  = "devices: already in use"
	CoreClash    = "cores"
	NUMAClash    = "numa-cores"
	AllocsPerMax = "node_max_allocs"
)

// Usage is what the live allocations of a node take, kept up to date by the
// state so that nobody needs to look at each of them.
type Usage struct {
	Used Vector
	Live int // allocations that are not over
	// Special is how many of them hold ports, cores, devices or volumes, which
	// amounts do not tell.
	Special int
}

// Add counts an allocation, or, by -1, no longer does. One that is over counts
// for nothing.
func (u *Usage) Add(a *nl.Alloc, by int) {
	if !a.Terminal() {
		u.AddTake(TakeOf(a.AllocatedResources, a.Group()), by)
	}
}

// AddTake is Add of what an allocation takes that is not over.
func (u *Usage) AddTake(t Take, by int) {
	u.Live += by
	if by < 0 {
		u.Used = u.Used.Minus(t.Need)
	} else {
		u.Used = u.Used.Plus(t.Need)
	}
	if t.Special {
		u.Special += by
	}
}

// Node is a node and what is on it: the allocations that are not over, minus
// what a plan stops, plus what it places.
type Node struct {
	Info *nl.Node
	Cap  Vector
	Usage

	stored   func(nodeID string) iter.Seq[*nl.Alloc] // of the state; nil when allocs has them
	gone     []string                                // the first of those in the state that left
	goneMore map[string]bool                         // the others
	allocs   []*nl.Alloc
	// resting is what left the node so recently that its ports are avoided.
	resting []*nl.AllocatedResources
	rested  func(*Node) // tells more of it, nil when nobody can

	// Built when first asked for, dropped when an allocation leaves.
	ports   *Ports
	cores   *Cores
	devices *Devices
}

// NewNode is a node without allocations.
func NewNode(n *nl.Node) *Node { return &Node{Info: n, Cap: Capacity(n)} }

// StoredNode is a node with what is on it by the state: stored yields the
// allocations when somebody asks for more than amounts, over ones included.
func StoredNode(n *nl.Node, usage Usage, stored func(nodeID string) iter.Seq[*nl.Alloc]) *Node {
	return &Node{Info: n, Cap: Capacity(n), Usage: usage, stored: stored}
}

// Allocs lists what is on the node.
func (n *Node) Allocs() []*nl.Alloc {
	if n.stored == nil {
		return n.allocs
	}
	list := make([]*nl.Alloc, 0, n.Live)
	for a := range n.stored(n.Info.ID) {
		if !a.Terminal() && !n.left(a.ID) {
			list = append(list, a)
		}
	}
	n.allocs = append(list, n.allocs...)
	n.stored, n.gone, n.goneMore = nil, nil, nil
	return n.allocs
}

// telling lists what may hold ports, cores or devices.
func (n *Node) telling() []*nl.Alloc {
	if n.Special == 0 {
		return nil
	}
	return n.Allocs()
}

// Add puts an allocation on the node.
func (n *Node) Add(a *nl.Alloc) { n.AddTake(a, TakeOf(a.AllocatedResources, a.Group())) }

// AddTake is Add for callers that know already what the allocation takes.
func (n *Node) AddTake(a *nl.Alloc, t Take) {
	n.allocs = append(n.allocs, a)
	n.Usage.AddTake(t, +1)
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

// Remove takes an allocation from the node and tells whether it was there. Of
// what the state has on the node, it must be given what the state has.
func (n *Node) Remove(a *nl.Alloc) bool {
	at := slices.IndexFunc(n.allocs, func(o *nl.Alloc) bool { return o.ID == a.ID })
	switch {
	case at >= 0:
		a = n.allocs[at]
		n.allocs = slices.Delete(n.allocs, at, at+1)
	case n.stored == nil || a.Terminal() || a.NodeID != n.Info.ID || n.left(a.ID):
		return false
	default:
		n.leave(a.ID)
	}
	n.Usage.AddTake(TakeOf(a.AllocatedResources, a.Group()), -1)
	n.ports, n.cores, n.devices = nil, nil, nil
	n.Rest(a.AllocatedResources)
	return true
}

// goneMax is how many of those that left a node are kept in a list: mostly one
// or two leave, for which a map is much.
const goneMax = 8

func (n *Node) leave(id string) {
	switch {
	case len(n.gone) < goneMax:
		n.gone = append(n.gone, id)
	case n.goneMore == nil:
		n.goneMore = map[string]bool{id: true}
	default:
		n.goneMore[id] = true
	}
}

// left tells whether an allocation that the state has on the node left it.
func (n *Node) left(id string) bool { return slices.Contains(n.gone, id) || n.goneMore[id] }

// Ports is the use of the node's ports.
func (n *Node) Ports() *Ports {
	if n.rested != nil {
		n.rested(n)
		n.rested = nil
	}
	if n.ports == nil {
		n.ports = newPorts(n.Info)
		for _, a := range n.telling() {
			n.ports.add(a)
		}
		for _, r := range n.resting {
			n.ports.rest(r)
		}
	}
	return n.ports
}

// Cores is the use of the node's cores.
func (n *Node) Cores() *Cores {
	if n.cores == nil {
		n.cores = newCores(n.Info)
		for _, a := range n.telling() {
			n.cores.add(a)
		}
	}
	return n.cores
}

// Devices is the use of the node's devices.
func (n *Node) Devices() *Devices {
	if n.devices == nil {
		n.devices = newDevices(n.Info)
		for _, a := range n.telling() {
			n.devices.add(a)
		}
	}
	return n.devices
}

// Room names what keeps need from fitting beside what is there, "" when it fits.
func (n *Node) Room(need Vector) string {
	if n.Info.NodeMaxAllocs > 0 && n.Live >= n.Info.NodeMaxAllocs {
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
	case n.volumeClash():
		return VolumeClash
	case n.Info.NodeMaxAllocs > 0 && n.Live > n.Info.NodeMaxAllocs:
		return AllocsPerMax
	}
	return n.Used.Exceeds(n.Cap)
}

// Clash tells whether two allocations on the node hold the same port already.
func (n *Node) Clash() bool { return n.Ports().clash }

func (n *Node) hasPorts() bool {
	return slices.ContainsFunc(n.telling(), func(a *nl.Alloc) bool { return HasPorts(a.AllocatedResources) })
}

func (n *Node) has(test func(*nl.AllocatedTaskResources) bool) bool {
	for _, a := range n.telling() {
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
