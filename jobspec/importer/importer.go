// Package importer turns files of other schedulers into job files: Compose and
// Swarm stacks, Kubernetes manifests, Amazon ECS, Marathon, Cloud Foundry and
// Azure container groups. The command line calls it. What cannot be carried
// over stands as a comment at its place; nothing is submitted, and nothing is
// read from any cluster.
package importer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/nomadlike/nomadlike/jobspec"
	"github.com/nomadlike/nomadlike/jobspec/importer/compose"
	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
	"github.com/nomadlike/nomadlike/jobspec/importer/source"
)

// fileBytesMax bounds the size of a file that is imported.
const fileBytesMax = 8 << 20

// Input is what to import.
type Input struct {
	// Kind is one of Kinds; "" finds it out from the content.
	Kind  string
	Files []File
	// Environ gives values to variables, where a kind of file has some.
	Environ []string
	// Network is what groups are connected by, one of the choices of the
	// package outline; "" is NetworkAuto.
	Network string
}

// File is a file with its content.
type File struct {
	Path string
	Body []byte
}

// Result is one job file and what is to be known of it.
type Result struct {
	Origin string // the files it came from
	Kind   string
	Job    string
	Type   string
	Groups int
	Tasks  int
	// Objects are those of the source that the job came from, with what became
	// of them.
	Objects []outline.Source
	HCL     []byte
}

// Import reads all files and gives a job file for each job in them, or all the
// problems that it found.
func Import(ctx context.Context, in Input) ([]Result, []error) {
	sets, problems := in.sets()
	if len(problems) > 0 {
		return nil, problems
	}
	var out []Result
	taken := map[string]bool{}
	for _, s := range sets {
		jobs, errs := s.read(ctx, in.Environ)
		problems = append(problems, errs...)
		if len(errs) == 0 && len(jobs) == 0 {
			problems = append(problems, fmt.Errorf("%s: it holds nothing that runs (read as %s); name the file that does", s.origin(), s.kind))
		}
		for _, j := range jobs {
			r, err := render(j, s, in.Network, taken)
			if err != nil {
				problems = append(problems, fmt.Errorf("%s: writing job %q: %w", s.origin(), j.Name, err))
				continue
			}
			out = append(out, r)
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return out, nil
}

// set is the files that are read together.
type set struct {
	kind  string
	files []File
}

func (s set) origin() string {
	names := make([]string, len(s.files))
	for i, f := range s.files {
		names[i] = filepath.Base(f.Path)
		if f.Path == "-" {
			names[i] = "standard input"
		}
	}
	return strings.Join(names, ", ")
}

// sets puts files of one kind together where the kind spreads over files.
func (in Input) sets() (out []set, problems []error) {
	together := map[string]int{}
	for _, f := range in.Files {
		if len(f.Body) > fileBytesMax {
			problems = append(problems, fmt.Errorf("%s: it has %d bytes, more than the %d that are imported; split it", f.Path, len(f.Body), fileBytesMax))
			continue
		}
		kind := in.Kind
		if kind == "" {
			if kind = Detect(f.Body); kind == "" {
				problems = append(problems, fmt.Errorf("%s: no known kind of file; tell it with -from, one of %s", f.Path, strings.Join(Kinds(), ", ")))
				continue
			}
		}
		if _, ok := readers[kind]; !ok {
			problems = append(problems, fmt.Errorf("%s: there is no importer for %q; there are %s", f.Path, kind, strings.Join(Kinds(), ", ")))
			continue
		}
		if i, ok := together[kind]; ok && (readers[kind].together || overrides(f, out[i])) {
			out[i].files = append(out[i].files, f)
			continue
		}
		together[kind] = len(out)
		out = append(out, set{kind: kind, files: []File{f}})
	}
	return out, problems
}

// overrides tells whether a Compose file changes parts of the one before it, as
// Compose takes it by its name.
func overrides(f File, of set) bool {
	return of.kind == "compose" && strings.Contains(filepath.Base(f.Path), ".override.") && filepath.Dir(f.Path) == filepath.Dir(of.files[0].Path)
}

// at tells a problem with its file and line.
func at(path string, err error) error {
	if path == "-" {
		path = "standard input"
	}
	var where *source.Error
	if errors.As(err, &where) && where.Line > 0 {
		return fmt.Errorf("%s:%d: %w", path, where.Line, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

func render(j *outline.Job, s set, network string, taken map[string]bool) (Result, error) {
	j.Name = outline.Unique(taken, j.Name)
	j.Settle(network)
	formatted, err := jobspec.Format([]byte(j.Render(s.origin())))
	if err != nil {
		return Result{}, err
	}
	r := Result{
		Origin: s.origin(), Kind: s.kind, Job: j.Name, Type: j.Type, Groups: len(j.Groups),
		HCL: formatted,
	}
	for _, o := range j.Sources {
		r.Objects = append(r.Objects, *o)
	}
	for _, g := range j.Groups {
		r.Tasks += len(g.Tasks)
	}
	return r, nil
}

// readCompose reads each file on its own, with those that override parts of it.
func readCompose(ctx context.Context, files []File, environ []string) ([]*outline.Job, []error) {
	in := compose.Input{Environ: environ}
	for _, f := range files {
		in.Files = append(in.Files, compose.File(f))
	}
	jobs, err := compose.Read(ctx, in)
	if err != nil {
		return nil, []error{at(files[0].Path, err)}
	}
	return jobs, nil
}
