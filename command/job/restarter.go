package job

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// replacementPoll is how often the replacement of an allocation is looked for.
const replacementPoll = time.Second

// restarter restarts the allocations of one job.
type restarter struct {
	options *restartOptions
	call    *meta.Call
	client  *apiclient.Client
	job     string

	mu       sync.Mutex // guards the output and what follows
	problems []string
}

func (r *restarter) run(ctx context.Context, allocs []*nl.AllocStub) error {
	size, err := r.options.batchSize(len(allocs))
	if err != nil {
		return err
	}
	batches := slices.Collect(slices.Chunk(allocs, size))
	r.headline("Restarting %s of job %q", render.Count(len(allocs), "allocation"), r.job)
	for i, batch := range batches {
		if len(batches) > 1 {
			r.headline("Batch %d of %d: %s", i+1, len(batches), render.Count(len(batch), "allocation"))
		}
		failed := r.batch(ctx, batch)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		last := i == len(batches)-1
		if goOn, err := r.afterBatch(ctx, failed, last); err != nil || !goOn {
			return r.finish(err, !last)
		}
	}
	return r.finish(nil, false)
}

// batch restarts allocations at the same time and returns how many failed.
func (r *restarter) batch(ctx context.Context, allocs []*nl.AllocStub) int {
	errs := make([]error, len(allocs))
	var wg sync.WaitGroup
	for i, a := range allocs {
		wg.Go(func() {
			if r.options.reschedule {
				errs[i] = r.replace(ctx, a)
			} else {
				errs[i] = r.inPlace(ctx, a)
			}
		})
	}
	wg.Wait()
	failed := 0
	for i, err := range errs {
		if err != nil {
			failed++
			r.problem(fmt.Sprintf("Allocation %q: %v", r.id(allocs[i].ID), err))
		}
	}
	return failed
}

// afterBatch decides, or asks, whether to go on.
func (r *restarter) afterBatch(ctx context.Context, failed int, last bool) (bool, error) {
	o := r.options
	if failed > 0 {
		if o.onError == failText || o.yes {
			return o.onError != failText, nil
		}
		if !last {
			return r.call.Confirm("Go on with the next batch in spite of the error?")
		}
	}
	switch {
	case last:
		return true, nil
	case o.ask:
		return r.call.Confirm("Go on with the next batch?")
	case o.pause > 0:
		r.detail("Waiting %s before the next batch", o.pause)
		return true, r.call.Pause(ctx, o.pause)
	}
	return true, nil
}

// finish sums up.
func (r *restarter) finish(err error, early bool) error {
	if err != nil {
		return err
	}
	if len(r.problems) > 0 {
		r.call.Error(fmt.Sprintf("\n%s:", render.Count(len(r.problems), "error")))
		for _, p := range r.problems {
			r.call.Error("  * " + p)
		}
		return meta.Exit(exitFailed)
	}
	if early {
		r.headline("Job restart ended early")
		return meta.Exit(exitFailed)
	}
	r.headline("Job restart finished")
	return nil
}

// inPlace restarts tasks of an allocation where it is.
func (r *restarter) inPlace(ctx context.Context, a *nl.AllocStub) error {
	type request struct {
		TaskName string `json:",omitempty"`
		AllTasks bool   `json:",omitempty"`
	}
	requests := []request{{AllTasks: r.options.allTasks}}
	what := "running tasks"
	if r.options.allTasks {
		what = "all tasks"
	}
	if len(r.options.tasks) > 0 {
		requests = nil
		var names []string
		for _, task := range r.options.tasks {
			if a.TaskStates[task] != nil {
				requests = append(requests, request{TaskName: task})
				names = append(names, fmt.Sprintf("%q", task))
			}
		}
		what = "task " + strings.Join(names, ", ")
	}
	r.detail("Restarting %s of allocation %q (group %q)", what, r.id(a.ID), a.TaskGroup)
	for _, req := range requests {
		if _, err := r.client.Call(ctx, "PUT", "/v1/client/allocation/"+a.ID+"/restart", req, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// replace stops an allocation and waits until its replacement runs.
func (r *restarter) replace(ctx context.Context, a *nl.AllocStub) error {
	r.detail("Rescheduling allocation %q (group %q)", r.id(a.ID), a.TaskGroup)
	q := &apiclient.Query{Params: map[string]string{
		"no_shutdown_delay": fmt.Sprint(r.options.noShutdownDelay), "reschedule": "true",
	}}
	if _, err := r.client.Call(ctx, "PUT", "/v1/allocation/"+a.ID+"/stop", nil, nil, q); err != nil {
		return err
	}
	id, told := a.ID, ""
	for {
		now, _, err := apiclient.Get[*nl.Alloc](ctx, r.client, "/v1/allocation/"+id, nil)
		if err != nil {
			return err
		}
		switch {
		case now.NextAllocation() != "":
			id = now.NextAllocation()
			r.detail("Allocation %q replaces %q", r.id(id), r.id(now.ID))
			continue
		case id != a.ID && now.ClientStatus == nl.AllocClientRunning:
			r.detail("Allocation %q runs", r.id(id))
			return nil
		case id != a.ID && now.TerminalClient():
			return fmt.Errorf("its replacement %q is %s", r.id(id), now.ClientStatus)
		}
		if blocked, err := r.waitsForRoom(ctx, told); err != nil {
			return err
		} else if blocked != "" && id == a.ID {
			told = blocked
			r.detail("Allocation %q waits for room: evaluation %q is blocked", r.id(a.ID), r.id(blocked))
		}
		if err := r.call.Pause(ctx, replacementPoll); err != nil {
			return err
		}
	}
}

// waitsForRoom is the evaluation that cannot place a replacement, "" when there
// is none or it was told already.
func (r *restarter) waitsForRoom(ctx context.Context, told string) (string, error) {
	evals, _, err := apiclient.Get[[]*nl.Eval](ctx, r.client, "/v1/evaluations", &apiclient.Query{
		Params: map[string]string{"job": r.job, "status": nl.EvalStatusBlocked},
	})
	if err != nil {
		return "", err
	}
	for _, e := range evals {
		if e.JobID == r.job && e.Status == nl.EvalStatusBlocked && e.ID != told {
			return e.ID, nil
		}
	}
	return "", nil
}

func (r *restarter) id(id string) string { return render.ID(id, r.options.verbose) }

func (r *restarter) problem(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problems = append(r.problems, text)
	r.call.Error(fmt.Sprintf("    %s: Error: %s", render.Time(r.call.Now()), text))
}

func (r *restarter) headline(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := fmt.Sprintf("==> %s: ", render.Time(r.call.Now())) + fmt.Sprintf(format, args...)
	r.call.Print(r.call.Colour.Bold(text))
}

func (r *restarter) detail(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.call.Print(fmt.Sprintf("    %s: ", render.Time(r.call.Now())) + fmt.Sprintf(format, args...))
}
