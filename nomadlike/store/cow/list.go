package cow

import "iter"

const (
	// pageBits is how many bits of a number choose the place in a page: larger
	// pages copy more for each change, smaller ones are deeper.
	pageBits = 5
	pageSize = 1 << pageBits
	pageMask = pageSize - 1
)

// List numbers objects in the order in which they were added, from 0. The zero
// value is empty. Copying the value copies the list. A number is never used
// again, and objects that came together lie together, however their keys differ:
// that is what it is for, beside being found in a few steps without comparing.
type List[T any] struct {
	root   *page[T]
	height uint   // pages above those that hold objects
	next   uint64 // number
	length int
}

// page has pages below it or objects. Its room is allocated with it.
type page[T any] struct {
	owner *Owner
	below *[pageSize]*page[T]
	items *[pageSize]*T
}

type inner[T any] struct {
	page[T]
	room [pageSize]*page[T]
}

type leaf[T any] struct {
	page[T]
	room [pageSize]*T
}

func newInner[T any](o *Owner) *page[T] {
	n := &inner[T]{page: page[T]{owner: o}}
	n.below = &n.room
	return &n.page
}

func newLeaf[T any](o *Owner) *page[T] {
	n := &leaf[T]{page: page[T]{owner: o}}
	n.items = &n.room
	return &n.page
}

// owned is p itself when o made it, else a copy that o may change; a new page
// of that height when p is nil.
func (p *page[T]) owned(o *Owner, height uint) *page[T] {
	if p != nil && p.owner == o {
		return p
	}
	if height == 0 {
		c := newLeaf[T](o)
		if p != nil {
			*c.items = *p.items
		}
		return c
	}
	c := newInner[T](o)
	if p != nil {
		*c.below = *p.below
	}
	return c
}

// Len is how many objects there are.
func (l *List[T]) Len() int { return l.length }

// Next is the number that Add gives next.
func (l *List[T]) Next() uint64 { return l.next }

// Get is the object of that number, nil when there is none.
func (l *List[T]) Get(number uint64) *T {
	if number >= l.next {
		return nil
	}
	p := l.root
	for shift := l.height * pageBits; p != nil; shift -= pageBits {
		if shift == 0 {
			return p.items[number&pageMask]
		}
		p = p.below[number>>shift&pageMask]
	}
	return nil
}

// Add gives the object a number.
func (l *List[T]) Add(o *Owner, v *T) (number uint64) {
	number = l.next
	if number>>(l.height*pageBits) >= pageSize {
		l.height++
		if old := l.root; old != nil {
			l.root = newInner[T](o)
			l.root.below[0] = old
		}
	}
	l.next++
	l.length++
	l.put(o, number, v)
	return number
}

// Set puts another object in the place of the one of that number, which is there.
func (l *List[T]) Set(o *Owner, number uint64, v *T) { l.put(o, number, v) }

func (l *List[T]) put(o *Owner, number uint64, v *T) {
	p := l.root.owned(o, l.height)
	l.root = p
	for h := l.height; h > 0; h-- {
		place := &p.below[number>>(h*pageBits)&pageMask]
		c := (*place).owned(o, h-1)
		*place = c
		p = c
	}
	p.items[number&pageMask] = v
}

// Delete removes the object of that number, which is there. Pages on which
// nothing is left go with it.
func (l *List[T]) Delete(o *Owner, number uint64) {
	l.root = l.root.without(o, number, l.height)
	l.length--
}

func (p *page[T]) without(o *Owner, number uint64, height uint) *page[T] {
	p = p.owned(o, height)
	if height == 0 {
		p.items[number&pageMask] = nil
		if *p.items == [pageSize]*T{} {
			return nil
		}
		return p
	}
	place := &p.below[number>>(height*pageBits)&pageMask]
	*place = (*place).without(o, number, height-1)
	if *place == nil && *p.below == [pageSize]*page[T]{} {
		return nil
	}
	return p
}

// All yields every object in the order of the numbers.
func (l *List[T]) All() iter.Seq[*T] {
	root := l.root
	return func(yield func(*T) bool) { root.all(yield) }
}

func (p *page[T]) all(yield func(*T) bool) bool {
	switch {
	case p == nil:
	case p.items != nil:
		for _, v := range p.items {
			if v != nil && !yield(v) {
				return false
			}
		}
	default:
		for _, c := range p.below {
			if !c.all(yield) {
				return false
			}
		}
	}
	return true
}
