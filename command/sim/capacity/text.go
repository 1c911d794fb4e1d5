package capacity

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
)

// How much is shown before the rest is counted, so that an answer about ten
// thousand nodes stays on a screen.
const (
	sharesMax    = 3
	foldsMax     = 8
	jobsMax      = 10
	obstaclesMax = 4
	nearestMax   = 3
)

// Text is the answer for people. Explained tells all of why something found no
// place.
func (a *Answer) Text(colour render.Palette, explained bool) string {
	var b strings.Builder
	p := printer{&b, colour}
	p.line("Snapshot of %s, index %s: %s, %s, %s.", a.Made.Format(time.RFC3339), grouped(int(a.Index)), number(a.Nodes, "node"), number(a.Jobs, "job"), number(a.Allocs, "allocation"))
	for _, c := range a.Changes {
		p.line("Tried: %s.", c)
	}
	for _, w := range a.Warnings {
		p.line("%s", colour.Paint(render.Yellow, "Note: "+w))
	}
	p.jobs("Planned", a.Planned)
	p.jobs("Other jobs that change", a.Others)
	p.misfits(slices.Concat(a.Planned, a.Others), explained)
	p.more(a)
	p.fills(a.Fill)
	p.folds(a.Folds)
	if n := len(a.Waiting); n > 0 {
		p.line("\nWaiting for room already, whatever is tried: %s (%s).", number(n, "other job"), names(a.Waiting))
	}
	b.WriteString("\n")
	if a.Fits() {
		p.line("%s", colour.Paint(render.Green, "Everything finds its place."))
	} else {
		p.line("%s", colour.Paint(render.Red, number(a.Unplaced, "allocation")+" found no place."))
	}
	return strings.TrimRight(b.String(), "\n")
}

type printer struct {
	b      *strings.Builder
	colour render.Palette
}

func (p *printer) line(format string, args ...any) { fmt.Fprintf(p.b, format+"\n", args...) }

func (p *printer) title(text string) { p.line("\n%s", p.colour.Bold(text)) }

func names(jobs []*JobAnswer) string {
	var out []string
	for _, j := range jobs[:min(len(jobs), jobsMax)] {
		out = append(out, j.ID)
	}
	if more := len(jobs) - len(out); more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(out, ", ")
}

// jobs is a table of groups.
func (p *printer) jobs(title string, jobs []*JobAnswer) {
	if len(jobs) == 0 {
		return
	}
	p.title(title)
	t := render.NewTable("Job", "Group", "Want", "Before", "After", "New", "Lost", "Evicted", "Stopped", "No place", "New ones on")
	for _, j := range jobs[:min(len(jobs), jobsMax)] {
		for _, g := range j.Groups {
			t.Row(j.ID, g.Name, grouped(g.Want), grouped(g.Before), grouped(g.After), some(g.Placed), some(g.Lost), some(g.Evicted), some(g.Stopped), some(g.Unplaced), shares(g.Where))
		}
	}
	p.line("%s", t.KeepEmpty().String())
	if more := len(jobs) - jobsMax; more > 0 {
		rest := GroupAnswer{}
		for _, j := range jobs[jobsMax:] {
			for _, g := range j.Groups {
				rest.Placed, rest.Lost, rest.Evicted, rest.Unplaced = rest.Placed+g.Placed, rest.Lost+g.Lost, rest.Evicted+g.Evicted, rest.Unplaced+g.Unplaced
			}
		}
		p.line("and %s: %s new, %s lost, %s evicted, %s without a place", number(more, "more job"), grouped(rest.Placed), grouped(rest.Lost), grouped(rest.Evicted), grouped(rest.Unplaced))
	}
	for _, j := range jobs[:min(len(jobs), jobsMax)] {
		for _, g := range j.Groups {
			if g.Evicted > 0 {
				p.line("Evicted of %s %s: %s, for %s.", j.ID, g.Name, number(g.Evicted, "allocation"), strings.Join(g.EvictedBy, ", "))
			}
		}
	}
}

// some is a number, nothing when it is 0.
func some(n int) string { return render.If(n != 0, grouped(n)) }

