package jobspec

import (
	"fmt"
	"slices"
	"sort"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/nomadlike/nomadlike/nomadlike/spec"
	"github.com/nomadlike/nomadlike/nomadlike/spell"
)

// object is any shape inside a document.
type object = map[string]any

// decoder turns the body of the job into a document.
type decoder struct {
	diags  *Diagnostics
	schema *schema
	meter  *meter
	src    source
	// made counts the blocks that dynamic blocks made.
	made int
	// warnings are about what is read but hardly meant.
	warnings []*hcl.Diagnostic
	// noting is set where it is to be known where each part of the job is written.
	noting bool
	places *written
}

// scoped is a block with the names its expressions may use: those of the file
// and the iterators of the dynamic blocks around it.
type scoped struct {
	*hclsyntax.Block
	ctx *hcl.EvalContext
}

// job decodes the job block.
func (d *decoder) job(block *hclsyntax.Block, ctx *hcl.EvalContext) spec.Document {
	job := d.body(d.schema.shapes["job"], scoped{block, ctx})
	if d.diags.hasErrors() {
		return nil
	}
	finishJob(job, block.Labels[0])
	if d.noting {
		d.places = gather(job)
	}
	doc := spec.Document(job)
	spec.Complete(doc)
	return doc
}

// body decodes the body of a block that has a schema.
func (d *decoder) body(s *shape, b scoped) object {
	out := make(object, len(s.attrs)+len(s.blocks))
	d.note(out, b.Block)
	d.meter.charge(s.cost(), b.TypeRange.Ptr())
	d.attributes(s, b, out)
	d.blocks(s, b, out)
	for _, a := range s.attrs {
		if a.required && out[a.field] == nil {
			d.diags.add(problem(b.DefRange().Ptr(), "Missing required argument",
				"The argument %q is required, but no definition was found.", a.name))
		}
	}
	if f := finishers(s.name); f != nil && !d.diags.hasErrors() {
		f(out)
	}
	switch s.name {
	case groupScalingShape, taskScalingShape:
		d.scalingType(s.name, b, out)
	case volumeShape:
		d.volumeType(b, out)
	}
	return out
}

// attributes decodes the attributes of a body in their order in the source.
func (d *decoder) attributes(s *shape, b scoped, out object) {
	for _, attr := range inOrder(b.Body.Attributes) {
		def := s.attr(attr.Name)
		switch {
		case def != nil:
			d.attribute(def, attr, b.ctx, out)
		case d.src.json && s.block(attr.Name) != nil:
			d.mapAttribute(s.block(attr.Name), attr, b.ctx, out)
		case !s.lax:
			d.diags.add(unknownArgument(s, attr))
		}
	}
}

func (d *decoder) attribute(def *attrDef, attr *hclsyntax.Attribute, ctx *hcl.EvalContext, out object) {
	v, ok := d.value(attr, ctx)
	if !ok {
		return
	}
	if v.IsNull() {
		if !def.nullable {
			d.unsuitable(attr, errNull)
		}
		return
	}
	c, err := def.convert(v)
	if err != nil {
		d.unsuitable(attr, err)
		return
	}
	out[def.field] = c
	noteAttribute(out, def.field, attr)
}

// value evaluates an attribute.
func (d *decoder) value(attr *hclsyntax.Attribute, ctx *hcl.EvalContext) (cty.Value, bool) {
	at := attr.Expr.Range()
	v, diags := attr.Expr.Value(ctx)
	d.diags.add(diags...)
	if diags.HasErrors() {
		return v, false
	}
	size, fault := valueSize(v)
	d.meter.charge(attributeCost+size, &at)
	if fault != "" {
		d.diags.add(problem(&at, "Value out of bounds", "%s", fault))
	}
	return v, fault == ""
}

func (d *decoder) unsuitable(attr *hclsyntax.Attribute, err error) {
	d.diags.add(problem(attr.Expr.Range().Ptr(), "Unsuitable value type",
		"Unsuitable value for %q: %s.", attr.Name, err))
}

// volumeType warns of volumes whose type nobody knows: servers drop them.
func (d *decoder) volumeType(b scoped, out object) {
	typ, _ := out["Type"].(string)
	known := []string{"host", "csi"}
	if slices.Contains(known, typ) {
		return
	}
	at := b.DefRange()
	if attr := b.Body.Attributes["type"]; attr != nil {
		at = attr.Expr.Range()
	}
	n := problem(&at, "Unknown type of volume",
		"The servers leave the volume out: its type must be host or csi, not %q.%s", typ, spell.Hint(typ, known))
	n.Severity = hcl.DiagWarning
	d.warnings = append(d.warnings, n)
}

