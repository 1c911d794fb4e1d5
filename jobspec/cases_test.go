package jobspec_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/nomadlike/nomadlike/jobspec"
)

// TestCases runs the archives below testdata/cases. In each, NAME.hcl is a job
// file, NAME.vars a file of variables and NAME.flags has a -var argument per
// line. NAME.want is the job without nulls and zeros, or the problems. With
// -update the archives are rewritten; read the difference.
func TestCases(t *testing.T) {
	archives, err := filepath.Glob("testdata/cases/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range archives {
		t.Run(filepath.Base(path), func(t *testing.T) { runArchive(t, path) })
	}
}

func runArchive(t *testing.T, path string) {
	archive := txtar.Parse(read(t, path))
	files := map[string]string{}
	for _, f := range archive.Files {
		files[f.Name] = string(f.Data)
	}
	out := &txtar.Archive{Comment: archive.Comment}
	for _, f := range archive.Files {
		if strings.HasSuffix(f.Name, ".want") {
			continue
		}
		out.Files = append(out.Files, f)
		name, isJob := strings.CutSuffix(f.Name, ".hcl")
		if !isJob {
			continue
		}
		got := caseResult(t, name, files)
		out.Files = append(out.Files, txtar.File{Name: name + ".want", Data: []byte(got)})
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(files[name+".want"], got); diff != "" && !*update {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
	if *update {
		if err := os.WriteFile(path, txtar.Format(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var update = flag.Bool("update", false, "rewrite the expected results of the cases")

// caseResult parses the case of the given name and writes what came out.
func caseResult(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	in := jobspec.Input{Body: []byte(files[name+".hcl"])}
	if vars, ok := files[name+".vars"]; ok {
		in.VarFiles = []jobspec.VarFile{{Path: name + ".vars", Body: []byte(vars)}}
	}
	if flags, ok := files[name+".flags"]; ok {
		in.VarFlags = strings.Split(strings.TrimSpace(flags), "\n")
	}
	doc, problems := jobspec.Parse(in)
	if problems != nil {
		return problems.Error() + "\n"
	}
	out, err := json.MarshalIndent(withoutZeros(plain(t, doc)), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out) + "\n"
}

// withoutZeros drops what shapes hold when nothing is said, outside of the
// maps whose keys a job file chooses.
func withoutZeros(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if k == "Config" || k == "Policy" || k == "Meta" || k == "Env" {
				continue
			}
			if e = withoutZeros(e); e == "" || e == false || e == 0.0 {
				delete(v, k)
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutZeros(v[i])
		}
	}
	return v
}
