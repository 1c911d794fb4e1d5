package node

import (
	"crypto/rand"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func TestKey(t *testing.T) {
	for range 100 {
		a, b := nl.NewID(rand.Reader), nl.NewID(rand.Reader)
		ka, ok := keyOf(a)
		kb, both := keyOf(b)
		if !ok || !both || ka.String() != a || (compareKeys(ka, kb) < 0) != (a < b) {
			t.Fatalf("%s: read %v as %v; before %s: %v", a, ok, ka, b, compareKeys(ka, kb) < 0)
		}
	}
	for _, id := range []string{
		"", "a", "6b0c8a5e-0e9c-4c55-9f3e-2a9e6f1d7c3", "6b0c8a5e-0e9c-4c55-9f3e-2a9e6f1d7c311", "6b0c8a5e-0e9c-4c55-9f3e-2a9e6f1d7c3G",
		"6B0c8a5e-0e9c-4c55-9f3e-2a9e6f1d7c31", "6b0c8a5e-0e9c-4c55-9f3e02a9e6f1d7c31", "6b0c8a5e00e9c04c5509f3e02a9e6f1d7c31",
	} {
		if k, ok := keyOf(id); ok {
			t.Errorf("%q: read as %v", id, k)
		}
	}
}
