package store

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A set of numbers holds what a plain one does, in as few runs as there are.
func TestNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var set numbers
		model := map[uint64]bool{}
		for range 300 {
			n := r.Uint64N(40)
			if model[n] = !model[n]; model[n] {
				set = set.with(n)
			} else {
				set = set.without(n)
			}
			set = set.without(100)
			var want []uint64
			runs := 0
			for n := range uint64(40) {
				if model[n] {
					want = append(want, n)
					if n == 0 || !model[n-1] {
						runs++
					}
				}
			}
			if got := slices.Collect(set.all()); !slices.Equal(got, want) || len(set) != runs {
				t.Fatalf("the set is %v, want %v in %d runs", set, want, runs)
			}
		}
	}
}
