package wire

import "sync"

// bufferMax is the largest buffer that is kept for later use, in bytes: the
// entry of a large plan fits, the whole of a snapshot does not.
const bufferMax = 4 << 20

// buffers are bytes to write to that others have written to before. The zero
// value is ready; any number of goroutines may use it.
type buffers struct{ pool sync.Pool }

// get is a buffer, whose bytes mean nothing.
func (p *buffers) get() *[]byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return b
	}
	return new([]byte)
}

// put takes a buffer back; nobody may read what was in it any more.
func (p *buffers) put(b *[]byte) {
	if cap(*b) <= bufferMax {
		p.pool.Put(b)
	}
}
