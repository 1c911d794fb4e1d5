package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"reflect"
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// scalingEventsKept is how many events of a group are kept.
const scalingEventsKept = 20

func (t *tx) scaleJob(o *op.ScaleJob) (any, error) {
	stored := t.Job(o.Namespace, o.ID)
	if stored == nil {
		return nil, nl.Errorf(nl.CodeNotFound, "job %q not found", o.ID)
	}
	at := slices.IndexFunc(stored.TaskGroups, func(g *nl.Group) bool { return g.Name == o.Group })
	if at < 0 {
		return nil, nl.Errorf(nl.CodeInvalid, "task group %q specified for scaling does not exist in job", o.Group)
	}
	if o.EnforceIndex {
		if err := admit.CheckIndex(stored, o.JobModifyIndex); err != nil {
			return nil, err
		}
	}
	row := t.jobRow(o.Namespace, o.ID)
	previous := stored.TaskGroups[at].Count
	if o.Count != nil {
		next := *stored
		next.SubmitTime = o.SubmitTime
		next.TaskGroups = slices.Clone(stored.TaskGroups)
		group := *stored.TaskGroups[at]
		group.Count = *o.Count
		next.TaskGroups[at] = &group
		t.putJob(&next, 0)
	}
	if o.Event != nil {
		t.addScalingEvent(row, o.Group, previous, o.Event)
	}
	t.putJobEval(row, o.Eval)
	return registered(row.job, row.job != stored), nil
}

func (t *tx) addScalingEvent(row *jobRow, group string, previous int, e *nl.ScalingEvent) {
	next := *e
	next.PreviousCount = previous
	next.CreateIndex = t.index
	events := slices.Clone(row.events)
	at, found := slices.BinarySearchFunc(events, group, func(g groupEvents, group string) int {
		return strings.Compare(g.Group, group)
	})
	if !found {
		events = slices.Insert(events, at, groupEvents{Group: group})
	}
	list := append([]*nl.ScalingEvent{&next}, events[at].Events...)
	events[at].Events = list[:min(len(list), scalingEventsKept)]
	row.events = events
	change(t, TableScalingEvents, row.job.Namespace, row.job.ID, nil, &next)
}

// policyKey orders policies by job and target.
func policyKey(jobKey, group, task, kind string) string {
	return strings.Join([]string{jobKey, group, task, kind}, keySeparator)
}

// eachPolicy calls f for every scaling policy of a job; what f returns takes
// its place when it is another one. The job is the caller's copy: groups and
// tasks are copied before they are changed.
func eachPolicy(job *nl.Job, f func(key string, p *nl.ScalingPolicy) *nl.ScalingPolicy) {
	jobKey := JobKey(job.Namespace, job.ID)
	groups := job.TaskGroups
	for i, g := range groups {
		group := *g
		changed := false
		if g.Scaling != nil {
			group.Scaling = f(policyKey(jobKey, g.Name, "", g.Scaling.Type), g.Scaling)
			changed = group.Scaling != g.Scaling
		}
		for j, task := range g.Tasks {
			for k, p := range task.ScalingPolicies {
				next := f(policyKey(jobKey, g.Name, task.Name, p.Type), p)
				if next == p {
					continue
				}
				copied := *group.Tasks[j]
				copied.ScalingPolicies = slices.Clone(copied.ScalingPolicies)
				copied.ScalingPolicies[k] = next
				group.Tasks = slices.Clone(group.Tasks)
				group.Tasks[j] = &copied
				changed = true
			}
		}
		if changed {
			if &groups[0] == &job.TaskGroups[0] {
				job.TaskGroups = slices.Clone(groups)
			}
			job.TaskGroups[i] = &group
		}
	}
}

// carryPolicies gives the policies of a job that is about to be stored the
// identities and indexes they had before.
func (t *tx) carryPolicies(row *jobRow, job *nl.Job) {
	known := map[string]*nl.ScalingPolicy{}
	if row.job != nil {
		stored := *row.job
		eachPolicy(&stored, func(key string, p *nl.ScalingPolicy) *nl.ScalingPolicy {
			known[key] = p
			return p
		})
	}
	eachPolicy(job, func(key string, p *nl.ScalingPolicy) *nl.ScalingPolicy {
		next := *p
		if before := known[key]; before != nil {
			next.ID, next.CreateIndex, next.ModifyIndex = before.ID, before.CreateIndex, before.ModifyIndex
			return &next
		}
		if next.ID == "" {
			next.ID = t.derivedID(key)
		}
		return &next
	})
}

// derivedID is an ID for what its proposer did not name, the same on every
// server.
func (t *tx) derivedID(of string) string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(of), t.index))
	return nl.NewID(bytes.NewReader(sum[:]))
}

// putPolicies stores the policies of the row's job: a stopped job has none.
func (t *tx) putPolicies(row *jobRow, stored *nl.Job) {
	job := row.job
	if job.Stop {
		t.deletePolicies(job.Namespace, job.ID)
		return
	}
	kept := map[string]bool{}
	eachPolicy(job, func(key string, p *nl.ScalingPolicy) *nl.ScalingPolicy {
		kept[key] = true
		before, _ := t.policies.Get(key)
		if before.ScalingPolicy != nil && samePolicy(before.ScalingPolicy, p) {
			return before.ScalingPolicy
		}
		next := *p
		next.ModifyIndex = t.index
		if before.ScalingPolicy == nil {
			next.CreateIndex = t.index
		} else {
			next.CreateIndex = before.CreateIndex
		}
		t.setPolicy(key, before.ScalingPolicy, &next)
		return &next
	})
	if stored != nil {
		t.dropPolicies(job.Namespace, job.ID, func(key string) bool { return !kept[key] })
	}
}

// samePolicy compares what a job says of a policy.
func samePolicy(a, b *nl.ScalingPolicy) bool {
	x, y := *a, *b
	x.CreateIndex, x.ModifyIndex, y.CreateIndex, y.ModifyIndex = 0, 0, 0, 0
	return reflect.DeepEqual(x, y)
}

func (t *tx) setPolicy(key string, before, next *nl.ScalingPolicy) {
	t.policies.Set(t.owner, policyRow{key, next})
	t.policyID.Set(t.owner, policyRow{next.ID, next})
	namespace, _ := splitJobKey(key)
	change(t, TableScalingPolicies, namespace, next.ID, before, next)
}

func (t *tx) deletePolicies(namespace, id string) {
	t.dropPolicies(namespace, id, func(string) bool { return true })
}

func (t *tx) dropPolicies(namespace, id string, drop func(key string) bool) {
	var gone []policyRow
	for row := range t.policies.Prefixed(JobKey(namespace, id) + keySeparator) {
		if drop(row.key) {
			gone = append(gone, row)
		}
	}
	for _, row := range gone {
		t.policies.Delete(t.owner, row.key)
		t.policyID.Delete(t.owner, row.ID)
		change(t, TableScalingPolicies, namespace, row.ID, row.ScalingPolicy, nil)
	}
}
