package world

import "time"

// Clock is the clock of one machine.
type Clock struct {
	w      *World
	offset time.Duration
	drift  float64 // seconds that it gains in a second
}

// NewClock is right when offset and drift are 0.
func (w *World) NewClock(offset time.Duration, drift float64) *Clock {
	return &Clock{w: w, offset: offset, drift: drift}
}

// Now is what the clock shows.
func (c *Clock) Now() time.Time {
	return Epoch().Add(c.offset + c.w.now + time.Duration(float64(c.w.now)*c.drift))
}

// Until is how much virtual time passes before the clock shows t, at least 0.
func (c *Clock) Until(t time.Time) time.Duration {
	left := t.Sub(c.Now())
	if left <= 0 {
		return 0
	}
	// Rounded up: a clock that is asked at that time must show it.
	return time.Duration(float64(left)/(1+c.drift)) + time.Microsecond
}

// Step sets the clock forward, or back.
func (c *Clock) Step(by time.Duration) { c.offset += by }
