package wire

import (
	"sync"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// memoMax bounds what a memo holds; then it starts over. What allocations of a
// group are given differs by ports and cores at most.
const memoMax = 1024

// memo remembers what follows from a key and nothing else, so that the many who
// ask for the same do the work once.
type memo[K comparable, V any] struct {
	mu    sync.RWMutex
	known map[K]V
}

func (m *memo[K, V]) get(k K) (V, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	v, found := m.known[k]
	return v, found
}

func (m *memo[K, V]) put(k K, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= memoMax {
		m.known = map[K]V{}
	}
	m.known[k] = v
}

// Resources that allocations were given are shared among them and never
// change: each is encoded once, and equal ones are read once.
var (
	resourceForms encodedResources
	resourcesRead memo[string, *nl.AllocatedResources]
)

type encodedResources struct {
	memo[*nl.AllocatedResources, []byte]
}

// of is the encoded form, not to be changed.
func (e *encodedResources) of(res *nl.AllocatedResources) ([]byte, error) {
	if b, found := e.get(res); found {
		return b, nil
	}
	b, err := Encode(res)
	if err == nil {
		e.put(res, b)
	}
	return b, err
}

// readResources reads the form; errors are the reader's.
func readResources(r *Reader) *nl.AllocatedResources {
	raw := r.raw()
	if r.err != nil {
		return nil
	}
	if known, found := resourcesRead.get(string(raw)); found {
		return known
	}
	one := NewReader(raw)
	out := readItem[nl.AllocatedResources](one)
	if err := one.Close(); err != nil {
		r.fail(err)
		return nil
	}
	if len(raw) <= resourceBytesMax {
		resourcesRead.put(string(raw), out)
	}
	return out
}

// resourceBytesMax is the longest form that is remembered.
const resourceBytesMax = 1024
