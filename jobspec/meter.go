package jobspec

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// meter counts down what evaluation may still cost. When it is spent the
// evaluation is abandoned at once, through a panic that Parse recovers: an
// ordinary error would only be collected, and the loops around it go on.
type meter struct {
	left int64
}

// budgetError is the panic of a spent meter.
type budgetError struct {
	at *hcl.Range
}

func (budgetError) Error() string { return "evaluation budget spent" }

func (e budgetError) subject() *hcl.Range { return e.at }

func (m *meter) charge(cost int64, at *hcl.Range) {
	m.left -= cost
	if m.left < 0 {
		panic(budgetError{at: at})
	}
}

// metered is an expression that charges for its value.
type metered struct {
	hclsyntax.Expression
	meter *meter
	// pairs is set where a tuple or object costs the square of its length.
	pairs bool
}

// Value evaluates the expression within the budget.
func (e *metered) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	at := e.Range()
	e.meter.charge(evaluationCost, &at)
	v, diags := e.Expression.Value(ctx)
	if diags.HasErrors() {
		e.meter.charge(failureCost, &at)
		return v, diags
	}
	size, fault := valueSize(v)
	e.meter.charge(size, &at)
	if t := v.Type(); e.pairs && fault == "" && v.IsKnown() && !v.IsNull() && (t.IsTupleType() || t.IsObjectType()) {
		n := int64(v.LengthInt())
		e.meter.charge(pairCost*n*n, &at)
	}
	if fault != "" {
		return cty.DynamicVal, append(diags, problem(&at, "Value out of bounds", "%s", fault))
	}
	return v, diags
}

// UnwrapExpression gives static analysis the expression itself.
func (e *metered) UnwrapExpression() hcl.Expression { return e.Expression }

// templateMeter is a template that bounds its text while the parts come
// together; they add up to more than any of them.
type templateMeter struct {
	*hclsyntax.TemplateExpr
	size int64
}

// Value evaluates the parts.
func (e *templateMeter) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	e.size = 0
	return e.TemplateExpr.Value(ctx)
}

// UnwrapExpression gives static analysis the expression itself.
func (e *templateMeter) UnwrapExpression() hcl.Expression { return e.TemplateExpr }

// templatePart is a part of a metered template.
type templatePart struct {
	hclsyntax.Expression
	whole *templateMeter
}

// Value evaluates the part, unless the template is already too large.
func (e *templatePart) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := e.Expression.Value(ctx)
	if v.IsKnown() && !v.IsNull() && v.Type() == cty.String {
		e.whole.size += int64(len(v.AsString()))
	}
	if e.whole.size > valueBytesMax {
		return cty.DynamicVal, append(diags, problem(e.whole.SrcRange.Ptr(), "Value out of bounds", "%s", faultTooLarge()))
	}
	return v, diags
}

// UnwrapExpression gives static analysis the expression itself.
func (e *templatePart) UnwrapExpression() hcl.Expression { return e.Expression }

// elementSize is the size of a value besides the text it holds, in bytes.
const elementSize = 128

// pairCost is what comparing the types of two elements costs, in the bytes
// that the budget counts.
const pairCost = 2

// faultTooLarge says that a value exceeds valueBytesMax.
func faultTooLarge() string {
	return fmt.Sprintf("The value is larger than %d MiB.", valueBytesMax>>20)
}

// valueSize estimates the memory of a value, and says what is out of bounds
// in it. It stops counting at the bound.
func valueSize(v cty.Value) (size int64, fault string) {
	s := sizer{}
	s.add(v, 0)
	return s.size, s.fault
}

type sizer struct {
	size  int64
	fault string
}

func (s *sizer) add(v cty.Value, depth int) {
	s.size += elementSize
	if s.size > valueBytesMax {
		s.fault = faultTooLarge()
	}
	if depth > nestingMax {
		s.fault = "The value nests too deep."
	}
	if s.fault != "" || v.IsNull() || !v.IsKnown() {
		return
	}
	t := v.Type()
	switch {
	case t == cty.String:
		s.size += int64(len(v.AsString()))
		if s.size > valueBytesMax {
			s.fault = faultTooLarge()
		}
	case t == cty.Number:
		n := v.AsBigFloat()
		if e := n.MantExp(nil); n.IsInf() || e > numberExponentMax || e < -numberExponentMax {
			s.fault = "The number is too large or too small."
		}
	case t.IsCollectionType() || t.IsTupleType() || t.IsObjectType():
		for it := v.ElementIterator(); it.Next() && s.fault == ""; {
			key, elem := it.Element()
			if t.IsMapType() || t.IsObjectType() {
				s.size += int64(len(key.AsString()))
			}
			s.add(elem, depth+1)
		}
	}
}
