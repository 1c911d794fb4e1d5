package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is a broker with a queue of prepared evaluations, and takes plans.
type desk struct {
	t    *testing.T
	st   *store.Store
	pool *Pool

	mu      sync.Mutex
	told    []string                         // what workers told it, in order
	answers []func() (*nl.PlanResult, error) // to plans, in order; then all are full
	plans   []*nl.Plan
	work    chan *nl.Eval
	index   uint64 // that evaluations are handed out with
	down    bool   // the broker cannot be reached
}

func (d *desk) Dequeue(ctx context.Context, types []string) (*nl.Eval, string, uint64, error) {
	d.mu.Lock()
	down := d.down
	d.mu.Unlock()
	if down {
		return nil, "", 0, errors.New("no leader")
	}
	select {
	case e := <-d.work:
		return e, "token", d.index, nil
	case <-ctx.Done():
		return nil, "", 0, ctx.Err()
	}
}

func (d *desk) tell(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = append(d.told, fmt.Sprintf(format, args...))
}

func (d *desk) Ack(id, token string) error {
	d.tell("ack %s", id)
	return nil
}

func (d *desk) Nack(id, token string) error {
	d.tell("nack %s", id)
	return nil
}

func (d *desk) Submit(_ context.Context, p *nl.Plan) (*nl.PlanResult, error) {
	d.tell("plan %s at %d", p.EvalID, p.SnapshotIndex)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.plans = append(d.plans, p)
	if len(d.answers) == 0 {
		return &nl.PlanResult{Index: 1}, nil
	}
	answer := d.answers[0]
	d.answers = d.answers[1:]
	return answer()
}

// rejected is the answer to a plan of which something was rejected.
func rejected(index, refresh uint64) func() (*nl.PlanResult, error) {
	return func() (*nl.PlanResult, error) {
		return &nl.PlanResult{Index: index, RefreshIndex: refresh, RejectedNodes: []string{"n1"}}, nil
	}
}

// schedule plans nothing but to finish the evaluation.
func schedule(s *store.Snapshot, e *nl.Eval, in sched.Input) (*sched.Outcome, error) {
	if e.ID == "broken" {
		return nil, errors.New("cannot be scheduled")
	}
	done := e.Copy()
	done.Status = nl.EvalStatusComplete
	return &sched.Outcome{Plan: &nl.Plan{Evals: []*nl.Eval{done}}, Eval: done}, nil
}

func inBubble(t *testing.T, count int, f func(*desk)) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{t: t, st: store.New(store.Empty()), work: make(chan *nl.Eval)}
		d.apply(10)
		var ids atomic.Int64
		var err error
		d.pool, err = New(Config{
			Store: d.st, Broker: d, Plans: d, Count: count, Schedule: schedule,
			Exhausted: func(e *nl.Eval, _ sched.Input, attempts int) []*nl.Eval {
				failed := e.Copy()
				failed.Status = nl.EvalStatusFailed
				failed.StatusDescription = fmt.Sprintf("maximum attempts reached (%d)", attempts)
				return []*nl.Eval{failed}
			},
			NewID: func() string { return fmt.Sprintf("worker-%d", ids.Add(1)) },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.pool.Run(ctx) }()
		synctest.Wait()
		f(d)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	})
}

// apply moves the state to an index.
func (d *desk) apply(index uint64) {
	if _, err := d.st.Apply(index, &op.UpsertEvals{}); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) expect(want ...string) {
	d.t.Helper()
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.told, want) {
		d.t.Errorf("told %q\nwant %q", d.told, want)
	}
	d.told = nil
}

func eval(id, evalType string) *nl.Eval {
	return &nl.Eval{ID: id, Namespace: "default", JobID: "j", Type: evalType, Priority: 70, Status: nl.EvalStatusPending}
}

func TestWorker_SchedulesAndAcknowledges(t *testing.T) {
	inBubble(t, 1, func(d *desk) {
		d.work <- eval("a", "service")
		d.expect("plan a at 10", "ack a")
		if p := d.plans[0]; p.EvalToken != "token" || p.Priority != 70 {
			d.t.Errorf("plan has token %q and priority %d", p.EvalToken, p.Priority)
		}
	})
}

func TestWorker_WaitsForState(t *testing.T) {
	inBubble(t, 1, func(d *desk) {
		d.index = 12
		d.work <- eval("a", "service")
		d.expect()
		if got := d.pool.Workers()[0].WorkloadStatus; got != workState {
			d.t.Errorf("worker shows %s", got)
		}
		d.apply(12)
		d.expect("plan a at 12", "ack a")

		d.index = 99
		d.work <- eval("b", "service")
		time.Sleep(stateWaitMax)
		d.expect("nack b")
	})
}

func TestWorker_GoesOnWithFreshState(t *testing.T) {
	inBubble(t, 1, func(d *desk) {
		d.answers = []func() (*nl.PlanResult, error){rejected(0, 11)}
		d.work <- eval("a", "service")
		d.expect("plan a at 10")
		d.apply(11)
		d.expect("plan a at 11", "ack a")
	})
}

func TestWorker_GivesUp(t *testing.T) {
	for _, c := range []struct {
		evalType string
		attempts int
	}{{"service", 5}, {"system", 5}, {"batch", 2}, {"sysbatch", 2}} {
		t.Run(c.evalType, func(t *testing.T) {
			inBubble(t, 1, func(d *desk) {
				// Progress in between makes the count start anew.
				d.answers = append(d.answers, rejected(0, 10), rejected(10, 10))
				want := []string{"plan a at 10", "plan a at 10"}
				for range c.attempts {
					d.answers = append(d.answers, rejected(0, 10))
					want = append(want, "plan a at 10")
				}
				d.work <- eval("a", c.evalType)
				d.expect(append(want, "plan a at 10", "ack a")...)
				last := d.plans[len(d.plans)-1]
				if want := fmt.Sprintf("maximum attempts reached (%d)", c.attempts); last.Evals[0].StatusDescription != want {
					d.t.Errorf("written: %q, want %q", last.Evals[0].StatusDescription, want)
				}
			})
		})
	}
}

