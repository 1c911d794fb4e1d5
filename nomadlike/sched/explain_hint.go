package sched

import (
	"fmt"
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/sched/assign"
	"github.com/nomadlike/nomadlike/nomadlike/sched/feasible"
)

const (
	// hintsMax is how many hints are given: more are no hints.
	hintsMax = 6
	// preemptTriesMax is how many of the nearest nodes are searched for work that
	// could make way: each search costs as much as placing.
	preemptTriesMax = 16
	// choicesNamedMax is how many of several things a hint names.
	choicesNamedMax = 4
)

// hints says what would let missing more allocations be placed, the easiest
// first.
func (s *survey) hints(missing int) []*nl.ExplainHint {
	var out []*nl.ExplainHint
	add := func(h *nl.ExplainHint) {
		if h != nil {
			out = append(out, h)
		}
	}
	if s.out.Known == 0 {
		add(&nl.ExplainHint{Kind: nl.HintAdd, Text: "the cluster has no nodes: start an agent with its client enabled"})
		return out
	}
	if over := s.run.failures[s.placer.ask.Group.Name].QuotaExhausted; len(over) > 0 {
		add(&nl.ExplainHint{Kind: nl.HintQuota, Text: "raise the quota of the namespace, or stop other work that uses it: " + strings.Join(over, ", ")})
		if s.placer.quotaAlone {
			return out // no node was looked at
		}
	}
	elsewhere := s.elsewhereHint()
	add(elsewhere)
	s.each(nl.ObstacleReach, func(f *nl.NodeFold) {
		if h := s.reachHint(f); h != nil && (elsewhere == nil || h.Kind != elsewhere.Kind) {
			add(h)
		}
	})
	add(s.preemptHint())
	s.each(nl.ObstacleRoom, func(f *nl.NodeFold) { add(s.roomHint(f)) })
	if !s.elective() {
		add(s.valuesHint(missing))
	}
	s.each(nl.ObstacleFilter, func(f *nl.NodeFold) { add(s.filterHint(f, missing)) })
	add(s.addHint(missing))
	if len(out) == 0 && len(s.missed) > 0 {
		add(s.nearestHint())
	}
	if len(out) == 0 && s.out.Usable > 0 {
		add(&nl.ExplainHint{Kind: nl.HintAdd, Text: fmt.Sprintf("%s, but not all that must be placed together: add nodes or ask for less",
			counted(s.out.Usable, "could take one of it", "could take one of it"))})
	}
	return out[:min(len(out), hintsMax)]
}

// each yields the obstacles of a stage.
func (s *survey) each(stage string, yield func(*nl.NodeFold)) {
	for _, f := range s.out.Obstacles {
		if f.Stage == stage {
			yield(f)
		}
	}
}

// counted is a count with its noun and a verb that agrees with it.
func counted(n int, verb, verbs string) string {
	if n == 1 {
		return "1 node " + verb
	}
	return fmt.Sprintf("%d nodes %s", n, verbs)
}

// named names a few nodes of a fold.
func named(f *nl.NodeFold, total int) string {
	list := f.Examples[:min(len(f.Examples), total, 3)]
	text := strings.Join(list, ", ")
	if total > len(list) {
		text += fmt.Sprintf(" and %d more", total-len(list))
	}
	return text
}

// preemptHint finds work of lower priority near by that would make room.
func (s *survey) preemptHint() *nl.ExplainHint {
	on := s.run.preemption()
	for _, one := range s.full[:min(len(s.full), preemptTriesMax)] {
		victims := s.run.victims(s.placer, &candidate{node: one.node})
		if len(victims) == 0 {
			continue
		}
		highest, jobs := 0, []string{}
		for _, v := range victims {
			highest = max(highest, v.Job.Priority)
			if name := s.detail.JobName(v.Namespace, v.JobID); !slices.Contains(jobs, name) {
				jobs = append(jobs, name)
			}
		}
		slices.Sort(jobs)
		text := fmt.Sprintf("stopping %s of priority %d or less on %s frees enough: %s",
			plural(len(victims), "allocation"), highest, label(one.info.ID, one.info.Name), listed(jobs))
		hint := &nl.ExplainHint{Kind: nl.HintPreempt, Nodes: 1, Text: text}
		if !on {
			hint.Text += fmt.Sprintf("; preemption would do so but is off for %s jobs", s.run.eval.Type)
			hint.Command = fmt.Sprintf("operator scheduler set-config -preempt-%s-scheduler=true", s.run.eval.Type)
		}
		return hint
	}
	return nil
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// listed names a few.
func listed(names []string) string {
	if len(names) <= choicesNamedMax {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:choicesNamedMax], ", ") + fmt.Sprintf(" and %d more", len(names)-choicesNamedMax)
}

