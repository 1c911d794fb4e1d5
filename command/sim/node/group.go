package node

import (
	"sync"

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
