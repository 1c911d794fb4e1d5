package sched

import (
	"cmp"
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/expr"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/sched/feasible"
)

const (
	// foldKeysMax is how many values a fold counts apart before it calls the rest
	// "others".
	foldKeysMax = 8
	others      = "others"
	// examplesMax is how many nodes of a fold are named.
	examplesMax = 5
	// filterWeight makes a node that is of the wrong kind farther than any that
	// is merely full, whatever it lacks.
	filterWeight = 100
)

// survey looks at every node for one more allocation of a group.
type survey struct {
	run     *run
	placer  *placer
	detail  Detail
	reasons map[string]expr.Target // what constraints look at
	index   int                    // of the allocation

	out   *nl.NodeSurvey
	folds map[foldKey]*fold
	// missed are all nodes that were considered in vain, the nearest first; full
	// those of them that only lack room.
	missed []*seen
	full   []*seen
	reach  reach
}

// reach counts ready nodes of the whole cluster, for those who asked for others.
type reach struct {
	datacenters map[string]int // of the job's pool
	pools       map[string]int // of the job's datacenters
	allPools    map[string]int
}

// seen is a node and what is in the way there.
type seen struct {
	info    *nl.Node
	node    *fit.Node // nil when its room was not looked at
	verdict *nl.NodeVerdict
	weight  float64 // how far it is from taking the group
}

type foldKey struct{ stage, reason string }

type fold struct {
	*nl.NodeFold
	kinds map[string]bool
	only  []string // names of nodes without other obstacles
	first string   // ID of the first of them
	// found counts what they have instead.
	found map[string]int
	rest  []string
}

func (s *survey) look() *nl.NodeSurvey {
	s.out = &nl.NodeSurvey{}
	s.folds = map[foldKey]*fold{}
	s.reach = reach{map[string]int{}, map[string]int{}, map[string]int{}}
	for n := range s.run.snapshot.Nodes() {
		s.out.Known++
		s.noteReach(n)
		one := s.see(n)
		if len(one.verdict.Obstacles) == 0 {
			s.out.Considered++
			s.out.Usable++
			continue
		}
		s.count(one)
		if s.detail.Nodes {
			s.out.All = append(s.out.All, one.verdict)
		}
	}
	slices.SortStableFunc(s.missed, func(a, b *seen) int {
		return cmp.Or(cmp.Compare(a.weight, b.weight), cmp.Compare(a.info.Name, b.info.Name), cmp.Compare(a.info.ID, b.info.ID))
	})
	if s.elective() {
		s.missed = slices.DeleteFunc(s.missed, func(one *seen) bool { return one.verdict.Obstacles[0].Stage == nl.ObstacleFilter })
	}
	for _, one := range s.missed {
		if one.verdict.Obstacles[0].Stage == nl.ObstacleRoom {
			s.full = append(s.full, one)
		}
	}
	for _, one := range s.missed[:min(len(s.missed), nearestMax)] {
		s.out.Nearest = append(s.out.Nearest, one.verdict)
	}
	s.finishFolds()
	return s.out
}

func (s *survey) noteReach(n *nl.Node) {
	if !n.Ready() {
		return
	}
	s.reach.allPools[n.NodePool]++
	if inPool(n, s.placer.ask.Job.NodePool) {
		s.reach.datacenters[n.Datacenter]++
	}
	if expr.GlobAny(s.placer.ask.Job.Datacenters, n.Datacenter) {
		s.reach.pools[n.NodePool]++
	}
}

// see finds everything that is in the way on a node. Its room is only looked at
// where that can still make a difference: it costs far more than the rest.
func (s *survey) see(n *nl.Node) *seen {
	v := &nl.NodeVerdict{NodeID: n.ID, NodeName: n.Name, NodeClass: n.NodeClass, Datacenter: n.Datacenter, NodePool: n.NodePool}
	one := &seen{info: n, verdict: v}
	v.Obstacles = s.unreachable(n)
	v.Obstacles = append(v.Obstacles, s.filters(n)...)
	if len(v.Obstacles) > 1 {
		return one
	}
	one.node = s.run.node(n.ID)
	for _, short := range s.placer.ask.Shortages(one.node) {
		if !implied(v.Obstacles, short.Reason) {
			v.Obstacles = append(v.Obstacles, s.shortage(one.node, &short))
		}
	}
	if len(v.Obstacles) == 0 {
		v.Obstacles = s.refused(n)
	}
	return one
}

