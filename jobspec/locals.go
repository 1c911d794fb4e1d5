package jobspec

import (
	"maps"
	"slices"
	"sort"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// local is a named expression.
type local struct {
	name string
	expr hclsyntax.Expression
	// needs names the locals it refers to; all is set when it uses them as a
	// whole.
	needs []string
	all   bool

	state localState
	value cty.Value
}

type localState uint8

const (
	localPending localState = iota
	localActive
	localDone
	localFailed
)

// collectLocals notes the arguments of a locals block; a later one of the same
// name wins.
func (p *parser) collectLocals(b *hclsyntax.Block) {
	for _, nested := range b.Body.Blocks {
		p.diags.add(problem(nested.DefRange().Ptr(), "Unexpected block", "Locals are arguments; blocks are not allowed here."))
	}
	for _, attr := range inOrder(b.Body.Attributes) {
		p.locals = append(p.locals, &local{name: attr.Name, expr: attr.Expr})
	}
}

// evalLocals evaluates the locals, each after those it refers to.
func (p *parser) evalLocals(ctx *hcl.EvalContext, src source) {
	byName := map[string]*local{}
	for _, l := range p.locals {
		byName[l.name] = l
	}
	p.diags.declared.locals = slices.Sorted(maps.Keys(byName))
	e := localEvaluator{parser: p, ctx: ctx, byName: byName}
	var whole []*local
	for _, l := range p.locals {
		if byName[l.name] != l {
			continue
		}
		if !src.json {
			l.expr = rewriter{meter: p.meter, text: src.body, deferring: true, strays: p.strays}.expr(l.expr)
		}
		for _, ref := range references(l.expr) {
			if ref.RootName() != "local" {
				continue
			}
			name := memberName(ref)
			l.needs = append(l.needs, name)
			l.all = l.all || name == ""
		}
		if l.all {
			whole = append(whole, l)
		}
	}
	for _, l := range p.locals {
		if byName[l.name] == l && !l.all {
			e.eval(l)
		}
	}
	for _, l := range whole {
		e.eval(l)
	}
	ctx.Variables["local"] = cty.ObjectVal(e.done())
}

// localEvaluator evaluates locals depth first. What depends on a local that
// failed is not evaluated: it would only repeat the problem.
type localEvaluator struct {
	*parser
	ctx    *hcl.EvalContext
	byName map[string]*local
}

func (e *localEvaluator) eval(l *local) bool {
	switch l.state {
	case localDone:
		return true
	case localFailed:
		return false
	case localActive:
		e.diags.add(problem(l.expr.Range().Ptr(), "Locals refer to each other in a circle",
			"The value of local.%s depends on itself.", l.name))
		return false
	}
	l.state = localActive
	for _, name := range l.needs {
		if need := e.byName[name]; need != nil && !e.eval(need) {
			l.state = localFailed
			return false
		}
	}
	values := e.some(l.needs)
	if l.all {
		values = e.done()
	}
	inner := e.ctx.NewChild()
	inner.Variables = map[string]cty.Value{"local": cty.ObjectVal(values)}
	v, diags := l.expr.Value(inner)
	e.diags.add(diags...)
	if diags.HasErrors() {
		l.state = localFailed
		return false
	}
	l.value, l.state = v, localDone
	return true
}

// done are the values of all locals evaluated so far.
func (e *localEvaluator) done() map[string]cty.Value {
	out := map[string]cty.Value{}
	for name, l := range e.byName {
		if l.state == localDone {
			out[name] = l.value
		}
	}
	return out
}

// some are the values of the named locals.
func (e *localEvaluator) some(names []string) map[string]cty.Value {
	out := map[string]cty.Value{}
	for _, name := range names {
		if l := e.byName[name]; l != nil && l.state == localDone {
			out[name] = l.value
		}
	}
	return out
}

// hclOrder lists attributes as they appear in the source.
func hclOrder(attrs hcl.Attributes) []*hcl.Attribute {
	out := make([]*hcl.Attribute, 0, len(attrs))
	for _, a := range attrs {
		out = append(out, a)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Range.Start.Byte < out[j].Range.Start.Byte })
	return out
}
