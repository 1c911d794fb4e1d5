// Package jobfile reads the job files that commands are given: from a path,
// from standard input or from a web server, in HCL or JSON, with variables.
// The commands that send jobs call it. It never talks to an agent.
package jobfile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/jobspec"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
)

const (
	// sizeMax bounds, in bytes, a job file that is downloaded.
	sizeMax = 16 << 20
	// downloadTimeout bounds fetching one.
	downloadTimeout = 30 * time.Second
	// stdinPath means standard input.
	stdinPath = "-"
	// stdinName is what diagnostics call it.
	stdinName = "stdin"
)

// Flags say how a job file is read. The zero value must be declared.
type Flags struct {
	JSON           bool
	Strict         bool
	Vars, VarFiles []string
	VaultNamespace string
}

// Declare adds the flags of job files to a command.
func (f *Flags) Declare(fl *meta.Flags) {
	fl.Bool(&f.JSON, "json", false, "The file is JSON: the job itself, or an object with the member Job.")
	fl.Bool(&f.Strict, "hcl2-strict", true, "Refuse values for variables that the job does not declare.")
	fl.Strings(&f.Vars, "var", "<key>=<value>", "Value of a variable of the job file. May be given many times; the last one wins, over files and over NOMAD_VAR_<name> of the environment.")
	fl.Strings(&f.VarFiles, "var-file", "<path>", "File with values of variables. May be given many times.")
	fl.String(&f.VaultNamespace, "vault-namespace", "", "<namespace>", "Vault namespace of the job.")
}

// Hint is the flags as they must be repeated on another command line.
func (f *Flags) Hint() string {
	var parts []string
	if f.JSON {
		parts = append(parts, "-json")
	}
	if !f.Strict {
		parts = append(parts, "-hcl2-strict=false")
	}
	for _, v := range f.Vars {
		parts = append(parts, "-var="+quote(v))
	}
	for _, v := range f.VarFiles {
		parts = append(parts, "-var-file="+quote(v))
	}
	if f.VaultNamespace != "" {
		parts = append(parts, "-vault-namespace="+quote(f.VaultNamespace))
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, " ") + " "
}

