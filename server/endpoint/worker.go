package endpoint

import (
	"context"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// registerWorkers serves the workers of other servers. Until certificates tell
// servers from nodes, whoever reaches the RPC port can call these: keep it on a
// network of their own.
func (e *Endpoints) registerWorkers() {
	on(e, Write, "Eval.Dequeue", e.evalDequeue)
	on(e, Write, "Eval.Ack", e.evalAck)
	on(e, Write, "Eval.Nack", e.evalNack)
	on(e, Write, "Eval.Update", e.evalUpdate)
	on(e, Write, "Plan.Submit", e.planSubmit)
}

func (e *Endpoints) evalDequeue(ctx context.Context, req *query.EvalDequeue, reply *query.EvalDequeued) error {
	var err error
	reply.Eval, reply.Token, reply.WaitIndex, err = e.cfg.Brokers.Dequeue(ctx, req.Types)
	return err
}

func (e *Endpoints) evalAck(_ context.Context, req *query.EvalAck, _ *query.Written) error {
	return e.cfg.Brokers.Ack(req.EvalID, req.Token)
}

func (e *Endpoints) evalNack(_ context.Context, req *query.EvalAck, _ *query.Written) error {
	return e.cfg.Brokers.Nack(req.EvalID, req.Token)
}

func (e *Endpoints) evalUpdate(ctx context.Context, req *query.EvalUpdate, reply *query.Written) error {
	r, err := e.propose(ctx, &op.UpsertEvals{Evals: req.Evals})
	reply.Index = r.Index
	return err
}

func (e *Endpoints) planSubmit(ctx context.Context, req *query.PlanSubmit, reply *nl.PlanResult) error {
	r, err := e.cfg.Plans.Submit(ctx, req.Plan)
	if err != nil {
		return err
	}
	*reply = *r
	return nil
}