// roomHint is about a resource that the nodes have too little of.
func (s *survey) roomHint(f *nl.NodeFold) *nl.ExplainHint {
	unit := f.Unit
	what := shortName(f.Reason)
	if have, large := s.largest(f); large {
		return &nl.ExplainHint{Kind: nl.HintShrink, Text: fmt.Sprintf("no node is that large: it asks for %s %s, the largest that qualifies has %s in all; ask for less or add larger nodes",
			quantity(f.Asked, unit), what, quantity(have, unit))}
	}
	nearest := s.nearestWith(f.Reason)
	if nearest == nil || f.Only == 0 || strings.HasPrefix(f.Reason, "quota: ") { // that has a hint of its own
		return nil
	}
	o := nearest.verdict.Obstacles[0]
	where := label(nearest.info.ID, nearest.info.Name)
	hint := &nl.ExplainHint{Kind: nl.HintFree, Nodes: f.Only}
	switch {
	case o.Short > 0 && o.Unit != "":
		hint.Text = fmt.Sprintf("%s more free %s on %s, or ask for %s instead of %s", quantity(o.Short, o.Unit), o.Reason, where,
			quantity(o.Asked-o.Short, o.Unit), quantity(o.Asked, o.Unit))
		if o.Asked <= o.Short {
			hint.Text = fmt.Sprintf("%s more free %s on %s", quantity(o.Short, o.Unit), o.Reason, where)
		}
	case o.Reason == fit.AllocsPerMax:
		hint.Text = fmt.Sprintf("%s holds as many allocations as its configuration allows (%d)", where, o.Total)
	case o.Short > 0:
		hint.Text = fmt.Sprintf("%d more free %s on %s (%d of %d in use)", o.Short, what, where, o.Total-o.Free, o.Total)
	case o.Detail != "":
		hint.Text = fmt.Sprintf("%s on %s is taken %s: free it, or ask for a dynamic port", portText(o.Reason), where, o.Detail)
	default:
		hint.Text = fmt.Sprintf("%s: %s", where, o.Reason)
	}
	if f.Only > 1 && nearest.info != nil {
		hint.Text += fmt.Sprintf(" (%d nodes lack only this)", f.Only)
	}
	return hint
}

// portText names the port of a collision.
func portText(reason string) string {
	if _, port, found := strings.Cut(reason, "collision "); found {
		return "static port " + port
	}
	return reason
}

// shortName is what a node has too little of.
func shortName(reason string) string {
	if strings.HasPrefix(reason, "network: dynamic") {
		return "dynamic ports"
	}
	return strings.TrimPrefix(reason, "devices: ")
}

// largest is the most that any node which may run the group has of a resource;
// large tells that even this is less than what is asked for.
func (s *survey) largest(f *nl.NodeFold) (have int64, large bool) {
	if f.Asked == 0 || f.Reason == fit.AllocsPerMax || s.out.Usable > 0 {
		return 0, false
	}
	for _, one := range s.full {
		at := slices.IndexFunc(one.verdict.Obstacles, func(o *nl.NodeObstacle) bool { return o.Reason == f.Reason })
		if at < 0 {
			return 0, false
		}
		have = max(have, one.verdict.Obstacles[at].Total)
	}
	return have, have < f.Asked
}

// nearestWith is the nearest node that lacks nothing else.
func (s *survey) nearestWith(reason string) *seen {
	var best *seen
	for _, one := range s.full {
		if obstacles := one.verdict.Obstacles; len(obstacles) == 1 && obstacles[0].Reason == reason && (best == nil || one.weight < best.weight) {
			best = one
		}
	}
	return best
}

