package gc

import (
	"flag"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/nomadlike/op"

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
				ages := Default
				if len(l.Args) > 0 {
					ages = Everything
				}
				o := Collect(w.S, w.Now, ages)
				if o == nil {
					return "nothing"
				}
				return w.Step([]op.Op{o}, time.Time{})
			default:
				t.Fatalf("unknown verb %q", l.Verb)
			}
			return ""
		}
	})
}
