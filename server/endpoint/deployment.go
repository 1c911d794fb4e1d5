package endpoint

import (
	"context"
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/rollout"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

func (e *Endpoints) registerDeployments() {
	on(e, Read, "Deployment.List", e.deploymentList)
	on(e, Read, "Deployment.Get", e.deploymentGet)
	on(e, Read, "Deployment.Allocs", e.deploymentAllocs)
	on(e, Write, "Deployment.Fail", e.deploymentFail)
	on(e, Write, "Deployment.Pause", e.deploymentPause)
	on(e, Write, "Deployment.Promote", e.deploymentPromote)
	on(e, Write, "Deployment.Unblock", e.deploymentUnblock)
	on(e, Write, "Deployment.SetAllocHealth", e.deploymentHealth)
}

func (e *Endpoints) deploymentList(ctx context.Context, req *query.DeploymentList, reply *query.Deployments) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "read-job")); err != nil {
		return err
	}
	if err := checkPrefix("deployment lookup failed", req.Prefix); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		seq := s.Deployments(ns)
		p := pager[*nl.Deployment]{opts: &req.QueryOptions, less: createLess,
			token: func(d *nl.Deployment) string { return createToken(d.CreateIndex, d.ID) }}
		if req.Prefix != "" {
			seq = s.DeploymentsByPrefix(ns, req.Prefix)
			p.token, p.less = func(d *nl.Deployment) string { return d.ID }, nil
		}
		var err error
		if reply.Deployments, err = p.page(seq, &reply.QueryMeta); err != nil {
			return 0, nil, err
		}
		return s.TableIndex(store.TableDeployments), []store.Key{{Table: store.TableDeployments}}, nil
	})
}

func (e *Endpoints) deploymentGet(ctx context.Context, req *query.DeploymentGet, reply *query.DeploymentReply) error {
	if err := checkUUID("deployment lookup failed", req.ID); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		watch := []store.Key{{Table: store.TableDeployments, ID: req.ID}}
		reply.Deployment = s.Deployment(req.ID)
		if reply.Deployment == nil {
			return s.TableIndex(store.TableDeployments), watch, nil
		}
		return reply.Deployment.ModifyIndex, watch, e.authorize(req.AuthToken, can(reply.Deployment.Namespace, "read-job"))
	})
}

func (e *Endpoints) deploymentAllocs(ctx context.Context, req *query.DeploymentGet, reply *query.AllocStubs) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "read-job")); err != nil {
		return err
	}
	if err := checkUUID("alloc lookup failed", req.ID); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		index := uint64(0)
		reply.Allocs = []*nl.AllocStub{}
		for a := range s.AllocsByDeployment(req.ID) {
			index = max(index, a.ModifyIndex)
			reply.Allocs = append(reply.Allocs, allocStub(a, false, true))
		}
		if index == 0 {
			index = s.TableIndex(store.TableAllocs)
		}
		return index, []store.Key{{Table: store.TableAllocs, ID: req.ID}}, nil
	})
}

// changing finds the deployment a change is about and refuses those that are
// over. verb says what cannot be done to a terminal one.
func (e *Endpoints) changing(req *query.DeploymentChange, verb, capability string) (*nl.Deployment, *nl.Job, error) {
	if req.ID == "" {
		return nil, nil, fmt.Errorf("missing deployment ID")
	}
	if err := checkUUID("deployment lookup failed", req.ID); err != nil {
		return nil, nil, err
	}
	s := e.snapshot()
	d := s.Deployment(req.ID)
	if d == nil {
		return nil, nil, fmt.Errorf("deployment not found")
	}
	if err := e.authorize(req.AuthToken, can(d.Namespace, "submit-job", capability)); err != nil {
		return nil, nil, err
	}
	if !d.Active() {
		return nil, nil, fmt.Errorf("can't %s terminal deployment", verb)
	}
	return d, s.Job(d.Namespace, d.JobID), nil
}

// deploymentEval is the evaluation that follows a change of a deployment.
func (e *Endpoints) deploymentEval(d *nl.Deployment, job *nl.Job) *nl.Eval {
	if job == nil {
		job = &nl.Job{Namespace: d.Namespace, ID: d.JobID, Type: nl.JobTypeService, Priority: d.EvalPriority}
	}
	ev := e.jobEval(job, nl.TriggerDeploymentWatcher, d.EvalPriority)
	ev.DeploymentID = d.ID
	return ev
}

// changed commits a change and fills the answer.
func (e *Endpoints) changed(ctx context.Context, o op.Op, eval *nl.Eval, reply *nl.DeploymentUpdateResponse) error {
	r, err := e.propose(ctx, o)
	if err != nil {
		return err
	}
	reply.Index, reply.DeploymentModifyIndex = r.Index, r.Index
	if eval != nil {
		reply.EvalID, reply.EvalCreateIndex = eval.ID, r.Index
	}
	return nil
}

