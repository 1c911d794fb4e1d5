package hclspec_test

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"
	"google.golang.org/protobuf/proto"

	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
)

func schema() *hclspec.Spec {
	return hclspec.Object(map[string]*hclspec.Spec{
		"name":   hclspec.Attr("name", "string", false),
		"count":  hclspec.Attr("", "number", false),
		"on":     hclspec.Attr("on", "bool", false),
		"list":   hclspec.Attr("list", "list(string)", false),
		"labels": hclspec.Attr("labels", "list(map(string))", false),
		"any":    hclspec.Attr("any", "any", false),
		"dflt":   hclspec.Default(hclspec.Attr("dflt", "string", false), hclspec.Literal(`upper("x")`)),
		"one": hclspec.Block("one", false, hclspec.Object(map[string]*hclspec.Spec{
			"a": hclspec.Attr("a", "string", true),
		})),
		"many": hclspec.BlockList("many", hclspec.Object(map[string]*hclspec.Spec{
			"a": hclspec.Attr("a", "number", false),
		})),
		"free":  hclspec.BlockAttrs("free", "string", false),
		"keyed": hclspec.BlockMap("keyed", []string{"key"}, hclspec.Object(map[string]*hclspec.Spec{"a": hclspec.Attr("a", "string", false)})),
	})
}

// decoded is what a plugin reads.
type decoded struct {
	Name   string              `codec:"name"`
	Count  int                 `codec:"count"`
	On     bool                `codec:"on"`
	List   []string            `codec:"list"`
	Labels []map[string]string `codec:"labels"`
	Any    any                 `codec:"any"`
	Dflt   string              `codec:"dflt"`
	One    *struct {
		A string `codec:"a"`
	} `codec:"one"`
	Many []struct {
		A int `codec:"a"`
	} `codec:"many"`
	Free  map[string]string `codec:"free"`
	Keyed map[string]struct {
		A string `codec:"a"`
	} `codec:"keyed"`
}

func vars() map[string]cty.Value {
	return map[string]cty.Value{
		"NOMAD_PORT_http": cty.StringVal("8080"),
		"node":            cty.ObjectVal(map[string]cty.Value{"class": cty.StringVal("big")}),
		"env":             cty.MapVal(map[string]cty.Value{"a.b": cty.StringVal("dotted")}),
	}
}

