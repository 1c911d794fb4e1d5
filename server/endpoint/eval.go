package endpoint

import (
	"context"
	"encoding/hex"
	"fmt"
	"iter"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/filter"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

func (e *Endpoints) registerEvals() {
	on(e, Read, "Eval.List", e.evalList)
	on(e, Read, "Eval.Count", e.evalCount)
	on(e, Read, "Eval.Get", e.evalGet)
	on(e, Read, "Eval.Allocs", e.evalAllocs)
	on(e, Write, "Eval.Delete", e.evalDelete)
}

// evalDeleteMax bounds how many evaluations one request names, so that the
// entry stays small; the API documents it.
const evalDeleteMax = 7281

func (e *Endpoints) evalSeq(s *store.Snapshot, req *query.EvalList, ns string) iter.Seq[*nl.Eval] {
	seq := s.Evals(ns)
	if req.Prefix != "" {
		seq = s.EvalsByPrefix(ns, req.Prefix)
	} else if req.JobID != "" && ns != nl.AllNamespaces {
		seq = s.EvalsByJob(ns, req.JobID)
	}
	return filtered(seq, func(ev *nl.Eval) bool {
		return (req.JobID == "" || ev.JobID == req.JobID) && (req.Status == "" || ev.Status == req.Status)
	})
}

func (e *Endpoints) evalList(ctx context.Context, req *query.EvalList, reply *query.Evals) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "read-job")); err != nil {
		return err
	}
	if req.Filter != "" && (req.JobID != "" || req.Status != "") {
		return nl.Errorf(nl.CodeInvalid, "Filter expression cannot be used with other filter parameters")
	}
	if err := checkPrefix("eval lookup failed", req.Prefix); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		p := pager[*nl.Eval]{opts: &req.QueryOptions, token: func(ev *nl.Eval) string { return ev.ID }}
		if req.Prefix == "" {
			p.token, p.less = func(ev *nl.Eval) string { return createToken(ev.CreateIndex, ev.ID) }, createLess
		}
		var err error
		if reply.Evals, err = p.page(e.evalSeq(s, req, ns), &reply.QueryMeta); err != nil {
			return 0, nil, err
		}
		return s.TableIndex(store.TableEvals), []store.Key{{Table: store.TableEvals}}, nil
	})
}

func (e *Endpoints) evalCount(ctx context.Context, req *query.EvalList, reply *query.CountReply) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "read-job")); err != nil {
		return err
	}
	if err := checkPrefix("eval lookup failed", req.Prefix); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		all, err := pager[*nl.Eval]{opts: &nl.QueryOptions{Filter: req.Filter}, token: func(ev *nl.Eval) string { return ev.ID }}.
			page(e.evalSeq(s, req, ns), &nl.QueryMeta{})
		if err != nil {
			return 0, nil, err
		}
		reply.Count = len(all)
		return s.TableIndex(store.TableEvals), []store.Key{{Table: store.TableEvals}}, nil
	})
}

func (e *Endpoints) evalGet(ctx context.Context, req *query.EvalGet, reply *query.EvalReply) error {
	if err := checkUUID("failed to lookup eval: eval lookup failed", req.ID); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		watch := []store.Key{{Table: store.TableEvals, ID: req.ID}}
		ev := s.Eval(req.ID)
		reply.Eval = ev
		if ev == nil {
			return s.TableIndex(store.TableEvals), watch, nil
		}
		if err := e.authorize(req.AuthToken, can(ev.Namespace, "read-job")); err != nil {
			return 0, nil, err
		}
		if req.Related {
			c := ev.Copy()
			c.RelatedEvals = relatedEvals(s, ev)
			reply.Eval = c
		}
		return ev.ModifyIndex, watch, nil
	})
}

// relatedEvals are the stubs of all evaluations of the chain that ev is in,
// without itself.
func relatedEvals(s *store.Snapshot, ev *nl.Eval) []*nl.EvalStub {
	seen := map[string]bool{ev.ID: true, "": true}
	var out []*nl.EvalStub
	queue := []*nl.Eval{ev}
	for len(queue) > 0 {
		cur := queue[0]
		queue = queue[1:]
		for _, id := range []string{cur.NextEval, cur.PreviousEval, cur.BlockedEval} {
			if seen[id] {
				continue
			}
			seen[id] = true
			if n := s.Eval(id); n != nil {
				queue = append(queue, n)
				out = append(out, evalStub(n))
			}
		}
	}
	return out
}

func evalStub(ev *nl.Eval) *nl.EvalStub {
	return &nl.EvalStub{ID: ev.ID, Namespace: ev.Namespace, Priority: ev.Priority, Type: ev.Type, TriggeredBy: ev.TriggeredBy,
		JobID: ev.JobID, NodeID: ev.NodeID, DeploymentID: ev.DeploymentID, Status: ev.Status, StatusDescription: ev.StatusDescription,
		WaitUntil: ev.WaitUntil, NextEval: ev.NextEval, PreviousEval: ev.PreviousEval, BlockedEval: ev.BlockedEval,
		CreateIndex: ev.CreateIndex, ModifyIndex: ev.ModifyIndex, CreateTime: ev.CreateTime, ModifyTime: ev.ModifyTime}
}

