package jobspec_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nomadlike/nomadlike/jobspec"
)

const valuesFile = `
variable "name" { type = string }
variable "list" { type = list(string) }
variable "flag" { type = bool }
variable "file" { type = string }
variable "json" { type = object({ a = number }) }
variable "password" {
  type      = string
  sensitive = true
}
variable "keys" {
  type      = list(string)
  sensitive = true
}
job "a" {
  name = "${var.name}-${var.file}-${var.password}"
}
`

// TestParseFile_Values keeps what was given to variables so that the file can
// be read again, without what is sensitive.
func TestParseFile_Values(t *testing.T) {
	in := jobspec.Input{
		Body: []byte(valuesFile),
		VarFiles: []jobspec.VarFile{
			{Path: "a.hcl", Body: []byte("# ours\nfile = \"f\"\nkeys = [\n  \"sesame\",\n]\nflag = false")},
			{Path: "b.json", Body: []byte(`{"json": {"a": 1}, "password": "open"}`)},
		},
		Environ:  []string{"NOMAD_VAR_name=env", "NOMAD_VAR_list=[\"x\"]", "NOMAD_VAR_other=1", "HOME=/"},
		VarFlags: []string{"name=flag", "flag=true", "password=hunter2"},
	}
	file, problems := jobspec.ParseFile(in)
	if problems != nil {
		t.Fatal(problems)
	}
	if diff := cmp.Diff(map[string]string{"name": "flag", "flag": "true"}, file.Flags); diff != "" {
		t.Errorf("flags (-want +got):\n%s", diff)
	}
	want := "# ours\nfile = \"f\"\n\nflag = false\njson = {\n  a = 1\n}\nlist = [\"x\"]"
	if diff := cmp.Diff(want, file.Values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	for _, secret := range []string{"hunter2", "sesame", "open"} {
		if !file.Secrets.In("x" + secret + "x") {
			t.Errorf("%s is not among the secrets", secret)
		}
	}
	in.Environ, in.VarFlags = nil, []string{"password=hunter2", "keys=[]", "name=" + file.Flags["name"], "flag=" + file.Flags["flag"]}
	in.VarFiles = []jobspec.VarFile{{Path: "kept.hcl", Body: []byte(file.Values)}}
	again, problems := jobspec.ParseFile(in)
	if problems != nil {
		t.Fatal(problems)
	}
	if diff := cmp.Diff(file.Job, again.Job); diff != "" {
		t.Errorf("read again (-first +second):\n%s", diff)
	}
}

// TestSecretsAreNotShown looks for values of sensitive variables in problems.
func TestSecretsAreNotShown(t *testing.T) {
	for name, vars := range map[string]string{
		"value":     "password = [\"hunter2\"]\n",
		"no value":  "password = hunter2\n",
		"long text": "password = \"hunter2\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := jobspec.ParseFile(jobspec.Input{
				Body:     []byte("variable \"password\" {\n  type = string\n  sensitive = true\n}\njob \"a\" {\n  group \"g\" {\n    shutdown_delay = var.password\n  }\n}\n"),
				VarFiles: []jobspec.VarFile{{Path: "v", Body: []byte(vars)}},
			})
			if problems == nil {
				t.Fatal("accepted")
			}
			var shown strings.Builder
			if err := problems.Render(&shown); err != nil {
				t.Fatal(err)
			}
			if text := shown.String() + problems.Error(); strings.Contains(text, "hunter2") {
				t.Errorf("the value is shown:\n%s", text)
			}
		})
	}
}
