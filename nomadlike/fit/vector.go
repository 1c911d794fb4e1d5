package fit

import nl "github.com/nomadlike/nomadlike/nomadlike"

// Vector holds the amounts that are simply added up.
type Vector struct {
	CPU    int64 // MHz
	Memory int64 // MB
	Disk   int64 // MB
}

// Plus is the sum of both.
func (v Vector) Plus(o Vector) Vector {
	return Vector{v.CPU + o.CPU, v.Memory + o.Memory, v.Disk + o.Disk}
}

// Minus is the difference of both.
func (v Vector) Minus(o Vector) Vector {
	return Vector{v.CPU - o.CPU, v.Memory - o.Memory, v.Disk - o.Disk}
}

// Most is the larger of each amount.
func (v Vector) Most(o Vector) Vector {
	return Vector{max(v.CPU, o.CPU), max(v.Memory, o.Memory), max(v.Disk, o.Disk)}
}

// Least is the smaller of each amount.
func (v Vector) Least(o Vector) Vector {
	return Vector{min(v.CPU, o.CPU), min(v.Memory, o.Memory), min(v.Disk, o.Disk)}
}

// Shares are parts of what a node has.
type Shares struct{ CPU, Memory float64 }

// SharesOf is what is left where used is taken of capacity; nothing of nothing
// is used up.
func SharesOf(used, capacity Vector) Shares {
	return Shares{left(used.CPU, capacity.CPU), left(used.Memory, capacity.Memory)}
}

func left(used, capacity int64) float64 {
	if capacity <= 0 {
		return 0
	}
	return 1 - float64(used)/float64(capacity)
}

// Exceeds names the first amount of v that is larger than in limit, "" when
// none is. The names are those of placement metrics.
func (v Vector) Exceeds(limit Vector) string {
	switch {
	case v.CPU > limit.CPU:
		return "cpu"
	case v.Memory > limit.Memory:
		return "memory"
	case v.Disk > limit.Disk:
		return "disk"
	}
	return ""
}

// Stages adds up tasks by the stage of life in which they run. Tasks of
// different stages never run together, so a group needs the largest stage, not
// the sum; only reserved cores stay with a task for as long as the group lives.
type Stages struct {
	prestart, main, poststop, always Vector
}

// Add counts a task. Its CPU counts for the whole life when it owns cores.
func (s *Stages) Add(l *nl.Lifecycle, need Vector, ownsCores bool) {
	if ownsCores {
		s.always.CPU += need.CPU
		need.CPU = 0
	}
	switch {
	case l == nil || l.Hook == "" || l.Hook == "poststart":
		s.main = s.main.Plus(need)
	case l.Hook == "prestart":
		s.prestart = s.prestart.Plus(need)
		if l.Sidecar {
			s.main = s.main.Plus(need)
		}
	case l.Hook == "poststop":
		s.poststop = s.poststop.Plus(need)
	}
}

// Need is what the group takes at most.
func (s *Stages) Need() Vector {
	return s.prestart.Most(s.main).Most(s.poststop).Plus(s.always)
}

// Need is what an allocation with these resources takes.
func Need(r *nl.AllocatedResources) Vector {
	if r == nil {
		return Vector{}
	}
	var s Stages
	for name, t := range r.Tasks {
		s.Add(r.TaskLifecycles[name], Vector{CPU: t.Cpu.CpuShares, Memory: t.Memory.MemoryMB}, len(t.Cpu.ReservedCores) > 0)
	}
	need := s.Need()
	need.Disk += r.Shared.DiskMB
	return need
}

// Capacity is what a node offers: its resources without what is reserved.
func Capacity(n *nl.Node) Vector {
	var v Vector
	if r := n.NodeResources; r != nil {
		v = Vector{CPU: r.Cpu.CpuShares, Memory: r.Memory.MemoryMB, Disk: r.Disk.DiskMB}
		if v.CPU == 0 && r.Processors.Topology != nil {
			v.CPU = compute(r.Processors.Topology)
		}
	}
	if r := n.ReservedResources; r != nil {
		v = v.Minus(Vector{CPU: r.Cpu.CpuShares, Memory: r.Memory.MemoryMB, Disk: r.Disk.DiskMB})
	}
	return v
}

// compute is the MHz of all cores together.
func compute(t *nl.Topology) int64 {
	if t.OverrideTotalCompute > 0 {
		return int64(t.OverrideTotalCompute)
	}
	var sum uint64
	for _, c := range t.Cores {
		sum += speed(c)
	}
	return int64(sum)
}

// speed is the best known frequency of a core, MHz.
func speed(c *nl.TopologyCore) uint64 {
	switch {
	case c.MaxSpeed > 0:
		return c.MaxSpeed
	case c.BaseSpeed > 0:
		return c.BaseSpeed
	}
	return c.GuessSpeed
}
