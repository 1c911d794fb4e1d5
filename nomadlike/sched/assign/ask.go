package assign

import (
	"math/rand/v2"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
)

// Ask is what every allocation of a group needs.
type Ask struct {
	Job   *nl.Job
	Group *nl.Group
	// Need is without the CPU that comes with reserved cores.
	Need fit.Vector
	// Cores is how many cores the tasks own together.
	Cores int

	network *nl.Network // of the group, nil when it has none
	tasks   []taskAsk
	ports   bool
	devices bool
	// plain is what every allocation gets when nothing differs between them.
	plain *Offer
}

type taskAsk struct {
	task      *nl.Task
	memory    int64 // MB, with what its secrets take
	memoryMax int64
	cores     int
	network   *nl.Network
	devices   []deviceAsk
}

// Offer is what one allocation gets. Allocations may share its resources, which
// must not be changed.
type Offer struct {
	Resources *nl.AllocatedResources
	Need      fit.Vector
}

// New prepares the ask of a group. Memory beyond the reservation is only
// granted with oversubscription.
func New(job *nl.Job, g *nl.Group, oversubscription bool) (*Ask, error) {
	a := &Ask{Job: job, Group: g}
	if len(g.Networks) > 0 {
		a.network = g.Networks[0]
		a.ports = a.network.Mode != "none"
	}
	var stages fit.Stages
	for _, t := range g.Tasks {
		ask, err := newTask(t, oversubscription)
		if err != nil {
			return nil, err
		}
		a.tasks = append(a.tasks, ask)
		need := fit.Vector{Memory: ask.memory}
		if r := t.Resources; r != nil && ask.cores == 0 {
			need.CPU = int64(r.CPU)
		}
		stages.Add(t.Lifecycle, need, false)
		a.Cores += ask.cores
		a.ports = a.ports || ask.network != nil
		a.devices = a.devices || len(ask.devices) > 0
	}
	a.Need = stages.Need()
	if g.EphemeralDisk != nil {
		a.Need.Disk += int64(g.EphemeralDisk.SizeMB)
	}
	if !a.ports && !a.devices && a.Cores == 0 {
		a.plain = newOffer(&nl.AllocatedResources{
			TaskLifecycles: a.lifecycles(),
			Shared:         a.sharedResources(),
			Tasks:          a.taskResources(),
		})
	}
	return a, nil
}

func newTask(t *nl.Task, oversubscription bool) (taskAsk, error) {
	ask := taskAsk{task: t}
	r := t.Resources
	if r == nil {
		return ask, nil
	}
	ask.memory = r.MemoryMB + int64(r.SecretsMB)
	ask.cores = r.Cores
	if oversubscription {
		ask.memoryMax = r.MemoryMaxMB
	}
	if len(r.Networks) > 0 {
		ask.network = r.Networks[0]
	}
	for _, d := range r.Devices {
		compiled, err := newDevice(d)
		if err != nil {
			return ask, err
		}
		ask.devices = append(ask.devices, compiled)
	}
	return ask, nil
}

// NeedOn is what an allocation takes on this node, with the CPU of its cores.
func (a *Ask) NeedOn(n *fit.Node) fit.Vector {
	need := a.Need
	if a.Cores > 0 {
		for i, core := range n.Cores().Free() {
			if i == a.Cores {
				break
			}
			need.CPU += core.MHz
		}
	}
	return need
}

// Fits names what the node has too little of, "" when the ask fits. The node
// is not changed.
func (a *Ask) Fits(n *fit.Node) string {
	if a.ports {
		if reason := a.portsFit(n); reason != "" {
			return reason
		}
	}
	if a.devices {
		if reason := a.devicesFit(n); reason != "" {
			return reason
		}
	}
	if a.Cores == 0 {
		return n.Room(a.Need)
	}
	if len(n.Cores().Free()) < a.Cores {
		return fit.CoreClash
	}
	return n.Room(a.NeedOn(n))
}

