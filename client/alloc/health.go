package alloc

import (
	"fmt"
	"time"

	"github.com/nomadlike/nomadlike/client/task"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// How the health of an allocation is found out.
const (
	healthChecks = "checks"
	healthManual = "manual"
)

// HealthRules say when an allocation counts as healthy.
type HealthRules struct {
	UseChecks  bool
	MinHealthy time.Duration
	Deadline   time.Duration
}

// RulesOf finds the rules for an allocation: those of its deployment, or those
// of migration for a service that belongs to none. ok is false when nobody
// waits for its health, or finds it out by other means.
func RulesOf(a *nl.Alloc, g *nl.Group) (rules HealthRules, ok bool) {
	switch {
	case a.DeploymentID != "" && g.Update != nil:
		u := g.Update
		return HealthRules{UseChecks: u.HealthCheck == healthChecks, MinHealthy: u.MinHealthyTime, Deadline: u.HealthyDeadline},
			u.HealthCheck != healthManual
	case a.DeploymentID == "" && a.Job.Type == nl.JobTypeService && g.Migrate != nil:
		m := g.Migrate
		return HealthRules{UseChecks: m.HealthCheck == healthChecks, MinHealthy: m.MinHealthyTime, Deadline: m.HealthyDeadline}, true
	}
	return HealthRules{}, false
}

// Health follows an allocation until it is known to be healthy or not.
type Health struct {
	Rules HealthRules
	Began time.Time // the deadline counts from here

	passingSince time.Time // all checks pass
}

// Verdict is what is known.
type Verdict struct {
	Known   bool
	Healthy bool
	Reason  string    // why it is unhealthy, in the words of the event
	Wake    time.Time // when to look again, if nothing happens before; zero: never
}

// Step looks at the tasks, and at the checks: total are declared, passing pass.
func (h *Health) Step(now time.Time, tasks []*task.Machine, total, passing int) Verdict {
	deadline := h.Began.Add(h.Rules.Deadline)
	since, waiting, failed := tasksSince(tasks)
	if failed != "" {
		return Verdict{Known: true, Reason: failed}
	}
	if !h.Rules.UseChecks || total == 0 {
		h.passingSince = time.Time{}
	} else if passing < total {
		h.passingSince = time.Time{}
		if waiting == "" {
			waiting = fmt.Sprintf("%d of %d checks are not passing by healthy_deadline of %v", total-passing, total, h.Rules.Deadline)
		}
	} else if h.passingSince.IsZero() {
		h.passingSince = now
	}
	if waiting != "" {
		return late(now, deadline, waiting)
	}
	// What ran before anybody asked must show itself again: an allocation that
	// was updated in place is healthy only after min_healthy_time.
	for _, t := range []time.Time{h.Began, h.passingSince} {
		if t.After(since) {
			since = t
		}
	}
	ripe := since.Add(h.Rules.MinHealthy)
	switch {
	case !now.Before(ripe):
		return Verdict{Known: true, Healthy: true}
	case ripe.Before(deadline) && now.Before(deadline):
		return Verdict{Wake: ripe}
	}
	return late(now, deadline, fmt.Sprintf("Task not running for min_healthy_time of %v by healthy_deadline of %v", h.Rules.MinHealthy, h.Rules.Deadline))
}

// late is the verdict about an allocation that lacks something: it has until
// its deadline.
func late(now, deadline time.Time, reason string) Verdict {
	if now.Before(deadline) {
		return Verdict{Wake: deadline}
	}
	return Verdict{Known: true, Reason: reason}
}

// tasksSince is when the last task that had to start did. waiting says what is
// still missing, failed what can never come.
func tasksSince(tasks []*task.Machine) (since time.Time, waiting, failed string) {
	for _, t := range tasks {
		if t.Spec.Hook == task.HookPoststop {
			continue
		}
		once := t.Spec.Hook != "" && !t.Spec.Sidecar
		switch {
		case t.Dead() && t.State.Failed:
			return since, "", "Unhealthy because of failed task"
		case t.Dead() && !once:
			return since, "", "Unhealthy because of dead task"
		case t.Dead() || t.Running() && !once || t.Running() && t.Spec.Hook == task.HookPoststart:
			if t.State.StartedAt.After(since) {
				since = t.State.StartedAt.Time
			}
		default:
			waiting = "Task not running by deadline"
		}
	}
	return since, waiting, ""
}

// checkRestart decides when failing checks restart a task.
type checkRestart struct {
	grace     time.Time // failures before do not count
	unhealthy time.Time // since when the check has failed; zero: it has not
}

// step takes one result and tells whether the task is to be restarted now.
func (c *checkRestart) step(now time.Time, rule *nl.CheckRestart, interval time.Duration, failing bool) bool {
	if !failing || now.Before(c.grace) {
		c.unhealthy = time.Time{}
		return false
	}
	if c.unhealthy.IsZero() {
		c.unhealthy = now
	}
	if now.Sub(c.unhealthy) < interval*time.Duration(rule.Limit-1) {
		return false
	}
	c.unhealthy, c.grace = time.Time{}, now.Add(rule.Grace)
	return true
}
