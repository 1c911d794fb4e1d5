package alloc

import (
	"context"
	"time"

	"github.com/nomadlike/nomadlike/client/task"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// update takes a newer version of the allocation.
func (r *Runner) update(ctx context.Context, a *nl.Alloc) {
	r.mu.Lock()
	old := r.alloc
	r.alloc = a
	r.mu.Unlock()
	g := a.Job.Group(a.TaskGroup)
	if g == nil {
		g = old.Job.Group(a.TaskGroup)
	}
	for _, m := range r.machine.Tasks {
		if t := g.Task(m.Spec.Name); t != nil {
			m.Spec = task.SpecOf(a.Job, g, t, r.cfg.MaxKillTimeout)
		}
	}
	if a.JobVersion != old.JobVersion || a.DeploymentID != old.DeploymentID {
		r.newVersion(ctx, old, a)
	}
	if st := a.DeploymentStatus; st != nil && st.Healthy != nil && r.health != nil {
		// Somebody else has decided about its health.
		r.mu.Lock()
		r.verdict = st.Healthy
		r.mu.Unlock()
		r.health = nil
	}
	r.record()
	if a.TerminalDesired() && !old.TerminalDesired() {
		r.step(ctx, Stop{NoDelay: a.DesiredTransition().NoShutdownDelay == nl.Yes})
	}
}

// settle is how long after an update in place health begins to be looked at:
// by then services and checks that changed with it have been written.
const settle = 200 * time.Millisecond

func (r *Runner) newVersion(ctx context.Context, old, a *nl.Alloc) {
	for _, s := range r.shells {
		s.Update(a)
	}
	if a.DeploymentID != old.DeploymentID {
		r.mu.Lock()
		r.verdict = nil
		if st := a.DeploymentStatus; st != nil {
			r.verdict = st.Healthy
		}
		r.mu.Unlock()
		if r.sent != nil {
			// What was told about the last deployment says nothing of this one.
			c := *r.sent
			c.DeploymentStatus = nil
			r.sent = &c
		}
		now := r.cfg.Host.Now()
		r.follow(now, now.Add(settle))
	}
	if !r.machine.Terminal() && !r.machine.Stopping() {
		r.registerGroup()
		r.startChecks(ctx)
	}
	r.judge(r.cfg.Host.Now())
	r.report()
}
