package cow

import "strings"

type item[V any] struct {
	rank  uint64
	value V
}

type node[V any] struct {
	owner    *Owner
	items    []item[V]
	children []*node[V] // none in a leaf, else one more than items
}

const (
	// itemsMax is the most entries of a node: chosen by BenchmarkInsert, larger
	// nodes copy more for each change, smaller ones are deeper.
	itemsMax = 32
	itemsMin = itemsMax/2 - 1
	// itemsStep is how much room a full node grows by, in entries.
	itemsStep = 4
)

// search finds the first entry that is not less than (rank, key).
func (n *node[V]) search(rank uint64, key string, of func(V) string) (int, bool) {
	low, high := 0, len(n.items)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if n.items[mid].rank < rank {
			low = mid + 1
		} else {
			high = mid
		}
	}
	// Entries of one rank are few unless keys share a long start, so the ends
	// of the run are looked for only when the first of them is less.
	if low == len(n.items) || n.items[low].rank != rank {
		return low, false
	}
	switch strings.Compare(of(n.items[low].value), key) {
	case 0:
		return low, true
	case 1:
		return low, false
	}
	low++
	high = len(n.items)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if n.items[mid].rank > rank {
			high = mid
			continue
		}
		switch strings.Compare(of(n.items[mid].value), key) {
		case 0:
			return mid, true
		case -1:
			low = mid + 1
		default:
			high = mid
		}
	}
	return low, false
}

// owned is n itself when o made it, else a copy that o may change.
func (n *node[V]) owned(o *Owner) *node[V] {
	if n.owner == o {
		return n
	}
	c := &node[V]{owner: o, items: make([]item[V], len(n.items), room(len(n.items)))}
	copy(c.items, n.items)
	if n.children != nil {
		c.children = make([]*node[V], len(n.children), room(len(n.items))+1)
		copy(c.children, n.children)
	}
	return c
}

// room is the capacity for length entries and at least one more.
func room(length int) int {
	if length < 2 {
		return length + 1
	}
	return (length + itemsStep) / itemsStep * itemsStep
}

func (n *node[V]) ownedChild(o *Owner, i int) *node[V] {
	c := n.children[i].owned(o)
	n.children[i] = c
	return c
}

// enter finds the entry below n, which is owned and not full, or adds it as v.
func (n *node[V]) enter(o *Owner, rank uint64, key string, v V, of func(V) string) (at *V, added bool) {
	for {
		i, found := n.search(rank, key, of)
		if found {
			return &n.items[i].value, false
		}
		if n.children == nil {
			n.items = insertAt(n.items, i, item[V]{rank, v})
			return &n.items[i].value, true
		}
		if len(n.children[i].items) >= itemsMax {
			n.splitChild(o, i, rank, key, of)
			continue
		}
		n = n.ownedChild(o, i)
	}
}

// splitChild divides the full child i. It divides near the end when the entry
// to be added, (rank, key), comes after everything in the child: entries that
// arrive in order then leave full nodes behind.
func (n *node[V]) splitChild(o *Owner, i int, rank uint64, key string, of func(V) string) {
	left := n.ownedChild(o, i)
	at := len(left.items) / 2
	if end, _ := left.search(rank, key, of); end == len(left.items) {
		at = len(left.items) - 2
	}
	middle := left.items[at]
	right := &node[V]{owner: o}
	right.items = append(make([]item[V], 0, room(len(left.items)-at-1)), left.items[at+1:]...)
	clear(left.items[at:])
	left.items = left.items[:at]
	if left.children != nil {
		right.children = append(make([]*node[V], 0, room(len(right.items))+1), left.children[at+1:]...)
		clear(left.children[at+1:])
		left.children = left.children[:at+1]
	}
	n.items = insertAt(n.items, i, middle)
	n.children = insertAt(n.children, i+1, right)
}

// remove takes (rank, key), which is there, from below n, which is owned.
func (n *node[V]) remove(o *Owner, rank uint64, key string, of func(V) string) {
	for {
		i, found := n.search(rank, key, of)
		if n.children == nil {
			n.items = removeAt(n.items, i)
			return
		}
		if len(n.children[i].items) <= itemsMin {
			n.fill(o, i)
			continue
		}
		child := n.ownedChild(o, i)
		if found {
			n.items[i] = child.removeLast(o)
			return
		}
		n = child
	}
}

// removeLast takes the greatest entry from below n, which is owned.
func (n *node[V]) removeLast(o *Owner) item[V] {
	for n.children != nil {
		last := len(n.children) - 1
		if len(n.children[last].items) <= itemsMin {
			n.fill(o, last)
			continue
		}
		n = n.ownedChild(o, last)
	}
	last := len(n.items) - 1
	it := n.items[last]
	n.items = removeAt(n.items, last)
	return it
}

// fill gives child i, which holds few entries, at least one more: from a
// neighbour that can spare it, or by joining with one.
func (n *node[V]) fill(o *Owner, i int) {
	switch {
	case i > 0 && len(n.children[i-1].items) > itemsMin:
		left, child := n.ownedChild(o, i-1), n.ownedChild(o, i)
		last := len(left.items) - 1
		child.items = insertAt(child.items, 0, n.items[i-1])
		n.items[i-1] = left.items[last]
		left.items = removeAt(left.items, last)
		if left.children != nil {
			child.children = insertAt(child.children, 0, left.children[last+1])
			left.children = removeAt(left.children, last+1)
		}
	case i < len(n.items) && len(n.children[i+1].items) > itemsMin:
		child, right := n.ownedChild(o, i), n.ownedChild(o, i+1)
		child.items = insertAt(child.items, len(child.items), n.items[i])
		n.items[i] = right.items[0]
		right.items = removeAt(right.items, 0)
		if right.children != nil {
			child.children = insertAt(child.children, len(child.children), right.children[0])
			right.children = removeAt(right.children, 0)
		}
	default:
		if i == len(n.items) {
			i--
		}
		left, right := n.ownedChild(o, i), n.children[i+1]
		left.items = insertAt(left.items, len(left.items), n.items[i])
		left.items = append(left.items, right.items...)
		left.children = append(left.children, right.children...)
		n.items = removeAt(n.items, i)
		n.children = removeAt(n.children, i+1)
	}
}

func (n *node[V]) all(yield func(V) bool) bool {
	for i := range n.items {
		if n.children != nil && !n.children[i].all(yield) {
			return false
		}
		if !yield(n.items[i].value) {
			return false
		}
	}
	return n.children == nil || n.children[len(n.items)].all(yield)
}

func (n *node[V]) from(rank uint64, key string, of func(V) string, yield func(V) bool) bool {
	i, found := n.search(rank, key, of)
	if n.children != nil && !found && !n.children[i].from(rank, key, of, yield) {
		return false
	}
	for ; i < len(n.items); i++ {
		if !yield(n.items[i].value) {
			return false
		}
		if n.children != nil && !n.children[i+1].all(yield) {
			return false
		}
	}
	return true
}

func insertAt[T any](s []T, i int, v T) []T {
	if len(s) < cap(s) {
		s = s[:len(s)+1]
		copy(s[i+1:], s[i:])
		s[i] = v
		return s
	}
	grown := make([]T, len(s)+1, room(len(s)))
	copy(grown, s[:i])
	grown[i] = v
	copy(grown[i+1:], s[i:])
	return grown
}

func removeAt[T any](s []T, i int) []T {
	copy(s[i:], s[i+1:])
	var none T
	s[len(s)-1] = none
	return s[:len(s)-1]
}
