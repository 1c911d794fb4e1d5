package consensus

import (
	"sync"
	"unsafe"

	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// proposals are the ops that this server has proposed and that are not applied
// yet, by the bytes that stand for them in the log. The library hands the same
// bytes back when it applies them on the leader, and what was encoded a moment
// ago need not be decoded. Only the kinds that make up most of the log are
// held: for those, that the state becomes the same either way is tested.
type proposals struct {
	mu  sync.Mutex
	ops map[*byte]op.Op
}

// hold remembers an op until release is called. Nobody may change it, or data.
func (p *proposals) hold(data []byte, o op.Op) (release func()) {
	if !held(o) {
		return func() {}
	}
	at := unsafe.SliceData(data)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ops == nil {
		p.ops = map[*byte]op.Op{}
	}
	p.ops[at] = o
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.ops, at)
	}
}

func held(o op.Op) bool {
	switch o := o.(type) {
	case *op.ApplyPlans, *op.UpdateAllocs:
		return true
	case *op.Batch:
		for _, one := range o.Ops {
			if _, ok := one.(*op.UpdateAllocs); !ok {
				return false
			}
		}
		return true
	}
	return false
}

// decode is the op that data stands for.
func (p *proposals) decode(data []byte) (op.Op, error) {
	p.mu.Lock()
	o := p.ops[unsafe.SliceData(data)]
	p.mu.Unlock()
	if o != nil {
		return o, nil
	}
	return wire.DecodeOp(data)
}
