package sched

import (
	"math"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/capacity"
	"github.com/nomadlike/nomadlike/nomadlike/expr"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/sched/rank"
	"github.com/nomadlike/nomadlike/nomadlike/store/cow"
)

// indexed is how a placer sees nodes of which it looks only at those that come
// into question: the index of the state hands them out from the best to the
// worst, and those that the plan or the job's allocations make different are
// looked at one by one, as all are without it.
type indexed struct {
	index capacity.Index // as it was when the placer looked first
	views map[string]*view
	order []*view // by the keys of kinds
	byID  map[string]*candidate
	chunk chunk[candidate]
	total int // nodes
}

// view is a kind of nodes as a group sees it.
type view struct {
	kind   *capacity.Kind
	static string // why they may never run the group, ""
	alone  bool   // they are without a class: each is looked at
	liked  float64
	bucket *bucket // of the spreads that all nodes of a class are alike for
}

// standing is the index as far as the plan has come.
func (r *run) standing() capacity.Index {
	if r.stood < len(r.changes) {
		o := new(cow.Owner)
		for _, c := range r.changes[r.stood:] {
			if n := r.nodes[c.node]; n != nil && n.fit != nil {
				r.capacity.SetUsage(o, c.node, n.fit.Usage)
			}
		}
		r.capacity.Settle(o)
		r.stood = len(r.changes)
	}
	return r.capacity
}

// indexable tells whether nodes are told apart by their class, by what is left
// on them, and by nothing that another allocation changes elsewhere.
func (p *placer) indexable() bool {
	if p.run.whole || !p.checks.ByClass() || p.checks.PerAlloc || p.ask.Varies() ||
		len(p.company)+len(p.properties)+len(p.ask.Group.Volumes) > 0 {
		return false
	}
	for _, a := range p.affinities {
		if a.check.Escapes() {
			return false
		}
	}
	for _, s := range p.spreads {
		if expr.Escapes(s.Attribute) && !p.overNodes() {
			return false
		}
	}
	return true
}

// overNodes tells that the group is spread over nodes and nothing else.
func (p *placer) overNodes() bool {
	return len(p.spreads) == 1 && p.spreads[0].Even() && expr.ParseTarget(p.spreads[0].Attribute).Kind == expr.NodeID
}

// prepareIndexed looks at kinds of nodes. It is false when the nodes are better
// looked at one by one.
func (p *placer) prepareIndexed() bool {
	p.indexed = &indexed{index: p.run.standing(), views: map[string]*view{}, byID: map[string]*candidate{}}
	overNodes := p.overNodes()
	for k := range p.index.Kinds() {
		n := k.Sample()
		if !p.run.serves(n, p.ask.Job.NodePool) {
			continue
		}
		v := &view{kind: k, alone: n.ComputedClass == ""}
		if !v.alone {
			v.static = p.checks.Class(n)
			if !overNodes {
				v.bucket = p.bucketOf(n)
			}
		}
		if !v.alone && v.static == "" && p.weights > 0 {
			v.liked = p.affinity(n)
		}
		p.views[k.Key()] = v
		p.order = append(p.order, v)
		p.total += k.Len()
	}
	if overNodes && p.total <= bucketsMax || len(p.buckets) > bucketsMax && len(p.spreads) == 1 && p.spreads[0].Even() {
		p.indexed = nil
		p.buckets = map[string]*bucket{}
		return false
	}
	p.byCount = overNodes
	p.addSources()
	for _, v := range p.order {
		if v.alone {
			p.admitAll(v)
		}
	}
	if p.hostsDiffer() {
		for id, c := range p.run.nodes {
			if c.of(p.ask.Group.Name) > 0 || p.checks.HostsJob && c.job > 0 {
				p.at(id)
			}
		}
	}
	return true
}

// hostsDiffer tells whether a node that hosts the group may be liked better, or
// be left out, for it. Without spreads and affinities it is only liked less, and
// is found when it is its turn.
func (p *placer) hostsDiffer() bool {
	return len(p.spreads) > 0 || p.weights > 0 || p.checks.HostsJob || p.checks.HostsGroup
}

// addSources gives each lane the kinds of nodes that belong there as long as
// nothing of the job is on them.
func (p *placer) addSources() {
	score := capacity.Score{
		Of:     func(used, c fit.Vector) float64 { return rank.Fit(p.algorithm, used, c) },
		AtMost: func(low, high fit.Shares) float64 { return rank.FitAtMost(p.algorithm, low, high) },
	}
	for _, v := range p.order {
		if v.alone || v.static != "" || !v.kind.May(p.ask.Need) {
			continue
		}
		key := laneKey{alike: p.alikeOf(v.bucket), terms: 1}
		if p.byCount {
			key.alike = p.alikeCount(0)
		}
		if v.liked != 0 {
			key.terms++
		}
		l := p.laneAt(key)
		if l.source == nil {
			l.source = capacity.NewSearch(p.ask.Need, score, p.run.turn)
		}
		l.source.Add(v.kind, v.liked)
	}
}

// known is of a value that every node has.
var known = []bool{true}

