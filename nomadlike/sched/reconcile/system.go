package reconcile

import (
	"maps"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// SystemInput adds to Input what jobs need that run on every node.
type SystemInput struct {
	Input
	// Nodes are the ready nodes that the group may run on.
	Nodes func(g *nl.Group) []*nl.Node
}

// systemState compares a job that runs once on every node.
type systemState struct {
	*state
	nodes func(g *nl.Group) []*nl.Node
	once  bool // sysbatch: what has run is not run again
}

// RunSystem compares a system or sysbatch job with its allocations.
func RunSystem(in SystemInput) *Result {
	s := &systemState{state: newState(in.Input), nodes: in.Nodes, once: in.Type == nl.JobTypeSysBatch}
	groups := map[string][]*nl.Alloc{}
	for _, a := range sorted(in.Allocs) {
		groups[a.TaskGroup] = append(groups[a.TaskGroup], a)
		s.loseStopping(a)
	}
	complete := true
	if !s.stopped {
		for _, g := range in.Job.TaskGroups {
			complete = s.systemGroup(g, groups[g.Name]) && complete
			delete(groups, g.Name)
		}
	} else if in.Job != nil {
		for _, g := range in.Job.TaskGroups {
			s.updates(g.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		s.stopGroup(name, groups[name])
	}
	if !s.stopped {
		s.finishDeployment(complete)
	}
	return s.out
}

// perNode is the comparison of one group.
type perNode struct {
	*systemState
	g           *nl.Group
	st          *nl.DeploymentState
	u           *nl.DesiredUpdates
	wanted      map[string]*nl.Node
	served      map[string]bool      // nodes that have what they need
	last        map[string]*nl.Alloc // newest allocation of a node that is over
	destructive []*nl.Alloc
	inPlace     int
	running     []*nl.Alloc
}

func (s *systemState) systemGroup(g *nl.Group, allocs []*nl.Alloc) bool {
	st, exists := s.groupState(g)
	had := slices.ContainsFunc(allocs, s.current)
	r := &perNode{
		systemState: s, g: g, st: st, u: s.updates(g.Name),
		wanted: map[string]*nl.Node{}, served: map[string]bool{}, last: map[string]*nl.Alloc{},
	}
	var nodes []*nl.Node
	if g.Count > 0 {
		nodes = s.nodes(g)
	}
	for _, n := range nodes {
		r.wanted[n.ID] = n
	}
	for _, a := range allocs {
		if a.Terminal() {
			r.over(a)
		}
	}
	for _, a := range r.newestFirst(allocs) {
		r.live(a)
	}
	var missing []*nl.Node
	for _, n := range nodes {
		if !r.served[n.ID] {
			missing = append(missing, n)
		}
	}
	canaries := r.canaries()
	placed := r.placeMissing(missing)
	total := len(r.running) + len(missing)
	r.replace(canaries)
	switch {
	case exists:
		s.keepState(g, st)
	case s.updated(g) && total > 0 && (!had || len(r.destructive) > 0 || r.inPlace > 0):
		st.DesiredTotal = total
		s.enterDeployment(g, st)
	}
	return r.complete(placed)
}

// newestFirst are the allocations that are not over, so that of two on one node
// the newer stays.
func (r *perNode) newestFirst(allocs []*nl.Alloc) []*nl.Alloc {
	var live []*nl.Alloc
	for _, a := range allocs {
		if !a.Terminal() {
			live = append(live, a)
		}
	}
	slices.SortStableFunc(live, func(a, b *nl.Alloc) int {
		switch {
		case a.CreateIndex > b.CreateIndex:
			return -1
		case a.CreateIndex < b.CreateIndex:
			return 1
		}
		return 0
	})
	return live
}

// over looks at an allocation that is over. What a sysbatch job has run on a
// node it does not run there again.
func (r *perNode) over(a *nl.Alloc) {
	if r.once && r.current(a) && (a.ClientStatus == nl.AllocClientComplete || a.ClientStatus == nl.AllocClientFailed) && !stoppedEarly(a) {
		if !r.served[a.NodeID] {
			r.served[a.NodeID] = true
			r.u.Ignore++
		}
		return
	}
	if known := r.last[a.NodeID]; known == nil || known.CreateIndex <= a.CreateIndex {
		r.last[a.NodeID] = a
	}
}

// stoppedEarly tells that servers stopped the allocation before it was done.
func stoppedEarly(a *nl.Alloc) bool { return a.TerminalDesired() && !succeeded(a) }

// live looks at an allocation that is not over.
func (r *perNode) live(a *nl.Alloc) {
	n := r.Node(a.NodeID)
	switch {
	case n == nil || n.Status == nl.NodeStatusDown || n.Status == nl.NodeStatusDisconnected:
		r.unreachable(a, n)
		return
	case a.DesiredTransition().Migrate == nl.Yes:
		r.stop(a, DescTainted)
		r.u.Stop++
		r.last[a.NodeID] = a // what follows, if the node may go on, waits for its end
		return
	case a.ClientStatus == nl.AllocClientUnknown:
		r.served[a.NodeID] = true
		r.u.Ignore++
		return
	case r.g.Count == 0 || n.Ready() && r.wanted[a.NodeID] == nil || r.served[a.NodeID]:
		r.stop(a, DescNotNeeded)
		r.u.Stop++
		return
	}
	r.served[a.NodeID] = true
	outdated := !r.current(a) && (a.Job == nil || Changed(a.Job, r.Job, r.g.Name))
	if outdated && !n.Ready() {
		r.u.Ignore++ // it stays as it is, and nobody waits for it
		return
	}
	r.running = append(r.running, a)
	switch {
	case r.current(a):
		r.u.Ignore++
		if _, was := unknownSince(a); was && a.FollowupEvalID() != "" {
			back := a.Copy()
			back.Amend().FollowupEvalID = ""
			r.out.Rewrite = append(r.out.Rewrite, back)
			r.u.Reconnect++
		}
	case outdated:
		r.destructive = append(r.destructive, a)
	default:
		r.inPlace++
		r.u.InPlaceUpdate++
		r.out.InPlace = append(r.out.InPlace, a)
	}
}

// unreachable looks at an allocation whose node cannot be reached: it is lost,
// or unknown where its group can wait or wants no replacement.
func (r *perNode) unreachable(a *nl.Alloc, n *nl.Node) {
	own := r.groupOf(a)
	after := lostAfter(own)
	if n != nil && (n.Status == nl.NodeStatusDisconnected && after > 0 || !replaces(own)) {
		since, was := unknownSince(a)
		switch {
		case a.ClientStatus == nl.AllocClientUnknown && was && (after == 0 || r.Now.Before(since.Add(after)) && !r.arrived(a)):
			r.served[a.NodeID] = true
			r.u.Ignore++
			return
		case a.ClientStatus == nl.AllocClientRunning:
			r.served[a.NodeID] = true
			r.out.Stop = append(r.out.Stop, r.unknown(a))
			r.u.Disconnect++
			return
		}
	}
	stop := r.stopOf(a, DescLost)
	stop.ClientStatus = nl.AllocClientLost
	r.out.Stop = append(r.out.Stop, stop)
	r.u.Stop++
}

// canaries is how many of the allocations to be replaced go first: a share, in
// percent.
func (r *perNode) canaries() int {
	if len(r.destructive) == 0 || !r.updated(r.g) || r.g.Update.Canary == 0 || r.st.Promoted {
		return 0
	}
	if r.st.DesiredCanaries == 0 {
		r.st.DesiredCanaries = (len(r.destructive)*r.g.Update.Canary + 99) / 100
	}
	have := 0
	for _, a := range r.running {
		if slices.Contains(r.st.PlacedCanaries, a.ID) {
			have++
		}
	}
	return max(r.st.DesiredCanaries-have, 0)
}

// placeMissing places the group on nodes that lack it. While the deployment is
// paused, only what was there before and is gone is replaced; what has failed as
// part of one that must not go on, never.
func (r *perNode) placeMissing(missing []*nl.Node) int {
	placed := 0
	for _, n := range missing {
		old := r.last[n.ID]
		switch halted := r.paused || r.failed; {
		case r.paused && old == nil:
			continue
		case halted && old != nil && old.DeploymentID == r.deployment.ID && old.ClientStatus == nl.AllocClientFailed:
			continue
		}
		p := Placement{Name: Name(r.ID, r.g.Name, 0), Group: r.g, NodeID: n.ID, Deployed: true}
		if old != nil && old.NextAllocation() == "" {
			p.Previous = old
		}
		r.out.Place = append(r.out.Place, p)
		r.u.Place++
		placed++
	}
	return placed
}

// replace replaces as many allocations as the rollout allows.
func (r *perNode) replace(canaries int) {
	limit := len(r.destructive)
	canarying := r.st.DesiredCanaries > 0 && !r.st.Promoted
	switch {
	case r.paused || r.failed:
		limit = 0
	case canarying:
		limit = canaries
	case r.updated(r.g):
		limit = r.inFlight(r.g.Update.MaxParallel)
	}
	for i, a := range r.destructive {
		if i >= limit {
			r.u.Ignore++
			continue
		}
		stop := r.stopOf(a, DescUpdating)
		r.out.Place = append(r.out.Place, Placement{
			Name: Name(r.ID, r.g.Name, 0), Group: r.g, NodeID: a.NodeID, Previous: a,
			Replaces: &stop, Canary: canarying, Deployed: true,
		})
		if canarying {
			r.u.Canary++
		} else {
			r.u.DestructiveUpdate++
		}
	}
}

// inFlight is what is left of the limit after allocations of this deployment
// that are not healthy yet.
func (r *perNode) inFlight(limit int) int {
	if r.deployment == nil {
		return limit
	}
	for _, a := range r.running {
		if a.DeploymentID != r.deployment.ID {
			continue
		}
		switch {
		case a.DeploymentStatus == nil || a.DeploymentStatus.Healthy == nil:
			limit--
		case !*a.DeploymentStatus.Healthy:
			return 0
		}
	}
	return max(limit, 0)
}

func (r *perNode) complete(placed int) bool {
	if placed+len(r.destructive)+r.inPlace > 0 || r.deployment == nil {
		return false
	}
	st := r.deployment.TaskGroups[r.g.Name]
	if st == nil {
		return true
	}
	return st.HealthyAllocs >= max(min(st.DesiredTotal, len(r.running)), st.DesiredCanaries) &&
		(st.DesiredCanaries == 0 || st.Promoted) && r.settled(r.running)
}
