package explain

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// facts are rows of a title and a text that may run over several lines.
type facts struct{ titles, texts []string }

// Add adds a row.
func (f *facts) Add(title, text string) {
	if text != "" {
		f.titles, f.texts = append(f.titles, title), append(f.texts, text)
	}
}

func wrapped(f *facts) string {
	wide := 0
	for _, t := range f.titles {
		wide = max(wide, len(t))
	}
	var lines []string
	for i, t := range f.titles {
		indent := strings.Repeat(" ", wide+2)
		lines = append(lines, t+indent[len(t):]+render.Wrap(f.texts[i], width-2-wide-2, indent))
	}
	return strings.Join(lines, "\n")
}

// ask is what a group asks for.
func ask(a *nl.GroupAsk) *facts {
	f := &facts{}
	if a == nil {
		return f
	}
	var each []string
	if a.Cores > 0 {
		each = append(each, render.Count(a.Cores, "core"))
	}
	if a.CPUMillis > 0 {
		each = append(each, fmt.Sprintf("%dm of a core", a.CPUMillis))
	}
	if a.CPU > 0 || a.Cores+a.CPUMillis == 0 {
		each = append(each, fmt.Sprintf("%d MHz", a.CPU))
	}
	memory := fmt.Sprintf("%d MiB memory", a.MemoryMB)
	if a.MemoryMaxMB > a.MemoryMB {
		memory += fmt.Sprintf(" (up to %d)", a.MemoryMaxMB)
	}
	each = append(each, memory, fmt.Sprintf("%d MiB disk", a.DiskMB))
	for _, p := range a.Ports {
		each = append(each, "port "+p)
	}
	if a.NetworkMode != "" && a.NetworkMode != "host" {
		each = append(each, "network "+a.NetworkMode)
	}
	each = append(each, a.Devices...)
	for _, volume := range a.Volumes {
		each = append(each, "volume "+volume)
	}
	each = append(each, "driver "+strings.Join(a.Drivers, ", "))
	f.Add("Asks for", strings.Join(each, ", "))
	f.Add("Only where", strings.Join(append(places(a), a.Constraints...), "; "))
	f.Add("Rather where", strings.Join(a.Affinities, "; "))
	f.Add("Spread over", strings.Join(a.Spreads, "; "))
	return f
}

// places are the pool and datacenters, where the job limits them.
func places(a *nl.GroupAsk) []string {
	var out []string
	if a.NodePool != "" && a.NodePool != nl.NodePoolDefault {
		out = append(out, "pool "+a.NodePool)
	}
	if len(a.Datacenters) > 0 && !slices.Contains(a.Datacenters, "*") {
		out = append(out, "datacenter "+strings.Join(a.Datacenters, " or "))
	}
	return out
}

// obstacles lists what is in the way, most nodes first within a stage.
func (v View) obstacles(n *nl.NodeSurvey) string {
	if n == nil || len(n.Obstacles) == 0 {
		return ""
	}
	const head = "Nodes  Only this  "
	lines := []string{head + "In the way"}
	rows, alike := n.Obstacles, map[*nl.NodeFold]int{}
	if !v.Verbose {
		rows, alike = joined(n.Obstacles)
		rows = rows[:min(len(rows), rowsMax)]
	}
	shown := 0
	for _, f := range rows {
		shown += 1 + alike[f]
		text := obstacle(f, alike[f], v.Verbose)
		if place := where(f, v.Verbose); place != "" {
			text += "; " + place
		}
		lines = append(lines, fmt.Sprintf("%5d  %9d  ", f.Nodes, f.Only)+render.Wrap(text, width-2-len(head), strings.Repeat(" ", len(head))))
	}
	if more := len(n.Obstacles) - shown; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more (-verbose)", more))
	}
	return strings.Join(lines, "\n")
}

// joined leaves out conditions that the same nodes fail in the same way as the
// one before, and counts them: what one setting of a group implies, all nodes
// mostly have or lack together.
func joined(all []*nl.NodeFold) (rows []*nl.NodeFold, alike map[*nl.NodeFold]int) {
	alike = map[*nl.NodeFold]int{}
	for _, f := range all {
		if n := len(rows); n > 0 {
			last := rows[n-1]
			if condition(f.Reason) && condition(last.Reason) && f.Nodes == last.Nodes && f.Only == last.Only &&
				maps.Equal(f.Details, last.Details) && maps.Equal(f.Classes, last.Classes) {
				alike[last]++
				continue
			}
		}
		rows = append(rows, f)
	}
	return rows, alike
}

// condition tells whether a reason is a constraint that is not met.
func condition(reason string) bool { return strings.HasPrefix(reason, "${") }

// moreLike says how many other conditions are meant, too.
func moreLike(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return " and 1 condition more"
	}
	return fmt.Sprintf(" and %d conditions more", n)
}

// obstacle is what is in the way, with how many like it and what the nodes have
// instead.
func obstacle(f *nl.NodeFold, alike int, verbose bool) string {
	text := readable(f.Reason) + moreLike(alike)
	switch {
	case f.ShortMax > 0 && f.ShortMin < f.ShortMax:
		text += fmt.Sprintf(": short by %d to %s of %d", f.ShortMin, amount(f.ShortMax, f.Unit), f.Asked)
	case f.ShortMax > 0:
		text += fmt.Sprintf(": short by %s of %d", amount(f.ShortMax, f.Unit), f.Asked)
	case len(f.Details) > 0:
		text += found(f.Reason, counts(f.Details, verbose, f.Nodes))
	}
	return text
}

