package nomadlike

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// Opaque is a part of a job that only somebody else can read: a driver its
// config, an autoscaler its policy. Values are nil, bool, int64, float64,
// string, []any and map[string]any. What comes with a job by the API has
// float64 for every number that one holds exactly, as the format knows no
// other; what is parsed from a job file has int64 for whole numbers.
type Opaque map[string]any

// wholeMax is from where on floats are written with an exponent.
const wholeMax = 1e21

// MarshalJSON writes whole float64 with a decimal, such as 2.0: clients tell
// numbers of either kind apart by it.
func (o Opaque) MarshalJSON() ([]byte, error) {
	if o == nil {
		return []byte("null"), nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // whoever encodes what this is part of decides
	if err := enc.Encode(decimals(map[string]any(o))); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func decimals(v any) any {
	switch v := v.(type) {
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < wholeMax {
			return json.Number(strconv.FormatFloat(v, 'f', 1, 64))
		}
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = decimals(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = decimals(e)
		}
		return out
	}
	return v
}

// UnmarshalJSON reads whole numbers as int64, however they are written: it is
// for those who show a job, or write it as a job file.
func (o *Opaque) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		return err
	}
	if m == nil {
		*o = nil
		return nil
	}
	for k, v := range m {
		m[k] = whole(v)
	}
	*o = m
	return nil
}

func whole(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := strconv.ParseInt(strings.TrimSuffix(v.String(), ".0"), 10, 64); err == nil {
			return i
		}
		f, _ := v.Float64() // out of range is infinite, which no writer makes
		return f
	case []any:
		for i := range v {
			v[i] = whole(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = whole(v[k])
		}
	}
	return v
}
