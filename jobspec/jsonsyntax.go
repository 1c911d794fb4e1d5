package jobspec

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty"
)

// jsonValue is an expression from the JSON syntax. It is rewritten when it is
// made, since each of its strings is a source of its own.
type jsonValue struct {
	hclsyntax.Expression
}

// UnwrapExpression gives static analysis the expression itself.
func (e *jsonValue) UnwrapExpression() hcl.Expression { return e.Expression }

// jsonReader turns the JSON syntax into the tree of the native one, guided by
// the schema, which tells blocks from attributes. Both forms are the same from
// there on.
type jsonReader struct {
	key    string
	text   []byte
	meter  *meter
	strays *strays
	diags  hcl.Diagnostics
}

// parseJSON reads the syntax alone.
func parseJSON(text []byte, key string) (hcl.Body, hcl.Diagnostics) {
	if d := checkJSON(text, key); d != nil {
		return nil, hcl.Diagnostics{d}
	}
	file, diags := json.ParseWithStartPos(text, key, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, diags
	}
	return file.Body, diags
}

// readJSON reads a job file in JSON syntax.
func (p *parser) readJSON(text []byte, key string) (*hclsyntax.Body, hcl.Diagnostics) {
	body, diags := parseJSON(text, key)
	if diags.HasErrors() {
		return nil, diags
	}
	r := &jsonReader{key: key, text: text, meter: p.meter, strays: p.strays}
	out := r.shape(body, p.schema.shapes[topShape], p.schema)
	return out, append(diags, r.diags...)
}

// checkJSON bounds the size and depth of the syntax tree.
func checkJSON(text []byte, key string) *hcl.Diagnostic {
	depth, signs, inString := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
			signs++
		case c == '}' || c == ']':
			depth--
		case c == ',' || c == ':':
			signs++
		}
		switch {
		case depth > nestingMax:
			return problem(signAt(text, key, i), "Nesting too deep", "Objects and lists may nest %d levels deep.", nestingMax)
		case signs > jsonSignsMax:
			return problem(signAt(text, key, i), "Source too large", "The source has more than %d brackets, commas and colons.", jsonSignsMax)
		}
	}
	return nil
}

// signAt is the place of a byte.
func signAt(text []byte, key string, offset int) *hcl.Range {
	from := lineStart(text, offset)
	at := hcl.Range{Filename: key, Start: hcl.Pos{
		Line: bytes.Count(text[:from], []byte("\n")) + 1, Column: utf8.RuneCount(text[from:offset]) + 1, Byte: offset,
	}}
	at.End = hcl.Pos{Line: at.Start.Line, Column: at.Start.Column + 1, Byte: offset + 1}
	return &at
}

// shape reads a body with a known shape.
func (r *jsonReader) shape(body hcl.Body, s *shape, sch *schema) *hclsyntax.Body {
	want := &hcl.BodySchema{}
	for _, a := range s.attrs {
		want.Attributes = append(want.Attributes, hcl.AttributeSchema{Name: a.name})
	}
	for _, b := range s.blocks {
		if b.isMap() {
			if s.attr(b.name) == nil {
				want.Attributes = append(want.Attributes, hcl.AttributeSchema{Name: b.name})
			}
			continue
		}
		want.Blocks = append(want.Blocks, hcl.BlockHeaderSchema{Type: b.name, LabelNames: b.labelNames()})
	}
	if s.name != topShape {
		want.Blocks = append(want.Blocks, hcl.BlockHeaderSchema{Type: dynamicType, LabelNames: []string{"type"}})
	}
	content, diags := r.content(body, want, s)
	r.diags = append(r.diags, diags...)
	out := r.newBody(body)
	for name, a := range content.Attributes {
		out.Attributes[name] = r.attribute(a, s.name == variableShape && name == "type")
	}
	for _, b := range content.Blocks {
		out.Blocks = append(out.Blocks, r.block(b, s, sch))
	}
	return out
}

// content selects the parts of a body. Where unknown members are let through,
// what is not in the shape is dropped.
func (r *jsonReader) content(body hcl.Body, want *hcl.BodySchema, s *shape) (*hcl.BodyContent, hcl.Diagnostics) {
	if s.lax {
		content, _, diags := body.PartialContent(want)
		return content, diags
	}
	return body.Content(want)
}

func (r *jsonReader) newBody(body hcl.Body) *hclsyntax.Body {
	at := body.MissingItemRange()
	return &hclsyntax.Body{Attributes: hclsyntax.Attributes{}, SrcRange: at, EndRange: at}
}

// block reads one block of the shape s.
func (r *jsonReader) block(b *hcl.Block, s *shape, sch *schema) *hclsyntax.Block {
	out := &hclsyntax.Block{
		Type: b.Type, Labels: b.Labels, TypeRange: b.TypeRange, LabelRanges: b.LabelRanges,
		OpenBraceRange: b.DefRange, CloseBraceRange: b.DefRange,
	}
	if b.Type == dynamicType {
		out.Body = r.dynamic(b, s, sch)
		return out
	}
	out.Body = r.blockBody(b.Body, s.block(b.Type), sch)
	return out
}