func shares(list []Share) string {
	var out []string
	for _, s := range list[:min(len(list), sharesMax)] {
		out = append(out, fmt.Sprintf("%s x %s", grouped(s.Count), s.short()))
	}
	if more := len(list) - len(out); more > 0 {
		out = append(out, fmt.Sprintf("%d other kinds", more))
	}
	return strings.Join(out, ", ")
}

// short is the kind in a word.
func (k Kind) short() string {
	if k.Class == "" {
		return k.Pool + "/" + k.Datacenter
	}
	return k.Class + "/" + k.Pool + "/" + k.Datacenter
}

// misfits tells what found no place and why.
func (p *printer) misfits(jobs []*JobAnswer, explained bool) {
	shown, hidden := 0, 0
	for _, j := range jobs {
		for _, g := range j.Groups {
			switch {
			case g.Why == nil:
			case shown == sharesMax && !explained:
				hidden++
			default:
				shown++
				p.misfit(j, g, explained)
			}
		}
	}
	if hidden > 0 {
		p.line("%s found no place for all of it, too: -explain tells why.", number(hidden, "other group"))
	}
}

func (p *printer) misfit(j *JobAnswer, g *GroupAnswer, explained bool) {
	p.title(fmt.Sprintf("%s of %s %s found no place", grouped(g.Unplaced), j.ID, g.Name))
	if ask := g.Why.Ask; ask != nil {
		p.line("Each asks for %s.", askText(ask))
	}
	if g.Why.AllOrNothing != "" {
		p.line("  %s", g.Why.AllOrNothing)
	}
	nodes := g.Why.Nodes
	if nodes == nil {
		return
	}
	obstacles := nodes.Obstacles
	if !explained {
		obstacles = obstacles[:min(len(obstacles), obstaclesMax)]
	}
	for _, o := range obstacles {
		p.line("  %s", obstacleText(o))
	}
	if more := len(nodes.Obstacles) - len(obstacles); more > 0 {
		p.line("  and %s: -explain tells them", number(more, "more obstacle"))
	}
	near := nodes.Nearest
	if !explained {
		near = near[:min(len(near), nearestMax)]
	}
	for len(near) > 0 {
		text, names := verdictText(near[0]), []string{}
		for len(near) > 0 && verdictText(near[0]) == text {
			names, near = append(names, near[0].NodeName), near[1:]
		}
		verb := "lack"
		if len(names) == 1 {
			verb = "lacks"
		}
		p.line("  nearest: %s %s %s", strings.Join(names, ", "), verb, text)
	}
	if explained {
		for _, h := range g.Why.Unblock {
			p.line("  would help: %s", h.Text)
		}
	}
}

func askText(a *nl.GroupAsk) string {
	parts := []string{demandText(demandOf(a))}
	if a.Cores > 0 {
		parts = append(parts, number(a.Cores, "core"))
	}
	parts = append(parts, a.Ports...)
	parts = append(parts, a.Devices...)
	parts = append(parts, a.Volumes...)
	return strings.Join(append(parts, "drivers "+strings.Join(a.Drivers, ", ")+" in pool "+a.NodePool), ", ")
}

func obstacleText(o *nl.NodeFold) string {
	text := number(o.Nodes, "node") + ": "
	switch {
	case o.ShortMax > 0:
		by := grouped(int(o.ShortMax))
		if o.ShortMin < o.ShortMax {
			by = grouped(int(o.ShortMin)) + " to " + by
		}
		text += fmt.Sprintf("not enough %s, %s short", o.Reason, strings.TrimSpace(by+" "+o.Unit))
	case o.Stage == nl.ObstacleRoom:
		text += "not enough " + o.Reason
	case o.Stage == nl.ObstacleFilter && strings.HasPrefix(o.Reason, "$"):
		text += "not " + o.Reason
	default:
		text += o.Reason
	}
	if o.Only > 0 && o.Only < o.Nodes {
		text += fmt.Sprintf("; on %s of them that is all", grouped(o.Only))
	}
	return text
}

