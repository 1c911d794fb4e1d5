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
					fmt.Fprintf(&got, "-- %s.nomad.hcl: %s, groups=%d tasks=%d lost=%d check=%d --\n%s", r.Job, r.Type, r.Groups, r.Tasks, r.Lost, r.Check, r.HCL)
					for _, secret := range []string{"do-not-leak-this", "not-carried", "hidden", "c2VjcmV0"} {
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

// TestProblems checks what is said of files that cannot be imported.
func TestProblems(t *testing.T) {
	for _, tt := range []struct{ name, kind, body, want string }{
		{"unknown content", "", "hello: world\n", "no known kind of file"},
		{"unknown kind", "rkt", "a: b\n", `there is no importer for "rkt"`},
		{"empty", "", "", "no known kind of file"},
		{"broken compose", "compose", "services:\n  web:\n   image: a\n  bad\n", "a.yaml (compose)"},
		{"compose with an unknown key", "compose", "services:\n  web:\n    imagge: a\n", "imagge"},
		{"too large", "compose", strings.Repeat("#", 8<<20+1), "split it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			results, problems := importer.Import(context.Background(), importer.Input{Kind: tt.kind, Files: []importer.File{{Path: "a.yaml", Body: []byte(tt.body)}}})
			if len(results) > 0 || len(problems) != 1 || !strings.Contains(problems[0].Error(), tt.want) {
				t.Errorf("want one problem with %q, got %v and %d results", tt.want, problems, len(results))
			}
		})
	}
}

// FuzzImport: whatever a file holds, it is either refused or gives job files
// that parse.
func FuzzImport(f *testing.F) {
	for _, kind := range importer.Kinds() {
		paths, _ := filepath.Glob("testdata/" + kind + "/*.[yj]*")
		for _, p := range paths {
			body, err := os.ReadFile(p)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(kind, body)
		}
		f.Add(kind, []byte("\x00\xff"))
		f.Add(kind, []byte("[]"))
		f.Add(kind, []byte("a: &a [*a]"))
		f.Add(kind, []byte(`{"id":"${x}%{y}\u0000","cmd":"\u0000${z}"}`))
	}
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		results, _ := importer.Import(context.Background(), importer.Input{Kind: kind, Files: []importer.File{{Path: filepath.Join(t.TempDir(), "f.yaml"), Body: body}}})
		for _, r := range results {
			if _, problems := jobspec.Parse(jobspec.Input{Body: r.HCL}); problems != nil {
				t.Errorf("job %s does not parse: %v\n%s", r.Job, problems, r.HCL)
			}
		}
	})
}
