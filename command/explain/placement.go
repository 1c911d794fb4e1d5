package explain

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// placed is the table of what has a place, with why it is there.
func (v View) placed(list []*nl.PlacementExplanation, more int) string {
	t := render.NewTable("Allocation", "Node", "Status", "Placed", "At index", "Why there, then").WrapLast(width - 2)
	for _, p := range list {
		t.Row(render.ID(p.AllocID, v.Verbose), node(p.NodeID, p.NodeName), p.ClientStatus, render.Since(p.Time.Time, v.Now), fmt.Sprint(p.Index), p.Why)
	}
	text := t.String()
	if more > 0 {
		text += fmt.Sprintf("\nand %d more (-verbose)", more)
	}
	if v.Verbose {
		text += v.tables(list)
	}
	return text
}

// planned is the table of what a dry run would place.
func (v View) planned(list []*nl.PlacementExplanation, more int) string {
	t := render.NewTable("Would be placed", "Node", "Why there").WrapLast(width - 2)
	for _, p := range list {
		t.Row(p.Name, node(p.NodeID, p.NodeName), p.Why)
	}
	text := t.String()
	if more > 0 {
		text += fmt.Sprintf("\nand %d more (-verbose)", more)
	}
	if v.Verbose {
		text += v.tables(list)
	}
	return text
}

// tables are the scores of every placement.
func (v View) tables(list []*nl.PlacementExplanation) string {
	text := ""
	for _, p := range list {
		if len(p.Scores) > 0 {
			text += "\n\nScores of " + p.Name + "\n" + Scores(p)
		}
	}
	return text
}

func node(id, name string) string {
	if name != "" {
		return name
	}
	return render.ID(id, false)
}

// Scores is the score table of a placement: the chosen node and the runners-up,
// with every part that any of them has.
func Scores(p *nl.PlacementExplanation) string {
	used := map[string]bool{}
	for _, s := range p.Scores {
		for name, score := range s.Parts {
			if score != 0 {
				used[name] = true
			}
		}
	}
	names := slices.Sorted(maps.Keys(used))
	t := render.NewTable(slices.Concat([]string{"Node"}, names, []string{"final score", "Chosen"})...).KeepEmpty()
	for _, s := range p.Scores {
		row := []string{node(s.NodeID, s.NodeName)}
		for _, name := range names {
			row = append(row, fmt.Sprintf("%.3f", s.Parts[name]))
		}
		t.Row(append(row, fmt.Sprintf("%.3f", s.Final), render.If(s.Chosen, "yes"))...)
	}
	return t.String()
}

// Alloc is the explanation of an allocation.
func (v View) Alloc(x *nl.AllocExplanation) string {
	p := x.Placement
	parts := []string{v.Colour.Bold(render.Wrap(fmt.Sprintf("Allocation %s: %s", render.ID(p.AllocID, v.Verbose), x.Summary), width-2, "  "))}
	if lines := v.reasons(x.Reasons, x.Summary); lines != "" {
		parts = append(parts, lines)
	}
	f := ask(x.Ask)
	f.Add("When placed", fmt.Sprintf("%s, on the state of index %d: of %s considered %d were filtered and %d full; decided in %s",
		render.Since(p.Time.Time, v.Now), p.Index, render.Count(p.Considered, "node"), p.Filtered, p.Exhausted, brief(p.Took)))
	f.Add("Why there", fmt.Sprintf("%s: %s", node(p.NodeID, p.NodeName), p.Why))
	parts = append(parts, wrapped(f))
	if len(p.Scores) > 0 {
		parts = append(parts, Scores(p))
	}
	return strings.Join(parts, "\n\n")
}

// Eval is the explanation of an evaluation.
func (v View) Eval(x *nl.EvalExplanation) string {
	head := fmt.Sprintf("Evaluation %s of job %q (%s, %s): %s", render.ID(x.ID, v.Verbose), x.JobID, x.TriggeredBy, x.Status, x.Summary)
	parts := []string{v.Colour.Bold(render.Wrap(head, width-2, "  "))}
	if lines := v.reasons(x.Reasons, x.Summary); lines != "" {
		parts = append(parts, lines)
	}
	if len(x.Placed) > 0 {
		parts = append(parts, v.placed(x.Placed, x.PlacedMore))
	}
	for _, group := range render.Keys(x.Failures) {
		parts = append(parts, fmt.Sprintf("Group %q\n%s", group, render.Indent(v.failure(x.Failures[group]), "  ")))
	}
	if x.Now != nil {
		parts = append(parts, v.Job(x.Now))
	}
	return strings.Join(parts, "\n\n")
}
