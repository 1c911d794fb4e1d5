package campaign

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nomadlike/nomadlike/command/sim/cluster"
	"github.com/nomadlike/nomadlike/command/sim/work"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func faults(t *testing.T, text string) work.Faults {
	t.Helper()
	f, err := work.ParseFaults(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestSeeds runs a few seeds of every kind of fault and of all together.
func TestSeeds(t *testing.T) {
	for i, kinds := range append(work.Kinds(), "none", "all", "all", "all") {
		t.Run(kinds, func(t *testing.T) {
			t.Parallel()
			o := Options{Faults: faults(t, kinds), Span: 2 * time.Minute}
			seed := uint64(i + 1)
			if r := Run(Draw(seed, o), nil); r.Err != nil {
				t.Errorf("%v\n%s", r.Err, Line(seed, o))
			}
		})
	}
}

// TestMass runs a seed with jobs of hundreds of allocations.
func TestMass(t *testing.T) {
	t.Parallel()
	o := Options{Faults: faults(t, "all"), Mass: true}
	if r := Run(Draw(22900003, o), nil); r.Err != nil {
		t.Errorf("%v\n%s", r.Err, Line(22900003, o))
	}
}

// TestRecorded runs the seeds that once failed.
func TestRecorded(t *testing.T) {
	data, err := os.ReadFile("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		parts := strings.SplitN(lines.Text(), "|", 3)
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		head := strings.Fields(parts[0])
		if len(parts) != 3 || len(head) != 2 {
			t.Fatalf("%q does not say seed, faults, cause and fix", lines.Text())
		}
		t.Run(head[0], func(t *testing.T) {
			t.Parallel()
			seed, err := strconv.ParseUint(head[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			o := Options{Faults: faults(t, head[1])}
			if r := Run(Draw(seed, o), nil); r.Err != nil {
				t.Errorf("%v\n%s", r.Err, Line(seed, o))
			}
		})
	}
}

// TestSameSeed runs a seed twice; the histories must be the same line by line.
func TestSameSeed(t *testing.T) {
	o := Options{Faults: faults(t, "all"), Span: time.Minute}
	var first, second bytes.Buffer
	a, b := Run(Draw(7, o), &first), Run(Draw(7, o), &second)
	if a.Hash != b.Hash || a.Hash == 0 {
		t.Errorf("histories %x and %x", a.Hash, b.Hash)
	}
	x, y := strings.Split(first.String(), "\n"), strings.Split(second.String(), "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			t.Fatalf("line %d:\n%s\n%s", i, x[i], y[i])
		}
	}
	if silent := Run(Draw(7, o), nil); silent.Hash != a.Hash {
		t.Error("a history that nobody reads is another one")
	}
	if other := Run(Draw(8, o), nil); other.Hash == a.Hash {
		t.Error("another seed has the same history")
	}
}

func TestMetamorphic(t *testing.T) {
	if err := Metamorphic(3, Options{Span: 4 * time.Minute}); err != nil {
		t.Error(err)
	}
}

func TestIDs(t *testing.T) {
	for text, want := range map[string][]int{"1": {1}, "1,4,9-12": {1, 4, 9, 10, 11, 12}, "none": {}} {
		got, err := ParseIDs(text)
		if err != nil || !slices.Equal(got, want) || FormatIDs(got) != text {
			t.Errorf("%q is read as %v, %v, and written as %q", text, got, err, FormatIDs(got))
		}
	}
	for _, text := range []string{"", "a", "5-1", "-3", "1,,2", "1-999999999"} {
		if got, err := ParseIDs(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

// TestShrink shrinks a run that fails when a certain step is done.
func TestShrink(t *testing.T) {
	c := Draw(5, Options{Span: 30 * time.Second})
	bad := -1
	for _, s := range c.Steps {
		if s.Verb == work.Register {
			bad = s.ID
		}
	}
	// A verb that nobody knows ends a run.
	for i := range c.Steps {
		if c.Steps[i].ID == bad {
			c.Steps[i].Verb = "juggle"
		}
	}
	r := cluster.Run(c)
	if r.Err == nil {
		t.Fatal("the run does not fail")
	}
	steps := Shrink(c, r.Err, 100)
	if len(steps) != 1 || steps[0].ID != bad {
		t.Errorf("shrunk to %v", steps)
	}
	if Shrink(c, errors.New("another failure"), 3); len(c.Steps) < 2 {
		t.Error("the list was changed")
	}
}

// BenchmarkRun runs seeds with all faults, one after the other.
func BenchmarkRun(b *testing.B) {
	all, err := work.ParseFaults("all")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for seed := uint64(5_000_000); b.Loop(); seed++ {
		if r := Run(Draw(seed, Options{Faults: all}), nil); r.Err != nil {
			b.Errorf("seed %d: %v", seed, r.Err)
		}
	}
}
