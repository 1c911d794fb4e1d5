package jobspec

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/nomadlike/nomadlike/nomadlike/spell"
)

// expand lists the blocks of a body with the dynamic ones replaced by what
// they make, in file order.
func (d *decoder) expand(s *shape, b scoped) []scoped {
	out := make([]scoped, 0, len(b.Body.Blocks))
	for _, nested := range b.Body.Blocks {
		if nested.Type != dynamicType {
			out = append(out, scoped{nested, b.ctx})
			continue
		}
		out = append(out, d.expandOne(s, scoped{nested, b.ctx})...)
	}
	return out
}

// dynamicSpec is the fixed part of a dynamic block.
type dynamicSpec struct {
	block    *hclsyntax.Block
	def      *blockDef
	elements cty.Value
	iterator string
	labels   *hclsyntax.Attribute
	content  *hclsyntax.Block
}

func (d *decoder) expandOne(s *shape, b scoped) []scoped {
	if !checkLabels(d.diags, b.Block, 1) || d.made > dynamicBlocksMax {
		return nil
	}
	sp, ok := d.dynamicSpec(s, b)
	if !ok {
		return nil
	}
	d.made += sp.elements.LengthInt()
	if d.made > dynamicBlocksMax {
		d.diags.add(problem(b.DefRange().Ptr(), "Too many dynamic blocks",
			"Dynamic blocks of a job file may make %d blocks in total.", dynamicBlocksMax))
		return nil
	}
	var out []scoped
	for it := sp.elements.ElementIterator(); it.Next(); {
		key, value := it.Element()
		if sp.elements.Type().IsSetType() {
			key = value
		}
		ctx := b.ctx.NewChild()
		ctx.Variables = map[string]cty.Value{
			sp.iterator: cty.ObjectVal(map[string]cty.Value{"key": key, "value": value}),
		}
		if made := d.makeBlock(sp, ctx); made != nil {
			out = append(out, scoped{made, ctx})
		}
	}
	return out
}

// dynamicSpec reads the arguments of a dynamic block.
func (d *decoder) dynamicSpec(s *shape, b scoped) (*dynamicSpec, bool) {
	sp := &dynamicSpec{block: b.Block, def: s.block(b.Labels[0]), iterator: b.Labels[0]}
	if sp.def == nil {
		d.diags.add(problem(b.LabelRanges[0].Ptr(), "Unsupported block type",
			"Blocks of type %q are not expected here.%s", b.Labels[0], spell.Hint(b.Labels[0], s.blockNames())))
		return nil, false
	}
	for _, attr := range inOrder(b.Body.Attributes) {
		switch attr.Name {
		case "for_each":
		case "labels":
			sp.labels = attr
		case "iterator":
			sp.iterator = hcl.ExprAsKeyword(attr.Expr)
			if sp.iterator == "" {
				d.diags.add(problem(attr.Expr.Range().Ptr(), "Invalid expression",
					"The iterator must be a bare name."))
				return nil, false
			}
		default:
			d.diags.add(problem(attr.NameRange.Ptr(), "Unsupported argument",
				"An argument named %q is not expected in a dynamic block.%s", attr.Name,
				spell.Hint(attr.Name, []string{"for_each", "labels", "iterator"})))
		}
	}
	return sp, d.dynamicContent(sp) && d.dynamicElements(sp, b)
}

// dynamicContent finds the one content block.
func (d *decoder) dynamicContent(sp *dynamicSpec) bool {
	for _, nested := range sp.block.Body.Blocks {
		switch {
		case nested.Type != "content":
			d.diags.add(problem(nested.TypeRange.Ptr(), "Unsupported block type",
				"Blocks of type %q are not expected in a dynamic block; they belong into its content.", nested.Type))
			return false
		case !checkLabels(d.diags, nested, 0):
			return false
		case sp.content != nil:
			d.diags.add(problem(nested.DefRange().Ptr(), "Extraneous dynamic content block",
				"Only one content block is allowed in a dynamic block."))
			return false
		}
		sp.content = nested
	}
	if sp.content == nil {
		d.diags.add(problem(sp.block.DefRange().Ptr(), "Missing dynamic content block",
			"A dynamic block needs a content block with the body of the blocks it makes."))
		return false
	}
	if want := len(sp.def.labelNames()); want > 0 && sp.labels == nil {
		d.diags.add(problem(sp.block.DefRange().Ptr(), "Missing dynamic block labels",
			"Blocks of type %q have %d label; the dynamic block needs the argument \"labels\".", sp.def.name, want))
		return false
	}
	return true
}

// dynamicElements evaluates what is iterated over.
func (d *decoder) dynamicElements(sp *dynamicSpec, b scoped) bool {
	attr, ok := b.Body.Attributes["for_each"]
	if !ok {
		d.diags.add(problem(b.DefRange().Ptr(), "Missing required argument",
			"The argument \"for_each\" is required, but no definition was found."))
		return false
	}
	v, ok := d.value(attr, b.ctx)
	switch {
	case !ok:
		return false
	case v.IsNull():
		d.diags.add(problem(attr.Expr.Range().Ptr(), "Invalid dynamic for_each value",
			"Cannot iterate over null."))
		return false
	case !v.CanIterateElements():
		d.diags.add(problem(attr.Expr.Range().Ptr(), "Invalid dynamic for_each value",
			"Cannot iterate over a value of type %s; a list, set, map or object is required.", v.Type().FriendlyName()))
		return false
	}
	sp.elements = v
	return true
}

// makeBlock makes the block of one element.
func (d *decoder) makeBlock(sp *dynamicSpec, ctx *hcl.EvalContext) *hclsyntax.Block {
	made := *sp.content
	made.Type, made.TypeRange = sp.def.name, sp.block.TypeRange
	made.Labels, made.LabelRanges = nil, nil
	if sp.labels == nil {
		return &made
	}
	v, ok := d.value(sp.labels, ctx)
	if !ok {
		return nil
	}
	at := sp.labels.Expr.Range()
	if v.IsNull() || !isList(v.Type()) {
		d.diags.add(problem(&at, "Invalid dynamic block labels", "The labels must be a list of strings."))
		return nil
	}
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		label, err := convert.Convert(e, cty.String)
		if err == nil && label.IsNull() {
			err = errNull
		}
		if err != nil {
			d.diags.add(problem(&at, "Invalid dynamic block label", "Label %d: %s.", len(made.Labels)+1, err))
			return nil
		}
		made.Labels = append(made.Labels, label.AsString())
		made.LabelRanges = append(made.LabelRanges, at)
	}
	if want := len(sp.def.labelNames()); len(made.Labels) != want {
		d.diags.add(problem(&at, "Wrong number of dynamic block labels",
			"%s blocks have %s, not %d.", sp.def.name, labelCount(want), len(made.Labels)))
		return nil
	}
	return &made
}
