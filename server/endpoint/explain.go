package endpoint

import (
	"context"
	"slices"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/explain"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

func (e *Endpoints) registerExplain() {
	on(e, Read, "Job.Explain", e.jobExplain)
	on(e, Read, "Alloc.Explain", e.allocExplain)
	on(e, Read, "Eval.Explain", e.evalExplain)
}

// explainInput is what an explanation of a snapshot stands on. The seed is that
// of the snapshot, so that asking again gives the same answer. Jobs of namespaces
// that the token may not read are not named.
func (e *Endpoints) explainInput(s *store.Snapshot, token string, verbose bool) explain.Input {
	start := e.cfg.Now()
	return explain.Input{
		Input: sched.Input{
			Now: start, NewID: e.cfg.NewID, Seed: s.Index(), Annotate: true,
			Elapsed: func() time.Duration { return e.cfg.Now().Sub(start) },
		},
		Detail: sched.Detail{
			Nodes: verbose,
			Sees:  func(namespace string) bool { return e.authorize(token, can(namespace, "read-job")) == nil },
		},
	}
}

// explained are the tables that an explanation depends on: what a job has, and
// every node.
func explained(s *store.Snapshot, ns, job string) (uint64, []store.Key) {
	key := store.JobKey(ns, job)
	return s.TableIndex(store.TableJobs, store.TableAllocs, store.TableEvals, store.TableDeployments, store.TableNodes), []store.Key{
		{Table: store.TableJobs, ID: key}, {Table: store.TableAllocs, ID: key}, {Table: store.TableEvals, ID: key},
		{Table: store.TableDeployments, ID: key}, {Table: store.TableNodes},
	}
}

func (e *Endpoints) jobExplain(ctx context.Context, req *query.JobExplain, reply *query.JobExplainReply) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "read-job")); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		index, watch := explained(s, ns, req.ID)
		x, err := explain.Job(s, ns, req.ID, e.explainInput(s, req.AuthToken, req.Verbose))
		if err != nil {
			return 0, nil, err
		}
		if x != nil && req.Group != "" {
			if s.Job(ns, req.ID).Group(req.Group) == nil {
				return 0, nil, nl.Errorf(nl.CodeNotFound, "job %q has no group %q", req.ID, req.Group)
			}
			x.Groups = slices.DeleteFunc(x.Groups, func(g *nl.GroupExplanation) bool { return g.Name != req.Group })
		}
		reply.Explanation = x
		return index, watch, nil
	})
}

func (e *Endpoints) allocExplain(ctx context.Context, req *query.Explain, reply *query.AllocExplainReply) error {
	if err := checkUUID("alloc lookup failed", req.ID); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		reply.Explanation = nil
		a := s.Alloc(req.ID)
		if a == nil {
			return s.TableIndex(store.TableAllocs), []store.Key{{Table: store.TableAllocs, ID: req.ID}}, nil
		}
		if err := e.authorize(req.AuthToken, can(a.Namespace, "read-job")); err != nil {
			return 0, nil, err
		}
		index, watch := explained(s, a.Namespace, a.JobID)
		reply.Explanation = explain.Alloc(s, req.ID, e.explainInput(s, req.AuthToken, req.Verbose))
		return index, watch, nil
	})
}

func (e *Endpoints) evalExplain(ctx context.Context, req *query.Explain, reply *query.EvalExplainReply) error {
	if err := checkUUID("eval lookup failed", req.ID); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		reply.Explanation = nil
		ev := s.Eval(req.ID)
		if ev == nil {
			return s.TableIndex(store.TableEvals), []store.Key{{Table: store.TableEvals, ID: req.ID}}, nil
		}
		if err := e.authorize(req.AuthToken, can(ev.Namespace, "read-job")); err != nil {
			return 0, nil, err
		}
		index, watch := explained(s, ev.Namespace, ev.JobID)
		x, err := explain.Eval(s, req.ID, e.explainInput(s, req.AuthToken, req.Verbose))
		reply.Explanation = x
		return index, watch, err
	})
}