// refused is what was in the way of a node that seems to be usable when the
// group was placed in vain: some things only come out when resources are
// assigned.
func (s *survey) refused(n *nl.Node) []*nl.NodeObstacle {
	p := s.placer
	if p.failed == nil || p.at(n.ID) == nil {
		return nil
	}
	switch c := p.at(n.ID); {
	case c.filtered != "":
		return []*nl.NodeObstacle{{Stage: nl.ObstacleFilter, Reason: c.filtered}}
	case c.exhausted != "":
		return []*nl.NodeObstacle{{Stage: nl.ObstacleRoom, Reason: c.exhausted}}
	}
	return nil
}

// implied tells that a shortage only repeats what filters the node: what it does
// not have it cannot have free.
func implied(filters []*nl.NodeObstacle, shortage string) bool {
	for _, o := range filters {
		if o.Reason == feasible.MissingDevices && strings.HasPrefix(shortage, "devices: ") ||
			strings.HasPrefix(o.Reason, "missing host network") && strings.HasPrefix(shortage, "network: no addresses") {
			return true
		}
	}
	return false
}

// Reasons for which a node is out of reach.
const (
	reasonDown         = "node is down"
	reasonDisconnected = "node is disconnected"
	reasonInitializing = "node is initializing"
	reasonDraining     = "node is draining"
	reasonIneligible   = "node is not eligible"
	reasonDatacenter   = "other datacenter"
	reasonPool         = "other node pool"
	// reasonHere is for jobs that run once on each node.
	reasonHere = "runs it already"
)

func (s *survey) unreachable(n *nl.Node) []*nl.NodeObstacle {
	var out []*nl.NodeObstacle
	add := func(reason, detail string) {
		out = append(out, &nl.NodeObstacle{Stage: nl.ObstacleReach, Reason: reason, Detail: detail})
	}
	switch n.Status {
	case nl.NodeStatusReady:
		switch {
		case n.DrainStrategy != nil:
			add(reasonDraining, "")
		case n.SchedulingEligibility == nl.NodeIneligible:
			add(reasonIneligible, "")
		case !n.Ready():
			add(reasonInitializing, "")
		}
	case nl.NodeStatusDisconnected:
		add(reasonDisconnected, "")
	case nl.NodeStatusInit:
		add(reasonInitializing, "")
	default:
		add(reasonDown, "")
	}
	job := s.placer.ask.Job
	if !inPool(n, job.NodePool) {
		add(reasonPool, n.NodePool)
	}
	if !expr.GlobAny(job.Datacenters, n.Datacenter) {
		add(reasonDatacenter, n.Datacenter)
	}
	return out
}

// filters are the reasons for which a node may not run the group.
func (s *survey) filters(n *nl.Node) []*nl.NodeObstacle {
	var out []*nl.NodeObstacle
	add := func(reason string) {
		if !slices.ContainsFunc(out, func(o *nl.NodeObstacle) bool { return o.Reason == reason }) {
			out = append(out, &nl.NodeObstacle{Stage: nl.ObstacleFilter, Reason: reason, Detail: s.instead(n, reason)})
		}
	}
	p := s.placer
	for _, reason := range p.checks.Failures(n) {
		add(reason)
	}
	if p.checks.PerAlloc {
		if reason := p.checks.Index(n, p.ask.Group, s.index); reason != "" {
			add(reason)
		}
	}
	if s.everywhere() && s.run.count(p.ask.Group.Name, n.ID) > 0 {
		add(reasonHere)
		return out
	}
	if reason := p.distinct(&candidate{node: &fit.Node{Info: n}}); reason != "" {
		add(reason)
	}
	return out
}

// everywhere tells that the job runs once on each node.
func (s *survey) everywhere() bool {
	return s.run.eval.Type == nl.JobTypeSystem || s.run.eval.Type == nl.JobTypeSysBatch
}

