package sched

// chunk makes things one by one, of which an evaluation may need thousands, and
// asks for the memory of many at once.
type chunk[T any] struct{ made []T }

const (
	// chunkMin is how many are made at first: most evaluations need few.
	chunkMin = 4
	// chunkMax is how many are made at once at most: few enough that one of them
	// does not keep much.
	chunkMax = 64
)

// make gives a zero one. The caller tells how many it has.
func (c *chunk[T]) make(have int) *T {
	if len(c.made) == 0 {
		c.made = make([]T, min(chunkMax, chunkMin+have))
	}
	one := &c.made[0]
	c.made = c.made[1:]
	return one
}
