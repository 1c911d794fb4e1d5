package importer

import (
	"context"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
)

// reader reads files of one kind.
type reader struct {
	// together tells that files of this kind belong together.
	together bool
	read     func(ctx context.Context, files []File, environ []string) ([]*outline.Job, []error)
}

// Kinds are the kinds of files that can be imported.
func Kinds() []string { return outline.Keys(readers) }

// read reads a set. A reader that panics on a file that no one thought of must
// not take the program with it.
func (s set) read(ctx context.Context, environ []string) (jobs []*outline.Job, problems []error) {
	defer func() {
		if r := recover(); r != nil {
			jobs, problems = nil, []error{fmt.Errorf("%s: the file cannot be read (as %s), its reader gave up: %v", s.origin(), s.kind, r)}
		}
	}()
	return readers[s.kind].read(ctx, s.files, environ)
}

// Detect finds out of what kind a file is, or "" when it is of none.
func Detect(body []byte) string {
	for _, doc := range strings.Split("\n"+string(body), "\n---") {
		if kind := detect([]byte(doc)); kind != "" {
			return kind
		}
	}
	return ""
}

func detect(doc []byte) string {
	var top any
	if yaml.Unmarshal(doc, &top) != nil {
		return detectText(string(doc))
	}
	if list, ok := top.([]any); ok && len(list) > 0 {
		top = list[0]
	}
	m, ok := top.(map[string]any)
	if !ok {
		return ""
	}
	has := func(keys ...string) bool {
		for _, k := range keys {
			if _, ok := m[k]; !ok {
				return false
			}
		}
		return true
	}
	resourceType, _ := m["type"].(string)
	schema, _ := m["$schema"].(string)
	switch {
	case has("apiVersion", "kind"):
		return "kubernetes"
	case strings.Contains(schema, "deploymentTemplate") || strings.HasPrefix(resourceType, "Microsoft.ContainerInstance/"):
		return "azure"
	case isList(m["services"]) || has("serviceName", "desiredCount") || has("containerDefinitions") || has("taskDefinition") || has("taskDefinitionArn") || has("ContainerDefinitions"):
		return "ecs"
	case has("applications"):
		return "cloudfoundry"
	case has("services"):
		return "compose"
	case has("include") && !has("id"):
		return "compose"
	case has("id") && (has("container") || has("cmd") || has("args") || has("containers") || has("apps") || has("groups")):
		return "marathon"
	}
	return ""
}

func isList(v any) bool {
	_, ok := v.([]any)
	return ok
}

// detectText is for files that are no plain YAML, as Compose files with tags of
// their own and Cloud Foundry manifests with ((variables)).
func detectText(doc string) string {
	for _, l := range strings.Split(doc, "\n") {
		switch strings.TrimRight(l, " \r") {
		case "services:":
			return "compose"
		case "applications:":
			return "cloudfoundry"
		}
	}
	return ""
}
