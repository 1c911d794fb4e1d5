package sched

import (
	"fmt"
	"math"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/capacity"
	"github.com/nomadlike/nomadlike/nomadlike/expr"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/sched/assign"
	"github.com/nomadlike/nomadlike/nomadlike/sched/feasible"
	"github.com/nomadlike/nomadlike/nomadlike/sched/rank"
	"github.com/nomadlike/nomadlike/nomadlike/sched/reconcile"
)

// placer finds nodes for the allocations of one group. Every node comes into
// question: either each is looked at once, and afterwards only those that
// change, or the index of the state hands out the best.
type placer struct {
	run        *run
	ask        *assign.Ask
	checks     *feasible.Checks
	algorithm  rank.Algorithm
	affinities []affinity
	weights    float64
	spreads    []*rank.Spread
	properties []*property
	company    []*company

	*indexed   // nil when each node is looked at
	candidates []*candidate
	lanes      []*lane
	lane       map[laneKey]*lane
	buckets    map[string]*bucket
	byCount    bool           // lanes are told apart by counts, not by values
	alikes     map[int]*alike // by count
	// strays counts nodes that turned out to belong into another lane than the one
	// for which they were asked.
	strays int
	ready  bool // lanes are built
	known  int  // of the run's changes

	placed int             // placements made
	failed *nl.AllocMetric // of the first placement that failed
	// overQuota is what the last placement that met the quota would have
	// exceeded; quotaAlone tells that no node could have helped.
	overQuota  []string
	quotaAlone bool
	shared     *nl.AllocMetric // what metrics of placements have in common
	// recent is the metric of the last placement that has its own.
	recent     *nl.AllocMetric
	recentUses int
}

// candidate is a node as this group sees it.
type candidate struct {
	node   *fit.Node
	order  uint64
	bucket *bucket
	lane   *lane          // where it stands, nil while it is left out
	at     int            // its place there
	slot   *capacity.Slot // of an indexed one, as the index has it
	static string         // why it may never run the group, ""
	liked  float64        // by the affinities

	filtered  string // why it is left out now, ""
	exhausted string // what it lacks now, ""
	parts     rank.Parts
}

type affinity struct {
	check  *expr.Check
	weight float64
}

// property is a distinct_property constraint with its counts.
type property struct {
	feasible.Property
	used map[string]int
}

func (r *run) newPlacer(job *nl.Job, g *nl.Group) (*placer, error) {
	ask, err := assign.New(job, g, r.oversubscription(job))
	if err != nil {
		return nil, fmt.Errorf("group %q: %w", g.Name, err)
	}
	checks, err := feasible.New(job, g, ask, r.snapshot)
	if err != nil {
		return nil, fmt.Errorf("group %q: %w", g.Name, err)
	}
	p := &placer{
		run: r, ask: ask, checks: checks, algorithm: r.algorithm(job),
		lane: map[laneKey]*lane{}, buckets: map[string]*bucket{},
		alikes: map[int]*alike{}, known: len(r.changes),
	}
	if err := p.addCompany(job, g); err != nil {
		return nil, err
	}
	if err := p.addAffinities(job, g); err != nil {
		return nil, err
	}
	p.spreads = rank.NewSpreads(job, g)
	for i := range checks.Properties {
		p.properties = append(p.properties, &property{checks.Properties[i], map[string]int{}})
	}
	p.countPresent()
	return p, nil
}

func (p *placer) addAffinities(job *nl.Job, g *nl.Group) error {
	lists := [][]*nl.Affinity{job.Affinities, g.Affinities}
	for _, t := range g.Tasks {
		lists = append(lists, t.Affinities)
	}
	for _, list := range lists {
		for _, a := range list {
			if expr.ParseTarget(a.LTarget).OfAllocs() {
				c, err := feasible.NewCompany(a.LTarget, a.Operand, a.RTarget)
				if err != nil {
					return fmt.Errorf("group %q: affinity: %w", g.Name, err)
				}
				p.company = append(p.company, &company{Company: c, weight: float64(a.Weight)})
				p.weights += math.Abs(float64(a.Weight))
				continue
			}
			check, err := expr.Compile(a.Operand, a.LTarget, a.RTarget)
			if err != nil {
				return fmt.Errorf("group %q: affinity: %w", g.Name, err)
			}
			p.affinities = append(p.affinities, affinity{check, float64(a.Weight)})
			p.weights += math.Abs(float64(a.Weight))
		}
	}
	return nil
}

// countPresent counts for spreads and distinct properties what is there.
func (p *placer) countPresent() {
	if len(p.spreads) == 0 && len(p.properties) == 0 {
		return
	}
	for _, a := range p.run.allocs {
		if !a.Terminal() && !p.run.gone.has(a.ID) {
			p.countAt(a.NodeID, a.TaskGroup, +1)
		}
	}
	for _, a := range p.run.plan.Place {
		if a.JobID == p.ask.Job.ID && p.run.placed.has(a.ID) {
			p.countAt(a.NodeID, a.TaskGroup, +1)
		}
	}
}

// countAt counts an allocation that comes to a node or, with -1, leaves it.
func (p *placer) countAt(nodeID, group string, by int) {
	if len(p.spreads) == 0 && len(p.properties) == 0 {
		return
	}
	info := p.run.snapshot.Node(nodeID)
	if info == nil {
		return
	}
	for _, s := range p.spreads {
		if value, ok := expr.Resolve(s.Attribute, info); ok && group == p.ask.Group.Name {
			s.Add(value, by)
		}
	}
	for _, d := range p.properties {
		if value, ok := d.Target.Resolve(info); ok && (d.PerJob || group == p.ask.Group.Name) {
			d.used[value] += by
		}
	}
}

