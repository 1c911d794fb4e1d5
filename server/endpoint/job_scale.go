package endpoint

import (
	"cmp"
	"context"
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// scalingMessageBytesMax bounds the message of a scaling event.
const scalingMessageBytesMax = 1 << 16

func (e *Endpoints) jobScale(ctx context.Context, req *query.JobScale, reply *nl.JobRegisterResponse) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "scale-job", "submit-job")); err != nil {
		return err
	}
	s := e.snapshot()
	if e.rejects(s) {
		return nl.Errorf(nl.CodeDenied, "Job registration, dispatch, and scale are disabled by the scheduler configuration")
	}
	job := s.Job(ns, req.ID)
	if err := checkScale(s, job, req); err != nil {
		return err
	}
	group := job.Group(req.Group)
	if err := checkTotal(job, group, req.Count, e.cfg.Admission.MaxCount); err != nil {
		return err
	}
	event := &nl.ScalingEvent{
		Time: e.now(), PreviousCount: group.Count, Message: req.Message, Error: req.Error, Meta: req.Meta, Count: req.Count,
	}
	o := &op.ScaleJob{Namespace: ns, ID: req.ID, Group: req.Group, Count: req.Count, SubmitTime: e.now(), Event: event,
		EnforceIndex: req.EnforceIndex, JobModifyIndex: req.JobModifyIndex}
	if req.Count != nil && !job.IsPeriodic() && !job.IsParameterized() {
		o.Eval = e.jobEval(job, nl.TriggerJobScaling, 0)
		event.EvalID = &o.Eval.ID
	}
	if req.Count == nil {
		reply.JobModifyIndex = job.ModifyIndex
	}
	reply.KnownLeader = true
	return e.proposeJob(ctx, o, o.Eval, reply)
}

// checkScale refuses scaling that makes no sense, with the recorded texts.
func checkScale(s *store.Snapshot, job *nl.Job, req *query.JobScale) error {
	bad := func(format string, args ...any) error { return nl.Errorf(nl.CodeInvalid, format, args...) }
	switch {
	case req.Group == "":
		return bad("missing task group name for scaling action")
	case len(req.Message) > scalingMessageBytesMax:
		return bad("scaling message is longer than %d bytes", scalingMessageBytesMax)
	case req.Count != nil && req.Error:
		return bad("scaling action should not contain count if error is true")
	case req.Count != nil && *req.Count < 0:
		return bad("scaling action count can't be negative")
	case job == nil:
		return nl.Errorf(nl.CodeNotFound, "job %q not found", req.ID)
	}
	group := job.Group(req.Group)
	if group == nil {
		return bad("task group %q specified for scaling does not exist in job", req.Group)
	}
	if req.Count == nil {
		return nil
	}
	n := *req.Count
	if (job.Type == nl.JobTypeSystem || job.Type == nl.JobTypeSysBatch) && n > 1 {
		return bad("jobs of type %q can only be scaled between 0 and 1", job.Type)
	}
	if p := group.Scaling; p != nil {
		if n < p.Min {
			return bad("group count was less than scaling policy minimum: %d < %d", n, p.Min)
		}
		if n > p.Max {
			return bad("group count was greater than scaling policy maximum: %d > %d", n, p.Max)
		}
	}
	if d := s.LatestDeployment(job.Namespace, job.ID); d != nil && d.Active() && d.JobCreateIndex == job.CreateIndex {
		return bad("job scaling blocked due to active deployment")
	}
	return nil
}

// checkTotal refuses counts that make the job larger than any may be; limit 0
// is no bound. Without a count nothing is scaled.
func checkTotal(job *nl.Job, group *nl.Group, count *int, limit int) error {
	if count == nil || limit <= 0 {
		return nil
	}
	total := *count - group.Count
	for _, g := range job.TaskGroups {
		total += g.Count
	}
	if *count > limit || total > limit {
		return nl.Errorf(nl.CodeInternal, "total count was greater than configured job_max_count: %d > %d", max(total, *count), limit)
	}
	return nil
}

