package node

import (
	"math/rand/v2"
	"testing"
)

func TestSchedule(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var s schedule
	want := map[appointment]int{}
	total := 0
	for range 5000 {
		one := appointment{moment(random.IntN(200) + 1), key{byte(random.IntN(50))}}
		s.add(one)
		want[one]++
		total++
		switch random.IntN(40) {
		case 0:
			now := moment(random.IntN(50) + 1)
			for last := moment(0); ; {
				one, ok := s.pop(now.time())
				if !ok {
					break
				}
				if one.at < last || one.at > now || want[one] == 0 {
					t.Fatalf("popped %+v at %d, after one of %d", one, now, last)
				}
				last = one.at
				want[one]--
				total--
			}
		case 1:
			var list []appointment
			clear(want)
			for total = range random.IntN(100) {
				one := appointment{moment(random.IntN(200) + 1), key{byte(total)}}
				list = append(list, one)
				want[one]++
			}
			total = len(list)
			s.keep(list)
		}
		var first moment
		for one, n := range want {
			if n > 0 {
				first = sooner(first, one.at)
			}
		}
		if got, ok := s.first(); len(s) != total || got.at != first || ok != (total > 0) {
			t.Fatalf("%d are due from %d on, want %d from %d on", len(s), got.at, total, first)
		}
	}
}
