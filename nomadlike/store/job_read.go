package store

import (
	"iter"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Job is nil when there is none.
func (s *Snapshot) Job(namespace, id string) *nl.Job {
	if row := s.jobRowOf(namespace, id); row != nil {
		return row.job
	}
	return nil
}

// JobVersion is nil when that version is not kept.
func (s *Snapshot) JobVersion(namespace, id string, version uint64) *nl.Job {
	if row := s.jobRowOf(namespace, id); row != nil {
		return row.version(version)
	}
	return nil
}

func (r *jobRow) version(version uint64) *nl.Job {
	for _, j := range r.versions {
		if j.Version == version {
			return j
		}
	}
	return nil
}

// JobVersions are the versions kept, newest first.
func (s *Snapshot) JobVersions(namespace, id string) []*nl.Job {
	if row := s.jobRowOf(namespace, id); row != nil {
		return row.versions
	}
	return nil
}

// Jobs yields the jobs whose ID starts with prefix, by namespace and ID.
func (s *Snapshot) Jobs(namespace, prefix string) iter.Seq[*nl.Job] {
	return func(yield func(*nl.Job) bool) {
		rows := s.jobs.All()
		if namespace != nl.AllNamespaces {
			rows = s.jobs.Prefixed(namespacePrefix(namespace) + prefix)
		}
		for row := range rows {
			if row.job == nil || namespace == nl.AllNamespaces && !strings.HasPrefix(row.job.ID, prefix) {
				continue
			}
			if !yield(row.job) {
				return
			}
		}
	}
}

// JobsByParent yields the children of a periodic or parameterized job, by ID.
func (s *Snapshot) JobsByParent(namespace, parentID string) iter.Seq[*nl.Job] {
	row := s.jobRowOf(namespace, parentID)
	if row == nil {
		return empty[*nl.Job]
	}
	return filtered(row.children.All(), func(child name) *nl.Job { return s.Job(namespace, string(child)) },
		func(j *nl.Job) bool { return j != nil })
}

// JobSummary is nil when there is no such job.
func (s *Snapshot) JobSummary(namespace, id string) *nl.JobSummary {
	if row := s.jobRowOf(namespace, id); row != nil {
		return row.summary
	}
	return nil
}

// JobSubmission is the source that version was submitted with, nil when it was
// not kept.
func (s *Snapshot) JobSubmission(namespace, id string, version uint64) *nl.JobSubmission {
	row := s.jobRowOf(namespace, id)
	if row == nil {
		return nil
	}
	for _, sub := range row.submissions {
		if sub.Version == version {
			return sub
		}
	}
	return nil
}

// ScalingEvents are by group, newest first.
func (s *Snapshot) ScalingEvents(namespace, id string) map[string][]*nl.ScalingEvent {
	row := s.jobRowOf(namespace, id)
	if row == nil {
		return nil
	}
	events := make(map[string][]*nl.ScalingEvent, len(row.events))
	for _, g := range row.events {
		events[g.Group] = g.Events
	}
	return events
}

// PeriodicLaunch is when the periodic job last launched, in unix ns, 0 is never.
func (s *Snapshot) PeriodicLaunch(namespace, id string) int64 {
	if row := s.jobRowOf(namespace, id); row != nil {
		return row.launch
	}
	return 0
}

// ScalingPolicies yields the policies by namespace, job and target.
func (s *Snapshot) ScalingPolicies(namespace string) iter.Seq[*nl.ScalingPolicy] {
	return filtered(s.policies.Prefixed(namespacePrefix(namespace)),
		func(r policyRow) *nl.ScalingPolicy { return r.ScalingPolicy }, always)
}

// ScalingPoliciesByJob yields the policies of one job, by target.
func (s *Snapshot) ScalingPoliciesByJob(namespace, id string) iter.Seq[*nl.ScalingPolicy] {
	return filtered(s.policies.Prefixed(JobKey(namespace, id)+keySeparator),
		func(r policyRow) *nl.ScalingPolicy { return r.ScalingPolicy }, always)
}

// ScalingPolicy is nil when there is none.
func (s *Snapshot) ScalingPolicy(id string) *nl.ScalingPolicy {
	row, _ := s.policyID.Get(id)
	return row.ScalingPolicy
}
