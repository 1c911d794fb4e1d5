package check

import (
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// evals: every evaluation ends, or waits for room that a job still wants.
type evals struct{}

func newEvals() Checker { return evals{} }

func (evals) Name() string { return "every evaluation ends" }

func (evals) Observe(ev Event) error {
	end, ok := ev.(Settled)
	if !ok {
		return nil
	}
	for _, s := range end.Snapshots {
		waits := map[string]string{}
		for e := range s.Evals(nl.AllNamespaces) {
			if e.Terminal() {
				continue
			}
			if e.Status != nl.EvalStatusBlocked {
				return fmt.Errorf("evaluation %s of job %s (%s) is %s at the end", e.ID, e.JobID, e.TriggeredBy, e.Status)
			}
			job := s.Job(e.Namespace, e.JobID)
			if job == nil || job.Stop {
				return fmt.Errorf("evaluation %s waits for room for job %s, which is stopped", e.ID, e.JobID)
			}
			key := e.Namespace + "/" + e.JobID + "/" + e.NodeID
			if other := waits[key]; other != "" {
				return fmt.Errorf("evaluations %s and %s both wait for room for job %s", other, e.ID, e.JobID)
			}
			waits[key] = e.ID
		}
	}
	return nil
}
