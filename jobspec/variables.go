package jobspec

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/nomadlike/nomadlike/nomadlike/spell"
)

// environPrefix marks environment entries that give values to variables.
const environPrefix = "NOMAD_VAR_"

// variable is an input of a job file.
type variable struct {
	name string
	// typ is what values are converted to; any type when the declaration
	// neither says one nor has a default.
	typ cty.Type
	// value is the default, until an assignment replaces it; NilVal when there
	// is neither.
	value  cty.Value
	checks []validation
	// sensitive is set when its value must not be shown or kept.
	sensitive bool
	// at is where the variable is declared.
	at hcl.Range
}

// validation is a condition on the final value of a variable.
type validation struct {
	condition hclsyntax.Expression
	message   string
}

// declare reads a variable block.
func (p *parser) declare(b *hclsyntax.Block, src source) {
	v := &variable{name: b.Labels[0], typ: cty.DynamicPseudoType, at: b.DefRange()}
	if !hclsyntax.ValidIdentifier(v.name) {
		p.diags.add(problem(b.LabelRanges[0].Ptr(), "Invalid variable name",
			"A name must start with a letter or underscore and may contain only letters, digits, underscores and dashes."))
		return
	}
	shape := p.schema.shapes[variableShape]
	for _, attr := range inOrder(b.Body.Attributes) {
		switch attr.Name {
		case "type", "default":
		case "description":
			p.literalText(attr)
		case "sensitive":
			v.sensitive = p.literal(attr, toBool) == true
		default:
			p.diags.add(unknownArgument(shape, attr))
		}
	}
	if attr := b.Body.Attributes["type"]; attr != nil {
		typ, diags := typeexpr.Type(attr.Expr)
		p.diags.add(diags...)
		if !diags.HasErrors() {
			v.typ = typ
		}
	}
	if attr := b.Body.Attributes["default"]; attr != nil {
		p.setDefault(v, attr)
	}
	for _, nested := range b.Body.Blocks {
		if nested.Type != "validation" {
			p.diags.add(unknownBlock(shape, nested))
		} else if checkLabels(p.diags, nested, 0) {
			p.addValidation(v, nested, src)
		}
	}
	p.register(v)
}

// literalText reads an argument that must be text without references.
func (p *parser) literalText(attr *hclsyntax.Attribute) string {
	text, _ := p.literal(attr, toString).(string)
	return text
}

// literal reads an argument without references; nil when it is not suitable.
func (p *parser) literal(attr *hclsyntax.Attribute, convert converter) any {
	v, diags := attr.Expr.Value(nil)
	p.diags.add(diags...)
	if diags.HasErrors() {
		return nil
	}
	out, err := convert(v)
	if err != nil {
		p.diags.add(problem(attr.Expr.Range().Ptr(), "Unsuitable value type", "Unsuitable value for %q: %s.", attr.Name, err))
		return nil
	}
	return out
}

// setDefault reads a default; without a declared type, it decides the type.
func (p *parser) setDefault(v *variable, attr *hclsyntax.Attribute) {
	at := attr.Expr.Range()
	value, diags := attr.Expr.Value(nil)
	p.diags.add(diags...)
	if diags.HasErrors() {
		return
	}
	p.hide(v, value, at)
	value, err := v.accept(value)
	if err != nil {
		p.diags.add(problem(&at, "Invalid default value for variable",
			"The default of variable %q does not fit its type: %s.", v.name, err))
		return
	}
	v.value, v.typ = value, value.Type()
}

// accept converts a value to the type of the variable.
func (v *variable) accept(value cty.Value) (cty.Value, error) {
	if _, fault := valueSize(value); fault != "" {
		return cty.NilVal, fmt.Errorf("%s", strings.TrimSuffix(fault, "."))
	}
	if v.typ == cty.DynamicPseudoType {
		return value, nil
	}
	return convert.Convert(value, v.typ)
}

