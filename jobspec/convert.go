package jobspec

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// converter turns the value of an attribute, which is not null, into what
// documents hold.
type converter func(cty.Value) (any, error)

// converterOf finds the converter of a type of the schema.
func converterOf(typ string) converter {
	if elem, ok := strings.CutPrefix(typ, "[]"); ok {
		return listOf(converterOf(elem))
	}
	switch typ {
	case "string":
		return toString
	case "bool":
		return toBool
	case "duration":
		return toDuration
	case "strings":
		return toStringMap
	case "any":
		return func(v cty.Value) (any, error) { return v, nil }
	case "wrap8":
		return toWrapped8
	case "mhz":
		return toMHz
	case "float":
		return toFloat
	case "int", "int64":
		return intBetween(math.MinInt64, math.MaxInt64)
	case "int8":
		return intBetween(math.MinInt8, math.MaxInt8)
	case "uint8":
		return intBetween(0, math.MaxUint8)
	case "uint16":
		return intBetween(0, math.MaxUint16)
	case "uint32":
		return intBetween(0, math.MaxUint32)
	case "uint64":
		return intBetween(0, math.MaxInt64)
	}
	return nil
}

// as converts a primitive value to a primitive type.
func as(v cty.Value, t cty.Type) (cty.Value, error) {
	if !v.Type().IsPrimitiveType() {
		return cty.NilVal, fmt.Errorf("%s is required, not %s", t.FriendlyName(), v.Type().FriendlyName())
	}
	out, err := convert.Convert(v, t)
	if err != nil && t == cty.Number && hasUnit(v) {
		return cty.NilVal, errUnit
	}
	if err != nil {
		return cty.NilVal, err
	}
	if out.IsNull() {
		return cty.NilVal, errNull
	}
	return out, nil
}

var errNull = errors.New("null value is not allowed")

var errUnit = errors.New("a number is required, without a unit; sizes are in MiB")

