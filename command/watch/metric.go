package watch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// missingDrivers marks the filter reason that usually means a mistake.
const missingDrivers = "missing drivers"

// Failures tells of every group that could not be placed, one block each.
func Failures(failed map[string]*nl.AllocMetric, colour render.Palette, scores bool) string {
	var blocks []string
	for _, group := range render.Keys(failed) {
		metric := failed[group]
		blocks = append(blocks, fmt.Sprintf("Task Group %q (failed to place %s):\n%s", group,
			render.Count(metric.CoalescedFailures+1, "allocation"), Metric(metric, colour, scores, "  ")))
	}
	return strings.Join(blocks, "\n\n")
}

// Metric tells why an allocation was placed where it was, or nowhere.
func Metric(m *nl.AllocMetric, colour render.Palette, scores bool, indent string) string {
	var lines []string
	add := func(format string, args ...any) {
		lines = append(lines, indent+"* "+fmt.Sprintf(format, args...))
	}
	if m.Reason != "" {
		add("%s", m.Reason)
	}
	if m.NodesEvaluated == 0 {
		add("No nodes were eligible for evaluation")
	}
	for _, dc := range render.Keys(m.NodesAvailable) {
		if m.NodesAvailable[dc] == 0 {
			where := ""
			if m.NodePool != "" {
				where = fmt.Sprintf(" in pool %q", m.NodePool)
			}
			add("No nodes are available in datacenter %q%s", dc, where)
		}
	}
	for _, class := range render.Keys(m.ClassFiltered) {
		add("Class %q: %s excluded by filter", class, render.Count(m.ClassFiltered[class], "node"))
	}
	for _, reason := range render.Keys(m.ConstraintFiltered) {
		text := fmt.Sprintf("Constraint %q: %s excluded by filter", reason, render.Count(m.ConstraintFiltered[reason], "node"))
		if strings.Contains(reason, missingDrivers) {
			text = colour.Paint(render.Red, text)
		}
		add("%s", text)
	}
	if m.NodesExhausted > 0 {
		add("Resources exhausted on %s", render.Count(m.NodesExhausted, "node"))
	}
	for _, class := range render.Keys(m.ClassExhausted) {
		add("Class %q exhausted on %s", class, render.Count(m.ClassExhausted[class], "node"))
	}
	for _, dimension := range render.Keys(m.DimensionExhausted) {
		add("Dimension %q exhausted on %s", dimension, render.Count(m.DimensionExhausted[dimension], "node"))
	}
	for _, quota := range m.QuotaExhausted {
		add("Quota limit hit %q", quota)
	}
	if scores {
		if table := Scores(m); table != "" {
			lines = append(lines, "", render.Indent(table, indent))
		}
	}
	return strings.Join(lines, "\n")
}

// Scores is the table of the nodes that were ranked, "" without any.
func Scores(m *nl.AllocMetric) string {
	if len(m.ScoreMetaData) == 0 {
		return ""
	}
	var names []string
	for _, s := range m.ScoreMetaData {
		for _, one := range s.Scores {
			if !slices.Contains(names, one.Name) {
				names = append(names, one.Name)
			}
		}
	}
	slices.Sort(names)
	t := render.NewTable(slices.Concat([]string{"Node"}, names, []string{"final score"})...)
	for _, s := range m.ScoreMetaData {
		row := []string{s.NodeID}
		for _, name := range names {
			row = append(row, render.Float(s.Scores.Get(name)))
		}
		t.Row(append(row, render.Float(s.NormScore))...)
	}
	return t.String()
}
