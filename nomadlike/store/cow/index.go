package cow

import "iter"

// Index orders numbers by the keys of what they stand for: places in a List,
// mostly. The zero value is empty. Copying the value copies the index.
//
// It holds no pointers to what it orders: that may change without the index,
// as long as its key stays, and a collection of garbage passes it over. In
// return whoever uses it tells the key of a number by of.
type Index struct{ ordered[uint64] }

// Get finds the number of that key.
func (x *Index) Get(key string, of func(uint64) string) (uint64, bool) {
	return x.get(Rank(key), key, of)
}

// Set adds the number under its key or puts it in place of the one there.
func (x *Index) Set(o *Owner, key string, number uint64, of func(uint64) string) {
	x.set(o, Rank(key), key, number, of)
}

// Add adds the number under its key unless there is one, which it returns.
func (x *Index) Add(o *Owner, key string, number uint64, of func(uint64) string) (there uint64, found bool) {
	at, added := x.enter(o, Rank(key), key, number, of)
	return *at, !added
}

// Delete removes the number of that key and tells whether there was one.
func (x *Index) Delete(o *Owner, key string, of func(uint64) string) bool {
	return x.delete(o, Rank(key), key, of)
}

// Prefixed yields, in order, the numbers whose key starts with prefix.
func (x *Index) Prefixed(prefix string, of func(uint64) string) iter.Seq[uint64] {
	return x.prefixed(prefix, of)
}
