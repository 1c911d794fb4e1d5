// Package queue decides which evaluation is worked on next. It is the pure
// core of the evaluation broker: it has no clock, lock, goroutine or
// randomness; times and delivery tokens are arguments. Package broker wraps it.
//
// Delivery is at least once: what is taken must be acknowledged with the token
// it came with, or it is delivered again. One evaluation of a job is ready or
// taken at a time; the others wait behind it, and when it is acknowledged only
// the newest of them goes on: a run looks at the whole job, so the older ones
// have nothing left to say and are superseded.
package queue

import (
	"slices"
	"strings"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Defaults of Config.
const (
	NackTimeout     = 60 * time.Second // longest a worker may hold an evaluation in silence
	DeliveryLimit   = 3                // deliveries before an evaluation counts as failed
	NackDelayFirst  = time.Second      // wait after the first refusal, which is often a passing fault
	NackDelayFactor = 20 * time.Second // wait after the nth refusal is n-1 times this
)

// Config bounds deliveries. Zero fields take the defaults above.
type Config struct {
	NackTimeout   time.Duration
	DeliveryLimit int
}

// state is where an entry is in its life.
type state uint8

const (
	waiting state = iota // for a time
	pending              // behind another evaluation of its job
	ready                // for a worker
	unacked              // with a worker
	failed               // delivered too often, to be written off
)

// entry is one evaluation in the queue.
type entry struct {
	eval       *nl.Eval
	state      state
	token      string    // of the delivery, while unacked
	deliveries int       // so far
	due        time.Time // while waiting or unacked: when that ends
	since      time.Time // when it became ready
	waited     bool      // its Wait has passed
	again      *nl.Eval  // a form that came in while unacked, to be queued afterwards
	done       bool      // the evaluation ended while unacked

	in *pile // the heap that holds it, nil for none
	at int   // its place there

	// What its namespace is charged with while unacked; see fair.
	asks          Work
	waitedForRoom bool
}

// key names a job.
type key struct{ namespace, id string }

// line is the queue of one job.
type line struct {
	active *entry // ready, unacked, failed, or waiting for its redelivery
	behind *pile
}

// Queue holds evaluations. It is not safe for concurrent use.
type Queue struct {
	cfg        Config
	entries    map[string]*entry // by evaluation ID
	ready      map[string]*pile  // by evaluation type
	fair       *fair             // batch work, nil while it is not shared
	jobs       map[key]*line
	timed      *pile      // waiting and unacked, by due
	failed     []*nl.Eval // not taken by TakeFailed yet
	superseded []*nl.Eval
}

// New makes an empty queue.
func New(cfg Config) *Queue {
	if cfg.NackTimeout == 0 {
		cfg.NackTimeout = NackTimeout
	}
	if cfg.DeliveryLimit == 0 {
		cfg.DeliveryLimit = DeliveryLimit
	}
	return &Queue{
		cfg:     cfg,
		entries: map[string]*entry{},
		ready:   map[string]*pile{},
		jobs:    map[key]*line{},
		timed:   newPile(earliest),
	}
}

// Enqueue takes an evaluation to be worked on, or a newer form of one that it
// has: while that one is with a worker, the new form is delivered afterwards.
func (q *Queue) Enqueue(now time.Time, e *nl.Eval) {
	if x := q.entries[e.ID]; x != nil {
		if x.state == unacked {
			x.again = e
			return
		}
		if x.state == failed {
			return // it is being written off
		}
		q.detach(x)
		x.eval = e
		q.place(now, x)
		return
	}
	x := &entry{eval: e}
	q.entries[e.ID] = x
	q.place(now, x)
}

// Done takes out an evaluation that has ended or is gone. One that is with a
// worker leaves when it is given back.
func (q *Queue) Done(now time.Time, id string) {
	x := q.entries[id]
	if x == nil {
		return
	}
	if x.state == unacked {
		x.done, x.again = true, nil
		return
	}
	q.drop(now, x)
}

// Dequeue gives the most urgent evaluation of one of the types, nil when there
// is none. token names the delivery.
func (q *Queue) Dequeue(now time.Time, types []string, token func() string) (*nl.Eval, string) {
	var best *entry
	for _, t := range types {
		if x := q.head(t); x != nil && (best == nil || q.before(x, best)) {
			best = x
		}
	}
	if best == nil {
		return nil, ""
	}
	q.detach(best)
	if q.fair != nil && shared(best.eval.Type) {
		q.fair.deliver(best)
	}
	best.state, best.token = unacked, token()
	best.deliveries++
	best.due = now.Add(q.cfg.NackTimeout)
	q.timed.push(best)
	return best.eval, best.token
}

// head is the evaluation of a type that is next, nil when there is none.
func (q *Queue) head(evalType string) *entry {
	if q.fair != nil && shared(evalType) {
		return q.fair.head(evalType)
	}
	if p := q.ready[evalType]; p != nil {
		return p.head()
	}
	return nil
}

// before tells whether x goes before y, each the next of its type.
func (q *Queue) before(x, y *entry) bool {
	if q.fair != nil && shared(x.eval.Type) && shared(y.eval.Type) {
		return q.fair.before(x, y)
	}
	return urgent(x, y)
}

// Ack says that an evaluation is finished.
func (q *Queue) Ack(now time.Time, id, token string) error {
	x, err := q.held(id, token)
	if err != nil {
		return err
	}
	q.finish(now, x)
	return nil
}

// Nack gives an evaluation back: it is delivered again after a while, unless
// that has happened too often.
func (q *Queue) Nack(now time.Time, id, token string) error {
	x, err := q.held(id, token)
	if err != nil {
		return err
	}
	q.refuse(now, x)
	return nil
}

// Return gives an evaluation back that nobody looked at; the delivery does not
// count.
func (q *Queue) Return(now time.Time, id, token string) {
	x, err := q.held(id, token)
	if err != nil {
		return
	}
	if x.done {
		q.finish(now, x)
		return
	}
	q.detach(x)
	x.token = ""
	x.deliveries--
	x.eval, x.again = x.newestForm(), nil
	q.makeReady(now, x)
}

// Touch starts the time a worker has for an evaluation anew.
func (q *Queue) Touch(now time.Time, id, token string) error {
	x, err := q.held(id, token)
	if err != nil {
		return err
	}
	q.timed.remove(x)
	x.due = now.Add(q.cfg.NackTimeout)
	q.timed.push(x)
	return nil
}

// Outstanding tells whether the evaluation is with the worker that has token.
func (q *Queue) Outstanding(id, token string) bool {
	_, err := q.held(id, token)
	return err == nil
}

// Tick does what time has made due.
func (q *Queue) Tick(now time.Time) {
	for x := q.timed.dueBy(now); x != nil; x = q.timed.dueBy(now) {
		if x.state == unacked {
			q.refuse(now, x)
			continue
		}
		q.timed.remove(x)
		x.waited = true
		q.admit(now, x)
	}
}

// Wake is when Tick has something to do next, the zero time for never.
func (q *Queue) Wake() time.Time {
	if x := q.timed.head(); x != nil {
		return x.due
	}
	return time.Time{}
}

// Due tells whether TakeFailed or TakeSuperseded have something to give.
func (q *Queue) Due() bool { return len(q.failed)+len(q.superseded) > 0 }

// TakeFailed gives the evaluations that were delivered too often, once. They
// hold their jobs' place until Done.
func (q *Queue) TakeFailed() []*nl.Eval {
	out := q.failed
	q.failed = nil
	return out
}

// TakeSuperseded gives at most limit evaluations that newer ones made
// superfluous, once.
func (q *Queue) TakeSuperseded(limit int) []*nl.Eval {
	n := min(limit, len(q.superseded))
	out := slices.Clone(q.superseded[:n])
	q.superseded = slices.Delete(q.superseded, 0, n)
	return out
}

// held is the entry that is out under token.
func (q *Queue) held(id, token string) (*entry, error) {
	x := q.entries[id]
	if x == nil || x.state != unacked {
		return nil, nl.Errorf(nl.CodeConflict, "evaluation %s is not outstanding: it was given up, finished or never delivered; take another", id)
	}
	if x.token != token {
		return nil, nl.Errorf(nl.CodeConflict, "evaluation %s was delivered again to somebody else: the token is no longer valid; take another", id)
	}
	return x, nil
}

// place puts a new or changed entry where it belongs.
func (q *Queue) place(now time.Time, x *entry) {
	due := x.eval.WaitUntil.Time
	if x.eval.Wait > 0 && !x.waited {
		due = now.Add(x.eval.Wait)
	}
	if due.After(now) {
		x.state, x.due = waiting, due
		q.timed.push(x)
		return
	}
	q.admit(now, x)
}

// admit makes x ready, or lets it wait behind another evaluation of its job.
func (q *Queue) admit(now time.Time, x *entry) {
	l := q.line(x)
	if l == nil {
		q.makeReady(now, x)
		return
	}
	if l.active != nil && l.active != x {
		x.state = pending
		l.behind.push(x)
		return
	}
	l.active = x
	q.makeReady(now, x)
}

func (q *Queue) makeReady(now time.Time, x *entry) {
	x.state, x.since = ready, now
	q.pushReady(x)
}

// pushReady puts a ready entry where workers look.
func (q *Queue) pushReady(x *entry) {
	if q.fair != nil && shared(x.eval.Type) {
		p := q.fair.pile(x)
		p.push(x)
		q.fair.filled(p.lane)
		return
	}
	p := q.ready[x.eval.Type]
	if p == nil {
		p = newPile(urgent)
		q.ready[x.eval.Type] = p
	}
	p.push(x)
}

// line is the queue of x's job, nil when it has no job.
func (q *Queue) line(x *entry) *line {
	if x.eval.JobID == "" {
		return nil
	}
	k := key{x.eval.Namespace, x.eval.JobID}
	l := q.jobs[k]
	if l == nil {
		l = &line{behind: newPile(newest)}
		q.jobs[k] = l
	}
	return l
}

// detach takes x out of the heap that holds it.
func (q *Queue) detach(x *entry) {
	if p := x.in; p != nil {
		p.remove(x)
		if p.lane != nil {
			q.fair.drained(p.lane)
		}
	}
	if q.fair != nil && x.state == unacked {
		q.fair.returned(x)
	}
}

// finish ends a delivery for good.
func (q *Queue) finish(now time.Time, x *entry) {
	again := x.again
	q.detach(x)
	delete(q.entries, x.eval.ID)
	if again != nil {
		y := &entry{eval: again}
		q.entries[again.ID] = y
		if l := q.line(y); l != nil && l.active == x {
			y.state = pending
			l.behind.push(y)
		} else {
			q.place(now, y)
		}
	}
	q.release(now, x)
}

// refuse ends a delivery that led to nothing.
func (q *Queue) refuse(now time.Time, x *entry) {
	if x.done {
		q.finish(now, x)
		return
	}
	q.detach(x)
	x.token = ""
	x.eval, x.again = x.newestForm(), nil
	if x.deliveries >= q.cfg.DeliveryLimit {
		x.state = failed
		q.failed = append(q.failed, x.eval)
		return
	}
	x.state, x.due = waiting, now.Add(nackDelay(x.deliveries))
	q.timed.push(x)
}

// nackDelay is how long the nth refusal keeps an evaluation back.
func nackDelay(n int) time.Duration {
	if n <= 1 {
		return NackDelayFirst
	}
	return time.Duration(n-1) * NackDelayFactor
}

func (x *entry) newestForm() *nl.Eval {
	if x.again != nil {
		return x.again
	}
	return x.eval
}

// drop takes x out of the queue.
func (q *Queue) drop(now time.Time, x *entry) {
	q.detach(x)
	delete(q.entries, x.eval.ID)
	q.failed = slices.DeleteFunc(q.failed, func(e *nl.Eval) bool { return e.ID == x.eval.ID })
	q.release(now, x)
}

// release lets the next evaluation of x's job go on when x held its place, and
// supersedes those behind it.
func (q *Queue) release(now time.Time, x *entry) {
	k := key{x.eval.Namespace, x.eval.JobID}
	l := q.jobs[k]
	if l == nil {
		return
	}
	if l.active == x {
		l.active = nil
		if next := l.behind.pop(); next != nil {
			l.active = next
			q.makeReady(now, next)
		}
		for old := l.behind.pop(); old != nil; old = l.behind.pop() {
			delete(q.entries, old.eval.ID)
			q.superseded = append(q.superseded, old.eval)
		}
	}
	if l.active == nil && l.behind.len() == 0 {
		delete(q.jobs, k)
	}
}

// Stats counts evaluations by where they are.
type Stats struct {
	Ready, Unacked, Pending, Waiting, Superseded, Failed int
	ByType                                               map[string]TypeStats
}

// TypeStats counts the evaluations of one type.
type TypeStats struct{ Ready, Unacked int }

// Stats counts what the queue holds.
func (q *Queue) Stats() Stats {
	s := Stats{ByType: map[string]TypeStats{}, Superseded: len(q.superseded)}
	for _, x := range q.entries {
		t := s.ByType[x.eval.Type]
		switch x.state {
		case ready:
			s.Ready++
			t.Ready++
		case unacked:
			s.Unacked++
			t.Unacked++
		case pending:
			s.Pending++
		case waiting:
			s.Waiting++
		case failed:
			s.Failed++
		}
		s.ByType[x.eval.Type] = t
	}
	return s
}

// Waiting lists the evaluations that wait for a time, by ID.
func (q *Queue) Waiting() []*nl.Eval {
	var out []*nl.Eval
	for _, x := range q.entries {
		if x.state == waiting {
			out = append(out, x.eval)
		}
	}
	slices.SortFunc(out, func(a, b *nl.Eval) int { return strings.Compare(a.ID, b.ID) })
	return out
}
