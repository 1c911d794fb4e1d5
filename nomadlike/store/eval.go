package store

import (
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func (t *tx) upsertEvals(evals []*nl.Eval) {
	for _, e := range evals {
		t.putEval(e)
	}
}

// putEval creates or replaces an evaluation.
func (t *tx) putEval(e *nl.Eval) {
	if e == nil {
		return
	}
	next := *e
	old := t.Eval(e.ID)
	if old != nil && JobKey(old.Namespace, old.JobID) != JobKey(e.Namespace, e.JobID) {
		t.deleteEval(old) // an ID that was given twice: the later one stands
		old = nil
	}
	row := t.jobRow(next.Namespace, next.JobID)
	t.touch(row)
	next.ModifyIndex = t.index
	if old == nil {
		next.CreateIndex = t.index
		t.evalsCreated.SetRanked(t.owner, next.CreateIndex, name(next.ID))
	} else {
		next.CreateIndex = old.CreateIndex
		if next.CreateTime == 0 {
			next.CreateTime = old.CreateTime
		}
		if !old.Terminal() {
			row.liveEvals--
		}
	}
	if !next.Terminal() {
		row.liveEvals++
	}
	t.evals.Set(t.owner, evalRow{&next})
	row.evals.Set(t.owner, evalRow{&next})
	t.countQueued(row, &next)
	change(t, TableEvals, next.Namespace, next.ID, old, &next)
	if next.Status == nl.EvalStatusComplete && len(next.FailedTGAllocs) == 0 {
		t.cancelBlocked(row, &next)
	}
}

// cancelBlocked ends the blocked evaluations of a job once one has placed
// everything. Jobs with an allocation per node block per node: one of these
// only answers for its own, unless it looked at all.
func (t *tx) cancelBlocked(row *jobRow, done *nl.Eval) {
	if row.liveEvals == 0 {
		return
	}
	perNode := done.Type == nl.JobTypeSystem || done.Type == nl.JobTypeSysBatch
	var blocked []*nl.Eval
	for r := range row.evals.All() {
		if r.Status != nl.EvalStatusBlocked || r.ID == done.ID {
			continue
		}
		if perNode && done.NodeID != "" && r.NodeID != done.NodeID {
			continue
		}
		blocked = append(blocked, r.Eval)
	}
	for _, e := range blocked {
		next := *e
		next.Status = nl.EvalStatusCancelled
		next.StatusDescription = fmt.Sprintf("evaluation %q successful", done.ID)
		next.ModifyTime = done.ModifyTime
		t.putEval(&next)
	}
}

func (t *tx) deleteEval(e *nl.Eval) {
	row := t.jobRow(e.Namespace, e.JobID)
	t.touch(row).collected = true
	t.evals.Delete(t.owner, e.ID)
	t.evalsCreated.DeleteRanked(t.owner, e.CreateIndex, e.ID)
	row.evals.Delete(t.owner, e.ID)
	if !e.Terminal() {
		row.liveEvals--
	}
	change(t, TableEvals, e.Namespace, e.ID, e, nil)
}
