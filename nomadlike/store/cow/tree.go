package cow

import (
	"encoding/binary"
	"iter"
	"strings"
)

// Keyed is what a tree stores: a value that knows its own key. Key must be
// cheap and must not allocate.
type Keyed interface{ Key() string }

// Owner is the identity of one transaction.
type Owner struct{ _ byte }

// Tree is an ordered map of V. The zero value is empty. Copying the value
// copies the tree.
//
// Entries are ordered by rank, then by key. The rank of an ordinary entry is
// Rank(key), which keeps the order of the keys and spares following pointers in
// nearly every comparison; an index may rank by something else (SetRanked).
type Tree[V Keyed] struct {
	root   *node[V]
	length int
}

type item[V Keyed] struct {
	rank  uint64
	value V
}

type node[V Keyed] struct {
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

// Rank is the first eight bytes of the key as a number.
func Rank(key string) uint64 {
	if len(key) >= 8 {
		return uint64(key[7]) | uint64(key[6])<<8 | uint64(key[5])<<16 | uint64(key[4])<<24 |
			uint64(key[3])<<32 | uint64(key[2])<<40 | uint64(key[1])<<48 | uint64(key[0])<<56
	}
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}

// Len is the number of entries.
func (t *Tree[V]) Len() int { return t.length }

// Get finds the entry of that key.
func (t *Tree[V]) Get(key string) (V, bool) { return t.GetRanked(Rank(key), key) }

// GetRanked finds the entry of that rank and key.
func (t *Tree[V]) GetRanked(rank uint64, key string) (V, bool) {
	for n := t.root; n != nil; {
		i, found := n.search(rank, key)
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

// Set adds v or replaces the entry of the same key.
func (t *Tree[V]) Set(o *Owner, v V) { t.SetRanked(o, Rank(v.Key()), v) }

// SetRanked is Set with a rank of the caller's choice.
func (t *Tree[V]) SetRanked(o *Owner, rank uint64, v V) {
	key := v.Key()
	if t.root == nil {
		t.root = &node[V]{owner: o, items: []item[V]{{rank, v}}}
		t.length = 1
		return
	}
	root := t.root.owned(o)
	if len(root.items) >= itemsMax {
		root = &node[V]{owner: o, children: []*node[V]{root}}
		root.splitChild(o, 0, rank, key)
	}
	t.root = root
	if root.set(o, rank, key, v) {
		t.length++
	}
}

// Delete removes the entry of that key and tells whether there was one.
func (t *Tree[V]) Delete(o *Owner, key string) bool { return t.DeleteRanked(o, Rank(key), key) }

// DeleteRanked removes the entry of that rank and key.
func (t *Tree[V]) DeleteRanked(o *Owner, rank uint64, key string) bool {
	if _, found := t.GetRanked(rank, key); !found {
		return false
	}
	root := t.root.owned(o)
	root.remove(o, rank, key)
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
func (t *Tree[V]) All() iter.Seq[V] {
	root := t.root
	return func(yield func(V) bool) {
		if root != nil {
			root.all(yield)
		}
	}
}

// From yields, in order, the entries whose key is not less than key.
func (t *Tree[V]) From(key string) iter.Seq[V] {
	root, rank := t.root, Rank(key)
	return func(yield func(V) bool) {
		if root != nil {
			root.from(rank, key, yield)
		}
	}
}

// Prefixed yields, in order, the entries whose key starts with prefix.
func (t *Tree[V]) Prefixed(prefix string) iter.Seq[V] {
	from := t.From(prefix)
	return func(yield func(V) bool) {
		for v := range from {
			if !strings.HasPrefix(v.Key(), prefix) || !yield(v) {
				return
			}
		}
	}
}

// Last is the greatest entry.
func (t *Tree[V]) Last() (V, bool) {
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
