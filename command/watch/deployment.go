package watch

import (
	"context"
	"fmt"
	"time"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	// deploymentWait is how long one question about a deployment blocks.
	deploymentWait = 2 * time.Second
	// retryFirst, retryMost and retries bound how errors are outlasted: a
	// deployment goes on while servers elect a leader.
	retryFirst = time.Second
	retryMost  = 12 * time.Second
	retries    = 10
	// revertDelay is how long a failed deployment is given to be followed by
	// that of the version it reverts to.
	revertDelay = time.Second
	// explainMax is how many unhealthy allocations a failure names: they mostly
	// fail alike.
	explainMax = 3
)

// Options are how a deployment is followed.
type Options struct {
	Verbose bool
	Wait    time.Duration // 0 is 2 s
}

// Deployment follows a deployment to its end, and the one it reverts to when
// it fails. It returns the status in which the last of them ended.
func Deployment(ctx context.Context, c *meta.Call, id string, o Options) (string, error) {
	client, err := c.Client()
	if err != nil {
		return "", err
	}
	if o.Wait <= 0 {
		o.Wait = deploymentWait
	}
	w := &rollout{call: c, client: client, options: o, screen: newScreen(c.Meta)}
	for {
		d, err := w.follow(ctx, id)
		if err != nil {
			return "", err
		}
		if d.Status == nl.DeploymentStatusFailed {
			w.explain(ctx, d)
		}
		if d.Status != nl.DeploymentStatusFailed || !reverts(d) {
			return d.Status, nil
		}
		next, err := w.revertOf(ctx, d)
		if err != nil || next == "" {
			return d.Status, err
		}
		c.Print("")
		id = next
	}
}

// rollout follows deployments.
type rollout struct {
	call    *meta.Call
	client  *apiclient.Client
	options Options
	screen  *screen
}

// seen is one answer about a deployment.
type seen struct {
	deployment *nl.Deployment
	allocs     []*nl.AllocStub
	err        error
}

// follow shows the deployment until it is over.
func (w *rollout) follow(ctx context.Context, id string) (*nl.Deployment, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	updates := make(chan seen)
	go func() {
		defer close(updates)
		w.ask(ctx, id, updates)
	}()
	defer func() {
		cancel()
		for range updates { // wait for the goroutine
		}
	}()
	tick, stop := w.screen.ticks()
	defer stop()
	var last seen
	for {
		select {
		case s, ok := <-updates:
			if !ok {
				return nil, ctx.Err()
			}
			if s.err != nil {
				return nil, fmt.Errorf("reading deployment %q: %w", render.ID(id, w.options.Verbose), s.err)
			}
			last = s
			over := Over(s.deployment)
			w.screen.show(w.title(s.deployment), w.block(s), mark(s.deployment), over)
			if over {
				return s.deployment, nil
			}
		case <-tick:
			if last.deployment != nil {
				w.screen.show(w.title(last.deployment), w.block(last), "", false)
			}
		}
	}
}

// ask reads the deployment each time it changes.
func (w *rollout) ask(ctx context.Context, id string, updates chan<- seen) {
	var index uint64
	failures, delay := 0, retryFirst
	for ctx.Err() == nil {
		asked := w.call.Now()
		q := &apiclient.Query{Stale: true, MinIndex: index, MaxWait: w.options.Wait}
		d, head, err := apiclient.Get[*nl.Deployment](ctx, w.client, "/v1/deployment/"+id, q)
		var allocs []*nl.AllocStub
		if err == nil && w.options.Verbose {
			allocs, _, err = apiclient.Get[[]*nl.AllocStub](ctx, w.client, "/v1/deployment/allocations/"+id, &apiclient.Query{Stale: true})
		}
		if err == nil && d == nil {
			err = fmt.Errorf("there is no such deployment any more")
			failures = retries
		}
		if err != nil {
			if code := apiclient.CodeOf(err); failures >= retries || code/100 == 4 {
				send(ctx, updates, seen{err: err})
				return
			}
			failures++
			if w.call.Pause(ctx, delay) != nil {
				return
			}
			delay = min(2*delay, retryMost)
			continue
		}
		failures, delay = 0, retryFirst
		unchanged := head.Index == index && index != 0
		index = head.Index
		if unchanged && !Over(d) {
			// Agents that do not block are not asked more often for it.
			if rest := w.options.Wait - w.call.Now().Sub(asked); rest > 0 && w.call.Pause(ctx, rest) != nil {
				return
			}
			continue
		}
		if !send(ctx, updates, seen{deployment: d, allocs: allocs}) || Over(d) {
			return
		}
		if head.Index == 0 && w.call.Pause(ctx, w.options.Wait) != nil {
			return
		}
	}
}

