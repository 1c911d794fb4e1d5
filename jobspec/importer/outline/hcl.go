package outline

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// commentWidth is where comments are wrapped, in characters.
const commentWidth = 78

// writer writes native syntax. Alignment is left to the formatter.
type writer struct {
	b     strings.Builder
	depth int
	// empty tells that nothing was written in the current body yet.
	empty bool
	// of is the source of the noun that is being written.
	of *Source
}

func (w *writer) line(text string) {
	if text != "" {
		w.b.WriteString(strings.Repeat("  ", w.depth))
		w.b.WriteString(text)
	}
	w.b.WriteByte('\n')
	w.empty = false
}

// gap leaves a blank line unless the body just began.
func (w *writer) gap() {
	if !w.empty {
		w.b.WriteByte('\n')
	}
}

func (w *writer) comment(text string) {
	width := max(commentWidth-2*w.depth, 40)
	for _, paragraph := range strings.Split(printable(text), "\n") {
		line := "#"
		for _, word := range strings.Fields(paragraph) {
			if len(line) > 1 && len(line)+1+len(word) > width {
				w.line(line)
				line = "#"
			}
			line += " " + word
		}
		w.line(line)
	}
}

func (w *writer) notes(n Notes) {
	for _, note := range n.List {
		of := note.Of
		if of == nil {
			of = cmp.Or(n.Of, w.of)
		}
		if note.Lost {
			of.Lost++
			w.comment("Not carried over: " + note.Text)
			continue
		}
		of.Approximated++
		w.comment("To check: " + note.Text)
	}
}

// block writes a block with its notes above it.
func (w *writer) block(header string, n Notes, body func()) {
	around := w.of
	w.of = cmp.Or(n.Of, w.of)
	w.gap()
	w.notes(n)
	w.line(header + " {")
	w.depth++
	w.empty = true
	body()
	w.depth--
	w.line("}")
	w.of = around
}

func (w *writer) raw(name, expr string) { w.line(name + " = " + expr) }

func (w *writer) str(name, s string) {
	if s != "" {
		w.raw(name, Quote(s))
	}
}

// configText writes text of the configuration of a driver.
func (w *writer) configText(name, s string) {
	if s != "" {
		w.raw(name, quoteConfig(s))
	}
}

func (w *writer) num(name string, n int) {
	if n != 0 {
		w.raw(name, strconv.Itoa(n))
	}
}

func (w *writer) flag(name string, b bool) {
	if b {
		w.raw(name, "true")
	}
}

func (w *writer) duration(name string, d time.Duration) {
	if d > 0 {
		w.raw(name, Quote(Duration(d)))
	}
}

func (w *writer) list(name string, items []string, quote func(string) string) {
	if len(items) == 0 {
		return
	}
	quoted := make([]string, len(items))
	total := 0
	for i, s := range items {
		quoted[i] = quote(s)
		total += len(quoted[i]) + 2
	}
	if total+2*w.depth < 100 {
		w.raw(name, "["+strings.Join(quoted, ", ")+"]")
		return
	}
	w.line(name + " = [")
	w.depth++
	for _, q := range quoted {
		w.line(q + ",")
	}
	w.depth--
	w.line("]")
}

// table writes a map as a block of attributes in the order of their names.
func (w *writer) table(header string, m map[string]string) {
	if len(m) == 0 {
		return
	}
	w.block(header, Notes{}, func() {
		for _, k := range Keys(m) {
			w.raw(Key(k), Quote(m[k]))
		}
	})
}

// object writes a map as a list with one object, as docker's options are.
func (w *writer) object(name string, m map[string]string) {
	if len(m) == 0 {
		return
	}
	w.line(name + " = [{")
	w.depth++
	for _, k := range Keys(m) {
		w.raw(quoteConfig(k), quoteConfig(m[k]))
	}
	w.depth--
	w.line("}]")
}

// heredoc writes text as it is, or quoted where a heredoc cannot hold it. Only
// HCL's own interpolation is escaped.
func (w *writer) heredoc(name, text string) {
	text = strings.ToValidUTF8(text, "\uFFFD")
	mark := "EOT"
	for strings.Contains(text, mark) {
		mark += "_"
	}
	if !strings.HasSuffix(text, "\n") || strings.ContainsFunc(text, unprintable) {
		w.raw(name, Quote(text))
		return
	}
	w.b.WriteString(strings.Repeat("  ", w.depth) + name + " = <<" + mark + "\n" + literal(text) + mark + "\n")
	w.empty = false
}

// Quote is a string in native syntax in which nothing is interpolated.
func Quote(s string) string { return quote(literal(s)) }

// QuoteExpr is a string whose ${...} are for the scheduler.
func QuoteExpr(s string) string { return quote(s) }

// quoteConfig is Quote for the configuration of a driver, which is evaluated
// once more on the node.
func quoteConfig(s string) string { return quote(Literal(s)) }

// Literal is text that can be part of a string for QuoteExpr in the
// configuration of a driver.
func Literal(s string) string { return literal(literal(s)) }

func literal(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "${", "$${"), "%{", "%%{")
}

func quote(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case unprintable(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func unprintable(r rune) bool { return r < 0x20 && r != '\n' && r != '\t' || r == 0x7f || r == 0xfeff }

// printable is text that a comment can hold.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unprintable(r) || r == utf8.RuneError || r == '\u2028' || r == '\u2029' || r == '\u0085' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
}

// Key is the name of an attribute, in quotes where it is no identifier.
func Key(s string) string {
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || c == '-')) {
			return Quote(s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}

// Keys are the keys of a map in order.
func Keys[M ~map[K]V, K ~string, V any](m M) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// Duration is a duration as people write it: 90s as 1m30s, 2h0m0s as 2h.
func Duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
