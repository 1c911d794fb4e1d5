package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// An Expect is the content of a .expect.json file.
type Expect struct {
	Steps []ExpectStep `json:"steps"`
}

// An ExpectStep holds patterns of a step's response. Exactly one of JSON and
// Text is set, unless the scenario compares the status only.
type ExpectStep struct {
	Step    string         `json:"step"`
	Status  int            `json:"status"`
	Headers map[string]any `json:"headers,omitempty"`
	JSON    any            `json:"json,omitempty"`
	Text    any            `json:"text,omitempty"`
	Null    bool           `json:"null,omitempty"` // the body is the JSON value null
}

// comparedHeaders are recorded when the response has them, and how.
var comparedHeaders = map[string]string{
	"Access-Control-Allow-Headers": "exact", "Access-Control-Allow-Methods": "exact",
	"Access-Control-Allow-Origin": "exact", "Allow": "exact", "Content-Encoding": "exact",
	"Content-Type": "exact", "Location": "exact", "Vary": "exact",
	"X-Nomad-Index": "present", "X-Nomad-Knownleader": "exact",
	"X-Nomad-Lastcontact": "volatile", "X-Nomad-Nexttoken": "present",
}

func (x *run) learn(st *Step, r *Response) ExpectStep {
	e := ExpectStep{Step: st.Label(), Status: r.Status}
	switch st.Only {
	case "status":
		return e
	case "body":
		e.Status = 0
	}
	e.Headers = map[string]any{}
	for name, mode := range comparedHeaders {
		values := r.Header.Values(name)
		if len(values) == 0 {
			continue
		}
		v := x.headerValue(values)
		switch mode {
		case "present":
			v = presentType(v)
		case "volatile":
			v = volatileType(v)
		default:
			v = literal(v)
		}
		e.Headers[name] = v
	}
	switch l := (learner{slices.Concat(x.rules, st.Rules)}); {
	case r.JSON != nil:
		e.JSON = l.learn(x.abstract(r.JSON), nil, "exact")
	case string(bytes.TrimSpace(r.Raw)) == "null":
		e.Null = true
	case slices.ContainsFunc(st.Rules, func(r Rule) bool { return r.kind == "exact" && slices.Equal(r.segs, []string{"text"}) }):
		e.Text = literal(x.abstract(string(r.Raw)))
	case len(r.Raw) > 0:
		e.Text = "<string+>"
	default:
		e.Text = ""
	}
	return e
}

func (x *run) headerValue(values []string) any {
	joined := strings.Join(values, ", ")
	if n, err := decodeJSON([]byte(joined)); err == nil {
		if n, ok := n.(json.Number); ok {
			return n
		}
	}
	return x.abstract(joined)
}

// compare checks a response with its recording.
func (x *run) compare(want ExpectStep, st *Step, r *Response, got ExpectStep) []Diff {
	if want.Status != r.Status && st.Only != "body" {
		d := Diff{"status", "", fmt.Sprint(want.Status), fmt.Sprint(r.Status)}
		if r.JSON == nil {
			d.Got += " " + excerpt(r.Raw)
		}
		return []Diff{d}
	}
	if st.Only == "status" {
		return nil
	}
	m := &matcher{}
	for _, r := range slices.Concat(x.rules, st.Rules) {
		if r.kind == "strict" {
			m.strict = append(m.strict, r)
		}
	}
	for _, name := range sortedKeys(want.Headers) {
		values := r.Header.Values(name)
		if len(values) == 0 {
			m.add("header", name, want.Headers[name], nil)
			continue
		}
		m.match(want.Headers[name], x.headerValue(values), name, nil)
	}
	switch kind := want.kind(); {
	case kind != got.kind():
		m.diffs = append(m.diffs, Diff{"type", "body", kind, got.kind() + ": " + excerpt(r.Raw)})
	case kind == "json":
		m.match(want.JSON, x.abstract(r.JSON), ".", nil)
	case kind == "text":
		m.match(want.Text, x.abstract(string(r.Raw)), "text", nil)
	}
	return m.diffs
}

func (e ExpectStep) kind() string {
	switch {
	case e.JSON != nil:
		return "json"
	case e.Null:
		return "null"
	}
	return "text"
}
