package world

import "iter"

// Process is code that waits in its middle. It runs only while somebody lets
// it, and hands control back whenever it waits: there is never more than one
// that runs, and none runs by itself.
type Process struct {
	w     *World
	on    *stack
	ended bool
}

// stack is what processes run on, one after the other: a fresh one would have
// to grow first, every time.
type stack struct {
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
	do    func() // of the process that runs on it; nil: it is idle
}

func newStack() *stack {
	s := &stack{}
	s.next, s.stop = iter.Pull(func(yield func(struct{}) bool) {
		s.yield = yield
		for s.do != nil {
			s.do()
			s.do = nil
			if !yield(struct{}{}) {
				return
			}
		}
	})
	return s
}

// Go runs f until it waits for the first time or ends.
func (w *World) Go(f func()) *Process {
	p := &Process{w: w}
	if n := len(w.idle); n > 0 {
		p.on, w.idle = w.idle[n-1], w.idle[:n-1]
	} else {
		p.on = newStack()
		w.stacks = append(w.stacks, p.on)
	}
	p.on.do = f
	p.Resume()
	return p
}

// Running is the process whose code runs now, nil for none.
func (w *World) Running() *Process { return w.running }

// Resume lets a process that waits go on.
func (p *Process) Resume() {
	if p.ended {
		return
	}
	before := p.w.running
	p.w.running = p
	p.on.next()
	p.w.running = before
	if p.ended = p.on.do == nil; p.ended {
		p.w.idle = append(p.w.idle, p.on)
	}
}

// End ends every process that waits.
func (w *World) End() {
	for _, s := range w.stacks {
		s.stop()
	}
	w.stacks, w.idle = nil, nil
}

// Wait hands control back until Resume. It is called by the process itself.
// False says that the world has ended: the process must end, too.
func (p *Process) Wait() bool { return p.on.yield(struct{}{}) }
