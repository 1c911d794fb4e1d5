package jobspec_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nomadlike/nomadlike/jobspec"
	"github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/diff"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
)

// parsedFile parses the file at path, without its extension.
func parsedFile(t *testing.T, path string) spec.Document {
	t.Helper()
	doc, diags := jobspec.Parse(endpointInput(t, path))
	if diags != nil {
		t.Fatalf("%s does not parse: %v", path, diags)
	}
	return doc
}

// corpusServer is the server whose behaviour the corpus records.
func corpusServer() admit.Settings {
	return admit.Settings{
		Region:         "global",
		Namespace:      &nomadlike.Namespace{Name: "default"},
		NodePoolExists: func(name string) bool { return name == "default" || name == "all" },
		Vault:          map[string]admit.VaultCluster{"default": {Enabled: true}},
		Consul:         map[string]admit.ConsulCluster{"default": {}},
	}
}

// registered is the job as it would be stored.
func registered(t *testing.T, doc spec.Document) *nomadlike.Job {
	t.Helper()
	job, err := spec.Register(doc)
	if err != nil {
		t.Fatal(err)
	}
	admit.Mutate(job, corpusServer())
	if _, err := admit.Validate(job, corpusServer()); err != nil {
		t.Fatal(err)
	}
	return job
}

// TestCanonical checks what becomes of the corpus's job files once they are
// parsed.
func TestCanonical(t *testing.T) {
	check := func(t *testing.T, path string, _ golden) {
		var want struct {
			Job      any `json:"job"`
			Validate *struct {
				OK       bool `json:"ok"`
				Warnings bool `json:"warnings"`
			} `json:"validate"`
		}
		if err := json.Unmarshal(read(t, path+".json"), &want); err != nil {
			t.Fatal(err)
		}
		if want.Job == nil {
			return // refused by the parser already
		}
		doc := parsedFile(t, path)
		spec.Canonicalize(doc)
		if d := cmp.Diff(plain(t, want.Job), plain(t, doc)); d != "" {
			t.Errorf("canonical job (-want +got):\n%s", d)
		}
		job, err := spec.Register(parsedFile(t, path))
		if err != nil {
			t.Fatal(err)
		}
		warnings := admit.Mutate(job, corpusServer())
		more, err := admit.Validate(job, corpusServer())
		if (err == nil) != want.Validate.OK {
			t.Errorf("valid: want %v, got %v", want.Validate.OK, err)
		}
		if warned := len(warnings)+len(more) > 0; warned != want.Validate.Warnings {
			t.Errorf("warnings: want %v, got %q", want.Validate.Warnings, append(warnings, more...))
		}
	}
	eachGolden(t, "valid/*.json", check)
	eachGolden(t, "invalid/*.json", check)
}

// TestUpdates checks the difference between each pair of jobs of the corpus,
// annotated with what the recorded scheduler wanted to do.
func TestUpdates(t *testing.T) {
	eachGolden(t, "updates/*.json", func(t *testing.T, path string, _ golden) {
		var want struct {
			Diff    any                                  `json:"diff"`
			Desired map[string]*nomadlike.DesiredUpdates `json:"desired_tg_updates"`
		}
		if err := json.Unmarshal(read(t, path+".json"), &want); err != nil {
			t.Fatal(err)
		}
		before := registered(t, parsedFile(t, path+".old"))
		after := registered(t, parsedFile(t, path+".new"))
		got := diff.Job(before, after, true)
		diff.Annotate(got, &nomadlike.PlanAnnotations{DesiredTGUpdates: want.Desired})
		if d := cmp.Diff(plain(t, want.Diff), plain(t, got)); d != "" {
			t.Errorf("difference (-want +got):\n%s", d)
		}
		if changed := admit.SpecChanged(before, after); changed != (got.Type != diff.None) {
			t.Errorf("specification changed: got %v beside a difference of type %s", changed, got.Type)
		}
	})
}