func (e *Endpoints) deploymentFail(ctx context.Context, req *query.DeploymentChange, reply *nl.DeploymentUpdateResponse) error {
	d, job, err := e.changing(req, "fail", "fail-deployment")
	if err != nil {
		return err
	}
	eval := e.deploymentEval(d, job)
	desc, revert := rollout.OnFailure(e.snapshot(), d, "Deployment marked as failed")
	if revert != nil {
		reply.RevertedJobVersion = &revert.Version
		revert = e.revertedJob(revert)
	}
	return e.changed(ctx, &op.UpdateDeployment{
		Update: nl.DeploymentStatusUpdate{DeploymentID: d.ID, Status: nl.DeploymentStatusFailed, StatusDescription: desc, UpdatedAt: e.now()},
		Revert: revert, Eval: eval,
	}, eval, reply)
}

// revertedJob is an earlier version made ready to register again.
func (e *Endpoints) revertedJob(to *nl.Job) *nl.Job {
	j := to.Copy()
	j.VersionTag, j.Stable, j.Stop, j.SubmitTime = nil, false, false, e.now()
	return j
}

func (e *Endpoints) deploymentPause(ctx context.Context, req *query.DeploymentChange, reply *nl.DeploymentUpdateResponse) error {
	verb, status, desc := "resume", nl.DeploymentStatusRunning, "Deployment is running"
	if req.Pause {
		verb, status, desc = "pause", nl.DeploymentStatusPaused, "Deployment is paused"
	}
	d, job, err := e.changing(req, verb, "pause-deployment")
	if err != nil {
		return err
	}
	var eval *nl.Eval
	if !req.Pause {
		eval = e.deploymentEval(d, job)
		desc = rollout.RunningDescription(d)
	}
	return e.changed(ctx, &op.UpdateDeployment{
		Update: nl.DeploymentStatusUpdate{DeploymentID: d.ID, Status: status, StatusDescription: desc, UpdatedAt: e.now()}, Eval: eval,
	}, eval, reply)
}

func (e *Endpoints) deploymentPromote(ctx context.Context, req *query.DeploymentChange, reply *nl.DeploymentUpdateResponse) error {
	d, job, err := e.changing(req, "promote", "promote-deployment")
	if err != nil {
		return err
	}
	eval := e.deploymentEval(d, job)
	return e.changed(ctx, &op.PromoteDeployment{DeploymentID: d.ID, All: req.All, Groups: req.Groups, Eval: eval, Time: e.now()}, eval, reply)
}

func (e *Endpoints) deploymentUnblock(ctx context.Context, req *query.DeploymentChange, reply *nl.DeploymentUpdateResponse) error {
	d, job, err := e.changing(req, "unblock", "unblock-deployment")
	if err != nil {
		return err
	}
	if d.Status != nl.DeploymentStatusBlocked {
		return fmt.Errorf("can't unblock deployment that is not blocked")
	}
	eval := e.deploymentEval(d, job)
	return e.changed(ctx, &op.UpdateDeployment{
		Update: nl.DeploymentStatusUpdate{DeploymentID: d.ID, Status: nl.DeploymentStatusSuccessful,
			StatusDescription: "Deployment completed successfully", UpdatedAt: e.now()}, Eval: eval,
	}, eval, reply)
}

func (e *Endpoints) deploymentHealth(ctx context.Context, req *query.DeploymentChange, reply *nl.DeploymentUpdateResponse) error {
	if len(req.Healthy)+len(req.Unhealthy) == 0 {
		return fmt.Errorf("must specify at least one healthy/unhealthy allocation ID")
	}
	d, job, err := e.changing(req, "set health of allocations for", "set-alloc-health-deployment")
	if err != nil {
		return err
	}
	s := e.snapshot()
	var wrong []string
	for _, id := range append(append([]string{}, req.Healthy...), req.Unhealthy...) {
		if a := s.Alloc(id); a == nil {
			wrong = append(wrong, fmt.Sprintf("alloc %q not found", id))
		} else if a.DeploymentID != d.ID {
			wrong = append(wrong, fmt.Sprintf("alloc %q is not part of deployment %q", id, d.ID))
		}
	}
	if len(wrong) > 0 {
		return admit.Problems(wrong)
	}
	eval := e.deploymentEval(d, job)
	o := &op.SetAllocHealth{DeploymentID: d.ID, Healthy: req.Healthy, Unhealthy: req.Unhealthy, Time: e.now(), Eval: eval}
	if len(req.Unhealthy) > 0 && rollout.FailsOnUnhealthy(d, s, req.Unhealthy) {
		desc, revert := rollout.OnFailure(s, d, "Failed due to unhealthy allocations")
		if revert != nil {
			reply.RevertedJobVersion = &revert.Version
			o.Revert = e.revertedJob(revert)
		}
		o.Update = &nl.DeploymentStatusUpdate{DeploymentID: d.ID, Status: nl.DeploymentStatusFailed, StatusDescription: desc, UpdatedAt: e.now()}
	}
	return e.changed(ctx, o, eval, reply)
}
