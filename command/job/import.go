package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/jobspec/importer"
)

// importOptions are the flags of job import.
type importOptions struct {
	from, out string
}

func importVerb(*meta.Meta) *meta.Verb {
	var o importOptions
	return &meta.Verb{
		Name: "job import", Args: "<file> [<file>...]", MinArgs: 1, MaxArgs: meta.AnyArgs, Local: true,
		Summary: "Turn files of other schedulers into job files",
		Text: "Writes a job file for each job that the files describe. What could not be carried over, and what is to be checked, stands as a comment at its place in the job file and is counted in the table. " +
			"Nothing is submitted. A file that exists is never overwritten; - as a file is standard input.",
		Examples: []meta.Example{
			{Text: "Look at what becomes of a Compose file", Line: "nomadlike job import compose.yaml"},
			{Text: "Write a job file for each workload of a directory of manifests", Line: "nomadlike job import -from=kubernetes -o jobs k8s/*.yaml"},
		},
		Flags: func(f *meta.Flags) {
			f.Choice(&o.from, "from", "", importer.Kinds(), "The kind of the files; it is found out from the content otherwise.")
			f.String(&o.out, "o", "-", "<dir>", "Write the job files into this directory, as <job>.nomad.hcl; - prints them.")
		},
		Predict: meta.PredictFiles("*"),
		Do:      o.run,
	}
}

func (o *importOptions) run(ctx context.Context, c *meta.Call) error {
	in := importer.Input{Kind: o.from, Environ: os.Environ()}
	var problems []error
	for _, path := range c.Args {
		body, err := readImport(c, path)
		if err != nil {
			problems = append(problems, fmt.Errorf("reading %s: %w", path, err))
			continue
		}
		in.Files = append(in.Files, importer.File{Path: path, Body: body})
	}
	results, more := importer.Import(ctx, in)
	problems = append(problems, more...)
	if len(problems) == 0 && o.out != "-" {
		problems = o.write(results)
	}
	if len(problems) > 0 {
		for _, err := range problems {
			c.Error(err.Error())
		}
		return meta.Exit(1)
	}
	if o.out == "-" {
		texts := make([]string, len(results))
		for i, r := range results {
			texts[i] = strings.TrimSuffix(string(r.HCL), "\n")
		}
		c.Print(strings.Join(texts, "\n\n"))
	}
	c.Error(importTable(results))
	return nil
}

func readImport(c *meta.Call, path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(c.In)
	}
	return os.ReadFile(path)
}

// write writes all job files, or none when one of them is there already.
func (o *importOptions) write(results []importer.Result) (problems []error) {
	for _, r := range results {
		if _, err := os.Stat(o.path(r)); err == nil {
			problems = append(problems, fmt.Errorf("file %q exists and is not overwritten: name another directory with -o", o.path(r)))
		} else if !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, fmt.Errorf("looking for file %q: %w", o.path(r), err))
		}
	}
	if len(problems) > 0 {
		return problems
	}
	if err := os.MkdirAll(o.out, 0o770); err != nil {
		return []error{fmt.Errorf("making the directory of the job files: %w", err)}
	}
	for _, r := range results {
		if err := os.WriteFile(o.path(r), r.HCL, exampleMode); err != nil {
			problems = append(problems, fmt.Errorf("writing a job file: %w", err))
		}
	}
	return problems
}

func (o *importOptions) path(r importer.Result) string {
	return filepath.Join(o.out, r.Job+".nomad.hcl")
}

func importTable(results []importer.Result) string {
	t := render.NewTable("Job", "From", "Kind", "Type", "Groups", "Tasks", "Not Carried Over", "To Check")
	for _, r := range results {
		t.Row(r.Job, r.Origin, r.Kind, r.Type, fmt.Sprint(r.Groups), fmt.Sprint(r.Tasks), fmt.Sprint(r.Lost), fmt.Sprint(r.Check))
	}
	return t.String()
}
