package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	"github.com/nomadlike/nomadlike/jobspec/importer"
	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
)

const (
	// importBytesMax bounds one file: the importer refuses what is larger, so
	// that no more needs to be read.
	importBytesMax = 8<<20 + 1
	// importFilesMax bounds the files of a directory: more are rather a mistake
	// in naming it.
	importFilesMax = 1000
)

// importOptions are the flags of job import.
type importOptions struct {
	from, out, network string
}

func importVerb(*meta.Meta) *meta.Verb {
	var o importOptions
	return &meta.Verb{
		Name: "job import", Args: "<file or directory> [...]", MinArgs: 1, MaxArgs: meta.AnyArgs, Local: true,
		Summary: "Turn files of other schedulers into job files",
		Text: "Writes a job file for each job that the files describe: Docker Compose and Swarm stacks, Kubernetes manifests, Marathon apps and pods, Amazon ECS task definitions and services, Azure container groups, Cloud Foundry manifests. " +
			"What has no counterpart, and what is only near to the source, stands as a comment at its place in the job file; a table on standard error counts both for each object of the source. " +
			"Secrets are never copied: the job file says into which variable to put them. Nothing is submitted, and no file is overwritten. " +
			"Of a directory all files are read whose kind is known; - as a file is standard input. Variables of a Compose file are taken from the environment and from .env beside it.",
		Examples: []meta.Example{
			{Text: "Look at what becomes of a Compose file", Line: "nomadlike job import compose.yaml"},
			{Text: "Run it at once", Line: "nomadlike job import compose.yaml | nomadlike job run -"},
			{Text: "Write a job file for each workload of a directory of manifests", Line: "nomadlike job import -o jobs k8s/"},
			{Text: "Take a running workload over from Kubernetes", Line: "kubectl get deploy,svc,cm -o yaml | nomadlike job import -from=kubernetes -"},
			{Text: "Import an ECS service with its task definition", Line: "nomadlike job import service.json task-definition.json"},
		},
		Flags: func(f *meta.Flags) {
			f.Choice(&o.from, "from", "", importer.Kinds(), "The kind of the files; it is found out from the content otherwise.")
			f.Choice(&o.network, "network", outline.NetworkAuto, []string{outline.NetworkAuto, outline.NetworkBridge, outline.NetworkHost},
				"How groups are connected. auto publishes the ports of a container alone, and gives containers that share an address that of the node. bridge gives those an address of their own, for which nodes need the CNI plugins. host uses the network of the node for all.")
			f.String(&o.out, "o", "-", "<dir>", "Write the job files into this directory, as <job>.nomad.hcl; - prints them.")
		},
		Predict: meta.PredictFiles("*"),
		Do:      o.run,
	}
}

func (o *importOptions) run(ctx context.Context, c *meta.Call) error {
	in := importer.Input{Kind: o.from, Environ: os.Environ(), Network: o.network}
	var problems []error
	for _, path := range c.Args {
		files, err := o.read(c, path)
		if err != nil {
			problems = append(problems, fmt.Errorf("reading %s: %w", path, err))
			continue
		}
		in.Files = append(in.Files, files...)
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
	if o.out == "-" && len(results) > 1 {
		c.Error(fmt.Sprintf("\nThese are %d job files, and job run takes one at a time: write them into a directory with -o, and run each.", len(results)))
	}
	return nil
}

// read reads a file, standard input, or the files of a directory.
func (o *importOptions) read(c *meta.Call, path string) ([]importer.File, error) {
	if path == "-" {
		body, err := io.ReadAll(io.LimitReader(c.In, importBytesMax))
		return []importer.File{{Path: path, Body: body}}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return o.readDir(c, path)
	}
	body, err := readImport(path)
	return []importer.File{{Path: path, Body: body}}, err
}

func readImport(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, importBytesMax))
}

// readDir reads the files of a directory whose kind is known. Hidden files and
// those that are not meant here are left out; links are not followed.
func (o *importOptions) readDir(c *meta.Call, dir string) (files []importer.File, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != dir && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular() || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)):
			return nil
		}
		if len(files) == importFilesMax {
			return fmt.Errorf("it has more than %d files; name a part of it", importFilesMax)
		}
		body, err := readImport(path)
		if err != nil {
			return err
		}
		switch kind := importer.Detect(body); {
		case kind == "":
			c.Error(fmt.Sprintf("%s: left out, since its kind is not known", path))
		case o.from == "" || kind == o.from:
			files = append(files, importer.File{Path: path, Body: body})
		}
		return nil
	})
	if err == nil && len(files) == 0 {
		err = errors.New("it holds no file that can be imported")
	}
	return files, err
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

// importTable tells what became of each object of the source.
func importTable(results []importer.Result) string {
	t := render.NewTable("Job", "Type", "Kind", "From", "Object", "Carried Over", "Approximated", "Not Carried Over")
	for _, r := range results {
		for _, o := range r.Objects {
			t.Row(r.Job, r.Type, r.Kind, r.Origin, strings.TrimSpace(o.Kind+" "+o.Name), fmt.Sprint(o.Carried), fmt.Sprint(o.Approximated), fmt.Sprint(o.Lost))
		}
	}
	return t.String()
}