func quantity(n int64, unit string) string {
	if unit == assign.MB {
		unit = "MiB"
	}
	if unit == "" {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d %s", n, unit)
}

// filterHint is about nodes that are not what the group needs in one respect
// alone.
func (s *survey) filterHint(f *nl.NodeFold, missing int) *nl.ExplainHint {
	if f.Only == 0 || s.elective() || s.hasValue(f.Reason) {
		return nil
	}
	hint := &nl.ExplainHint{Kind: nl.HintRelax, Nodes: f.Only}
	if f.Reason == feasible.DistinctHosts {
		hint.Text = fmt.Sprintf("distinct_hosts: each node that qualifies (%d) has one already: add %s, or lower the count by %d",
			f.Only, plural(missing, "node"), missing)
		return hint
	}
	of := ""
	if class, one := onlyClass(f.OnlyClasses); one {
		of = "of class " + class + " "
	}
	what, lacks := s.remedy(f.Reason)
	verb, verbs := of+"fails nothing else", of+"fail nothing else"
	if lacks {
		verb, verbs = of+"lacks nothing else", of+"lack nothing else"
	}
	hint.Text = what + ": " + counted(f.Only, verb, verbs)
	if found := s.folds[foldKey{f.Stage, f.Reason}].found; len(found) > 0 {
		details := detailsText(found)
		if !lacks {
			details = "found: " + details
		}
		hint.Text += " (" + details + ")"
	}
	return hint
}

// reasonText is a reason as metrics name it, made readable.
func reasonText(reason string) string {
	return strings.TrimSpace(strings.Join(strings.Fields(reason), " "))
}

// detailsText counts what nodes have instead.
func detailsText(m map[string]int) string {
	keys := byCount(m)
	var out []string
	for _, k := range keys[:min(len(keys), choicesNamedMax)] {
		if len(keys) == 1 {
			return k
		}
		out = append(out, fmt.Sprintf("%s (%d)", k, m[k]))
	}
	if len(keys) > choicesNamedMax {
		out = append(out, "…")
	}
	return strings.Join(out, ", ")
}

// onlyClass is the class that all nodes have, if they have one.
func onlyClass(m map[string]int) (class string, one bool) {
	for class = range m {
		return class, len(m) == 1 && class != ""
	}
	return "", false
}

// nearestHint is for groups that no single change helps: it names everything
// that the nearest node lacks.
func (s *survey) nearestHint() *nl.ExplainHint {
	one := s.missed[0]
	var lacks []string
	for _, o := range one.verdict.Obstacles {
		text := reasonText(o.Reason)
		if o.Short > 0 {
			text = fmt.Sprintf("%s more %s", quantity(o.Short, o.Unit), o.Reason)
		}
		lacks = append(lacks, text)
	}
	return &nl.ExplainHint{Kind: nl.HintRelax, Nodes: 1, Text: fmt.Sprintf("no single change is enough; %s comes nearest, in the way are: %s",
		label(one.info.ID, one.info.Name), strings.Join(lacks, "; "))}
}

// addHint says how many empty nodes of a kind that there is would do.
func (s *survey) addHint(missing int) *nl.ExplainHint {
	ask := s.placer.ask
	var best *seen
	each := int64(0)
	for _, one := range s.full {
		if n := fits(ask.NeedOn(fit.NewNode(one.info)), one.node.Cap); n > each {
			best, each = one, n
		}
	}
	if best == nil || len(ask.Fits(fit.NewNode(best.info))) > 0 {
		return nil
	}
	if len(ask.StaticPorts()) > 0 || s.placer.checks.HostsJob || s.placer.checks.HostsGroup {
		each = 1
	}
	count := (int64(missing) + each - 1) / each
	like := label(best.info.ID, best.info.Name)
	if best.info.NodeClass != "" {
		like += " (class " + best.info.NodeClass + ")"
	}
	text := fmt.Sprintf("%d more nodes like %s", count, like)
	if count == 1 {
		text = "1 more node like " + like
	}
	return &nl.ExplainHint{Kind: nl.HintAdd, Nodes: int(count), Text: text}
}

// fits is how many times need goes into what there is.
func fits(need, have fit.Vector) int64 {
	times := int64(1) << 30
	for _, pair := range [...][2]int64{{need.CPU, have.CPU}, {need.Memory, have.Memory}, {need.Disk, have.Disk}} {
		if pair[0] > 0 {
			times = min(times, pair[1]/pair[0])
		}
	}
	return times
}
