package op

import nl "github.com/nomadlike/nomadlike/nomadlike"

// PlanDelta is a verified plan as the log carries it. Allocations name their
// job by version; the store attaches the job it holds.
type PlanDelta struct {
	EvalID            string
	Time              int64 // unix ns, becomes CreateTime and ModifyTime
	Place             []*nl.Alloc
	Stop              []nl.AllocStop
	Preempt           []nl.AllocPreemption
	Deployment        *nl.Deployment
	DeploymentUpdates []nl.DeploymentStatusUpdate
	Evals             []*nl.Eval
}
