package cow

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

type entry struct {
	key   string
	value int
}

func (e entry) Key() string { return e.key }

func contents(t *Tree[entry]) map[string]int {
	m := map[string]int{}
	for e := range t.All() {
		m[e.key] = e.value
	}
	return m
}

// check compares a tree with a plain map: order, length, lookups.
func check(t *testing.T, tree *Tree[entry], want map[string]int) {
	t.Helper()
	var keys []string
	for e := range tree.All() {
		keys = append(keys, e.key)
	}
	if wanted := slices.Sorted(maps.Keys(want)); !slices.Equal(keys, wanted) {
		t.Fatalf("keys are %q, want %q", keys, wanted)
	}
	if tree.Len() != len(want) {
		t.Fatalf("Len is %d, want %d", tree.Len(), len(want))
	}
	for key, value := range want {
		if e, found := tree.Get(key); !found || e.value != value {
			t.Fatalf("Get(%q) is %v, %v, want %d", key, e, found, value)
		}
	}
}

// Random changes behave as those of a map, and every earlier copy of the tree
// stays what it was.
func TestAgainstMap(t *testing.T) {
	for _, form := range []string{"%d", "%08d", "common-prefix-%d", "\x00%d"} {
		t.Run(form, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			var tree Tree[entry]
			model := map[string]int{}
			type version struct {
				tree  Tree[entry]
				model map[string]int
			}
			var versions []version
			for step := range 120 {
				o := new(Owner)
				deletes := 1 + step/30*2 // later steps shrink the tree
				for range 60 {
					key := fmt.Sprintf(form, r.IntN(900))
					if r.IntN(6) < deletes {
						_, had := model[key]
						if tree.Delete(o, key) != had {
							t.Fatalf("Delete(%q) is %v, want %v", key, !had, had)
						}
						delete(model, key)
						continue
					}
					value := r.Int()
					_, had := model[key]
					if at := tree.At(o, key); (at != nil) != had {
						t.Fatalf("At(%q) is %v, want one: %t", key, at, had)
					} else if at != nil && r.IntN(2) == 0 {
						*at = entry{key, value}
					} else {
						tree.Set(o, entry{key, value})
					}
					model[key] = value
				}
				if step%10 == 0 {
					versions = append(versions, version{tree, maps.Clone(model)})
				}
			}
			check(t, &tree, model)
			for i := range versions {
				check(t, &versions[i].tree, versions[i].model)
			}
			o := new(Owner)
			for key := range model {
				tree.Delete(o, key)
			}
			check(t, &tree, map[string]int{})
		})
	}
}

func TestInOrder(t *testing.T) {
	var tree Tree[entry]
	want := map[string]int{}
	for i := range 5000 {
		key := fmt.Sprintf("%06d", i)
		tree.Set(new(Owner), entry{key, i})
		want[key] = i
	}
	check(t, &tree, want)
	if last, _ := tree.Last(); last.value != 4999 {
		t.Errorf("Last is %v", last)
	}
}

func TestFromAndPrefixed(t *testing.T) {
	var tree Tree[entry]
	o := new(Owner)
	var keys []string
	for i := range 2000 {
		key := fmt.Sprintf("k%04d", i*2)
		keys = append(keys, key)
		tree.Set(o, entry{key, i})
	}
	for i := range 4100 {
		from := fmt.Sprintf("k%04d", i)
		at, _ := slices.BinarySearch(keys, from)
		var got []string
		for e := range tree.From(from) {
			if got = append(got, e.key); len(got) == 3 {
				break
			}
		}
		if want := keys[at:min(at+3, len(keys))]; !slices.Equal(got, want) {
			t.Fatalf("From(%q) is %q, want %q", from, got, want)
		}
	}
	for _, prefix := range []string{"", "k", "k00", "k012", "k3998", "k39980", "x"} {
		var got int
		for range tree.Prefixed(prefix) {
			got++
		}
		var want int
		for _, key := range keys {
			if strings.HasPrefix(key, prefix) {
				want++
			}
		}
		if got != want {
			t.Errorf("Prefixed(%q) yields %d, want %d", prefix, got, want)
		}
	}
}

func TestRanked(t *testing.T) {
	var tree Tree[entry]
	o := new(Owner)
	for i := range 500 {
		tree.SetRanked(o, uint64(i/5), entry{fmt.Sprintf("%d", 1000-i), i})
	}
	var last int
	for e := range tree.All() {
		if rank := e.value / 5; rank < last {
			t.Fatalf("rank %d after %d", rank, last)
		} else {
			last = rank
		}
	}
	if !tree.DeleteRanked(o, 3, "983") || tree.DeleteRanked(o, 3, "983") || tree.DeleteRanked(o, 4, "984") {
		t.Error("DeleteRanked does not find what it should")
	}
	if len(contents(&tree)) != 499 {
		t.Error("DeleteRanked removed more than one")
	}
}