// Who has lost a race for nodes avoids them, and those of other plans on their
// way, until a plan is committed whole.
func TestDelivery_Refused(t *testing.T) {
	cfg := &Config{Now: time.Now}
	d := NewDelivery(eval("a", "service"), "token", 1)
	d.Busy = func() []string { return []string{"busy"} }
	if got := d.input(cfg, store.Empty()).Refused; got != nil {
		t.Errorf("at first %v are avoided", got)
	}
	for _, c := range []struct {
		result nl.PlanResult
		want   []string
	}{
		{nl.PlanResult{RejectedNodes: []string{"n1"}, RefreshIndex: 2}, []string{"n1", "busy"}},
		{nl.PlanResult{RejectedNodes: []string{"n2", "n3"}, RefreshIndex: 3}, []string{"n1", "n2", "n3", "busy"}},
		{nl.PlanResult{Index: 4, RejectedNodes: []string{"n4"}, RefreshIndex: 4}, []string{"n4", "busy"}},
		{nl.PlanResult{RejectedNodes: []string{"n5"}, RefreshIndex: 5}, []string{"n4", "n5", "busy"}},
		{nl.PlanResult{RefreshIndex: 6}, []string{"n4", "n5", "busy"}}, // a quota forbade it
	} {
		d.Committed(&c.result)
		if got := d.input(cfg, store.Empty()).Refused; !slices.Equal(got, c.want) {
			t.Errorf("after %+v: %v are avoided, want %v", c.result, got, c.want)
		}
	}
}

func TestBusy(t *testing.T) {
	plan := func(nodes ...string) *nl.Plan {
		p := &nl.Plan{}
		for _, id := range nodes {
			p.Place = append(p.Place, &nl.Alloc{NodeID: id})
		}
		return p
	}
	var b busy
	var first, second, third worker
	b.set(&first, plan("n2", "n1", "n1"))
	b.set(&second, plan("n3", "n2"))
	b.set(&third, plan())
	for _, c := range []struct {
		w    *worker
		want string
	}{{&first, "[n2 n3]"}, {&second, "[n1 n2]"}, {&third, "[n1 n2 n3]"}} {
		if got := fmt.Sprint(b.others(c.w)); got != c.want {
			t.Errorf("%s are busy, want %s", got, c.want)
		}
	}
	b.set(&first, nil)
	if got := fmt.Sprint(b.others(&third)); got != "[n2 n3]" {
		t.Errorf("%s are busy after one plan is over", got)
	}
}

func TestWorker_GivesBackWhatFails(t *testing.T) {
	inBubble(t, 1, func(d *desk) {
		d.work <- eval("broken", "service")
		d.expect("nack broken")
		d.answers = []func() (*nl.PlanResult, error){func() (*nl.PlanResult, error) { return nil, errors.New("leadership lost") }}
		d.work <- eval("a", "service")
		d.expect("plan a at 10", "nack a")
		d.work <- eval("b", "service")
		d.expect("plan b at 10", "ack b")
	})
}

func TestWorker_FindsTheNextLeader(t *testing.T) {
	inBubble(t, 1, func(d *desk) {
		d.mu.Lock()
		d.down = true
		d.mu.Unlock()
		d.work <- eval("a", "service") // to the one that still waits
		time.Sleep(time.Second)
		if got := d.pool.Workers()[0].WorkloadStatus; got != workBackoff {
			d.t.Errorf("worker shows %s", got)
		}
		d.mu.Lock()
		d.down = false
		d.mu.Unlock()
		before := time.Now()
		d.work <- eval("b", "service")
		if took := time.Since(before); took > backoffMax {
			d.t.Errorf("the new leader was asked after %v", took)
		}
		d.expect("plan a at 10", "ack a", "plan b at 10", "ack b")
	})
}

func TestPool_Configure(t *testing.T) {
	inBubble(t, 2, func(d *desk) {
		show := func() string {
			synctest.Wait()
			out := ""
			for _, w := range d.pool.Workers() {
				out += fmt.Sprintf("%s/%s %v; ", w.Status, w.WorkloadStatus, w.EnabledSchedulers)
			}
			return out
		}
		check := func(want string) {
			d.t.Helper()
			if got := show(); got != want {
				d.t.Errorf("workers: %s\nwant: %s", got, want)
			}
		}
		check("Started/WaitingToDequeue [service batch system sysbatch]; Started/WaitingToDequeue [service batch system sysbatch]; ")
		if err := d.pool.Configure(1, []string{"batch"}); err != nil {
			d.t.Fatal(err)
		}
		check("Started/WaitingToDequeue [batch]; ")
		d.pool.Pause(true)
		check("Paused/Paused [batch]; ")
		d.pool.Pause(false)
		d.work <- eval("a", "batch")
		d.expect("plan a at 10", "ack a")
		for _, bad := range []struct {
			count int
			types []string
		}{{-1, nil}, {1, []string{"nonsense"}}, {countMax + 1, nil}} {
			if err := d.pool.Configure(bad.count, bad.types); nl.CodeOf(err) != nl.CodeInvalid {
				d.t.Errorf("Configure(%d, %v): %v", bad.count, bad.types, err)
			}
		}
		if count, types := d.pool.Settings(); count != 1 || !slices.Equal(types, []string{"batch"}) {
			d.t.Errorf("settings are %d %v", count, types)
		}
	})
}