// hasUnit tells whether a text is a number with letters behind it.
func hasUnit(v cty.Value) bool {
	if v.Type() != cty.String || v.IsNull() || !v.IsKnown() {
		return false
	}
	number := strings.TrimRight(v.AsString(), " abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	_, err := strconv.ParseFloat(number, 64)
	return err == nil
}

func toString(v cty.Value) (any, error) {
	s, err := as(v, cty.String)
	if err != nil {
		return nil, err
	}
	return s.AsString(), nil
}

func toBool(v cty.Value) (any, error) {
	if v.Type() == cty.Number {
		return nil, errors.New("bool is required, not number")
	}
	b, err := as(v, cty.Bool)
	if err != nil {
		return nil, err
	}
	return b.True(), nil
}

func toFloat(v cty.Value) (any, error) {
	n, err := as(v, cty.Number)
	if err != nil {
		return nil, err
	}
	f, _ := n.AsBigFloat().Float64()
	if math.IsInf(f, 0) {
		return nil, errors.New("value is out of range")
	}
	return f, nil
}

func toInt(v cty.Value) (int64, error) {
	n, err := as(v, cty.Number)
	if err != nil {
		return 0, err
	}
	f := n.AsBigFloat()
	if !f.IsInt() {
		return 0, errors.New("value must be a whole number")
	}
	i, accuracy := f.Int64()
	if accuracy != big.Exact {
		return 0, errors.New("value is out of range")
	}
	return i, nil
}

func intBetween(lowest, highest int64) converter {
	return func(v cty.Value) (any, error) {
		i, err := toInt(v)
		if err != nil {
			return nil, err
		}
		if i < lowest || i > highest {
			return nil, fmt.Errorf("value must be a whole number between %d and %d inclusive", lowest, highest)
		}
		return i, nil
	}
}

// toWrapped8 keeps the low eight bits of a whole number, as existing job files
// may rely on for weights of affinities.
func toWrapped8(v cty.Value) (any, error) {
	i, err := toInt(v)
	return int64(int8(i)), err
}

// millis is an amount in thousandths.
type millis int64

// toMHz reads a whole number of MHz, or thousandths of a core such as "500m".
func toMHz(v cty.Value) (any, error) {
	if v.Type() == cty.String {
		number, ok := strings.CutSuffix(v.AsString(), "m")
		n, err := strconv.ParseInt(number, 10, 64)
		switch {
		case ok && err == nil:
			return millis(n), nil
		case ok, err != nil && hasUnit(v):
			return nil, fmt.Errorf("%q is no amount of CPU; write MHz as a number, or thousandths of a core such as \"500m\"", v.AsString())
		}
	}
	return intBetween(math.MinInt64, math.MaxInt64)(v)
}

// toDuration reads text with units, or whole nanoseconds.
func toDuration(v cty.Value) (any, error) {
	switch v.Type() {
	case cty.Number:
		return intBetween(math.MinInt64, math.MaxInt64)(v)
	case cty.String:
		d, err := time.ParseDuration(v.AsString())
		if err != nil {
			return nil, fmt.Errorf("%q is not a duration; write a number and a unit, such as \"30s\", \"5m\" or \"1h30m\"", v.AsString())
		}
		return int64(d), nil
	}
	return nil, fmt.Errorf("a duration must be text such as \"30s\", or a number of nanoseconds, not %s", v.Type().FriendlyName())
}

func isList(t cty.Type) bool { return t.IsListType() || t.IsSetType() || t.IsTupleType() }

func listOf(elem converter) converter {
	return func(v cty.Value) (any, error) {
		if !isList(v.Type()) {
			return nil, fmt.Errorf("a list is required, not %s", v.Type().FriendlyName())
		}
		out := make([]any, 0, v.LengthInt())
		for it := v.ElementIterator(); it.Next(); {
			_, e := it.Element()
			if e.IsNull() {
				return nil, fmt.Errorf("element %d: %w", len(out), errNull)
			}
			c, err := elem(e)
			if err != nil {
				return nil, fmt.Errorf("element %d: %w", len(out), err)
			}
			out = append(out, c)
		}
		return out, nil
	}
}

func toStringMap(v cty.Value) (any, error) { return mapOf(v, toString) }

func mapOf(v cty.Value, elem converter) (any, error) {
	if !v.Type().IsObjectType() && !v.Type().IsMapType() {
		return nil, fmt.Errorf("a map is required, not %s", v.Type().FriendlyName())
	}
	out := map[string]any{}
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		if e.IsNull() {
			return nil, fmt.Errorf("%q: %w", k.AsString(), errNull)
		}
		c, err := elem(e)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", k.AsString(), err)
		}
		out[k.AsString()] = c
	}
	return out, nil
}

// toPlain is a value of any type as documents hold it: whole numbers as int64,
// others as float64.
func toPlain(v cty.Value) any {
	if v.IsNull() || !v.IsKnown() {
		return nil
	}
	switch t := v.Type(); {
	case t == cty.String:
		return v.AsString()
	case t == cty.Bool:
		return v.True()
	case t == cty.Number:
		return plainNumber(v.AsBigFloat())
	case isList(t):
		out := make([]any, 0, v.LengthInt())
		for it := v.ElementIterator(); it.Next(); {
			_, e := it.Element()
			out = append(out, toPlain(e))
		}
		return out
	case t.IsObjectType() || t.IsMapType():
		out := make(map[string]any, v.LengthInt())
		for it := v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			out[k.AsString()] = toPlain(e)
		}
		return out
	}
	return nil
}

func plainNumber(f *big.Float) any {
	if f.IsInt() {
		if i, accuracy := f.Int64(); accuracy == big.Exact {
			return i
		}
	}
	// The nearest number a float can hold, which is infinite only beyond any
	// that JSON can say.
	n, _ := f.Float64()
	if math.IsInf(n, 0) {
		return math.Copysign(math.MaxFloat64, n)
	}
	return n
}
