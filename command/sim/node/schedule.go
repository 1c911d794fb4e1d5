package node

import (
	"cmp"
	"slices"
	"time"
)

// schedule is when allocations have something to do: a heap. An allocation that
// has got something else to do meanwhile is in it more than once; who takes one
// out looks whether it still is meant. So appointments hold no pointers and
// nothing points at them: there are several for each of millions of allocations.
type schedule []appointment

type appointment struct {
	at moment
	of key
}

// add makes an allocation due at that moment.
func (s *schedule) add(one appointment) {
	*s = append(*s, appointment{})
	list := *s
	i := len(list) - 1
	for i > 0 && one.at < list[(i-1)/2].at {
		list[i] = list[(i-1)/2]
		i = (i - 1) / 2
	}
	list[i] = one
}

// first is the first; false when there is none.
func (s schedule) first() (appointment, bool) {
	if len(s) == 0 {
		return appointment{}, false
	}
	return s[0], true
}

// drop takes out the first.
func (s *schedule) drop() {
	last := len(*s) - 1
	one := (*s)[last]
	*s = (*s)[:last]
	if last > 0 {
		s.sink(one)
	}
}

// sink finds the place of what is to take that of the first.
func (s schedule) sink(one appointment) {
	i := 0
	for {
		next := 2*i + 1
		if next+1 < len(s) && s[next+1].at < s[next].at {
			next++
		}
		if next >= len(s) || one.at <= s[next].at {
			break
		}
		s[i] = s[next]
		i = next
	}
	s[i] = one
}

// pop takes out the first if its moment has come.
func (s *schedule) pop(now time.Time) (one appointment, ok bool) {
	if one, ok = s.first(); !ok || one.at > momentOf(now) {
		return appointment{}, false
	}
	s.drop()
	return one, true
}

// keep makes the list all there is.
func (s *schedule) keep(list []appointment) {
	slices.SortFunc(list, func(a, b appointment) int { return cmp.Compare(a.at, b.at) })
	*s = list // what is in order is a heap
}