// admit looks at a node from now on.
func (p *placer) admit(s *capacity.Slot, v *view) *candidate {
	c, on := p.chunk.make(len(p.candidates)), p.run.on(s.Node.ID)
	*c = candidate{
		node: on.fit, order: p.run.turn.Of(s), slot: s,
		static: v.static, liked: v.liked, bucket: v.bucket,
	}
	if c.node == nil {
		c.node = p.run.newFit(on, s.Node, s.Usage)
	}
	if v.alone {
		c.static = p.checks.Node(s.Node)
		if p.weights > 0 && c.static == "" {
			c.liked = p.affinity(s.Node)
		}
	}
	switch {
	case p.byCount:
		c.bucket = &bucket{values: []string{s.Node.ID}, known: known}
	case c.bucket == nil:
		c.bucket = p.bucketOf(s.Node)
	}
	if c.bucket != nil {
		c.bucket.members = append(c.bucket.members, c)
	}
	p.candidates = append(p.candidates, c)
	p.byID[s.Node.ID] = c
	p.look(c)
	p.enqueue(c)
	return c
}

// atIndexed is a node as the group sees it, nil when the job may not use it.
func (p *placer) atIndexed(nodeID string) *candidate {
	if c := p.byID[nodeID]; c != nil {
		return c
	}
	s := p.index.Get(nodeID)
	if s == nil {
		return nil
	}
	v := p.views[s.KindOf()]
	if v == nil {
		return nil
	}
	return p.admit(s, v)
}

func (p *placer) admitAll(v *view) {
	for s := range v.kind.Slots() {
		if p.byID[s.Node.ID] == nil {
			p.admit(s, v)
		}
	}
}

// everyone looks at every node that may ever run the group.
func (p *placer) everyone() []*candidate {
	if p.indexed != nil {
		for _, v := range p.order {
			if v.static == "" {
				p.admitAll(v)
			}
		}
		slices.SortFunc(p.candidates, func(a, b *candidate) int {
			if a.before(b) {
				return -1
			}
			return 1
		})
	}
	return p.candidates
}

// pull looks at the next node of the lane's source unless it is worse than the
// entry, nil for any. It is false when there is none.
func (p *placer) pull(l *lane, floor *entry) bool {
	if l.source == nil {
		return false
	}
	sum, order := math.Inf(-1), uint64(0)
	if floor != nil {
		sum, order = floor.sum, floor.order
	}
	s := l.source.Next(sum, order)
	if s == nil {
		return false
	}
	if p.byID[s.Node.ID] == nil {
		c := p.admit(s, p.views[s.KindOf()])
		if c.lane != nil && c.lane != l {
			p.strays++
		}
	}
	return true
}

// deepen looks at nodes until the n best of the lane are among those that have
// been looked at.
func (p *placer) deepen(l *lane, n int) {
	for l.source != nil {
		var last *entry
		seen := 0
		l.top(func(e *entry) bool {
			seen++
			last = e
			return seen < n
		})
		if seen < n {
			last = nil
		}
		if !p.pull(l, last) {
			return
		}
	}
}

// countIndexed is the state of all nodes: kinds are counted as a whole, but for
// the nodes that have been looked at.
func (p *placer) countIndexed(m *nl.AllocMetric) {
	m.NodesEvaluated = p.total
	need := p.ask.Need
	exhausted, classes := map[string]int{}, map[string]int{}
	for _, v := range p.order {
		n := v.kind.Sample()
		switch {
		case v.alone:
		case v.static != "":
			first, rest := p.checks.CountAll(n, v.static, v.kind.Len())
			m.NodesFiltered += v.kind.Len()
			m.ConstraintFiltered = count(m.ConstraintFiltered, first, min(1, v.kind.Len()))
			if rest != "" {
				m.ConstraintFiltered = count(m.ConstraintFiltered, rest, v.kind.Len()-1)
			}
			if n.NodeClass != "" {
				m.ClassFiltered = count(m.ClassFiltered, n.NodeClass, v.kind.Len())
			}
		default:
			lacks := v.kind.Lacks(need)
			lacks.Each(func(room string, nodes int) {
				exhausted[room] += nodes
				classes[n.NodeClass] += nodes
			})
		}
	}
	for _, c := range p.candidates {
		class := c.node.Info.NodeClass
		v := p.views[c.slot.KindOf()]
		if v.static != "" {
			continue
		}
		if !v.alone {
			if room := c.slot.Room(need); room != "" {
				exhausted[room]--
				classes[class]--
			}
		}
		switch {
		case c.filtered != "":
			p.countFiltered(m, c, c.filtered)
		case c.exhausted != "":
			exhausted[c.exhausted]++
			classes[class]++
		}
	}
	for dimension, n := range exhausted {
		if n > 0 {
			m.NodesExhausted += n
			m.DimensionExhausted = count(m.DimensionExhausted, dimension, n)
		}
	}
	for class, n := range classes {
		if n > 0 && class != "" {
			m.ClassExhausted = count(m.ClassExhausted, class, n)
		}
	}
}
