package server

import (
	"context"
	"errors"
	"sync"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/server/applier"
	"github.com/nomadlike/nomadlike/server/consensus"
	"github.com/nomadlike/nomadlike/server/endpoint"
)

const (
	// foundPause is between attempts of a new leader to write what a new
	// cluster begins with.
	foundPause = 100 * time.Millisecond
	// dequeueMax is how long a worker waits at the leader for an evaluation
	// before it asks again: long, since an idle worker should cost nothing.
	dequeueMax = 30 * time.Second
	// settleTimeout bounds telling the leader how an evaluation ended.
	settleTimeout = 5 * time.Second
)

// leadership tells whether this server leads, and ends a context whenever
// that changes, so that nobody waits at a broker that hands out nothing.
type leadership struct {
	mu      sync.Mutex
	leading bool
	ctx     context.Context // of the present state
	cancel  context.CancelFunc
}

func (l *leadership) init() { l.ctx, l.cancel = context.WithCancel(context.Background()) }

func (l *leadership) set(leading bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cancel()
	l.leading = leading
	l.ctx, l.cancel = context.WithCancel(context.Background())
}

// bound gives ctx, ended early when leadership changes.
func (l *leadership) bound(ctx context.Context) (out context.Context, leading bool, cancel func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out, end := context.WithCancel(ctx)
	stop := context.AfterFunc(l.ctx, end)
	return out, l.leading, func() { stop(); end() }
}

// lead runs what only the leader does, until ctx ends. The log calls it after
// everything that was committed earlier has been applied.
func (s *Server) lead(ctx context.Context) {
	if err := s.found(ctx); err != nil {
		return // ctx has ended
	}
	var running sync.WaitGroup
	defer running.Wait()
	s.broker.SetLeader(true)
	defer s.broker.SetLeader(false)
	for _, run := range []func(context.Context) error{s.broker.Run, s.applier.Run, s.watch.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("a loop of the leader ended", "error", err)
			}
		})
	}
	s.term.set(true)
	defer s.term.set(false)
	s.wakeMembers()
	<-ctx.Done()
}

// found writes what a new cluster begins with: its ID, and the configuration
// of the scheduler that the operator asked for.
func (s *Server) found(ctx context.Context) error {
	for {
		var ops []op.Op
		if s.store.Snapshot().ClusterID() == "" {
			if c := s.cfg.SchedulerConfig; c != nil {
				ops = append(ops, &op.SetSchedulerConfig{Config: c})
			}
			ops = append(ops, &op.SetClusterID{ID: nl.NewID(s.cfg.Random), CreateTime: s.cfg.Now()})
		}
		var failed error
		for _, o := range ops {
			if _, err := s.consensus.Propose(ctx, o); err != nil {
				failed = err
				break
			}
		}
		if failed == nil {
			return nil
		}
		s.log.Error("writing what a new cluster begins with failed", "error", failed)
		select {
		case <-time.After(foundPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// logAdapter is the log as endpoints see it.
type logAdapter struct{ s *Server }

func (l logAdapter) Propose(ctx context.Context, o op.Op) (endpoint.Result, error) {
	r, err := l.s.consensus.Propose(ctx, o)
	return endpoint.Result{Index: r.Index, Value: r.Value}, err
}
func (l logAdapter) IsLeader() bool                    { return l.s.consensus.IsLeader() }
func (l logAdapter) LeaderAddr() string                { return l.s.consensus.LeaderAddr() }
func (l logAdapter) LastContact() time.Duration        { return l.s.consensus.LastContact() }
func (l logAdapter) Barrier(ctx context.Context) error { return l.s.consensus.Barrier(ctx) }

// leaderBroker is the leader's broker as this server's workers see it: the one
// here, or the one on the server that leads.
type leaderBroker struct{ s *Server }

func (b leaderBroker) Dequeue(ctx context.Context, types []string) (*nl.Eval, string, uint64, error) {
	ctx, leading, cancel := b.s.term.bound(ctx)
	defer cancel()
	if leading {
		return b.s.broker.Dequeue(ctx, types)
	}
	ctx, stop := context.WithTimeout(ctx, dequeueMax)
	defer stop()
	var got query.EvalDequeued
	if err := b.s.Call(ctx, "Eval.Dequeue", &query.EvalDequeue{Types: types}, &got); err != nil {
		return nil, "", 0, err
	}
	if got.Eval == nil {
		return nil, "", 0, consensus.ErrNotLeader // nothing came: as if there were no leader, ask again
	}
	return got.Eval, got.Token, got.WaitIndex, nil
}

func (b leaderBroker) Ack(evalID, token string) error  { return b.settle("Eval.Ack", evalID, token) }
func (b leaderBroker) Nack(evalID, token string) error { return b.settle("Eval.Nack", evalID, token) }

func (b leaderBroker) settle(method, evalID, token string) error {
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	return b.s.Call(ctx, method, &query.EvalAck{EvalID: evalID, Token: token}, nil)
}

// leaderPlans takes plans of this server's workers to the applier of the leader.
type leaderPlans struct{ s *Server }

func (p leaderPlans) Submit(ctx context.Context, plan *nl.Plan) (*nl.PlanResult, error) {
	if p.s.consensus.IsLeader() {
		return p.s.applier.Submit(ctx, plan)
	}
	var result nl.PlanResult
	err := p.s.Call(ctx, "Plan.Submit", &query.PlanSubmit{Plan: plan}, &result)
	return &result, err
}

// servedBroker is the broker as endpoints see it, for workers of other servers.
type servedBroker struct{ s *Server }

func (b servedBroker) Dequeue(ctx context.Context, types []string) (*nl.Eval, string, uint64, error) {
	bound, leading, cancel := b.s.term.bound(ctx)
	defer cancel()
	if !leading {
		return nil, "", 0, consensus.ErrNotLeader
	}
	e, token, index, err := b.s.broker.Remote().Dequeue(bound, types)
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		err = consensus.ErrNotLeader
	}
	return e, token, index, err
}

func (b servedBroker) Ack(evalID, token string) error { return b.s.broker.Remote().Ack(evalID, token) }
func (b servedBroker) Nack(evalID, token string) error {
	return b.s.broker.Remote().Nack(evalID, token)
}

// servedPlans takes plans of workers of other servers.
type servedPlans struct{ s *Server }

func (p servedPlans) Submit(ctx context.Context, plan *nl.Plan) (*nl.PlanResult, error) {
	if plan == nil {
		return nil, nl.Errorf(nl.CodeInvalid, "the request holds no plan")
	}
	applier.AttachJobs(p.s.store.Snapshot(), plan)
	return p.s.applier.Submit(ctx, plan)
}
