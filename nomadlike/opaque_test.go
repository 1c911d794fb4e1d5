package nomadlike

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestOpaque(t *testing.T) {
	for _, test := range []struct {
		name string
		o    Opaque
		want string
	}{
		{"nothing", nil, `null`},
		{"empty", Opaque{}, `{}`},
		{"whole numbers of either kind", Opaque{"f": 2.0, "i": int64(2), "n": -3.0, "z": 0.0}, `{"f":2.0,"i":2,"n":-3.0,"z":0.0}`},
		{"fractions", Opaque{"f": 2.5, "s": 1e-7}, `{"f":2.5,"s":1e-7}`},
		{"large", Opaque{"a": 1e20, "b": 1e21}, `{"a":100000000000000000000.0,"b":1e+21}`},
		{"nested", Opaque{"a": []any{1.0, map[string]any{"b": []any{2.0, nil, true, "<3.0>"}}}}, `{"a":[1.0,{"b":[2.0,null,true,"<3.0>"]}]}`},
	} {
		got, err := test.o.MarshalJSON()
		if err != nil || string(got) != test.want {
			t.Errorf("%s: %s, %v; want %s", test.name, got, err, test.want)
		}
	}
}

// TestOpaqueRead: who shows a job writes whole numbers as people do.
func TestOpaqueRead(t *testing.T) {
	for in, want := range map[string]Opaque{
		`null`: nil,
		`{"a": 2.0, "b": 2, "c": 2.5, "d": [1.0, {"e": 8080.0}], "f": 9223372036854775807}`: {
			"a": int64(2), "b": int64(2), "c": 2.5, "d": []any{int64(1), map[string]any{"e": int64(8080)}}, "f": int64(9223372036854775807),
		},
	} {
		var got Opaque
		if err := json.Unmarshal([]byte(in), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, %v; want %#v", in, got, err, want)
		}
	}
	var o Opaque
	if json.Unmarshal([]byte(`[]`), &o) == nil {
		t.Error("a list was read as a map")
	}
}
