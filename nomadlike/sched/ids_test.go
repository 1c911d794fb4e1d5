package sched

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// The IDs of a large plan are in order and differ in the eight digits that lists
// show; those of a small one are left alone.
func TestIDs(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for _, c := range []struct{ placements, blocks int }{
		{256, 1}, {2000, 1}, {40000, 1}, {65536, 1}, {65537, 2}, {150000, 3},
	} {
		random := rand.NewChaCha8([32]byte{1})
		b := idsFor(c.placements)
		blocks, seen := map[string][]string{}, map[string]bool{}
		for range c.placements {
			id := b.place(nl.NewID(random))
			if !form.MatchString(id) {
				t.Fatalf("%q is no ID", id)
			}
			if seen[id[:8]] {
				t.Fatalf("%d: %s is given twice", c.placements, id[:8])
			}
			seen[id[:8]] = true
			blocks[id[:4]] = append(blocks[id[:4]], id)
		}
		if len(blocks) != c.blocks {
			t.Errorf("%d placements have %d blocks, want %d", c.placements, len(blocks), c.blocks)
		}
		for first, list := range blocks {
			if !slices.IsSorted(list) {
				t.Errorf("%d placements: block %s is not in order", c.placements, first)
			}
		}
	}
	b := idsFor(idsTogetherFrom - 1)
	for _, id := range []string{nl.NewID(rand.NewChaCha8([32]byte{2})), "a1"} {
		if got := b.place(id); got != id {
			t.Errorf("small plan: %s became %s", id, got)
		}
	}
	b = idsFor(idsTogetherFrom)
	for _, id := range []string{"", "a1", "zzzzzzzz-0000-4000-8000-000000000000"} {
		if got := b.place(id); got != id {
			t.Errorf("%s became %s", id, got)
		}
	}
}
