package cow

import (
	"iter"
	"strings"
)

// ordered is what trees have in common: entries in the order of rank, then key.
// of is the key of an entry, always the same function.
type ordered[V any] struct {
	root   *node[V]
	length int
}

// Len is the number of entries.
func (t *ordered[V]) Len() int { return t.length }

func (t *ordered[V]) get(rank uint64, key string, of func(V) string) (V, bool) {
	for n := t.root; n != nil; {
		i, found := n.search(rank, key, of)
		if found {
			return n.items[i].value, true
		}
		if n.children == nil {
			break
		}
		n = n.children[i]
	}
	var none V
	return none, false
}

// at is the place of an entry, for o to change it there, and nil when there is
// none.
func (t *ordered[V]) at(o *Owner, rank uint64, key string, of func(V) string) *V {
	if t.root == nil {
		return nil
	}
	t.root = t.root.owned(o)
	for n := t.root; ; {
		i, found := n.search(rank, key, of)
		switch {
		case found:
			return &n.items[i].value
		case n.children == nil:
			return nil
		}
		n = n.ownedChild(o, i)
	}
}

// enter is the place of an entry, which is added as v when there is none.
func (t *ordered[V]) enter(o *Owner, rank uint64, key string, v V, of func(V) string) (at *V, added bool) {
	if t.root == nil {
		t.root = &node[V]{owner: o}
	}
	root := t.root.owned(o)
	if len(root.items) >= itemsMax {
		root = &node[V]{owner: o, children: []*node[V]{root}}
		root.splitChild(o, 0, rank, key, of)
	}
	t.root = root
	if at, added = root.enter(o, rank, key, v, of); added {
		t.length++
	}
	return at, added
}

func (t *ordered[V]) set(o *Owner, rank uint64, key string, v V, of func(V) string) {
	if at, added := t.enter(o, rank, key, v, of); !added {
		*at = v
	}
}

func (t *ordered[V]) delete(o *Owner, rank uint64, key string, of func(V) string) bool {
	if _, found := t.get(rank, key, of); !found {
		return false
	}
	root := t.root.owned(o)
	root.remove(o, rank, key, of)
	switch {
	case len(root.items) > 0:
		t.root = root
	case root.children != nil:
		t.root = root.children[0]
	default:
		t.root = nil
	}
	t.length--
	return true
}

// All yields every entry in order.
func (t *ordered[V]) All() iter.Seq[V] {
	root := t.root
	return func(yield func(V) bool) {
		if root != nil {
			root.all(yield)
		}
	}
}

func (t *ordered[V]) from(key string, of func(V) string) iter.Seq[V] {
	root, rank := t.root, Rank(key)
	return func(yield func(V) bool) {
		if root != nil {
			root.from(rank, key, of, yield)
		}
	}
}

func (t *ordered[V]) prefixed(prefix string, of func(V) string) iter.Seq[V] {
	from := t.from(prefix, of)
	return func(yield func(V) bool) {
		for v := range from {
			if !strings.HasPrefix(of(v), prefix) || !yield(v) {
				return
			}
		}
	}
}

// Last is the greatest entry.
func (t *ordered[V]) Last() (V, bool) {
	n := t.root
	if n == nil {
		var none V
		return none, false
	}
	for n.children != nil {
		n = n.children[len(n.children)-1]
	}
	return n.items[len(n.items)-1].value, true
}
