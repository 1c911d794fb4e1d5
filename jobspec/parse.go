package jobspec

import (
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/nomadlike/nomadlike/nomadlike/spec"
)

// defaultPath names a job file that has no name of its own.
const defaultPath = "input.hcl"

// Input is a job file with all that its reading depends on.
type Input struct {
	// Path is the file name shown in diagnostics; "input.hcl" when empty.
	Path string
	Body []byte
	// VarFiles give values to variables; later files win.
	VarFiles []VarFile
	// VarFlags are "name=value" arguments; they win over files and later ones
	// over earlier ones. An argument without "=" is ignored.
	VarFlags []string
	// Environ is a process environment, of which the NOMAD_VAR_ entries give
	// values to variables. Files and flags win over it.
	Environ []string
	// AllowFS enables the functions that read the file system or know about
	// paths; otherwise they fail.
	AllowFS bool
	// LaxVariables ignores values of variables that the job does not declare;
	// otherwise they are errors.
	LaxVariables bool
	// Places notes where each part of the job is written.
	Places bool
	// BaseDir is the directory relative paths of file functions start from;
	// the working directory when empty.
	BaseDir string
}

// VarFile is a file of variable values.
type VarFile struct {
	Path string // shown in diagnostics
	Body []byte
}

// Parse reads a job file. It returns the job without any defaults but with
// every member of its shape, or nil and all problems of the first stage that
// failed.
func Parse(in Input) (spec.Document, *Diagnostics) {
	file, problems := ParseFile(in)
	if problems != nil {
		return nil, problems
	}
	return file.Job, nil
}

// ParseFile is Parse for those who also need to know about the variables.
func ParseFile(in Input) (file *File, problems *Diagnostics) {
	p := newParser(in)
	defer p.recoverInto(&file, &problems)
	file = &File{}
	p.parse(file)
	if p.diags.hasErrors() {
		p.diags.sortByPlace()
		return nil, p.diags
	}
	return file, nil
}

// parser is the state of one call of Parse.
type parser struct {
	in       Input
	diags    *Diagnostics
	meter    *meter
	strays   *strays
	sources  map[string]source
	schema   *schema
	declared []*variable
	byName   map[string]*variable
	locals   []*local
	varKeys  []string // sources of the files of variables
}

func newParser(in Input) *parser {
	if in.Path == "" {
		in.Path = defaultPath
	}
	sources := map[string]source{}
	return &parser{
		in:      in,
		diags:   &Diagnostics{sources: sources},
		meter:   &meter{left: evaluationBudget},
		strays:  &strays{},
		sources: sources,
		schema:  jobSchema(),
		byName:  map[string]*variable{},
	}
}

// recoverInto turns the end of the evaluation budget, and any fault that a
// strange file provokes in the expression library, into a diagnostic: a
// request must not end the process.
func (p *parser) recoverInto(file **File, problems **Diagnostics) {
	fault := recover()
	if fault == nil {
		return
	}
	*file, *problems = nil, p.diags
	var spent budgetError
	if err, ok := fault.(error); ok && errors.As(err, &spent) {
		p.diags.add(problem(spent.subject(), "Job file too expensive to evaluate",
			"Evaluating the job file makes more than %d MiB of values. Make its loops, templates and collections smaller.",
			evaluationBudget>>20))
		return
	}
	p.diags.add(problem(nil, "Job file cannot be evaluated", "%s", fmt.Sprint(fault)))
}

// parse goes through the stages; each ends the work when it found errors.
func (p *parser) parse(file *File) {
	values := p.readVarFiles()
	if p.diags.hasErrors() {
		return
	}
	body, src, ok := p.readJobFile()
	if !ok {
		return
	}
	job := p.readTop(body, src)
	if p.diags.hasErrors() {
		return
	}
	p.assign(values)
	if p.diags.hasErrors() {
		return
	}
	ctx := p.evalContext()
	p.evalVariables(ctx)
	if p.diags.hasErrors() {
		return
	}
	p.evalLocals(ctx, src)
	if p.diags.hasErrors() {
		return
	}
	d := &decoder{diags: p.diags, schema: p.schema, meter: p.meter, src: src, noting: p.in.Places}
	file.Job = d.job(job, ctx)
	if d.places != nil {
		file.Places = &Places{root: d.places, sources: p.sources, secrets: p.diags.secrets, hidden: p.diags.hidden}
	}
	if warnings := append(d.warnings, p.strays.warnings(&p.diags.declared)...); len(warnings) > 0 && !p.diags.hasErrors() {
		file.Warnings = &Diagnostics{sources: p.sources, secrets: p.diags.secrets, hidden: p.diags.hidden}
		file.Warnings.add(warnings...)
		file.Warnings.sortByPlace()
	}
	p.given(file, values)
}

// evalContext is what expressions may call; variables and locals come into it
// as they get their values.
func (p *parser) evalContext() *hcl.EvalContext {
	return &hcl.EvalContext{
		Variables: map[string]cty.Value{},
		Functions: functions(p.in, p.meter),
	}
}
