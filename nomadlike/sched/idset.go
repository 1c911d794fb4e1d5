package sched

import "slices"

// idSet is a set of IDs to which most evaluations add many, and of which few ask
// which are in it: they are sorted in when that is asked.
type idSet struct {
	list   []string // in the order of coming
	sorted map[string]bool
	known  int // how many of the list are sorted in
}

func (s *idSet) add(id string) { s.list = append(s.list, id) }

// remove takes an ID out that has come once, mostly the last.
func (s *idSet) remove(id string) {
	for i := len(s.list) - 1; i >= 0; i-- {
		if s.list[i] != id {
			continue
		}
		s.list = slices.Delete(s.list, i, i+1)
		if i < s.known {
			s.known--
			delete(s.sorted, id)
		}
		return
	}
}

func (s *idSet) has(id string) bool {
	if len(s.list) == 0 {
		return false
	}
	if s.sorted == nil {
		s.sorted = make(map[string]bool, len(s.list))
	}
	for ; s.known < len(s.list); s.known++ {
		s.sorted[s.list[s.known]] = true
	}
	return s.sorted[id]
}
