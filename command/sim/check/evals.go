package check

import (
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/store"
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
			if e.Type == nl.JobTypeService && complete(s, job) {
				return fmt.Errorf("evaluation %s waits for room for job %s, of which everything runs", e.ID, e.JobID)
			}
		}
	}
	return nil
}

// complete tells whether as many allocations of the newest version run as the
// job wants, and no deployment is left to come.
func complete(s *store.Snapshot, j *nl.Job) bool {
	if d := s.LatestDeployment(j.Namespace, j.ID); d != nil && d.Active() {
		return false
	}
	for _, g := range j.TaskGroups {
		run := 0
		for a := range s.AllocsByJob(j.Namespace, j.ID) {
			if a.TaskGroup == g.Name && !a.TerminalDesired() && a.ClientStatus == nl.AllocClientRunning && a.JobVersion == j.Version {
				run++
			}
		}
		if run < g.Count {
			return false
		}
	}
	return true
}
