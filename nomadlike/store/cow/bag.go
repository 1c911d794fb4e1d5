package cow

import (
	"iter"
	"slices"
	"sync/atomic"
)

// bagRoomMin is how many numbers a bag has room for at first.
const bagRoomMin = 4

// Bag is numbers in no order that matters. The zero value is empty. Copying the
// value copies the bag. Adding copies what is there only when there is no room
// for more, so that many bags of which each gets one number in each transaction
// cost little; removing copies all.
type Bag struct {
	room *bagRoom
	n    int
}

// bagRoom is shared by the copies of a bag: each sees as much of it as it holds.
type bagRoom struct {
	used    atomic.Int64 // by the longest of them
	numbers []uint64
}

// Len is how many numbers there are.
func (b Bag) Len() int { return b.n }

// All yields the numbers.
func (b Bag) All() iter.Seq[uint64] { return slices.Values(b.list()) }

func (b Bag) list() []uint64 {
	if b.n == 0 {
		return nil
	}
	return b.room.numbers[:b.n]
}

// With is the bag with one more number, which is not in it.
func (b Bag) With(number uint64) Bag {
	// Of several copies that are added to, only the first may use the room.
	if b.room == nil || b.n == len(b.room.numbers) || !b.room.used.CompareAndSwap(int64(b.n), int64(b.n+1)) {
		b = bagOf(b.list(), max(bagRoomMin, 2*b.n))
		b.room.used.Add(1)
	}
	b.room.numbers[b.n] = number
	b.n++
	return b
}

// Without is the bag without a number.
func (b Bag) Without(number uint64) Bag {
	at := slices.Index(b.list(), number)
	if at < 0 {
		return b
	}
	next := bagOf(b.list()[:at], b.n)
	next.n += copy(next.room.numbers[at:], b.list()[at+1:])
	next.room.used.Store(int64(next.n))
	return next
}

// BagOf is a bag of those numbers.
func BagOf(numbers []uint64) Bag { return bagOf(numbers, len(numbers)) }

func bagOf(numbers []uint64, room int) Bag {
	r := &bagRoom{numbers: make([]uint64, room)}
	n := copy(r.numbers, numbers)
	r.used.Store(int64(n))
	return Bag{r, n}
}
