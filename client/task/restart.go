package task

import (
	"fmt"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Reasons that restart events give. The texts are shown to users.
const (
	reasonWithinPolicy  = "Restart within policy"
	reasonNoRestarts    = "Policy allows no restarts"
	reasonUnrecoverable = "Error was unrecoverable"
	reasonDelayed       = "Exceeded allowed attempts, applying a delay"
)

// restartJitter is the largest part of the delay that is added to it, so that
// tasks that failed together do not start together.
const restartJitter = 0.25

// restartMode of a policy whose attempts are used up.
const restartModeDelay = "delay"

// Restarts counts the restarts of a task inside the policy's interval.
type Restarts struct {
	Count int
	Start time.Time // of the interval
}

// outcome is what follows from the end of a task.
type outcome struct {
	restart bool
	failed  bool
	quiet   bool // no event tells of it: the task simply completed
	reason  string
	delay   time.Duration
}

// ended describes the end of a task to the restart policy.
type ended struct {
	success       bool // exit 0
	unrecoverable bool // it could not even be started, and never will
}

// decide applies the restart policy. onSuccess says whether a task that
// completed is started again; random is uniform in [0, 1).
func (r *Restarts) decide(now time.Time, p *nl.RestartPolicy, onSuccess bool, e ended, random float64) outcome {
	if p == nil {
		p = &nl.RestartPolicy{}
	}
	if p.Attempts == 0 {
		if e.success && !onSuccess {
			return outcome{quiet: true}
		}
		return outcome{failed: true, reason: reasonNoRestarts}
	}
	if r.Start.IsZero() || now.After(r.Start.Add(p.Interval)) {
		r.Count, r.Start = 0, now
	}
	r.Count++
	switch {
	case e.unrecoverable:
		return outcome{failed: true, reason: reasonUnrecoverable}
	case e.success && !onSuccess:
		return outcome{quiet: true}
	case r.Count > p.Attempts && p.Mode == restartModeDelay:
		return outcome{restart: true, reason: reasonDelayed, delay: r.Start.Add(p.Interval).Sub(now)}
	case r.Count > p.Attempts:
		return outcome{failed: true, reason: fmt.Sprintf("Exceeded allowed attempts %d in interval %v and mode is %q", p.Attempts, p.Interval, p.Mode)}
	}
	jitter := time.Duration(float64(p.Delay) * restartJitter * random)
	return outcome{restart: true, reason: reasonWithinPolicy, delay: p.Delay + jitter}
}
