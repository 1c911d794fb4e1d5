package applier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/nomadlike/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// commitTime is how long the bench's log takes for an entry.
const commitTime = time.Millisecond

// bench is an applier over a log that the test watches. A node has room for
// one allocation.
type bench struct {
	t  *testing.T
	st *store.Store
	a  *Applier

	mu      sync.Mutex
	index   uint64
	entries []op.Op
	refuse  func(op.Op) error
}

func inBubble(t *testing.T, change func(*Config), f func(*bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, st: store.New(store.Empty()), index: 10}
		for _, id := range []string{"n1", "n2", "n3"} {
			b.apply(&op.RegisterNode{Node: &nl.Node{ID: id, Name: id, Status: nl.NodeStatusReady, SchedulingEligibility: nl.NodeEligible}})
		}
		b.apply(&op.RegisterJob{Job: &nl.Job{ID: "j", Namespace: "default", Type: "service", TaskGroups: []*nl.Group{{Name: "g"}}}})
		cfg := Config{
			Store: b.st, Propose: b.propose, Verify: verifyOnePerNode,
			Outstanding: func(id, token string) error {
				if token != "token-"+id {
					return nl.Errorf(nl.CodeConflict, "evaluation %s is not outstanding", id)
				}
				return nil
			},
		}
		if change != nil {
			change(&cfg)
		}
		var err error
		if b.a, err = New(cfg); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.a.Run(ctx) }()
		synctest.Wait()
		f(b)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	})
}

func (b *bench) apply(o op.Op) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.index++
	_, err := b.st.Apply(b.index, o)
	return b.index, err
}

func (b *bench) propose(_ context.Context, o op.Op) (uint64, error) {
	time.Sleep(commitTime)
	if b.refuse != nil {
		if err := b.refuse(o); err != nil {
			return 0, err
		}
	}
	b.mu.Lock()
	b.entries = append(b.entries, o)
	b.mu.Unlock()
	return b.apply(o)
}

// verifyOnePerNode rejects nodes that would hold more than one allocation.
func verifyOnePerNode(s *store.Snapshot, ahead []*verify.Ahead, p *nl.Plan) (*nl.Plan, []string) {
	accepted := *p
	accepted.Place = nil
	var rejected []string
	stopped := map[string]bool{}
	for _, stop := range p.Stop {
		stopped[stop.AllocID] = true
	}
	for _, a := range p.Place {
		full := false
		for o := range s.AllocsByNode(a.NodeID) {
			full = full || !o.Terminal() && !stopped[o.ID] && o.ID != a.ID
		}
		for _, h := range ahead {
			full = full || len(h.Placed(s, a.NodeID)) > 0
		}
		if full {
			rejected = append(rejected, a.NodeID)
			continue
		}
		accepted.Place = append(accepted.Place, a)
	}
	if len(rejected) == 0 {
		return p, nil
	}
	return &accepted, rejected
}

// decidedOn is the index of the state that plans are made from: it has the
// nodes and the job.
const decidedOn = 14

func plan(eval string, priority int, nodes ...string) *nl.Plan {
	p := &nl.Plan{
		EvalID: eval, EvalToken: "token-" + eval, Priority: priority, SnapshotIndex: decidedOn,
		Evals: []*nl.Eval{{ID: eval, Namespace: "default", JobID: "j", Status: nl.EvalStatusComplete}},
	}
	for _, n := range nodes {
		p.Place = append(p.Place, &nl.Alloc{
			ID: eval + "-" + n, Namespace: "default", JobID: "j", TaskGroup: "g", NodeID: n, EvalID: eval,
			DesiredStatus: nl.AllocDesiredRun, ClientStatus: nl.AllocClientPending,
		})
	}
	return p
}

// submit submits plans at the same moment, in order, and gives what became of
// each as text.
func (b *bench) submit(plans ...*nl.Plan) []string {
	out := make([]string, len(plans))
	var all sync.WaitGroup
	for i, p := range plans {
		all.Go(func() {
			time.Sleep(time.Duration(i)) // nanoseconds: only orders them
			r, err := b.a.Submit(b.t.Context(), p)
			switch {
			case err != nil:
				out[i] = "error: " + err.Error()
			case r.Full():
				out[i] = "full"
			default:
				out[i] = fmt.Sprintf("rejected %v, committed %t, fresh %t", r.RejectedNodes, r.Index > 0, r.RefreshIndex >= r.Index && r.RefreshIndex > 0)
			}
		})
	}
	all.Wait()
	return out
}

func (b *bench) expect(got []string, want ...string) {
	b.t.Helper()
	if !slices.Equal(got, want) {
		b.t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestApplier_Commits(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		b.expect(b.submit(plan("a", 50, "n1", "n2")), "full")
		s := b.st.Snapshot()
		if s.Alloc("a-n1") == nil || s.Alloc("a-n2") == nil || s.Eval("a").Status != nl.EvalStatusComplete {
			b.t.Error("plan was not committed")
		}
	})
}

