package broker

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/server/broker/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a broker over a store that the test writes.
type bench struct {
	t     *testing.T
	st    *store.Store
	b     *Broker
	index atomic.Uint64
}

// inBubble runs f with a broker that leads, in a bubble where time is the
// test's.
func inBubble(t *testing.T, f func(*bench)) {
	synctest.Test(t, func(t *testing.T) {
		x := newBench(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- x.b.Run(ctx) }()
		x.b.SetLeader(true)
		f(x)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	})
}

func newBench(t *testing.T) *bench {
	x := &bench{t: t, st: store.New(store.Empty())}
	x.index.Store(10)
	var count atomic.Uint64
	b, err := New(Config{
		Store: x.st,
		NewID: func() string { return fmt.Sprintf("id-%d", count.Add(1)) },
		Write: func(_ context.Context, evals []*nl.Eval) error {
			x.apply(&op.UpsertEvals{Evals: evals})
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	x.b = b
	return x
}

func (x *bench) apply(o op.Op) uint64 {
	x.t.Helper()
	index := x.index.Add(1)
	if _, err := x.st.Apply(index, o); err != nil {
		x.t.Fatal(err)
	}
	return index
}

func (x *bench) put(evals ...*nl.Eval) uint64 { return x.apply(&op.UpsertEvals{Evals: evals}) }

func pending(id string) *nl.Eval {
	return &nl.Eval{ID: id, Namespace: "default", JobID: "job-" + id, Type: "service", Priority: 50, Status: nl.EvalStatusPending}
}

func (x *bench) dequeue() (*nl.Eval, string) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), time.Millisecond)
	defer cancel()
	e, token, _, err := x.b.Dequeue(ctx, []string{"service", "batch", "system"})
	if err != nil {
		return nil, ""
	}
	return e, token
}

func (x *bench) expect(id string) string {
	x.t.Helper()
	e, token := x.dequeue()
	got := "none"
	if e != nil {
		got = e.ID
	}
	if got != id {
		x.t.Fatalf("dequeued %s, want %s", got, id)
	}
	return token
}

func TestBroker_WakesWaiterOnCommit(t *testing.T) {
	inBubble(t, func(x *bench) {
		type got struct {
			e     *nl.Eval
			index uint64
		}
		heard := make(chan got)
		go func() {
			e, _, index, err := x.b.Dequeue(x.t.Context(), []string{"service"})
			if err != nil {
				x.t.Error(err)
			}
			heard <- got{e, index}
		}()
		synctest.Wait()
		before := time.Now()
		index := x.put(pending("a"))
		g := <-heard
		if g.e.ID != "a" || g.index != index {
			x.t.Errorf("got %s at %d, want a at %d", g.e.ID, g.index, index)
		}
		if took := time.Since(before); took != 0 {
			x.t.Errorf("handing over took %v, want no waiting", took)
		}
	})
}

func TestBroker_LocalWorkersComeFirst(t *testing.T) {
	inBubble(t, func(x *bench) {
		heard := make(chan string, 2)
		wait := func(name string, dequeue func(context.Context, []string) (*nl.Eval, string, uint64, error)) {
			go func() {
				if _, _, _, err := dequeue(x.t.Context(), []string{"service"}); err == nil {
					heard <- name
				}
			}()
			synctest.Wait()
		}
		wait("remote", x.b.Remote().Dequeue)
		wait("local", x.b.Dequeue)
		x.put(pending("a"))
		if first := <-heard; first != "local" {
			x.t.Errorf("the first evaluation went to the %s worker", first)
		}
		x.put(pending("b"))
		if second := <-heard; second != "remote" {
			x.t.Errorf("the second evaluation went to the %s worker", second)
		}
	})
}

