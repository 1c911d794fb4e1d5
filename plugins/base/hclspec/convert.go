package hclspec

import (
	"fmt"
	"sort"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hcldec"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	pb "github.com/nomadlike/nomadlike/plugins/base/proto/hclspec"
)

// Check reports whether spec can be used for decoding at all.
func Check(spec *Spec) error {
	_, err := toHCL(spec)
	return err
}

// Names lists the top-level attributes of the value a spec decodes to, sorted.
func Names(spec *Spec) []string {
	var names []string
	for n := range spec.GetObject().GetAttributes() {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// functions are those that literals and configuration expressions may call.
func functions() map[string]function.Function {
	return map[string]function.Function{
		"abs":        stdlib.AbsoluteFunc,
		"coalesce":   stdlib.CoalesceFunc,
		"concat":     stdlib.ConcatFunc,
		"hasindex":   stdlib.HasIndexFunc,
		"int":        stdlib.IntFunc,
		"jsondecode": stdlib.JSONDecodeFunc,
		"jsonencode": stdlib.JSONEncodeFunc,
		"length":     stdlib.LengthFunc,
		"lower":      stdlib.LowerFunc,
		"max":        stdlib.MaxFunc,
		"min":        stdlib.MinFunc,
		"reverse":    stdlib.ReverseFunc,
		"strlen":     stdlib.StrlenFunc,
		"substr":     stdlib.SubstrFunc,
		"upper":      stdlib.UpperFunc,
	}
}

func toHCL(spec *Spec) (hcldec.Spec, error) { return convert(spec, "") }

// convert turns a wire spec into the HCL library's own. key is the enclosing
// object's key, which names children that have no name.
func convert(spec *Spec, key string) (hcldec.Spec, error) {
	switch b := spec.GetBlock().(type) {
	case *pb.Spec_Object:
		out := hcldec.ObjectSpec{}
		for name, child := range b.Object.GetAttributes() {
			c, err := convert(child, name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			out[name] = c
		}
		return out, nil
	case *pb.Spec_Array:
		out := hcldec.TupleSpec{}
		for i, child := range b.Array.GetValues() {
			c, err := convert(child, "")
			if err != nil {
				return nil, fmt.Errorf("element %d: %w", i, err)
			}
			out = append(out, c)
		}
		return out, nil
	case *pb.Spec_Attr:
		name, err := nameOf(b.Attr.GetName(), key)
		if err != nil {
			return nil, err
		}
		ty, err := parseType(b.Attr.GetType())
		if err != nil {
			return nil, err
		}
		return &hcldec.AttrSpec{Name: name, Type: ty, Required: b.Attr.GetRequired()}, nil
	case *pb.Spec_Default:
		primary, err := convert(b.Default.GetPrimary(), "")
		if err != nil {
			return nil, err
		}
		fallback, err := convert(b.Default.GetDefault(), "")
		if err != nil {
			return nil, err
		}
		return &hcldec.DefaultSpec{Primary: primary, Default: fallback}, nil
	case *pb.Spec_Literal:
		v, err := literal(b.Literal.GetValue())
		if err != nil {
			return nil, err
		}
		return &hcldec.LiteralSpec{Value: v}, nil
	case *pb.Spec_BlockAttrs:
		name, err := nameOf(b.BlockAttrs.GetName(), key)
		if err != nil {
			return nil, err
		}
		ty, err := parseType(b.BlockAttrs.GetType())
		if err != nil {
			return nil, err
		}
		return &hcldec.BlockAttrsSpec{TypeName: name, ElementType: ty, Required: b.BlockAttrs.GetRequired()}, nil
	case nil:
		return nil, fmt.Errorf("the schema has an empty node: set one of its kinds")
	default:
		return convertBlock(spec, key)
	}
}

// convertBlock handles the kinds that nest another schema.
func convertBlock(spec *Spec, key string) (hcldec.Spec, error) {
	var ownName string
	var nested *Spec
	switch b := spec.GetBlock().(type) {
	case *pb.Spec_BlockValue:
		ownName, nested = b.BlockValue.GetName(), b.BlockValue.GetNested()
	case *pb.Spec_BlockList:
		ownName, nested = b.BlockList.GetName(), b.BlockList.GetNested()
	case *pb.Spec_BlockSet:
		ownName, nested = b.BlockSet.GetName(), b.BlockSet.GetNested()
	case *pb.Spec_BlockMap:
		ownName, nested = b.BlockMap.GetName(), b.BlockMap.GetNested()
	default:
		return nil, fmt.Errorf("the schema has a node of an unknown kind %T", b)
	}
	name, err := nameOf(ownName, key)
	if err != nil {
		return nil, err
	}
	if nested == nil {
		return nil, fmt.Errorf("block %q has no nested schema", name)
	}
	inner, err := convert(nested, "")
	if err != nil {
		return nil, fmt.Errorf("block %q: %w", name, err)
	}
	switch b := spec.GetBlock().(type) {
	case *pb.Spec_BlockValue:
		return &hcldec.BlockSpec{TypeName: name, Nested: inner, Required: b.BlockValue.GetRequired()}, nil
	case *pb.Spec_BlockList:
		return &hcldec.BlockListSpec{TypeName: name, Nested: inner,
			MinItems: int(b.BlockList.GetMinItems()), MaxItems: int(b.BlockList.GetMaxItems())}, nil
	case *pb.Spec_BlockSet:
		return &hcldec.BlockSetSpec{TypeName: name, Nested: inner,
			MinItems: int(b.BlockSet.GetMinItems()), MaxItems: int(b.BlockSet.GetMaxItems())}, nil
	default:
		labels := spec.GetBlockMap().GetLabels()
		if len(labels) == 0 {
			return nil, fmt.Errorf("block map %q names no labels", name)
		}
		// The HCL library panics on dynamic types below a block map.
		if hcldec.ImpliedType(inner).HasDynamicTypes() {
			return nil, fmt.Errorf("block map %q holds an attribute of type any, which a block map cannot", name)
		}
		return &hcldec.BlockMapSpec{TypeName: name, LabelNames: labels, Nested: inner}, nil
	}
}

func nameOf(own, key string) (string, error) {
	if own != "" {
		return own, nil
	}
	if key != "" {
		return key, nil
	}
	return "", fmt.Errorf("the schema has an attribute or block without a name")
}

func parseType(text string) (cty.Type, error) {
	if text == "" {
		return cty.NilType, fmt.Errorf("the schema has an attribute without a type")
	}
	if text == "null" {
		return cty.DynamicPseudoType, nil
	}
	expr, diags := hclsyntax.ParseExpression([]byte(text), "type", hcl.InitialPos)
	if diags.HasErrors() {
		return cty.NilType, fmt.Errorf("type %q does not parse: %w", text, diagError(diags))
	}
	ty, diags := typeexpr.TypeConstraint(expr)
	if diags.HasErrors() {
		return cty.NilType, fmt.Errorf("type %q is unknown: %w", text, diagError(diags))
	}
	return ty, nil
}

func literal(text string) (cty.Value, error) {
	expr, diags := hclsyntax.ParseExpression([]byte(text), "literal", hcl.InitialPos)
	if diags.HasErrors() {
		return cty.NilVal, fmt.Errorf("literal %q does not parse: %w", text, diagError(diags))
	}
	v, diags := expr.Value(&hcl.EvalContext{Functions: functions()})
	if diags.HasErrors() {
		return cty.NilVal, fmt.Errorf("literal %q cannot be evaluated: %w", text, diagError(diags))
	}
	return v, nil
}
