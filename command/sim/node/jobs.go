package node

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nomadlike/nomadlike/client/alloc"
	"github.com/nomadlike/nomadlike/client/task"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// Jobs is what nodes know of jobs, and have worked out about their groups, once
// for all that share it. The zero value is ready, and any number of goroutines
// may use it.
type Jobs struct {
	mu     sync.Mutex
	known  map[JobKey][]uint32
	list   []*version // by number; nil is one to be given out again
	unused []uint32
}

// JobKey names a version of a job. One that was purged and came back starts
// over: several jobs may go by the same.
type JobKey struct {
	Namespace, ID string
	Version       uint64
}

// version is a version of a job.
type version struct {
	key         JobKey
	modified    uint64
	encoded     []byte
	job         *nl.Job
	groups      []*group // as those of the job; nil until one is asked for
	deployments []string // of allocations at rest
	users       int      // nodes that know it
}

// deploymentsMax bounds the deployments of a version whose allocations may rest.
const deploymentsMax = math.MaxUint8

// learn is the number of the job that a node was sent. The node gives it back
// with forget, as often.
func (js *Jobs) learn(told *query.NodeJob) (uint32, error) {
	js.mu.Lock()
	defer js.mu.Unlock()
	k := JobKey{told.Namespace, told.ID, told.Version}
	for _, number := range js.known[k] {
		// After the state was put back, an index may be that of something else.
		if v := js.list[number]; v.modified == told.JobModifyIndex && bytes.Equal(v.encoded, told.Encoded) {
			v.users++
			return number, nil
		}
	}
	job, err := told.Job()
	if err != nil {
		return 0, err
	}
	v := &version{
		key: k, modified: told.JobModifyIndex, encoded: bytes.Clone(told.Encoded),
		job: job, groups: make([]*group, len(job.TaskGroups)), users: 1,
	}
	number := uint32(len(js.list))
	if last := len(js.unused) - 1; last >= 0 {
		number, js.unused = js.unused[last], js.unused[:last]
		js.list[number] = v
	} else {
		js.list = append(js.list, v)
	}
	if js.known == nil {
		js.known = map[JobKey][]uint32{}
	}
	js.known[k] = append(js.known[k], number)
	return number, nil
}

// forget takes back numbers that nodes do not use any more.
func (js *Jobs) forget(numbers []uint32) {
	js.mu.Lock()
	defer js.mu.Unlock()
	for _, number := range numbers {
		v := js.list[number]
		if v.users--; v.users > 0 {
			continue
		}
		js.list[number], js.unused = nil, append(js.unused, number)
		if same := js.known[v.key]; len(same) > 1 {
			js.known[v.key] = slices.DeleteFunc(same, func(other uint32) bool { return other == number })
		} else {
			delete(js.known, v.key)
		}
	}
}

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

// group is the group of that name of the newest of the jobs that the node has,
// in order of their numbers; nil when there is none.
func (js *Jobs) group(k JobKey, has []uint32, name string) *group {
	js.mu.Lock()
	defer js.mu.Unlock()
	same := js.known[k]
	for i := len(same) - 1; i >= 0; i-- {
		if _, found := slices.BinarySearch(has, same[i]); found {
			return js.of(same[i], name)
		}
	}
	return nil
}

// of is that group of a job. The caller holds the lock.
func (js *Jobs) of(number uint32, name string) *group {
	v := js.list[number]
	i := slices.IndexFunc(v.job.TaskGroups, func(g *nl.Group) bool { return g.Name == name })
	if i < 0 || i > math.MaxUint16 {
		return nil
	}
	if v.groups[i] == nil {
		v.groups[i] = newGroup(v.job, v.job.TaskGroups[i])
		v.groups[i].number, v.groups[i].place = number, uint16(i)
	}
	return v.groups[i]
}

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

// deployment is a number for the deployment of an allocation that goes to rest;
// false when it has to stay awake.
func (js *Jobs) deployment(g *group, id string) (uint8, bool) {
	if id == "" {
		return 0, true
	}
	js.mu.Lock()
	defer js.mu.Unlock()
	v := js.list[g.number]
	i := slices.Index(v.deployments, id)
	if i < 0 && len(v.deployments) < deploymentsMax {
		i = len(v.deployments)
		v.deployments = append(v.deployments, strings.Clone(id))
	}
	return uint8(i + 1), i >= 0
}

// woken is the group, and the deployment, of an allocation that was at rest.
func (js *Jobs) woken(number uint32, place uint16, deployment uint8) (*group, string) {
	js.mu.Lock()
	defer js.mu.Unlock()
	v := js.list[number]
	if deployment == 0 {
		return v.groups[place], ""
	}
	return v.groups[place], v.deployments[deployment-1]
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
