package alloc

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nomadlike/nomadlike/client/step/check"
	"github.com/nomadlike/nomadlike/client/step/service"
	"github.com/nomadlike/nomadlike/client/task"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// startChecks begins the checks of all services of the allocation and ends
// those that an update took away.
func (r *Runner) startChecks(ctx context.Context) {
	a := r.Alloc()
	g := a.Job.Group(a.TaskGroup)
	specs := r.checkSpecs(r.groupOwner())
	for _, t := range g.Tasks {
		if s := r.shells[t.Name]; s != nil && len(t.Services) > 0 {
			specs = append(specs, r.checkSpecs(s.Owner())...)
		}
	}
	var ids []string
	required := map[string]bool{}
	for _, c := range specs {
		ids = append(ids, c.ID)
		if check.Mode(c.Check) == check.ModeHealthiness {
			required[c.ID] = true
		}
	}
	var gone []string
	for id := range r.checks.Results() {
		if !slices.Contains(ids, id) {
			gone = append(gone, id)
		}
	}
	if len(gone) > 0 {
		r.checks.Stop(gone)
	}
	r.required = required
	r.checks.Start(ctx, specs)
}

// checkSpecs fills in the checks of an owner. One whose address cannot be found
// yet is left out: it starts with the next update.
func (r *Runner) checkSpecs(o *service.Owner) []*check.Spec {
	var out []*check.Spec
	owner := ""
	if o.Task != nil {
		owner = o.Task.Name
	}
	for _, s := range o.Services() {
		for _, c := range s.Checks {
			label, mode := c.PortLabel, c.AddressMode
			if label == "" {
				label = s.PortLabel
			}
			if mode == "" {
				mode = s.AddressMode
			}
			addr, port, err := o.Resolve(mode, o.Replace(label), o.Replace(s.Address))
			if err != nil {
				r.log.Warn("check cannot run", "check", c.Name, "error", err)
				continue
			}
			filled := *c
			filled.Path, filled.Body, filled.Name = o.Replace(c.Path), o.Replace(c.Body), o.Replace(c.Name)
			spec := &check.Spec{
				ID: check.ID(r.id, o.Group.Name, owner, c), Alloc: o.Alloc.Name, Task: owner,
				Service: o.Replace(s.Name), Check: &filled, Addr: addr, Port: port, Restarts: owner,
			}
			for _, name := range []string{s.TaskName, c.TaskName} {
				if name != "" {
					spec.Restarts = name
				}
			}
			out = append(out, spec)
		}
	}
	return out
}

// checked takes the result of a check.
func (r *Runner) checked(ctx context.Context, res check.Result) {
	rule := res.Spec.Check.CheckRestart
	if rule != nil && rule.Limit > 0 && res.Spec.Restarts != "" {
		m := r.machine.Task(res.Spec.Restarts)
		state := r.restarts[res.Spec.ID]
		if state == nil {
			state = &checkRestart{}
			r.restarts[res.Spec.ID] = state
		}
		if m != nil && m.Phase == task.PhaseRunning {
			if grace := m.State.StartedAt.Add(rule.Grace); grace.After(state.grace) {
				state.grace = grace
			}
			if state.step(res.At, rule, res.Spec.Check.Interval, res.Status == check.StatusFailure) {
				r.step(ctx, TaskInput{Task: m.Spec.Name, In: task.Restart{
					Reason: fmt.Sprintf("healthcheck: check %q unhealthy", res.Spec.Check.Name), Failure: true,
				}})
				return
			}
		}
	}
	r.judge(res.At)
	r.report()
}

// follow begins to find out the allocation's health, if anybody asks; what was
// before began does not count.
func (r *Runner) follow(now, began time.Time) {
	a := r.Alloc()
	g := a.Job.Group(a.TaskGroup)
	r.health = nil
	if rules, ok := RulesOf(a, g); ok && r.verdict == nil {
		r.health = &Health{Rules: rules, Began: began}
		r.judge(now)
	}
}

// judge looks whether the allocation's health is known now.
func (r *Runner) judge(now time.Time) {
	if r.health == nil || r.machine.Stopping() && !r.machineFailed() {
		return
	}
	passing := 0
	results := r.checks.Results()
	for id := range r.required {
		if res := results[id]; res != nil && res.Status == check.StatusSuccess {
			passing++
		}
	}
	v := r.health.Step(now, r.machine.Tasks, len(r.required), passing)
	if !v.Known {
		if !v.Wake.IsZero() {
			r.schedule(now, v.Wake)
		}
		return
	}
	r.health = nil
	if !v.Healthy {
		for _, m := range r.machine.Tasks {
			if !m.Dead() {
				m.Step(now, task.Tell{Event: task.Message(now, task.EventAllocUnhealthy, v.Reason)})
			}
		}
	}
	healthy := v.Healthy
	r.mu.Lock()
	r.verdict, r.since = &healthy, now
	r.mu.Unlock()
	r.record()
}

func (r *Runner) machineFailed() bool {
	status, _ := r.machine.Status()
	return status == nl.AllocClientFailed
}

// schedule asks for another look at a time, unless one as early is coming.
func (r *Runner) schedule(now, at time.Time) {
	if !r.lookAt.IsZero() && !at.Before(r.lookAt) && r.lookAt.After(now) {
		return
	}
	r.lookAt = at
	if r.lookTimer != nil {
		r.lookTimer.Stop()
	}
	r.lookTimer = time.AfterFunc(at.Sub(now), func() { r.post(tick{}) })
}
