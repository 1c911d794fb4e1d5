package admit

import (
	"reflect"

	"github.com/nomadlike/nomadlike/nomadlike"
)

// CheckUpdate tells why a registered job may not become the new one; existing
// is nil for a job that is new.
func CheckUpdate(existing, job *nomadlike.Job) error {
	if existing == nil {
		if job.Dispatched {
			return nomadlike.Errorf(nomadlike.CodeInternal, "job can't be submitted with 'Dispatched' set")
		}
		return nil
	}
	if existing.Type != job.Type {
		return nomadlike.Errorf(nomadlike.CodeInternal, "cannot update job from type %q to %q", existing.Type, job.Type)
	}
	if existing.IsPeriodic() != job.IsPeriodic() {
		if existing.IsPeriodic() {
			return nomadlike.Errorf(nomadlike.CodeInternal, "cannot update periodic job to being non-periodic")
		}
		return nomadlike.Errorf(nomadlike.CodeInternal, "cannot update non-periodic job to being periodic")
	}
	if (existing.ParameterizedJob != nil) != (job.ParameterizedJob != nil) {
		if existing.ParameterizedJob != nil {
			return nomadlike.Errorf(nomadlike.CodeInternal, "cannot update parameterized job to being non-parameterized")
		}
		return nomadlike.Errorf(nomadlike.CodeInternal, "cannot update non-parameterized job to being parameterized")
	}
	if existing.Dispatched != job.Dispatched {
		return nomadlike.Errorf(nomadlike.CodeInternal, "field 'Dispatched' is read-only")
	}
	return nil
}

// CheckIndex is the check-and-set of a registration; existing is nil when the
// job is not registered.
func CheckIndex(existing *nomadlike.Job, given uint64) error {
	switch {
	case existing == nil && given == 0:
		return nil
	case existing == nil:
		return nomadlike.Errorf(nomadlike.CodeInternal, "Enforcing job modify index %d: job does not exist", given)
	case given == 0:
		return nomadlike.Errorf(nomadlike.CodeInternal, "Enforcing job modify index 0: job already exists")
	case given != existing.JobModifyIndex:
		return nomadlike.Errorf(nomadlike.CodeInternal, "Enforcing job modify index %d: job exists with conflicting job modify index: %d", given, existing.JobModifyIndex)
	}
	return nil
}

// SpecChanged tells whether a job differs in its specification, which makes a
// new version. What the servers keep about a job does not count, and neither
// does the tag of a version.
func SpecChanged(old, updated *nomadlike.Job) bool {
	if old == nil || updated == nil {
		return old != updated
	}
	a, b := *old, *updated
	for _, j := range [...]*nomadlike.Job{&a, &b} {
		j.Status, j.StatusDescription, j.Stable, j.Version = "", "", false, 0
		j.CreateIndex, j.ModifyIndex, j.JobModifyIndex, j.SubmitTime = 0, 0, 0, 0
		j.VersionTag = nil
	}
	return !same(reflect.ValueOf(a), reflect.ValueOf(b))
}

// Preserve carries over what the submitter asked to keep from the registered
// job: counts of groups, resources of tasks. Both jobs' shared parts stay as
// they are.
func Preserve(existing, job *nomadlike.Job, counts, resources bool) {
	if existing == nil {
		return
	}
	for _, g := range job.TaskGroups {
		old := existing.Group(g.Name)
		if old == nil {
			continue
		}
		if counts {
			g.Count = old.Count
		}
		if !resources {
			continue
		}
		for _, t := range g.Tasks {
			if was := old.Task(t.Name); was != nil {
				t.Resources = nomadlike.DeepCopy(was.Resources)
			}
		}
	}
}

// AssignPolicyIDs gives every scaling policy its ID: that of the policy for the
// same target in the registered job, or a new one.
func AssignPolicyIDs(existing, job *nomadlike.Job, newID func() string) {
	known := map[string]*nomadlike.ScalingPolicy{}
	if existing != nil {
		eachPolicy(existing, func(key string, p *nomadlike.ScalingPolicy) { known[key] = p })
	}
	eachPolicy(job, func(key string, p *nomadlike.ScalingPolicy) {
		if old := known[key]; old != nil {
			p.ID, p.CreateIndex, p.ModifyIndex = old.ID, old.CreateIndex, old.ModifyIndex
		} else {
			p.ID = newID()
		}
	})
}

// eachPolicy visits the scaling policies of a job with what they scale.
func eachPolicy(job *nomadlike.Job, visit func(key string, p *nomadlike.ScalingPolicy)) {
	for _, g := range job.TaskGroups {
		if g.Scaling != nil {
			visit(g.Name, g.Scaling)
		}
		for _, t := range g.Tasks {
			for _, p := range t.ScalingPolicies {
				visit(g.Name+"\x00"+t.Name+"\x00"+p.Type, p)
			}
		}
	}
}
