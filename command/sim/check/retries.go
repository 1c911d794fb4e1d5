package check

import (
	"fmt"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// retries: what has failed is replaced no more often than its policy allows,
// unless a user forces it, and its successor knows of every replacement before.
type retries struct{}

func newRetries() Checker { return retries{} }

func (retries) Name() string { return "failed work is replaced as often as allowed" }

func (retries) Observe(ev Event) error {
	applied, ok := ev.(Applied)
	if !ok || !applied.First {
		return nil
	}
	for a := range placements(applied) {
		t := a.RescheduleTracker()
		if t == nil || len(t.Events) == 0 || a.Job == nil {
			continue
		}
		last := t.Events[len(t.Events)-1]
		g := a.Job.Group(a.TaskGroup)
		if g == nil || g.ReschedulePolicy == nil || g.ReschedulePolicy.Unlimited || last.PrevAllocID != a.PreviousAllocation() {
			continue
		}
		before := applied.Snapshot.Alloc(a.PreviousAllocation())
		if before != nil && before.DesiredTransition().ForceReschedule == nl.Yes {
			continue
		}
		p := g.ReschedulePolicy
		used := within(t, last.RescheduleTime, p)
		if used > max(p.Attempts, 1) {
			return fmt.Errorf("allocation %s of job %s is replacement number %d within %v, and %d are allowed", a.ID, a.JobID, used, p.Interval, p.Attempts)
		}
		if before != nil && before.RescheduleTracker() != nil && used <= within(before.RescheduleTracker(), last.RescheduleTime, p) {
			return fmt.Errorf("allocation %s of job %s forgets of a replacement before it", a.ID, a.JobID)
		}
	}
	return nil
}

// within counts the replacements in a policy's interval before a time.
func within(t *nl.RescheduleTracker, at int64, p *nl.ReschedulePolicy) (n int) {
	for _, e := range t.Events {
		if time.Duration(at-e.RescheduleTime) < p.Interval {
			n++
		}
	}
	return n
}