func (r *jsonReader) blockBody(body hcl.Body, def *blockDef, sch *schema) *hclsyntax.Body {
	if def == nil || def.isMap() || def.shape == "" {
		return r.free(body)
	}
	return r.shape(body, sch.shapes[def.shape], sch)
}

// free reads a body whose members are all attributes.
func (r *jsonReader) free(body hcl.Body) *hclsyntax.Body {
	attrs, diags := body.JustAttributes()
	r.diags = append(r.diags, diags...)
	out := r.newBody(body)
	for name, a := range attrs {
		out.Attributes[name] = r.attribute(a, false)
	}
	return out
}

// dynamic reads a dynamic block; its content has the shape of what it makes.
func (r *jsonReader) dynamic(b *hcl.Block, s *shape, sch *schema) *hclsyntax.Body {
	content, diags := b.Body.Content(&hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "for_each"}, {Name: "iterator"}, {Name: "labels"}},
		Blocks:     []hcl.BlockHeaderSchema{{Type: "content"}},
	})
	r.diags = append(r.diags, diags...)
	out := r.newBody(b.Body)
	for name, a := range content.Attributes {
		out.Attributes[name] = r.attribute(a, name == "iterator")
	}
	for _, c := range content.Blocks {
		out.Blocks = append(out.Blocks, &hclsyntax.Block{
			Type: c.Type, TypeRange: c.TypeRange, OpenBraceRange: c.DefRange, CloseBraceRange: c.DefRange,
			Body: r.blockBody(c.Body, s.block(b.Labels[0]), sch),
		})
	}
	return out
}

// attribute reads one attribute. The value of a keyword attribute is itself
// an expression in a string.
func (r *jsonReader) attribute(a *hcl.Attribute, keyword bool) *hclsyntax.Attribute {
	out := &hclsyntax.Attribute{Name: a.Name, SrcRange: a.Range, NameRange: a.NameRange, EqualsRange: a.NameRange}
	if keyword {
		out.Expr = r.keyword(a.Expr)
	} else {
		out.Expr = &jsonValue{Expression: r.expr(a.Expr)}
	}
	return out
}

func (r *jsonReader) keyword(e hcl.Expression) hclsyntax.Expression {
	v, diags := e.Value(nil)
	r.diags = append(r.diags, diags...)
	if diags.HasErrors() || v.IsNull() || v.Type() != cty.String {
		return &jsonValue{Expression: r.expr(e)}
	}
	expr, diags := readExpression([]byte(v.AsString()), r.key, stringStart(e.Range()))
	r.diags = append(r.diags, diags...)
	return expr
}

// expr reads a value: strings are templates, also as keys of objects.
func (r *jsonReader) expr(e hcl.Expression) hclsyntax.Expression {
	at := e.Range()
	switch first := r.text[at.Start.Byte]; first {
	case '[':
		elems, _ := hcl.ExprList(e)
		tuple := &hclsyntax.TupleConsExpr{SrcRange: at, OpenRange: at, Exprs: make([]hclsyntax.Expression, len(elems))}
		for i, elem := range elems {
			tuple.Exprs[i] = r.expr(elem)
		}
		return &metered{Expression: tuple, meter: r.meter}
	case '{':
		pairs, _ := hcl.ExprMap(e)
		object := &hclsyntax.ObjectConsExpr{SrcRange: at, OpenRange: at, Items: make([]hclsyntax.ObjectConsItem, len(pairs))}
		for i, pair := range pairs {
			object.Items[i] = hclsyntax.ObjectConsItem{KeyExpr: r.expr(pair.Key), ValueExpr: r.expr(pair.Value)}
		}
		return &metered{Expression: object, meter: r.meter}
	}
	v, diags := e.Value(nil)
	r.diags = append(r.diags, diags...)
	if v.Type() != cty.String || v.IsNull() || diags.HasErrors() {
		return &metered{Expression: &hclsyntax.LiteralValueExpr{Val: v, SrcRange: at}, meter: r.meter}
	}
	if !isTemplate(v.AsString()) {
		return &hclsyntax.LiteralValueExpr{Val: v, SrcRange: at}
	}
	text, start := []byte(v.AsString()), stringStart(at)
	expr, diags := readTemplate(text, r.key, start)
	r.diags = append(r.diags, diags...)
	if diags.HasErrors() {
		return &hclsyntax.LiteralValueExpr{Val: v, SrcRange: at}
	}
	rw := rewriter{meter: r.meter, text: text, base: start.Byte, deferring: true, strays: r.strays}
	return rw.expr(expr)
}

// isTemplate tells whether a string may hold more than itself.
func isTemplate(text string) bool {
	return strings.Contains(text, "${") || strings.Contains(text, "%{")
}

// stringStart is where the content of a quoted string starts.
func stringStart(at hcl.Range) hcl.Pos {
	return hcl.Pos{Line: at.Start.Line, Column: at.Start.Column + 1, Byte: at.Start.Byte + 1}
}
