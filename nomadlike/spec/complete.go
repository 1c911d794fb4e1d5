package spec

// Complete gives a document every member of its shapes: nil for what was not
// said, zero for fields that have no unset form. It is the shape in which a
// parsed job is shown before canonicalisation.
func Complete(doc Document) {
	completeShape(jobShape(), doc)
}

func completeShape(s *shape, o object) {
	for _, f := range s.fields {
		v, said := o[f.name]
		if v != nil {
			completeValue(f.typ, v)
			continue
		}
		switch zero := zeroOf(f.typ); {
		case zero != nil:
			o[f.name] = zero
		case f.omitEmpty && said:
			delete(o, f.name)
		case !f.omitEmpty && !said:
			o[f.name] = nil
		}
	}
}

func completeValue(t *valueType, v any) {
	switch t.kind {
	case kindShape:
		if o, ok := v.(object); ok {
			completeShape(t.shape, o)
		}
	case kindList:
		if l, ok := v.([]any); ok && t.elem.kind == kindShape {
			for _, e := range l {
				completeValue(t.elem, e)
			}
		}
	case kindMap:
		if m, ok := v.(object); ok && t.elem.kind == kindShape {
			for _, e := range m {
				completeValue(t.elem, e)
			}
		}
	}
}

// zeroOf is the value of a field without an unset form; nil for the others.
func zeroOf(t *valueType) any {
	if t.optional {
		return nil
	}
	switch t.kind {
	case kindString:
		return ""
	case kindBool:
		return false
	case kindInt, kindUint:
		return int64(0)
	case kindFloat:
		return float64(0)
	}
	return nil
}