// readable is a reason as metrics name it, in words.
func readable(reason string) string {
	if port, taken := strings.CutPrefix(reason, "network: reserved port collision "); taken {
		return "port " + port + " is taken"
	}
	return strings.Join(strings.Fields(reason), " ")
}

// found says what nodes have instead of what is asked for.
func found(reason, detail string) string {
	if condition(reason) {
		return " (found: " + detail + ")"
	}
	return ": " + detail
}

func amount(n int64, unit string) string {
	switch unit {
	case "":
		return fmt.Sprint(n)
	case "MB":
		unit = "MiB"
	}
	return fmt.Sprintf("%d %s", n, unit)
}

const (
	// countsShown is how many values are counted apart unless everything is shown.
	countsShown = 3
	// others is under what servers count the nodes of rare values together.
	others = "others"
)

// counts shows values with how many nodes have them, the most first and the rest
// as others. A value that all have needs no count.
func counts(m map[string]int, verbose bool, all int) string {
	keys := slices.DeleteFunc(render.Keys(m), func(k string) bool { return k == others })
	slices.SortStableFunc(keys, func(a, b string) int { return cmp.Compare(m[b], m[a]) })
	rest := m[others]
	var out []string
	for i, k := range keys {
		switch {
		case i >= countsShown && !verbose:
			rest += m[k]
		case m[k] == all:
			out = append(out, k)
		default:
			out = append(out, fmt.Sprintf("%s (%d)", k, m[k]))
		}
	}
	if rest > 0 {
		out = append(out, fmt.Sprintf("%s (%d)", others, rest))
	}
	return strings.Join(out, ", ")
}

// where says which nodes: by name while they are few, else by class or
// datacenter; "" when that was said already.
func where(f *nl.NodeFold, verbose bool) string {
	if f.Stage == nl.ObstacleReach && len(f.Details) > 0 && f.Nodes > countsShown {
		return ""
	}
	if f.Nodes <= countsShown || verbose && f.Nodes == len(f.Examples) {
		return "on " + strings.Join(f.Examples, ", ")
	}
	if len(f.Classes) > 1 || len(f.Classes) == 1 && f.Classes[""] == 0 {
		named := map[string]int{}
		for class, n := range f.Classes {
			if class == "" {
				class = "no class"
			}
			named[class] = n
		}
		return "of class " + counts(named, verbose, f.Nodes)
	}
	if len(f.Datacenters) > 1 {
		return "in " + counts(f.Datacenters, verbose, f.Nodes)
	}
	return "on " + f.Examples[0] + " and others"
}

// nearest is the table of the nodes that lack least; those that lack the same
// share a row.
func (v View) nearest(n *nl.NodeSurvey) string {
	if n == nil || len(n.Nearest) == 0 || !v.Verbose && plain(n.Nearest[0]) {
		return ""
	}
	most := nearestShown
	if v.Verbose {
		most = len(n.Nearest)
	}
	return "Nearest nodes, and what they lack\n" + verdicts(n.Nearest[:min(len(n.Nearest), most)], !v.Verbose)
}

// plain tells that the table of obstacles says all of a node already.
func plain(one *nl.NodeVerdict) bool {
	return len(one.Obstacles) == 1 && one.Obstacles[0].Short == 0
}

// verdicts has a row for each node; with fold those in a row that lack the same
// share one, and conditions that are failed alike are counted.
func verdicts(list []*nl.NodeVerdict, fold bool) string {
	t := &facts{}
	for i := 0; i < len(list); {
		text := lacks(list[i], fold)
		end := i + 1
		for fold && end < len(list) && list[end].NodeClass == list[i].NodeClass && lacks(list[end], fold) == text {
			end++
		}
		name := node(list[i].NodeID, list[i].NodeName)
		if more := end - i - 1; more > 0 {
			name += fmt.Sprintf(" and %d like it", more)
		}
		if list[i].NodeClass != "" {
			name += " (" + list[i].NodeClass + ")"
		}
		t.Add(name, text)
		i = end
	}
	return wrapped(t)
}

// lacks is everything that a node lacks; with fold the first of conditions for
// which it has the same instead.
func lacks(one *nl.NodeVerdict, fold bool) string {
	var out []string
	for i := 0; i < len(one.Obstacles); {
		o := one.Obstacles[i]
		end := i + 1
		for fold && condition(o.Reason) && end < len(one.Obstacles) && condition(one.Obstacles[end].Reason) && one.Obstacles[end].Detail == o.Detail {
			end++
		}
		out = append(out, lack(o, end-i-1))
		i = end
	}
	return strings.Join(out, "; ")
}

func lack(o *nl.NodeObstacle, alike int) string {
	text := readable(o.Reason) + moreLike(alike)
	switch {
	case o.Short > 0 && o.Total > 0:
		return fmt.Sprintf("%s: short by %s of %d (%d free of %d)", text, amount(o.Short, o.Unit), o.Asked, o.Free, o.Total)
	case o.Short > 0:
		return fmt.Sprintf("%s: short by %s of %d", text, amount(o.Short, o.Unit), o.Asked)
	case o.Detail != "":
		return text + found(o.Reason, o.Detail)
	}
	return text
}