func TestApplier_CommitsWhatFits(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		b.expect(b.submit(plan("a", 50, "n1")), "full")
		p := plan("b", 50, "n1", "n2")
		p.Place[1].Amend().FollowupEvalID = "later"
		p.Evals = append(p.Evals, &nl.Eval{ID: "later", Namespace: "default", JobID: "j", Status: nl.EvalStatusPending})
		b.expect(b.submit(p), "rejected [n1], committed true, fresh true")
		s := b.st.Snapshot()
		if s.Eval("later") == nil {
			b.t.Error("the evaluation that an allocation waits for was not committed with it")
		}
		if s.Alloc("b-n2") == nil || s.Alloc("b-n1") != nil {
			b.t.Error("the wrong part was committed")
		}
		if s.Eval("b") != nil {
			b.t.Error("the evaluation was finished although a part was rejected")
		}
		b.expect(b.submit(plan("b", 50, "n1")), "rejected [n1], committed false, fresh true")
	})
}

func TestApplier_SharesEntries(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		// The first two entries are on their way when the rest arrives; it
		// shares the next one, and the second place on n3 is rejected.
		got := b.submit(plan("a", 50, "n1"), plan("b", 50, "n2"), plan("c", 50, "n3"), plan("d", 50, "n3"), plan("e", 90))
		b.expect(got, "full", "full", "full", "rejected [n3], committed false, fresh true", "full")
		if len(b.entries) != 3 {
			b.t.Errorf("%d entries were written, want 3", len(b.entries))
		}
	})
}

func TestApplier_SeesWhatIsOnItsWay(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		got := b.submit(plan("a", 50, "n1"), plan("b", 50, "n1"))
		b.expect(got, "full", "rejected [n1], committed false, fresh true")
	})
}

func TestApplier_DoesNotBuildOnStopsThatMayNotArrive(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		b.expect(b.submit(plan("a", 50, "n1")), "full")
		stop := plan("s", 50)
		stop.Stop = []nl.AllocStop{{AllocID: "a-n1", NodeID: "n1"}}
		b.expect(b.submit(stop, plan("b", 50, "n1")), "full", "rejected [n1], committed false, fresh true")
		b.expect(b.submit(plan("b", 50, "n1")), "full")
	})
}

func TestApplier_OnlyEvaluations(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		b.expect(b.submit(plan("a", 50)), "full")
		if _, ok := b.entries[0].(*op.UpsertEvals); !ok {
			b.t.Errorf("written as %T", b.entries[0])
		}
		if b.st.Snapshot().Eval("a") == nil {
			b.t.Error("the evaluation was not written")
		}
	})
}

func TestApplier_RefusesStaleWorkers(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		p := plan("a", 50, "n1")
		p.EvalToken = "old"
		b.expect(b.submit(p), "error: evaluation a is not outstanding")
		if len(b.entries) != 0 {
			b.t.Error("something was written")
		}
	})
}

func TestApplier_OneRefusedPlanDoesNotTakeOthersAlong(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		b.refuse = func(o op.Op) error {
			for _, d := range o.(*op.ApplyPlans).Plans {
				if d.EvalID == "d" {
					return errors.New("no")
				}
			}
			return nil
		}
		got := b.submit(plan("a", 50, "n1"), plan("b", 50, "n2"), plan("c", 50, "n3"), plan("d", 90, "n9"))
		b.expect(got, "full", "full", "full", "error: no")
	})
}

func TestApplier_RefusesWhileNotRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, err := New(Config{
			Store:   store.New(store.Empty()),
			Propose: func(context.Context, op.Op) (uint64, error) { return 12, nil },
			Verify:  verifyOnePerNode, Outstanding: func(string, string) error { return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Submit(t.Context(), plan("a", 50)); nl.CodeOf(err) != nl.CodeUnavailable {
			t.Errorf("got %v", err)
		}
		// A plan that comes just before Run begins is taken.
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			time.Sleep(startMax / 2)
			ended <- a.Run(ctx)
		}()
		if r, err := a.Submit(t.Context(), plan("a", 50)); err != nil || r.Index != 12 {
			t.Errorf("got %+v, %v", r, err)
		}
		cancel()
		<-ended
		if _, err := a.Submit(t.Context(), plan("a", 50)); nl.CodeOf(err) != nl.CodeUnavailable {
			t.Errorf("after Run has ended: %v", err)
		}
	})
}

