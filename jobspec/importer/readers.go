package importer

import (
	"context"

	"github.com/nomadlike/nomadlike/jobspec/importer/azure"
	"github.com/nomadlike/nomadlike/jobspec/importer/cloudfoundry"
	"github.com/nomadlike/nomadlike/jobspec/importer/ecs"
	"github.com/nomadlike/nomadlike/jobspec/importer/kube"
	"github.com/nomadlike/nomadlike/jobspec/importer/marathon"
	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
)

// readers are the kinds of files by name.
var readers = map[string]reader{
	"azure":        alone(azure.Read),
	"cloudfoundry": alone(cloudfoundry.Read),
	"compose":      {read: readCompose},
	"ecs":          {read: readECS, together: true},
	"kubernetes":   {read: readKubernetes, together: true},
	"marathon":     alone(marathon.Read),
}

// readKubernetes reads all files together, since manifests name each other.
func readKubernetes(_ context.Context, files []File, _ []string) (jobs []*outline.Job, problems []error) {
	r := kube.New()
	for _, f := range files {
		for _, err := range r.Add(f.Body) {
			problems = append(problems, at(f.Path, err))
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return r.Jobs(), nil
}

// readECS reads all files together, since services name task definitions.
func readECS(_ context.Context, files []File, _ []string) (jobs []*outline.Job, problems []error) {
	r := ecs.New()
	for _, f := range files {
		if err := r.Add(f.Body); err != nil {
			problems = append(problems, at(f.Path, err))
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	jobs, problems = r.Jobs()
	for i, err := range problems {
		problems[i] = at(set{files: files}.origin(), err)
	}
	return jobs, problems
}

// alone makes a reader of files that are read one by one.
func alone(read func(body []byte) ([]*outline.Job, error)) reader {
	return reader{read: func(_ context.Context, files []File, _ []string) ([]*outline.Job, []error) {
		jobs, err := read(files[0].Body)
		if err != nil {
			return nil, []error{at(files[0].Path, err)}
		}
		return jobs, nil
	}}
}
