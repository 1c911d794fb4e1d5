package node

import (
	"slices"
	"sync"
	"time"

	"github.com/nomadlike/nomadlike/client/alloc"
	"github.com/nomadlike/nomadlike/client/task"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// groupsMax bounds the groups of which Groups knows what was worked out: those
// of as many job versions as a large cluster runs.
const groupsMax = 1 << 13

// Groups is what nodes work out about the groups of jobs, once for all that
// share it. The zero value is ready, and any number of goroutines may use it.
type Groups struct {
	mu    sync.Mutex
	known map[*nl.Group]*group
}

// group is a group of a job and what its tasks do. It is not changed.
type group struct {
	*nl.Group
	job   *nl.Job
	tasks []plan
	first *first // nil when allocations of it do not all begin alike
}

// plan is one task of a group.
type plan struct {
	task *nl.Task
	spec *task.Spec
	does *behaviour
	err  error // why it can do nothing
}

// of is the group of that name, nil when the job has none.
func (gs *Groups) of(job *nl.Job, name string) *group {
	g := job.Group(name)
	if g == nil {
		return nil
	}
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if known := gs.known[g]; known != nil {
		return known
	}
	out := &group{Group: g, job: job, tasks: make([]plan, len(g.Tasks))}
	for i, t := range g.Tasks {
		p := plan{task: t, spec: task.SpecOf(job, g, t, 0)}
		p.does, p.err = behaviourOf(t)
		out.tasks[i] = p
	}
	out.first = rehearse(out)
	if gs.known == nil || len(gs.known) >= groupsMax {
		gs.known = map[*nl.Group]*group{} // allocations keep those they have
	}
	gs.known[g] = out
	return out
}

// plan is that of the task, nil when the group has none of that name.
func (g *group) plan(name string) *plan {
	for i := range g.tasks {
		if g.tasks[i].task.Name == name {
			return &g.tasks[i]
		}
	}
	return nil
}

// first is what an allocation of a group is right after it began, when that
// takes no time and depends on nothing but the moment.
type first struct {
	machine *alloc.Machine // only to be looked at
	runs    []run

	mu    sync.Mutex
	tasks map[string]*nl.TaskState // copies of the machine's, to be dated
}

// rehearsed is when allocations begin that are never run: before any other, as
// their machine is what those are judged by.
var rehearsed = time.Unix(1, 0)

// rehearse begins an allocation to see what that leads to; nil is nothing that
// others would be alike.
func rehearse(g *group) *first {
	drawn := false
	a := &allocation{held: held{group: g}, cfg: &Config{Random: func() float64 { drawn = true; return 0 }}}
	a.begin(rehearsed)
	waits := slices.ContainsFunc(a.runs, func(r run) bool { return r.launchAt != 0 || r.stopAt != 0 || r.wakeAt != 0 })
	if drawn || waits || a.deregAt != 0 {
		return nil
	}
	f := &first{machine: a.machine, runs: a.runs, tasks: a.machine.States()}
	for name, state := range f.tasks {
		own := *state
		own.Events = nil
		for _, e := range state.Events {
			dated := *e
			own.Events = append(own.Events, &dated)
		}
		f.tasks[name] = &own
	}
	return f
}

// states are those of an allocation that began at that moment.
func (f *first) states(began moment) nl.TaskStates {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.tasks {
		if !s.StartedAt.IsZero() {
			s.StartedAt = nl.Time{Time: began.time().UTC()}
		}
		for _, e := range s.Events {
			e.Time = int64(began)
		}
	}
	return nl.PackTaskStates(f.tasks)
}

// runFor is after how long the first of the tasks ends by itself; 0 is never.
func (f *first) runFor(lifetime time.Duration) (least time.Duration) {
	for i := range f.runs {
		r := &f.runs[i]
		if d := r.does.lasts(lifetime); r.live && d > 0 && (least == 0 || d < least) {
			least = d
		}
	}
	return least
}
