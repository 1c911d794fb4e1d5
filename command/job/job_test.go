package job

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"github.com/nomadlike/nomadlike/command/clitest"
	"github.com/nomadlike/nomadlike/jobspec"
)

var _ = flag.Bool("rewrite", false, "write what is printed into the transcripts")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTranscripts(t *testing.T) { clitest.Run(t, "testdata/*.txt", Commands) }

// TestExamples makes sure that what init writes can be run, and is laid out as
// fmt would.
func TestExamples(t *testing.T) {
	files, err := examples.ReadDir("example")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, f := range files {
		text, err := examples.ReadFile("example/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if _, problems := jobspec.Parse(jobspec.Input{Path: f.Name(), Body: text}); problems != nil {
			t.Errorf("%s: %v", f.Name(), problems)
		}
		formatted, err := jobspec.Format(text)
		if err != nil || string(formatted) != string(text) {
			t.Errorf("%s is not formatted (%v):\n%s", f.Name(), err, formatted)
		}
	}
}
