package importer_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/nomadlike/nomadlike/jobspec/importer"
)

// TestEveryFieldCounts takes each field out of each file below testdata, and
// then gives it another value: one of the two must change the job files or be
// refused, or else the importer dropped the field without a word. Fields that
// say nothing of what runs are in testdata/silent.txt.
func TestEveryFieldCounts(t *testing.T) {
	silent := readSilent(t)
	used := map[string]bool{}
	for _, kind := range importer.Kinds() {
		paths, err := filepath.Glob("testdata/" + kind + "/*.[yj]*")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			body, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f := &mutant{kind: kind, path: path}
			if !f.split(string(body)) {
				continue // what no one can read has no fields
			}
			whole, ok := f.render()
			if !ok {
				continue
			}
			f.whole = whole
			for _, field := range f.dropped() {
				exempt := false
				for _, s := range silent[kind] {
					if s.MatchString(field) {
						used[kind+" "+s.String()], exempt = true, true
					}
				}
				if !exempt {
					t.Errorf("%s: %s is dropped without a word", path, field)
				}
			}
		}
	}
	for kind, list := range silent {
		for _, s := range list {
			if !used[kind+" "+s.String()] {
				t.Errorf("testdata/silent.txt: %s %s meets no field", kind, s)
			}
		}
	}
}

func readSilent(t *testing.T) map[string][]*regexp.Regexp {
	t.Helper()
	text, err := os.ReadFile("testdata/silent.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]*regexp.Regexp{}
	for _, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		kind, pattern, _ := strings.Cut(line, " ")
		out[kind] = append(out[kind], regexp.MustCompile("^(?:"+strings.TrimSpace(pattern)+")$"))
	}
	return out
}

// mutant is a file that is changed in one place at a time.
type mutant struct {
	kind, path string
	docs       []any
	whole      string // the job files without any change
}

func (f *mutant) split(body string) bool {
	for _, part := range strings.Split("\n"+body, "\n---") {
		var v any
		if yaml.Unmarshal([]byte(part), &v) != nil {
			return false
		}
		if v != nil {
			f.docs = append(f.docs, v)
		}
	}
	return len(f.docs) > 0
}

func (f *mutant) render() (string, bool) {
	var body strings.Builder
	for _, d := range f.docs {
		raw, err := json.Marshal(d)
		if err != nil {
			return "", false
		}
		body.WriteString(string(raw) + "\n---\n")
	}
	text := strings.TrimSuffix(body.String(), "---\n")
	results, problems := importer.Import(context.Background(), importer.Input{
		Kind: f.kind, Files: []importer.File{{Path: f.path, Body: []byte(text)}}, Environ: []string{"TAG=v1.2.3"},
	})
	var out strings.Builder
	for _, r := range results {
		out.Write(r.HCL)
	}
	return out.String(), len(problems) == 0
}

// dropped gives the fields that change nothing.
func (f *mutant) dropped() (out []string) {
	for i, d := range f.docs {
		fields := f.below(d, nil)
		if len(fields) > 0 && len(f.docs) > 1 {
			rest := f.docs
			f.docs = append(append([]any{}, rest[:i]...), rest[i+1:]...)
			if f.onlyComments() {
				fields = nil
			}
			f.docs = rest
		}
		out = append(out, fields...)
	}
	return out
}

// below gives the fields of a value that change nothing. A comment on a value
// as a whole stands for all that is in it.
func (f *mutant) below(v any, path []string) (out []string) {
	visit := func(key string, inner any, put func(any), remove func()) {
		at := append(path[:len(path):len(path)], key)
		if leaf(inner) {
			if !f.counts(inner, put, remove) {
				out = append(out, strings.Join(at, "."))
			}
			put(inner)
			return
		}
		fields := f.below(inner, at)
		if len(fields) > 0 {
			if remove(); f.onlyComments() {
				fields = nil
			}
			put(inner)
		}
		out = append(out, fields...)
	}
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			visit(k, inner, func(other any) { v[k] = other }, func() { delete(v, k) })
		}
	case []any:
		for i, inner := range v {
			visit(strconv.Itoa(i), inner, func(other any) { v[i] = other }, func() { v[i] = nil })
		}
	}
	return out
}

// counts tells whether a leaf changes anything when it is missing or another.
func (f *mutant) counts(v any, put func(any), remove func()) bool {
	if v == nil {
		return true // it says nothing
	}
	if remove(); f.differs() {
		return true
	}
	for _, other := range others(v) {
		if put(other); f.differs() {
			return true
		}
	}
	return false
}

func (f *mutant) differs() bool {
	text, ok := f.render()
	return !ok || text != f.whole
}

var comments = regexp.MustCompile(`(?m)^\s*#.*\n`)

// onlyComments tells whether nothing but comments went away.
func (f *mutant) onlyComments() bool {
	text, ok := f.render()
	return ok && len(text) < len(f.whole) && squeeze(comments.ReplaceAllString(text, "")) == squeeze(comments.ReplaceAllString(f.whole, ""))
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// leaf tells whether a value is a scalar, a list of scalars, or empty.
func leaf(v any) bool {
	list, ok := v.([]any)
	if !ok {
		return scalar(v)
	}
	for _, inner := range list {
		if !scalar(inner) {
			return false
		}
	}
	return true
}

func scalar(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return true
}

func others(v any) []any {
	switch v := v.(type) {
	case string:
		return []any{v + "9", "other"}
	case float64:
		return []any{v + 1}
	case bool:
		return []any{!v}
	case []any:
		if len(v) > 0 {
			return []any{v[1:]}
		}
	}
	return nil
}
