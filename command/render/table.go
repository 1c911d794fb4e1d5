// Package render lays out what commands print: tables, rows of keys and
// values, short IDs, times, sizes, JSON, templates and colours. Every command
// calls it. It returns text and never writes it, so it knows neither terminals
// nor agents.
package render

import (
	"strings"
	"unicode/utf8"
)

const (
	// None is what an empty cell or value shows as.
	None = "<none>"
	// columnGap parts the columns of a table.
	columnGap = "  "
	// keyGap parts keys from values.
	keyGap = " = "
	// lastMin is how wide a last column is at the least when it is wrapped: less
	// would be one word a line.
	lastMin = 20
)

// Table aligns rows of cells in columns. Its first row is the header.
type Table struct {
	rows [][]string
	// keep leaves empty cells empty.
	keep bool
	// wide is how wide the table may be, 0 without a bound.
	wide int
}

// NewTable starts a table with its header. Header cells that are empty are
// left out together with their column, so that a caller can write optional
// columns in place: NewTable("ID", render.If(all, "Namespace"), "Status").
func NewTable(header ...string) *Table {
	return &Table{rows: [][]string{header}}
}

// If is text when the condition holds, and "" otherwise.
func If(condition bool, text string) string {
	if condition {
		return text
	}
	return ""
}

// KeepEmpty shows empty cells as nothing instead of <none>.
func (t *Table) KeepEmpty() *Table {
	t.keep = true
	return t
}

// WrapLast breaks the text of the last column into lines, so that the table is at
// most wide places wide.
func (t *Table) WrapLast(wide int) *Table {
	t.wide = wide
	return t
}

// Row adds a row. Cells of left-out columns are ignored.
func (t *Table) Row(cells ...string) { t.rows = append(t.rows, cells) }

// Len is the number of rows below the header.
func (t *Table) Len() int { return len(t.rows) - 1 }

// String is the table without a final line break.
func (t *Table) String() string {
	header := t.rows[0]
	var columns []int
	for i, title := range header {
		if title != "" {
			columns = append(columns, i)
		}
	}
	widths := make([]int, len(columns))
	cells := make([][]string, len(t.rows))
	for r, row := range t.rows {
		cells[r] = make([]string, len(columns))
		for c, i := range columns {
			cell := ""
			if i < len(row) {
				cell = oneLine(row[i])
			}
			if cell == "" && !t.keep {
				cell = None
			}
			cells[r][c] = cell
			widths[c] = max(widths[c], Width(cell))
		}
	}
	before := 0 // the last column
	for _, w := range widths[:max(len(widths)-1, 0)] {
		before += w + len(columnGap)
	}
	lines := make([]string, len(cells))
	for r, row := range cells {
		var b strings.Builder
		for c, cell := range row {
			last := c == len(row)-1
			if last && t.wide > 0 {
				cell = Wrap(cell, max(t.wide-before, lastMin), strings.Repeat(" ", before))
			}
			b.WriteString(cell)
			if !last {
				b.WriteString(strings.Repeat(" ", widths[c]-Width(cell)))
				b.WriteString(columnGap)
			}
		}
		lines[r] = strings.TrimRight(b.String(), " ")
	}
	return strings.Join(lines, "\n")
}

// oneLine keeps a cell from breaking its row.
func oneLine(s string) string {
	if !strings.ContainsAny(s, "\n\r\t") {
		return s
	}
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' || r == '\t' }), " ")
}

// Width is the number of places that text takes on a terminal, colours aside.
func Width(s string) int {
	if !strings.Contains(s, escape) {
		return utf8.RuneCountInString(s)
	}
	width, inside := 0, false
	for _, r := range s {
		switch {
		case inside:
			inside = r != 'm'
		case r == '\x1b':
			inside = true
		default:
			width++
		}
	}
	return width
}

// Pairs are rows of a key and a value.
type Pairs struct {
	keys, values []string
}

// Add adds a row.
func (p *Pairs) Add(key, value string) *Pairs {
	p.keys = append(p.keys, key)
	p.values = append(p.values, value)
	return p
}

// AddIf adds a row when the condition holds.
func (p *Pairs) AddIf(condition bool, key, value string) *Pairs {
	if condition {
		p.Add(key, value)
	}
	return p
}

// Len is the number of rows.
func (p *Pairs) Len() int { return len(p.keys) }

// String is the rows, keys padded to the longest, without a final line break.
func (p *Pairs) String() string {
	width := 0
	for _, key := range p.keys {
		width = max(width, Width(key))
	}
	lines := make([]string, len(p.keys))
	for i, key := range p.keys {
		value := p.values[i]
		if value == "" {
			value = None
		}
		lines[i] = key + strings.Repeat(" ", width-Width(key)) + keyGap + value
	}
	return strings.Join(lines, "\n")
}

// Indent puts prefix before every line that is not empty.
func Indent(text, prefix string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = prefix + line
		}
	}
	return strings.Join(lines, "\n")
}
