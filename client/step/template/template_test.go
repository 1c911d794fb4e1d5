package template

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/client/step/dir"
	"github.com/nomadlike/nomadlike/client/task"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/interp"
)

func TestParseEnv(t *testing.T) {
	tests := []struct{ text, want string }{
		{"A=1\nB = two words \n\n# note\nexport C=\"x\\ny\"\nD='$raw'\nE=\nF=v # note", "A=1|B=two words|C=x\ny|D=$raw|E=|F=v"},
		{"no assignment", "error"},
		{"A=\"open", "error"},
		{"A='open", "error"},
		{"A B=1", "error"},
	}
	for _, tt := range tests {
		vars, err := ParseEnv(tt.text)
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(vars)) {
			parts = append(parts, k+"="+vars[k])
		}
		got := strings.Join(parts, "|")
		if err != nil {
			got = "error"
		}
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

// render renders one template of a task in a directory of its own.
func render(t *testing.T, root string, tmpl *nl.Template) (map[string]string, error) {
	t.Helper()
	taskDir := filepath.Join(root, "t")
	if err := os.MkdirAll(filepath.Join(taskDir, "local"), 0o755); err != nil {
		t.Fatal(err)
	}
	job := &nl.Task{Name: "t", Env: map[string]string{"WHO": "me"}, Templates: []*nl.Template{tmpl}}
	env := interp.BuildEnv(interp.Input{Alloc: &nl.Alloc{}, Task: job})
	r := New(Config{Random: func() float64 { return 0 }})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	vars, stop, err := r.Render(ctx, task.RenderRequest{
		Task: job, Dirs: dir.Task{Root: taskDir}, AllocRoot: root, Env: func() interp.Env { return env },
		Waiting: func(string) {}, Change: func(task.TemplateChange) {},
	})
	if err == nil {
		stop()
	}
	return vars, err
}

func TestRender(t *testing.T) {
	t.Setenv("OF_THE_AGENT", "hidden")
	tests := []struct {
		name  string
		tmpl  nl.Template
		file  string
		want  string
		mode  os.FileMode
		fails bool
	}{
		{"text", nl.Template{EmbeddedTmpl: `{{ env "WHO" }}{{ env "OF_THE_AGENT" }}{{ range loop 3 }} {{ . }}{{ end }}`, DestPath: "local/a"}, "local/a", "me 0 1 2", 0o644, false},
		{"mode and parents", nl.Template{EmbeddedTmpl: "x", DestPath: "local/b/c", Perms: "600"}, "local/b/c", "x", 0o600, false},
		{"delimiters", nl.Template{EmbeddedTmpl: `[[ "a" | toUpper ]]{{}}`, DestPath: "local/a", LeftDelim: "[[", RightDelim: "]]"}, "local/a", "A{{}}", 0o644, false},
		{"source", nl.Template{SourcePath: "local/src", DestPath: "/local/a"}, "local/a", "from a file me", 0o644, false},
		{"interpolated destination", nl.Template{EmbeddedTmpl: "x", DestPath: "local/${WHO}"}, "local/me", "x", 0o644, false},
		{"reads a file of the task", nl.Template{EmbeddedTmpl: `{{ file "local/plain" }}`, DestPath: "local/a"}, "local/a", "plain", 0o644, false},
		{"function denied", nl.Template{EmbeddedTmpl: `{{ plugin "x" }}`, DestPath: "local/a"}, "", "", 0, true},
		{"syntax", nl.Template{EmbeddedTmpl: `{{ if }}`, DestPath: "local/a"}, "", "", 0, true},
		{"destination escapes", nl.Template{EmbeddedTmpl: "x", DestPath: "../../up"}, "", "", 0, true},
		{"source escapes", nl.Template{SourcePath: "../../up", DestPath: "local/a"}, "", "", 0, true},
		{"link escapes", nl.Template{EmbeddedTmpl: "x", DestPath: "local/out/a"}, "", "", 0, true},
		{"file through a link", nl.Template{EmbeddedTmpl: `{{ file "local/passwd" }}`, DestPath: "local/a"}, "", "", 0, true},
		{"bad mode", nl.Template{EmbeddedTmpl: "x", DestPath: "local/a", Perms: "rw"}, "", "", 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			local := filepath.Join(root, "t/local")
			if err := os.MkdirAll(local, 0o755); err != nil {
				t.Fatal(err)
			}
			for name, body := range map[string]string{"src": `from a file {{ env "WHO" }}`, "plain": "plain"} {
				if err := os.WriteFile(filepath.Join(local, name), []byte(body), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for name, to := range map[string]string{"out": "/tmp", "passwd": "/etc/passwd"} {
				if err := os.Symlink(to, filepath.Join(local, name)); err != nil {
					t.Fatal(err)
				}
			}
			_, err := render(t, root, &tt.tmpl)
			if tt.fails {
				if err == nil {
					t.Error("it was rendered")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			raw, err := os.ReadFile(filepath.Join(root, "t", tt.file))
			if err != nil || string(raw) != tt.want {
				t.Errorf("file holds %q, %v; want %q", raw, err, tt.want)
			}
			if info, err := os.Stat(filepath.Join(root, "t", tt.file)); err == nil && info.Mode() != tt.mode {
				t.Errorf("file has mode %v, want %v", info.Mode(), tt.mode)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	vars, err := render(t, t.TempDir(), &nl.Template{EmbeddedTmpl: "A={{ env \"WHO\" }}\nB='x y'", DestPath: "secrets/env", Envvars: true})
	if err != nil || fmt.Sprint(vars) != "map[A:me B:x y]" {
		t.Errorf("variables are %v, %v", vars, err)
	}
}
