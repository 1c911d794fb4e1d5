package check

import (
	"fmt"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// quotas: no entry lets the namespaces of a quota use more than it allows. It
// adds up by itself, without the code that servers use.
//
// A limit that is lowered stops nothing that runs, so that more than it allows
// may be in use; it must only not grow. A plan is held to what its proposer saw:
// the limit may have been lowered since, and what the plan replaces may have
// ended by itself.
type quotas struct {
	used, limits map[string][]amountsAt // by quota
}

// amountsAt are amounts from an index on.
type amountsAt struct {
	index uint64
	amounts
}

type amounts struct{ cpu, mem int64 }

func (a amounts) plus(b amounts, times int64) amounts {
	return amounts{a.cpu + times*b.cpu, a.mem + times*b.mem}
}

func newQuotas() Checker {
	return &quotas{used: map[string][]amountsAt{}, limits: map[string][]amountsAt{}}
}

func (*quotas) Name() string { return "quotas hold" }

func (q *quotas) Observe(ev Event) error {
	applied, ok := ev.(Applied)
	if !ok || !applied.First {
		return nil
	}
	after := map[string]amounts{}
	count := func(a *nl.Alloc, times int64) {
		name := quotaOf(applied.Snapshot, a.Namespace)
		if name == "" || a.Terminal() {
			return
		}
		is, noted := after[name]
		if known := q.used[name]; !noted && len(known) > 0 {
			is = known[len(known)-1].amounts
		}
		after[name] = is.plus(given(a), times)
	}
	for _, c := range applied.Changes {
		if a, ok := c.Before.(*nl.Alloc); ok && a != nil {
			count(a, -1)
		}
		if a, ok := c.After.(*nl.Alloc); ok && a != nil {
			count(a, 1)
		}
		if s, ok := c.After.(*nl.QuotaSpec); ok && s != nil {
			q.limits[s.Name] = append(q.limits[s.Name], amountsAt{applied.Index, limitsOf(s)})
		}
	}
	for name, is := range after {
		was, allow := most(q.used[name], applied.Decided), most(q.limits[name], applied.Decided)
		q.used[name] = append(q.used[name], amountsAt{applied.Index, is})
		if is.cpu > max(was.cpu, allow.cpu) || is.mem > max(was.mem, allow.mem) {
			return fmt.Errorf("quota %s allows %d MHz and %d MB; %d and %d were in use, and entry %d makes it %d and %d",
				name, allow.cpu, allow.mem, was.cpu, was.mem, applied.Index, is.cpu, is.mem)
		}
	}
	return nil
}

// most is the highest there has been since an index.
func most(list []amountsAt, since uint64) (out amounts) {
	for _, a := range slices.Backward(list) {
		out = amounts{max(out.cpu, a.cpu), max(out.mem, a.mem)}
		if a.index <= since {
			break
		}
	}
	return out
}

func quotaOf(s *store.Snapshot, namespace string) string {
	if n := s.Namespace(namespace); n != nil {
		return n.Quota
	}
	return ""
}

// unlimited is more than there is.
const unlimited = 1 << 40

// limitsOf reads what a quota allows in the one region there is.
func limitsOf(q *nl.QuotaSpec) amounts {
	out := amounts{unlimited, unlimited}
	if q == nil {
		return out
	}
	for _, l := range q.Limits {
		if l.RegionLimit == nil {
			continue
		}
		if n := l.RegionLimit.CPU; n != nil && *n != 0 {
			out.cpu = max(int64(*n), 0)
		}
		if n := l.RegionLimit.MemoryMB; n != nil && *n != 0 {
			out.mem = max(*n, 0)
		}
	}
	return out
}

// given is what an allocation was given.
func given(a *nl.Alloc) (out amounts) {
	if a.AllocatedResources != nil {
		for _, t := range a.AllocatedResources.Tasks {
			out = out.plus(amounts{t.Cpu.CpuShares, t.Memory.MemoryMB}, 1)
		}
	}
	return out
}

// quotaHasRoom tells whether the quota of a job's namespace, if there is one,
// allows another allocation of the group.
func quotaHasRoom(s *store.Snapshot, j *nl.Job, g *nl.Group) bool {
	name := quotaOf(s, j.Namespace)
	if name == "" {
		return true
	}
	var sum amounts
	for a := range s.Allocs(nl.AllNamespaces) {
		if !a.Terminal() && quotaOf(s, a.Namespace) == name {
			sum = sum.plus(given(a), 1)
		}
	}
	for _, t := range g.Tasks {
		sum = sum.plus(amounts{int64(t.Resources.CPU), t.Resources.MemoryMB}, 1)
	}
	allow := limitsOf(s.Quota(name))
	return sum.cpu <= allow.cpu && sum.mem <= allow.mem
}
