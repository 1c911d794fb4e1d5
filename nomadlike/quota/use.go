package quota

import (
	"cmp"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
)

// Use is what allocations take of what quotas limit.
type Use struct {
	CPU       int64       // MHz, with that of reserved cores
	Cores     int64       // reserved
	Memory    int64       // MB
	MemoryMax int64       // MB; the reservation where nothing more may be used
	Secrets   int64       // MB
	Devices   []DeviceUse // sorted, none with a count of 0
}

// DeviceUse is how many devices of a kind are taken.
type DeviceUse struct {
	Vendor, Type, Name string
	Count              int64
}

// Of is what an allocation takes as long as it is not over. Tasks that never
// run together count once, as they do on the node.
func Of(a *nl.Alloc) Use { return OfGroup(a.AllocatedResources, a.Job, a.TaskGroup) }

// OfGroup is what resources come to that were given to a group of the job.
func OfGroup(r *nl.AllocatedResources, j *nl.Job, group string) Use {
	if r == nil {
		return Use{}
	}
	u := Use{Secrets: secrets(j, group)}
	var stages, most fit.Stages
	for name, t := range r.Tasks {
		if t == nil {
			continue
		}
		life := r.TaskLifecycles[name]
		stages.Add(life, fit.Vector{CPU: t.Cpu.CpuShares, Memory: t.Memory.MemoryMB}, len(t.Cpu.ReservedCores) > 0)
		most.Add(life, fit.Vector{Memory: max(t.Memory.MemoryMB, t.Memory.MemoryMaxMB)}, false)
		u.Cores += int64(len(t.Cpu.ReservedCores))
		for _, d := range t.Devices {
			if d != nil && len(d.DeviceIDs) > 0 {
				u.Devices = addDevice(u.Devices, DeviceUse{d.Vendor, d.Type, d.Name, int64(len(d.DeviceIDs))})
			}
		}
	}
	need := stages.Need()
	u.CPU, u.Memory, u.MemoryMax = need.CPU, need.Memory, most.Need().Memory
	return u
}

func secrets(j *nl.Job, group string) int64 {
	if j == nil {
		return 0
	}
	sum := int64(0)
	if g := j.Group(group); g != nil {
		for _, t := range g.Tasks {
			if t != nil && t.Resources != nil {
				sum += int64(t.Resources.SecretsMB)
			}
		}
	}
	return sum
}

// Plus is the sum of both.
func (u Use) Plus(o Use) Use { return u.add(o, 1) }

// Minus is the difference of both.
func (u Use) Minus(o Use) Use { return u.add(o, -1) }

func (u Use) add(o Use, times int64) Use {
	u.CPU += times * o.CPU
	u.Cores += times * o.Cores
	u.Memory += times * o.Memory
	u.MemoryMax += times * o.MemoryMax
	u.Secrets += times * o.Secrets
	if len(o.Devices) > 0 {
		u.Devices = slices.Clone(u.Devices)
		for _, d := range o.Devices {
			d.Count *= times
			u.Devices = addDevice(u.Devices, d)
		}
		if len(u.Devices) == 0 {
			u.Devices = nil // saved states are compared byte by byte
		}
	}
	return u
}

// zero tells whether nothing is used.
func (u Use) zero() bool {
	return u.CPU == 0 && u.Cores == 0 && u.Memory == 0 && u.MemoryMax == 0 && u.Secrets == 0 && len(u.Devices) == 0
}

// smaller tells whether u has less of anything than o.
func (u Use) smaller(o Use) bool {
	if u.CPU < o.CPU || u.Cores < o.Cores || u.Memory < o.Memory || u.MemoryMax < o.MemoryMax || u.Secrets < o.Secrets {
		return true
	}
	for _, d := range o.Devices {
		if at, found := slices.BinarySearchFunc(u.Devices, d, byKind); !found || u.Devices[at].Count < d.Count {
			return true
		}
	}
	return false
}

// addDevice adds to a sorted list in place.
func addDevice(list []DeviceUse, d DeviceUse) []DeviceUse {
	at, found := slices.BinarySearchFunc(list, d, byKind)
	if !found {
		return slices.Insert(list, at, d)
	}
	if list[at].Count += d.Count; list[at].Count == 0 {
		return slices.Delete(list, at, at+1)
	}
	return list
}

func byKind(a, b DeviceUse) int {
	return cmp.Or(cmp.Compare(a.Vendor, b.Vendor), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name))
}
