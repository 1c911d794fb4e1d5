package spec

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// golden is one case of the job specification corpus, as far as this package
// is concerned.
type golden struct {
	JobParsed json.RawMessage `json:"job_parsed"`
	Job       json.RawMessage `json:"job"`
}

// goldens reads the cases of a directory of the corpus.
func goldens(t *testing.T, dirs ...string) map[string]golden {
	t.Helper()
	out := map[string]golden{}
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join("..", "..", "jobspec", "testdata", "corpus", dir, "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			var g golden
			if err := json.Unmarshal(raw, &g); err != nil {
				t.Fatalf("%s: %v", f, err)
			}
			out[dir+"/"+filepath.Base(f)] = g
		}
	}
	if len(out) == 0 {
		t.Fatal("no corpus beside the job specification parser")
	}
	return out
}

// isNull tells JSON null and absence.
func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

func names(m map[string]golden) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func TestCompleteCorpus(t *testing.T) {
	cases := goldens(t, "valid")
	for _, name := range names(cases) {
		t.Run(name, func(t *testing.T) {
			doc, err := FromJSON(cases[name].JobParsed)
			if err != nil {
				t.Fatal(err)
			}
			Complete(doc)
			got, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(exact(t, cases[name].JobParsed), exact(t, got)); diff != "" {
				t.Errorf("parsed job (-want +got):\n%s", diff)
			}
		})
	}
}

// exact is a JSON value with its nulls.
func exact(t *testing.T, raw json.RawMessage) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCanonicalizeCorpus(t *testing.T) {
	cases := goldens(t, "valid", "invalid")
	for _, name := range names(cases) {
		g := cases[name]
		if isNull(g.Job) {
			continue
		}
		source := g.JobParsed
		if isNull(source) {
			source = g.Job // canonical jobs are fixed points
		}
		t.Run(name, func(t *testing.T) {
			doc, err := FromJSON(source)
			if err != nil {
				t.Fatal(err)
			}
			Canonicalize(doc)
			got, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(exact(t, g.Job), exact(t, got)); diff != "" {
				t.Errorf("canonical job (-want +got):\n%s", diff)
			}
		})
	}
}
