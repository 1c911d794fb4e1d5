package sched_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

var rewrite = flag.Bool("rewrite", false, "write the results of scripts into testdata")

// A file holds cases, each under a line that starts with "#". A case is a list
// of blocks: commands, a line of dashes, what they print. Every case starts
// with an empty cluster. See commands for the language.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runFile(t, file) })
	}
}

func runFile(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for i, one := range cases(string(text)) {
		if i > 0 {
			out.WriteString("\n")
		}
		title, _, _ := strings.Cut(one, "\n")
		t.Run(strings.Trim(title, "# "), func(t *testing.T) {
			got := runCase(t, one, 1)
			out.WriteString(got)
			checkDoubled(t, got, one)
		})
	}
	switch got := out.String(); {
	case got == string(text):
	case *rewrite && !t.Failed():
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s gives other results; run with -rewrite and review the diff:\n%s", file, firstDifference(string(text), got))
	}
}

// cases splits a file at lines that start with "# ".
func cases(text string) []string {
	var out []string
	for _, line := range strings.SplitAfter(text, "\n") {
		if strings.HasPrefix(line, "# ") || len(out) == 0 {
			out = append(out, "")
		}
		out[len(out)-1] += line
	}
	for i := range out {
		out[i] = strings.TrimRight(out[i], "\n") + "\n"
	}
	return out
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, w[i], g[i])
		}
	}
	return "one is longer"
}

const dashes = "----"

// amounts are what doubling doubles of what is printed.
var amounts = regexp.MustCompile(`\d+ (MHz|MB|needed|limit)`)

// checkDoubled: with all asks and capacities doubled, everything goes as before.
func checkDoubled(t *testing.T, got, text string) {
	t.Helper()
	if strings.Contains(text, "explain ") {
		return // it is all about amounts
	}
	twice := amounts.ReplaceAllString(runCase(t, text, 2), "N $1")
	if once := amounts.ReplaceAllString(got, "N $1"); once != twice {
		t.Errorf("doubling all asks and capacities changes the plan: %s", firstDifference(once, twice))
	}
}

// runCase runs a case in a world whose amounts of CPU, memory and disk are all
// multiplied.
func runCase(t *testing.T, text string, scale int64) string {
	w := newWorld(t)
	w.scale = scale
	var out strings.Builder
	for i, block := range strings.Split(strings.TrimRight(text, "\n"), "\n\n") {
		commands, _, _ := strings.Cut(block, "\n"+dashes)
		if i > 0 {
			out.WriteString("\n")
		}
		fmt.Fprintf(&out, "%s\n", commands)
		w.out.Reset()
		w.block(strings.Split(commands, "\n"))
		if w.out.Len() > 0 {
			fmt.Fprintf(&out, "%s\n%s", dashes, w.out.String())
		}
	}
	return out.String()
}

// world is the cluster of one case.
type world struct {
	t     *testing.T
	state *store.Snapshot
	now   time.Time
	ids   int
	seed  uint64
	names map[string]string // what an ID is called
	given map[string]int    // how many allocations had the name
	out   strings.Builder
	echo  bool // commands are printed too
	scale int64
}

func newWorld(t *testing.T) *world {
	return &world{
		t: t, state: store.Empty(), now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
		names: map[string]string{}, given: map[string]int{}, seed: 1, scale: 1,
	}
}

func (w *world) newID() string {
	w.ids++
	return fmt.Sprintf("00000000-0000-0000-0000-%012d", w.ids)
}

func (w *world) apply(o op.Op) {
	w.t.Helper()
	next, _, _, err := store.Apply(w.state, w.state.Index()+1, o)
	if err != nil {
		w.t.Fatalf("applying %T: %v", o, err)
	}
	w.state = next
}

func (w *world) input() sched.Input {
	return sched.Input{Now: w.now, NewID: w.newID, Seed: w.seed, Annotate: true}
}

// called is what the script calls an allocation: its name without the job, and
// with a count when others had the name before.
func (w *world) called(a *nl.Alloc) string {
	if name, known := w.names[a.ID]; known {
		return name
	}
	w.given[a.Name]++
	name := a.Name
	if n := w.given[a.Name]; n > 1 {
		name = fmt.Sprintf("%s#%d", name, n)
	}
	w.names[a.ID] = name
	return name
}

func (w *world) printf(format string, args ...any) { fmt.Fprintf(&w.out, format+"\n", args...) }
