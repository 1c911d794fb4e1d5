package jobspec_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nomadlike/nomadlike/jobspec"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
)

const corpus = "testdata/corpus"

// golden is what the corpus says about parsing one file.
type golden struct {
	Stage            string          `json:"stage"`
	JobParsed        json.RawMessage `json:"job_parsed"`
	DiagnosticLine   *int            `json:"diagnostic_line"`
	DiagnosticSource string          `json:"diagnostic_source"`

	OK             bool              `json:"ok"`
	Environment    map[string]string `json:"environment"`
	Arguments      []string          `json:"arguments"`
	VariableFiles  []string          `json:"variable_files"`
	DiagnosticFile *string           `json:"diagnostic_file"`
}

// eachGolden runs a test per golden file below the directory of the corpus.
func eachGolden(t *testing.T, pattern string, check func(t *testing.T, path string, g golden)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(corpus, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens at %s: %v", pattern, err)
	}
	for _, file := range files {
		path := strings.TrimSuffix(file, ".json")
		t.Run(filepath.Base(path), func(t *testing.T) {
			var g golden
			if err := json.Unmarshal(read(t, file), &g); err != nil {
				t.Fatal(err)
			}
			check(t, path, g)
		})
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// endpointInput is the file at path as the parse endpoint reads it.
func endpointInput(t *testing.T, path string) jobspec.Input {
	t.Helper()
	in := jobspec.Input{Body: read(t, path+".hcl"), LaxVariables: true}
	if vars, err := os.ReadFile(path + ".vars.hcl"); err == nil {
		in.VarFiles = []jobspec.VarFile{{Body: vars}}
	}
	return in
}

// plain is a value without nulls, which the corpus holds equal to absence.
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
	return withoutNulls(out)
}

func withoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if e == nil {
				delete(v, k)
			} else {
				v[k] = withoutNulls(e)
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutNulls(v[i])
		}
	}
	return v
}

// sameJob compares a document with a golden one.
func sameJob(t *testing.T, want json.RawMessage, got spec.Document) {
	t.Helper()
	if diff := cmp.Diff(plain(t, want), plain(t, got)); diff != "" {
		t.Errorf("parsed job (-want +got):\n%s", diff)
	}
}

// sameLine compares the line of the first problem with the golden one.
func sameLine(t *testing.T, want *int, got jobspec.Diagnostic) {
	t.Helper()
	line := 0
	if want != nil {
		line = *want
	}
	if got.Line != line {
		t.Errorf("first problem is at line %d, want %d: %s; %s", got.Line, line, got.Summary, got.Detail)
	}
}

func TestCorpusValid(t *testing.T) {
	eachGolden(t, "valid/*.json", func(t *testing.T, path string, g golden) {
		doc, problems := jobspec.Parse(endpointInput(t, path))
		if problems != nil {
			t.Fatal(problems)
		}
		sameJob(t, g.JobParsed, doc)
	})
}

func TestCorpusInvalid(t *testing.T) {
	eachGolden(t, "invalid/*.json", func(t *testing.T, path string, g golden) {
		_, problems := jobspec.Parse(endpointInput(t, path))
		if g.Stage != "parse" {
			if problems != nil {
				t.Fatalf("only later stages refuse this file: %v", problems)
			}
			return
		}
		if problems == nil {
			t.Fatal("the file is accepted")
		}
		first := problems.All()[0]
		if !unspecifiedLine(path) {
			sameLine(t, g.DiagnosticLine, first)
		}
		if variables := g.DiagnosticSource == "variables"; first.InVariables != variables {
			t.Errorf("problem in variables is %v, want %v", first.InVariables, variables)
		}
	})
}

// unspecifiedLine tells files whose problem may be reported at any of its
// parts.
func unspecifiedLine(path string) bool { return filepath.Base(path) == "cycle" }

func TestCorpusVariables(t *testing.T) {
	check := func(t *testing.T, path string, g golden) {
		dir := filepath.Dir(path)
		in := jobspec.Input{
			Path: filepath.Base(path) + ".hcl", Body: read(t, path+".hcl"), AllowFS: true, BaseDir: dir,
		}
		for _, name := range g.VariableFiles {
			in.VarFiles = append(in.VarFiles, jobspec.VarFile{Path: name, Body: read(t, filepath.Join(dir, name))})
		}
		for _, arg := range g.Arguments {
			if flag, ok := strings.CutPrefix(arg, "-var="); ok {
				in.VarFlags = append(in.VarFlags, flag)
			}
			in.LaxVariables = in.LaxVariables || arg == "-hcl2-strict=false"
		}
		for name, value := range g.Environment {
			in.Environ = append(in.Environ, name+"="+value)
		}
		doc, problems := jobspec.Parse(in)
		if g.OK {
			if problems != nil {
				t.Fatal(problems)
			}
			sameJob(t, g.JobParsed, doc)
			return
		}
		if problems == nil {
			t.Fatal("the file is accepted")
		}
		first := problems.All()[0]
		sameLine(t, g.DiagnosticLine, first)
		file := ""
		if g.DiagnosticFile != nil {
			file = *g.DiagnosticFile
		}
		if first.File != file {
			t.Errorf("problem is in file %q, want %q", first.File, file)
		}
	}
	eachGolden(t, "variables/*.json", check)
	eachGolden(t, "variables/*/*.json", check)
}
