package check

import (
	"fmt"
	"strconv"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// names: what is placed has a name that no other allocation of the group has.
// That of what replaces nothing is one that the group's count has room for; one
// above may be kept from a time when the count was higher. Canaries stand beside what they are
// to replace, as do allocations that were not heard of, and those that stay
// until their replacement is healthy.
type names struct {
	live   map[nameKey][]string // IDs
	beside map[string]bool      // IDs of those that stand beside others
}

type nameKey struct{ namespace, job, name string }

func newNames() Checker {
	return &names{live: map[nameKey][]string{}, beside: map[string]bool{}}
}

func (*names) Name() string { return "names within a group are unique" }

func (k *names) Observe(ev Event) error {
	applied, ok := ev.(Applied)
	if !ok || !applied.First {
		return nil
	}
	for _, c := range applied.Changes {
		if a, ok := c.Before.(*nl.Alloc); ok && a != nil && !a.Terminal() {
			key := keyOf(a)
			k.live[key] = without(k.live[key], a.ID)
		}
	}
	for _, c := range applied.Changes {
		if a, ok := c.After.(*nl.Alloc); ok && a != nil && !a.Terminal() {
			key := keyOf(a)
			k.live[key] = append(k.live[key], a.ID)
			if canary(a) || a.ClientStatus == nl.AllocClientUnknown || a.DesiredTransition().Waits() {
				k.beside[a.ID] = true
			}
		}
	}
	for a := range placements(applied) {
		if a.Job == nil || a.Job.Type == nl.JobTypeSystem || a.Job.Type == nl.JobTypeSysBatch || a.Terminal() || k.beside[a.ID] {
			continue
		}
		for _, other := range k.live[keyOf(a)] {
			if other != a.ID && !k.beside[other] {
				return fmt.Errorf("allocations %s and %s of job %s are both named %s", other, a.ID, a.JobID, a.Name)
			}
		}
		most := 0
		for _, j := range []*nl.Job{a.Job, applied.Snapshot.Job(a.Namespace, a.JobID)} {
			if j == nil {
				continue
			}
			if g := j.Group(a.TaskGroup); g != nil {
				most = max(most, g.Count)
			}
		}
		if n, err := indexOf(a); err != nil || n >= most && a.PreviousAllocation() == "" {
			return fmt.Errorf("an allocation of job %s is named %q, and group %s has a count of %d", a.JobID, a.Name, a.TaskGroup, most)
		}
	}
	return nil
}

func keyOf(a *nl.Alloc) nameKey { return nameKey{a.Namespace, a.JobID, a.Name} }

func without(list []string, what string) []string {
	for i, s := range list {
		if s == what {
			list[i] = list[len(list)-1]
			return list[:len(list)-1]
		}
	}
	return list
}

// indexOf reads the number in a name, job.group[n].
func indexOf(a *nl.Alloc) (int, error) {
	rest, ok := strings.CutPrefix(a.Name, a.JobID+"."+a.TaskGroup+"[")
	digits, closed := strings.CutSuffix(rest, "]")
	if !ok || !closed {
		return 0, fmt.Errorf("%q is no name", a.Name)
	}
	return strconv.Atoi(digits)
}
