package verify

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// outlived tells whether the job that a plan places for was purged since it was
// decided on, whether or not one of that name was registered again: nothing new
// of it may run.
func outlived(s *store.Snapshot, p *nl.Plan) bool {
	for _, a := range p.Place {
		if s.Alloc(a.ID) != nil {
			continue
		}
		job := s.Job(a.Namespace, a.JobID)
		return job == nil || job.CreateIndex > p.SnapshotIndex // all are of one job
	}
	return false
}
