package store

import (
	"iter"
	"slices"
	"sort"
)

// numbers is a set of numbers of allocations, in order, as runs of consecutive
// ones: what is placed together mostly is one.
type numbers []run

// run is the numbers from one up to another.
type run struct{ from, to uint64 }

// at is the first run that is not wholly before the number, and whether the
// number is in it.
func (s numbers) at(number uint64) (i int, found bool) {
	if last := len(s) - 1; last >= 0 && s[last].to <= number {
		return last + 1, false // the usual case
	}
	i = sort.Search(len(s), func(i int) bool { return s[i].to > number })
	return i, i < len(s) && s[i].from <= number
}

// with is the set with a number that is not in it, in the place of s.
func (s numbers) with(number uint64) numbers {
	i, _ := s.at(number)
	follows := i > 0 && s[i-1].to == number
	precedes := i < len(s) && s[i].from == number+1
	switch {
	case follows && precedes:
		s[i-1].to = s[i].to
		return slices.Delete(s, i, i+1)
	case follows:
		s[i-1].to++
		return s
	case precedes:
		s[i].from--
		return s
	}
	return slices.Insert(s, i, run{number, number + 1})
}

// without is the set without a number, in the place of s.
func (s numbers) without(number uint64) numbers {
	i, found := s.at(number)
	if !found {
		return s
	}
	switch r := s[i]; {
	case r.from == number && r.to == number+1:
		return slices.Delete(s, i, i+1)
	case r.from == number:
		s[i].from++
	case r.to == number+1:
		s[i].to--
	default:
		s[i].to = number
		return slices.Insert(s, i+1, run{number + 1, r.to})
	}
	return s
}

// all yields the numbers in order.
func (s numbers) all() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for _, r := range s {
			for n := r.from; n < r.to; n++ {
				if !yield(n) {
					return
				}
			}
		}
	}
}
