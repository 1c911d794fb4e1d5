package work

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

// TestMass sees that jobs of many allocations come on top of all else.
func TestMass(t *testing.T) {
	all, err := ParseFaults("all")
	if err != nil {
		t.Fatal(err)
	}
	p := Plan{Servers: 3, Nodes: 8, Steps: 30, Span: 150 * time.Second, Faults: all}
	draw := func(mass bool) []Step {
		p.Mass = mass
		return Draw(p, rand.New(rand.NewPCG(4, 2)))
	}
	var rest []Step
	registered := 0
	for _, s := range draw(true) {
		if s.Verb == Register && isMass(s.Job) {
			job, err := Build(s.Job, s.Seed, false)
			if err != nil {
				t.Fatal(err)
			}
			registered++
			if n := job.TaskGroups[0].Count; n < massMin || n > massMax {
				t.Errorf("%v wants %d allocations", &s, n)
			}
		}
		if s.At > p.Span {
			t.Errorf("out of time: %v", &s)
		}
		rest = append(rest, s)
	}
	if registered == 0 {
		t.Error("no job of many allocations is registered")
	}
	for _, s := range draw(false) {
		i := slices.IndexFunc(rest, func(o Step) bool {
			o.ID = s.ID
			return reflect.DeepEqual(o, s)
		})
		if i < 0 {
			t.Errorf("left out: %v", &s)
			continue
		}
		rest = slices.Delete(rest, i, i+1)
	}
	if len(rest) < massSteps || len(rest) > 2*massSteps {
		t.Errorf("%d steps are added", len(rest))
	}
}
