// Package script runs test scripts against pure code. A script is a
// list of blocks: lines of commands, a line "----", and what they must print,
// up to an empty line. Lines that start with # are comments. It is used by
// tests only.
package script

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Line is one command: a verb, plain arguments and key=value settings.
type Line struct {
	Verb string
	Args []string
	Set  map[string]string
}

// Run runs every script that matches pattern, each against a new subject.
// With -rewrite it writes what was printed instead of comparing it.
func Run(t *testing.T, pattern string, subject func(t *testing.T) func(Line) string) {
	t.Helper()
	rewrite := flag.Lookup("rewrite") != nil && flag.Lookup("rewrite").Value.String() == "true"
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts match %s: %v", pattern, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			do := subject(t)
			var out []string
			for _, block := range strings.Split(strings.TrimRight(string(text), "\n"), "\n\n") {
				commands, want, _ := strings.Cut(block, "\n----")
				want = strings.Trim(want, "\n")
				got := play(commands, do)
				if got != want && !rewrite {
					t.Errorf("%s:\n%s\nprinted:\n%s\nwant:\n%s", file, commands, got, want)
				}
				block = commands
				if got != "" {
					block += "\n----\n" + got
				}
				out = append(out, block)
			}
			if rewrite {
				if err := os.WriteFile(file, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func play(commands string, do func(Line) string) string {
	var printed []string
	for _, text := range strings.Split(commands, "\n") {
		if text = strings.TrimSpace(text); text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		fields := strings.Fields(text)
		l := Line{Verb: fields[0], Set: map[string]string{}}
		for _, f := range fields[1:] {
			if key, value, ok := strings.Cut(f, "="); ok {
				l.Set[key] = value
			} else {
				l.Args = append(l.Args, f)
			}
		}
		if p := do(l); p != "" {
			printed = append(printed, p)
		}
	}
	return strings.Join(printed, "\n")
}
