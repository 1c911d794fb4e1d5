package world

import (
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOrder(t *testing.T) {
	w := New(1, nil)
	var got []string
	note := func(what string) func() { return func() { got = append(got, what) } }
	w.After(2*time.Second, note("late"))
	w.After(time.Second, note("first"))
	w.After(time.Second, note("second"))
	gone := w.After(time.Second, note("cancelled"))
	w.Cancel(gone)
	w.Cancel(gone)
	w.Cancel(nil)
	for w.Step(1500 * time.Millisecond) {
	}
	if want := []string{"first", "second"}; !slices.Equal(got, want) || w.Now() != 1500*time.Millisecond {
		t.Errorf("%v at %v, want %v", got, w.Now(), want)
	}
}

func TestClock(t *testing.T) {
	w := New(1, nil)
	c := w.NewClock(-time.Second, 0.01)
	target := c.Now().Add(10 * time.Second)
	w.After(c.Until(target), func() {
		if c.Now().Before(target) {
			t.Errorf("woken at %v, before %v", c.Now(), target)
		}
	})
	for w.Step(time.Minute) {
	}
	if got := c.Now().Sub(Epoch()); got != 59*time.Second+600*time.Millisecond {
		t.Errorf("a minute on a clock a second late that gains 1 %%: %v", got)
	}
	if c.Until(Epoch()) != 0 {
		t.Error("the past is waited for")
	}
}

func TestProcess(t *testing.T) {
	w := New(1, nil)
	var got []int
	p := w.Go(func() {
		for i := range 3 {
			got = append(got, i)
			if w.Running() == nil || !w.Running().Wait() {
				got = append(got, -1)
				return
			}
		}
	})
	if w.Running() != nil {
		t.Error("it still runs")
	}
	p.Resume()
	w.End()
	p.Resume()
	if want := []int{0, 1, -1}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestNet(t *testing.T) {
	w := New(1, nil)
	n := w.NewNet(w.Random(1), Weather{Delay: time.Millisecond, Loss: 0.5, Repeat: 0.5})
	arrived := 0
	for range 1000 {
		n.Send(1, 2, func() { arrived++ })
	}
	for w.Step(time.Second) {
	}
	if arrived < 600 || arrived > 900 {
		t.Errorf("%d of 1000 arrive, where half are lost and half are sent twice", arrived)
	}
	n.Weather = Weather{Delay: time.Millisecond}
	there, back := false, false
	n.Block(1, 2)
	n.Block(1, 2)
	n.Unblock(1, 2)
	n.Send(1, 2, func() { there = true })
	n.Send(2, 1, func() { back = true })
	for w.Step(2 * time.Second) {
	}
	if there || !back || n.Both(1, 2) {
		t.Errorf("one way is cut: there %v, back %v", there, back)
	}
	n.Heal()
	if !n.Both(1, 2) {
		t.Error("not healed")
	}
}

func TestLine(t *testing.T) {
	w := New(3, nil)
	n := w.NewNet(w.Random(1), Weather{Delay: time.Millisecond, Jitter: time.Second})
	var got []int
	broken := 0
	l := n.NewLine(1, 2, func() { broken++ })
	for i := range 10 {
		l.Send(func() { got = append(got, i) })
	}
	for w.Step(10 * time.Second) {
	}
	if want := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(got, want) {
		t.Errorf("arrived as %v", got)
	}
	n.Block(1, 2)
	l.Send(func() { t.Error("it arrived") })
	l.Send(func() { t.Error("it arrived") })
	if broken != 1 {
		t.Errorf("it broke %d times", broken)
	}
}

func TestDisk(t *testing.T) {
	w := New(5, nil)
	random := w.Random(1)
	lengths := map[int]bool{}
	for range 200 {
		var d Disk[int]
		d.Append(0, 1, 2, 3, 4)
		d.Sync(2)
		lost, torn := d.Crash(random)
		if d.Len() < 2 || lost != 5-d.Len() || torn && lost == 0 || d.Synced() != d.Len() {
			t.Fatalf("length %d, lost %d, torn %v, synced %d", d.Len(), lost, torn, d.Synced())
		}
		lengths[d.Len()] = true
	}
	if len(lengths) != 4 {
		t.Errorf("crashes leave %v", lengths)
	}
	var d Disk[int]
	d.Append(0, 1, 2, 3, 4)
	d.Sync(5)
	d.Drop(2)
	d.Truncate(4)
	if d.Base() != 2 || d.Len() != 4 || d.At(3) != 3 || d.Synced() != 4 {
		t.Errorf("base %d, length %d, synced %d", d.Base(), d.Len(), d.Synced())
	}
	d.Drop(9)
	d.Append(9)
	if d.Base() != 9 || d.Len() != 10 || d.At(9) != 9 {
		t.Errorf("base %d, length %d", d.Base(), d.Len())
	}
}