// Take assigns the ask on the node: what it gets, or what was in the way. The
// node is only changed by adding the allocation to it afterwards.
func (a *Ask) Take(n *fit.Node, random *rand.Rand) (*Offer, string) {
	if a.plain != nil {
		return a.plain, n.Room(a.Need)
	}
	r := &nl.AllocatedResources{TaskLifecycles: a.lifecycles(), Shared: a.sharedResources(), Tasks: a.taskResources()}
	t := &taking{node: n, random: random}
	if a.ports {
		if reason := a.takePorts(t, r); reason != "" {
			return nil, reason
		}
	}
	if a.devices {
		if reason := a.takeDevices(n, r); reason != "" {
			return nil, reason
		}
	}
	if a.Cores > 0 && !a.takeCores(n, r) {
		return nil, fit.CoreClash
	}
	offer := newOffer(r)
	if reason := n.Room(offer.Need); reason != "" {
		return nil, reason
	}
	return offer, ""
}

func newOffer(r *nl.AllocatedResources) *Offer { return &Offer{Resources: r, Need: fit.Need(r)} }

func (a *Ask) lifecycles() map[string]*nl.Lifecycle {
	out := make(map[string]*nl.Lifecycle, len(a.tasks))
	for _, t := range a.tasks {
		out[t.task.Name] = t.task.Lifecycle
	}
	return out
}

func (a *Ask) sharedResources() nl.AllocatedSharedResources {
	var s nl.AllocatedSharedResources
	if a.Group.EphemeralDisk != nil {
		s.DiskMB = int64(a.Group.EphemeralDisk.SizeMB)
	}
	if a.network != nil && a.network.Mode == "none" {
		n := *a.network
		s.Networks = []*nl.Network{&n}
	}
	return s
}

func (a *Ask) taskResources() map[string]*nl.AllocatedTaskResources {
	out := make(map[string]*nl.AllocatedTaskResources, len(a.tasks))
	for _, t := range a.tasks {
		r := &nl.AllocatedTaskResources{
			Memory: nl.AllocatedMemoryResources{MemoryMB: t.memory, MemoryMaxMB: t.memoryMax},
		}
		if t.task.Resources != nil && t.cores == 0 {
			r.Cpu.CpuShares = int64(t.task.Resources.CPU)
		}
		out[t.task.Name] = r
	}
	return out
}

// takeCores gives every task its cores and tells whether there were enough.
func (a *Ask) takeCores(n *fit.Node, r *nl.AllocatedResources) bool {
	free := n.Cores().Free()
	perNUMA := map[uint64]int{}
	for _, c := range free {
		perNUMA[c.NUMA]++
	}
	for _, t := range a.tasks {
		if t.cores == 0 {
			continue
		}
		chosen := chooseCores(free, perNUMA, t.cores, t.task.Resources.NUMA)
		if len(chosen) < t.cores {
			return false
		}
		got := r.Tasks[t.task.Name]
		taken := map[uint64]bool{}
		for _, c := range chosen {
			got.Cpu.ReservedCores = append(got.Cpu.ReservedCores, c.ID)
			got.Cpu.CpuShares += c.MHz
			perNUMA[c.NUMA]--
			taken[c.ID] = true
		}
		var left []fit.Core
		for _, c := range free {
			if !taken[c.ID] {
				left = append(left, c)
			}
		}
		free = left
	}
	return true
}

// chooseCores picks count cores by ID. With a NUMA affinity they come from one
// NUMA node where possible; where it is required, only then.
func chooseCores(free []fit.Core, perNUMA map[uint64]int, count int, numa *nl.NUMA) []fit.Core {
	if numa != nil && (numa.Affinity == "prefer" || numa.Affinity == "require") {
		for _, c := range free {
			if perNUMA[c.NUMA] < count {
				continue
			}
			var out []fit.Core
			for _, other := range free {
				if other.NUMA == c.NUMA && len(out) < count {
					out = append(out, other)
				}
			}
			return out
		}
		if numa.Affinity == "require" {
			return nil
		}
	}
	return free[:min(count, len(free))]
}