func TestDecode(t *testing.T) {
	cases := map[string]struct {
		body string
		want decoded
		err  string
	}{
		"empty": {body: `{}`, want: decoded{Dflt: "X", Many: []struct {
			A int `codec:"a"`
		}{}}},
		"plain":            {body: `{"name":"x","count":3,"on":true,"list":["a","b"]}`, want: decoded{Name: "x", Count: 3, On: true, List: []string{"a", "b"}}},
		"null is absent":   {body: `{"name":null,"dflt":null}`, want: decoded{}},
		"given default":    {body: `{"dflt":"mine"}`, want: decoded{Dflt: "mine"}},
		"number as string": {body: `{"name":7,"count":"7","on":"true"}`, want: decoded{Name: "7", Count: 7, On: true}},
		"variable":         {body: `{"name":"${node.class}-${env[\"a.b\"]}","count":"${NOMAD_PORT_http}"}`, want: decoded{Name: "big-dotted", Count: 8080}},
		"escaped template": {body: `{"name":"$${x} $X"}`, want: decoded{Name: "${x} $X"}},
		"directive":        {body: `{"name":"%{ if true }yes%{ endif }"}`, want: decoded{Name: "yes"}},
		"list by template": {body: `{"list":"${[\"a\"]}"}`, want: decoded{List: []string{"a"}}},
		"function":         {body: `{"name":"${upper(\"a\")}${length([1,2])}"}`, want: decoded{Name: "A2"}},
		"blocks as maps":   {body: `{"labels":[{"x":"1"},{"y":"2"}]}`, want: decoded{Labels: []map[string]string{{"x": "1"}, {"y": "2"}}}},
		"any string":       {body: `{"any":"s"}`, want: decoded{Any: "s"}},
		"any list":         {body: `{"any":["s","t"]}`, want: decoded{Any: []any{"s", "t"}}},
		"one block": {body: `{"one":{"a":"v"}}`, want: decoded{One: &struct {
			A string `codec:"a"`
		}{"v"}}},
		"one block in a list": {body: `{"one":[{"a":"v"}]}`, want: decoded{One: &struct {
			A string `codec:"a"`
		}{"v"}}},
		"block list": {body: `{"many":[{"a":1},{"a":2}]}`, want: decoded{Many: []struct {
			A int `codec:"a"`
		}{{1}, {2}}}},
		"single of many": {body: `{"many":{"a":1}}`, want: decoded{Many: []struct {
			A int `codec:"a"`
		}{{1}}}},
		"free attributes": {body: `{"free":{"k":"v"}}`, want: decoded{Free: map[string]string{"k": "v"}}},
		"keyed blocks": {body: `{"keyed":{"k":{"a":"v"}}}`, want: decoded{Keyed: map[string]struct {
			A string `codec:"a"`
		}{"k": {"v"}}}},
		"comment": {body: `{"//":"note","name":"x"}`, want: decoded{Name: "x"}},

		"unknown attribute":   {body: `{"nme":"x"}`, err: `Invalid label: No argument or block type is named "nme". Did you mean "name"?`},
		"missing required":    {body: `{"one":{}}`, err: `Missing required argument`},
		"unknown variable":    {body: `{"name":"${nope}"}`, err: `Unknown variable: There is no variable named "nope".`},
		"wrong type":          {body: `{"count":"many"}`, err: `Incorrect attribute value type: Inappropriate value for attribute "count"`},
		"string for list":     {body: `{"list":"a"}`, err: `Inappropriate value for attribute "list"`},
		"map for list of map": {body: `{"labels":{"x":"1"}}`, err: `Inappropriate value for attribute "labels"`},
		"two of one":          {body: `{"one":[{"a":"1"},{"a":"2"}]}`, err: `Duplicate one block`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var body map[string]any
			if err := json.Unmarshal([]byte(c.body), &body); err != nil {
				t.Fatal(err)
			}
			v, err := hclspec.Decode(schema(), body, vars())
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error is %v, want one with %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			raw, err := hclspec.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			var got decoded
			if err := hclspec.Unmarshal(raw, &got); err != nil {
				t.Fatal(err)
			}
			if c.want.Dflt == "" {
				c.want.Dflt = "X"
			}
			if c.want.Many == nil {
				c.want.Many = []struct {
					A int `codec:"a"`
				}{}
			}
			if c.want.Keyed == nil {
				c.want.Keyed = map[string]struct {
					A string `codec:"a"`
				}{}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("plugin reads (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWireBytes pins the msgpack dialect that plugins built elsewhere read.
func TestWireBytes(t *testing.T) {
	obj := func(attrs ...*hclspec.Spec) *hclspec.Spec {
		m := map[string]*hclspec.Spec{}
		for _, a := range attrs {
			name := a.GetAttr().GetName()
			if name == "" {
				name = a.GetDefault().GetPrimary().GetAttr().GetName()
			}
			m[name] = a
		}
		return hclspec.Object(m)
	}
	number := obj(hclspec.Attr("n", "number", false))
	cases := map[string]struct {
		spec *hclspec.Spec
		body map[string]any
		want string
	}{
		"absent is nil": {obj(hclspec.Attr("b", "bool", false), hclspec.Attr("n", "number", false), hclspec.Attr("s", "string", false)),
			map[string]any{"s": "x", "n": 5}, "83a162c0a16e05a173a178"},
		"any keeps its own type": {obj(hclspec.Attr("any", "any", false), hclspec.Default(hclspec.Attr("foo", "string", false), hclspec.Literal(`"dflt"`))),
			map[string]any{"any": []any{"a", 1}}, "82a3616e7992a16101a3666f6fa464666c74"},
		"300":   {number, map[string]any{"n": 300}, "81a16ecd012c"},
		"-1":    {number, map[string]any{"n": -1}, "81a16eff"},
		"70000": {number, map[string]any{"n": 70000}, "81a16ece00011170"},
		"1.5":   {number, map[string]any{"n": 1.5}, "81a16ecb3ff8000000000000"},
		"list of maps": {obj(hclspec.Attr("l", "list(map(string))", false)),
			map[string]any{"l": []any{map[string]any{"x": "1"}, map[string]any{"y": "2"}}}, "81a16c9281a178a13181a179a132"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			v, err := hclspec.Decode(c.spec, c.body, nil)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := hclspec.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(raw); got != c.want {
				t.Errorf("bytes are %s, want %s", got, c.want)
			}
		})
	}
}

// TestSpecBytes pins the wire form of schemas.
func TestSpecBytes(t *testing.T) {
	for want, spec := range map[string]*hclspec.Spec{
		"4a250a181a160a0e756e7665696c5f62795f7461736b1204626f6f6c120952070a0566616c7365": hclspec.Default(
			hclspec.Attr("unveil_by_task", "bool", false), hclspec.Literal("false")),
		"1a140a0461726773120c6c69737428737472696e6729": hclspec.Attr("args", "list(string)", false),
	} {
		raw, err := proto.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(raw); got != want {
			t.Errorf("bytes are %s, want %s", got, want)
		}
	}
}

func TestUnusableSchemas(t *testing.T) {
	nested := hclspec.Object(map[string]*hclspec.Spec{"a": hclspec.Attr("a", "any", false)})
	for name, spec := range map[string]*hclspec.Spec{
		"nil":                   nil,
		"empty node":            {},
		"no type":               hclspec.Attr("a", "", false),
		"unknown type":          hclspec.Attr("a", "strin", false),
		"no name":               hclspec.Attr("", "string", false),
		"no name under default": hclspec.Object(map[string]*hclspec.Spec{"a": hclspec.Default(hclspec.Attr("", "string", false), hclspec.Literal("1"))}),
		"no nested schema":      hclspec.Block("b", false, nil),
		"no labels":             hclspec.BlockMap("b", nil, nested),
		"any in a block map":    hclspec.BlockMap("b", []string{"k"}, nested),
		"bad literal":           hclspec.Literal("("),
		"literal with variable": hclspec.Literal("x"),
	} {
		if err := hclspec.Check(spec); err == nil {
			t.Errorf("%s: schema passes", name)
		}
		if _, err := hclspec.Decode(spec, nil, nil); err == nil {
			t.Errorf("%s: schema decodes", name)
		}
	}
}

func TestGoState(t *testing.T) {
	type state struct {
		Pid  int               `codec:"pid"`
		Tags map[string]string `codec:"tags"`
	}
	in := state{Pid: 7, Tags: map[string]string{"a": "b"}}
	raw, err := hclspec.MarshalGo(in)
	if err != nil {
		t.Fatal(err)
	}
	var out state
	if err := hclspec.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, out); diff != "" {
		t.Error(diff)
	}
	if err := hclspec.Unmarshal([]byte{0xc1}, &out); err == nil {
		t.Error("damaged bytes were read")
	}
	if err := hclspec.Unmarshal(nil, &out); err != nil {
		t.Errorf("no bytes: %v", err)
	}
}
