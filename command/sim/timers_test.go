package sim

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestTimers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	began := time.Unix(1000, 0)
	var h timers
	var all []*member
	for range 100 {
		all = append(all, &member{slot: -1})
	}
	want := map[*member]time.Time{}
	for range 2000 {
		m := all[random.IntN(len(all))]
		at := began.Add(time.Duration(random.IntN(1000)+1) * time.Second)
		if random.IntN(5) == 0 {
			at = time.Time{}
			delete(want, m)
		} else {
			want[m] = at
		}
		first := h.set(m, at)
		if next, ok := h.next(); first && (!ok || !next.Equal(at)) {
			t.Fatalf("%v is said to be the first, but that is %v", at, next)
		}
	}
	if h.pop(began) != nil {
		t.Fatal("popped before its time")
	}
	last := began
	for n := len(want); n > 0; n-- {
		m := h.pop(began.Add(time.Hour))
		if m == nil || m.due.Before(last) || !m.due.Equal(want[m]) || m.slot != -1 {
			t.Fatalf("popped %+v after %v, want %v", m, last, want[m])
		}
		last = m.due
	}
	if h.pop(began.Add(time.Hour)) != nil {
		t.Fatal("something is left")
	}
}