func TestApplier_TakesNodesOut(t *testing.T) {
	tracker := NewRejections(3, time.Minute)
	inBubble(t, func(c *Config) { c.Rejections = tracker }, func(b *bench) {
		b.submit(plan("a", 50, "n1"))
		for range 2 {
			b.submit(plan("b", 50, "n1"))
			time.Sleep(time.Second)
		}
		if !b.st.Snapshot().Node("n1").Ready() {
			b.t.Error("node was taken out too early")
		}
		b.submit(plan("b", 50, "n1"))
		time.Sleep(time.Second)
		if n := b.st.Snapshot().Node("n1"); n.Ready() || len(n.Events) == 0 {
			b.t.Errorf("node is %s with %d events", n.SchedulingEligibility, len(n.Events))
		}
	})
}

func TestRejections_Defaults(t *testing.T) {
	r := NewRejections(0, 0)
	now := time.Unix(0, 0)
	for range RejectionThreshold - 1 {
		r.Note(now, []string{"n"})
	}
	if out := r.Take(); len(out) > 0 {
		t.Errorf("taken out too early: %v", out)
	}
	r.Note(now.Add(RejectionWindow), []string{"n"})
	if out := r.Take(); len(out) != 1 {
		t.Error("not taken out")
	}
}

// A node that is out of the budget of nodes to take out keeps its rejections,
// and goes when there is budget again.
func TestRejections_WaitForBudget(t *testing.T) {
	r := NewRejections(1, time.Hour)
	now := time.Unix(0, 0)
	for i := range outBurst {
		r.Note(now, []string{fmt.Sprint(i)})
	}
	r.Note(now, []string{"late"})
	if out := r.Take(); len(out) != outBurst || r.Scores()["late"] != 1 {
		t.Errorf("taken out %v, remembered %v", out, r.Scores())
	}
	r.Note(now.Add(outEvery), []string{"late"})
	if out := r.Take(); !slices.Equal(out, []string{"late"}) {
		t.Errorf("taken out later: %v", out)
	}
}

// What a quota forbids is no fault of the nodes, which the next try may use.
func TestApplier_QuotaIsNoFaultOfNodes(t *testing.T) {
	tracker := NewRejections(1, time.Minute)
	over := func(_ *store.Snapshot, _ []*verify.Ahead, p *nl.Plan) (*nl.Plan, []string) {
		return &nl.Plan{EvalID: p.EvalID, QuotaExceeded: []string{"cpu exhausted"}}, nil
	}
	inBubble(t, func(c *Config) { c.Rejections, c.Verify = tracker, over }, func(b *bench) {
		b.expect(b.submit(plan("a", 50, "n1")), "rejected [], committed false, fresh true")
		if len(b.entries) > 0 || len(tracker.Scores()) > 0 || len(b.a.Rejected()) > 0 {
			b.t.Errorf("%d entries, scores %v, rejected %v", len(b.entries), tracker.Scores(), b.a.Rejected())
		}
	})
}

// Nor is it that the job is gone.
func TestApplier_PurgeIsNoFaultOfNodes(t *testing.T) {
	tracker := NewRejections(1, time.Minute)
	inBubble(t, func(c *Config) { c.Rejections, c.Verify = tracker, verify.Plan }, func(b *bench) {
		b.apply(&op.DeregisterJob{Namespace: "default", ID: "j", Purge: true})
		b.expect(b.submit(plan("a", 50, "n1")), "rejected [], committed false, fresh true")
		if len(b.entries) > 0 || len(tracker.Scores()) > 0 || len(b.a.Rejected()) > 0 {
			b.t.Errorf("%d entries, scores %v, rejected %v", len(b.entries), tracker.Scores(), b.a.Rejected())
		}
	})
}

func TestRejections(t *testing.T) {
	start := time.Unix(0, 0)
	r := NewRejections(2, time.Minute)
	r.Note(start, []string{"n1"})
	r.Note(start.Add(2*time.Minute), []string{"n1"})
	if out := r.Take(); len(out) != 0 {
		t.Errorf("rejections outside the window count: %v", out)
	}
	// All at once: the burst is taken out, the others when time has passed.
	var nodes []string
	for i := range 12 {
		nodes = append(nodes, fmt.Sprintf("m%02d", i))
	}
	now := start.Add(time.Hour)
	r.Note(now, nodes)
	r.Note(now, nodes)
	if out := r.Take(); len(out) != outBurst {
		t.Errorf("%d nodes were taken out at once, want %d", len(out), outBurst)
	}
	r.Note(now.Add(outEvery), []string{"m10"})
	r.Note(now.Add(outEvery), []string{"m10", "m11"})
	if out := r.Take(); !slices.Equal(out, []string{"m10"}) {
		t.Errorf("taken out later: %v", out)
	}
	for i := range 2 * nodesMax {
		r.Note(now.Add(time.Duration(i)*time.Millisecond), []string{fmt.Sprintf("x%03d", i)})
	}
	if scores := r.Scores(); len(scores) != nodesMax || scores["x099"] != 1 {
		t.Errorf("%d nodes are remembered", len(scores))
	}
}
