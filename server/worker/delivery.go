package worker

import (
	"slices"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// Delivery is one evaluation in the hands of a worker: what the worker decides
// about it, without the waiting. As long as it is not over, whoever drives it
// gets a state at least as new as Index, has it make a Plan, submits that, and
// tells Committed what came of it. When it is over without success, GiveUp is
// the last plan.
type Delivery struct {
	Eval  *nl.Eval
	Token string
	Index uint64 // how new the state must be
	// Busy tells which nodes other plans that are on their way use; nil: nobody knows.
	Busy func() []string

	attempts, limit, rounds int
	done                    bool
	// refused are the nodes that rejected the last plan, or all since one led to
	// something.
	refused []string
}

// NewDelivery begins with what a broker handed out.
func NewDelivery(e *nl.Eval, token string, index uint64) *Delivery {
	return &Delivery{Eval: e, Token: token, Index: index, limit: sched.Attempts(e.Type)}
}

// Over tells that no more plans are to be made: either everything that can be
// placed is committed, which done tells, or the attempts are used up.
func (d *Delivery) Over() (over, done bool) {
	return d.done || d.attempts >= d.limit || d.rounds >= roundsMax, d.done
}

// Plan lets the scheduler decide on a state.
func (d *Delivery) Plan(cfg *Config, s *store.Snapshot) (*nl.Plan, error) {
	d.rounds++
	in := d.input(cfg, s)
	out, err := cfg.Schedule(s, d.Eval, in)
	cfg.Observe("worker.invoke_scheduler_"+d.Eval.Type, cfg.Now().Sub(in.Now))
	if err != nil {
		return nil, err
	}
	plan := out.Plan
	plan.EvalID, plan.EvalToken, plan.SnapshotIndex = d.Eval.ID, d.Token, s.Index()
	if plan.Priority == 0 {
		plan.Priority = d.Eval.Priority
	}
	return plan, nil
}

// Committed takes what came of the last plan. An attempt that led to something
// does not count.
func (d *Delivery) Committed(r *nl.PlanResult) {
	if r.Full() {
		d.done = true
		return
	}
	d.attempts++
	if r.Index > 0 {
		d.attempts, d.refused = 0, nil
	}
	d.refused = append(d.refused, r.RejectedNodes...)
	d.Index = max(d.Index, r.RefreshIndex)
}

// GiveUp is a plan that writes what becomes of an evaluation whose plans kept
// being rejected.
func (d *Delivery) GiveUp(cfg *Config, s *store.Snapshot) *nl.Plan {
	last := d.Eval.Copy()
	last.SnapshotIndex = s.Index() // what happened until now needs no other try
	return &nl.Plan{
		EvalID: d.Eval.ID, EvalToken: d.Token, Priority: d.Eval.Priority, SnapshotIndex: s.Index(),
		Evals: cfg.Exhausted(last, d.input(cfg, s), d.limit),
	}
}

func (d *Delivery) input(cfg *Config, s *store.Snapshot) sched.Input {
	start := cfg.Now()
	refused := d.refused
	if len(refused) > 0 && d.Busy != nil {
		refused = slices.Concat(refused, d.Busy())
	}
	return sched.Input{
		Now: start, NewID: cfg.NewID, Seed: seed(d.Eval.ID, s.Index()), Refused: refused, Annotate: true,
		Elapsed: func() time.Duration { return cfg.Now().Sub(start) },
	}
}

// seed makes the order in which the scheduler looks at nodes differ between
// evaluations and between the attempts of one (FNV-1a over ID and index).
func seed(evalID string, index uint64) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for _, b := range []byte(evalID) {
		h = (h ^ uint64(b)) * prime
	}
	for shift := 0; shift < 64; shift += 8 {
		h = (h ^ (index >> shift & 0xff)) * prime
	}
	return h
}
