package rank_test

import (
	"math"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/sched/rank"
)

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestFit(t *testing.T) {
	capacity := fit.Vector{CPU: 1000, Memory: 1000}
	for _, test := range []struct {
		name       string
		used       fit.Vector
		pack, even float64
	}{
		{"empty", fit.Vector{}, 0, 1},
		{"full", fit.Vector{CPU: 1000, Memory: 1000}, 1, 0},
		{"half", fit.Vector{CPU: 500, Memory: 500}, (20 - 2*math.Sqrt(10)) / 18, (2*math.Sqrt(10) - 2) / 18},
		{"memory only", fit.Vector{Memory: 1000}, (20.0 - 11) / 18, (11.0 - 2) / 18},
		{"too full", fit.Vector{CPU: 5000, Memory: 5000}, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := rank.Fit(rank.Pack, test.used, capacity); !near(got, test.pack) {
				t.Errorf("packing %v, want %v", got, test.pack)
			}
			if got := rank.Fit(rank.Even, test.used, capacity); !near(got, test.even) {
				t.Errorf("spreading %v, want %v", got, test.even)
			}
		})
	}
}

func TestFinal(t *testing.T) {
	for _, test := range []struct {
		name  string
		parts rank.Parts
		want  float64
	}{
		{"fit only", rank.Parts{Fit: 0.5, Count: 3}, 0.5},
		{"one of three is there", rank.Parts{Fit: 0.5, Count: 3, Collisions: 1}, (0.5 - 2.0/3) / 2},
		{"failed there before", rank.Parts{Fit: 0.5, Count: 3, Penalty: true}, (0.5 - 1) / 2},
		{"liked", rank.Parts{Fit: 0.5, Affinity: 0.7}, 0.6},
		{"affinities that cancel out are left out", rank.Parts{Fit: 0.5, Affinity: 0}, 0.5},
		{"a device score of 0 counts", rank.Parts{Fit: 0.5, HasDevice: true}, 0.25},
		{"everything", rank.Parts{Fit: 0.4, Count: 4, Collisions: 1, Penalty: true, Affinity: 0.6, Spread: 0.2, Device: 1, HasDevice: true, Preemption: 0.3, HasPreemption: true},
			(0.4 - 0.5 - 1 + 0.6 + 0.2 + 1 + 0.3) / 7},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.parts.Final(); !near(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

func TestVictims(t *testing.T) {
	if got, want := rank.Victims([]int{20}), 1/(1+math.Exp(0.0048*(21-2048))); !near(got, want) {
		t.Errorf("one victim: %v, want %v", got, want)
	}
	if one, two := rank.Victims([]int{20}), rank.Victims([]int{20, 20}); two >= one {
		t.Errorf("two victims score %v, one %v", two, one)
	}
	if got := rank.Victims(nil); got != 0 {
		t.Errorf("no victims: %v", got)
	}
}

func TestSpread(t *testing.T) {
	job := &nl.Job{}
	targets := func(list ...*nl.SpreadTarget) *nl.Group {
		return &nl.Group{Count: 10, Spreads: []*nl.Spread{{Attribute: "${node.datacenter}", Weight: 100, SpreadTarget: list}}}
	}
	type want struct {
		value string
		known bool
		boost float64
	}
	for _, test := range []struct {
		name  string
		group *nl.Group
		have  map[string]int
		want  []want
	}{
		{"targets", targets(&nl.SpreadTarget{Value: "a", Percent: 70}, &nl.SpreadTarget{Value: "b", Percent: 30}), map[string]int{"a": 1, "b": 3},
			[]want{{"a", true, 5.0 / 7}, {"b", true, -1.0 / 3}, {"c", true, -1}, {"", false, -1}}},
		{"the rest is for all others", targets(&nl.SpreadTarget{Value: "a", Percent: 50}), map[string]int{"b": 1},
			[]want{{"a", true, 4.0 / 5}, {"b", true, 3.0 / 5}, {"c", true, 4.0 / 5}}},
		{"a target of nothing", targets(&nl.SpreadTarget{Value: "a", Percent: 100}, &nl.SpreadTarget{Value: "b"}), nil,
			[]want{{"b", true, -1}}},
		{"even, nothing placed", targets(), nil, []want{{"a", true, 0}, {"", false, -1}}},
		{"even, one value used", targets(), map[string]int{"a": 1}, []want{{"a", true, -1}, {"b", true, 1}}},
		{"even, unequal", targets(), map[string]int{"a": 1, "b": 3}, []want{{"a", true, 2}, {"b", true, -2}, {"c", true, 1}}},
		{"even, equal", targets(), map[string]int{"a": 2, "b": 2}, []want{{"a", true, -1}, {"c", true, 1}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := rank.NewSpreads(job, test.group)[0]
			for value, n := range test.have {
				s.Add(value, n)
			}
			for _, w := range test.want {
				if got := s.Boost(w.value, w.known); !near(got, w.boost) {
					t.Errorf("%q gets %v, want %v", w.value, got, w.boost)
				}
			}
		})
	}
}

func TestSpreadForgetsWhatLeaves(t *testing.T) {
	s := rank.NewSpreads(&nl.Job{}, &nl.Group{Count: 4, Spreads: []*nl.Spread{{Attribute: "x", Weight: 1}}})[0]
	for _, step := range []struct {
		value string
		by    int
		a, b  float64
	}{
		{"a", 1, -1, 1}, {"b", 1, -1, -1}, {"a", 1, -1, 1}, {"a", -1, -1, -1}, {"b", -1, -1, 1}, {"a", -1, 0, 0}, {"a", -1, 0, 0},
	} {
		s.Add(step.value, step.by)
		if a, b := s.Boost("a", true), s.Boost("b", true); !near(a, step.a) || !near(b, step.b) {
			t.Errorf("after %s %+d: a %v, b %v, want %v and %v", step.value, step.by, a, b, step.a, step.b)
		}
	}
}

func TestWeightsShare(t *testing.T) {
	all := rank.NewSpreads(
		&nl.Job{Spreads: []*nl.Spread{{Attribute: "y", Weight: 25, SpreadTarget: []*nl.SpreadTarget{{Value: "v", Percent: 100}}}}},
		&nl.Group{Count: 2, Spreads: []*nl.Spread{{Attribute: "x", Weight: 75, SpreadTarget: []*nl.SpreadTarget{{Value: "v", Percent: 100}}}}})
	if len(all) != 2 {
		t.Fatalf("%d spreads", len(all))
	}
	if got := all[0].Boost("v", true); !near(got, 0.5*0.75) {
		t.Errorf("the group's gets %v", got)
	}
	if got := all[1].Boost("v", true); !near(got, 0.5*0.25) {
		t.Errorf("the job's gets %v", got)
	}
}
