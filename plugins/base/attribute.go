package base

import (
	"strconv"

	"github.com/nomadlike/nomadlike/plugins/base/proto/shared"
)

// Attribute is a fingerprinted fact: one of float64, int64, string or bool,
// numbers with an optional unit such as MiB or MHz.
type Attribute struct {
	Value any
	Unit  string
}

// String, Bool, Int and Float make attributes.
func String(v string) *Attribute              { return &Attribute{Value: v} }
func Bool(v bool) *Attribute                  { return &Attribute{Value: v} }
func Int(v int64, unit string) *Attribute     { return &Attribute{Value: v, Unit: unit} }
func Float(v float64, unit string) *Attribute { return &Attribute{Value: v, Unit: unit} }

// String flattens the attribute to the text that node attributes hold.
func (a *Attribute) String() string {
	if a == nil {
		return ""
	}
	switch v := a.Value.(type) {
	case string:
		return v + a.Unit
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10) + a.Unit
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64) + a.Unit
	default:
		return ""
	}
}

// AttributesToProto and AttributesFromProto carry attribute maps; entries
// without a value are dropped.
func AttributesToProto(in map[string]*Attribute) map[string]*shared.Attribute {
	out := make(map[string]*shared.Attribute, len(in))
	for k, a := range in {
		if a == nil {
			continue
		}
		p := &shared.Attribute{Unit: a.Unit}
		switch v := a.Value.(type) {
		case string:
			p.Value = &shared.Attribute_StringVal{StringVal: v}
		case bool:
			p.Value = &shared.Attribute_BoolVal{BoolVal: v}
		case int64:
			p.Value = &shared.Attribute_IntVal{IntVal: v}
		case float64:
			p.Value = &shared.Attribute_FloatVal{FloatVal: v}
		default:
			continue
		}
		out[k] = p
	}
	return out
}

func AttributesFromProto(in map[string]*shared.Attribute) map[string]*Attribute {
	out := make(map[string]*Attribute, len(in))
	for k, p := range in {
		a := &Attribute{Unit: p.GetUnit()}
		switch v := p.GetValue().(type) {
		case *shared.Attribute_StringVal:
			a.Value = v.StringVal
		case *shared.Attribute_BoolVal:
			a.Value = v.BoolVal
		case *shared.Attribute_IntVal:
			a.Value = v.IntVal
		case *shared.Attribute_FloatVal:
			a.Value = v.FloatVal
		default:
			continue
		}
		out[k] = a
	}
	return out
}
