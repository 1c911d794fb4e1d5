package jobspec

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// Severity tells errors from warnings.
type Severity string

// Severities of a diagnostic.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Diagnostic is one problem of a job file.
type Diagnostic struct {
	Severity Severity
	Summary  string
	Detail   string
	// File, Line and Column say where the problem starts, counted from one;
	// they are empty when it has no place, as for a variable without a value.
	File               string
	Line, Column       int
	EndLine, EndColumn int
	// Snippet is the source line, without its line break.
	Snippet string
	// InVariables is set when the place is in a file of variables.
	InVariables bool
}

// Diagnostics is every problem of a job file. It is an error.
type Diagnostics struct {
	list    hcl.Diagnostics
	sources map[string]source
	// secrets and the source at hidden are never shown.
	secrets Secrets
	hidden  []hcl.Range
	// declared are the names of the file, once they are known.
	declared declared
	// left is how many problems there are beyond those that are listed.
	left int
}

// add notes problems, each once: what a loop or dynamic block repeats is said
// a single time.
func (d *Diagnostics) add(diags ...*hcl.Diagnostic) {
	for _, n := range diags {
		if len(d.list) >= diagnosticsMax {
			d.left++
			continue
		}
		// Texts that mention a place hold the key of the source.
		n.Detail = strings.ReplaceAll(n.Detail, "\x00", "")
		d.declared.explainMember(n)
		n.Detail = withHint(withHint(n.Detail, functionHint(n)), typeHint(n))
		if !d.has(n) {
			d.list = append(d.list, n)
		}
	}
}

func (d *Diagnostics) has(n *hcl.Diagnostic) bool {
	for _, o := range d.list {
		same := o.Summary == n.Summary && o.Detail == n.Detail && (o.Subject == nil) == (n.Subject == nil)
		if same && (o.Subject == nil || *o.Subject == *n.Subject) {
			return true
		}
	}
	return false
}

func (d *Diagnostics) hasErrors() bool { return d.list.HasErrors() }

// sortByPlace orders the problems as they appear in the source; those without
// a place come last.
func (d *Diagnostics) sortByPlace() {
	sort.SliceStable(d.list, func(i, j int) bool {
		a, b := d.list[i].Subject, d.list[j].Subject
		if a == nil || b == nil {
			return a != nil && b == nil
		}
		if a.Filename != b.Filename {
			return false
		}
		return a.Start.Byte < b.Start.Byte
	})
}

// Error is all problems, one to a line, each beginning with its place.
func (d *Diagnostics) Error() string {
	lines := make([]string, len(d.list))
	for i, n := range d.list {
		place := "<nil>"
		if n.Subject != nil {
			r := *n.Subject
			r.Filename = d.sources[r.Filename].name
			place = r.String()
		}
		lines[i] = fmt.Sprintf("%s: %s; %s", place, n.Summary, d.secrets.Mask(n.Detail))
	}
	return strings.Join(lines, "\n")
}

// All lists the problems.
func (d *Diagnostics) All() []Diagnostic {
	out := make([]Diagnostic, len(d.list))
	for i, n := range d.list {
		out[i] = d.export(n)
	}
	return out
}

func (d *Diagnostics) export(n *hcl.Diagnostic) Diagnostic {
	out := Diagnostic{Severity: SeverityError, Summary: n.Summary, Detail: d.secrets.Mask(n.Detail)}
	if n.Severity == hcl.DiagWarning {
		out.Severity = SeverityWarning
	}
	if n.Subject == nil {
		return out
	}
	src := d.sources[n.Subject.Filename]
	out.File, out.InVariables = src.name, src.variables
	out.Line, out.Column = n.Subject.Start.Line, n.Subject.Start.Column
	out.EndLine, out.EndColumn = n.Subject.End.Line, n.Subject.End.Column
	if !d.hides(*n.Subject) {
		out.Snippet = d.secrets.Mask(sourceLine(src.body, out.Line))
	}
	return out
}

// hides tells whether a line of the source may hold a sensitive value.
func (d *Diagnostics) hides(at hcl.Range) bool {
	for _, h := range d.hidden {
		if h.Filename == at.Filename && h.Start.Line <= at.Start.Line && at.Start.Line <= h.End.Line && h.End.Line > 0 {
			return true
		}
	}
	return false
}

// Render writes the problems for a person: place, source line with a marker
// below the part in question, and what is wrong.
func (d *Diagnostics) Render(w io.Writer) error {
	for i, raw := range d.list {
		if raw.Subject == nil && raw.Context != nil && raw.Context.Start.Line > 0 {
			shown := *raw
			shown.Subject = raw.Context
			raw = &shown
		}
		n := d.export(raw)
		if i > 0 {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
		if _, err := io.WriteString(w, n.text()); err != nil {
			return err
		}
	}
	if d.left > 0 {
		if _, err := fmt.Fprintf(w, "\n%d more problems are not shown.\n", d.left); err != nil {
			return err
		}
	}
	return nil
}

func (n Diagnostic) text() string {
	var b strings.Builder
	label := "Error"
	if n.Severity == SeverityWarning {
		label = "Warning"
	}
	fmt.Fprintf(&b, "%s: %s\n", label, n.Summary)
	if n.Line > 0 {
		number := fmt.Sprintf("%4d", n.Line)
		fmt.Fprintf(&b, "\n  on %s line %d, column %d:\n", n.File, n.Line, n.Column)
		if n.Snippet != "" {
			fmt.Fprintf(&b, "%s: %s\n", number, n.Snippet)
			fmt.Fprintf(&b, "%s  %s\n", strings.Repeat(" ", len(number)), n.marker())
		}
	}
	if n.Detail != "" {
		fmt.Fprintf(&b, "\n%s\n", n.Detail)
	}
	return b.String()
}

// marker is carets below the part of the source line in question. Tabs of the
// line are kept, so that the carets line up.
func (n Diagnostic) marker() string {
	var b strings.Builder
	runes := []rune(n.Snippet)
	start := min(n.Column-1, len(runes))
	for _, r := range runes[:max(start, 0)] {
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	end := len(runes)
	if n.EndLine == n.Line {
		end = min(n.EndColumn-1, len(runes))
	}
	b.WriteString(strings.Repeat("^", max(end-start, 1)))
	return b.String()
}

// sourceLine is the n-th line of a source, counted from one.
func sourceLine(body []byte, n int) string {
	text := string(body)
	for ; n > 1; n-- {
		_, rest, found := strings.Cut(text, "\n")
		if !found {
			return ""
		}
		text = rest
	}
	line, _, _ := strings.Cut(text, "\n")
	line = strings.TrimSuffix(line, "\r")
	if !utf8.ValidString(line) {
		line = strings.ToValidUTF8(line, "\uFFFD")
	}
	return line
}

// about makes an error diagnostic that has no place where programs read it, but
// shows people the part of the source it is about.
func about(part hcl.Range, summary, detail string, args ...any) *hcl.Diagnostic {
	d := problem(nil, summary, detail, args...)
	d.Context = &part
	return d
}

// problem makes an error diagnostic; subject is nil for problems without a
// place.
func problem(subject *hcl.Range, summary, detail string, args ...any) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  summary,
		Detail:   fmt.Sprintf(detail, args...),
		Subject:  subject,
	}
}
