package job

import (
	"fmt"
	"strings"

	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/diff"
)

// Types of a difference, as the API calls them.
const (
	typeNone    = "None"
	typeAdded   = "Added"
	typeDeleted = "Deleted"
	typeEdited  = "Edited"
)

// diffStep is the indentation of one level.
const diffStep = "  "

// Diff shows how two versions of a job differ. What was added or deleted as a
// whole is expanded only when verbose.
func Diff(d *nl.JobDiff, colour render.Palette, verbose bool) string {
	w := &differ{colour: colour, verbose: verbose}
	pad := w.padding(d.Fields, d.Objects)
	pad = max(pad, len(marker(d.Type)))
	for _, g := range d.TaskGroups {
		pad = max(pad, len(marker(g.Type)))
	}
	w.line("", pad, d.Type, w.colour.Bold(fmt.Sprintf("Job: %q", d.ID)))
	if d.Type == typeEdited || verbose {
		if len(d.Fields)+len(d.Objects) > 0 {
			w.members("", pad, d.Fields, d.Objects)
			w.b.WriteByte('\n')
		}
	}
	for _, g := range d.TaskGroups {
		w.group(g, pad)
		w.b.WriteByte('\n')
	}
	return strings.TrimRight(w.b.String(), "\n")
}

// differ writes a difference.
type differ struct {
	b       strings.Builder
	colour  render.Palette
	verbose bool
}

func marker(kind string) string {
	switch kind {
	case typeAdded:
		return "+ "
	case typeDeleted:
		return "- "
	case typeEdited:
		return "+/- "
	}
	return ""
}

func style(kind string) render.Style {
	switch kind {
	case typeAdded:
		return render.Green
	case typeDeleted:
		return render.Red
	case typeEdited:
		return render.LightYellow
	}
	return ""
}

// line writes a line with its marker, so that what follows starts pad places
// after the indentation. It returns the indentation of what is inside.
func (w *differ) line(indent string, pad int, kind, text string) (inside string) {
	m := marker(kind)
	fill := strings.Repeat(" ", pad-len(m))
	w.b.WriteString(indent + w.colour.Paint(style(kind), m) + fill + text + "\n")
	return indent + fill + diffStep
}

// padding is the longest marker among members.
func (w *differ) padding(fields []*nl.FieldDiff, objects []*nl.ObjectDiff) int {
	pad := 0
	for _, f := range fields {
		pad = max(pad, len(marker(f.Type)))
	}
	for _, o := range objects {
		pad = max(pad, len(marker(o.Type)))
	}
	return pad
}

func (w *differ) group(g *nl.GroupDiff, outer int) {
	inside := w.line("", outer, g.Type, w.colour.Bold(fmt.Sprintf("Task Group: %q", g.Name))+w.updates(g.Updates))
	fields, objects := g.Fields, g.Objects
	if !w.expands(g.Type) {
		fields, objects = nil, nil
	}
	pad := w.padding(fields, objects)
	for _, t := range g.Tasks {
		pad = max(pad, len(marker(t.Type)))
	}
	w.members(inside, pad, fields, objects)
	for _, t := range g.Tasks {
		w.task(t, inside, pad)
	}
}

// expands tells whether what is inside is shown.
func (w *differ) expands(kind string) bool {
	return w.verbose || kind == typeEdited || kind == typeNone
}

func (w *differ) task(t *nl.TaskDiff, indent string, outer int) {
	inside := w.line(indent, outer, t.Type, w.colour.Bold(fmt.Sprintf("Task: %q", t.Name))+w.annotations(t.Annotations))
	if !w.expands(t.Type) || t.Type == typeNone && !w.verbose {
		return
	}
	w.members(inside, w.padding(t.Fields, t.Objects), t.Fields, t.Objects)
}

// members writes fields and objects, their names aligned.
func (w *differ) members(indent string, pad int, fields []*nl.FieldDiff, objects []*nl.ObjectDiff) {
	longest := 0
	for _, f := range fields {
		longest = max(longest, len(f.Name))
	}
	for _, f := range fields {
		name := f.Name + ":" + strings.Repeat(" ", longest-len(f.Name)+1)
		w.line(indent, pad, f.Type, name+value(f)+w.annotations(f.Annotations))
	}
	for _, o := range objects {
		inside := w.line(indent, pad, o.Type, o.Name+" {")
		w.members(inside, w.padding(o.Fields, o.Objects), o.Fields, o.Objects)
		w.b.WriteString(indent + strings.Repeat(" ", pad) + "}\n")
	}
}

func value(f *nl.FieldDiff) string {
	switch f.Type {
	case typeDeleted:
		return fmt.Sprintf("%q", f.Old)
	case typeEdited:
		return fmt.Sprintf("%q => %q", f.Old, f.New)
	}
	return fmt.Sprintf("%q", f.New)
}

// updates tells how many allocations of a group would change, and how.
func (w *differ) updates(counts map[string]uint64) string {
	styles := map[string]render.Style{
		"create": render.Green, "destroy": render.Red, "migrate": render.Blue,
		"in-place update": render.Cyan, "create/destroy update": render.Yellow, "canary": render.LightYellow,
	}
	var parts []string
	for _, name := range render.Keys(counts) {
		if counts[name] > 0 {
			parts = append(parts, w.colour.Paint(styles[name], fmt.Sprintf("%d %s", counts[name], name)))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func (w *differ) annotations(names []string) string {
	styles := map[string]render.Style{
		diff.ForcesCreate: render.Green, diff.ForcesDestroy: render.Red,
		diff.ForcesInPlace: render.Cyan, diff.ForcesDestructive: render.Yellow,
	}
	if len(names) == 0 {
		return ""
	}
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = w.colour.Paint(styles[name], name)
	}
	return " (" + strings.Join(parts, ", ") + ")"
}
