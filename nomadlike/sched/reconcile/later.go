package reconcile

import (
	"slices"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Status descriptions of delayed evaluations, which users see.
const (
	descReschedule = "created for delayed rescheduling"
	descDisconnect = "created for delayed disconnect timeout"
)

// laterWindow is how far apart delayed replacements may be that share one
// evaluation.
const laterWindow = 5 * time.Second

// later is the ID of a delayed evaluation at about that time, made when there
// is none.
func (s *state) later(at time.Time, trigger, description string) string {
	for _, e := range s.out.Later {
		if gap := at.Sub(e.WaitUntil.Time); e.TriggeredBy == trigger && gap >= 0 && gap < laterWindow {
			return e.ID
		}
	}
	now := s.Now.UnixNano()
	e := &nl.Eval{
		ID: s.NewID(), Namespace: s.Namespace, Priority: s.EvalPriority, Type: s.Type,
		TriggeredBy: trigger, JobID: s.ID, JobModifyIndex: s.JobModifyIndex,
		Status: nl.EvalStatusPending, StatusDescription: description,
		WaitUntil: nl.Time{Time: at.UTC()}, PreviousEval: s.EvalID,
		CreateTime: now, ModifyTime: now,
	}
	s.out.Later = append(s.out.Later, e)
	return e.ID
}

// failedAlloc is one that will be replaced later.
type failedAlloc struct {
	a  *nl.Alloc
	at time.Time
}

// failures splits the untainted into those that stay, those to replace now and
// those to replace later, which stay until then. Those that move stay, too.
func (s *state) failures(allocs, moving []*nl.Alloc) (stay, now []*nl.Alloc, later []failedAlloc) {
	done := s.doneTwice(allocs, moving)
	for _, a := range allocs {
		counts, failed := s.standing(a)
		if !counts || done[a.ID] {
			continue
		}
		if !failed {
			stay = append(stay, a)
			continue
		}
		at, may := s.due(a)
		if d := s.deployment; !may && d != nil && d.Active() && a.DeploymentID == d.ID {
			s.held = true
		}
		switch {
		case may && !at.After(s.Now.Add(soonMax)), may && s.retries(a) && s.arrived(a):
			now = append(now, a)
		case may && !s.retries(a):
			stay = append(stay, a)
			later = append(later, failedAlloc{a, at})
		default:
			stay = append(stay, a)
		}
	}
	slices.SortStableFunc(later, func(x, y failedAlloc) int { return x.at.Compare(y.at) })
	return stay, now, later
}

// arrived tells that the evaluation that was to look at the allocation later is
// this one, or is over: another one took its place. That it was handed out counts
// as the time, even if the clock of the server that works on it is behind.
func (s *state) arrived(a *nl.Alloc) bool {
	e := s.Eval(a.FollowupEvalID())
	return e != nil && (e.ID == s.EvalID || e.Terminal())
}

// retries tells whether there is, or was, an evaluation to replace the allocation
// later. One that was to give it up may be noted as well.
func (s *state) retries(a *nl.Alloc) bool {
	e := s.Eval(a.FollowupEvalID())
	return e != nil && e.TriggeredBy == nl.TriggerRetryFailedAlloc
}

// standing tells whether an allocation still counts for its group, and whether
// it failed.
func (s *state) standing(a *nl.Alloc) (counts, failed bool) {
	switch {
	case a.TerminalDesired():
		return s.batch && a.ClientStatus == nl.AllocClientComplete && succeeded(a), false
	case a.ClientStatus == nl.AllocClientFailed:
		return true, true
	case a.ClientStatus == nl.AllocClientComplete:
		return s.batch, false
	case a.ClientStatus == nl.AllocClientLost:
		return false, false
	}
	return true, false
}

// doneTwice are the IDs of allocations of a batch job that were given up and
// ended well all the same, while another one took their name: that one counts.
func (s *state) doneTwice(allocs, moving []*nl.Alloc) map[string]bool {
	var done []*nl.Alloc
	for _, a := range allocs {
		if counts, _ := s.standing(a); counts && a.TerminalDesired() {
			done = append(done, a)
		}
	}
	if len(done) == 0 {
		return nil
	}
	taken, twice := map[string]bool{}, map[string]bool{}
	for _, a := range moving {
		taken[a.Name] = true
	}
	for _, a := range allocs {
		if counts, _ := s.standing(a); counts && !a.TerminalDesired() {
			taken[a.Name] = true
		}
	}
	for _, a := range done {
		twice[a.ID] = taken[a.Name]
		taken[a.Name] = true
	}
	return twice
}

// succeeded tells whether every task of the allocation ended well.
func succeeded(a *nl.Alloc) bool {
	if a.TaskStates.Len() == 0 {
		return false
	}
	for _, t := range a.TaskStates.All() {
		if t.State != nl.TaskStateDead || t.Failed {
			return false
		}
	}
	return true
}

// due is when a failed allocation is to be replaced; may is false when it is
// not. While its deployment runs, the deployment's watcher decides.
func (s *state) due(a *nl.Alloc) (at time.Time, may bool) {
	if a.DesiredTransition().ForceReschedule == nl.Yes {
		return s.Now, true
	}
	d := s.deployment
	if d != nil && a.DeploymentID == d.ID && d.Active() && a.DesiredTransition().Reschedule != nl.Yes {
		return time.Time{}, false
	}
	if d != nil && a.DeploymentID == d.ID && s.failed {
		return time.Time{}, false
	}
	p := policyOf(a)
	if p == nil {
		return time.Time{}, false
	}
	failed := FailTime(a)
	if !eligible(a, p, failed) {
		return time.Time{}, false
	}
	return failed.Add(NextDelay(a, p)), true
}

// rescheduleLater makes the evaluations for later replacements and notes them
// on the allocations.
func (r *round) rescheduleLater() {
	for _, f := range r.later {
		r.note(f.a, r.state.later(f.at, nl.TriggerRetryFailedAlloc, descReschedule))
	}
}
