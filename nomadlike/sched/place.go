package sched

import (
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/sched/assign"
	"github.com/nomadlike/nomadlike/nomadlike/sched/reconcile"
)

// pendingReschedule notes on a failed allocation that its replacement is wanted
// but has no place yet.
const pendingReschedule = "pending"

// place finds nodes for all placements, those that replace something last: what
// only adds must not lose its place to them.
func (r *run) place(result *reconcile.Result) error {
	if r.job != nil && !r.job.Stop {
		for _, g := range r.job.TaskGroups {
			r.queued[g.Name] = 0
		}
	}
	r.expect(result.Place)
	pending := make([]*reconcile.Placement, len(result.Place))
	for i := range result.Place {
		pending[i] = &result.Place[i]
		r.queued[result.Place[i].Group.Name]++
	}
	// What found no room may find it after the rest has moved.
	for {
		r.freed = false
		failed, err := r.placeAll(pending, result.Current)
		if err != nil {
			return err
		}
		if !r.freed || len(failed) == 0 || len(failed) == len(pending) {
			for _, place := range failed {
				r.writeKept(place)
			}
			return nil
		}
		for _, p := range r.placers {
			p.failed, p.overQuota = nil, nil
		}
		clear(r.failures)
		pending = failed
	}
}

// expect makes room for placements and sets out their IDs.
func (r *run) expect(list []reconcile.Placement) {
	replaced := 0
	for i := range list {
		if list[i].Replaces != nil {
			replaced++
		}
	}
	r.ids = idsFor(len(list))
	r.plan.Place = slices.Grow(r.plan.Place, len(list))
	r.placed.list = slices.Grow(r.placed.list, len(list))
	r.plan.Stop = slices.Grow(r.plan.Stop, replaced)
	r.gone.list = slices.Grow(r.gone.list, replaced)
	r.changes = slices.Grow(r.changes, len(list)+replaced)
	if len(r.nodes) == 0 {
		r.nodes = make(map[string]*onNode, len(list))
	}
}

// placeAll tries every placement and returns those that failed.
func (r *run) placeAll(pending []*reconcile.Placement, d *nl.Deployment) (failed []*reconcile.Placement, err error) {
	left := map[*nl.Group]int{}
	for _, place := range pending {
		left[place.Group]++
	}
	for _, place := range pending {
		p, err := r.placerOf(place)
		if err != nil {
			return nil, err
		}
		if !r.placeOne(p, place, d) {
			failed = append(failed, place)
		}
		if left[place.Group]--; left[place.Group] == 0 {
			p.rest()
		}
	}
	return failed, nil
}

func (r *run) placerOf(place *reconcile.Placement) (*placer, error) {
	if place.Job != nil {
		return r.placer(place.Job, place.Group)
	}
	return r.placer(r.job, place.Group)
}

// placeOne tries one placement.
func (r *run) placeOne(p *placer, place *reconcile.Placement, d *nl.Deployment) bool {
	if h := r.held[place.Group.Name]; h != nil {
		r.holdBack(p, place, h)
		return false
	}
	old := place.Previous
	replaces := place.Replaces != nil
	if p.failed != nil && (!replaces || old.Terminal()) {
		p.failed.CoalescedFailures++
		return false
	}
	live := replaces && !old.Terminal()
	if live {
		r.leave(old)
		p.catchUp()
	}
	if r.try(p, place, d) {
		if replaces {
			r.plan.Stop = append(r.plan.Stop, *place.Replaces)
			r.freed = r.freed || live
		}
		return true
	}
	if live {
		r.comeBack(old)
		p.catchUp()
	}
	if p.failed == nil {
		p.failed = p.failure(place)
		r.failures[place.Group.Name] = p.failed
	} else {
		p.failed.CoalescedFailures++
	}
	return false
}

// writeKept writes what a placement that found no place was to replace: as the
// reconciler would have it, and a failed one with a mark.
func (r *run) writeKept(place *reconcile.Placement) {
	if place.Kept != nil {
		r.plan.Place = append(r.plan.Place, place.Kept)
	}
	if place.Away != nil {
		r.plan.Stop = append(r.plan.Stop, *place.Away)
	}
	a := place.Previous
	if !place.Reschedule || a.RescheduleTracker() != nil && a.RescheduleTracker().LastReschedule == pendingReschedule {
		return
	}
	tracker := &nl.RescheduleTracker{LastReschedule: pendingReschedule}
	if t := a.RescheduleTracker(); t != nil {
		tracker.Events = t.Events
	}
	noted := a.Copy()
	noted.Amend().RescheduleTracker = tracker
	r.plan.Place = append(r.plan.Place, noted)
}

