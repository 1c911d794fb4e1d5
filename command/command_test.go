package command

import (
	"bytes"
	"context"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/clitest"
	"github.com/nomadlike/nomadlike/command/meta"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

var _ = flag.Bool("rewrite", false, "write what is printed into the transcripts")

// TestTranscripts runs the commands that belong to no noun.
func TestTranscripts(t *testing.T) { clitest.Run(t, "testdata/*.txt", everything) }

func everything(m *meta.Meta) map[string]cli.CommandFactory {
	out := map[string]cli.CommandFactory{}
	for _, noun := range nouns() {
		maps.Copy(out, noun(m))
	}
	return out
}

func run(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	m := &meta.Meta{
		In: strings.NewReader(""), Out: &out, Err: &err,
		Getenv: func(string) string { return "" }, Environ: func() []string { return nil },
		Now: time.Now, Pause: func(context.Context, time.Duration) error { return nil },
		Width: func() int { return 0 },
	}
	code = Run(args, m)
	return code, out.String(), err.String()
}

func TestExitCodes(t *testing.T) {
	for name, c := range map[string]struct {
		args           []string
		want           int
		stdout, stderr string
	}{
		"version flag":     {[]string{"-version"}, 0, "Nomad v", ""},
		"version word":     {[]string{"version"}, 0, "Nomad v", ""},
		"short version":    {[]string{"-v"}, 0, "Nomad v", ""},
		"help":             {[]string{"-help"}, 0, "Common commands:", ""},
		"nothing":          {nil, 127, "", "Common commands:"},
		"unknown":          {[]string{"frobnicate"}, 127, "", `There is no command "frobnicate".`},
		"group":            {[]string{"job"}, 1, "", "Subcommands:"},
		"group help":       {[]string{"job", "-help"}, 0, "Subcommands:", ""},
		"unknown in group": {[]string{"job", "frobnicate"}, 1, "", `There is no command "job frobnicate".`},
		"nested group":     {[]string{"job", "tag"}, 1, "", "Subcommands:"},
		"command help":     {[]string{"job", "run", "-h"}, 0, "Usage: nomadlike job run", ""},
		"alias help":       {[]string{"run", "--help"}, 0, "Usage: nomadlike job run", ""},
		"flag too early":   {[]string{"-json", "job", "status"}, 1, "", "before the subcommand"},
		"unknown flag":     {[]string{"job", "status", "-nope"}, 1, "", "There is no flag -nope."},
		"foreign help":     {[]string{"alloc", "exec", "-address", "unix:///nonexistent", "abcd", "ls", "-h"}, 1, "", "no agent answers"},
		"own help":         {[]string{"alloc", "exec", "-h"}, 0, "Usage: nomadlike alloc exec", ""},
	} {
		code, stdout, stderr := run(c.args...)
		if code != c.want || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%s: exit code %d, want %d\nstdout: %s\nstderr: %s", name, code, c.want, stdout, stderr)
		}
	}
}

func TestHelp_CommonCommandsComeFirst(t *testing.T) {
	_, help, _ := run("-help")
	at := -1
	for _, name := range append([]string{"Common commands:"}, append(common(), "Other commands:")...) {
		i := strings.Index(help, "\n    "+name+" ")
		if strings.HasSuffix(name, ":") {
			i = strings.Index(help, name)
		}
		if i <= at {
			t.Errorf("%q is missing or out of order:\n%s", name, help)
		}
		at = i
	}
	for _, name := range hidden() {
		if strings.Contains(help, "\n    "+name+" ") {
			t.Errorf("%q should be hidden", name)
		}
	}
}

// TestEveryCommandExplainsItself keeps help useful as commands are added.
func TestEveryCommandExplainsItself(t *testing.T) {
	m := &meta.Meta{Getenv: func(string) string { return "" }}
	commands := everything(m)
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		command, err := commands[name]()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		summary := command.Synopsis()
		if summary == "" || strings.HasSuffix(summary, ".") || strings.Contains(summary, "\n") {
			t.Errorf("%s: summary %q is not one line without a full stop", name, summary)
		}
		verb, ok := command.(*meta.Verb)
		if !ok {
			continue
		}
		if name != verb.Name && !slices.Contains(verb.Aliases, name) && !slices.Contains(hidden(), name) {
			t.Errorf("%s calls itself %q and is none of its aliases %q", name, verb.Name, verb.Aliases)
		}
		for _, e := range verb.Examples {
			if !strings.Contains(e.Line, meta.Binary+" ") {
				t.Errorf("%s: example %q does not run %s", name, e.Line, meta.Binary)
			}
		}
		if !strings.Contains(verb.Help(), "Usage: "+meta.Binary+" "+verb.Name) {
			t.Errorf("%s: help does not begin with its usage", name)
		}
	}
}

func TestChooseCommand(t *testing.T) {
	for name, c := range map[string]struct {
		matches map[string][]string
		want    string
		err     string
	}{
		"nothing":        {nil, "", "nothing found"},
		"one":            {map[string][]string{"allocs": {"ab12"}}, "alloc status", ""},
		"exact wins":     {map[string][]string{"jobs": {"ab"}, "allocs": {"ab12"}}, "job status", ""},
		"several":        {map[string][]string{"jobs": {"abc"}, "allocs": {"ab12"}}, "", "Jobs:\nabc"},
		"two exact":      {map[string][]string{"jobs": {"ab"}, "namespaces": {"ab"}}, "", "matches several"},
		"same context":   {map[string][]string{"nodes": {"ab1", "ab2"}}, "", "Nodes:\nab1,ab2, ..."},
		"unknown things": {map[string][]string{"novelties": {"ab"}}, "", "nothing found"},
	} {
		got, err := chooseCommand(nl.SearchResponse{Matches: c.matches, Truncations: map[string]bool{"nodes": true}}, "ab")
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestFmt_Recursive(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a.hcl", "b.txt", "sub/c.nomad", ".hidden/d.hcl"} {
		write(name, "a=1\n")
	}
	if code, out, _ := run("fmt", "-check"); code != 1 || out != "a.hcl\n" {
		t.Errorf("check: %d %q", code, out)
	}
	if code, out, _ := run("fmt", "-recursive", "."); code != 0 || out != "a.hcl\nsub/c.nomad\n" {
		t.Errorf("write: %d %q", code, out)
	}
	for name, want := range map[string]string{"a.hcl": "a = 1\n", "b.txt": "a=1\n", "sub/c.nomad": "a = 1\n", ".hidden/d.hcl": "a=1\n"} {
		if got, _ := os.ReadFile(name); string(got) != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
	if code, out, _ := run("fmt", "-check", "-recursive"); code != 0 || out != "" {
		t.Errorf("check after: %d %q", code, out)
	}
}
