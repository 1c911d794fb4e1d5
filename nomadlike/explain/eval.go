package explain

import (
	"cmp"
	"fmt"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// Eval explains an evaluation, nil when there is none. While it, or the blocked
// one that it made, is open, its job is explained too.
func Eval(s *store.Snapshot, id string, in Input) (*nl.EvalExplanation, error) {
	e := s.Eval(id)
	if e == nil {
		return nil, nil
	}
	x := &nl.EvalExplanation{
		ID: e.ID, JobID: e.JobID, Namespace: e.Namespace, Type: e.Type, TriggeredBy: e.TriggeredBy, Status: e.Status,
		Index: e.SnapshotIndex, Time: nl.Time{Time: in.Now.UTC()},
	}
	placed := evalPlacements(s, x, in)
	for group := range e.FailedTGAllocs {
		if x.Failures == nil {
			x.Failures = map[string]*nl.PlacementFailure{}
		}
		x.Failures[group] = failureOf(e, group)
	}
	j := &subject{s: s, job: s.Job(e.Namespace, e.JobID), in: in}
	x.Reasons = j.follows(e)
	x.Summary = j.evalSummary(e, placed)
	if j.job == nil || !open(s, e) {
		return x, nil
	}
	var err error
	x.Now, err = Job(s, e.Namespace, e.JobID, in)
	return x, err
}

// evalPlacements explains what the evaluation placed and counts it.
func evalPlacements(s *store.Snapshot, x *nl.EvalExplanation, in Input) int {
	most := placedMax
	if in.Nodes {
		most = placedAllMax
	}
	var all []*nl.Alloc
	for a := range s.AllocsByEval(x.ID) {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b *nl.Alloc) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	for _, a := range all[:min(len(all), most)] {
		x.Placed = append(x.Placed, stored(s, a))
	}
	x.PlacedMore = len(all) - len(x.Placed)
	return len(all)
}

// open tells whether something of the evaluation still waits.
func open(s *store.Snapshot, e *nl.Eval) bool {
	if !e.Terminal() {
		return true
	}
	blocked := s.Eval(e.BlockedEval)
	return blocked != nil && !blocked.Terminal()
}

// follows says what led to the evaluation and what it led to.
func (j *subject) follows(e *nl.Eval) []*nl.ExplainReason {
	var out []*nl.ExplainReason
	if !e.Terminal() {
		out = append(out, j.openEval(e))
	}
	for _, link := range [...]struct{ kind, id, text string }{
		{nl.ReasonQueued, e.PreviousEval, "it follows evaluation %s (%s), which is %s"},
		{nl.ReasonBlocked, e.BlockedEval, "what found no place is left to evaluation %s (%s), which is %s"},
		{nl.ReasonDelayed, e.NextEval, "it is followed by evaluation %s (%s), which is %s"},
	} {
		if other := j.s.Eval(link.id); other != nil {
			out = append(out, &nl.ExplainReason{Kind: link.kind, EvalID: other.ID, Until: other.WaitUntil,
				Text: fmt.Sprintf(link.text, short(other.ID), other.TriggeredBy, other.Status)})
		}
	}
	return out
}

func (j *subject) evalSummary(e *nl.Eval, placed int) string {
	failed := 0
	for _, m := range e.FailedTGAllocs {
		failed += m.CoalescedFailures + 1
	}
	switch {
	case !e.Terminal():
		return j.openEval(e).Text
	case e.Status == nl.EvalStatusFailed:
		return "it failed" + because(e.StatusDescription)
	case e.Status == nl.EvalStatusCancelled:
		return "it was canceled" + because(e.StatusDescription)
	case failed > 0:
		return fmt.Sprintf("it placed %s; %d found no place", counted(placed), failed)
	case placed == 0:
		return "there was nothing to place"
	}
	return fmt.Sprintf("it placed %s", counted(placed))
}