// addValidation reads a validation block.
func (p *parser) addValidation(v *variable, b *hclsyntax.Block, src source) {
	shape := p.schema.shapes["validation"]
	for _, attr := range inOrder(b.Body.Attributes) {
		if shape.attr(attr.Name) == nil {
			p.diags.add(unknownArgument(shape, attr))
		}
	}
	for _, nested := range b.Body.Blocks {
		p.diags.add(unknownBlock(shape, nested))
	}
	condition, message := b.Body.Attributes["condition"], b.Body.Attributes["error_message"]
	if condition == nil || message == nil {
		p.diags.add(problem(b.DefRange().Ptr(), "Incomplete validation",
			"A validation block needs the arguments \"condition\" and \"error_message\"."))
		return
	}
	text := p.literalText(message)
	if strings.TrimSpace(text) == "" {
		p.diags.add(problem(message.Expr.Range().Ptr(), "Invalid validation error message",
			"The error message of variable %q must not be empty.", v.name))
	}
	if !refersOnlyTo(condition.Expr, v.name) {
		p.diags.add(problem(condition.Expr.Range().Ptr(), "Invalid reference in variable validation",
			"The condition must refer to var.%s, and may refer to nothing else.", v.name))
		return
	}
	expr := condition.Expr
	if !src.json {
		expr = rewriter{meter: p.meter, text: src.body}.expr(expr)
	}
	v.checks = append(v.checks, validation{condition: expr, message: text})
}

// refersOnlyTo tells expressions that use the named variable and nothing else.
func refersOnlyTo(e hclsyntax.Expression, name string) bool {
	refs := references(e)
	for _, ref := range refs {
		if ref.RootName() != "var" || memberName(ref) != name {
			return false
		}
	}
	return len(refs) > 0
}

// declareLegacy reads a variables block, in which each argument declares a
// variable by its default.
func (p *parser) declareLegacy(b *hclsyntax.Block) {
	for _, nested := range b.Body.Blocks {
		p.diags.add(unknownBlock(&shape{}, nested))
	}
	for _, attr := range inOrder(b.Body.Attributes) {
		v := &variable{name: attr.Name, typ: cty.DynamicPseudoType, at: attr.NameRange}
		p.setDefault(v, attr)
		p.register(v)
	}
}

func (p *parser) register(v *variable) {
	if p.byName[v.name] != nil {
		p.diags.add(about(v.at, "Duplicate variable", "Variable %q is declared twice, first at line %d.", v.name, p.byName[v.name].at.Start.Line))
		return
	}
	p.byName[v.name] = v
	p.declared = append(p.declared, v)
}

// assignment is a value for a variable from a file.
type assignment struct {
	name  string
	expr  hcl.Expression
	at    hcl.Range // of the name
	whole hcl.Range // of name and value
}

// readVarFiles reads the syntax of the files of variables.
func (p *parser) readVarFiles() []assignment {
	var out []assignment
	for _, f := range p.in.VarFiles {
		src := source{name: f.Path, body: withoutMark(f.Body), variables: true}
		if src.name == "" {
			src.name = defaultPath
		}
		src.json = isJSON(src.body)
		key := p.addSource(src)
		p.varKeys = append(p.varKeys, key)
		if d := checkSize(key, src.body); d != nil {
			p.diags.add(d)
			continue
		}
		var body hcl.Body
		var diags hcl.Diagnostics
		if src.json {
			body, diags = parseJSON(src.body, key)
		} else {
			body, diags = nativeBody(src.body, key)
		}
		p.diags.add(diags...)
		if diags.HasErrors() {
			continue
		}
		attrs, diags := body.JustAttributes()
		p.diags.add(diags...)
		for _, a := range hclOrder(attrs) {
			out = append(out, assignment{name: a.Name, expr: a.Expr, at: a.NameRange, whole: a.Range})
		}
	}
	return out
}

// nativeBody is readNative as the general kind of body.
func nativeBody(text []byte, key string) (hcl.Body, hcl.Diagnostics) {
	body, diags := readNative(text, key)
	if diags.HasErrors() {
		return nil, diags
	}
	return body, diags
}

