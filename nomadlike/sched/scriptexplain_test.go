package sched_test

import (
	"fmt"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
)

// explain prints the reasons of what scheduling the job would decide, and
// checks that it decides what Schedule does.
func (w *world) explain(job string, a args) {
	kept, ids := w.state, w.ids
	e := w.newEval(job, a)
	d := sched.Detail{Nodes: a.get("all") == "true"}
	if a.get("blind") == "true" {
		d.Sees = func(string) bool { return false }
	}
	x, err := sched.Explain(w.state, e, w.input(), d)
	if err != nil {
		w.t.Fatalf("explaining: %v", err)
	}
	w.ids = ids
	plain := w.schedule(w.state, e)
	if got, want := placements(x.Plan), placements(plain.Plan); got != want {
		w.t.Errorf("the explained plan differs from the plan:\n%s\nwant\n%s", got, want)
	}
	for _, g := range x.Groups {
		w.printExplained(g)
		w.checkSurvey(g)
	}
	w.state, w.ids = kept, ids
}

// checkSurvey: nodes are counted once, and a group finds no place exactly when
// no node is usable.
func (w *world) checkSurvey(g *nl.GroupExplanation) {
	w.t.Helper()
	n := g.Nodes
	if n.Filtered+n.Exhausted+n.Usable != n.Considered || n.Considered > n.Known {
		w.t.Errorf("group %s: counts do not add up: %+v", g.Name, n)
	}
	if g.NoPlace > 0 && n.Usable > 0 && len(g.Quota) == 0 && g.AllOrNothing == "" {
		w.t.Errorf("group %s finds no place although %d nodes are usable", g.Name, n.Usable)
	}
	if g.NoPlace > 0 && len(g.Unblock) == 0 && g.AllOrNothing == "" {
		w.t.Errorf("group %s finds no place and nothing is said that would help", g.Name)
	}
	for _, f := range n.Obstacles {
		if f.Only > f.Nodes || f.Nodes == 0 {
			w.t.Errorf("group %s: obstacle %+v", g.Name, f)
		}
	}
}

func (w *world) printExplained(g *nl.GroupExplanation) {
	w.printf("%s asks %s", g.Name, askLine(g.Ask))
	line := fmt.Sprintf("nodes known=%d considered=%d filtered=%d exhausted=%d usable=%d",
		g.Nodes.Known, g.Nodes.Considered, g.Nodes.Filtered, g.Nodes.Exhausted, g.Nodes.Usable)
	if g.NoPlace > 0 {
		line += fmt.Sprintf(" no-place=%d", g.NoPlace)
	}
	if g.AllOrNothing != "" {
		line += " (" + g.AllOrNothing + ")"
	}
	if len(g.Quota) > 0 {
		line += " quota=" + strings.Join(g.Quota, ",")
	}
	w.printf("%s", line)
	for _, f := range g.Nodes.Obstacles {
		w.printf("%s", foldLine(f))
	}
	for _, v := range g.Nodes.Nearest {
		w.printf("near %s", verdictLine(v))
	}
	for _, v := range g.Nodes.All {
		w.printf("node %s", verdictLine(v))
	}
	for _, p := range g.Planned {
		w.printf("plan %s %s: %s", p.Name, p.NodeName, p.Why)
	}
	if g.PlannedMore > 0 {
		w.printf("plan %d more", g.PlannedMore)
	}
	for _, h := range g.Unblock {
		line := fmt.Sprintf("hint %s: %s", h.Kind, w.hideIDs(h.Text))
		if h.Command != "" {
			line += " [" + h.Command + "]"
		}
		w.printf("%s", line)
	}
}

// hideIDs takes out what begins an ID of the test.
func (w *world) hideIDs(text string) string {
	return strings.ReplaceAll(text, ", allocation 00000000", "")
}

func askLine(a *nl.GroupAsk) string {
	line := fmt.Sprintf("cpu=%d mem=%d disk=%d", a.CPU, a.MemoryMB, a.DiskMB)
	add := func(key string, values []string) {
		if len(values) > 0 {
			line += " " + key + "=" + strings.Join(values, "|")
		}
	}
	if a.Cores > 0 {
		line += fmt.Sprintf(" cores=%d", a.Cores)
	}
	if a.CPUMillis > 0 {
		line += fmt.Sprintf(" cpu=%dm", a.CPUMillis)
	}
	add("ports", a.Ports)
	add("devices", a.Devices)
	add("volumes", a.Volumes)
	add("constraints", a.Constraints)
	add("affinities", a.Affinities)
	add("spreads", a.Spreads)
	return line
}

func foldLine(f *nl.NodeFold) string {
	line := fmt.Sprintf("%s %s: %d", f.Stage, strings.TrimSpace(f.Reason), f.Nodes)
	if f.Only > 0 {
		line += fmt.Sprintf(" only=%d", f.Only)
	}
	for _, d := range sortedKeys(f.Details) {
		line += fmt.Sprintf(" [%s: %d]", strings.ReplaceAll(d, ", allocation 00000000", ""), f.Details[d])
	}
	if f.ShortMax > 0 {
		line += fmt.Sprintf(" short %d..%d%s of %d", f.ShortMin, f.ShortMax, f.Unit, f.Asked)
	}
	return line + " " + strings.Join(f.Examples, ",")
}

func verdictLine(v *nl.NodeVerdict) string {
	var parts []string
	for _, o := range v.Obstacles {
		text := strings.TrimSpace(o.Reason)
		if o.Short > 0 {
			text += fmt.Sprintf(" short %d%s of %d (free %d of %d)", o.Short, o.Unit, o.Asked, o.Free, o.Total)
		}
		if o.Detail != "" {
			text += " [" + strings.ReplaceAll(o.Detail, ", allocation 00000000", "") + "]"
		}
		parts = append(parts, text)
	}
	return v.NodeName + ": " + strings.Join(parts, "; ")
}
