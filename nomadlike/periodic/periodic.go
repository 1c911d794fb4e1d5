// Package periodic decides when children of periodic jobs are launched. It is
// pure: the leader's loop passes in the time and the state, and proposes what
// it returns. Endpoints use it to launch by force and to tell the next launch.
package periodic

import (
	"fmt"
	"time"

	"github.com/hashicorp/cronexpr"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// Next is the earliest launch after a time, in the zone of the block; the zero
// time when there is none. The error says which line or zone is wrong.
func Next(p *nl.Periodic, after time.Time) (time.Time, error) {
	zone := time.UTC
	if p.TimeZone != "" {
		var err error
		if zone, err = time.LoadLocation(p.TimeZone); err != nil {
			return time.Time{}, fmt.Errorf("time zone %q of periodic block: %w", p.TimeZone, err)
		}
	}
	specs := p.Specs
	if p.Spec != "" {
		specs = append([]string{p.Spec}, specs...)
	}
	after = after.In(zone)
	var next time.Time
	for _, spec := range specs {
		at, err := nextOf(spec, after)
		if err != nil {
			return time.Time{}, err
		}
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, nil
}

// nextOf is the first launch of one cron line after a time.
func nextOf(spec string, after time.Time) (next time.Time, err error) {
	// The parser is meant for trusted lines and panics on some others.
	defer func() {
		if r := recover(); r != nil {
			next, err = time.Time{}, fmt.Errorf("cron line %q of periodic block cannot be parsed: %v", spec, r)
		}
	}()
	expr, err := cronexpr.Parse(spec)
	if err != nil {
		return time.Time{}, fmt.Errorf("cron line %q of periodic block cannot be parsed: %w", spec, err)
	}
	return expr.Next(after), nil
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
// must not be asked again: a new leader's starts empty.
type Dispatcher struct {
	skipped map[jobKey]skip
}

type jobKey struct{ namespace, id string }

// skip is a launch that was due while another child ran.
type skip struct {
	job uint64 // modify index of the job it is about
	at  time.Time
}

// New makes a dispatcher without memory.
func New() *Dispatcher { return &Dispatcher{skipped: map[jobKey]skip{}} }

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
	for k := range d.skipped {
		if !tracked[k] {
			delete(d.skipped, k)
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
	due, err := Next(job.Periodic, last)
	if err != nil || due.IsZero() {
		return nil, time.Time{} // admission refuses such lines; there is nothing to wait for
	}
	if due.After(now) {
		return nil, due
	}
	if again, err := Next(job.Periodic, due); err == nil && !again.IsZero() && !again.After(now) {
		due = now.Truncate(time.Second) // several were missed: one makes up for them
	}
	after, err := Next(job.Periodic, due)
	if err != nil {
		after = time.Time{}
	}
	if job.Periodic.ProhibitOverlap && childRuns(s, job) {
		d.skipped[k] = skip{job: job.JobModifyIndex, at: due}
		return nil, after
	}
	return Launch(job, due, newID), after
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
