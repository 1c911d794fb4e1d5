package cluster

import (
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
	"github.com/nomadlike/nomadlike/server/applier"
	"github.com/nomadlike/nomadlike/server/worker"
)

const (
	// stateWait is how long a worker waits for its server to catch up.
	stateWait = 5 * time.Second
	// thinkMin and thinkMax are how long scheduling takes: what the scheduler
	// saw is older than what the plan meets.
	thinkMin = 200 * time.Microsecond
	thinkMax = 20 * time.Millisecond
	// answerMax is how long a worker waits for an answer that was lost.
	answerMax = 5 * time.Second
)

// simWorker is a worker of a server: it takes an evaluation, waits for the
// state, has a plan made, and submits it, until the delivery is over.
type simWorker struct {
	l     *life
	id    int
	job   *worker.Delivery
	state bool // it waits for the state
	turn  int  // tells old answers from new ones
}

// assign hands ready evaluations to idle workers: those here first, then those
// of other servers.
func (l *life) assign() {
	for _, w := range l.workers {
		if w.job == nil && !l.hand(w) {
			return
		}
	}
	for _, s := range l.s.c.servers {
		if s == l.s || s.life == nil || !l.s.c.net.Both(place(l.s.id), place(s.id)) {
			continue
		}
		for _, w := range s.life.workers {
			if w.job == nil && !l.hand(w) {
				return
			}
		}
	}
}

// hand gives a worker an evaluation, if one is ready. One that is lost on the
// way is taken back when its time is up.
func (l *life) hand(w *simWorker) bool {
	e, token, index := l.broker.Take(worker.AllTypes())
	if e == nil {
		return false
	}
	d := worker.NewDelivery(e, token, index)
	if w.l == l {
		w.begin(d)
		return true
	}
	w.job = d // it asks for no other until the answer is there, or late
	w.turn++
	turn, arrived := w.turn, false
	l.s.c.net.Once(place(l.s.id), place(w.l.s.id), func() {
		if w.job == d && w.turn == turn && !arrived && !w.l.dead() {
			arrived = true
			w.begin(d)
		}
	})
	l.s.c.w.After(answerMax, func() {
		if w.job == d && w.turn == turn && !arrived {
			w.job = nil
		}
	})
	return true
}

func (w *simWorker) begin(d *worker.Delivery) {
	w.job = d
	w.next()
}

// next goes on with the delivery.
func (w *simWorker) next() {
	over, done := w.job.Over()
	switch {
	case done:
		w.end(true)
	case over:
		w.submit(w.job.GiveUp(&w.l.work, w.l.store.Snapshot()), func(*nl.PlanResult) { w.end(true) })
	default:
		w.wait()
	}
}

// wait waits until the state is new enough.
func (w *simWorker) wait() {
	w.state = true
	w.turn++
	turn := w.turn
	w.l.s.c.w.After(stateWait, func() {
		if w.turn == turn && w.state && !w.l.dead() {
			w.end(false)
		}
	})
	w.look()
}

// look begins to schedule if the state is new enough by now.
func (w *simWorker) look() {
	if !w.state || w.l.store.Snapshot().Index() < w.job.Index {
		return
	}
	w.state = false
	w.turn++
	plan, err := w.job.Plan(&w.l.work, w.l.store.Snapshot())
	if err != nil {
		w.l.s.c.w.Tracef("server %d worker %d cannot schedule %s: %v", w.l.s.id, w.id, w.job.Eval.JobID, err)
		w.end(false)
		return
	}
	r := w.l.s.random
	w.l.s.c.w.After(thinkMin+time.Duration(r.Int64N(int64(thinkMax-thinkMin))), func() {
		if !w.l.dead() {
			w.submit(plan, func(r *nl.PlanResult) {
				w.job.Committed(r)
				w.next()
			})
		}
	})
}

// submit brings a plan to the applier of the leader.
func (w *simWorker) submit(plan *nl.Plan, then func(*nl.PlanResult)) {
	w.turn++
	turn := w.turn
	answer := func(r *nl.PlanResult, err error) {
		if w.turn != turn || w.l.dead() {
			return
		}
		w.turn++
		if err != nil {
			w.end(false)
			return
		}
		then(r)
	}
	c := w.l.s.c
	if w.l.leads() {
		w.l.enqueue(plan, answer)
		return
	}
	c.w.After(answerMax, func() { answer(nil, errLost) })
	leader := c.log.leader
	if leader < 0 {
		return
	}
	data, err := wire.Encode(plan)
	c.must(err)
	c.net.Once(place(w.l.s.id), place(leader), func() {
		to := c.servers[leader].life
		if to == nil || !to.leads() {
			return
		}
		remote := &nl.Plan{}
		c.must(wire.Decode(data, remote))
		applier.AttachJobs(to.store.Snapshot(), remote)
		to.enqueue(remote, func(r *nl.PlanResult, err error) {
			c.net.Once(place(leader), place(w.l.s.id), func() { answer(r, err) })
		})
	})
}

func (l *life) enqueue(plan *nl.Plan, done func(*nl.PlanResult, error)) {
	if err := l.plans.Enqueue(plan, done); err != nil {
		done(nil, err)
	}
	l.touch()
}

// end tells the broker how the delivery ended. Should that not arrive, the
// broker takes the evaluation back by itself.
func (w *simWorker) end(ack bool) {
	d := w.job
	w.job, w.state = nil, false
	w.turn++
	c := w.l.s.c
	settle := func(to *life) {
		var err error
		if ack {
			err = to.broker.Ack(d.Eval.ID, d.Token)
		} else {
			err = to.broker.Nack(d.Eval.ID, d.Token)
		}
		if err != nil {
			c.w.Tracef("server %d worker %d: %v", w.l.s.id, w.id, err)
		}
		to.touch()
	}
	if w.l.leads() {
		settle(w.l)
		return
	}
	if leader := c.log.leader; leader >= 0 {
		c.net.Once(place(w.l.s.id), place(leader), func() {
			if to := c.servers[leader].life; to != nil && to.leads() {
				settle(to)
			}
		})
	}
	w.l.touch()
	c.touchLeader()
}
