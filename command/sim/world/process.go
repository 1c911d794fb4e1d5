package world

import "iter"

// Process is code that waits in its middle. It runs only while somebody lets
// it, and hands control back whenever it waits: there is never more than one
// that runs, and none runs by itself.
type Process struct {
	w     *World
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
	ended bool
}

// Go runs f until it waits for the first time or ends.
func (w *World) Go(f func()) *Process {
	p := &Process{w: w}
	w.processes[p] = struct{}{}
	p.next, p.stop = iter.Pull(func(yield func(struct{}) bool) {
		p.yield = yield
		f()
	})
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
	_, more := p.next()
	p.w.running = before
	if p.ended = !more; p.ended {
		delete(p.w.processes, p)
	}
}

// End ends every process that waits.
func (w *World) End() {
	for p := range w.processes {
		p.stop()
	}
	clear(w.processes)
}

// Wait hands control back until Resume. It is called by the process itself.
// False says that the world has ended: the process must end, too.
func (p *Process) Wait() bool { return p.yield(struct{}{}) }
