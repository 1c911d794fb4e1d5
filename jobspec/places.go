package jobspec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/nomadlike/nomadlike/nomadlike"
)

// Places knows where in its source each part of a job is written.
type Places struct {
	root    *written
	sources map[string]source
	secrets Secrets
	hidden  []hcl.Range
	// anyCase is set where the names of members may be written in any case.
	anyCase bool
}

// written is where a part of a job is: a block, an argument or a value.
type written struct {
	at hcl.Range
	// expr is the value of an argument, nil for anything else.
	expr     hclsyntax.Expression
	members  map[string]*written
	elements []*written
}

// placesKey is the member of an object, while the job is read, that holds the
// places of what is written in it.
const placesKey = "@places"

// note begins to note the places of what a block says.
func (d *decoder) note(out object, b *hclsyntax.Block) {
	if d.noting {
		out[placesKey] = &written{at: b.DefRange(), members: map[string]*written{}}
	}
}

// noted is what was noted of an object, nil when nothing is.
func noted(o object) *written {
	w, _ := o[placesKey].(*written)
	return w
}

func noteAttribute(o object, field string, attr *hclsyntax.Attribute) {
	if w := noted(o); w != nil {
		w.members[field] = &written{at: attr.Expr.Range(), expr: attr.Expr}
	}
}

func noteBlock(o object, field string, b *hclsyntax.Block) {
	if w := noted(o); w != nil {
		w.members[field] = &written{at: b.DefRange()}
	}
}

func noteLabel(o object, field string, b *hclsyntax.Block) {
	if w := noted(o); w != nil {
		w.members[field] = &written{at: b.LabelRanges[0]}
	}
}

// alsoAt says that fields are written where another one is.
func alsoAt(o object, from string, fields ...string) {
	w := noted(o)
	if w == nil {
		return
	}
	for _, field := range fields {
		w.members[field] = w.members[from]
	}
}

// writtenAs says that an object that nobody wrote stands where another does.
func writtenAs(o, other object) {
	if w := noted(other); w != nil {
		o[placesKey] = &written{at: w.at, members: map[string]*written{"Name": w.members["Name"]}}
	}
}

// gather takes what was noted out of an object and everything in it. It is nil
// where nothing was.
func gather(v any) *written {
	switch v := v.(type) {
	case object:
		out := noted(v)
		if out != nil {
			delete(v, placesKey)
		}
		for field, e := range v {
			inner := gather(e)
			switch {
			case inner == nil:
			case out == nil:
				out = &written{members: map[string]*written{field: inner}}
			default:
				// Copies of a block share what was noted of it, and the same is gathered
				// for each.
				out.members[field] = inner
			}
		}
		return out
	case []any:
		var elements []*written
		for i, e := range v {
			if inner := gather(e); inner != nil {
				elements = append(elements, make([]*written, i+1-len(elements))...)
				elements[i] = inner
			}
		}
		if elements == nil {
			return nil
		}
		return &written{elements: elements}
	}
	return nil
}

// Diagnostics is what validation found wrong with the job, with where it is
// written: the field, or the block around it where the field is not written.
func (p *Places) Diagnostics(problems []nomadlike.JobProblem) *Diagnostics {
	return p.locate(problems, hcl.DiagError)
}

// Warnings is what the job's author is warned about, with where it is written.
func (p *Places) Warnings(problems []nomadlike.JobProblem) *Diagnostics {
	return p.locate(problems, hcl.DiagWarning)
}

func (p *Places) locate(problems []nomadlike.JobProblem, severity hcl.DiagnosticSeverity) *Diagnostics {
	out := &Diagnostics{sources: p.sources, secrets: p.secrets, hidden: p.hidden}
	for _, found := range problems {
		detail := ""
		if found.Part != "" {
			detail = fmt.Sprintf("This is in %s.", found.Part)
		}
		d := problem(p.find(found.Path), p.secrets.Mask(found.Text), "%s", detail)
		d.Severity = severity
		out.add(d)
	}
	out.sortByPlace()
	return out
}

// find is where the field that a JSON pointer names is written. What a part of
// the job does not say it may have from further out.
func (p *Places) find(pointer string) *hcl.Range {
	if p.root == nil {
		return nil
	}
	steps := strings.Split(pointer, "/")[1:]
	at, depth := p.walk(p.root, steps)
	if i := slices.IndexFunc(steps, isInherited); i >= 0 {
		best := max(depth-i, 0)
		for outer := i - partSteps; outer >= 0; outer -= partSteps {
			w, depth := p.walk(p.root, slices.Concat(steps[:outer], steps[i:]))
			if depth-outer > best {
				at, best = w, depth-outer
			}
		}
	}
	if at.at.Start.Line == 0 {
		return nil
	}
	return &at.at
}

// partSteps is how many steps lead to a group of a job, or a task of a group:
// the list and the element.
const partSteps = 2

// isInherited tells members that groups and tasks have from further out.
func isInherited(member string) bool {
	switch member {
	case "Update", "ReschedulePolicy", "Migrate", "RestartPolicy":
		return true
	}
	return false
}

// walk follows steps as far as they are written. It gives the last part that
// has a place, and how many steps lead there.
func (p *Places) walk(from *written, steps []string) (at *written, depth int) {
	at = from
	for i, step := range steps {
		next := p.step(from, step)
		if next == nil {
			break
		}
		if from = next; from.at.Start.Line > 0 {
			at, depth = from, i+1
		}
	}
	if from != at && depth == len(steps)-1 && len(from.elements) > 0 && from.elements[0] != nil {
		return from.elements[0], len(steps) // a list of blocks is where the first is
	}
	return at, depth
}

// step is the member or element of a part.
func (p *Places) step(w *written, step string) *written {
	if n, err := strconv.Atoi(step); err == nil {
		if n < len(w.elements) {
			return w.elements[n]
		}
		return elementOf(w.expr, n)
	}
	name := strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
	if m := w.members[name]; m != nil || !p.anyCase {
		return m
	}
	for member, m := range w.members {
		if strings.EqualFold(member, name) {
			return m
		}
	}
	return nil
}

// elementOf is an element of a list that is written out.
func elementOf(e hclsyntax.Expression, n int) *written {
	if e == nil {
		return nil
	}
	if list, ok := unwrapped(e).(*hclsyntax.TupleConsExpr); ok && n < len(list.Exprs) {
		return &written{at: list.Exprs[n].Range(), expr: list.Exprs[n]}
	}
	return nil
}
