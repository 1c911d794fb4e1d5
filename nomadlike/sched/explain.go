package sched

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/expr"
	"github.com/nomadlike/nomadlike/nomadlike/sched/reconcile"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

const (
	// nearestMax is how many nodes that lack little are named for a group: they
	// must fit on a screen.
	nearestMax = 5
	// plannedMax is how many placements of a dry run are explained one by one.
	plannedMax = 5
)

// Detail is how much an explanation tells.
type Detail struct {
	// Nodes tells every node that is in the way of something, and every planned
	// placement.
	Nodes bool
	// Sees tells whether the caller may know what jobs there are in a namespace;
	// nil is all of them.
	Sees func(namespace string) bool
}

// JobName is the ID of a job that stands in the way, as far as the caller may
// know it.
func (d Detail) JobName(namespace, id string) string {
	if d.Sees != nil && !d.Sees(namespace) {
		return "of another namespace"
	}
	return id
}

// Explained is a decision with its reasons.
type Explained struct {
	*Outcome
	Groups []*nl.GroupExplanation // in the order of the job, without what is stored
	Stages []*nl.ExplainStage
}

// Explain is Schedule with reasons: after the decision every node of the cluster
// is looked at once more for each group. It decides what Schedule decides.
func Explain(s *store.Snapshot, e *nl.Eval, in Input, d Detail) (*Explained, error) {
	watch := stopwatch{elapsed: in.Elapsed}
	r := newRun(s, e, in)
	out, err := r.decide()
	if err != nil {
		return nil, err
	}
	watch.lap("schedule")
	x := &Explained{Outcome: out}
	if r.job == nil || r.job.Stop || r.template() {
		x.Stages = watch.stages
		return x, nil
	}
	for _, g := range r.job.TaskGroups {
		group, err := r.explainGroup(g, d, out)
		if err != nil {
			return nil, err
		}
		x.Groups = append(x.Groups, group)
	}
	watch.lap("survey nodes")
	x.Stages = watch.stages
	return x, nil
}

// stopwatch measures stages where somebody keeps the time.
type stopwatch struct {
	elapsed func() time.Duration
	last    time.Duration
	stages  []*nl.ExplainStage
}

func (w *stopwatch) lap(name string) {
	if w.elapsed == nil {
		return
	}
	now := w.elapsed()
	w.stages = append(w.stages, &nl.ExplainStage{Name: name, Took: now - w.last})
	w.last = now
}

// explainGroup tells what the group asks for, what became of it, and what every
// node says to one more of it: of a gang, to one more beside those that fit.
func (r *run) explainGroup(g *nl.Group, d Detail, out *Outcome) (*nl.GroupExplanation, error) {
	p, err := r.placer(r.job, g)
	if err != nil {
		return nil, err
	}
	x := &nl.GroupExplanation{Name: g.Name, Ask: p.asked()}
	if m := out.Eval.FailedTGAllocs[g.Name]; m != nil {
		x.NoPlace, x.Quota, x.AllOrNothing = m.CoalescedFailures+1, m.QuotaExhausted, m.Reason
	}
	s := &survey{run: r, placer: p, detail: d, reasons: constraintTargets(r.job, g)}
	s.index = r.missingIndex(g)
	x.Nodes = s.look()
	if m := r.failures[g.Name]; m != nil && x.NoPlace > 0 {
		x.Unblock = s.hints(m.CoalescedFailures + 1)
	}
	most := plannedMax
	if d.Nodes {
		most = len(out.Plan.Place)
	}
	for _, a := range out.Plan.Place {
		if a.TaskGroup != g.Name || r.snapshot.Alloc(a.ID) != nil {
			continue
		}
		if len(x.Planned) == most {
			x.PlannedMore++
			continue
		}
		x.Planned = append(x.Planned, Placement(r.snapshot, a))
	}
	return x, nil
}

// asked is what the group asks for, in words.
func (p *placer) asked() *nl.GroupAsk { return describeAsk(p.ask.Job, p.ask.Group, p.ask) }

// missingIndex is the lowest index that no live allocation of the group has:
// where volumes depend on the index, that one waits.
func (r *run) missingIndex(g *nl.Group) int {
	have := map[int]bool{}
	for _, a := range r.allocs {
		if a.TaskGroup == g.Name && !a.Terminal() && !r.gone.has(a.ID) {
			have[reconcile.Index(a.Name)] = true
		}
	}
	for _, a := range r.plan.Place {
		if a.TaskGroup == g.Name && r.placed.has(a.ID) {
			have[reconcile.Index(a.Name)] = true
		}
	}
	for i := 0; ; i++ {
		if !have[i] {
			return i
		}
	}
}

