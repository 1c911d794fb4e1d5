// Package compose reads Docker Compose files and Swarm stack files, with the
// parser of the Compose project itself. The importer calls it. It reads the
// files that a Compose file names (environment files, configs) and never speaks
// to Docker.
package compose

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
	"github.com/nomadlike/nomadlike/jobspec/importer/source"
)

// Input is a Compose file.
type Input struct {
	// Files are the file and those that override parts of it, in that order.
	// Files that they name are relative to the directory of the first.
	Files []File
	// Environ gives values to ${...} in the file.
	Environ []string
}

// File is a file with its content.
type File struct {
	Path string
	Body []byte
}

//go:embed fields.txt
var fields string

// known are the rules, which never change.
var known = sync.OnceValue(func() source.Rules { return source.MustRules(fields) })

// Read gives the jobs of a Compose file: one with a group for each service,
// and one more for each service that runs everywhere or to completion.
func Read(ctx context.Context, in Input) ([]*outline.Job, error) {
	dir, err := filepath.Abs(filepath.Dir(in.Files[0].Path))
	if err != nil {
		return nil, err
	}
	trees := make([][]*source.Tree, len(in.Files))
	for i, f := range in.Files {
		if trees[i], err = source.Inspect(f.Body); err != nil {
			return nil, err
		}
	}
	r := &reader{dir: dir, taken: map[string]bool{}}
	if err := r.load(ctx, in); err != nil {
		return nil, located(err, trees[0])
	}
	jobs := r.jobs()
	r.account(jobs)
	return jobs, nil
}

// reader is the reading of one file.
type reader struct {
	dir     string
	project *types.Project
	// model is the file in its long form, as the project was made from.
	model  map[string]any
	unset  []string // variables that have no value
	main   *outline.Job
	taken  map[string]bool // names of jobs
	groups map[string]*outline.Group
	tasks  map[string]*outline.Task
	job    map[string]*outline.Job
	// checks are made when it is known which ports there are.
	checks []func()
}

func (r *reader) load(ctx context.Context, in Input) error {
	// The loader logs with a global logger what the notes say better.
	logrus.SetOutput(io.Discard)
	env := types.NewMapping(in.Environ)
	if file := filepath.Join(r.dir, ".env"); exists(file) {
		if err := readable(file); err != nil {
			return fmt.Errorf("reading %s: %w", file, err)
		}
		more, err := dotenv.GetEnvFromFile(env, []string{file})
		if err != nil {
			return fmt.Errorf("reading %s: %w", file, err)
		}
		for k, v := range more {
			if _, ok := env[k]; !ok {
				env[k] = v
			}
		}
	}
	details := types.ConfigDetails{WorkingDir: r.dir, Environment: env}
	for _, f := range in.Files {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: f.Path, Content: f.Body})
	}
	options := func(o *loader.Options) {
		o.SetProjectName(loader.NormalizeProjectName(projectName(in.Files[0].Path, r.dir)), false)
		o.ResolvePaths = true
		o.Profiles = []string{"*"}
		o.ResourceLoaders = append([]loader.ResourceLoader{odd{r.dir}}, o.ResourceLoaders...)
		o.Interpolate = &interpolation.Options{
			Substitute:      o.Interpolate.Substitute,
			TypeCastMapping: o.Interpolate.TypeCastMapping,
			LookupValue: func(key string) (string, bool) {
				v, ok := env[key]
				if !ok {
					r.unset = append(r.unset, key)
				}
				return v, ok
			},
		}
	}
	var err error
	if r.model, err = loader.LoadModelWithContext(ctx, details, options); err != nil {
		return err
	}
	if err := r.sizes(); err != nil {
		return err
	}
	r.project, err = loader.LoadWithContext(ctx, details, options)
	return err
}

// projectName is the directory's for files with a usual name, else the file's.
func projectName(path, dir string) string {
	base := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	if slices.Contains([]string{"compose", "docker-compose", "docker-stack", "stack", "-"}, base) {
		base = filepath.Base(dir)
	}
	return outline.Name(base, "app")
}