// try finds a node and puts the allocation there.
func (r *run) try(p *placer, place *reconcile.Placement, d *nl.Deployment) bool {
	if !r.allowance.leaves(p) {
		return false
	}
	penalized := penalties(place)
	if c := r.preferred(p, place); c != nil {
		if r.putOn(p, c, place, d, penalized) {
			return true
		}
	}
	for {
		c := p.pick(place, penalized)
		if c == nil {
			break
		}
		if r.putOn(p, c, place, d, penalized) {
			return true
		}
	}
	return r.preempt(p, place, d)
}

// penalties are the nodes where the allocation failed before.
func penalties(place *reconcile.Placement) []string {
	if !place.Reschedule || place.Previous == nil {
		return nil
	}
	nodes := []string{place.Previous.NodeID}
	if t := place.Previous.RescheduleTracker(); t != nil {
		for _, e := range t.Events {
			if !slices.Contains(nodes, e.PrevNodeID) {
				nodes = append(nodes, e.PrevNodeID)
			}
		}
	}
	return nodes
}

// preferred is the node whose disk the allocation wants back.
func (r *run) preferred(p *placer, place *reconcile.Placement) *candidate {
	disk := place.Group.EphemeralDisk
	if place.Previous == nil || disk == nil || !disk.Sticky && !disk.Migrate {
		return nil
	}
	return p.usable(place.Previous.NodeID, place)
}

// putOn assigns the node's resources to a new allocation. When the node turns
// out to lack something, it is left out from then on.
func (r *run) putOn(p *placer, c *candidate, place *reconcile.Placement, d *nl.Deployment, penalized []string) bool {
	offer, reason := p.ask.Take(c.node, r.random)
	if reason == "" {
		reason = r.allowance.refuses(p, c, offer.Resources)
	}
	if reason != "" {
		c.exhausted = reason
		c.drop()
		return false
	}
	a := r.newAlloc(p, c, place, offer)
	a.Metrics = p.placedMetric(c, place, penalized)
	r.join(a, place, d)
	r.commit(p, c, a, offer)
	return true
}

// join makes the allocation part of the deployment that runs.
func (r *run) join(a *nl.Alloc, place *reconcile.Placement, d *nl.Deployment) {
	if d == nil || !d.Active() || !place.Deployed {
		return
	}
	a.DeploymentID = d.ID
	if place.Canary {
		a.DeploymentStatus = &nl.AllocDeploymentStatus{Canary: true}
	}
}

// commit puts the allocation into the plan and onto its node.
func (r *run) commit(p *placer, c *candidate, a *nl.Alloc, offer *assign.Offer) {
	r.plan.Place = append(r.plan.Place, a)
	r.placed.add(a.ID)
	r.note(a, +1)
	r.queued[a.TaskGroup]--
	p.placed++
	c.node.AddTake(a, offer.Take)
	r.allowance.count(a, +1)
	r.moved(a, +1)
	p.catchUp()
}

func (r *run) newAlloc(p *placer, c *candidate, place *reconcile.Placement, offer *assign.Offer) *nl.Alloc {
	job := p.ask.Job
	id, name := r.ids.name(r.in.NewID(), place.Name)
	a := &nl.Alloc{
		ID: id, Namespace: job.Namespace, EvalID: r.eval.ID, Name: name,
		NodeID: c.node.Info.ID, NodeName: c.node.Info.Name,
		JobID: job.ID, Job: job, JobVersion: job.Version, TaskGroup: place.Group.Name,
		AllocatedResources: offer.Resources,
		DesiredStatus:      nl.AllocDesiredRun, ClientStatus: nl.AllocClientPending,
	}
	if key := r.snapshot.ActiveRootKey(); key != nil {
		a.SigningKeyID = key.Meta.KeyID
	}
	if old := place.Previous; old != nil {
		history := a.Amend()
		history.PreviousAllocation = old.ID
		switch {
		case place.Reschedule:
			history.RescheduleTracker = reconcile.Tracker(old, r.in.Now)
		case place.Replaces == nil && !place.Migrate:
			history.RescheduleTracker = old.RescheduleTracker()
		}
	}
	return a
}

// placedMetric is the metric of a placement that succeeded. Where there was no
// choice of nodes it tells only of the one.
func (p *placer) placedMetric(c *candidate, place *reconcile.Placement, penalized []string) *nl.AllocMetric {
	if place.NodeID != "" {
		m := *p.run.baseMetric(p.ask.Job.NodePool)
		m.NodesEvaluated = 1
		m.ScoreMetaData = []*nl.NodeScoreMeta{p.row(c, penalized)}
		return &m
	}
	if p.recent != nil && p.placed >= choicesMax && len(penalized) == 0 {
		if p.recentUses++; p.recentUses%recentMax != 0 {
			return p.recent
		}
	}
	m := *p.passed()
	m.AllocationTime = p.run.elapsed()
	m.ScoreMetaData = p.scores(c, penalized)
	p.recent = &m
	return &m
}

// passed is what the metrics of the group's placements share; it is counted
// when the first is made.
func (p *placer) passed() *nl.AllocMetric {
	if p.shared == nil {
		p.shared = p.metric(nil)
	}
	return p.shared
}
