package reconcile

import (
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// round is the comparison of one group.
type round struct {
	*state
	g  *nl.Group
	st *nl.DeploymentState
	u  *nl.DesiredUpdates
	*sets
	names    *names
	canaries map[string]bool // IDs of this deployment's canaries, not promoted
	promoted map[string]bool // names of promoted canaries
	winners  map[string]bool // IDs of promoted canaries

	now         []*nl.Alloc // failed, to be replaced at once
	later       []failedAlloc
	destructive []*nl.Alloc
	followed    []followed
	noted       map[string]*nl.Alloc // by ID: as what stays is to be written
	inPlace     int
	requires    bool // canaries are missing
}

// group compares one group and tells whether nothing is left to do for it.
func (s *state) group(g *nl.Group, allocs []*nl.Alloc) bool {
	st, exists := s.groupState(g)
	had := slices.ContainsFunc(allocs, s.current)
	allocs = s.relevant(allocs)
	canaries, rest := s.dropCanaries(g, allocs)
	r := &round{state: s, g: g, st: st, u: s.updates(g.Name), canaries: map[string]bool{}}
	r.sets = s.sortOut(append(rest, canaries...))
	for _, a := range canaries {
		r.canaries[a.ID] = true
	}
	r.takeFollowed()
	r.notePromoted()
	back := s.reconnect(g, r.sets)
	replace := r.counted(s.disconnect(g, r.sets)) // others stand in for canaries
	r.untainted, r.now, r.later = s.failures(r.untainted, r.migrate)
	r.stopLost()
	r.settleCanaries()

	r.names = newNames(s.ID, g.Name, r.counted(r.untainted), r.migrate, r.now, r.lost, replace, r.counted(r.waiting))
	r.scaleDown()
	for _, a := range back {
		r.note(a, "")
	}
	r.rescheduleLater()
	r.compareVersions()
	r.placeCanaries()
	placed := r.place(replace)
	r.replaceOld(placed)
	r.move()
	r.stopFollowed()
	r.writeNoted()
	switch {
	case exists:
		s.keepState(g, st)
	case s.updated(g) && g.Count > 0 && (!had || len(r.destructive) > 0 || r.inPlace > 0):
		st.DesiredTotal = g.Count
		s.enterDeployment(g, st)
	}
	return r.complete(placed)
}

// notePromoted remembers the canaries that won.
func (r *round) notePromoted() {
	r.promoted, r.winners = map[string]bool{}, map[string]bool{}
	if !r.st.Promoted {
		return
	}
	for _, a := range r.untainted {
		if slices.Contains(r.st.PlacedCanaries, a.ID) {
			r.winners[a.ID] = true
			r.promoted[a.Name] = true
		}
	}
}

func (r *round) canarying() bool { return r.st.DesiredCanaries > 0 && !r.st.Promoted }

// counted leaves out canaries, which come on top until they are promoted.
func (r *round) counted(allocs []*nl.Alloc) []*nl.Alloc {
	if !r.canarying() {
		return allocs
	}
	return without(allocs, r.canaries)
}

// settleCanaries takes canaries whose node is gone or drains out of the sets:
// others are placed in their stead.
func (r *round) settleCanaries() {
	if !r.canarying() {
		return
	}
	r.lost = without(r.lost, r.canaries)
	for _, a := range r.migrate {
		if r.canaries[a.ID] {
			r.stop(a, DescMigrating)
			r.u.Stop++
		}
	}
	r.migrate = without(r.migrate, r.canaries)
}

// stopLost ends what is lost. Where the node stops by itself only later, so is
// the replacement.
func (r *round) stopLost() {
	var now []*nl.Alloc
	for _, a := range r.lost {
		if a.TerminalDesired() { // its node has stopped it by now
			now = append(now, a)
			continue
		}
		stop := r.stopOf(a, DescLost)
		stop.ClientStatus = nl.AllocClientLost
		if after := stopOnClientAfter(r.groupOf(a)); after > 0 && r.nodeGone(a) {
			stop.FollowupEvalID = r.state.later(r.Now.Add(after), nl.TriggerRetryFailedAlloc, descReschedule)
			r.waiting = append(r.waiting, a)
		} else {
			now = append(now, a)
		}
		r.out.Stop = append(r.out.Stop, stop)
		r.u.Stop++
	}
	r.lost = now
}

// scaleDown stops what is too much: leftovers first, then what a promoted
// canary replaces, what moves anyway, and the highest names.
func (r *round) scaleDown() {
	counted := r.counted(r.untainted)
	excess := len(counted) + len(r.migrate) + len(r.counted(r.now)) - r.g.Count
	if excess <= 0 {
		return
	}
	gone := map[string]bool{}
	drop := func(list []*nl.Alloc, which func(*nl.Alloc) bool) {
		for i := len(list) - 1; i >= 0 && excess > 0; i-- {
			a := list[i]
			if gone[a.ID] || r.canarying() && r.canaries[a.ID] || !which(a) {
				continue
			}
			gone[a.ID] = true
			r.names.release(a)
			excess--
			if a.TerminalDesired() || r.batch && a.TerminalClient() {
				continue
			}
			r.stop(a, DescNotNeeded)
			r.u.Stop++
		}
	}
	any := func(*nl.Alloc) bool { return true }
	drop(r.untainted, (*nl.Alloc).TerminalClient)
	drop(r.now, any)
	drop(r.untainted, func(a *nl.Alloc) bool { return r.promoted[a.Name] && !r.winners[a.ID] })
	drop(r.migrate, any)
	drop(r.untainted, func(a *nl.Alloc) bool { return !r.winners[a.ID] || Index(a.Name) >= r.g.Count })
	drop(r.untainted, any)
	r.untainted = without(r.untainted, gone)
	r.now = without(r.now, gone)
	r.migrate = without(r.migrate, gone)
	r.later = slices.DeleteFunc(r.later, func(f failedAlloc) bool { return gone[f.a.ID] })
}

// note keeps an allocation as it is to be written if it stays. What becomes of
// it is decided after that; writeNoted writes what is left.
func (r *round) note(a *nl.Alloc, followup string) {
	if r.noted == nil {
		r.noted = map[string]*nl.Alloc{}
	}
	noted := a.Copy()
	noted.Amend().FollowupEvalID = followup
	r.noted[a.ID] = noted
}

func (r *round) writeNoted() {
	if len(r.noted)+len(r.away) == 0 {
		return
	}
	for _, a := range r.untainted {
		if away := r.away[a.ID]; away != nil {
			r.out.Stop = append(r.out.Stop, *away)
		}
		if noted := r.noted[a.ID]; noted != nil {
			r.out.Rewrite = append(r.out.Rewrite, noted)
			if noted.FollowupEvalID() != "" {
				r.u.RescheduleLater++
			}
		}
	}
}

// compareVersions finds what runs another version and how it gets to the
// newest.
func (r *round) compareVersions() {
	changed := map[*nl.Job]bool{}
	replaced := func(old *nl.Job) bool {
		c, known := changed[old]
		if !known {
			c = Changed(old, r.Job, r.g.Name)
			changed[old] = c
		}
		return c
	}
	for _, a := range r.untainted {
		switch {
		case r.current(a):
			r.u.Ignore++
		case a.Job == nil || replaced(a.Job):
			r.destructive = append(r.destructive, a)
		case a.Terminal() || a.ClientStatus == nl.AllocClientUnknown || r.away[a.ID] != nil:
			r.u.Ignore++
		case r.InPlace(a, r.g):
			r.inPlace++
			r.u.InPlaceUpdate++
			r.out.InPlace = append(r.out.InPlace, a)
		default:
			r.destructive = append(r.destructive, a)
		}
	}
}

// placeCanaries adds the canaries that are missing.
func (r *round) placeCanaries() {
	if len(r.destructive) == 0 && !r.canarying() || !r.updated(r.g) || r.g.Update.Canary == 0 || r.st.Promoted {
		return
	}
	have := map[string]bool{}
	count := 0
	for _, list := range [3][]*nl.Alloc{r.untainted, r.now, r.waiting} {
		for _, a := range list {
			if r.canaries[a.ID] {
				have[a.Name] = true
				count++
			}
		}
	}
	r.requires = count < r.g.Update.Canary
	if !r.requires {
		return
	}
	r.st.DesiredCanaries = r.g.Update.Canary
	if r.paused || r.failed {
		return
	}
	for ; count < r.g.Update.Canary; count++ {
		r.u.Canary++
		r.out.Place = append(r.out.Place, Placement{
			Name: r.names.canary(r.destructive, have), Group: r.g, Canary: true, Deployed: true,
		})
	}
}

// limit is how many allocations may be replaced by newer ones now.
func (r *round) limit() int {
	if !r.updated(r.g) {
		return r.g.Count + len(r.destructive)
	}
	if r.paused || r.failed || r.canarying() {
		return 0
	}
	limit := r.g.Update.MaxParallel
	if r.deployment == nil {
		return limit
	}
	for _, a := range r.untainted {
		if a.DeploymentID != r.deployment.ID {
			continue
		}
		switch {
		case a.DeploymentStatus != nil && a.DeploymentStatus.Healthy != nil && !*a.DeploymentStatus.Healthy:
			return 0
		case a.DeploymentStatus == nil || a.DeploymentStatus.Healthy == nil:
			limit--
		}
	}
	return max(limit, 0)
}

// place fills the group up to its count and returns how many placements that
// takes. While the deployment must not go on, only what was there before and is
// gone is replaced.
func (r *round) place(replace []*nl.Alloc) int {
	ready := !r.paused && !r.failed && !r.canarying()
	have := len(r.counted(r.untainted)) + len(r.migrate) + len(r.counted(r.waiting))
	placed := 0
	add := func(p Placement) {
		r.out.Place = append(r.out.Place, p)
		r.u.Place++
		placed++
	}
	for _, a := range r.now {
		canary := r.canarying() && r.canaries[a.ID]
		if !canary {
			have++
		}
		stop := r.stopOf(a, DescRescheduled)
		p := Placement{Group: r.g, Previous: a, Canary: canary, Reschedule: true, Replaces: &stop, Deployed: true}
		if p.Name = a.Name; !canary {
			p.Name = r.names.keep(a)
		}
		add(r.downgraded(p))
		r.u.Stop++
		r.u.RescheduleNow++
	}
	for _, list := range [2][]*nl.Alloc{replace, r.lost} {
		for _, a := range list {
			if have >= r.g.Count {
				r.names.release(a)
				continue
			}
			have++
			add(r.downgraded(Placement{Name: r.names.keep(a), Group: r.g, Previous: a, Deployed: true}))
		}
	}
	if !ready {
		return placed
	}
	r.out.Place = slices.Grow(r.out.Place, max(0, r.g.Count-have))
	for ; have < r.g.Count; have++ {
		add(Placement{Name: r.names.take(), Group: r.g, Deployed: true})
	}
	return placed
}

// downgraded keeps a replacement on the version of what it replaces while
// canaries of the newest are not promoted.
func (r *round) downgraded(p Placement) Placement {
	old := p.Previous
	if !r.canarying() || p.Canary || old.Job == nil || r.current(old) {
		return p
	}
	if g := old.Job.Group(r.g.Name); g != nil {
		p.Job, p.Group, p.Deployed = old.Job, g, false
	}
	return p
}

// replaceOld replaces as many old allocations as the rollout allows beside what
// is placed anyway.
func (r *round) replaceOld(placed int) {
	limit := max(r.limit()-placed, 0)
	count := min(limit, len(r.destructive))
	r.out.Place = slices.Grow(r.out.Place, count)
	stops := make([]nl.AllocStop, count)
	for i, a := range r.destructive {
		if i >= limit {
			r.u.Ignore++
			continue
		}
		stops[i] = r.stopOf(a, DescUpdating)
		r.u.DestructiveUpdate++
		r.out.Place = append(r.out.Place, Placement{
			Name: r.names.keep(a), Group: r.g, Previous: a, Replaces: &stops[i], Kept: r.noted[a.ID], Away: r.away[a.ID], Deployed: true,
		})
		delete(r.noted, a.ID)
		delete(r.away, a.ID)
	}
}

// move stops what migrates and places it elsewhere. What waits is stopped when
// its replacement is healthy.
func (r *round) move() {
	for _, a := range r.migrate {
		if !r.waits(a) {
			r.stop(a, DescMigrating)
		}
		r.u.Migrate++
		if a.DesiredTransition().MigrateDisablePlacement == nl.Yes {
			continue
		}
		r.out.Place = append(r.out.Place, r.downgraded(Placement{
			Name: r.names.keep(a), Group: r.g, Previous: a, Migrate: true, Deployed: true,
		}))
	}
}

// complete tells whether nothing is left to do for the group.
func (r *round) complete(placed int) bool {
	if placed+len(r.destructive)+r.inPlace+len(r.migrate)+len(r.later) > 0 || r.requires {
		return false
	}
	if r.deployment == nil {
		return false
	}
	st := r.deployment.TaskGroups[r.g.Name]
	if st == nil {
		return true
	}
	return st.HealthyAllocs >= max(st.DesiredTotal, st.DesiredCanaries) &&
		(st.DesiredCanaries == 0 || st.Promoted) && r.settled(r.untainted)
}

// settled tells that the health of every allocation of the deployment is known.
func (s *state) settled(allocs []*nl.Alloc) bool {
	for _, a := range allocs {
		if a.DeploymentID == s.deployment.ID && !a.Terminal() && (a.DeploymentStatus == nil || a.DeploymentStatus.Healthy == nil) {
			return false
		}
	}
	return true
}
