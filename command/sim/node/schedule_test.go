package node

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSchedule(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var s schedule
	all := make([]*allocation, 50)
	for i := range all {
		all[i] = &allocation{slot: -1}
	}
	want := map[*allocation]moment{}
	for range 5000 {
		a, at := all[random.IntN(len(all))], moment(random.IntN(200)) // 0 is never
		s.set(a, at)
		if want[a] = at; at == 0 {
			delete(want, a)
		}
		if random.IntN(20) == 0 {
			now := moment(random.IntN(50))
			for _, a := range s.pop(now.time()) {
				if at := want[a]; at == 0 || at > now || a.slot != -1 {
					t.Fatalf("popped at %d what is due at %d, in slot %d", now, at, a.slot)
				}
				delete(want, a)
			}
		}
		var first moment
		for _, at := range want {
			first = sooner(first, at)
		}
		if len(s) != len(want) || s.first() != first {
			t.Fatalf("%d are due from %d on, want %d from %d on", len(s), s.first(), len(want), first)
		}
		if at := slices.IndexFunc(s, func(p appointment) bool { return s[p.of.slot] != p || want[p.of] != p.at }); at >= 0 {
			t.Fatalf("%d holds %+v", at, s[at])
		}
	}
}
