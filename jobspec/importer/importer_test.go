package importer_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nomadlike/nomadlike/jobspec"
	"github.com/nomadlike/nomadlike/jobspec/importer"
	"github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
)

var rewrite = flag.Bool("rewrite", false, "write what is imported into the golden files")

// filesMin is how many files of each kind there are at least.
const filesMin = 10

// TestImport imports every file below testdata, without being told its kind,
// and compares the job files with the golden ones. Each must pass admission.
func TestImport(t *testing.T) {
	for _, kind := range importer.Kinds() {
		paths, err := filepath.Glob("testdata/" + kind + "/*.[yj]*")
		if err != nil || len(paths) < filesMin {
			t.Errorf("%s: want at least %d files, got %d (%v)", kind, filesMin, len(paths), err)
		}
		for _, path := range paths {
			t.Run(kind+"/"+filepath.Base(path), func(t *testing.T) {
				body, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				results, problems := importer.Import(context.Background(), importer.Input{
					Files: []importer.File{{Path: path, Body: body}}, Environ: []string{"TAG=v1.2.3"},
				})
				var got strings.Builder
				for _, p := range problems {
					fmt.Fprintf(&got, "error: %s\n", strings.ReplaceAll(p.Error(), workDir(t), "."))
				}
				for _, r := range results {
					if r.Kind != kind {
						t.Errorf("kind: want %s, got %s", kind, r.Kind)
					}
					fmt.Fprintf(&got, "-- %s.nomad.hcl: %s, groups=%d tasks=%d --\n%s", r.Job, r.Type, r.Groups, r.Tasks, r.HCL)
					for _, o := range r.Objects {
						fmt.Fprintf(&got, "-- %s %s: carried=%d approximated=%d lost=%d\n", o.Kind, o.Name, o.Carried, o.Approximated, o.Lost)
					}
					for _, secret := range []string{"do-not-leak-this", "not-carried", "hidden", "c2VjcmV0", "ZG8tbm90"} {
						if strings.Contains(string(r.HCL), secret) {
							t.Errorf("job %s tells the secret %s of the source", r.Job, secret)
						}
					}
					if err := admitted(r.HCL); err != nil {
						t.Errorf("job %s is refused: %v\n%s", r.Job, err, r.HCL)
					}
				}
				golden(t, strings.TrimSuffix(path, filepath.Ext(path))+".golden", got.String())
			})
		}
	}
}

func workDir(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: run the test with -rewrite and look at the difference; got:\n%s", path, got)
	}
}

// admitted passes a job file through the parser and the rules of admission.
func admitted(src []byte) error {
	doc, problems := jobspec.Parse(jobspec.Input{Body: src})
	if problems != nil {
		return problems
	}
	job, err := spec.Register(doc)
	if err != nil {
		return err
	}
	settings := admit.Settings{Region: "global", Namespace: &nomadlike.Namespace{Name: job.Namespace}}
	admit.Mutate(job, settings)
	_, err = admit.Validate(job, settings)
	return err
}

// laughs is a document whose aliases stand for ten times as much at each level.
func laughs(levels int) string {
	var b strings.Builder
	b.WriteString("l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i <= levels; i++ {
		fmt.Fprintf(&b, "l%d: &l%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*l%d, ", i-1), 10), ", "))
	}
	return b.String()
}

// TestProblems checks what is said of files that cannot be imported, with the
// line where there is one.
func TestProblems(t *testing.T) {
	for _, tt := range []struct{ name, kind, body, want string }{
		{"unknown content", "", "hello: world\n", "no known kind of file"},
		{"unknown kind", "rkt", "a: b\n", `there is no importer for "rkt"`},
		{"empty", "", "", "no known kind of file"},
		{"broken", "compose", "services:\n  web:\n   image: a\n  bad\n", "a.yaml:5: could not find expected ':'"},
		{"an unknown key of Compose", "compose", "services:\n  web:\n    image: a\n    imagge: a\n", "a.yaml:4: services.web.imagge: Compose knows no such field"},
		{"text for a number", "kubernetes", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec:\n  replicas: many\n", `a.yaml:5: Deployment "x": spec.replicas: want a number, got string`},
		{"the second document", "kubernetes", "kind: Namespace\n---\nkind: Pod\nspec:\n  containers: {}\n", `a.yaml:5: Pod "": spec.containers: want a list, got object`},
		{"an item of a list", "kubernetes", "kind: List\nitems:\n- kind: Pod\n  spec:\n    hostNetwork: perhaps\n", `a.yaml:5: Pod "": items[0].spec.hostNetwork: want true or false`},
		{"no kind", "kubernetes", "a: b\n", "a.yaml:1: the manifest has no kind"},
		{"an app", "cloudfoundry", "applications:\n- name: a\n  env: x\n", "a.yaml:3: applications[0].env: want a map"},
		{"a task", "ecs", "family: a\ncontainerDefinitions:\n- name: a\n  essential: 7\n", "a.yaml:4: containerDefinitions.essential: want true or false"},
		{"no container group", "azure", "type: Microsoft.Storage/storageAccounts\n", "it holds nothing that runs (read as azure)"},
		{"a key twice", "marathon", "id: a\ncmd: b\nid: c\n", "a.yaml:3: id stands twice in the same map"},
		{"too large", "compose", strings.Repeat("#", 8<<20+1), "split it"},
	} {
		t.Run(tt.name, func(t *testing.T) { refused(t, tt.kind, tt.body, tt.want) })
	}
	for _, kind := range importer.Kinds() {
		t.Run("hostile/"+kind, func(t *testing.T) {
			refused(t, kind, laughs(9), "values with its aliases written out; import it in parts")
			refused(t, kind, "a: &a [*a]\n", "")
			refused(t, kind, "a:\n"+nested(120), "values lie more than 100 deep in each other")
			refused(t, kind, strings.Repeat("[", 1<<20), "values lie more than 100 deep in each other")
			refused(t, kind, strings.Repeat("--- {}\n", 3000), "more than 2000 documents")
			refused(t, kind, "a: ["+strings.Repeat("1,", 210_000)+"]\n", "it holds more than 200000 values")
			refused(t, kind, "\x00\xff", "")
		})
	}
}

// nested are maps in maps.
func nested(depth int) string {
	var b strings.Builder
	for i := 1; i <= depth; i++ {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// refused imports a file, which must give one problem and no job.
func refused(t *testing.T, kind, body, want string) {
	t.Helper()
	results, problems := importer.Import(context.Background(), importer.Input{Kind: kind, Files: []importer.File{{Path: "a.yaml", Body: []byte(body)}}})
	if len(results) > 0 || len(problems) != 1 || !strings.Contains(problems[0].Error(), want) || strings.Contains(problems[0].Error(), "gave up") {
		t.Errorf("want one problem with %q, got %v and %d results", want, problems, len(results))
	}
}