func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func (r *reader) jobs() []*outline.Job {
	p := r.project
	r.main = &outline.Job{Name: outline.Name(p.Name, "app"), Type: outline.Service}
	r.taken[r.main.Name] = true
	r.groups, r.job, r.tasks = map[string]*outline.Group{}, map[string]*outline.Job{}, map[string]*outline.Task{}
	jobs := []*outline.Job{r.main}
	for _, name := range outline.Keys(p.Services) {
		s := p.Services[name]
		if _, ok := strings.CutPrefix(s.NetworkMode, types.ServicePrefix); ok {
			continue // joins another one's group
		}
		j := r.main
		if kind := r.kind(s); kind != outline.Service {
			j = &outline.Job{Name: outline.Unique(r.taken, outline.Name(r.main.Name+"-"+name, "app")), Type: kind}
			jobs = append(jobs, j)
		}
		g := &outline.Group{Name: outline.Name(name, "group"), Count: 1}
		j.Groups = append(j.Groups, g)
		r.groups[name], r.job[name] = g, j
		r.group(g, s)
		r.tasks[name] = r.task(g, s)
		g.Tasks = append(g.Tasks, r.tasks[name])
	}
	r.joined()
	r.about()
	outline.Link(jobs, r.targets())
	for _, check := range r.checks {
		check()
	}
	return slices.DeleteFunc(jobs, func(j *outline.Job) bool { return len(j.Groups) == 0 })
}

// kind tells what kind of job a service is: one that others wait for until it
// is done runs to completion.
func (r *reader) kind(s types.ServiceConfig) string {
	mode := ""
	if s.Deploy != nil {
		mode = s.Deploy.Mode
	}
	switch mode {
	case "global":
		return outline.System
	case "global-job":
		return outline.Sysbatch
	case "replicated-job":
		return outline.Batch
	}
	for _, other := range r.project.Services {
		if d, ok := other.DependsOn[s.Name]; ok && d.Condition == types.ServiceConditionCompletedSuccessfully {
			return outline.Batch
		}
	}
	return outline.Service
}

// joined puts services that use the network of another one into its group.
func (r *reader) joined() {
	for _, name := range outline.Keys(r.project.Services) {
		s := r.project.Services[name]
		of, ok := strings.CutPrefix(s.NetworkMode, types.ServicePrefix)
		if !ok {
			continue
		}
		g := r.groups[of]
		if g == nil {
			r.main.Lost("service %s uses the network of %s, which itself uses another's", name, of)
			continue
		}
		g.Shared = true
		s.NetworkMode = ""
		r.groups[name], r.job[name] = g, r.job[of]
		t := r.task(g, s)
		t.Check("%s shared the network of %s, so that it became a task of the same group", name, of)
		r.tasks[name] = t
		g.Tasks = append(g.Tasks, t)
	}
}

// about notes what the file says of no single service.
func (r *reader) about() {
	var networks []string
	for _, name := range outline.Keys(r.project.Networks) {
		if name != "default" {
			networks = append(networks, name)
		}
	}
	if len(networks) > 0 {
		r.main.Lost("the networks %s: groups find each other in the service catalogue, and networks do not keep them apart", strings.Join(networks, ", "))
	}
	slices.Sort(r.unset)
	if unset := slices.Compact(r.unset); len(unset) > 0 {
		r.main.Check("these variables had no value in the environment, so that they are empty or their default: %s", strings.Join(unset, ", "))
	}
	for _, name := range outline.Keys(r.project.Volumes) {
		if v := r.project.Volumes[name]; v.Driver != "" && v.Driver != "local" || len(v.DriverOpts) > 0 {
			r.main.Lost("the driver of volume %s (%s %s): make a volume of this name with the storage that it stood for", name, v.Driver, strings.Join(outline.Keys(v.DriverOpts), ", "))
		}
	}
	for _, name := range outline.Keys(r.project.Services) {
		if deps := dependencies(r.project.Services[name]); deps != "" {
			r.groups[name].Lost("%s waited for %s; groups start at the same time, so that it must be able to try again", name, deps)
		}
	}
}

func dependencies(s types.ServiceConfig) string {
	var out []string
	for _, name := range outline.Keys(s.DependsOn) {
		if strings.HasSuffix(s.NetworkMode, ":"+name) {
			continue
		}
		switch s.DependsOn[name].Condition {
		case types.ServiceConditionHealthy:
			name += " (healthy)"
		case types.ServiceConditionCompletedSuccessfully:
			name += " (completed)"
		}
		out = append(out, name)
	}
	return strings.Join(out, ", ")
}

// targets are the host names of the file's networks.
func (r *reader) targets() map[string]outline.Target {
	out := map[string]outline.Target{}
	for name, g := range r.groups {
		s := r.project.Services[name]
		t := outline.Target{Group: g, Service: r.serviceName(name)}
		out[name] = t
		for _, n := range s.Networks {
			if n == nil {
				continue
			}
			for _, alias := range n.Aliases {
				out[alias] = t
			}
		}
		if s.ContainerName != "" {
			out[s.ContainerName] = t
		}
	}
	return out
}

func (r *reader) serviceName(service string) string {
	return outline.Name(r.main.Name+"-"+service, "service")
}
