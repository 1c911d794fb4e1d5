package jobspec

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// parseInt is the standard function for numbers too: the digits of parseint(11,
// 2) are those of a binary number.
func parseInt() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: "number", Type: cty.DynamicPseudoType},
			{Name: "base", Type: cty.Number},
		},
		Type: function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			digits, err := convert.Convert(args[0], cty.String)
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "want a string or a number, not %s", args[0].Type().FriendlyName())
			}
			return stdlib.ParseIntFunc.Call([]cty.Value{digits, args[1]})
		},
	})
}
