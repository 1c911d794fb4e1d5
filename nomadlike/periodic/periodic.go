// Package periodic decides when children of periodic jobs are launched. It is
// pure: the leader's loop passes in the time and the state, and proposes what
// it returns. Endpoints use it to launch by force and to tell the next launch.
package periodic

import (
	"fmt"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/cron"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// Schedule is when a periodic block launches: the lines of the block in its
// zone. It must not be used by several goroutines at once.
type Schedule struct {
	lines []cron.Line
	zone  *time.Location
}

// Read reads the schedule of a block. The error says which line or zone is
// wrong.
func Read(p *nl.Periodic) (*Schedule, error) {
	zone, err := cron.Zone(p.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("time zone %q of periodic block: %w", p.TimeZone, err)
	}
	s := &Schedule{zone: zone}
	specs := p.Specs
	if p.Spec != "" {
		specs = append([]string{p.Spec}, specs...)
	}
	for _, spec := range specs {
		line, err := cron.Parse(spec)
		if err != nil {
			return nil, fmt.Errorf("cron line %q of periodic block cannot be parsed: %w", spec, err)
		}
		s.lines = append(s.lines, line)
	}
	return s, nil
}

// Next is the earliest launch after a time; the zero time when there is none.
func (s *Schedule) Next(after time.Time) time.Time {
	after = after.In(s.zone)
	var next time.Time
	for _, line := range s.lines {
		if at := line.Next(after); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// Launches is the first launches after a time, at most n of them. Lines that
// fire at the same time make one launch.
func (s *Schedule) Launches(after time.Time, n int) []time.Time {
	var out []time.Time
	for at := s.Next(after); !at.IsZero() && len(out) < n; at = s.Next(at) {
		out = append(out, at)
	}
	return out
}

// Next is the earliest launch of a block after a time, in the zone of the
// block; the zero time when there is none.
func Next(p *nl.Periodic, after time.Time) (time.Time, error) {
	s, err := Read(p)
	if err != nil {
		return time.Time{}, err
	}
	return s.Next(after), nil
}

// ChildID names the child that a job launches at a time.
func ChildID(parent string, at time.Time) string {
	return fmt.Sprintf("%s/periodic-%d", parent, at.Unix())
}

// Launch registers the child of a job for a time, which becomes its parent's
// last launch.
func Launch(job *nl.Job, at time.Time, newID func() string) *op.RegisterJob {
	child := job.Copy()
	child.ParentID = job.ID
	child.ID = ChildID(job.ID, at)
	child.Name = child.ID
	child.Periodic = nil
	child.Status, child.StatusDescription = "", ""
	child.Version, child.Stable, child.VersionTag = 0, false, nil
	child.CreateIndex, child.ModifyIndex, child.JobModifyIndex = 0, 0, 0
	child.SubmitTime = at.UnixNano()
	o := &op.RegisterJob{Job: child, PeriodicLaunch: at.UnixNano()}
	if !child.IsParameterized() {
		o.Eval = &nl.Eval{
			ID: newID(), Namespace: child.Namespace, Priority: child.Priority, Type: child.Type,
			TriggeredBy: nl.TriggerPeriodicJob, JobID: child.ID, Status: nl.EvalStatusPending,
			CreateTime: at.UnixNano(), ModifyTime: at.UnixNano(),
		}
	}
	return o
}

// Dispatcher launches children when they are due. Its memory holds only what
// must not be asked again and what is costly to read again: a new leader's
// starts empty.
type Dispatcher struct {
	skipped   map[jobKey]skip
	schedules map[jobKey]schedule
}

type jobKey struct{ namespace, id string }

// skip is a launch that was due while another child ran.
type skip struct {
	job uint64 // modify index of the job it is about
	at  time.Time
}

// schedule is what a version of a job says; nil when it cannot be read.
type schedule struct {
	job uint64 // modify index of the job it is about
	*Schedule
}

// New makes a dispatcher without memory.
func New() *Dispatcher {
	return &Dispatcher{skipped: map[jobKey]skip{}, schedules: map[jobKey]schedule{}}
}

// Step gives what is to be launched now and when it is to be asked again.
// Launches that were missed, however many, are made up for by one.
func (d *Dispatcher) Step(now time.Time, s *store.Snapshot, newID func() string) (ops []op.Op, wake time.Time) {
	tracked := map[jobKey]bool{}
	for job := range s.Jobs(nl.AllNamespaces, "") {
		if !Tracked(job) {
			continue
		}
		k := jobKey{job.Namespace, job.ID}
		tracked[k] = true
		o, next := d.stepJob(now, s, job, newID)
		if o != nil {
			ops = append(ops, o)
		}
		if !next.IsZero() && (wake.IsZero() || next.Before(wake)) {
			wake = next
		}
	}
	for k := range d.schedules {
		if !tracked[k] {
			delete(d.skipped, k)
			delete(d.schedules, k)
		}
	}
	return ops, wake
}

// Tracked tells whether children of the job are launched by the clock.
func Tracked(job *nl.Job) bool {
	return job.IsPeriodic() && job.Periodic.Enabled && !job.Stop && !job.IsParameterized()
}

func (d *Dispatcher) stepJob(now time.Time, s *store.Snapshot, job *nl.Job, newID func() string) (op.Op, time.Time) {
	k := jobKey{job.Namespace, job.ID}
	last := time.Unix(0, max(s.PeriodicLaunch(job.Namespace, job.ID), job.SubmitTime))
	if skipped := d.skipped[k]; skipped.job == job.JobModifyIndex && skipped.at.After(last) {
		last = skipped.at
	}
	times := d.scheduleOf(k, job)
	if times == nil {
		return nil, time.Time{} // admission refuses such lines; there is nothing to wait for
	}
	due := times.Next(last)
	if due.IsZero() || due.After(now) {
		return nil, due
	}
	if again := times.Next(due); !again.IsZero() && !again.After(now) {
		due = now.Truncate(time.Second) // several were missed: one makes up for them
	}
	after := times.Next(due)
	if job.Periodic.ProhibitOverlap && childRuns(s, job) {
		d.skipped[k] = skip{job: job.JobModifyIndex, at: due}
		return nil, after
	}
	return Launch(job, due, newID), after
}

// scheduleOf is the schedule of a job, read once for each version of it; nil
// when it cannot be read.
func (d *Dispatcher) scheduleOf(k jobKey, job *nl.Job) *Schedule {
	if known, ok := d.schedules[k]; ok && known.job == job.JobModifyIndex {
		return known.Schedule
	}
	s, err := Read(job.Periodic)
	if err != nil {
		s = nil
	}
	d.schedules[k] = schedule{job.JobModifyIndex, s}
	return s
}

// childRuns tells whether a child of the job is not over.
func childRuns(s *store.Snapshot, job *nl.Job) bool {
	for child := range s.JobsByParent(job.Namespace, job.ID) {
		if child.Status != nl.JobStatusDead {
			return true
		}
	}
	return false
}
