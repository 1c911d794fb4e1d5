package wire

import (
	"github.com/fxamacker/cbor/v2"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// planForm is a plan with its allocations in one block: the entries of the log
// that carry most of its bytes.
type planForm struct {
	_                 struct{} `cbor:",toarray"`
	EvalID            string
	Time              int64
	Place             cbor.RawMessage
	Stop              []nl.AllocStop
	Preempt           []nl.AllocPreemption
	Deployment        *nl.Deployment
	DeploymentUpdates []nl.DeploymentStatusUpdate
	Evals             []*nl.Eval
}

func encodePlans(o *op.ApplyPlans) ([]byte, error) {
	forms := make([]planForm, len(o.Plans))
	for i, p := range o.Plans {
		place, err := EncodeAllocs(p.Place)
		if err != nil {
			return nil, err
		}
		forms[i] = planForm{
			EvalID: p.EvalID, Time: p.Time, Place: place, Stop: p.Stop, Preempt: p.Preempt,
			Deployment: p.Deployment, DeploymentUpdates: p.DeploymentUpdates, Evals: p.Evals,
		}
	}
	return Encode(forms)
}

func decodePlans(body []byte) (op.Op, error) {
	var forms []planForm
	if err := Decode(body, &forms); err != nil {
		return nil, err
	}
	o := &op.ApplyPlans{Plans: make([]*op.PlanDelta, len(forms))}
	for i := range forms {
		f := &forms[i]
		place, err := DecodeAllocs(f.Place)
		if err != nil {
			return nil, err
		}
		o.Plans[i] = &op.PlanDelta{
			EvalID: f.EvalID, Time: f.Time, Place: place, Stop: f.Stop, Preempt: f.Preempt,
			Deployment: f.Deployment, DeploymentUpdates: f.DeploymentUpdates, Evals: f.Evals,
		}
	}
	return o, nil
}
