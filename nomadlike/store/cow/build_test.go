package cow

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// checkNodes holds nodes to their bounds, and to leaves of one depth.
func checkNodes(t *testing.T, n *node[entry], isRoot bool) (depth int) {
	t.Helper()
	if n == nil {
		return 0
	}
	if len(n.items) > itemsMax || len(n.items) == 0 && !isRoot {
		t.Fatalf("a node has %d entries", len(n.items))
	}
	if n.children == nil {
		return 1
	}
	if len(n.children) != len(n.items)+1 {
		t.Fatalf("a node has %d entries and %d children", len(n.items), len(n.children))
	}
	for i, c := range n.children {
		d := checkNodes(t, c, false)
		if i > 0 && d != depth {
			t.Fatalf("leaves are %d and %d deep", depth, d)
		}
		depth = d
	}
	return depth + 1
}

// A tree that is built at once is one that was filled, of every size, and goes
// on like it.
func TestBuild(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	sizes := []int{10_000, 24_388, 24_389, 24_390, 30_000}
	for n := range 2000 {
		sizes = append(sizes, n)
	}
	for _, size := range sizes {
		var list []entry
		want := map[string]int{}
		for i := range size {
			list = append(list, entry{fmt.Sprintf("common-%06d", i*2), i})
			want[list[i].key] = i
		}
		tree := Build(new(Owner), size, func(i int) entry { return list[i] })
		checkNodes(t, tree.root, true)
		before := tree
		if size%97 == 0 || size > 2000 {
			check(t, &tree, want)
			o := new(Owner)
			for range min(size+50, 2000) {
				key := fmt.Sprintf("common-%06d", r.IntN(size*2+1))
				if r.IntN(2) == 0 {
					tree.Set(o, entry{key, -1})
				} else {
					tree.Delete(o, key)
				}
			}
			checkNodes(t, tree.root, true)
			check(t, &tree, contents(&tree))
			check(t, &before, want)
		}
	}
}

func TestBuildRanked(t *testing.T) {
	var list []entry
	for i := range 500 {
		list = append(list, entry{fmt.Sprintf("%d", 1000+i), i / 5})
	}
	tree := BuildRanked(new(Owner), len(list), func(i int) (uint64, entry) { return uint64(list[i].value), list[i] })
	for _, e := range list {
		if got, found := tree.GetRanked(uint64(e.value), e.key); !found || got != e {
			t.Fatalf("GetRanked of %v gives %v", e, got)
		}
	}
}
