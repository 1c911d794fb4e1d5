package node

import "time"

// moment is a time as allocations keep it, in nanoseconds since 1970: there are
// several of these for each of millions. Zero is never.
type moment int64

func momentOf(t time.Time) moment {
	if t.IsZero() {
		return 0
	}
	return moment(t.UnixNano())
}

// time is the zero time for never.
func (m moment) time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(m))
}

// after is when d has passed.
func after(now time.Time, d time.Duration) moment { return momentOf(now.Add(d)) }

// passed tells whether the moment has come, and forgets it.
func (m *moment) passed(now time.Time) bool {
	if *m == 0 || momentOf(now) < *m {
		return false
	}
	*m = 0
	return true
}

// sooner is the earlier of two moments.
func sooner(a, b moment) moment {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
