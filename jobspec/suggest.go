package jobspec

import (
	"fmt"
	"maps"
	"slices"
	"strings"

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

// declared are the names of the variables and locals of a job file, sorted.
type declared struct{ variables, locals []string }

// of is the names that are members of an object that expressions know.
func (d *declared) of(root string) (names []string, noun string) {
	switch root {
	case "var":
		return d.variables, "variable"
	case "local":
		return d.locals, "local"
	}
	return nil, ""
}

// explainMember says more about a reference to a variable or local that does not
// exist: which one may have been meant, or which there are.
func (d *declared) explainMember(n *hcl.Diagnostic) {
	reference, ok := n.Expression.(*hclsyntax.ScopeTraversalExpr)
	if !ok || n.Summary != "Unsupported attribute" && n.Summary != "Invalid index" {
		return
	}
	root, member := reference.Traversal.RootName(), memberName(reference.Traversal)
	names, noun := d.of(root)
	for ctx := n.EvalContext; ctx != nil; ctx = ctx.Parent() {
		object, known := ctx.Variables[root]
		switch {
		case !known:
			continue
		case member == "" || !object.Type().IsObjectType() || object.Type().HasAttribute(member):
		case noun == "":
			n.Detail = withHint(n.Detail, spell.Hint(member, slices.Sorted(maps.Keys(object.Type().AttributeTypes()))))
		case !slices.Contains(names, member):
			n.Detail = fmt.Sprintf("There is no %s %q.%s", noun, member, hintOrList(member, noun, names))
		}
		return
	}
}

// typeHint proposes a type for an unknown one.
func typeHint(n *hcl.Diagnostic) string {
	var word string
	if _, err := fmt.Sscanf(n.Detail, "The keyword %q is not a valid type specification.", &word); err != nil {
		return ""
	}
	return spell.Hint(word, []string{"string", "number", "bool", "list", "set", "map", "object", "tuple"})
}

// withHint appends a hint that is not there yet.
func withHint(text, hint string) string {
	if strings.HasSuffix(text, hint) {
		return text
	}
	return text + hint
}

// namesListed is up to how many names are listed where none is near.
const namesListed = 8

// hintOrList proposes a name, or lists the names when they are few.
func hintOrList(given, noun string, names []string) string {
	hint := spell.Hint(given, names)
	switch {
	case hint != "":
		return hint
	case len(names) == 0:
		return " The file declares no " + noun + "s."
	case len(names) > namesListed:
		return ""
	}
	return " The file declares " + strings.Join(names, ", ") + "."
}

// strays notes references to names that mean nothing while the file is read.
// They become text that nodes may know more about.
type strays struct {
	found []*hclsyntax.ScopeTraversalExpr
}

// warnings are the references that were likely meant to be variables or locals:
// those whose first word is misspelt, or missing.
func (s *strays) warnings(known *declared) []*hcl.Diagnostic {
	var out []*hcl.Diagnostic
	for _, e := range s.found {
		root, member := e.Traversal.RootName(), memberName(e.Traversal)
		meant := ""
		for _, object := range [...]string{"var", "local"} {
			names, _ := known.of(object)
			switch {
			case slices.Contains(names, root):
				meant = object + "." + root
			case member != "" && slices.Contains(names, member) && spell.Hint(root, []string{object, object + "s"}) != "":
				meant = object + "." + member
			}
		}
		if meant == "" {
			continue
		}
		n := problem(e.SrcRange.Ptr(), "Unknown name",
			"Nothing is called %q here; it stays as it is written, for nodes to replace. Did you mean %s?", root, meant)
		n.Severity = hcl.DiagWarning
		out = append(out, n)
	}
	return out
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
