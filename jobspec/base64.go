package jobspec

import (
	"encoding/base64"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// base64Decode decodes text. The function of the library at hand writes what is
// no text, which may be a secret, to the standard logger.
func base64Decode() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "str", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			content, err := base64.StdEncoding.DecodeString(args[0].AsString())
			if err != nil {
				return cty.NilVal, fmt.Errorf("failed to decode base64 data: %w", err)
			}
			if !utf8.Valid(content) {
				return cty.NilVal, errors.New("the result of decoding the provided string is not valid UTF-8")
			}
			return cty.StringVal(string(content)), nil
		},
	})
}