// quote keeps a word in one piece in a shell.
func quote(s string) string {
	if !strings.ContainsAny(s, " \t\n'\"$`\\*?[](){}<>|&;#~!") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Job is a job file that was read.
type Job struct {
	Doc        spec.Document
	Submission *nl.JobSubmission
	// Secrets are the values of sensitive variables, which are not to be shown.
	Secrets jobspec.Secrets
	// Places is where in the file each part of the job is written.
	Places *jobspec.Places
}

// Text is a member of the job that is a text, "" when it is not said.
func (j *Job) Text(member string) string {
	s, _ := j.Doc[member].(string)
	return s
}

// Refusal is what validation found wrong with the job, with where in the file it
// is; "" where that is not known.
func (j *Job) Refusal(problems []nl.JobProblem) string {
	if len(problems) == 0 || j.Places == nil {
		return ""
	}
	return rendered(j.Places.Diagnostics(problems))
}

// WarningText is what a server warns of, with where in the file it is as far as
// the same rules find the same here. Where they find nothing, it is what the
// server says.
func (j *Job) WarningText(warnings string) string {
	head, list, ok := strings.Cut(warnings, "\n\n* ")
	job, err := spec.Register(nl.DeepCopy(j.Doc))
	if !ok || err != nil || j.Places == nil {
		return warnings
	}
	var found []nl.JobProblem
	known := map[string]bool{}
	said := strings.Split(list, "\n* ")
	for _, w := range admit.Warnings(job, admit.Settings{}) {
		if slices.Contains(said, w.Text) {
			found = append(found, w)
			known[w.Text] = true
		}
	}
	rest := slices.DeleteFunc(said, func(text string) bool { return known[text] })
	if len(found) == 0 {
		return warnings
	}
	text := head + "\n\n" + rendered(j.Places.Warnings(found))
	if len(rest) > 0 {
		text += "\n\n* " + strings.Join(rest, "\n* ")
	}
	return text
}

// Has tells whether a member of the job is said.
func (j *Job) Has(member string) bool { return j.Doc[member] != nil }

// Read reads the job file at path; "-" is standard input.
func (f *Flags) Read(ctx context.Context, m *meta.Meta, path string) (*Job, error) {
	if f.JSON && (len(f.Vars) > 0 || len(f.VarFiles) > 0) {
		return nil, meta.Usagef("A job in JSON has no variables: leave -var and -var-file out")
	}
	body, err := fetch(ctx, m, path)
	if err != nil {
		return nil, err
	}
	var job *Job
	if f.JSON {
		job, err = readJSON(shownName(path), body)
	} else {
		job, err = f.readHCL(m, path, body)
	}
	if err != nil {
		return nil, err
	}
	if f.VaultNamespace != "" {
		job.Doc["VaultNamespace"] = f.VaultNamespace
	}
	if job.Text("ID") == "" {
		return nil, errors.New("the job has no ID")
	}
	return job, nil
}

// shownName is what diagnostics call the file at a path.
func shownName(path string) string {
	if path == stdinPath {
		return stdinName
	}
	return path
}

func readJSON(name string, body []byte) (*Job, error) {
	doc, err := spec.FromJSON(Unwrap(body))
	var syntax *json.SyntaxError
	var field *spec.FieldError
	switch {
	case errors.As(err, &syntax):
		return nil, unreadable(jobspec.JSONFault(name, body, syntax.Offset, syntax.Error()))
	case errors.As(err, &field):
		problem := nl.JobProblem{Path: field.Path, Text: field.Error()}
		return nil, unreadable(jobspec.PlacesOfJSON(name, body).Diagnostics([]nl.JobProblem{problem}))
	case err != nil:
		return nil, err
	}
	return &Job{
		Doc: doc, Places: jobspec.PlacesOfJSON(name, body),
		Submission: &nl.JobSubmission{Format: "json", Source: string(body)},
	}, nil
}

func (f *Flags) readHCL(m *meta.Meta, path string, body []byte) (*Job, error) {
	in := jobspec.Input{
		Path: shownName(path), Body: body, VarFlags: f.Vars, Environ: m.Environ(),
		AllowFS: true, LaxVariables: !f.Strict, Places: true,
	}
	for _, name := range f.VarFiles {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading the variables: %w", err)
		}
		in.VarFiles = append(in.VarFiles, jobspec.VarFile{Path: name, Body: text})
	}
	file, problems := jobspec.ParseFile(in)
	if problems != nil {
		return nil, unreadable(problems)
	}
	if text := rendered(file.Warnings); text != "" {
		m.Warn(text + "\n")
	}
	return &Job{Doc: file.Job, Secrets: file.Secrets, Places: file.Places, Submission: &nl.JobSubmission{
		Format: "hcl2", Source: string(body), Variables: file.Values, VariableFlags: file.Flags,
	}}, nil
}

func unreadable(d *jobspec.Diagnostics) error {
	return fmt.Errorf("the job file cannot be read\n\n%s", rendered(d))
}

// rendered is what a person is shown of problems; "" when there are none.
func rendered(d *jobspec.Diagnostics) string {
	if d == nil {
		return ""
	}
	var text strings.Builder
	_ = d.Render(&text) // a builder never fails
	return strings.TrimSpace(text.String())
}

func isURL(path string) bool {
	return strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://")
}

func fetch(ctx context.Context, m *meta.Meta, path string) ([]byte, error) {
	switch {
	case path == stdinPath:
		body, err := io.ReadAll(m.In)
		if err != nil {
			return nil, fmt.Errorf("reading the job from standard input: %w", err)
		}
		return body, nil
	case isURL(path):
		return download(ctx, path)
	}
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the job file: %w", err)
	}
	return body, nil
}

func download(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("the job's URL is not valid: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("downloading the job file: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("downloading the job file: %s answered %s", url, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, sizeMax+1))
	if err != nil {
		return nil, fmt.Errorf("downloading the job file: %w", err)
	}
	if len(body) > sizeMax {
		return nil, fmt.Errorf("the job file at %s is larger than %d MiB", url, sizeMax>>20)
	}
	return body, nil
}
