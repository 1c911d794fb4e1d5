package broker

import (
	"context"
	"fmt"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/server/broker/blocked"
	"github.com/nomadlike/nomadlike/server/broker/queue"
)

const (
	// ReapDelay lets what is written off gather into one entry of the log; it is
	// not part of any path that somebody waits for.
	ReapDelay = 250 * time.Millisecond
	// reapBatch bounds one such entry, in evaluations.
	reapBatch = 728
	// followUpMin and followUpSpread say when a job is looked at again whose
	// evaluation failed: far enough apart not to repeat an overload.
	followUpMin    = time.Minute
	followUpSpread = 5 * time.Minute
)

// Due tells whether there is something to write off.
func (b *Broker) Due() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.queue.Due() || b.blocked.Due()
}

// WriteOff writes what failed or was superseded, until nothing is left. Run
// does it for those that call Run.
func (b *Broker) WriteOff(ctx context.Context) {
	for {
		evals := b.takeReaped()
		if len(evals) == 0 {
			return
		}
		if err := b.cfg.Write(ctx, evals); err != nil {
			// Leadership was lost, most likely: the next leader finds the
			// evaluations as they were. If not, the next rebuild does.
			b.cfg.Logger.Warn("could not write off evaluations", "count", len(evals), "error", err)
			return
		}
	}
}

// takeReaped gives one batch of evaluations in the form to be written.
func (b *Broker) takeReaped() []*nl.Eval {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.leader {
		return nil
	}
	now, s := b.cfg.Now(), b.cfg.Store.Snapshot()
	var out []*nl.Eval
	cancel := func(e *nl.Eval, why string) {
		// It may have ended by a write of somebody else meanwhile.
		if e = s.Eval(e.ID); e != nil && !e.Terminal() {
			out = append(out, ended(now, e, nl.EvalStatusCancelled, why))
		}
	}
	for _, e := range b.queue.TakeFailed() {
		out = append(out, b.failed(now, e)...)
	}
	for _, e := range b.queue.TakeSuperseded(reapBatch) {
		cancel(e, "cancelled after more recent eval was processed")
	}
	for _, e := range b.blocked.TakeExcess(reapBatch) {
		cancel(e, fmt.Sprintf("existing blocked evaluation exists for job %q", e.JobID))
	}
	return out
}

// failed ends an evaluation that no delivery could finish, and gives its job
// another one later.
func (b *Broker) failed(now time.Time, e *nl.Eval) []*nl.Eval {
	limit := b.cfg.Queue.DeliveryLimit
	if limit == 0 {
		limit = queue.DeliveryLimit
	}
	wait := followUpMin + time.Duration(b.cfg.Jitter()*float64(followUpSpread))
	f := ended(now, e, nl.EvalStatusFailed, fmt.Sprintf("evaluation reached delivery limit (%d)", limit))
	next := &nl.Eval{
		ID: b.cfg.NewID(), Namespace: e.Namespace, Priority: e.Priority, Type: e.Type,
		TriggeredBy: nl.TriggerFailedFollowUp, JobID: e.JobID, JobModifyIndex: e.JobModifyIndex,
		Status: nl.EvalStatusPending, Wait: wait, PreviousEval: e.ID,
		CreateTime: now.UnixNano(), ModifyTime: now.UnixNano(),
	}
	f.NextEval = next.ID
	return []*nl.Eval{f, next}
}

// ended is a copy of e in its last state.
func ended(now time.Time, e *nl.Eval, status, why string) *nl.Eval {
	c := *e
	c.Status, c.StatusDescription, c.ModifyTime = status, why, now.UnixNano()
	return &c
}

// Stats is what metrics and the agent's own description show.
type Stats struct {
	Enabled bool
	Queue   queue.Stats
	Blocked blocked.Stats
	// Shares are where namespaces stand while batch work is shared fairly.
	Shares []queue.Share
}

// Stats counts what the broker holds.
func (b *Broker) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Stats{Enabled: b.leader && !b.paused, Queue: b.queue.Stats(), Blocked: b.blocked.Stats(), Shares: b.queue.Shares()}
}

// Waiting lists the evaluations that wait for a time.
func (b *Broker) Waiting() []*nl.Eval {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.queue.Waiting()
}

// BlockedEvals lists the evaluations that wait for room, oldest first.
func (b *Broker) BlockedEvals() []*nl.Eval {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.blocked.Evals()
}
