package reconcile

import (
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	// soonMax is how far ahead a replacement is made at once instead of later.
	soonMax = time.Second
	// trackerEventsMax is how many reschedule events are kept without a limit.
	trackerEventsMax = 5
)

// FailTime is when the allocation ended: the last end of a task, else its last
// change.
func FailTime(a *nl.Alloc) time.Time {
	var last time.Time
	for _, t := range a.TaskStates.All() {
		if t.FinishedAt.After(last) {
			last = t.FinishedAt.Time
		}
	}
	if last.IsZero() {
		last = time.Unix(0, a.ModifyTime)
	}
	return last.UTC()
}

// policyOf is the reschedule policy of the allocation's group, nil when it has
// none.
func policyOf(a *nl.Alloc) *nl.ReschedulePolicy {
	if a.Job == nil {
		return nil
	}
	g := a.Job.Group(a.TaskGroup)
	if g == nil {
		return nil
	}
	return g.ReschedulePolicy
}

func events(a *nl.Alloc) []*nl.RescheduleEvent {
	if a.RescheduleTracker() == nil {
		return nil
	}
	return a.RescheduleTracker().Events
}

// NextDelay is how long after its failure an allocation is replaced.
func NextDelay(a *nl.Alloc, p *nl.ReschedulePolicy) time.Duration {
	past := events(a)
	if len(past) == 0 {
		return p.Delay
	}
	delay := p.Delay
	switch last := past[len(past)-1]; p.DelayFunction {
	case "exponential":
		delay = 2 * last.Delay
	case "fibonacci":
		delay = fibonacci(past, p)
	default:
		return p.Delay
	}
	if p.MaxDelay > 0 && delay > p.MaxDelay {
		delay = p.MaxDelay
		if FailTime(a).Sub(time.Unix(0, past[len(past)-1].RescheduleTime)) > delay {
			delay = p.Delay
		}
	}
	return delay
}

// fibonacci is the sum of the last two delays. After a fall from the limit to
// the start the series begins anew.
func fibonacci(past []*nl.RescheduleEvent, p *nl.ReschedulePolicy) time.Duration {
	if len(past) < 2 {
		return p.Delay
	}
	last, before := past[len(past)-1].Delay, past[len(past)-2].Delay
	if before == p.MaxDelay && last == p.Delay {
		return last
	}
	return last + before
}

// eligible tells whether the policy allows another replacement.
func eligible(a *nl.Alloc, p *nl.ReschedulePolicy, failed time.Time) bool {
	if p.Unlimited {
		return true
	}
	if p.Attempts <= 0 {
		return false
	}
	used := 0
	for _, e := range events(a) {
		if failed.Sub(time.Unix(0, e.RescheduleTime)) < p.Interval {
			used++
		}
	}
	return len(events(a)) == 0 || used < p.Attempts && NextDelay(a, p) < p.Interval
}

// Tracker is the tracker of the allocation that replaces a failed one.
func Tracker(a *nl.Alloc, now time.Time) *nl.RescheduleTracker {
	p := policyOf(a)
	t := &nl.RescheduleTracker{}
	past := events(a)
	delay := time.Duration(0)
	if p != nil {
		delay = NextDelay(a, p)
		if p.Unlimited {
			past = past[max(0, len(past)-(trackerEventsMax-1)):]
		} else {
			for len(past) > 0 && FailTime(a).Sub(time.Unix(0, past[0].RescheduleTime)) > p.Interval {
				past = past[1:]
			}
		}
	}
	t.Events = append(append(t.Events, past...), &nl.RescheduleEvent{
		RescheduleTime: now.UnixNano(), PrevAllocID: a.ID, PrevNodeID: a.NodeID, Delay: delay,
	})
	return t
}
