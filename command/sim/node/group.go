package node

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/client/alloc"
	"github.com/nomadlike/nomadlike/client/task"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// group is a group of a job and what its tasks do. It is not changed.
type group struct {
	*nl.Group
	job    *nl.Job
	number uint32 // of the job
	place  uint16 // in the job
	tasks  []plan
	first  *first // nil when allocations of it do not all begin alike
}

// plan is one task of a group.
type plan struct {
	task *nl.Task
	spec *task.Spec
	does *behaviour
	err  error // why it can do nothing
}

// newGroup works out what the tasks of a group do.
func newGroup(job *nl.Job, g *nl.Group) *group {
	out := &group{Group: g, job: job, tasks: make([]plan, len(g.Tasks))}
	for i, t := range g.Tasks {
		p := plan{task: t, spec: task.SpecOf(job, g, t, 0)}
		p.does, p.err = behaviourOf(t)
		out.tasks[i] = p
	}
	out.first = rehearse(out)
	return out
}

// expiry is when max_run_duration of an allocation that began then is over; 0 is
// never.
func (g *group) expiry(began moment) moment {
	if d := g.MaxRunDuration; d != nil && *d > 0 {
		return began + moment(*d)
	}
	return 0
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
	packed  []string // states of its tasks, between the places where that moment is
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
	f := &first{machine: a.machine, runs: a.runs}
	const some = moment(0x1234_5678_9abc_def1) // whose bytes are nowhere else
	f.packed = strings.Split(f.pack(some).Packed(), string(binary.AppendVarint(nil, int64(some))))
	if other := momentOf(rehearsed); f.states(other) != f.pack(other) {
		return nil
	}
	return f
}

// pack packs the states as they are of an allocation that began then.
func (f *first) pack(began moment) nl.TaskStates {
	at := nl.Time{Time: began.time().UTC()}
	tasks := map[string]*nl.TaskState{}
	for name, state := range f.machine.States() {
		own := *state
		if !own.StartedAt.IsZero() {
			own.StartedAt = at
		}
		own.Events = nil
		for _, e := range state.Events {
			then := *e
			then.Time = int64(began)
			own.Events = append(own.Events, &then)
		}
		tasks[name] = &own
	}
	return nl.PackTaskStates(tasks)
}

// states are those of an allocation that began then: pack for each of millions.
func (f *first) states(began moment) nl.TaskStates {
	const typical = 256 // bytes, which stay on the stack
	b := append(make([]byte, 0, typical), f.packed[0]...)
	for _, part := range f.packed[1:] {
		b = append(binary.AppendVarint(b, int64(began)), part...)
	}
	states, err := nl.UnpackTaskStates(string(b))
	if err != nil {
		return f.pack(began)
	}
	return states
}

// live tells whether there is a process.
func (f *first) live() bool { return slices.ContainsFunc(f.runs, func(r run) bool { return r.live }) }

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