func send(ctx context.Context, updates chan<- seen, s seen) bool {
	select {
	case updates <- s:
		return true
	case <-ctx.Done():
		return false
	}
}

// Over tells whether nothing more happens to a deployment by itself.
func Over(d *nl.Deployment) bool {
	return !d.Active() || d.Status == nl.DeploymentStatusBlocked
}

// mark shows how a deployment ended, "" while it goes on.
func mark(d *nl.Deployment) string {
	switch {
	case d.Status == nl.DeploymentStatusSuccessful:
		return "✓"
	case Over(d):
		return "!"
	}
	return ""
}

func reverts(d *nl.Deployment) bool {
	for _, g := range d.TaskGroups {
		if g.AutoRevert {
			return true
		}
	}
	return false
}

// revertOf is the deployment that follows a failed one, "" when there is none.
func (w *rollout) revertOf(ctx context.Context, failed *nl.Deployment) (string, error) {
	if err := w.call.Pause(ctx, revertDelay); err != nil {
		return "", err
	}
	latest, _, err := apiclient.Get[*nl.Deployment](ctx, w.client, JobPath(failed.JobID, "deployment"), nil)
	if err != nil {
		return "", fmt.Errorf("reading the deployment that reverts job %q: %w", failed.JobID, err)
	}
	if latest == nil || latest.ID == failed.ID {
		return "", nil
	}
	w.call.Printf("==> %s: Deployment %q failed and is rolled back by deployment %q",
		render.Time(w.call.Now()), render.ID(failed.ID, w.options.Verbose), render.ID(latest.ID, w.options.Verbose))
	return latest.ID, nil
}

// title is what the spinner or mark stands before.
func (w *rollout) title(d *nl.Deployment) string {
	state := "in progress..."
	if Over(d) {
		state = d.Status
	}
	return fmt.Sprintf("Deployment %q %s", render.ID(d.ID, w.options.Verbose), state)
}

// explain names allocations that made a deployment fail. What cannot be read
// is not explained.
func (w *rollout) explain(ctx context.Context, d *nl.Deployment) {
	allocs, _, err := apiclient.Get[[]*nl.AllocStub](ctx, w.client, "/v1/deployment/allocations/"+d.ID, nil)
	if err != nil {
		return
	}
	told := 0
	for _, a := range allocs {
		health := a.DeploymentStatus
		unhealthy := health != nil && health.Healthy != nil && !*health.Healthy
		if !unhealthy && a.ClientStatus != nl.AllocClientFailed {
			continue
		}
		if told == explainMax {
			break
		}
		told++
		id := render.ID(a.ID, w.options.Verbose)
		w.call.Warn(fmt.Sprintf("Allocation %q of group %q is unhealthy (%s). See why: %s alloc status %s", id, a.TaskGroup, a.ClientStatus, meta.Binary, id))
	}
}

// block is the state of a deployment at a moment.
func (w *rollout) block(s seen) string {
	out := Block(s.deployment, w.call.Colour, w.options.Verbose)
	if w.options.Verbose {
		body := "No allocations placed"
		if len(s.allocs) > 0 {
			body = w.call.AllocTable(s.allocs, true)
		}
		out += "\n\n" + w.call.Colour.Bold("Allocations") + "\n" + body
	}
	return out
}
