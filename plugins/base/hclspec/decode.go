package hclspec

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/hashicorp/go-msgpack/v2/codec"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hcldec"
	hcljson "github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/msgpack"
)

// Decode reads body, the JSON-like content of a config block (usually a
// map[string]any), as spec says. Strings are HCL templates over vars. A nil body
// is an empty block, so that defaults apply.
func Decode(spec *Spec, body any, vars map[string]cty.Value) (cty.Value, error) {
	if isNil(body) {
		body = map[string]any{}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return cty.NilVal, fmt.Errorf("config cannot be written as JSON: %w", err)
	}
	return DecodeJSON(spec, raw, vars)
}

// DecodeJSON is Decode for a body that is JSON already.
func DecodeJSON(spec *Spec, body []byte, vars map[string]cty.Value) (cty.Value, error) {
	file, diags := hcljson.Parse(body, "config")
	if diags.HasErrors() {
		return cty.NilVal, diagError(diags)
	}
	return DecodeBody(spec, file.Body, vars)
}

// DecodeBody is Decode for a body that the HCL library parsed.
func DecodeBody(spec *Spec, body hcl.Body, vars map[string]cty.Value) (v cty.Value, err error) {
	hclSpec, err := toHCL(spec)
	if err != nil {
		return cty.NilVal, fmt.Errorf("the plugin's schema cannot be used: %w", err)
	}
	// The library panics on some combinations of dynamic types; a job file must
	// not be able to take the host down.
	defer func() {
		if p := recover(); p != nil {
			v, err = cty.NilVal, fmt.Errorf("config does not fit the plugin's schema: %v", p)
		}
	}()
	v, diags := hcldec.Decode(body, hclSpec, &hcl.EvalContext{Variables: vars, Functions: functions()})
	if diags.HasErrors() {
		return cty.NilVal, diagError(diags)
	}
	return v, nil
}

// diagError words diagnostics as one error, "Summary: Detail" each. The JSON
// reader's own wording for an unknown name is replaced by the one users know
// from job files.
func diagError(diags hcl.Diagnostics) error {
	var texts []string
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		summary := d.Summary
		if summary == "Extraneous JSON object property" {
			summary = "Invalid label"
		}
		texts = append(texts, summary+": "+d.Detail)
	}
	return errors.New(strings.Join(texts, "; "))
}

func isNil(v any) bool {
	if v == nil {
		return true
	}
	rv := reflect.ValueOf(v)
	switch rv.Kind() {
	case reflect.Map, reflect.Slice, reflect.Pointer:
		return rv.IsNil()
	default:
		return false
	}
}

// Marshal gives a decoded value its wire form. The value's own type is the wire
// type: with the schema's, an `any` attribute would arrive wrapped.
func Marshal(v cty.Value) ([]byte, error) {
	if v == cty.NilVal {
		return nil, nil
	}
	if !v.IsWhollyKnown() {
		return nil, errors.New("config has a value that is not known yet")
	}
	return msgpack.Marshal(v, v.Type())
}

// handle is the msgpack dialect of plugins built with any kit: see
// plugin-facing documentation of the codec tags. It is never changed.
var handle = newHandle()

func newHandle() *codec.MsgpackHandle {
	h := &codec.MsgpackHandle{}
	h.RawToString = true
	h.TimeNotBuiltin = true
	h.MapType = reflect.TypeOf(map[string]any(nil))
	h.TypeInfos = codec.NewTypeInfos([]string{"codec"})
	return h
}

// Unmarshal reads wire bytes into a struct with `codec` tags; no bytes leave it
// as it is.
func Unmarshal(data []byte, into any) error {
	if len(data) == 0 {
		return nil
	}
	if err := codec.NewDecoderBytes(data, handle).Decode(into); err != nil {
		return fmt.Errorf("cannot read msgpack into %T: %w", into, err)
	}
	return nil
}

// MarshalGo writes a Go value for Unmarshal, such as a driver's own state.
func MarshalGo(v any) ([]byte, error) {
	var out []byte
	if err := codec.NewEncoderBytes(&out, handle).Encode(v); err != nil {
		return nil, fmt.Errorf("cannot write %T as msgpack: %w", v, err)
	}
	return out, nil
}
