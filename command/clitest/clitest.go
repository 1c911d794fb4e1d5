// Package clitest runs transcripts of commands against an agent that answers
// from the transcript. It is used by tests only.
//
// A transcript is a list of cases:
//
//	=== name of the case [colour] [terminal] [unordered]
//	<<< GET /v1/jobs?prefix=web
//	[{"ID": "web"}]
//	<<< PUT /v1/jobs 403 X-Nomad-Index:7
//	Permission denied
//	<<< FILE app.hcl
//	job "app" {}
//	<<< STDIN
//	yes
//	<<< ENV NOMAD_NAMESPACE=dev
//	>>> job status web
//	what the command must print, then, where there is any,
//	--- stderr
//	--- requests (other than GET, with their bodies)
//	--- files (that the command wrote)
//	--- exit 1 (when it is not 0)
//
// A route matches by method and path and by the parameters it names; of routes
// that match, each answers once, in order, and the last one goes on answering.
// With -rewrite transcripts are written instead of compared.
package clitest

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
)

// The local zone is that of the transcripts, and is set before anything asks
// for it: a change of time.Local in a test would race with servers.
var _ = os.Setenv("TZ", "UTC")

// Now is what the clock shows when a command starts.
func Now() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }

// Run runs every transcript that matches pattern.
func Run(t *testing.T, pattern string, commands func(*meta.Meta) map[string]cli.CommandFactory) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts match %s: %v", pattern, err)
	}
	rewrite := flag.Lookup("rewrite") != nil && flag.Lookup("rewrite").Value.String() == "true"
	for _, path := range paths {
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			runFile(t, path, rewrite, commands)
		})
	}
}

func runFile(t *testing.T, path string, rewrite bool, commands func(*meta.Meta) map[string]cli.CommandFactory) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, cases := parse(string(text))
	var out strings.Builder
	out.WriteString(head)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := c.run(t, commands)
			if got != c.want && !rewrite {
				t.Errorf("%s\nprinted:\n%s\nwant:\n%s", c.input, got, c.want)
			}
			out.WriteString(c.input + "\n" + got + "\n\n")
		})
	}
	if rewrite && !t.Failed() {
		if err := os.WriteFile(path, []byte(strings.TrimRight(out.String(), "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// testCase is one case of a transcript.
type testCase struct {
	name      string
	colour    bool
	terminal  bool
	unordered bool // requests come at the same time
	routes    []*route
	files     map[string]string
	env       map[string]string
	stdin     string
	args      []string
	input     string // as written, up to the command line
	want      string
}

func parse(text string) (head string, cases []*testCase) {
	parts := strings.Split("\n"+text, "\n=== ")
	head = strings.TrimPrefix(parts[0], "\n")
	if head != "" {
		head += "\n"
	}
	for _, part := range parts[1:] {
		cases = append(cases, parseCase(part))
	}
	return head, cases
}

func parseCase(text string) *testCase {
	given, rest, _ := strings.Cut(text, "\n>>> ")
	line, want, _ := strings.Cut(rest, "\n")
	c := &testCase{files: map[string]string{}, env: map[string]string{}, want: strings.Trim(want, "\n")}
	c.input = "=== " + given + "\n>>> " + line
	c.args = words(line)
	sections := strings.Split(given, "\n<<< ")
	for _, word := range strings.Fields(sections[0]) {
		switch word {
		case "[colour]":
			c.colour = true
		case "[terminal]":
			c.terminal = true
		case "[unordered]":
			c.unordered = true
		default:
			c.name = strings.TrimSpace(c.name + " " + word)
		}
	}
	for _, section := range sections[1:] {
		title, body, _ := strings.Cut(section, "\n")
		kind, what, _ := strings.Cut(title, " ")
		switch kind {
		case "FILE":
			c.files[what] = body + "\n"
		case "STDIN":
			c.stdin = body + "\n"
		case "ENV":
			key, value, _ := strings.Cut(what, "=")
			c.env[key] = value
		default:
			c.routes = append(c.routes, newRoute(title, body))
		}
	}
	return c
}

// words splits a command line; single and double quotes keep spaces.
func words(line string) []string {
	var out []string
	var b strings.Builder
	var quote rune
	started := false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, started = r, true
		case quote == 0 && r == ' ':
			if started {
				out = append(out, b.String())
				b.Reset()
				started = false
			}
		default:
			b.WriteRune(r)
			started = true
		}
	}
	if started {
		out = append(out, b.String())
	}
	return out
}

func (c *testCase) run(t *testing.T, commands func(*meta.Meta) map[string]cli.CommandFactory) string {
	agent := newAgent(t, c.routes)
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range c.files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, set := c.env["NOMAD_ADDR"]; !set {
		c.env["NOMAD_ADDR"] = agent.URL
	}
	var stdout, stderr bytes.Buffer
	clock := &clock{now: Now()}
	m := &meta.Meta{
		In: strings.NewReader(c.stdin), Out: &stdout, Err: &stderr,
		Getenv:  func(k string) string { return c.env[k] },
		Environ: func() []string { return environ(c.env) },
		Now:     clock.Now, Pause: clock.Pause,
		Random:   zeros{},
		Colour:   render.Palette{On: c.colour},
		Terminal: c.terminal, InTerminal: c.stdin != "",
		Width:       func() int { return 0 },
		OpenBrowser: func(string) error { return nil },
	}
	app := &cli.CLI{Name: meta.Binary, Args: c.args, Commands: commands(m), HelpWriter: &stdout, ErrorWriter: &stderr}
	code, err := app.Run()
	if err != nil {
		t.Fatal(err)
	}
	out := strings.Trim(stdout.String(), "\n")
	section := func(title, text string) {
		if text = strings.Trim(text, "\n"); text != "" {
			out += "\n--- " + title + "\n" + text
		}
	}
	section("stderr", stderr.String())
	section("requests", agent.requests(c.unordered))
	section("files", c.written(t, dir))
	if code != 0 {
		out += fmt.Sprintf("\n--- exit %d", code)
	}
	return strings.ReplaceAll(strings.Trim(out, "\n"), agent.URL, "http://agent")
}

func environ(env map[string]string) []string {
	var out []string
	for _, k := range render.Keys(env) {
		out = append(out, k+"="+env[k])
	}
	return out
}

// written shows the files that are new or changed.
func (c *testCase) written(t *testing.T, dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err == nil && string(text) != c.files[e.Name()] {
			out = append(out, fmt.Sprintf("%s:\n%s", e.Name(), text))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// clock stands still but for those who wait.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is what the clock shows.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Pause moves the clock instead of waiting.
func (c *clock) Pause(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return ctx.Err()
}

// zeros is a source of no randomness.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