// constraintTargets maps constraints, as metrics name them, to what they look
// at.
func constraintTargets(job *nl.Job, g *nl.Group) map[string]expr.Target {
	lists := [][]*nl.Constraint{job.Constraints, g.Constraints}
	for _, t := range g.Tasks {
		lists = append(lists, t.Constraints)
	}
	out := map[string]expr.Target{}
	for _, list := range lists {
		for _, c := range list {
			out[constraintText(c)] = expr.ParseTarget(c.LTarget)
		}
	}
	return out
}

// constraintText is a constraint as metrics name it.
func constraintText(c *nl.Constraint) string {
	return c.LTarget + " " + c.Operand + " " + c.RTarget
}

// Placement tells what an allocation's own metric says of why it is where it
// is. Nodes that are gone have no name.
func Placement(s *store.Snapshot, a *nl.Alloc) *nl.PlacementExplanation {
	x := &nl.PlacementExplanation{
		AllocID: a.ID, Name: a.Name, NodeID: a.NodeID, NodeName: a.NodeName, JobVersion: a.JobVersion, EvalID: a.EvalID,
		DesiredStatus: a.DesiredStatus, ClientStatus: a.ClientStatus, Preempted: a.PreemptedAllocations(),
	}
	if n := s.Node(a.NodeID); x.NodeName == "" && n != nil {
		x.NodeName = n.Name
	}
	if m := a.Metrics; m != nil {
		x.Considered, x.Filtered, x.Exhausted, x.Took = m.NodesEvaluated, m.NodesFiltered, m.NodesExhausted, m.AllocationTime
		for _, row := range m.ScoreMetaData {
			score := &nl.NodeScore{NodeID: row.NodeID, Parts: row.Scores.Map(), Final: row.NormScore, Chosen: row.NodeID == a.NodeID}
			if n := s.Node(row.NodeID); n != nil {
				score.NodeName = n.Name
			}
			x.Scores = append(x.Scores, score)
		}
	}
	x.Why = why(a, x)
	return x
}

// why says in one line why it was this node.
func why(a *nl.Alloc, x *nl.PlacementExplanation) string {
	chosen, other := (*nl.NodeScore)(nil), (*nl.NodeScore)(nil)
	for _, s := range x.Scores {
		switch {
		case s.Chosen:
			chosen = s
		case other == nil:
			other = s
		}
	}
	everywhere := a.Job != nil && (a.Job.Type == nl.JobTypeSystem || a.Job.Type == nl.JobTypeSysBatch)
	switch {
	case len(a.PreemptedAllocations()) > 0:
		return fmt.Sprintf("no node had room; here %d of lower priority could make way at the least cost", len(a.PreemptedAllocations()))
	case everywhere:
		return fmt.Sprintf("jobs of type %s run on every node that may run them", a.Job.Type)
	case chosen == nil:
		return "no scores were stored"
	case other == nil:
		return "the only node that could take it"
	case chosen.Final < other.Final && sticky(a):
		return "its ephemeral disk is here; " + nodeLabel(other) + " scored higher"
	case chosen.Final <= other.Final:
		return "as good as " + nodeLabel(other) + "; a draw decided"
	}
	return fmt.Sprintf("beats %s by %.3f: %s", nodeLabel(other), chosen.Final-other.Final, advantages(chosen, other))
}

func sticky(a *nl.Alloc) bool {
	if a.Job == nil || a.PreviousAllocation() == "" {
		return false
	}
	g := a.Job.Group(a.TaskGroup)
	return g != nil && g.EphemeralDisk != nil && (g.EphemeralDisk.Sticky || g.EphemeralDisk.Migrate)
}

func nodeLabel(s *nl.NodeScore) string { return label(s.NodeID, s.NodeName) }

// label is a node's name, or the start of its ID when it has none.
func label(id, name string) string {
	if name != "" {
		return name
	}
	return id[:min(len(id), 8)]
}

// advantages lists the parts in which two nodes differ, the weightiest first.
func advantages(chosen, other *nl.NodeScore) string {
	type difference struct {
		name string
		by   float64
	}
	var all []difference
	names := map[string]bool{}
	for name := range chosen.Parts {
		names[name] = true
	}
	for name := range other.Parts {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if by := chosen.Parts[name] - other.Parts[name]; by > differenceMin || by < -differenceMin {
			all = append(all, difference{name, by})
		}
	}
	slices.SortStableFunc(all, func(a, b difference) int { return -cmp.Compare(a.by, b.by) })
	text := ""
	for i, d := range all {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s %+.3f", d.name, d.by)
	}
	return text
}

// differenceMin is the smallest difference of scores that is told: smaller ones
// round to nothing.
const differenceMin = 0.0005
