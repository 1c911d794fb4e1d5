package cow

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// Random changes of a bag behave as those of a set, and every earlier copy, and
// every other copy that was changed, stays what it was.
func TestBag(t *testing.T) {
	type version struct {
		bag   Bag
		model map[uint64]bool
	}
	r := rand.New(rand.NewPCG(1, 2))
	versions := []version{{model: map[uint64]bool{}}}
	for number := range uint64(2000) {
		// Mostly the newest is changed, as by transactions one after the other.
		v := versions[len(versions)-1]
		if r.IntN(5) == 0 {
			v = versions[r.IntN(len(versions))]
		}
		v.model = maps.Clone(v.model)
		if r.IntN(3) > 0 || len(v.model) == 0 {
			v.bag, v.model[number] = v.bag.With(number), true
		} else {
			gone := slices.Sorted(maps.Keys(v.model))[r.IntN(len(v.model))]
			v.bag = v.bag.Without(gone).Without(number)
			delete(v.model, gone)
		}
		versions = append(versions, v)
	}
	for i, v := range versions {
		got, want := slices.Sorted(v.bag.All()), slices.Sorted(maps.Keys(v.model))
		if !slices.Equal(got, want) || v.bag.Len() != len(want) {
			t.Fatalf("version %d of length %d has %v, want %v", i, v.bag.Len(), got, want)
		}
	}
	if again := BagOf([]uint64{3, 1}).With(2); !slices.Equal(slices.Sorted(again.All()), []uint64{1, 2, 3}) {
		t.Errorf("a bag that was made of a list has %v", slices.Collect(again.All()))
	}
}
