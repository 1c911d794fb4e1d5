package compose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
	"github.com/nomadlike/nomadlike/jobspec/importer/source"
)

// account tells what was not carried over of each service, and of the rest of
// the file at its first job.
func (r *reader) account(jobs []*outline.Job) {
	rules := known()
	services, _ := r.model["services"].(map[string]any)
	for _, name := range outline.Keys(services) {
		t, j := r.tasks[name], r.job[name]
		if t == nil {
			continue // its network was another's, which is noted
		}
		o := rules.Object("service", name, services[name], &t.Notes)
		t.Of = o.Source
		if g := r.groups[name]; g.Of == nil {
			g.Of = o.Source
		}
		j.Sources = append(j.Sources, o.Source)
		o.Account()
	}
	if len(jobs) > 0 {
		o := rules.Object("file", r.project.Name, r.model, &jobs[0].Notes)
		o.Account()
		jobs[0].Of = o.Source
		jobs[0].Sources = append(jobs[0].Sources, o.Source)
	}
}

// namedMax bounds the files that a Compose file names.
const namedMax = 1 << 20

// readable refuses devices, pipes and files that are too large to be meant.
func readable(path string) error {
	switch info, err := os.Stat(path); {
	case err != nil:
		return nil // whoever reads it tells
	case !info.Mode().IsRegular():
		return errors.New("it is no file")
	case info.Size() > namedMax:
		return fmt.Errorf("it has more than %d KiB", namedMax>>10)
	}
	return nil
}

// odd stands before the loader of files that a Compose file includes, and
// refuses what is none.
type odd struct{ dir string }

func (o odd) abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(o.dir, path)
}

// Accept takes what must not be read.
func (o odd) Accept(path string) bool {
	info, err := os.Stat(o.abs(path))
	return err == nil && !info.IsDir() && readable(o.abs(path)) != nil
}

// Load refuses it.
func (o odd) Load(_ context.Context, path string) (string, error) {
	return "", fmt.Errorf("reading %s: %w", path, readable(o.abs(path)))
}

// Dir is the directory of a path.
func (o odd) Dir(path string) string { return filepath.Dir(path) }

// sizes looks at the environment files before they are read.
func (r *reader) sizes() error {
	services, _ := r.model["services"].(map[string]any)
	for _, name := range outline.Keys(services) {
		service, _ := services[name].(map[string]any)
		for _, key := range []string{"env_file", "label_file"} {
			for _, path := range paths(service[key]) {
				if !filepath.IsAbs(path) {
					path = filepath.Join(r.dir, path)
				}
				if err := readable(path); err != nil {
					return fmt.Errorf("service %s: %s %s: %w", name, key, path, err)
				}
			}
		}
	}
	return nil
}

// paths are those of a list of files, in any of its forms.
func paths(v any) (out []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, one := range v {
			out = append(out, paths(one)...)
		}
	case map[string]any:
		return paths(v["path"])
	}
	return out
}

// where finds the path that a problem is about, and the property below it.
var where = regexp.MustCompile(`\b((?:services|networks|volumes|secrets|configs)\.[\w.\[\]-]+)(?:.*?'([^']+)')?`)

// located tells a problem that the parser found with its line.
func located(err error, trees []*source.Tree) error {
	text := err.Error()
	m := where.FindStringSubmatch(text)
	if m == nil || len(trees) == 0 {
		return err
	}
	path := strings.FieldsFunc(strings.TrimRight(m[1], "."), func(r rune) bool { return strings.ContainsRune(".[]", r) })
	if m[2] != "" {
		path = append(path, m[2])
	}
	// The file is named with the line.
	text = text[max(strings.Index(text, m[1]), 0):]
	text = strings.Replace(text, " false schema", ": Compose knows no such field", 1)
	return &source.Error{Line: trees[0].Line(path...), Text: text}
}
