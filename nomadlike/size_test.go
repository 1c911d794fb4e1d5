package nomadlike

import (
	"testing"
	"unsafe"
)

// A cluster holds millions of allocations: what few of them have belongs into
// AllocHistory.
func TestAllocSize(t *testing.T) {
	const sizeMax = 320 // bytes, a size class of the runtime: one more takes 352
	if size := unsafe.Sizeof(Alloc{}); size > sizeMax {
		t.Errorf("an allocation takes %d bytes, more than %d", size, sizeMax)
	}
}
