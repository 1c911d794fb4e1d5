package interp

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// ReplaceConfig evaluates the templates in the strings of a driver
// configuration, keys included, however deep. References to what does not
// exist are errors. The value given is not changed.
func (e Env) ReplaceConfig(v any) (any, error) {
	ev := evaluator{env: e}
	return ev.value(v, "config")
}

// Values is everything that references may name, as nested objects: env, node,
// attr, meta and secret beside the task's variables. Where a name is both a
// value and the beginning of longer names, the longer ones are kept.
func (e Env) Values() map[string]cty.Value {
	tree := map[string]any{}
	for _, m := range [...]map[string]string{e.vars, e.node, e.secrets} {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			graft(tree, strings.Split(k, "."), m[k])
		}
	}
	for k, v := range e.node {
		if !strings.HasPrefix(k, "node.") {
			graft(tree, append([]string{"node"}, strings.Split(k, ".")...), v)
		}
	}
	out := make(map[string]cty.Value, len(tree)+1)
	for k, v := range tree {
		out[k] = toCty(v)
	}
	if len(e.vars) > 0 {
		env := make(map[string]cty.Value, len(e.vars))
		for k, v := range e.vars {
			env[k] = cty.StringVal(v)
		}
		out["env"] = cty.MapVal(env)
	}
	return out
}

// graft puts a value below its dotted name; an existing branch is not replaced
// by a leaf.
func graft(tree map[string]any, names []string, value string) {
	if slices.Contains(names, "") {
		return
	}
	for _, n := range names[:len(names)-1] {
		branch, ok := tree[n].(map[string]any)
		if !ok {
			branch = map[string]any{}
			tree[n] = branch
		}
		tree = branch
	}
	leaf := names[len(names)-1]
	if _, branch := tree[leaf].(map[string]any); !branch {
		tree[leaf] = value
	}
}

func toCty(v any) cty.Value {
	switch v := v.(type) {
	case map[string]any:
		attrs := make(map[string]cty.Value, len(v))
		for k, e := range v {
			attrs[k] = toCty(e)
		}
		return cty.ObjectVal(attrs)
	case string:
		return cty.StringVal(v)
	}
	return cty.NullVal(cty.String)
}

// evaluator evaluates templates; the nested objects are built when the first
// template needs them.
type evaluator struct {
	env     Env
	context *hcl.EvalContext
}

func (ev *evaluator) value(v any, path string) (any, error) {
	switch v := v.(type) {
	case string:
		return ev.template(v, path)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			r, err := ev.value(e, fmt.Sprintf("%s[%d]", path, i))
			if err != nil {
				return nil, err
			}
			out[i] = r
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			name, err := ev.template(k, path)
			if err != nil {
				return nil, err
			}
			if out[name], err = ev.value(e, path+"."+k); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}

// template evaluates one string.
func (ev *evaluator) template(s, path string) (string, error) {
	if !strings.Contains(s, "${") && !strings.Contains(s, "%{") {
		return s, nil
	}
	parsed, diags := hclsyntax.ParseTemplate([]byte(s), path, hcl.InitialPos)
	if diags.HasErrors() {
		return "", fmt.Errorf("interpolating %s: %w", path, diags)
	}
	parts := []hclsyntax.Expression{parsed}
	switch t := parsed.(type) {
	case *hclsyntax.TemplateExpr:
		parts = t.Parts
	case *hclsyntax.TemplateWrapExpr:
		parts = []hclsyntax.Expression{t.Wrapped}
	}
	var out strings.Builder
	for _, part := range parts {
		text, err := ev.part(part)
		if err != nil {
			return "", fmt.Errorf("interpolating %s: %w", path, err)
		}
		out.WriteString(text)
	}
	return out.String(), nil
}

// part evaluates one piece of a template. Plain references are looked up by
// their whole dotted name first, since a name may also begin longer ones.
func (ev *evaluator) part(e hclsyntax.Expression) (string, error) {
	if t, ok := e.(*hclsyntax.ScopeTraversalExpr); ok {
		if v, ok := ev.env.Lookup(dotted(t.Traversal)); ok {
			return v, nil
		}
	}
	if ev.context == nil {
		ev.context = &hcl.EvalContext{Variables: ev.env.Values()}
	}
	v, diags := e.Value(ev.context)
	if diags.HasErrors() {
		return "", diags
	}
	s, err := convert.Convert(v, cty.String)
	if err != nil || s.IsNull() || !s.IsKnown() {
		return "", fmt.Errorf("a reference is no text but %s", v.Type().FriendlyName())
	}
	return s.AsString(), nil
}

// dotted is the name a plain reference spells; "" when it is no plain one.
func dotted(t hcl.Traversal) string {
	var names []string
	for _, step := range t {
		switch s := step.(type) {
		case hcl.TraverseRoot:
			names = append(names, s.Name)
		case hcl.TraverseAttr:
			names = append(names, s.Name)
		case hcl.TraverseIndex:
			if s.Key.Type() != cty.String {
				return ""
			}
			names = append(names, s.Key.AsString())
		}
	}
	if len(names) > 1 && names[0] == "node" && (names[1] == "attr" || names[1] == "meta") {
		names = names[1:]
	}
	return strings.Join(names, ".")
}