func (e *Endpoints) jobScaleStatus(ctx context.Context, req *query.JobGet, reply *query.JobScaleReply) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "read-job", "read-job-scaling")); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		watch := []store.Key{jobKey(ns, req.ID), {Table: store.TableAllocs, ID: store.JobKey(ns, req.ID)}, {Table: store.TableScalingEvents, ID: store.JobKey(ns, req.ID)}}
		job := s.Job(ns, req.ID)
		if job == nil {
			reply.Status = nil
			return s.TableIndex(store.TableJobs), watch, nil
		}
		index := job.ModifyIndex
		st := &nl.JobScaleStatus{JobID: job.ID, Namespace: ns, JobCreateIndex: job.CreateIndex, JobModifyIndex: job.ModifyIndex,
			JobStopped: job.Stop, TaskGroups: map[string]*nl.GroupScaleStatus{}}
		for _, g := range job.TaskGroups {
			st.TaskGroups[g.Name] = &nl.GroupScaleStatus{Desired: g.Count}
		}
		for a := range s.AllocsByJob(ns, req.ID) {
			g := st.TaskGroups[a.TaskGroup]
			if g == nil || a.Terminal() {
				continue
			}
			index = max(index, a.ModifyIndex)
			if a.DeploymentStatus != nil && a.DeploymentStatus.Canary {
				continue
			}
			g.Placed++
			if a.ClientStatus == nl.AllocClientRunning {
				g.Running++
			}
			if d := a.DeploymentStatus; d != nil && d.Healthy != nil {
				if *d.Healthy {
					g.Healthy++
				} else {
					g.Unhealthy++
				}
			}
		}
		for name, events := range s.ScalingEvents(ns, req.ID) {
			if g := st.TaskGroups[name]; g != nil {
				g.Events = events
				for _, ev := range events {
					index = max(index, ev.CreateIndex)
				}
			}
		}
		reply.Status = st
		return index, watch, nil
	})
}

func (e *Endpoints) registerScaling() {
	on(e, Read, "Scaling.List", e.scalingList)
	on(e, Read, "Scaling.Get", e.scalingGet)
}

func (e *Endpoints) scalingList(ctx context.Context, req *query.ScalingPolicyList, reply *query.ScalingPolicyStubs) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "list-scaling-policies", "list-jobs")); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		reply.Policies = []*nl.ScalingPolicyStub{}
		for p := range s.ScalingPolicies(ns) {
			if req.Job != "" && p.Target["Job"] != req.Job || p.Type != cmp.Or(req.Type, "horizontal") || !hasPrefix(p.ID, req.Prefix) {
				continue
			}
			reply.Policies = append(reply.Policies, &nl.ScalingPolicyStub{ID: p.ID, Enabled: p.Enabled, Type: p.Type,
				Target: p.Target, CreateIndex: p.CreateIndex, ModifyIndex: p.ModifyIndex})
		}
		return s.TableIndex(store.TableScalingPolicies), []store.Key{{Table: store.TableScalingPolicies}}, nil
	})
}

func (e *Endpoints) scalingGet(ctx context.Context, req *query.ScalingPolicyGet, reply *query.ScalingPolicyReply) error {
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		reply.Policy = s.ScalingPolicy(req.ID)
		index := s.TableIndex(store.TableScalingPolicies)
		if reply.Policy != nil {
			if err := e.authorize(req.AuthToken, can(reply.Policy.Target["Namespace"], "read-scaling-policy", "read-job")); err != nil {
				return 0, nil, err
			}
			index = reply.Policy.ModifyIndex
		}
		return index, []store.Key{{Table: store.TableScalingPolicies}}, nil
	})
}

// jobKey watches one job.
func jobKey(ns, id string) store.Key {
	return store.Key{Table: store.TableJobs, ID: store.JobKey(ns, id)}
}

func hasPrefix(s, prefix string) bool { return len(s) >= len(prefix) && s[:len(prefix)] == prefix }

var errNoJob = fmt.Errorf("job not found")