// mapAttribute decodes a block of free attributes that the JSON syntax writes
// as an object.
func (d *decoder) mapAttribute(def *blockDef, attr *hclsyntax.Attribute, ctx *hcl.EvalContext, out object) {
	v, ok := d.value(attr, ctx)
	if !ok || v.IsNull() {
		return
	}
	c, err := mapOf(v, elementConverter(def.content))
	if err != nil {
		d.unsuitable(attr, err)
		return
	}
	out[def.field] = c
	noteAttribute(out, def.field, attr)
}

func elementConverter(m mapKind) converter {
	if m == mapLists {
		return listOf(toString)
	}
	return toString
}

// blocks decodes the nested blocks of a body, after expanding dynamic ones.
func (d *decoder) blocks(s *shape, b scoped, out object) {
	seen := map[string]bool{}
	for _, nested := range d.expand(s, b) {
		def := s.block(nested.Type)
		if def == nil {
			if !s.lax {
				d.diags.add(unknownBlock(s, nested.Block))
			}
			continue
		}
		if !d.checkLabels(def, nested.Block) {
			continue
		}
		_, asAttribute := b.Body.Attributes[nested.Type]
		if def.kind == blockOne && (seen[nested.Type] || asAttribute) {
			d.diags.add(problem(nested.DefRange().Ptr(), fmt.Sprintf("Duplicate %s block", nested.Type),
				"Only one %s is allowed here. Merge the two into one.", nested.Type))
			continue
		}
		seen[nested.Type] = true
		d.place(def, nested, out)
	}
}

// place decodes a block into the field it belongs to.
func (d *decoder) place(def *blockDef, b scoped, out object) {
	var content object
	switch {
	case def.isMap():
		content = d.freeMap(def, b)
	case def.content == mapOpaque:
		content = d.opaque(b)
		noteBlock(out, def.field, b.Block)
	default:
		content = d.body(d.schema.shapes[def.shape], b)
	}
	label := ""
	if def.label != "" {
		label = b.Labels[0]
		content[def.label] = label
		noteLabel(content, def.label, b.Block)
	}
	switch def.kind {
	case blockList:
		list, _ := out[def.field].([]any)
		if def.shape == taskScalingShape && duplicateScaling(list, label) {
			d.diags.add(problem(b.DefRange().Ptr(), "Duplicate scaling block",
				"Only one scaling block %q is allowed in a task.", label))
			return
		}
		out[def.field] = append(list, content)
	case blockMap:
		m, ok := out[def.field].(object)
		if !ok {
			m = object{}
			out[def.field] = m
		}
		m[label] = content
	default:
		out[def.field] = content
	}
}

// checkLabels compares the labels of a block with its schema.
func (d *decoder) checkLabels(def *blockDef, b *hclsyntax.Block) bool {
	return checkLabels(d.diags, b, len(def.labelNames()))
}

func checkLabels(diags *Diagnostics, b *hclsyntax.Block, want int) bool {
	switch {
	case len(b.Labels) > want:
		diags.add(problem(b.LabelRanges[want].Ptr(), fmt.Sprintf("Extraneous label for %s", b.Type),
			"%s blocks have %s, not %d.", b.Type, labelCount(want), len(b.Labels)))
	case len(b.Labels) < want:
		diags.add(problem(b.DefRange().Ptr(), fmt.Sprintf("Missing name for %s", b.Type),
			"All %s blocks must have a label, as in: %s \"name\" { ... }.", b.Type, b.Type))
	default:
		return true
	}
	return false
}

// labelCount is how many labels a kind of block has, in words.
func labelCount(n int) string {
	switch n {
	case 0:
		return "no label"
	case 1:
		return "1 label"
	}
	return fmt.Sprint(n, " labels")
}

// freeMap decodes a block of attributes with any name.
func (d *decoder) freeMap(def *blockDef, b scoped) object {
	for _, nested := range b.Body.Blocks {
		d.diags.add(problem(nested.DefRange().Ptr(), "Unexpected block",
			"%s holds arguments only; blocks are not allowed here.", b.Type))
	}
	out := object{}
	d.note(out, b.Block)
	convert := elementConverter(def.content)
	for _, attr := range inOrder(b.Body.Attributes) {
		d.attribute(&attrDef{name: attr.Name, field: attr.Name, convert: convert}, attr, b.ctx, out)
	}
	return out
}

// inOrder lists attributes as they appear in the source.
func inOrder(attrs hclsyntax.Attributes) []*hclsyntax.Attribute {
	out := make([]*hclsyntax.Attribute, 0, len(attrs))
	for _, a := range attrs {
		out = append(out, a)
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i].SrcRange.Start, out[j].SrcRange.Start
		if a.Byte != b.Byte {
			return a.Byte < b.Byte
		}
		return out[i].Name < out[j].Name
	})
	return out
}
