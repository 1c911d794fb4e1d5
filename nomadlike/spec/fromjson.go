package spec

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// depthMax bounds the nesting of opaque values, so that hostile input cannot
// exhaust the stack.
const depthMax = 1000

// FromJSON reads a job in the JSON of the HTTP API. Names match in any case and
// come out in their canonical spelling, unknown members are ignored, integers
// become int64. A value of the wrong type is an error that names its field.
func FromJSON(raw []byte) (Document, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("job is not valid JSON: %w", err)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("json: cannot unmarshal %s into a job: want an object", jsonName(v))
	}
	out, err := readShape(jobShape(), m, "Job")
	if err != nil {
		return nil, err
	}
	return Document(out), nil
}

// FieldError is an error about the value of a field.
type FieldError struct {
	// Path is the JSON pointer (RFC 6901) of the field in the job.
	Path string
	Err  error
}

// Error names the field as the text of the error does.
func (e *FieldError) Error() string { return e.Err.Error() }

// Unwrap is the error without the place.
func (e *FieldError) Unwrap() error { return e.Err }

// below is an error about a member or element of the value that is read.
func below(step string, err error) error {
	step = strings.NewReplacer("~", "~0", "/", "~1").Replace(step)
	var inner *FieldError
	if errors.As(err, &inner) {
		return &FieldError{Path: "/" + step + inner.Path, Err: inner.Err}
	}
	return &FieldError{Path: "/" + step, Err: err}
}

// readShape keeps the known members of m.
func readShape(s *shape, m map[string]any, path string) (object, error) {
	out := make(object, len(m))
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		f, known := s.lookup(k)
		if !known {
			continue
		}
		if k != f.name {
			if _, exact := m[f.name]; exact {
				continue
			}
		}
		v, err := readValue(f.typ, m[k], path+"."+f.name)
		if err != nil {
			return nil, below(f.name, err)
		}
		if v == nil && isScalar(f.typ.kind) && !f.typ.optional {
			continue
		}
		out[f.name] = v
	}
	return out, nil
}

func isScalar(k kind) bool {
	return k == kindString || k == kindBool || k == kindInt || k == kindUint || k == kindFloat
}

// readValue converts one decoded JSON value to the type of its field.
func readValue(t *valueType, v any, path string) (any, error) {
	if v == nil {
		return nil, nil
	}
	wrong := func() (any, error) {
		return nil, fmt.Errorf("json: cannot unmarshal %s into Go struct field %s of type %s", jsonName(v), path, t.goName())
	}
	switch t.kind {
	case kindString:
		if s, ok := v.(string); ok {
			return s, nil
		}
		return wrong()
	case kindBool:
		if b, ok := v.(bool); ok {
			return b, nil
		}
		return wrong()
	case kindInt, kindUint:
		n, ok := v.(json.Number)
		if !ok {
			return wrong()
		}
		i, err := readInteger(t, n)
		if err != nil {
			return nil, fmt.Errorf("json: cannot unmarshal number %s into Go struct field %s of type %s", n, path, t.goName())
		}
		return i, nil
	case kindFloat:
		n, ok := v.(json.Number)
		if !ok {
			return wrong()
		}
		f, err := n.Float64()
		if err != nil {
			return nil, fmt.Errorf("json: cannot unmarshal number %s into Go struct field %s of type %s", n, path, t.goName())
		}
		return f, nil
	case kindBytes:
		s, ok := v.(string)
		if !ok {
			return wrong()
		}
		if _, err := base64.StdEncoding.DecodeString(s); err != nil {
			return nil, fmt.Errorf("field %s is not base64: %w", path, err)
		}
		return s, nil
	case kindAny:
		return readAny(v, path, 0)
	case kindShape:
		m, ok := v.(map[string]any)
		if !ok {
			return wrong()
		}
		return readShape(t.shape, m, path)
	case kindList:
		l, ok := v.([]any)
		if !ok {
			return wrong()
		}
		return readList(t, l, path)
	default:
		m, ok := v.(map[string]any)
		if !ok {
			return wrong()
		}
		return readMap(t, m, path)
	}
}

// readList reads the elements; objects that are null say nothing and are left
// out.
func readList(t *valueType, l []any, path string) (any, error) {
	out := make([]any, 0, len(l))
	for i, e := range l {
		if e == nil && t.elem.kind == kindString {
			out = append(out, "")
			continue
		}
		r, err := readValue(t.elem, e, path)
		if err != nil {
			return nil, below(strconv.Itoa(i), err)
		}
		if r == nil && t.elem.kind != kindAny {
			continue
		}
		out = append(out, r)
	}
	return out, nil
}

func readMap(t *valueType, m map[string]any, path string) (any, error) {
	out := make(object, len(m))
	for k, e := range m {
		if e == nil && t.elem.kind == kindString {
			out[k] = ""
			continue
		}
		r, err := readValue(t.elem, e, path)
		if err != nil {
			return nil, below(k, err)
		}
		if r == nil && t.elem.kind == kindShape {
			continue
		}
		out[k] = r
	}
	return out, nil
}

// readInteger reads a number that must be whole and within the field's width.
func readInteger(t *valueType, n json.Number) (any, error) {
	if t.kind == kindInt {
		i, err := strconv.ParseInt(n.String(), 10, t.bits)
		return i, err
	}
	u, err := strconv.ParseUint(n.String(), 10, t.bits)
	if err != nil {
		return nil, err
	}
	if u > math.MaxInt64 {
		return nil, errors.New("out of range")
	}
	return int64(u), nil
}

// readAny reads an opaque value: numbers as float64, as clients of the API
// expect them back, but for whole ones that a float64 cannot hold.
func readAny(v any, path string, depth int) (any, error) {
	if depth > depthMax {
		return nil, fmt.Errorf("field %s is nested more than %d levels deep", path, depthMax)
	}
	switch v := v.(type) {
	case json.Number:
		if i, err := strconv.ParseInt(v.String(), 10, 64); err == nil && int64(float64(i)) != i {
			return i, nil
		}
		f, err := v.Float64()
		if err != nil {
			return nil, fmt.Errorf("field %s: number %s is out of range", path, v)
		}
		return f, nil
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			r, err := readAny(e, path, depth+1)
			if err != nil {
				return nil, err
			}
			out[i] = r
		}
		return out, nil
	case map[string]any:
		out := make(object, len(v))
		for k, e := range v {
			r, err := readAny(e, path, depth+1)
			if err != nil {
				return nil, err
			}
			out[k] = r
		}
		return out, nil
	}
	return v, nil
}

// jsonName is what error texts call a decoded JSON value.
func jsonName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "bool"
	case json.Number:
		return "number"
	case []any:
		return "array"
	default:
		return "object"
	}
}

// goName is what error texts call the type of a field.
func (t *valueType) goName() string {
	switch t.kind {
	case kindBytes:
		return "[]uint8"
	case kindShape:
		return "api." + t.shape.name
	case kindList:
		return "[]" + t.elem.goName()
	case kindMap:
		return "map[string]" + t.elem.goName()
	case kindAny:
		return "interface {}"
	case kindFloat:
		return "float64"
	}
	if t.name == "duration" || t.name == "duration?" {
		return "time.Duration"
	}
	if t.optional {
		return t.name[:len(t.name)-1]
	}
	return t.name
}
