package jobspec_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nomadlike/nomadlike/jobspec"
)

// summary is the first problem of a job file, as LINE: SUMMARY.
func summary(t *testing.T, in jobspec.Input) string {
	t.Helper()
	doc, problems := jobspec.Parse(in)
	if problems == nil {
		return ""
	}
	if doc != nil {
		t.Error("a refused file gives a job")
	}
	first := problems.All()[0]
	return fmt.Sprintf("%d: %s", first.Line, first.Summary)
}

func TestParse_RefusesWhatIsTooDeepOrLong(t *testing.T) {
	const deep = 5_000
	tests := map[string]struct {
		source string
		want   string
	}{
		"brackets":     {"x = " + strings.Repeat("[", deep), "1: Nesting too deep"},
		"parentheses":  {"x = " + strings.Repeat("(", deep), "1: Nesting too deep"},
		"calls":        {"x = " + strings.Repeat("f(", deep), "1: Nesting too deep"},
		"blocks":       {strings.Repeat("a {\n", deep), "200: Nesting too deep"},
		"templates":    {"x = " + strings.Repeat(`"${`, deep), "1: Nesting too deep"},
		"directives":   {`x = "` + strings.Repeat("%{ if a }", deep), "1: Nesting too deep"},
		"negations":    {"x = " + strings.Repeat("!", deep), "1: Expression too long"},
		"sums":         {"x = 1" + strings.Repeat("+1", deep), "1: Expression too long"},
		"sum of lines": {"x = (1" + strings.Repeat("\n+1", deep), "2002: Expression too long"},
		"conditionals": {"x = " + strings.Repeat("a?b:", deep), "1: Expression too long"},
		"indexes":      {"x = a" + strings.Repeat("[b]", deep), "1: Expression too long"},
		"splats":       {"x = a" + strings.Repeat(".*", deep), "1: Expression too long"},
		"JSON":         {`{"job": ` + strings.Repeat("[", deep), "1: Nesting too deep"},
		"JSON text":    {`{"job": {"a": {"type": "` + strings.Repeat("${(", deep) + `"}}}`, "1: Nesting too deep"},
		"tokens":       {"x = [" + strings.Repeat("1,", 130_000), "1: Source too large"},
		"JSON tokens":  {"{\"job\": [" + strings.Repeat("1,", 260_000), "1: Source too large"},
		"source":       {strings.Repeat("#", 2<<20+1), "1: Source too large"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := summary(t, jobspec.Input{Body: []byte(tt.source)}); got != tt.want {
				t.Errorf("first problem = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestParse_AcceptsWhatIsLongButFlat(t *testing.T) {
	const long = 2500
	tests := map[string]string{
		"list":       "job \"a\" {\n datacenters = [" + strings.Repeat("\"${1 + 1}\",\n", long) + "]\n}",
		"template":   "job \"a\" {\n type = \"" + strings.Repeat("${1}", long) + "\"\n}",
		"directives": "job \"a\" {\n type = \"" + strings.Repeat("%{ if true }x%{ endif }", long) + "\"\n}",
		"arguments":  "job \"a\" {\n meta {\n" + numbered("k%d = 1 + 2\n", long) + "}\n}",
		"blocks":     "job \"a\" {\n" + strings.Repeat("constraint {\n attribute = upper(\"x\")\n}\n", long) + "}",
	}
	for name, source := range tests {
		t.Run(name, func(t *testing.T) {
			if got := summary(t, jobspec.Input{Body: []byte(source)}); got != "" {
				t.Errorf("refused: %s", got)
			}
		})
	}
}

func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func TestParse_Encodings(t *testing.T) {
	tests := map[string]string{
		"byte order mark": "\xEF\xBB\xBFjob \"a\" {\n}\n",
		"carriage return": "job \"a\" {\r\n  type = \"batch\"\r\n}\r\n",
		"spaces and JSON": "   {\"job\": {\"a\": {}}}",
	}
	for name, source := range tests {
		t.Run(name, func(t *testing.T) {
			doc, problems := jobspec.Parse(jobspec.Input{Body: []byte(source)})
			if problems != nil {
				t.Fatal(problems)
			}
			if doc["ID"] != "a" {
				t.Errorf("ID = %v", doc["ID"])
			}
		})
	}
}

func TestParse_VariablePrecedence(t *testing.T) {
	in := jobspec.Input{Body: []byte(`
		variable "v" { default = "default" }
		job "j" { region = var.v }`)}
	region := func() any {
		t.Helper()
		doc, problems := jobspec.Parse(in)
		if problems != nil {
			t.Fatal(problems)
		}
		return doc["Region"]
	}
	steps := []struct {
		want string
		add  func()
	}{
		{"default", func() {}},
		{"environ", func() { in.Environ = []string{"v=no", "NOMAD_VAR_v=environ", "NOMAD_VAR_w=unknown"} }},
		{"file1", func() { in.VarFiles = append(in.VarFiles, jobspec.VarFile{Path: "1", Body: []byte(`v = "file1"`)}) }},
		{"file2", func() { in.VarFiles = append(in.VarFiles, jobspec.VarFile{Path: "2", Body: []byte(`{"v": "file2"}`)}) }},
		{"flag1", func() { in.VarFlags = append(in.VarFlags, "v=flag1") }},
		{"flag2", func() { in.VarFlags = append(in.VarFlags, "v=flag2") }},
	}
	for _, step := range steps {
		step.add()
		if got := region(); got != step.want {
			t.Errorf("region = %v, want %s", got, step.want)
		}
	}
}

func TestParse_FileFunctions(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"a.txt": "text\n", "sub/b.txt": "b", "sub/c.bin": "\xff"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct{ call, want string }{
		{`file("a.txt")`, "text\n"},
		{`file("${abspath("/")}` + dir + `/a.txt")`, "text\n"},
		{`filebase64("sub/c.bin")`, "/w=="},
		{`fileexists("a.txt")`, "true"},
		{`fileexists("none")`, "false"},
		{`join(",", fileset(".", "**/*.txt"))`, "a.txt,sub/b.txt"},
		{`join(",", fileset("sub", "*"))`, "b.txt,c.bin"},
		{`join(",", fileset("none", "*"))`, ""},
		{`basename("x/y.z")`, "y.z"},
		{`dirname("x/y.z")`, "x"},
		{`pathexpand("/x")`, "/x"},
		{`try(file("none"), "fallback")`, "fallback"},
		{`try(file("sub/c.bin"), "not text")`, "not text"},
		{`try(fileexists("sub"), "no file")`, "no file"},
	}
	for _, tt := range tests {
		t.Run(tt.call, func(t *testing.T) {
			in := jobspec.Input{Body: []byte("job \"j\" {\n region = " + tt.call + "\n}"), AllowFS: true, BaseDir: dir}
			doc, problems := jobspec.Parse(in)
			if problems != nil {
				t.Fatal(problems)
			}
			if doc["Region"] != tt.want {
				t.Errorf("result = %q, want %q", doc["Region"], tt.want)
			}
			in.AllowFS = false
			if _, problems := jobspec.Parse(in); problems == nil && !strings.HasPrefix(tt.call, "try") {
				t.Error("the function works where file functions are off")
			}
		})
	}
}

func TestDiagnostics_Render(t *testing.T) {
	_, problems := jobspec.Parse(jobspec.Input{
		Path: "dir/web.nomad",
		Body: []byte("job \"web\" {\n\tgruop \"g\" {}\n  type = upper(1,\n    2)\n}\n"),
	})
	if problems == nil {
		t.Fatal("the file is accepted")
	}
	var got strings.Builder
	if err := problems.Render(&got); err != nil {
		t.Fatal(err)
	}
	want := `Error: Unsupported block type

  on dir/web.nomad line 2, column 2:
   2: 	gruop "g" {}
      	^^^^^

Blocks of type "gruop" are not expected here. Did you mean "group"?

Error: Too many function arguments

  on dir/web.nomad line 4, column 5:
   4:     2)
          ^

Function "upper" expects only 1 argument(s).
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("rendered (-want +got):\n%s", diff)
	}
}

// TestDiagnostics_RenderShowsDeclarations checks problems that have no place
// for programs: people still see what they are about.
func TestDiagnostics_RenderShowsDeclarations(t *testing.T) {
	tests := map[string]struct {
		in   jobspec.Input
		want []string
	}{
		"unset": {
			jobspec.Input{Body: []byte("job \"a\" {}\nvariable \"img\" {}\n")},
			[]string{"on input.hcl line 2, column 1:", `variable "img" {}`, `"img" has no value`},
		},
		"declared twice": {
			jobspec.Input{Body: []byte("variable \"n\" {}\nvariables {\n  n = 1\n}\njob \"a\" {}")},
			[]string{"on input.hcl line 3, column 3:", "n = 1", "declared twice, first at line 1"},
		},
		"undeclared in a file": {
			jobspec.Input{
				Body:     []byte("variable \"colour\" {}\njob \"a\" {}"),
				VarFiles: []jobspec.VarFile{{Path: "my.vars", Body: []byte("\ncolor = 1")}},
			},
			[]string{"on my.vars line 2, column 1:", "color = 1", `Did you mean "colour"?`},
		},
		"no job": {
			jobspec.Input{Body: []byte("locals {}\n")},
			[]string{"on input.hcl line 1, column 1:", "locals {}", "must hold a job block"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, problems := jobspec.Parse(tt.in)
			if problems == nil {
				t.Fatal("the file is accepted")
			}
			var got strings.Builder
			if err := problems.Render(&got); err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				if !strings.Contains(got.String(), want) {
					t.Errorf("want %q in\n%s", want, got.String())
				}
			}
			if first := problems.All()[0]; first.Line != 0 || !strings.HasPrefix(problems.Error(), "<nil>: ") {
				t.Errorf("programs are told line %d: %s", first.Line, problems)
			}
		})
	}
}

func TestDiagnostics_AllCounts(t *testing.T) {
	source := "job \"a\" {\n" + numbered("x%d = 1\n", 500) + "}"
	_, problems := jobspec.Parse(jobspec.Input{Body: []byte(source)})
	if problems == nil {
		t.Fatal("the file is accepted")
	}
	all := problems.All()
	if len(all) != 100 {
		t.Errorf("%d problems are reported, want the first 100", len(all))
	}
	want := jobspec.Diagnostic{
		Severity: jobspec.SeverityError, Summary: "Unsupported argument",
		Detail: `An argument named "x0" is not expected here.`,
		File:   "input.hcl", Line: 2, Column: 1, EndLine: 2, EndColumn: 3, Snippet: "x0 = 1",
	}
	if diff := cmp.Diff(want, all[0]); diff != "" {
		t.Errorf("first problem (-want +got):\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"valid/*.hcl", "invalid/*.hcl", "variables/*.hcl"} {
		files, err := filepath.Glob(filepath.Join(corpus, pattern))
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds at %s: %v", pattern, err)
		}
		for _, file := range files {
			body, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(body, "")
		}
	}
	f.Add([]byte(`variable "a" { type = list(string) } job "x" {}`), `a = ["b"]`)
	for _, text := range []string{
		`{"job": {"a": {"group": {"g": {"count": "${var.n}", "task": {"t": {"driver": "docker", "config": {"args": ["%{ for x in [1] }${x}%{ endfor }"]}, "env": {"A": null}}}}}}}, "variable": {"n": {"default": 1, "type": "number", "sensitive": true}}}`,
		`{"job": {"a": [{"constraint": [{"attribute": "${node.class}"}, {}], "dynamic": {"group": {"for_each": [1], "labels": ["g${group.key}"], "content": {"meta": {"k": "${group.value}"}}}}}]}, "locals": [{"b": "${local.c}"}, {"c": {"d": [1, 2.5, true]}}]}`,
	} {
		f.Add([]byte(text), `{"n": 2}`)
	}
	f.Fuzz(func(t *testing.T, body []byte, vars string) {
		doc, problems := jobspec.Parse(jobspec.Input{
			Body: body, VarFiles: []jobspec.VarFile{{Path: "vars", Body: []byte(vars)}}, LaxVariables: true,
		})
		if (doc == nil) == (problems == nil) {
			t.Fatalf("job %v with problems %v", doc, problems)
		}
		if problems == nil {
			return
		}
		var out strings.Builder
		if err := problems.Render(&out); err != nil || out.Len() == 0 {
			t.Fatalf("problems cannot be shown: %v", err)
		}
		for _, p := range problems.All() {
			if p.Summary == "Job file cannot be evaluated" {
				t.Fatalf("fault in evaluation: %s", p.Detail)
			}
		}
		// What is laid out anew must mean the same.
		if text, err := jobspec.Format(body); err == nil {
			if _, again := jobspec.Parse(jobspec.Input{Body: text, LaxVariables: true}); again == nil && vars == "" {
				t.Fatalf("formatting makes a refused file valid:\n%s", text)
			}
		}
	})
}
