package periodic

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
		d := New()
		return func(l script.Line) string {
			switch {
			case w.Do(l):
			case l.Verb == "step":
				return w.Step(d.Step(w.Now, w.S, w.NewID))
			case l.Verb == "failover":
				d = New()
			default:
				t.Fatalf("unknown verb %q", l.Verb)
			}
			return ""
		}
	})
}
