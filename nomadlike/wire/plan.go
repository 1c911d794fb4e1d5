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

// planFields is how many elements a planForm has.
const planFields = 8

// appendPlans appends the plans' forms.
func appendPlans(b []byte, o *op.ApplyPlans) (_ []byte, err error) {
	b = AppendArray(b, len(o.Plans))
	for _, p := range o.Plans {
		b = AppendInt(AppendText(AppendArray(b, planFields), p.EvalID), p.Time)
		if b, err = AppendAllocs(b, p.Place); err != nil {
			return nil, err
		}
		for _, part := range [...]any{p.Stop, p.Preempt, p.Deployment, p.DeploymentUpdates, p.Evals} {
			if b, err = appendAny(b, part); err != nil {
				return nil, err
			}
		}
	}
	return b, nil
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