func verdictText(v *nl.NodeVerdict) string {
	var out []string
	for _, o := range v.Obstacles {
		text := o.Reason
		switch {
		case o.Short > 0:
			text = strings.TrimSpace(grouped(int(o.Short))+" "+o.Unit) + " of " + o.Reason
		case o.Detail != "":
			text += " (it has " + o.Detail + ")"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// more tells how many more nodes would do.
func (p *printer) more(a *Answer) {
	if a.Fits() {
		return
	}
	p.title("What would make it fit")
	if len(a.More) == 0 {
		p.line("More nodes of any one kind that there is do not.")
		return
	}
	for _, m := range a.More {
		p.line("  %s of %s like %s (%s)", number(m.Count, "more node"), sizeText(m.Size), m.Like, m.Kind)
	}
}

// sizeText is an amount in words.
func sizeText(v fit.Vector) string {
	parts := []string{grouped(int(v.CPU)) + " MHz", grouped(int(v.Memory)) + " MB"}
	if v.Disk > 0 {
		parts = append(parts, grouped(int(v.Disk))+" MB disk")
	}
	return strings.Join(parts, ", ")
}

// demandText is sizeText of what is asked for.
func demandText(d demand) string {
	if d.millis == 0 {
		return sizeText(d.Vector)
	}
	_, rest, _ := strings.Cut(sizeText(d.Vector), ", ")
	cpu := fmt.Sprintf("%dm of a core", d.millis)
	if d.CPU > 0 {
		cpu = grouped(int(d.CPU)) + " MHz and " + cpu
	}
	return cpu + ", " + rest
}

func (p *printer) fills(list []*FillAnswer) {
	if len(list) == 0 {
		return
	}
	p.title("What would still fit")
	t := render.NewTable("What", "Each", "How many", "On")
	for _, f := range list {
		count := grouped(f.Count)
		if f.AtLeast {
			count = "at least " + count
		}
		t.Row(f.What, demandText(demand{Vector: f.Each, millis: f.CPUMillis}), count, shares(f.Where))
	}
	p.line("%s", t.KeepEmpty().String())
}

// folds is the use of the nodes before and after.
func (p *printer) folds(list []*Fold) {
	p.title("Nodes")
	t := render.NewTable("Class", "Pool", "Datacenter", "Nodes", "Allocations", "CPU", "Memory", "Disk")
	for _, f := range list[:min(len(list), foldsMax)] {
		p.fold(t, f.Class, f.Pool, f.Datacenter, f)
	}
	if more := len(list) - foldsMax; more > 0 {
		rest := &Fold{}
		for _, f := range list[foldsMax:] {
			rest.Before, rest.After = rest.Before.plus(f.Before), rest.After.plus(f.After)
		}
		p.fold(t, fmt.Sprintf("%d others", more), "", "", rest)
	}
	p.line("%s", t.KeepEmpty().String())
}

func (l Load) plus(o Load) Load {
	return Load{l.Nodes + o.Nodes, l.Usable + o.Usable, l.Capacity.Plus(o.Capacity), l.Used.Plus(o.Used), l.Allocs + o.Allocs}
}

func (p *printer) fold(t *render.Table, class, pool, dc string, f *Fold) {
	if class == "" {
		class = "-"
	}
	part := func(used, capacity func(Load) int64) string {
		return change(percentOf(used(f.Before), capacity(f.Before)), percentOf(used(f.After), capacity(f.After)))
	}
	nodes := change(grouped(f.Before.Nodes), grouped(f.After.Nodes))
	if out := f.After.Nodes - f.After.Usable; out > 0 {
		nodes += fmt.Sprintf(" (%s not usable)", grouped(out))
	}
	t.Row(class, pool, dc, nodes, change(grouped(f.Before.Allocs), grouped(f.After.Allocs)),
		part(func(l Load) int64 { return l.Used.CPU }, func(l Load) int64 { return l.Capacity.CPU }),
		part(func(l Load) int64 { return l.Used.Memory }, func(l Load) int64 { return l.Capacity.Memory }),
		part(func(l Load) int64 { return l.Used.Disk }, func(l Load) int64 { return l.Capacity.Disk }))
}

// change is before and after, or one of them when they are the same.
func change(before, after string) string {
	if before == after {
		return after
	}
	return before + " -> " + after
}

func percentOf(part, whole int64) string {
	if whole <= 0 {
		return "-"
	}
	return strconv.FormatFloat(100*float64(part)/float64(whole), 'f', 1, 64) + " %"
}