// elective tells that nodes which filters leave out are not missed: the job runs
// wherever it may, and there are nodes where it may.
func (s *survey) elective() bool {
	return s.everywhere() && (s.out.Exhausted > 0 || s.folds[foldKey{nl.ObstacleFilter, reasonHere}] != nil)
}

// count notes a node that has obstacles. It is counted at the first stage at
// which it is left out, as metrics count it.
func (s *survey) count(one *seen) {
	v := one.verdict
	stage := v.Obstacles[0].Stage
	switch stage {
	case nl.ObstacleFilter:
		s.out.Considered++
		s.out.Filtered++
	case nl.ObstacleRoom:
		s.out.Considered++
		s.out.Exhausted++
	}
	for _, o := range v.Obstacles {
		if o.Stage == stage {
			s.fold(o, one)
		}
		one.weight += weight(o)
	}
	if stage == nl.ObstacleReach || v.Obstacles[0].Reason == reasonHere {
		return
	}
	s.missed = append(s.missed, one)
}

// weight is how far an obstacle keeps a node away: what is missing as a part of
// what is asked for.
func weight(o *nl.NodeObstacle) float64 {
	switch {
	case o.Stage == nl.ObstacleFilter:
		return filterWeight
	case o.Asked > 0:
		return float64(o.Short) / float64(o.Asked)
	}
	return 1
}

func (s *survey) fold(o *nl.NodeObstacle, one *seen) {
	key := foldKey{o.Stage, o.Reason}
	f := s.folds[key]
	if f == nil {
		f = &fold{kinds: map[string]bool{}, found: map[string]int{}, NodeFold: &nl.NodeFold{
			Stage: o.Stage, Reason: o.Reason, Details: map[string]int{}, Classes: map[string]int{}, OnlyClasses: map[string]int{},
			Datacenters: map[string]int{}, Pools: map[string]int{}, Asked: o.Asked, Unit: o.Unit, ShortMin: o.Short,
		}}
		s.folds[key] = f
	}
	n := one.info
	f.Nodes++
	f.Classes[n.NodeClass]++
	f.Datacenters[n.Datacenter]++
	f.Pools[n.NodePool]++
	f.kinds[n.ComputedClass] = true
	if o.Detail != "" {
		f.Details[o.Detail]++
	}
	f.ShortMin, f.ShortMax = min(f.ShortMin, o.Short), max(f.ShortMax, o.Short)
	if len(one.verdict.Obstacles) == 1 {
		f.Only++
		f.OnlyClasses[n.NodeClass]++
		if o.Detail != "" {
			f.found[o.Detail]++
		}
		if f.first == "" {
			f.first = n.ID
		}
		if len(f.only) < examplesMax {
			f.only = append(f.only, label(n.ID, n.Name))
		}
	} else if len(f.rest) < examplesMax {
		f.rest = append(f.rest, label(n.ID, n.Name))
	}
}

func (s *survey) finishFolds() {
	for _, f := range s.folds { // sorted below
		f.Kinds = len(f.kinds)
		f.Examples = append(f.only, f.rest...)
		f.Examples = f.Examples[:min(len(f.Examples), examplesMax)]
		for _, m := range []*map[string]int{&f.Details, &f.Classes, &f.OnlyClasses, &f.Datacenters, &f.Pools} {
			*m = most(*m)
		}
		s.out.Obstacles = append(s.out.Obstacles, f.NodeFold)
	}
	order := map[string]int{nl.ObstacleReach: 0, nl.ObstacleFilter: 1, nl.ObstacleRoom: 2}
	slices.SortFunc(s.out.Obstacles, func(a, b *nl.NodeFold) int {
		return cmp.Or(cmp.Compare(order[a.Stage], order[b.Stage]), cmp.Compare(b.Nodes, a.Nodes), cmp.Compare(a.Reason, b.Reason))
	})
}

// most keeps the largest counts and adds up the rest.
func most(m map[string]int) map[string]int {
	if len(m) <= foldKeysMax {
		return m
	}
	out := map[string]int{}
	for i, key := range byCount(m) {
		if i < foldKeysMax {
			out[key] = m[key]
		} else {
			out[others] += m[key]
		}
	}
	return out
}

// byCount are the keys, those with the largest counts first.
func byCount(m map[string]int) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
	return keys
}
