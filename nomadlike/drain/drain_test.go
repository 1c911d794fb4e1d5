package drain

import (
	"flag"
	"testing"

	"github.com/nomadlike/nomadlike/nomadlike/script"
	"github.com/nomadlike/nomadlike/nomadlike/script/world"
)

var _ = flag.Bool("rewrite", false, "write what the scripts print into them")

func TestScripts(t *testing.T) {
	script.Run(t, "testdata/*.txt", func(t *testing.T) func(script.Line) string {
		w := world.New(t)
		return func(l script.Line) string {
			switch {
			case w.Do(l):
			case l.Verb == "step":
				return w.Step(Step(w.Now, w.S, w.NewID))
			default:
				t.Fatalf("unknown verb %q", l.Verb)
			}
			return ""
		}
	})
}
