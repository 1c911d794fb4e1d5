package reconcile

import (
	"maps"
	"slices"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Descriptions of stops, which users see.
const (
	DescNotNeeded   = "alloc not needed due to job update"
	DescMigrating   = "alloc is being migrated"
	DescUpdating    = "alloc is being updated due to job update"
	DescLost        = "alloc is lost since its node is down"
	DescUnknown     = "alloc is unknown since its node is disconnected"
	DescTainted     = "alloc not needed as node is tainted"
	DescRescheduled = "alloc was rescheduled because it failed"
	DescReconnected = "alloc not needed due to disconnected client reconnect"
)

// Input is everything the comparison looks at.
type Input struct {
	Job            *nl.Job // nil when it is gone
	Namespace, ID  string
	Type           string
	Allocs         []*nl.Alloc // of the job, in any order
	Node           func(id string) *nl.Node
	Eval           func(id string) *nl.Eval
	Deployment     *nl.Deployment // newest of the job, nil when there is none
	EvalID         string
	EvalPriority   int
	Now            time.Time
	NewID          func() string
	JobModifyIndex uint64
	// InPlace tells whether the node of an allocation can still hold it as the
	// group now is.
	InPlace func(a *nl.Alloc, g *nl.Group) bool
}

// Placement is an allocation to be made.
type Placement struct {
	Name  string
	Group *nl.Group
	// Job is the version to run when it is not the newest one.
	Job *nl.Job
	// NodeID is where it must go, for jobs that run on every node.
	NodeID string
	// Previous is the allocation it follows, nil when it is new.
	Previous   *nl.Alloc
	Canary     bool
	Reschedule bool // Previous failed
	Migrate    bool // Previous is moved
	// Replaces is stopped when, and only when, the placement succeeds.
	Replaces *nl.AllocStop
	// Kept is how Previous is to be written, and Away that it is not heard of,
	// when, and only when, the placement does not succeed; nil: not at all.
	Kept *nl.Alloc
	Away *nl.AllocStop
	// Deployed tells that the placement belongs to the deployment.
	Deployed bool
}

// Result is what must change.
type Result struct {
	Place   []Placement
	Stop    []nl.AllocStop
	InPlace []*nl.Alloc // as they are now; the caller rewrites them
	Rewrite []*nl.Alloc // rewritten copies of existing allocations

	Deployment        *nl.Deployment // new, nil when none is created
	Current           *nl.Deployment // the one that runs, new or not
	DeploymentUpdates []nl.DeploymentStatusUpdate
	Later             []*nl.Eval // delayed evaluations
	Updates           map[string]*nl.DesiredUpdates
}

// state of one run.
type state struct {
	Input
	stopped bool
	batch   bool
	out     *Result

	deployment *nl.Deployment // of this version, nil when there is none
	old        *nl.Deployment // of an earlier version, or over
	paused     bool
	failed     bool
	held       bool // a failed allocation waits for the deployment's watcher
}

// Run compares a service or batch job with its allocations.
func Run(in Input) *Result {
	s := newState(in)
	groups := map[string][]*nl.Alloc{}
	for _, a := range sorted(in.Allocs) {
		groups[a.TaskGroup] = append(groups[a.TaskGroup], a)
		s.loseStopping(a)
	}
	if s.stopped {
		for _, name := range slices.Sorted(maps.Keys(groups)) {
			s.stopGroup(name, groups[name])
		}
		if in.Job != nil {
			for _, g := range in.Job.TaskGroups {
				s.updates(g.Name)
			}
		}
		return s.out
	}
	complete := true
	for _, g := range in.Job.TaskGroups {
		complete = s.group(g, groups[g.Name]) && complete
		delete(groups, g.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		s.stopGroup(name, groups[name])
	}
	s.finishDeployment(complete)
	return s.out
}

func newState(in Input) *state {
	s := &state{
		Input:   in,
		stopped: in.Job == nil || in.Job.Stop,
		batch:   in.Type == nl.JobTypeBatch,
		out:     &Result{Updates: map[string]*nl.DesiredUpdates{}},
	}
	s.sortOutDeployment()
	return s
}

// sorted orders allocations by name index, then ID, so that nothing depends on
// the order they came in.
func sorted(allocs []*nl.Alloc) []*nl.Alloc {
	type indexed struct {
		a  *nl.Alloc
		at int
	}
	list := make([]indexed, len(allocs))
	for i, a := range allocs {
		list[i] = indexed{a, Index(a.Name)}
	}
	slices.SortFunc(list, func(x, y indexed) int {
		switch {
		case x.at != y.at:
			return x.at - y.at
		case x.a.ID < y.a.ID:
			return -1
		case x.a.ID > y.a.ID:
			return 1
		}
		return 0
	})
	out := make([]*nl.Alloc, len(list))
	for i := range list {
		out[i] = list[i].a
	}
	return out
}

func (s *state) updates(group string) *nl.DesiredUpdates {
	u := s.out.Updates[group]
	if u == nil {
		u = &nl.DesiredUpdates{}
		s.out.Updates[group] = u
	}
	return u
}

// stop ends an allocation. One whose node is gone is lost.
func (s *state) stop(a *nl.Alloc, description string) {
	s.out.Stop = append(s.out.Stop, s.stopOf(a, description))
}

func (s *state) stopOf(a *nl.Alloc, description string) nl.AllocStop {
	stop := nl.AllocStop{AllocID: a.ID, NodeID: a.NodeID, Description: description}
	if !a.TerminalClient() && s.nodeGone(a) {
		stop.ClientStatus = nl.AllocClientLost
	}
	return stop
}

// loseStopping counts an allocation as lost that was to stop on a node that is
// gone: nobody will ever tell that it has.
func (s *state) loseStopping(a *nl.Alloc) {
	if a.TerminalDesired() && !a.TerminalClient() && s.nodeGone(a) {
		stop := s.stopOf(a, a.DesiredDescription())
		stop.Desired = a.DesiredStatus
		s.out.Stop = append(s.out.Stop, stop)
	}
}

func (s *state) nodeGone(a *nl.Alloc) bool {
	n := s.Node(a.NodeID)
	return n == nil || n.Status == nl.NodeStatusDown
}

// stopGroup ends all of a group that is wanted no longer.
func (s *state) stopGroup(name string, allocs []*nl.Alloc) {
	u := s.updates(name)
	for _, a := range allocs {
		if a.Terminal() {
			continue
		}
		description := DescNotNeeded
		if s.nodeGone(a) {
			description = DescLost
		}
		s.stop(a, description)
		u.Stop++
	}
}
