package spec

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

//go:embed schema.txt
var schemaText string

// kind is what a value of a document is.
type kind uint8

const (
	kindString kind = iota
	kindBool
	kindInt
	kindUint
	kindFloat
	kindBytes
	kindAny
	kindShape
	kindList
	kindMap
)

// valueType is the type of a field, or of the elements of a list or map.
type valueType struct {
	name     string // as written in the schema
	kind     kind
	bits     int  // width of integers
	optional bool // "not said" differs from zero
	shape    *shape
	elem     *valueType
}

// field is one member of a shape.
type field struct {
	name      string
	typ       *valueType
	omitEmpty bool
}

// shape is an object with known members.
type shape struct {
	name   string
	fields []field
	// byName finds fields by exact, byFold by lower-case spelling.
	byName map[string]int
	byFold map[string]int
}

// lookup finds a field by its name in any case, as JSON decoding does.
func (s *shape) lookup(name string) (field, bool) {
	if i, ok := s.byName[name]; ok {
		return s.fields[i], true
	}
	if i, ok := s.byFold[strings.ToLower(name)]; ok {
		return s.fields[i], true
	}
	return field{}, false
}

// jobShape is the root of the schema. The schema is part of the program, so an
// error in it is a programming mistake.
var jobShape = sync.OnceValue(func() *shape {
	shapes, err := parseSchema(schemaText)
	if err != nil {
		panic("job specification schema: " + err.Error())
	}
	return shapes["Job"]
})

// parseSchema reads the table of shapes.
func parseSchema(text string) (map[string]*shape, error) {
	shapes := map[string]*shape{}
	get := func(name string) *shape {
		if shapes[name] == nil {
			shapes[name] = &shape{name: name, byName: map[string]int{}, byFold: map[string]int{}}
		}
		return shapes[name]
	}
	defined := map[string]bool{}
	var current *shape
	for n, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || strings.HasPrefix(line, "#"):
		case words[0] == "type" && len(words) == 2:
			current = get(words[1])
			defined[words[1]] = true
		case current == nil || len(words) > 3:
			return nil, fmt.Errorf("line %d: want NAME TYPE [omitempty] below a type", n+1)
		case len(words) >= 2:
			f := field{name: words[0], typ: parseType(words[1], get), omitEmpty: len(words) == 3}
			current.byName[f.name] = len(current.fields)
			current.byFold[strings.ToLower(f.name)] = len(current.fields)
			current.fields = append(current.fields, f)
		default:
			return nil, fmt.Errorf("line %d: field without a type", n+1)
		}
	}
	for name := range shapes {
		if !defined[name] {
			return nil, fmt.Errorf("shape %s is used but not defined", name)
		}
	}
	return shapes, nil
}

// parseType reads one type of the schema.
func parseType(text string, get func(string) *shape) *valueType {
	t := &valueType{name: text}
	if base, ok := strings.CutSuffix(text, "?"); ok {
		t.optional = true
		text = base
	}
	if elem, ok := strings.CutPrefix(text, "[]"); ok {
		t.kind, t.elem = kindList, parseType(elem, get)
		return t
	}
	if elem, ok := strings.CutPrefix(text, "map:"); ok {
		t.kind, t.elem = kindMap, parseType(elem, get)
		return t
	}
	switch text {
	case "string":
		t.kind = kindString
	case "bool":
		t.kind = kindBool
	case "float":
		t.kind = kindFloat
	case "bytes":
		t.kind = kindBytes
	case "any":
		t.kind = kindAny
	case "duration":
		t.kind, t.bits = kindInt, 64
	default:
		if bits, ok := strings.CutPrefix(text, "uint"); ok {
			t.kind, t.bits = kindUint, width(bits)
		} else if bits, ok := strings.CutPrefix(text, "int"); ok {
			t.kind, t.bits = kindInt, width(bits)
		} else {
			t.kind, t.shape = kindShape, get(text)
		}
	}
	return t
}

// width is the size named behind int or uint; none is 64 bits.
func width(suffix string) int {
	if n, err := strconv.Atoi(suffix); err == nil {
		return n
	}
	return 64
}
