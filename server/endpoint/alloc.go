package endpoint

import (
	"context"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

func (e *Endpoints) registerAllocs() {
	on(e, Read, "Alloc.List", e.allocList)
	on(e, Read, "Alloc.Get", e.allocGet)
	on(e, Read, "Alloc.Services", e.allocServices)
	on(e, Write, "Alloc.Stop", e.allocStop)
}

func (e *Endpoints) allocList(ctx context.Context, req *query.AllocList, reply *query.AllocStubs) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "read-job")); err != nil {
		return err
	}
	if err := checkPrefix("alloc lookup failed", req.Prefix); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		seq := s.Allocs(ns)
		p := pager[*nl.Alloc]{opts: &req.QueryOptions, less: createLess,
			token: func(a *nl.Alloc) string { return createToken(a.CreateIndex, a.ID) }}
		if req.Prefix != "" {
			seq = s.AllocsByPrefix(ns, req.Prefix)
			p.token, p.less = func(a *nl.Alloc) string { return a.ID }, nil
		}
		allocs, err := p.page(seq, &reply.QueryMeta)
		if err != nil {
			return 0, nil, err
		}
		reply.Allocs = make([]*nl.AllocStub, 0, len(allocs))
		for _, a := range allocs {
			reply.Allocs = append(reply.Allocs, allocStub(a, req.Resources, req.TaskStates))
		}
		return s.TableIndex(store.TableAllocs), []store.Key{{Table: store.TableAllocs}}, nil
	})
}

// allocStub is an allocation as lists show it.
func allocStub(a *nl.Alloc, resources, taskStates bool) *nl.AllocStub {
	out := a.Stub()
	if resources {
		out.AllocatedResources = a.AllocatedResources
	}
	if taskStates {
		out.TaskStates = a.TaskStates.Map()
	}
	return out
}

func (e *Endpoints) allocGet(ctx context.Context, req *query.AllocGet, reply *query.AllocReply) error {
	if err := checkUUID("alloc lookup failed", req.ID); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		watch := []store.Key{{Table: store.TableAllocs, ID: req.ID}}
		reply.Alloc, reply.Job = s.Alloc(req.ID), nil
		if reply.Alloc == nil {
			return s.TableIndex(store.TableAllocs), watch, nil
		}
		if err := e.authorize(req.AuthToken, can(reply.Alloc.Namespace, "read-job")); err != nil {
			return 0, nil, nl.Errorf(nl.CodeInternal, "Unknown allocation %q", req.ID)
		}
		reply.Job = reply.Alloc.Job
		return reply.Alloc.ModifyIndex, watch, nil
	})
}

func (e *Endpoints) allocServices(ctx context.Context, req *query.AllocGet, reply *query.ServicesReply) error {
	if err := checkUUID("alloc lookup failed", req.ID); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		a := s.Alloc(req.ID)
		if a == nil {
			reply.Services = nil // nil: there is no such allocation
			return 0, []store.Key{{Table: store.TableAllocs, ID: req.ID}}, nil
		}
		if err := e.authorize(req.AuthToken, can(a.Namespace, "read-job")); err != nil {
			return 0, nil, err
		}
		reply.Services = []*nl.ServiceRegistration{}
		for r := range s.ServicesByAlloc(req.ID) {
			reply.Services = append(reply.Services, r)
		}
		return s.TableIndex(store.TableServices), []store.Key{{Table: store.TableServices, ID: req.ID}}, nil
	})
}

func (e *Endpoints) allocStop(ctx context.Context, req *query.AllocStop, reply *query.AllocStopped) error {
	if err := checkUUID("alloc lookup failed", req.ID); err != nil {
		return err
	}
	a := e.snapshot().Alloc(req.ID)
	if a == nil {
		return nl.Errorf(nl.CodeNotFound, "allocation not found")
	}
	if err := e.authorize(req.AuthToken, can(a.Namespace, "alloc-lifecycle")); err != nil {
		return err
	}
	job := a.Job
	if job == nil {
		job = &nl.Job{Namespace: a.Namespace, ID: a.JobID, Type: nl.JobTypeService, Priority: admissionPriority}
	}
	eval := e.jobEval(job, nl.TriggerAllocStop, 0)
	mark := &nl.DesiredTransition{Migrate: nl.Yes, Reschedule: nl.FlagOf(req.Reschedule), NoShutdownDelay: nl.FlagOf(req.NoShutdownDelay)}
	if a.DesiredTransition().Waits() { // it was on the move: now it stops at once
		mark.StartFirst = nl.No
	}
	r, err := e.propose(ctx, &op.TransitionAllocs{
		Transitions: map[string]*nl.DesiredTransition{a.ID: mark}, Evals: []*nl.Eval{eval}, Time: e.now()})
	reply.EvalID, reply.Index = eval.ID, r.Index
	return err
}

// admissionPriority is the priority of work for a job that is gone.
const admissionPriority = 50
