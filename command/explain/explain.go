// Package explain lays out explanations: why jobs, allocations and evaluations
// are as they are. The commands of these nouns call it. It returns text and
// speaks with no agent.
package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	// width is how wide text runs.
	width = render.Narrow
	// rowsMax is how many rows a table has unless everything is asked for.
	rowsMax = 8
	// nearestShown is how many near misses are shown unless everything is.
	nearestShown = 3
)

// classIneligible is under what placement metrics count the nodes that were left
// out because another node of their class had been.
const classIneligible = "computed class ineligible"

// View is how explanations are shown.
type View struct {
	Colour  render.Palette
	Verbose bool
	Now     time.Time
}

// Job is the explanation of a job.
func (v View) Job(x *nl.JobExplanation) string {
	style := render.Green
	if x.Waiting {
		style = render.Yellow
	}
	head := fmt.Sprintf("Job %q (%s, priority %d, version %d): %s", x.ID, x.Type, x.Priority, x.Version, x.Summary)
	parts := []string{v.Colour.Paint(style, render.Wrap(head, width-2, "  ")) + "\n" + v.Colour.Paint(render.Dim, v.now(x))}
	if lines := v.reasons(x.Reasons, x.Summary); lines != "" {
		parts = append(parts, lines)
	}
	for _, g := range x.Groups {
		parts = append(parts, v.group(g, x.Summary))
	}
	if len(x.Preempts) > 0 {
		t := render.NewTable("Allocation", "Job", "Namespace", "Node")
		for _, p := range x.Preempts {
			t.Row(render.ID(p.AllocID, v.Verbose), p.JobID, p.Namespace, render.ID(p.NodeID, v.Verbose))
		}
		parts = append(parts, v.Colour.Bold("Would be preempted")+"\n"+t.String())
	}
	return strings.Join(parts, "\n\n")
}

// now says which state was looked at and how long that took.
func (v View) now(x *nl.JobExplanation) string {
	text := fmt.Sprintf("Now, at index %d", x.Index)
	if v.Verbose {
		text += ", " + render.Time(x.Time.Local())
	}
	var took []string
	for _, s := range x.Stages {
		took = append(took, fmt.Sprintf("%s %s", s.Name, brief(s.Took)))
	}
	if len(took) > 0 {
		text += " (" + strings.Join(took, ", ") + ")"
	}
	return text
}

// brief is a short time with two or three digits.
func brief(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

// reasons are a line each; what was said already is left out.
func (v View) reasons(list []*nl.ExplainReason, said string) string {
	var lines []string
	for _, r := range list {
		if !strings.Contains(said, r.Text) {
			lines = append(lines, "- "+render.Wrap(r.Text, width-2, "  "))
		}
	}
	return strings.Join(lines, "\n")
}

// group explains a group, without what was said above it.
func (v View) group(g *nl.GroupExplanation, said string) string {
	title := v.Colour.Bold(fmt.Sprintf("Group %q: %s", g.Name, g.Summary))
	var parts []string
	add := func(text string) {
		if text != "" {
			parts = append(parts, render.Indent(text, "  "))
		}
	}
	facts := ask(g.Ask)
	if n := g.Nodes; n != nil && (g.NoPlace > 0 || v.Verbose || len(g.Planned) > 0) {
		facts.Add("Nodes", fmt.Sprintf("%d known, %d considered: %d filtered, %d full, %d usable", n.Known, n.Considered, n.Filtered, n.Exhausted, n.Usable))
	}
	add(wrapped(facts))
	add(v.reasons(withoutNoPlace(g.Reasons), said))
	if g.NoPlace > 0 && len(g.Quota) == 0 || v.Verbose {
		add(v.obstacles(g.Nodes))
	}
	if g.NoPlace > 0 {
		if len(g.Quota) == 0 {
			add(v.nearest(g.Nodes))
		}
		add(v.hints(g.Unblock))
	}
	add(v.failure(g.Failure))
	if len(g.Planned) > 0 {
		add(v.planned(g.Planned, g.PlannedMore))
	}
	if len(g.Placed) > 0 {
		add(v.placed(g.Placed, g.PlacedMore))
	}
	if v.Verbose && g.Nodes != nil && len(g.Nodes.All) > 0 {
		add(v.Colour.Bold("Every node in the way of something") + "\n" + verdicts(g.Nodes.All, false))
	}
	return title + "\n" + strings.Join(parts, "\n\n")
}

// withoutNoPlace leaves out what the table of obstacles tells better.
func withoutNoPlace(list []*nl.ExplainReason) []*nl.ExplainReason {
	var out []*nl.ExplainReason
	for _, r := range list {
		if r.Kind != nl.ReasonNoPlace {
			out = append(out, r)
		}
	}
	return out
}

func (v View) hints(list []*nl.ExplainHint) string {
	if len(list) == 0 {
		return ""
	}
	lines := []string{v.Colour.Bold("Any of these would help")}
	for _, h := range list {
		lines = append(lines, "- "+render.Wrap(h.Text, width-4, "  "))
		if h.Command != "" {
			lines = append(lines, "    "+v.Colour.Paint(render.Dim, meta.Binary+" "+h.Command))
		}
	}
	return strings.Join(lines, "\n")
}

// failure tells what was stored when a place was last looked for.
func (v View) failure(f *nl.PlacementFailure) string {
	if f == nil || f.Metric == nil {
		return ""
	}
	m := f.Metric
	var why []string
	if m.Reason != "" {
		why = append(why, m.Reason)
	}
	for _, name := range render.Keys(m.ConstraintFiltered) {
		if name != classIneligible {
			why = append(why, fmt.Sprintf("%s (%d)", strings.TrimSpace(name), m.ConstraintFiltered[name]))
		}
	}
	if n := m.ConstraintFiltered[classIneligible]; n > 0 {
		why = append(why, fmt.Sprintf("others of the same classes (%d)", n))
	}
	for _, name := range render.Keys(m.DimensionExhausted) {
		why = append(why, fmt.Sprintf("%s (%d)", name, m.DimensionExhausted[name]))
	}
	for _, name := range m.QuotaExhausted {
		why = append(why, "quota "+name)
	}
	text := fmt.Sprintf("Last tried %s, at index %d, by evaluation %s: %d without a place, %s considered, %d filtered, %d full",
		render.Since(f.Time.Time, v.Now), f.Index, render.ID(f.EvalID, v.Verbose), f.Count,
		render.Count(m.NodesEvaluated, "node"), m.NodesFiltered, m.NodesExhausted)
	if len(why) > 0 {
		text += " (" + strings.Join(why, ", ") + ")"
	}
	return render.Wrap(text, width-2, "")
}
