package cow

import (
	"encoding/binary"
	"iter"
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
type Tree[V Keyed] struct{ ordered[V] }

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

// Get finds the entry of that key.
func (t *Tree[V]) Get(key string) (V, bool) { return t.get(Rank(key), key, V.Key) }

// GetRanked finds the entry of that rank and key.
func (t *Tree[V]) GetRanked(rank uint64, key string) (V, bool) { return t.get(rank, key, V.Key) }

// Set adds v or replaces the entry of the same key.
func (t *Tree[V]) Set(o *Owner, v V) { t.SetRanked(o, Rank(v.Key()), v) }

// SetRanked is Set with a rank of the caller's choice.
func (t *Tree[V]) SetRanked(o *Owner, rank uint64, v V) { t.set(o, rank, v.Key(), v, V.Key) }

// At is the place of the entry of that key, nil when there is none. Another
// entry of the same key may be put there by o.
func (t *Tree[V]) At(o *Owner, key string) *V { return t.at(o, Rank(key), key, V.Key) }

// Delete removes the entry of that key and tells whether there was one.
func (t *Tree[V]) Delete(o *Owner, key string) bool { return t.delete(o, Rank(key), key, V.Key) }

// DeleteRanked removes the entry of that rank and key.
func (t *Tree[V]) DeleteRanked(o *Owner, rank uint64, key string) bool {
	return t.delete(o, rank, key, V.Key)
}

// From yields, in order, the entries whose key is not less than key.
func (t *Tree[V]) From(key string) iter.Seq[V] { return t.from(key, V.Key) }

// Prefixed yields, in order, the entries whose key starts with prefix.
func (t *Tree[V]) Prefixed(prefix string) iter.Seq[V] { return t.prefixed(prefix, V.Key) }
