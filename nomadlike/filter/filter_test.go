package filter

import (
	"strings"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/nomadlike"
)

func job() *nomadlike.Job {
	return &nomadlike.Job{
		ID: "web", Type: "service", Priority: 50, Datacenters: []string{"dc1", "dc2"},
		Meta:       map[string]string{"team": "blue", "a-b": "x"},
		TaskGroups: []*nomadlike.Group{{Name: "g", Count: 3, ShutdownDelay: ptr(time.Second)}},
	}
}

func ptr[T any](v T) *T { return &v }

func TestMatch(t *testing.T) {
	for expression, want := range map[string]bool{
		``:                                        true,
		`ID == "web"`:                             true,
		`ID == web`:                               true,
		`ID != "web"`:                             false,
		`ID contains "e"`:                         true,
		`ID not contains "e"`:                     false,
		`ID matches "^w.b$"`:                      true,
		`"e" in ID`:                               true,
		`"dc1" in Datacenters`:                    true,
		`Datacenters contains "dc3"`:              false,
		`Priority == 50`:                          true,
		`Priority == 51`:                          false,
		`Stop == false`:                           true,
		`Meta.team == "blue"`:                     true,
		`Meta["a-b"] == "x"`:                      true,
		`"team" in Meta`:                          true,
		`Meta is empty`:                           false,
		`Constraints is empty`:                    true,
		`Periodic is nil`:                         true,
		`not ID == "web" or Type == "a"`:          false,
		`ID == "x" or ID == "web"`:                true,
		`"/ID" == "web"`:                          true,
		"ID == `web`":                             true,
		`any TaskGroups as g { g.Count == 3 }`:    true,
		`all TaskGroups as g { g.Name == "h" }`:   false,
		`any Meta as k, v { v == "blue" }`:        true,
		`any TaskGroups as _, g { g.Name == "g"}`: true,
	} {
		f, err := Compile(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		got, err := f.Match(job())
		if err != nil || got != want {
			t.Errorf("%s: want %v, got %v, %v", expression, want, got, err)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, expression := range []string{`ID ==`, `Nonsense ==`, `(`, strings.Repeat("(", 5000), strings.Repeat("x", expressionBytesMax+1)} {
		_, err := Compile(expression)
		if err == nil || !strings.HasPrefix(err.Error(), "failed to read filter expression: ") {
			t.Errorf("%.20q: got %v", expression, err)
		}
		if nomadlike.CodeOf(err) != nomadlike.CodeInvalid {
			t.Errorf("%.20q: got code %d", expression, nomadlike.CodeOf(err))
		}
	}
	f, err := Compile(`Zzz == "a"`)
	if err != nil {
		t.Fatal(err)
	}
	want := `error finding value in datum: /Zzz at part 0: couldn't find key: struct field with name "Zzz"`
	if _, err := f.Match(job()); err == nil || err.Error() != want {
		t.Errorf("want %s, got %v", want, err)
	}
}

func TestLongExpression(t *testing.T) {
	parts := make([]string, 500)
	for i := range parts {
		parts[i] = `ID == "no"`
	}
	f, err := Compile(strings.Join(parts, " or ") + ` or ID == "web"`)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := f.Match(job()); err != nil || !ok {
		t.Errorf("got %v, %v", ok, err)
	}
}

// Variables are listed by what their callers wrap around the metadata.
func TestEmbedded(t *testing.T) {
	f, err := Compile(`VariableMetadata.Path contains "/b"`)
	if err != nil {
		t.Fatal(err)
	}
	v := struct{ nomadlike.VariableMetadata }{nomadlike.VariableMetadata{Path: "a/b"}}
	if ok, err := f.Match(v); err != nil || !ok {
		t.Errorf("got %v, %v", ok, err)
	}
}