func TestBroker_RefusesWhileNotLeading(t *testing.T) {
	inBubble(t, func(x *bench) {
		failed := make(chan error)
		go func() {
			_, _, _, err := x.b.Dequeue(x.t.Context(), []string{"service"})
			failed <- err
		}()
		synctest.Wait()
		x.b.SetLeader(false)
		if err := <-failed; nl.CodeOf(err) != nl.CodeUnavailable {
			x.t.Errorf("waiting while leadership is lost: %v", err)
		}
		if _, _, _, err := x.b.Dequeue(x.t.Context(), []string{"service"}); nl.CodeOf(err) != nl.CodeUnavailable {
			x.t.Errorf("asking a server that does not lead: %v", err)
		}
		// What was written meanwhile is there when it leads again.
		x.put(pending("a"))
		x.b.SetLeader(true)
		x.expect("a")
	})
}

func TestBroker_RebuildsFromState(t *testing.T) {
	inBubble(t, func(x *bench) {
		x.put(pending("a"))
		token := x.expect("a")
		x.b.SetLeader(false)
		x.b.SetLeader(true)
		if err := x.b.Ack("a", token); err == nil {
			x.t.Error("a token of an earlier time as leader was taken")
		}
		x.expect("a")
	})
}

func TestBroker_Pauses(t *testing.T) {
	inBubble(t, func(x *bench) {
		config := *x.st.Snapshot().SchedulerConfig()
		config.PauseEvalBroker = true
		x.apply(&op.SetSchedulerConfig{Config: &config})
		x.put(pending("a"))
		x.expect("none")
		if x.b.Stats().Enabled {
			x.t.Error("a paused broker says it is enabled")
		}
		config.PauseEvalBroker = false
		x.apply(&op.SetSchedulerConfig{Config: &config})
		x.expect("a")
	})
}

func TestBroker_WritesOffWhatFails(t *testing.T) {
	inBubble(t, func(x *bench) {
		x.put(pending("a"))
		for range queue.DeliveryLimit {
			if err := x.b.Nack("a", x.expect("a")); err != nil {
				x.t.Fatal(err)
			}
			time.Sleep(queue.NackDelayFactor)
		}
		s := x.st.Snapshot()
		a := s.Eval("a")
		if a.Status != nl.EvalStatusFailed || a.StatusDescription != "evaluation reached delivery limit (3)" {
			x.t.Fatalf("after three deliveries: %s, %q", a.Status, a.StatusDescription)
		}
		next := s.Eval(a.NextEval)
		if next == nil || next.TriggeredBy != nl.TriggerFailedFollowUp || next.PreviousEval != "a" {
			x.t.Fatalf("follow-up: %+v", next)
		}
		x.expect("none")
		time.Sleep(followUpMin)
		x.expect(next.ID)
	})
}

func TestBroker_CancelsSuperseded(t *testing.T) {
	inBubble(t, func(x *bench) {
		for _, id := range []string{"a", "b", "c"} {
			e := pending(id)
			e.JobID = "j"
			x.put(e)
		}
		if err := x.b.Ack("a", x.expect("a")); err != nil {
			x.t.Fatal(err)
		}
		x.expect("c")
		time.Sleep(2 * ReapDelay)
		if got := x.st.Snapshot().Eval("b").Status; got != nl.EvalStatusCancelled {
			x.t.Errorf("superseded evaluation is %s", got)
		}
	})
}

func blockedEval(id string, snapshot uint64) *nl.Eval {
	e := pending(id)
	e.Status, e.ClassEligibility, e.SnapshotIndex = nl.EvalStatusBlocked, map[string]bool{}, snapshot
	return e
}

func node(id string) *nl.Node {
	return &nl.Node{
		ID: id, Name: id, Datacenter: "dc1", NodePool: "default", Status: nl.NodeStatusReady,
		SchedulingEligibility: nl.NodeEligible, ComputedClass: "v1:1", NodeResources: &nl.NodeResources{},
	}
}

