package jobspec

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// rewriter prepares expressions for evaluation: references to names that exist
// only at run time become their own source text, and whatever can make a value
// grow is metered. It changes the tree in place.
type rewriter struct {
	meter *meter
	// text is the source of the expression and base the position of its first
	// byte: in JSON, each string is a source of its own.
	text []byte
	base int
	// deferring is off where run-time names are not allowed; strays notes those that
	// are met.
	deferring bool
	strays    *strays
}

// expr returns the prepared expression.
func (r rewriter) expr(e hclsyntax.Expression) hclsyntax.Expression {
	switch e := e.(type) {
	case *hclsyntax.ScopeTraversalExpr:
		if r.deferring {
			return &runtimeRef{ScopeTraversalExpr: e, text: r.placeholder(e, false), strays: r.strays}
		}
		return e
	case *hclsyntax.TemplateExpr:
		if text, ok := e.Parts[0].(*hclsyntax.LiteralValueExpr); ok && e.IsStringLiteral() {
			return &hclsyntax.LiteralValueExpr{Val: text.Val, SrcRange: e.SrcRange}
		}
		whole := &templateMeter{TemplateExpr: e}
		for i, part := range e.Parts {
			e.Parts[i] = &templatePart{Expression: r.templatePart(part), whole: whole}
		}
		return r.metered(whole)
	case *hclsyntax.TemplateWrapExpr:
		e.Wrapped = r.templatePart(e.Wrapped)
		return e
	case *hclsyntax.TemplateJoinExpr:
		e.Tuple = r.expr(e.Tuple)
		return r.metered(e)
	case *hclsyntax.FunctionCallExpr:
		for i, arg := range e.Args {
			e.Args[i] = r.converted(arg)
		}
		return r.metered(e)
	case *hclsyntax.TupleConsExpr:
		r.all(e.Exprs)
		return r.metered(e)
	case *hclsyntax.ObjectConsExpr:
		for i, item := range e.Items {
			e.Items[i] = hclsyntax.ObjectConsItem{KeyExpr: r.key(item.KeyExpr), ValueExpr: r.expr(item.ValueExpr)}
		}
		return r.metered(e)
	case *hclsyntax.ForExpr:
		e.CollExpr = r.expr(e.CollExpr)
		e.KeyExpr = r.always(e.KeyExpr)
		e.ValExpr = r.always(e.ValExpr)
		e.CondExpr = r.always(e.CondExpr)
		return r.metered(e)
	}
	return r.operator(e)
}

// operator prepares the expressions that pass values on or compute with them.
func (r rewriter) operator(e hclsyntax.Expression) hclsyntax.Expression {
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		if _, fault := valueSize(e.Val); fault != "" {
			return r.metered(e)
		}
	case *hclsyntax.RelativeTraversalExpr:
		e.Source = r.expr(e.Source)
	case *hclsyntax.ConditionalExpr:
		e.Condition = r.expr(e.Condition)
		e.TrueResult = r.converted(e.TrueResult)
		e.FalseResult = r.converted(e.FalseResult)
		return r.metered(e)
	case *hclsyntax.IndexExpr:
		e.Collection = r.expr(e.Collection)
		e.Key = r.expr(e.Key)
	case *hclsyntax.SplatExpr:
		e.Source = r.expr(e.Source)
		e.Each = r.expr(e.Each)
		return r.metered(e)
	case *hclsyntax.BinaryOpExpr:
		// Comparing costs as much as the values are large.
		e.LHS = r.always(e.LHS)
		e.RHS = r.always(e.RHS)
		return r.metered(e)
	case *hclsyntax.UnaryOpExpr:
		e.Val = r.expr(e.Val)
	case *hclsyntax.ParenthesesExpr:
		e.Expression = r.expr(e.Expression)
	}
	return e
}

func (r rewriter) all(list []hclsyntax.Expression) {
	for i, e := range list {
		list[i] = r.expr(e)
	}
}

// always prepares an expression that is metered whatever it is.
func (r rewriter) always(e hclsyntax.Expression) hclsyntax.Expression {
	if e == nil {
		return nil
	}
	out := r.expr(e)
	switch out.(type) {
	case *metered, *hclsyntax.LiteralValueExpr:
		return out
	}
	return r.metered(out)
}

// converted prepares an expression whose value may be converted, which for
// tuples and objects compares each element with every other.
func (r rewriter) converted(e hclsyntax.Expression) hclsyntax.Expression {
	out := r.expr(e)
	if _, constant := out.(*hclsyntax.LiteralValueExpr); constant {
		return out
	}
	return &metered{Expression: out, meter: r.meter, pairs: true}
}

// key prepares the key of an object element; a bare name is the key itself.
func (r rewriter) key(e hclsyntax.Expression) hclsyntax.Expression {
	k, ok := e.(*hclsyntax.ObjectConsKeyExpr)
	if !ok {
		return r.expr(e)
	}
	if _, bare := k.Wrapped.(*hclsyntax.ScopeTraversalExpr); bare && !k.ForceNonLiteral {
		return k
	}
	k.Wrapped = r.expr(k.Wrapped)
	return k
}

// templatePart prepares what stands between ${ and }.
func (r rewriter) templatePart(e hclsyntax.Expression) hclsyntax.Expression {
	if ref, ok := e.(*hclsyntax.ScopeTraversalExpr); ok && r.deferring {
		return &runtimeRef{ScopeTraversalExpr: ref, text: r.placeholder(ref, true), strays: r.strays}
	}
	return r.expr(e)
}

func (r rewriter) metered(e hclsyntax.Expression) hclsyntax.Expression {
	return &metered{Expression: e, meter: r.meter}
}

// placeholder is what a reference to a run-time name evaluates to: its source
// text in ${}. Inside a template the spaces around it are kept.
func (r rewriter) placeholder(e *hclsyntax.ScopeTraversalExpr, inTemplate bool) string {
	start, end := e.SrcRange.Start.Byte-r.base, e.SrcRange.End.Byte-r.base
	if start < 0 || end > len(r.text) || start > end {
		return "${" + e.Traversal.RootName() + "}"
	}
	if inTemplate {
		before := bytes.TrimRight(r.text[:start], " \t\r\n")
		after := bytes.TrimLeft(r.text[end:], " \t\r\n")
		if bytes.HasSuffix(before, []byte("${")) && bytes.HasPrefix(after, []byte("}")) {
			return string(r.text[len(before)-2 : len(r.text)-len(after)+1])
		}
	}
	return "${" + string(r.text[start:end]) + "}"
}

// runtimeRef is a reference whose root may exist only at run time.
type runtimeRef struct {
	*hclsyntax.ScopeTraversalExpr
	text   string
	strays *strays
}

// Value is what the reference refers to where its root is known, and else its
// placeholder.
func (e *runtimeRef) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	root := e.Traversal.RootName()
	for c := ctx; c != nil; c = c.Parent() {
		if _, known := c.Variables[root]; known {
			return e.ScopeTraversalExpr.Value(ctx)
		}
	}
	e.strays.found = append(e.strays.found, e.ScopeTraversalExpr)
	return cty.StringVal(e.text), nil
}
