package check

import (
	"fmt"
	"sort"
	"time"
)

// reads: a consistent read that begins after another has ended does not show
// an older state of the same thing.
type reads struct{ seen map[string][]seen }

// seen is how new the newest answer was by then.
type seen struct {
	at    time.Duration
	index uint64
}

func newReads() Checker { return &reads{seen: map[string][]seen{}} }

func (*reads) Name() string { return "consistent reads never go back" }

func (r *reads) Observe(ev Event) error {
	read, ok := ev.(Read)
	if !ok {
		return nil
	}
	before := r.seen[read.Key]
	n := sort.Search(len(before), func(i int) bool { return before[i].at > read.Begun })
	if n > 0 && before[n-1].index > read.Index {
		return fmt.Errorf("%s was at index %d at %v, and a read begun at %v finds it at index %d",
			read.Key, before[n-1].index, before[n-1].at, read.Begun, read.Index)
	}
	index := read.Index
	if len(before) > 0 {
		index = max(index, before[len(before)-1].index)
	}
	r.seen[read.Key] = append(before, seen{read.At, index})
	return nil
}
