package jobspec

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// readTop sorts the blocks of the file: variables and locals are noted, the
// one job is returned.
func (p *parser) readTop(body *hclsyntax.Body, src source) *hclsyntax.Block {
	top := p.schema.shapes[topShape]
	for _, attr := range inOrder(body.Attributes) {
		p.diags.add(unknownArgument(top, attr))
	}
	var job *hclsyntax.Block
	found := false
	for _, b := range body.Blocks {
		def := top.block(b.Type)
		found = found || b.Type == "job"
		switch {
		case def == nil:
			p.diags.add(unknownBlock(top, b))
			continue
		case !checkLabels(p.diags, b, len(def.labelNames())):
			continue
		}
		switch b.Type {
		case "variable":
			p.declare(b, src)
		case "variables":
			p.declareLegacy(b)
		case "locals":
			p.collectLocals(b)
		case "job":
			if job != nil {
				p.diags.add(problem(b.DefRange().Ptr(), "Duplicate job block",
					"A job file holds one job; another starts at line %d.", job.TypeRange.Start.Line))
				continue
			}
			job = b
		}
	}
	if !found {
		start := hcl.Range{Filename: body.SrcRange.Filename, Start: hcl.InitialPos, End: hcl.InitialPos}
		p.diags.add(about(start, "Missing job block", "A job file must hold a job block."))
	}
	if job == nil {
		return nil
	}
	if !src.json {
		p.prepare(job.Body, src)
	}
	return job
}

// prepare makes the expressions of a native body ready for evaluation.
func (p *parser) prepare(body *hclsyntax.Body, src source) {
	rw := rewriter{meter: p.meter, text: src.body, deferring: true, strays: p.strays}
	for _, attr := range body.Attributes {
		attr.Expr = rw.expr(attr.Expr)
	}
	for _, b := range body.Blocks {
		p.prepare(b.Body, src)
	}
}
