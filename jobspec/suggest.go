package jobspec

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/nomadlike/nomadlike/nomadlike/spell"
)

// instead is what job files use where other dialects of the language have a
// function of their own.
func instead(function string) string {
	switch function {
	case "tostring":
		return "convert(value, string)"
	case "tonumber":
		return "convert(value, number)"
	case "tobool":
		return "convert(value, bool)"
	case "tolist":
		return "convert(value, list(string))"
	case "toset":
		return "convert(value, set(string))"
	case "tomap":
		return "convert(value, map(string))"
	case "regex", "regexall":
		return "regex_replace(text, pattern, replacement)"
	case "startswith", "endswith":
		return "substr(text, offset, length) and a comparison"
	case "templatefile":
		return "file(path), or a template block"
	case "timestamp":
		return "a variable that is given the time"
	}
	return ""
}

// functionHint tells what to use in place of a function of another dialect.
func functionHint(n *hcl.Diagnostic) string {
	call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallUnknownDiagExtra](n)
	if !ok {
		return ""
	}
	use := instead(call.CalledFunctionName())
	if use == "" {
		return ""
	}
	return " Use " + use + " instead."
}

// memberHint proposes what may have been meant by an unknown variable or local.
func memberHint(n *hcl.Diagnostic) string {
	reference, ok := n.Expression.(*hclsyntax.ScopeTraversalExpr)
	if !ok || n.Summary != "Unsupported attribute" || len(reference.Traversal) < 2 {
		return ""
	}
	member, ok := reference.Traversal[1].(hcl.TraverseAttr)
	if !ok {
		return ""
	}
	for ctx := n.EvalContext; ctx != nil; ctx = ctx.Parent() {
		root, known := ctx.Variables[reference.Traversal.RootName()]
		if known && root.Type().IsObjectType() && !root.Type().HasAttribute(member.Name) {
			return spell.Hint(member.Name, slices.Sorted(maps.Keys(root.Type().AttributeTypes())))
		}
	}
	return ""
}

func (s *shape) attrNames() []string {
	out := make([]string, len(s.attrs))
	for i, a := range s.attrs {
		out[i] = a.name
	}
	return out
}

func (s *shape) blockNames() []string {
	out := make([]string, len(s.blocks))
	for i, b := range s.blocks {
		out[i] = b.name
	}
	return out
}

// unknownArgument says that a body has no such attribute, and what may have
// been meant.
func unknownArgument(s *shape, attr *hclsyntax.Attribute) *hcl.Diagnostic {
	hint := spell.Hint(attr.Name, s.attrNames())
	if s.block(attr.Name) != nil {
		hint = fmt.Sprintf(" Did you mean to define a block of type %q?", attr.Name)
	}
	return problem(attr.NameRange.Ptr(), "Unsupported argument",
		"An argument named %q is not expected here.%s", attr.Name, hint)
}

// unknownBlock says that a body has no such block, and what may have been
// meant.
func unknownBlock(s *shape, b *hclsyntax.Block) *hcl.Diagnostic {
	hint := spell.Hint(b.Type, s.blockNames())
	if s.attr(b.Type) != nil {
		hint = fmt.Sprintf(" Did you mean to define argument %q? If so, use the equals sign to assign it a value.", b.Type)
	}
	return problem(b.TypeRange.Ptr(), "Unsupported block type",
		"Blocks of type %q are not expected here.%s", b.Type, hint)
}
