package wire

import (
	"bytes"
	"math"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func metrics() []*nl.AllocMetric {
	full := new(nl.AllocMetric)
	(&filler{}).fill(reflect.ValueOf(full).Elem(), 0)
	placed := *full
	placed.ResourcesExhausted = nil
	return []*nl.AllocMetric{full, &placed, {}, {
		NodesEvaluated: -1, NodesFiltered: 24, NodesInPool: 1 << 20, NodePool: "default", AllocationTime: 1 << 40,
		NodesAvailable: map[string]int{"dc10": 1, "dc9": 300, "a": 70_000, "": 0}, ClassFiltered: map[string]int{},
		QuotaExhausted: []string{}, Scores: map[string]float64{"binpack": 1, "x": 0.1}, Reason: "none",
		ScoreMetaData: []*nl.NodeScoreMeta{nil, {}, {NodeID: "n", NormScore: 0.5, Scores: nl.ScoreTable{
			{Name: "binpack", Value: 0.7431}, {Name: "job-anti-affinity"}, {Name: "node-affinity", Value: -1},
			{Name: "devices", Value: math.Inf(1)}, {Name: "n", Value: math.NaN()}, {Name: "t", Value: 1.0 / 3},
		}}},
	}, {ScoreMetaData: []*nl.NodeScoreMeta{}}}
}

// What is written by hand is what the library writes, and reads.
func TestMetricIsTheLibrarys(t *testing.T) {
	for i, m := range metrics() {
		want, err := Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := encodeMetric(m)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d: %x (%v), want\n%x", i, got, err, want)
		}
		r := NewReader(want)
		back := readMetric(r, new(TextPool))
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, back, cmpopts.EquateNaNs()); d != "" {
			t.Errorf("%d: %s", i, d)
		}
	}
}

func TestFloatIsTheLibrarys(t *testing.T) {
	floats := []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), math.MaxFloat64, math.SmallestNonzeroFloat64,
		math.MaxFloat32, math.SmallestNonzeroFloat32, 1e39, -1e39}
	for half := range uint32(1 << 16) {
		floats = append(floats, halfFloat(uint16(half)))
	}
	for i := range 300 {
		base := math.Ldexp(1, i-150)
		floats = append(floats, base, -base, base*1.5, base*(1+math.Ldexp(1, -10)), base*(1+math.Ldexp(1, -11)), base*(1+math.Ldexp(1, -23)), base*1.1)
	}
	for _, f := range floats {
		want, err := Encode(f)
		if err != nil {
			t.Fatal(err)
		}
		if got := AppendFloat(nil, f); !bytes.Equal(got, want) {
			t.Fatalf("%v is %x, want %x", f, got, want)
		}
		r := NewReader(want)
		if got := r.Float(); r.Close() != nil || math.Float64bits(got) != math.Float64bits(f) && !math.IsNaN(f) {
			t.Fatalf("%x is read as %v, want %v", want, got, f)
		}
	}
}

// Nodes and parts of scores that metrics of one block name are one copy.
func TestMetricsShareTexts(t *testing.T) {
	list := []*nl.Alloc{}
	for i := range 3 {
		list = append(list, &nl.Alloc{ID: "a", Metrics: &nl.AllocMetric{NodesEvaluated: i, ScoreMetaData: []*nl.NodeScoreMeta{{NodeID: "node"}}}})
	}
	b, err := EncodeAllocs(list)
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeAllocs(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range back[1:] {
		if !sameText(a.Metrics.ScoreMetaData[0].NodeID, back[0].Metrics.ScoreMetaData[0].NodeID) {
			t.Error("two copies of a node's ID")
		}
	}
}
