package session

import (
	"math/bits"
	"sync"
)

const (
	// outBytesFirst is what a buffer to write from begins with, and outGrowth by
	// how much it grows at least, copying what is in it.
	outBytesFirst = 16 << 10
	outGrowth     = 4
	// messageBytesFirst is what a buffer for one message begins with.
	messageBytesFirst = 4 << 10
	// bufferBytesMax is the largest of these buffers that is kept for the next
	// who needs one.
	bufferBytesMax = 4 * outBytesMax
	// A message comes in a buffer of at least 1<<arrivalBitsMin bytes, and there
	// are arrivalSteps sizes up to twice that, and so on: one that waits to be read
	// takes little more room than it counts. The largest holds all that a frame
	// carries; messages of several frames are seldom, and have memory of their own.
	arrivalBitsMin = 7
	arrivalBitsMax = 16
	arrivalSteps   = 1 << arrivalStepBits
	// arrivalStepBits are the bits that tell one step from another.
	arrivalStepBits = 2
)

// The largest buffer holds a frame.
const _ = uint(1<<arrivalBitsMax - frameBytesMax)

// outs are the buffers to write from, messages those that a message is made in,
// and arrivals those that messages come in. All sessions share them: a server
// has one with each of thousands of nodes, and few of them are sent anything at
// a time.
var (
	outs     = pool{sync.Pool{New: func() any { return &buffer{b: make([]byte, 0, outBytesFirst)} }}}
	messages = pool{sync.Pool{New: func() any { return &buffer{b: make([]byte, 0, messageBytesFirst)} }}}
	arrivals sizedPool
)

// buffer is memory that messages use one after the other.
type buffer struct{ b []byte }

// grow makes room for so many bytes more.
func (b *buffer) grow(n int) {
	if need := len(b.b) + n; need > cap(b.b) {
		b.b = append(make([]byte, 0, max(need, outGrowth*cap(b.b))), b.b...)
	}
}

// pool is buffers that grow as they need.
type pool struct{ sync.Pool }

func (p *pool) get() *buffer { return p.Get().(*buffer) }

func (p *pool) put(b *buffer) {
	if cap(b.b) <= bufferBytesMax {
		b.b = b.b[:0]
		p.Put(b)
	}
}

// sizedPool is buffers of a size, by the size.
type sizedPool [(arrivalBitsMax-arrivalBitsMin)*arrivalSteps + 1]sync.Pool

// arrivalSize is the size of the buffer that n bytes lie in, and its place among
// the sizes.
func arrivalSize(n int) (size, at int) {
	if n <= 1<<arrivalBitsMin {
		return 1 << arrivalBitsMin, 0
	}
	last := uint(n - 1)
	doublings := bits.Len(last) - 1 - arrivalBitsMin
	unit := arrivalBitsMin + doublings - arrivalStepBits // its bits
	step := int(last>>unit) - arrivalSteps
	return (arrivalSteps + step + 1) << unit, doublings*arrivalSteps + step + 1
}

// get is a buffer that n bytes lie in, 1<<arrivalBitsMax at most.
func (p *sizedPool) get(n int) *buffer {
	size, at := arrivalSize(n)
	if b, ok := p[at].Get().(*buffer); ok {
		b.b = b.b[:n]
		return b
	}
	return &buffer{b: make([]byte, n, size)}
}

// put takes a buffer of get back; nobody may look at its bytes any more.
func (p *sizedPool) put(b *buffer) {
	b.b = b.b[:cap(b.b)]
	if scribble {
		for i := range b.b {
			b.b[i] = 0xdb
		}
	}
	_, at := arrivalSize(len(b.b))
	p[at].Put(b)
}