// assign gives variables their values: from the environment, then files, then
// flags.
func (p *parser) assign(files []assignment) {
	for _, entry := range p.in.Environ {
		name, value, _ := strings.Cut(strings.TrimPrefix(entry, environPrefix), "=")
		if v := p.byName[name]; v != nil && strings.HasPrefix(entry, environPrefix) {
			p.assignText(v, value)
		}
	}
	for _, a := range files {
		v := p.byName[a.name]
		if v == nil {
			p.undeclared(a.name, a.at)
			continue
		}
		p.hide(v, cty.NilVal, a.expr.Range())
		value, diags := a.expr.Value(nil)
		p.diags.add(diags...)
		if !diags.HasErrors() {
			p.set(v, value, a.expr.Range())
		}
	}
	for _, flag := range p.in.VarFlags {
		name, value, ok := strings.Cut(flag, "=")
		v := p.byName[name]
		switch {
		case !ok:
		case v == nil:
			p.undeclared(name, hcl.Range{})
		default:
			p.assignText(v, value)
		}
	}
}

func (p *parser) undeclared(name string, at hcl.Range) {
	if p.in.LaxVariables {
		return
	}
	known := make([]string, len(p.declared))
	for i, v := range p.declared {
		known[i] = v.name
	}
	p.diags.add(about(at, "Undefined variable",
		"A value is given for variable %q, which the job file does not declare.%s", name, spell.Hint(name, known)))
}

// assignText gives a variable a value written on the command line or in the
// environment: as it stands for text and numbers, else as an expression.
func (p *parser) assignText(v *variable, text string) {
	at := hcl.Range{}
	if v.typ == cty.String || v.typ == cty.Number || v.typ == cty.DynamicPseudoType {
		p.set(v, cty.StringVal(text), at)
		return
	}
	expr, diags := readExpression([]byte(text), "", hcl.InitialPos)
	if !diags.HasErrors() {
		var value cty.Value
		if value, diags = expr.Value(nil); !diags.HasErrors() {
			p.set(v, value, at)
			return
		}
	}
	p.diags.add(problem(&at, "Invalid value for variable",
		"The value for variable %q cannot be read: %s. Write it as in a job file; text needs quotes.", v.name, diags[0].Summary))
}

func (p *parser) set(v *variable, value cty.Value, at hcl.Range) {
	p.hide(v, value, at)
	value, err := v.accept(value)
	if err != nil {
		p.diags.add(problem(&at, "Invalid value for variable",
			"The value for variable %q is not compatible with its type: %s.", v.name, err))
		return
	}
	v.value = value
}

// evalVariables puts the values of variables into the context and tests them.
func (p *parser) evalVariables(ctx *hcl.EvalContext) {
	values := map[string]cty.Value{}
	p.diags.declared.variables = slices.Sorted(maps.Keys(p.byName))
	for _, v := range p.declared {
		if v.value == cty.NilVal {
			p.diags.add(about(v.at, "Unset variable",
				"The variable %q has no value. Give it a default, or a value by -var, a variable file or the environment.", v.name))
			continue
		}
		values[v.name] = v.value
		for _, check := range v.checks {
			p.validate(ctx, v, check)
		}
	}
	ctx.Variables["var"] = cty.ObjectVal(values)
}

func (p *parser) validate(ctx *hcl.EvalContext, v *variable, check validation) {
	inner := ctx.NewChild()
	inner.Variables = map[string]cty.Value{"var": cty.ObjectVal(map[string]cty.Value{v.name: v.value})}
	result, diags := check.condition.Value(inner)
	p.diags.add(diags...)
	if diags.HasErrors() {
		return
	}
	at := check.condition.Range()
	holds, err := toBool(result)
	switch {
	case err != nil:
		p.diags.add(problem(&at, "Invalid variable validation result", "The condition must be true or false: %s.", err))
	case holds == false:
		p.diags.add(problem(&at, "Invalid value for variable", "The value for variable %q is refused: %s", v.name, check.message))
	}
}
