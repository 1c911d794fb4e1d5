package wire

import (
	"bytes"
	"sync"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// textsMax bounds what a Texts remembers; then it starts over. What nodes tell
// of their allocations is mostly the same few sentences.
const textsMax = 4096

// Texts gives equal strings one copy: the store keeps them for every
// allocation. The zero value is ready.
type Texts struct{ strings map[string]string }

// String is the one copy of s.
func (t *Texts) String(s string) string {
	if s == "" {
		return ""
	}
	if known, found := t.strings[s]; found {
		return known
	}
	return t.add(s)
}

// bytes is the one copy of a text.
func (t *Texts) bytes(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if known, found := t.strings[string(b)]; found {
		return known
	}
	return t.add(string(b))
}

func (t *Texts) add(s string) string {
	if t.strings == nil || len(t.strings) >= textsMax {
		t.strings = map[string]string{}
	}
	t.strings[s] = s
	return s
}

// Share replaces the texts of what a node tells by their one copy.
func (t *Texts) Share(u *nl.AllocUpdate) {
	u.ClientStatus, u.ClientDescription = t.String(u.ClientStatus), t.String(u.ClientDescription)
}

// pooledMax bounds what a TextPool remembers; then it starts over. A large
// cluster has so many nodes, evaluations and deployments.
const pooledMax = 1 << 18

// TextPool gives equal texts of many blocks of allocations one copy. The zero
// value is ready, any number of goroutines may use it, and nil shares nothing.
type TextPool struct {
	mu    sync.Mutex
	known map[string]string
}

// texts reads an array of texts.
func (p *TextPool) texts(r *Reader) []string {
	out := make([]string, r.Array())
	if p == nil {
		for i := range out {
			out[i] = r.Text()
		}
		return out
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range out {
		out[i] = p.one(r.text())
	}
	return out
}

// text reads a text.
func (p *TextPool) text(r *Reader) string {
	b := r.text()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.one(b)
}

// one is the one copy of a text. The caller holds the lock.
func (p *TextPool) one(b []byte) string {
	if known, found := p.known[string(b)]; found {
		return known
	}
	s := string(b)
	if p.known == nil || len(p.known) >= pooledMax {
		p.known = map[string]string{}
	}
	p.known[s] = s
	return s
}

const (
	// sharedMax bounds how many strings of bytes a Shared remembers and
	// sharedBytesMax their size together; then it starts over. They are the jobs of
	// a node, or of the many that a simulation has in one process.
	sharedMax      = 4096
	sharedBytesMax = 4 << 20
)

// Shared gives equal strings of bytes one copy, which nobody may change. The
// zero value is ready, and any number of goroutines may use it.
type Shared struct {
	mu    sync.RWMutex
	known map[string][]byte
	size  int
}

// Read reads a string of bytes; null is nil.
func (p *Shared) Read(r *Reader) []byte {
	b := r.bytes()
	if len(b) == 0 {
		return bytes.Clone(b)
	}
	p.mu.RLock()
	known := p.known[string(b)]
	p.mu.RUnlock()
	if known != nil {
		return known
	}
	own := bytes.Clone(b)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || len(p.known) >= sharedMax || p.size+len(own) > sharedBytesMax {
		p.known, p.size = map[string][]byte{}, 0
	}
	if len(own) <= sharedBytesMax {
		p.known[string(own)] = own
		p.size += len(own)
	}
	return own
}
