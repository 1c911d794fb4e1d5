package jobspec

import (
	"bytes"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// explainFaults makes less and more of what hclsyntax says about a text with
// faults: a quote that is not closed is one fault, though every line behind it
// is another; and of a brace that is not closed, indents tell which it is.
func explainFaults(diags hcl.Diagnostics, text []byte, key string) hcl.Diagnostics {
	var out hcl.Diagnostics
	inString := false
	for _, d := range diags {
		switch d.Summary {
		case "Invalid multi-line string":
			if inString {
				continue
			}
			inString = true
			d.Detail = "The string is not closed on its line. If it is to have several lines, use \\n or a heredoc: <<EOF."
		case "Unterminated template string":
			if inString {
				continue
			}
		case "Unclosed configuration block":
			if open, end := unclosed(text, key); end.Line > 0 {
				d.Subject = &open
				d.Detail = fmt.Sprintf("There is no closing brace for this block: the brace at line %d closes another one, by its indent.", end.Line)
			}
		}
		out = append(out, d)
	}
	return out
}

// unclosed finds the innermost brace that is closed by one on a line with
// another indent, which most likely was meant to close an outer one.
func unclosed(text []byte, key string) (open hcl.Range, end hcl.Pos) {
	tokens, _ := hclsyntax.LexConfig(text, key, hcl.InitialPos)
	type brace struct {
		at     hcl.Range
		indent string
	}
	var stack []brace
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace:
			line := text[lineStart(text, t.Range.Start.Byte):t.Range.End.Byte]
			stack = append(stack, brace{t.Range, indent(line)})
		case hclsyntax.TokenCBrace:
			if len(stack) == 0 {
				return hcl.Range{}, hcl.Pos{}
			}
			top := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			before := text[lineStart(text, t.Range.Start.Byte):t.Range.Start.Byte]
			if isBlank(before) && string(before) != top.indent {
				return top.at, t.Range.Start
			}
		}
	}
	return hcl.Range{}, hcl.Pos{}
}

// indent is the blanks that a line starts with.
func indent(line []byte) string {
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}
