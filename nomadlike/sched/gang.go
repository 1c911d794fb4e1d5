package sched

import (
	"fmt"
	"maps"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/sched/reconcile"
)

// A gang is groups of a job whose placements of one evaluation are committed
// together or not at all. Whether all of them fit is found out by placing them;
// where they do not, the evaluation is decided anew with the gang held back, so
// that nothing depends on where a part of it would have been.

// gangsOf lists the gangs of a job by the names of their groups.
func gangsOf(job *nl.Job) [][]string {
	if job == nil || job.Stop {
		return nil
	}
	var out [][]string
	var all []string
	for _, g := range job.TaskGroups {
		all = append(all, g.Name)
		if g.AllOrNothing {
			out = append(out, []string{g.Name})
		}
	}
	if job.AllOrNothing {
		return [][]string{all}
	}
	return out
}

// broken is the first gang of which some placements found no node, nil when
// there is none that is not held back already.
func (r *run) broken() []string {
	for _, gang := range gangsOf(r.job) {
		if r.held[gang[0]] == nil && slices.ContainsFunc(gang, func(g string) bool { return r.failures[g] != nil }) {
			return gang
		}
	}
	return nil
}

// without decides the evaluation anew with one more gang held back.
func (r *run) without(gang []string, result *reconcile.Result) (*Outcome, error) {
	wanted, missing := 0, 0
	for i := range result.Place {
		if slices.Contains(gang, result.Place[i].Group.Name) {
			wanted++
		}
	}
	for _, g := range gang {
		missing += r.queued[g]
	}
	reason := fmt.Sprintf("all_or_nothing: %d of %d placements fit", wanted-missing, wanted)
	again := newRun(r.snapshot, r.eval, r.in)
	again.whole = r.whole
	again.held = maps.Clone(r.held)
	if again.held == nil {
		again.held = map[string]*held{}
	}
	for _, name := range gang {
		h := &held{lacks: r.failures[name] != nil}
		switch p := r.placers[placerKey{name, r.job.Version}]; {
		case h.lacks:
			h.metric = *r.failures[name]
		case p != nil:
			h.metric = *p.survey(nil)
		}
		h.metric.Reason = reason
		again.held[name] = h
	}
	return again.generic()
}

// held is why nothing of a group may be placed.
type held struct {
	metric nl.AllocMetric
	lacks  bool // the group itself found too little room
}

// holdBack refuses a placement of a gang that is held back.
func (r *run) holdBack(p *placer, place *reconcile.Placement, h *held) {
	if known := r.failures[place.Group.Name]; known != nil {
		known.CoalescedFailures++
		return
	}
	m := h.metric
	m.CoalescedFailures = 0
	r.failures[place.Group.Name] = &m
	if h.lacks {
		// What is missing tells which nodes could help.
		p.prepare()
		p.failed = &m
	}
}

// gangs lists those of which the plan places something.
func (r *run) gangs() [][]string {
	var out [][]string
	for _, gang := range gangsOf(r.job) {
		placed := func(a *nl.Alloc) bool { return r.placed.has(a.ID) && slices.Contains(gang, a.TaskGroup) }
		if slices.ContainsFunc(r.plan.Place, placed) {
			out = append(out, gang)
		}
	}
	return out
}

// blockedBecause describes a blocked evaluation.
func (r *run) blockedBecause() string {
	for _, g := range slices.Sorted(maps.Keys(r.failures)) {
		if reason := r.failures[g].Reason; reason != "" {
			return descBlocked + "; " + reason
		}
	}
	return descBlocked
}
