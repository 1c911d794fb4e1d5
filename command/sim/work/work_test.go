package work

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

func TestBuild(t *testing.T) {
	for job := range MassBatch + 1 {
		for seed := range uint64(20) {
			a, err := Build(job, seed, seed%2 == 0)
			if err != nil {
				t.Fatalf("%s with seed %d: %v", JobID(job), seed, err)
			}
			if b, _ := Build(job, seed, seed%2 == 0); !reflect.DeepEqual(a, b) {
				t.Fatalf("%s with seed %d is built in two ways", JobID(job), seed)
			}
		}
	}
}

func TestDraw(t *testing.T) {
	all, err := ParseFaults("all")
	if err != nil {
		t.Fatal(err)
	}
	p := Plan{Servers: 3, Nodes: 10, Steps: 60, Span: 5 * time.Minute, Faults: all}
	draw := func(p Plan) []Step { return Draw(p, rand.New(rand.NewPCG(1, 2))) }
	steps := draw(p)
	if !reflect.DeepEqual(steps, draw(p)) {
		t.Error("the same seed draws two lists")
	}
	verbs := map[bool]int{}
	for i, s := range steps {
		verbs[s.Fault()]++
		if s.ID != i || i > 0 && s.At < steps[i-1].At || s.At > p.Span {
			t.Errorf("out of order: %v", &s)
		}
		if s.Server >= p.Servers || s.Other >= p.Servers || s.Node >= p.Capacity() {
			t.Errorf("names what there is not: %v", &s)
		}
	}
	if verbs[true] == 0 || verbs[false] < p.Steps {
		t.Errorf("%d faults and %d other steps", verbs[true], verbs[false])
	}
	p.Faults = Faults{}
	for _, s := range draw(p) {
		if s.Fault() {
			t.Errorf("a fault that was not asked for: %v", &s)
		}
	}
}

func TestParseFaults(t *testing.T) {
	for _, text := range []string{"all", "none", "clock", "network,partition", "disk,server,node"} {
		f, err := ParseFaults(text)
		if err != nil || f.String() != text {
			t.Errorf("%q is read as %q, %v", text, f, err)
		}
	}
	if _, err := ParseFaults("clock,rain"); err == nil {
		t.Error("rain is taken for a fault")
	}
}
