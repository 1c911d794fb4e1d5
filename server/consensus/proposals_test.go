package consensus

import (
	"testing"

	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// The bytes that were proposed give back the op that they stand for, and no
// others do, equal as they may be.
func TestProposals(t *testing.T) {
	var p proposals
	for _, o := range []op.Op{
		&op.ApplyPlans{Plans: []*op.PlanDelta{{EvalID: "e"}}},
		&op.UpdateAllocs{NodeID: "n"},
		&op.Batch{Ops: []op.Op{&op.UpdateAllocs{NodeID: "n"}}},
		&op.Batch{Ops: []op.Op{&op.UpsertEvals{}}},
		&op.UpsertEvals{},
	} {
		data, err := wire.EncodeOp(o)
		if err != nil {
			t.Fatal(err)
		}
		release := p.hold(data, o)
		got, err := p.decode(data)
		if err != nil || held(o) != (got == o) {
			t.Errorf("%T: %T, %v", o, got, err)
		}
		if got, err := p.decode(append([]byte(nil), data...)); err != nil || got == o || got.Kind() != o.Kind() {
			t.Errorf("%T from other bytes: %T, %v", o, got, err)
		}
		release()
		if got, _ := p.decode(data); got == o || len(p.ops) > 0 {
			t.Errorf("%T is held after its release", o)
		}
	}
}
