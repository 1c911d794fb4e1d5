package pace

import "testing"

// The larger the heap, the less garbage beside it; a large machine lends some
// of its memory.
func TestPercent(t *testing.T) {
	const gb = 1024 * mb
	for _, c := range []struct {
		live, machine uint64
		want          int
	}{
		{10 * mb, 64 * gb, 100},
		{100 * mb, 64 * gb, 200},
		{400 * mb, 0, 200},
		{400 * mb, 2 * gb, 200},
		{400 * mb, 64 * gb, 300},
		{gb, 16 * gb, 128},
		{gb, 24 * gb, 242},
		{2 * gb, 24 * gb, 71},
		{2 * gb, 8 * gb, 50},
		{3 * gb, 8 * gb, 50},
	} {
		if got := percent(c.live, c.machine); got != c.want {
			t.Errorf("%d MB live on %d MB: %d, want %d", c.live/mb, c.machine/mb, got, c.want)
		}
	}
	if memory() < 64*mb {
		t.Errorf("the machine has %d bytes", memory())
	}
}

// What gathers is as much, whatever the process holds.
func TestOfSpare(t *testing.T) {
	const gb = 1024 * mb
	for _, c := range []struct {
		looked, machine, spare uint64
		want                   int
	}{
		{100 * mb, 24 * gb, 128 * mb, 128},
		{400 * mb, 24 * gb, 128 * mb, 32},
		{8 * gb, 24 * gb, 128 * mb, 15},
		{100 * mb, 2 * gb, 128 * mb, 64},
		{0, 24 * gb, 128 * mb, 12800},
		{100 * mb, 0, 128 * mb, 15},
	} {
		if got := ofSpare(c.looked, c.machine, c.spare); got != c.want {
			t.Errorf("%d MB to look through on %d MB, %d MB spare: %d, want %d", c.looked/mb, c.machine/mb, c.spare/mb, got, c.want)
		}
	}
}
