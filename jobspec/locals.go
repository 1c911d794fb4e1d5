package jobspec

import (
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
	e := localEvaluator{parser: p, ctx: ctx, byName: byName}
	var whole []*local
	for _, l := range p.locals {
		if byName[l.name] != l {
			continue
		}
		if !src.json {
			l.expr = rewriter{meter: p.meter, text: src.body, deferring: true}.expr(l.expr)
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
		if byName[l.name] == l && !l.all && !e.eval(l) {
			return
		}
	}
	for _, l := range whole {
		if !e.eval(l) {
			return
		}
	}
	ctx.Variables["local"] = cty.ObjectVal(e.values(nil))
}

// localEvaluator evaluates locals depth first.
type localEvaluator struct {
	*parser
	ctx    *hcl.EvalContext
	byName map[string]*local
}

func (e *localEvaluator) eval(l *local) bool {
	switch l.state {
	case localDone:
		return true
	case localActive:
		e.diags.add(problem(l.expr.Range().Ptr(), "Locals refer to each other in a circle",
			"The value of local.%s depends on itself.", l.name))
		return false
	}
	l.state = localActive
	for _, name := range l.needs {
		if need := e.byName[name]; need != nil && !e.eval(need) {
			return false
		}
	}
	inner := e.ctx.NewChild()
	needs := l.needs
	if l.all {
		needs = nil
	}
	inner.Variables = map[string]cty.Value{"local": cty.ObjectVal(e.values(needs))}
	if needs == nil && !l.all {
		inner.Variables["local"] = cty.EmptyObjectVal
	}
	v, diags := l.expr.Value(inner)
	e.diags.add(diags...)
	l.value, l.state = v, localDone
	return !diags.HasErrors()
}

// values are the evaluated locals of the given names; of all names when nil.
func (e *localEvaluator) values(names []string) map[string]cty.Value {
	out := map[string]cty.Value{}
	if names == nil {
		for name, l := range e.byName {
			if l.state == localDone {
				out[name] = l.value
			}
		}
		return out
	}
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
