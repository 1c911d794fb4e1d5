package jobspec

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// references lists the names an expression refers to, but for those it
// introduces itself. It sees through prepared expressions.
func references(e hclsyntax.Expression) []hcl.Traversal {
	w := &referenceWalker{}
	_ = hclsyntax.Walk(e, w) // the walker finds no faults
	return w.found
}

type referenceWalker struct {
	found  []hcl.Traversal
	scopes []map[string]struct{}
}

// Enter notes references and the names of inner scopes.
func (w *referenceWalker) Enter(node hclsyntax.Node) hcl.Diagnostics {
	if e, ok := node.(hclsyntax.Expression); ok {
		node = unwrapped(e)
	}
	switch n := node.(type) {
	case *hclsyntax.ScopeTraversalExpr:
		w.note(n.Traversal)
	case *runtimeRef:
		w.note(n.Traversal)
	case hclsyntax.ChildScope:
		w.scopes = append(w.scopes, n.LocalNames)
	}
	return nil
}

// unwrapped is an expression as it was before it was prepared. The children of
// a wrapper are those of the expression in it, so that nothing is seen twice.
func unwrapped(e hclsyntax.Expression) hclsyntax.Expression {
	for {
		w, ok := e.(interface{ UnwrapExpression() hcl.Expression })
		if !ok {
			return e
		}
		inner, ok := w.UnwrapExpression().(hclsyntax.Expression)
		if !ok {
			return e
		}
		e = inner
	}
}

// Exit leaves an inner scope.
func (w *referenceWalker) Exit(node hclsyntax.Node) hcl.Diagnostics {
	if _, ok := node.(hclsyntax.ChildScope); ok {
		w.scopes = w.scopes[:len(w.scopes)-1]
	}
	return nil
}

func (w *referenceWalker) note(t hcl.Traversal) {
	for _, scope := range w.scopes {
		if _, inner := scope[t.RootName()]; inner {
			return
		}
	}
	w.found = append(w.found, t)
}

// memberName is the member a reference starts with, as NAME in var.NAME or
// var["NAME"]; empty when it means the whole object.
func memberName(t hcl.Traversal) string {
	if len(t) < 2 {
		return ""
	}
	switch step := t[1].(type) {
	case hcl.TraverseAttr:
		return step.Name
	case hcl.TraverseIndex:
		if step.Key.Type() == cty.String && !step.Key.IsNull() {
			return step.Key.AsString()
		}
	}
	return ""
}
