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
	// Need is without the CPU that comes with reserved cores or is asked for in
	// thousandths of a core: how much that is differs between nodes.
	Need fit.Vector
	// Cores is how many cores the tasks own together.
	Cores int
	// Millis is how many thousandths of a core the tasks ask for together.
	Millis int

	network *nl.Network // of the group, nil when it has none
	tasks   []taskAsk
	ports   bool
	devices bool
	// shares is what an allocation takes by the rate of the node's cores; with
	// nothing asked for in thousandths of a core it is the same everywhere, and
	// stands under the zero rate.
	shares map[fit.Rate]*share
}

// share is what an allocation takes on nodes of one kind.
type share struct {
	need fit.Vector // without reserved cores
	// plain is what every allocation gets when nothing differs between them.
	plain *Offer
}

type taskAsk struct {
	task      *nl.Task
	memory    int64 // MB, with what its secrets take
	memoryMax int64
	cores     int
	millis    int
	network   *nl.Network
	devices   []deviceAsk
}

// Offer is what one allocation gets. Allocations may share its resources, which
// must not be changed.
type Offer struct {
	Resources *nl.AllocatedResources
	fit.Take
}

// New prepares the ask of a group. Memory beyond the reservation is only
// granted with oversubscription.
func New(job *nl.Job, g *nl.Group, oversubscription bool) (*Ask, error) {
	a := &Ask{Job: job, Group: g, shares: map[fit.Rate]*share{}}
	if len(g.Networks) > 0 {
		a.network = g.Networks[0]
		a.ports = a.network.Mode != "none"
	}
	for _, t := range g.Tasks {
		ask, err := newTask(t, oversubscription)
		if err != nil {
			return nil, err
		}
		a.tasks = append(a.tasks, ask)
		a.Cores += ask.cores
		a.Millis += ask.millis
		a.ports = a.ports || ask.network != nil
		a.devices = a.devices || len(ask.devices) > 0
	}
	a.Need = a.needAt(fit.Rate{})
	return a, nil
}

// Varies tells that what an allocation takes, or how a node is liked for it,
// depends on more of the node than the amounts that are left.
func (a *Ask) Varies() bool { return a.devices || a.Cores > 0 || a.Millis > 0 }

// WantsPorts tells that the group or a task wants ports.
func (a *Ask) WantsPorts() bool { return a.ports }

func newTask(t *nl.Task, oversubscription bool) (taskAsk, error) {
	ask := taskAsk{task: t}
	r := t.Resources
	if r == nil {
		return ask, nil
	}
	ask.memory = r.MemoryMB + int64(r.SecretsMB)
	ask.cores = r.Cores
	if r.Cores == 0 {
		ask.millis = r.CPUMillis
	}
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

// cpu is how many MHz the task takes where cores have this rate, without those
// of cores of its own.
func (t *taskAsk) cpu(rate fit.Rate) int64 {
	if t.task.Resources == nil || t.cores > 0 {
		return 0
	}
	return int64(t.task.Resources.CPU) + rate.Share(int64(t.millis))
}

// needAt is what an allocation takes where cores have this rate.
func (a *Ask) needAt(rate fit.Rate) fit.Vector {
	var stages fit.Stages
	for i := range a.tasks {
		t := &a.tasks[i]
		stages.Add(t.task.Lifecycle, fit.Vector{CPU: t.cpu(rate), Memory: t.memory}, false)
	}
	need := stages.Need()
	if a.Group.EphemeralDisk != nil {
		need.Disk += int64(a.Group.EphemeralDisk.SizeMB)
	}
	return need
}

// shareOn is what an allocation takes on nodes such as this one.
func (a *Ask) shareOn(n *fit.Node) *share {
	rate := a.rate(n)
	s := a.shares[rate]
	if s == nil {
		s = &share{need: a.needAt(rate)}
		if !a.ports && !a.devices && a.Cores == 0 {
			s.plain = a.offer(a.resources(rate))
		}
		a.shares[rate] = s
	}
	return s
}

func (a *Ask) rate(n *fit.Node) fit.Rate {
	if a.Millis == 0 {
		return fit.Rate{}
	}
	return fit.RateOf(n.Info)
}

// NeedOn is what an allocation takes on this node, with the CPU of its cores:
// average ones where the node has too few that are free.
func (a *Ask) NeedOn(n *fit.Node) fit.Vector {
	need := a.shareOn(n).need
	if a.Cores == 0 {
		return need
	}
	if got, reason := a.own(n); reason == "" {
		need.CPU += got.mhz
	} else {
		need.CPU += fit.RateOf(n.Info).OfCores(int64(a.Cores))
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
	need := a.shareOn(n).need
	if a.devices || a.Cores > 0 {
		got, reason := a.own(n)
		if reason != "" {
			return reason
		}
		need.CPU += got.mhz
	}
	return n.Room(need)
}

// Take assigns the ask on the node: what it gets, or what was in the way. The
// node is only changed by adding the allocation to it afterwards.
func (a *Ask) Take(n *fit.Node, random *rand.Rand) (*Offer, string) {
	s := a.shareOn(n)
	if s.plain != nil {
		return s.plain, n.Room(s.need)
	}
	r := a.resources(a.rate(n))
	if a.ports {
		if reason := a.takePorts(&taking{node: n, random: random}, r); reason != "" {
			return nil, reason
		}
	}
	if a.devices || a.Cores > 0 {
		got, reason := a.own(n)
		if reason != "" {
			return nil, reason
		}
		got.give(r)
	}
	offer := a.offer(r)
	if reason := n.Room(offer.Need); reason != "" {
		return nil, reason
	}
	return offer, ""
}

func (a *Ask) offer(r *nl.AllocatedResources) *Offer {
	return &Offer{Resources: r, Take: fit.TakeOf(r, a.Group)}
}

// resources is what an allocation gets, but for ports, devices and cores.
func (a *Ask) resources(rate fit.Rate) *nl.AllocatedResources {
	return &nl.AllocatedResources{
		TaskLifecycles: a.lifecycles(), Shared: a.sharedResources(), Tasks: a.taskResources(rate),
	}
}

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

func (a *Ask) taskResources(rate fit.Rate) map[string]*nl.AllocatedTaskResources {
	out := make(map[string]*nl.AllocatedTaskResources, len(a.tasks))
	for i := range a.tasks {
		t := &a.tasks[i]
		r := &nl.AllocatedTaskResources{
			Memory: nl.AllocatedMemoryResources{MemoryMB: t.memory, MemoryMaxMB: t.memoryMax},
		}
		r.Cpu.CpuShares = t.cpu(rate)
		out[t.task.Name] = r
	}
	return out
}
