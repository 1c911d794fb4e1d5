package diff

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
)

// FuzzDiff compares any two jobs that can be read: whatever they hold, the
// difference can be told and sent, a job never differs from itself, and both
// directions agree on whether there is a difference at all.
func FuzzDiff(f *testing.F) {
	cases, err := filepath.Glob("testdata/*.json")
	if err != nil || len(cases) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range cases {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var c struct{ Old, New json.RawMessage }
		if err := json.Unmarshal(raw, &c); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(c.Old), []byte(c.New))
	}
	f.Fuzz(func(t *testing.T, rawOld, rawNew []byte) {
		old, updated := fuzzed(rawOld), fuzzed(rawNew)
		there, back := Job(old, updated, true), Job(updated, old, true)
		if (there.Type == None) != (back.Type == None) {
			t.Errorf("%s one way, %s the other:\n%s\n%s", there.Type, back.Type, render(there), render(back))
		}
		desired := map[string]*nomadlike.DesiredUpdates{"": nil}
		for _, g := range there.TaskGroups {
			desired[g.Name] = &nomadlike.DesiredUpdates{Place: 1, DestructiveUpdate: 2}
		}
		Annotate(there, &nomadlike.PlanAnnotations{DesiredTGUpdates: desired})
		if _, err := json.Marshal(there); err != nil {
			t.Errorf("the difference cannot be sent: %v", err)
		}
		for _, job := range []*nomadlike.Job{old, updated} {
			if d := Job(job, job.Copy(), false); d.Type != None {
				t.Errorf("a job differs from its copy:\n%s", render(d))
			}
		}
	})
}

// fuzzed reads a job; what cannot be read is no job.
func fuzzed(raw []byte) *nomadlike.Job {
	doc, err := spec.FromJSON(raw)
	if err != nil {
		return nil
	}
	job, err := spec.Register(doc)
	if err != nil {
		return nil
	}
	admit.Mutate(job, admit.Settings{})
	return job
}
