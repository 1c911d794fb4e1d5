package fit

import nl "github.com/nomadlike/nomadlike/nomadlike"

// Take is what one allocation takes of its node while it is not over.
type Take struct {
	Need Vector
	// Special tells that it holds ports, cores, devices or a volume alone, which
	// amounts do not tell.
	Special bool
}

// TakeOf is what an allocation with these resources takes. Its group (nil: not
// known) tells of volumes.
func TakeOf(r *nl.AllocatedResources, g *nl.Group) Take {
	return Take{Need: Need(r), Special: writesAlone(g) || special(r)}
}

// special tells whether resources are more than amounts.
func special(r *nl.AllocatedResources) bool {
	if r == nil {
		return false
	}
	if HasPorts(r) {
		return true
	}
	for _, t := range r.Tasks {
		if len(t.Devices) > 0 || len(t.Cpu.ReservedCores) > 0 {
			return true
		}
	}
	return false
}

// Takes works out what allocations take, many in a row: those of a group mostly
// hold the same resources, and the last answer is kept. The zero value is
// ready; it is for one goroutine.
type Takes struct {
	resources *nl.AllocatedResources
	job       *nl.Job
	group     string
	take      Take
}

// Of is what an allocation of that version of its job (nil: not known) takes.
func (t *Takes) Of(a *nl.Alloc, job *nl.Job) Take {
	if t.resources != a.AllocatedResources || t.job != job || t.group != a.TaskGroup {
		var g *nl.Group
		if job != nil {
			g = job.Group(a.TaskGroup)
		}
		t.resources, t.job, t.group = a.AllocatedResources, job, a.TaskGroup
		t.take = TakeOf(a.AllocatedResources, g)
	}
	return t.take
}
