// Package hclspec describes and decodes the configuration blocks of plugins. A
// plugin builds a Spec with the functions below; a host decodes a block with it
// (Decode) and sends the result as bytes (Marshal); the plugin reads the bytes
// into a struct (Unmarshal). It never reads files and knows no job variables of
// its own.
package hclspec

import pb "github.com/nomadlike/nomadlike/plugins/base/proto/hclspec"

// Spec is one node of a schema; it travels over the wire as it is.
type Spec = pb.Spec

// Object is a set of named values, the usual root of a schema.
func Object(attrs map[string]*Spec) *Spec {
	return &Spec{Block: &pb.Spec_Object{Object: &pb.Object{Attributes: attrs}}}
}

// Array is a tuple of values.
func Array(values ...*Spec) *Spec {
	return &Spec{Block: &pb.Spec_Array{Array: &pb.Array{Values: values}}}
}

// Attr is `name = value` of a type such as "string" or "list(map(number))".
func Attr(name, typ string, required bool) *Spec {
	return &Spec{Block: &pb.Spec_Attr{Attr: &pb.Attr{Name: name, Type: typ, Required: required}}}
}

// Block is at most one nested block.
func Block(name string, required bool, nested *Spec) *Spec {
	return &Spec{Block: &pb.Spec_BlockValue{BlockValue: &pb.Block{Name: name, Required: required, Nested: nested}}}
}

// BlockAttrs is one block of freely named attributes of one type.
func BlockAttrs(name, typ string, required bool) *Spec {
	return &Spec{Block: &pb.Spec_BlockAttrs{BlockAttrs: &pb.BlockAttrs{Name: name, Type: typ, Required: required}}}
}

// BlockList is a repeatable block.
func BlockList(name string, nested *Spec) *Spec { return BlockListLimited(name, 0, 0, nested) }

// BlockListLimited bounds the number of blocks; 0 means no bound.
func BlockListLimited(name string, minItems, maxItems uint64, nested *Spec) *Spec {
	return &Spec{Block: &pb.Spec_BlockList{BlockList: &pb.BlockList{Name: name, MinItems: minItems, MaxItems: maxItems, Nested: nested}}}
}

// BlockSet is a repeatable block whose order has no meaning.
func BlockSet(name string, nested *Spec) *Spec {
	return &Spec{Block: &pb.Spec_BlockSet{BlockSet: &pb.BlockSet{Name: name, Nested: nested}}}
}

// BlockMap is a repeatable block keyed by its labels.
func BlockMap(name string, labels []string, nested *Spec) *Spec {
	return &Spec{Block: &pb.Spec_BlockMap{BlockMap: &pb.BlockMap{Name: name, Labels: labels, Nested: nested}}}
}

// Default is primary, or fallback where primary is absent. Specs inside it need
// names of their own.
func Default(primary, fallback *Spec) *Spec {
	return &Spec{Block: &pb.Spec_Default{Default: &pb.Default{Primary: primary, Default: fallback}}}
}

// Literal is a constant, written as an HCL expression: a string needs its
// quotes.
func Literal(expr string) *Spec {
	return &Spec{Block: &pb.Spec_Literal{Literal: &pb.Literal{Value: expr}}}
}
