package jobspec_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/nomadlike/nomadlike/jobspec"
	"github.com/nomadlike/nomadlike/nomadlike"
)

// TestPlaces runs the archives below testdata/places, which say themselves what
// they hold. With -update they are rewritten.
func TestPlaces(t *testing.T) {
	archives, err := filepath.Glob("testdata/places/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, path := range archives {
		archive := txtar.Parse(read(t, path))
		out := &txtar.Archive{Comment: archive.Comment}
		files := map[string]string{}
		for _, f := range archive.Files {
			files[f.Name] = string(f.Data)
		}
		for _, f := range archive.Files {
			name, isWant := strings.CutSuffix(f.Name, ".want")
			if isWant {
				continue
			}
			out.Files = append(out.Files, f)
			name, isList := strings.CutSuffix(name, ".paths")
			if !isList {
				continue
			}
			got := placesOf(t, name, files)
			out.Files = append(out.Files, txtar.File{Name: name + ".want", Data: []byte(got)})
			if diff := cmp.Diff(files[name+".want"], got); diff != "" && !*update {
				t.Errorf("%s %s (-want +got):\n%s", path, name, diff)
			}
		}
		if *update {
			if err := os.WriteFile(path, txtar.Format(out), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// placesOf finds the listed fields of a job.
func placesOf(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	var places *jobspec.Places
	if text, ok := files[name+".json"]; ok {
		places = jobspec.PlacesOfJSON(name, []byte(text))
	} else {
		file, problems := jobspec.ParseFile(jobspec.Input{Path: name, Body: []byte(files[name+".hcl"]), Places: true})
		if problems != nil {
			t.Fatalf("%s: %v", name, problems)
		}
		places = file.Places
	}
	var out strings.Builder
	for _, path := range strings.Fields(files[name+".paths"]) {
		d := places.Diagnostics([]nomadlike.JobProblem{{Path: path, Text: "wrong"}}).All()[0]
		runes := []rune(d.Snippet)
		what := string(runes[d.Column-1 : d.EndColumn-1])
		fmt.Fprintf(&out, "%s %d,%d-%d %s\n", path, d.Line, d.Column, d.EndColumn, what)
	}
	return out.String()
}

// TestManyProblems tells how many problems are not shown.
func TestManyProblems(t *testing.T) {
	file, problems := jobspec.ParseFile(jobspec.Input{Body: []byte("job \"j\" {}\n"), Places: true})
	if problems != nil {
		t.Fatal(problems)
	}
	var found []nomadlike.JobProblem
	for i := range 103 {
		found = append(found, nomadlike.JobProblem{Path: "/Name", Text: fmt.Sprintf("problem %d", i)})
	}
	var text strings.Builder
	if err := file.Places.Diagnostics(found).Render(&text); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(text.String(), "\n3 more problems are not shown.\n") {
		t.Errorf("got %q", text.String())
	}
}
