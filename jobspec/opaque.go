package jobspec

import (
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// opaque decodes a body that has no schema: driver configuration, scaling
// policies and the like. Blocks become lists of objects; so does an object
// written as an attribute, since drivers cannot tell the two.
func (d *decoder) opaque(b scoped) object {
	return d.opaqueBody(b, true)
}

func (d *decoder) opaqueBody(b scoped, first bool) object {
	out := object{}
	d.meter.charge(blockCost, b.TypeRange.Ptr())
	for _, attr := range inOrder(b.Body.Attributes) {
		v, ok := d.value(attr, b.ctx)
		switch {
		case !ok, v.IsNull() && first:
		case isObjectLiteral(attr.Expr):
			out[attr.Name] = []any{toPlain(v)}
		default:
			out[attr.Name] = toPlain(v)
		}
	}
	for _, nested := range b.Body.Blocks {
		if _, both := b.Body.Attributes[nested.Type]; both {
			d.diags.add(problem(nested.DefRange().Ptr(), "Argument and block of one name",
				"%q is already an argument here; it cannot be a block too.", nested.Type))
			continue
		}
		var content any = d.opaqueBody(scoped{nested, b.ctx}, false)
		for i := len(nested.Labels) - 1; i >= 0; i-- {
			content = object{nested.Labels[i]: []any{content}}
		}
		list, _ := out[nested.Type].([]any)
		out[nested.Type] = append(list, content)
	}
	return out
}

// isObjectLiteral tells {...} written in native syntax directly behind the
// equals sign.
func isObjectLiteral(e hclsyntax.Expression) bool {
	if m, ok := e.(*metered); ok {
		e = m.Expression
	}
	_, ok := e.(*hclsyntax.ObjectConsExpr)
	return ok
}