func (e *Endpoints) evalAllocs(ctx context.Context, req *query.EvalGet, reply *query.AllocStubs) error {
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
		for a := range s.AllocsByEval(req.ID) {
			index = max(index, a.ModifyIndex)
			reply.Allocs = append(reply.Allocs, allocStub(a, false, true))
		}
		if index == 0 {
			index = s.TableIndex(store.TableAllocs)
		}
		return index, []store.Key{{Table: store.TableAllocs, ID: req.ID}}, nil
	})
}

func (e *Endpoints) evalDelete(ctx context.Context, req *query.EvalDelete, reply *query.EvalDeleted) error {
	if err := e.authorize(req.AuthToken, need{management: true}); err != nil {
		return err
	}
	bad := func(text string, args ...any) error { return nl.Errorf(nl.CodeInvalid, text, args...) }
	switch {
	case len(req.IDs) > 0 && req.Filter != "":
		return bad("evals cannot be deleted by both ID and filter")
	case len(req.IDs) == 0 && req.Filter == "":
		return bad("evals must be deleted by either ID or filter")
	case len(req.IDs) > evalDeleteMax:
		return bad("request includes %d evaluation IDs, must be %d or fewer", len(req.IDs), evalDeleteMax)
	}
	s := e.snapshot()
	if !s.SchedulerConfig().PauseEvalBroker {
		return fmt.Errorf("eval broker is enabled; eval broker must be paused to delete evals")
	}
	o, err := collectEvals(s, req, namespaceOf(req.Namespace))
	if err != nil {
		return err
	}
	if reply.Count = len(o.Evals); reply.Count == 0 {
		return nil
	}
	r, err := e.propose(ctx, o)
	reply.Index = r.Index
	return err
}

// collectEvals finds what deleting the named evaluations removes.
func collectEvals(s *store.Snapshot, req *query.EvalDelete, ns string) (*op.Collect, error) {
	o := &op.Collect{}
	add := func(ev *nl.Eval) bool {
		if !deletableEval(s, ev) {
			return false
		}
		o.Evals = append(o.Evals, ev.ID)
		for a := range s.AllocsByEval(ev.ID) {
			o.Allocs = append(o.Allocs, a.ID)
		}
		return true
	}
	for _, id := range req.IDs {
		ev := s.Eval(id)
		if ev == nil {
			return nil, fmt.Errorf("eval not found")
		}
		if !add(ev) {
			return nil, fmt.Errorf("eval %s is not safe to delete", id)
		}
	}
	if req.Filter == "" {
		return o, nil
	}
	f, err := filter.Compile(req.Filter)
	if err != nil {
		return nil, nl.Errorf(nl.CodeInvalid, "failed to create result paginator: %s", trimPaginator(err.Error()))
	}
	for ev := range s.Evals(ns) {
		ok, err := f.Match(ev)
		if err != nil {
			return nil, nl.Errorf(nl.CodeInvalid, "failed to read result page: %s", err)
		}
		if ok {
			add(ev)
		}
	}
	return o, nil
}

// deletableEval tells whether nothing needs the evaluation any more.
func deletableEval(s *store.Snapshot, ev *nl.Eval) bool {
	if !ev.Terminal() {
		job := s.Job(ev.Namespace, ev.JobID)
		for a := range s.AllocsByEval(ev.ID) {
			if !a.Terminal() {
				return false
			}
		}
		return job == nil || job.Stop || ev.Status == nl.EvalStatusPending || ev.Status == nl.EvalStatusBlocked
	}
	for a := range s.AllocsByEval(ev.ID) {
		if !a.Terminal() {
			return false
		}
	}
	return true
}

// checkPrefix refuses prefixes that cannot begin a UUID, with the recorded
// texts.
func checkPrefix(op, prefix string) error {
	digits := strings.ReplaceAll(prefix, "-", "")
	if len(digits)%2 == 1 {
		return fmt.Errorf("%s: index error: Input (without hyphens) must be even length", op)
	}
	if _, err := hex.DecodeString(digits); err != nil {
		return fmt.Errorf("%s: index error: Invalid UUID: %w", op, err)
	}
	return nil
}

// uuidLen is the length of a UUID in text.
const uuidLen = 36

// checkUUID refuses IDs that cannot be whole UUIDs, with the recorded text.
func checkUUID(op, id string) error {
	if len(id) != uuidLen {
		return fmt.Errorf("%s: index error: UUID must be %d characters", op, uuidLen)
	}
	return nil
}