func TestBroker_UnblocksWhenANodeIsReady(t *testing.T) {
	inBubble(t, func(x *bench) {
		x.put(blockedEval("a", x.index.Load()))
		x.expect("none")
		x.apply(&op.RegisterNode{Node: node("n1")})
		token := x.expect("a")
		// Blocked again under the same ID: it waits for the next change.
		x.put(blockedEval("a", x.index.Load()))
		if err := x.b.Ack("a", token); err != nil {
			x.t.Fatal(err)
		}
		x.expect("none")
		x.apply(&op.SetNodeStatus{NodeID: "n1", Status: nl.NodeStatusDown})
		x.expect("none")
		x.apply(&op.SetNodeStatus{NodeID: "n1", Status: nl.NodeStatusReady})
		x.expect("a")
	})
}

func TestBroker_UnblocksWhenAnAllocationEnds(t *testing.T) {
	inBubble(t, func(x *bench) {
		x.apply(&op.RegisterNode{Node: node("n1")})
		x.apply(&op.RegisterJob{Job: &nl.Job{ID: "other", Namespace: "default", Type: "batch", TaskGroups: []*nl.Group{{Name: "g"}}}})
		x.apply(&op.ApplyPlans{Plans: []*op.PlanDelta{{Place: []*nl.Alloc{{
			ID: "alloc", Namespace: "default", JobID: "other", TaskGroup: "g", NodeID: "n1", DesiredStatus: "run", ClientStatus: "pending",
		}}}}})
		x.put(blockedEval("a", x.index.Load()))
		x.apply(&op.UpdateAllocs{NodeID: "n1", Updates: []*nl.AllocUpdate{{ID: "alloc", ClientStatus: "running"}}})
		x.expect("none")
		x.apply(&op.UpdateAllocs{NodeID: "n1", Updates: []*nl.AllocUpdate{{ID: "alloc", ClientStatus: "complete"}}})
		x.expect("a")
	})
}

func TestBroker_SeesWhatItMissedBeforeLeading(t *testing.T) {
	inBubble(t, func(x *bench) {
		x.b.SetLeader(false)
		x.put(blockedEval("a", x.index.Load()))
		x.apply(&op.RegisterNode{Node: node("n1")})
		x.put(blockedEval("b", x.index.Load()))
		x.b.SetLeader(true)
		x.expect("a")
		x.expect("none")
	})
}

func TestBroker_CancelsDuplicateBlocked(t *testing.T) {
	inBubble(t, func(x *bench) {
		for _, id := range []string{"a", "b"} {
			e := blockedEval(id, x.index.Load())
			e.JobID = "j"
			x.put(e)
		}
		time.Sleep(2 * ReapDelay)
		s := x.st.Snapshot()
		if s.Eval("a").Status != nl.EvalStatusCancelled || s.Eval("b").Status != nl.EvalStatusBlocked {
			x.t.Errorf("a is %s, b is %s", s.Eval("a").Status, s.Eval("b").Status)
		}
	})
}

func TestBroker_TakesBackFromWorkerThatLeaves(t *testing.T) {
	inBubble(t, func(x *bench) {
		// A worker whose context ends in the moment of delivery: whether it got
		// the evaluation or not, somebody gets it, with all its deliveries.
		for i := range 50 {
			ctx, cancel := context.WithCancel(x.t.Context())
			gone := make(chan *nl.Eval)
			go func() {
				e, token, _, _ := x.b.Dequeue(ctx, []string{"service"})
				if e != nil {
					x.b.queueReturn(e.ID, token)
				}
				gone <- e
			}()
			synctest.Wait()
			id := fmt.Sprintf("e%d", i)
			go cancel()
			x.put(pending(id))
			<-gone
			if err := x.b.Ack(id, x.expect(id)); err != nil {
				x.t.Fatal(err)
			}
		}
	})
}

// queueReturn gives back without counting, as a dequeue that is given up does.
func (b *Broker) queueReturn(id, token string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue.Return(b.cfg.Now(), id, token)
}
