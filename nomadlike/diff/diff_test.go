package diff

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
)

var rewrite = flag.Bool("rewrite", false, "write what was got as what is wanted")

// render writes a difference as text: one line a field or object.
func render(d *nomadlike.JobDiff) string {
	var b strings.Builder
	notes := func(list []string) string {
		if len(list) == 0 {
			return ""
		}
		return " (" + strings.Join(list, ", ") + ")"
	}
	fields := func(indent string, list []*nomadlike.FieldDiff) {
		for _, f := range list {
			fmt.Fprintf(&b, "%s%s %s %q -> %q%s\n", indent, f.Type, f.Name, f.Old, f.New, notes(f.Annotations))
		}
	}
	var objects func(indent string, list []*nomadlike.ObjectDiff)
	objects = func(indent string, list []*nomadlike.ObjectDiff) {
		for _, o := range list {
			fmt.Fprintf(&b, "%s%s object %s\n", indent, o.Type, o.Name)
			fields(indent+"  ", o.Fields)
			objects(indent+"  ", o.Objects)
		}
	}
	fmt.Fprintf(&b, "%s job %s\n", d.Type, d.ID)
	fields("  ", d.Fields)
	objects("  ", d.Objects)
	for _, g := range d.TaskGroups {
		fmt.Fprintf(&b, "  %s group %s", g.Type, g.Name)
		if g.Updates != nil {
			raw, _ := json.Marshal(g.Updates)
			fmt.Fprintf(&b, " %s", raw)
		}
		b.WriteString("\n")
		fields("    ", g.Fields)
		objects("    ", g.Objects)
		for _, t := range g.Tasks {
			fmt.Fprintf(&b, "    %s task %s%s\n", t.Type, t.Name, notes(t.Annotations))
			fields("      ", t.Fields)
			objects("      ", t.Objects)
		}
	}
	return b.String()
}

// decoded reads a job of a case; null is no job.
func decoded(t *testing.T, raw json.RawMessage) *nomadlike.Job {
	t.Helper()
	if string(raw) == "null" {
		return nil
	}
	doc, err := spec.FromJSON(raw)
	if err != nil {
		t.Fatal(err)
	}
	job, err := spec.Register(doc)
	if err != nil {
		t.Fatal(err)
	}
	admit.Mutate(job, admit.Settings{})
	return job
}

func TestJob(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.json")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range cases {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var c struct {
				Old, New json.RawMessage
				Desired  map[string]*nomadlike.DesiredUpdates
			}
			if err := json.Unmarshal(raw, &c); err != nil {
				t.Fatal(err)
			}
			old, updated := decoded(t, c.Old), decoded(t, c.New)
			d := Job(old, updated, true)
			Annotate(d, &nomadlike.PlanAnnotations{DesiredTGUpdates: c.Desired})
			got := render(d)
			golden := strings.TrimSuffix(file, ".json") + ".txt"
			if *rewrite {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("difference (-want +got):\n%s", diff)
			}
			for _, same := range []*nomadlike.Job{old, updated} {
				if d := Job(same, same, true); d.Type != None || len(d.Fields)+len(d.Objects) > 0 {
					t.Errorf("a job differs from itself:\n%s", render(d))
				}
			}
		})
	}
}

func TestNoJob(t *testing.T) {
	job := &nomadlike.Job{ID: "j", TaskGroups: []*nomadlike.Group{{Name: "g", Tasks: []*nomadlike.Task{{Name: "t"}}}}}
	if d := Job(nil, job, false); d.Type != Added || d.ID != "j" || d.TaskGroups[0].Tasks[0].Type != Added {
		t.Errorf("a new job:\n%s", render(d))
	}
	if d := Job(job, nil, false); d.Type != Deleted || d.ID != "j" || d.TaskGroups[0].Tasks[0].Type != Deleted {
		t.Errorf("a job that goes:\n%s", render(d))
	}
	if d := Job(nil, nil, false); d.Type != None {
		t.Errorf("no job at all:\n%s", render(d))
	}
	Annotate(nil, nil)
}
