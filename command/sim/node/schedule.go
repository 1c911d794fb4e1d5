package node

import "time"

// schedule is when allocations have something to do: a heap that holds each at
// most once. Their moments stand in it beside each other, and it is no
// heap.Interface, since there are several changes for each of millions.
type schedule []appointment

type appointment struct {
	at moment
	of *allocation
}

// set makes an allocation due at that moment, or never.
func (s *schedule) set(a *allocation, at moment) {
	switch {
	case a.slot < 0 && at == 0:
	case a.slot < 0:
		*s = append(*s, appointment{})
		s.fix(len(*s)-1, appointment{at, a})
	case at == 0:
		s.remove(a.slot)
	case at != (*s)[a.slot].at:
		s.fix(a.slot, appointment{at, a})
	}
}

// first is when the first is due.
func (s schedule) first() moment {
	if len(s) == 0 {
		return 0
	}
	return s[0].at
}

// pop takes out those whose moment has come.
func (s *schedule) pop(now time.Time) (out []*allocation) {
	for at := momentOf(now); len(*s) > 0 && (*s)[0].at <= at; {
		out = append(out, (*s)[0].of)
		s.remove(0)
	}
	return out
}

func (s *schedule) remove(i int) {
	(*s)[i].of.slot = -1
	last := len(*s) - 1
	moved := (*s)[last]
	(*s)[last] = appointment{}
	*s = (*s)[:last]
	if i < last {
		s.fix(i, moved)
	}
}

// fix finds the place of what is to be at i, from there up or down.
func (s schedule) fix(i int, one appointment) {
	for i > 0 && one.at < s[(i-1)/2].at {
		s.put(i, s[(i-1)/2])
		i = (i - 1) / 2
	}
	for {
		next := 2*i + 1
		if next+1 < len(s) && s[next+1].at < s[next].at {
			next++
		}
		if next >= len(s) || one.at <= s[next].at {
			break
		}
		s.put(i, s[next])
		i = next
	}
	s.put(i, one)
}

func (s schedule) put(i int, one appointment) {
	s[i] = one
	one.of.slot = i
}
