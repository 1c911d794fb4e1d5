package driver

import (
	"io"
	"sync"
)

// inputBytesMax is how much input a command may leave unread before its sender,
// and with it everything else on the stream, has to wait.
const inputBytesMax = 1 << 20

// inputBuffer is a command's standard input on its way from the stream: a pipe
// with room, so that a command that reads nothing still hears of its terminal's
// size.
type inputBuffer struct {
	mu   sync.Mutex
	cond *sync.Cond
	data []byte
	// ended: no more comes. abandoned: nobody reads any more.
	ended     bool
	abandoned bool
}

func newInputBuffer() *inputBuffer {
	b := &inputBuffer{}
	b.cond = sync.NewCond(&b.mu)
	return b
}

// Read implements io.Reader.
func (b *inputBuffer) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.data) == 0 && !b.ended && !b.abandoned {
		b.cond.Wait()
	}
	if len(b.data) == 0 || b.abandoned {
		return 0, io.EOF
	}
	n := copy(p, b.data)
	b.data = b.data[n:]
	b.cond.Broadcast()
	return n, nil
}

// add appends input; after the end it goes nowhere.
func (b *inputBuffer) add(p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.data) >= inputBytesMax && !b.ended && !b.abandoned {
		b.cond.Wait()
	}
	if !b.ended && !b.abandoned {
		b.data = append(b.data, p...)
		b.cond.Broadcast()
	}
}

func (b *inputBuffer) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	b.cond.Broadcast()
}

func (b *inputBuffer) abandon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.abandoned = true
	b.cond.Broadcast()
}