// prepare looks at every node.
func (p *placer) prepare() {
	if p.ready {
		return
	}
	p.catchUp()
	p.ready = true
	if p.indexable() && p.prepareIndexed() {
		return
	}
	nodes := p.run.cluster(p.ask.Job.NodePool).nodes
	p.candidates = make([]*candidate, 0, len(nodes))
	list := make([]candidate, len(nodes))
	for i, info := range nodes {
		c := &list[i]
		c.node, c.order, c.static = p.run.node(info.ID), p.run.turn.OfNode(info.ID), p.checks.Node(info)
		if c.bucket = p.bucketOf(info); c.bucket != nil {
			c.bucket.members = append(c.bucket.members, c)
		}
		if p.weights > 0 && c.static == "" {
			c.liked = p.affinity(info)
		}
		p.candidates = append(p.candidates, c)
	}
	// With several spreads one placement changes the counts of many buckets.
	p.byCount = len(p.buckets) > bucketsMax && len(p.spreads) == 1 && p.spreads[0].Even()
	for _, c := range p.candidates {
		p.look(c)
		if c.filtered == "" && c.exhausted == "" {
			l, e := p.laneOf(c)
			l.heap = append(l.heap, e)
		}
	}
	for _, l := range p.lanes {
		l.build()
	}
}

// at is a node as the group sees it, nil when it is not among those looked at.
func (p *placer) at(nodeID string) *candidate {
	if p.indexed != nil {
		return p.atIndexed(nodeID)
	}
	i, known := p.run.cluster(p.ask.Job.NodePool).at[nodeID]
	if !known || i >= len(p.candidates) {
		return nil
	}
	return p.candidates[i]
}

// touch looks again at a node that has changed.
func (p *placer) touch(nodeID string) {
	if !p.ready {
		return
	}
	c := p.at(nodeID)
	if c == nil {
		return
	}
	p.look(c)
	p.enqueue(c)
	if p.byCount {
		for _, other := range c.bucket.members {
			if other != c {
				p.enqueue(other)
			}
		}
	}
}

// enqueue puts a node into its lane anew.
func (p *placer) enqueue(c *candidate) {
	if c.filtered != "" || c.exhausted != "" {
		c.drop()
		return
	}
	l, e := p.laneOf(c)
	if l == c.lane {
		l.change(e)
		return
	}
	c.drop()
	l.push(e)
}

// pick is the best node for the placement, nil when there is none. Penalized
// nodes are those where earlier attempts failed.
func (p *placer) pick(place *reconcile.Placement, penalized []string) *candidate {
	p.prepare()
	if p.checks.PerAlloc {
		return p.scan(place, penalized)
	}
	best, bestScore := p.bestOfLanes(penalized)
	for strays := 0; strays != p.strays; best, bestScore = p.bestOfLanes(penalized) {
		strays = p.strays
	}
	for _, id := range penalized {
		c := p.at(id)
		if c == nil || c.filtered != "" || c.exhausted != "" || p.distinct(c) != "" {
			continue
		}
		parts := c.parts
		parts.Penalty = true
		parts.Spread = p.spread(c.bucket)
		if score := parts.Final(); best == nil || score > bestScore {
			best, bestScore = c, score
		}
	}
	return best
}

// bestOfLanes is the best of all nodes but the penalized, nil when there is none.
func (p *placer) bestOfLanes(penalized []string) (best *candidate, bestScore float64) {
	for i := 0; i < len(p.lanes); i++ { // more may come
		l := p.lanes[i]
		e, held, found := p.first(l, penalized)
		for _, h := range held {
			l.push(h)
		}
		if !found {
			continue
		}
		score := rank.Mean(e.sum, l.terms, p.liked(l.alike))
		if best == nil || score > bestScore || score == bestScore && e.c.before(best) {
			best, bestScore = e.c, score
		}
	}
	return best, bestScore
}

// first is the best entry of a lane that is current, allowed and not penalized.
// Penalized ones are handed out, to be put back.
func (p *placer) first(l *lane, penalized []string) (best entry, held []entry, found bool) {
	for {
		best, out, found := p.firstKnown(l, penalized)
		held = append(held, out...)
		var floor *entry
		if found {
			floor = &best
		}
		if !p.pull(l, floor) {
			return best, held, found
		}
	}
}

// firstKnown is first among the nodes that have been looked at.
func (p *placer) firstKnown(l *lane, penalized []string) (best entry, held []entry, found bool) {
	for len(l.heap) > 0 {
		e := &l.heap[0]
		if slices.Contains(penalized, e.c.node.Info.ID) {
			held = append(held, l.pop())
			continue
		}
		reason := p.distinct(e.c)
		if reason == "" {
			return *e, held, true
		}
		l.pop().c.filtered = reason
	}
	return entry{}, held, false
}

// scan is pick for groups whose allocations differ in where they may run.
func (p *placer) scan(place *reconcile.Placement, penalized []string) *candidate {
	var best *candidate
	bestScore := 0.0
	for _, c := range p.candidates {
		if c.filtered != "" || c.exhausted != "" || nodeReason(p, c, place) != "" || p.distinct(c) != "" {
			continue
		}
		parts := c.parts
		parts.Penalty = slices.Contains(penalized, c.node.Info.ID)
		parts.Spread = p.spread(c.bucket)
		if score := parts.Final(); best == nil || score > bestScore {
			best, bestScore = c, score
		}
	}
	return best
}

// usable tells whether one given node can take the placement.
func (p *placer) usable(nodeID string, place *reconcile.Placement) *candidate {
	p.prepare()
	c := p.at(nodeID)
	if c == nil || c.filtered != "" || c.exhausted != "" || p.distinct(c) != "" || nodeReason(p, c, place) != "" {
		return nil
	}
	return c
}
