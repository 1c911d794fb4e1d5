package alloc

import (
	"context"
	"time"

	"github.com/nomadlike/nomadlike/client/step/service"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/interp"
)

// finish follows the end of the last task.
func (r *Runner) finish() {
	r.cfg.Host.Services.Deregister(r.services)
	r.services = nil
	r.checks.Stop(nil)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.endedAt.IsZero() {
		r.endedAt = r.cfg.Host.Now()
		close(r.ended)
	}
}

// deregister takes the group's services away and waits the group's delay.
func (r *Runner) deregister(ctx context.Context, noDelay bool) {
	a := r.Alloc()
	g := a.Job.Group(a.TaskGroup)
	r.cfg.Host.Services.Deregister(r.services)
	r.services = nil
	r.checks.Stop(nil)
	delay := time.Duration(0)
	if g.ShutdownDelay != nil && !noDelay {
		delay = *g.ShutdownDelay
	}
	if delay <= 0 {
		r.post(Deregistered{})
		return
	}
	r.after(ctx, delay, Deregistered{})
}

// groupOwner is the group as the owner of its services.
func (r *Runner) groupOwner() *service.Owner {
	a := r.Alloc()
	g := a.Job.Group(a.TaskGroup)
	env := interp.BuildEnv(interp.Input{Alloc: a, Group: g, Task: &nl.Task{}, Node: r.cfg.Host.Node(), Region: r.cfg.Host.Region})
	return &service.Owner{Alloc: a, Node: r.cfg.Host.Node(), Group: g, Replace: env.Replace}
}

func (r *Runner) registerGroup() {
	owner := r.groupOwner()
	if len(owner.Services()) == 0 && len(r.services) == 0 {
		return
	}
	list, err := owner.Registrations()
	if err != nil {
		r.log.Error("services of the group cannot be registered", "error", err)
		return
	}
	have := map[string]bool{}
	var ids, gone []string
	for _, s := range list {
		have[s.ID] = true
		ids = append(ids, s.ID)
	}
	for _, id := range r.services {
		if !have[id] {
			gone = append(gone, id)
		}
	}
	r.services = ids
	r.cfg.Host.Services.Register(list)
	r.cfg.Host.Services.Deregister(gone)
}
