package admit

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
)

// golden is one case of the job specification corpus, as far as this package
// is concerned.
type golden struct {
	Job        json.RawMessage `json:"job"`
	Registered json.RawMessage `json:"registered"`
	Validate   *struct {
		OK       bool `json:"ok"`
		Warnings bool `json:"warnings"`
	} `json:"validate"`
}

// goldens reads the cases of directories of the corpus.
func goldens(t *testing.T, dirs ...string) (map[string]golden, []string) {
	t.Helper()
	root := filepath.Join("..", "..", "jobspec", "testdata", "corpus")
	out := map[string]golden{}
	var names []string
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(root, dir, "*.json"))
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
			name := dir + "/" + filepath.Base(f)
			out[name] = g
			names = append(names, name)
		}
	}
	if len(out) == 0 {
		t.Fatalf("no corpus below %s", root)
	}
	sort.Strings(names)
	return out, names
}

// corpusServer is the server that the goldens assume.
func corpusServer() Settings {
	return Settings{
		Region:         "global",
		Namespace:      &nomadlike.Namespace{Name: "default"},
		NodePoolExists: func(name string) bool { return name == "default" || name == "all" },
		Vault:          map[string]VaultCluster{"default": {Enabled: true}},
		Consul:         map[string]ConsulCluster{"default": {}},
	}
}

// admitted decodes and mutates a canonical job.
func admitted(t *testing.T, raw json.RawMessage) (*nomadlike.Job, []string) {
	t.Helper()
	doc, err := spec.FromJSON(raw)
	if err != nil {
		t.Fatal(err)
	}
	job, err := spec.Decode(doc)
	if err != nil {
		t.Fatal(err)
	}
	warnings := Mutate(job, corpusServer())
	return job, warnings
}

// plain passes a value through JSON and drops nulls, which the corpus holds
// equal to absence.
func plain(t *testing.T, v any) any {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return dropNulls(out)
}

func dropNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if e == nil {
				delete(v, k)
			} else {
				v[k] = dropNulls(e)
			}
		}
	case []any:
		for i := range v {
			v[i] = dropNulls(v[i])
		}
	}
	return v
}

// unrecorded are the members that registrations do not record.
var unrecorded = []string{
	"CreateIndex", "ModifyIndex", "JobModifyIndex", "Version", "SubmitTime", "Status",
	"StatusDescription", "Stable", "Stop", "NomadTokenID", "VersionTag",
}

// dropPolicyIDs removes what is new for every registration.
func dropPolicyIDs(job map[string]any) {
	drop := func(p any) {
		if m, ok := p.(map[string]any); ok {
			delete(m, "ID")
			delete(m, "CreateIndex")
			delete(m, "ModifyIndex")
		}
	}
	groups, _ := job["TaskGroups"].([]any)
	for _, g := range groups {
		group := g.(map[string]any)
		drop(group["Scaling"])
		tasks, _ := group["Tasks"].([]any)
		for _, task := range tasks {
			policies, _ := task.(map[string]any)["ScalingPolicies"].([]any)
			for _, p := range policies {
				drop(p)
			}
		}
	}
}

func TestMutateCorpus(t *testing.T) {
	cases, names := goldens(t, "valid")
	for _, name := range names {
		g := cases[name]
		if len(g.Registered) == 0 || string(g.Registered) == "null" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			job, _ := admitted(t, g.Job)
			got := plain(t, job).(map[string]any)
			want := plain(t, g.Registered).(map[string]any)
			for _, k := range unrecorded {
				delete(got, k)
				delete(want, k)
			}
			dropPolicyIDs(got)
			dropPolicyIDs(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("registered job (-want +got):\n%s", diff)
			}
			Mutate(job, corpusServer())
			again := plain(t, job).(map[string]any)
			for _, k := range unrecorded {
				delete(again, k)
			}
			dropPolicyIDs(again)
			if diff := cmp.Diff(got, again); diff != "" {
				t.Errorf("mutated twice (-once +twice):\n%s", diff)
			}
		})
	}
}

func TestValidateCorpus(t *testing.T) {
	cases, names := goldens(t, "valid", "invalid")
	for _, name := range names {
		g := cases[name]
		if g.Validate == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			job, warnings := admitted(t, g.Job)
			more, err := Validate(job, corpusServer())
			if got := err == nil; got != g.Validate.OK {
				t.Errorf("valid: want %v, got %v: %v", g.Validate.OK, got, err)
			}
			warnings = append(warnings, more...)
			if got := len(warnings) > 0; got != g.Validate.Warnings {
				t.Errorf("warnings: want %v, got %q", g.Validate.Warnings, warnings)
			}
		})
	}
}

// TestReadAndSubmitAgain registers what a server answers about a registered
// job: nothing may change.
func TestReadAndSubmitAgain(t *testing.T) {
	cases, names := goldens(t, "valid")
	for _, name := range names {
		g := cases[name]
		if len(g.Registered) == 0 || string(g.Registered) == "null" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			stored, _ := admitted(t, g.Job)
			answer, err := json.Marshal(stored)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := spec.FromJSON(answer)
			if err != nil {
				t.Fatal(err)
			}
			again, err := spec.Register(doc)
			if err != nil {
				t.Fatal(err)
			}
			Mutate(again, corpusServer())
			if SpecChanged(stored, again) {
				t.Errorf("the answer makes another job (-stored +again):\n%s", cmp.Diff(stored, again))
			}
		})
	}
}
