package endpoint

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// told writes a message as "reset +a +b -c jobs".
func told(m *query.NodeAllocChanges) string {
	var words []string
	if m.Reset {
		words = append(words, "reset")
	}
	for _, a := range m.Allocs {
		words = append(words, "+"+a.ID+":"+a.DesiredStatus)
	}
	for _, id := range m.Removed {
		words = append(words, "-"+id)
	}
	return strings.Join(append(words, fmt.Sprintf("jobs=%d", len(m.Jobs))), " ")
}

func TestAllocFeed(t *testing.T) {
	st := store.New(store.Empty())
	feeds := newAllocFeeds()
	st.OnCommit(feeds.commit)
	index := uint64(10)
	apply := func(o op.Op) {
		t.Helper()
		index++
		if _, err := st.Apply(index, o); err != nil {
			t.Fatal(err)
		}
	}
	place := func(ids ...string) {
		p := &op.PlanDelta{Time: 1}
		for _, id := range ids {
			p.Place = append(p.Place, &nl.Alloc{ID: id, Namespace: "default", JobID: "j", TaskGroup: "g", NodeID: "n", EvalID: "e",
				DesiredStatus: nl.AllocDesiredRun})
		}
		apply(&op.ApplyPlans{Plans: []*op.PlanDelta{p}})
	}
	apply(&op.RegisterJob{Job: &nl.Job{ID: "j", Namespace: "default", Type: "service", TaskGroups: []*nl.Group{{Name: "g"}}}})
	place("a")
	f := feeds.open("n")
	at := uint64(0)
	expect := func(want string) {
		t.Helper()
		changes, reset := feeds.take(f)
		m := f.message(changes, at)
		if reset {
			m = f.everything(st.Snapshot(), "n")
		}
		at = max(at, m.Index)
		if err := feeds.addJobs(f, m); err != nil {
			t.Fatal(err)
		}
		if got := told(m); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	}
	expect("reset +a:run jobs=1")
	expect("jobs=0")
	place("b", "c")
	expect("+b:run +c:run jobs=0")
	apply(&op.UpdateAllocs{NodeID: "n", Time: 2, Updates: []*nl.AllocUpdate{{ID: "b", ClientStatus: "running"}}})
	expect("jobs=0") // the node knows
	place("d")
	apply(&op.ApplyPlans{Plans: []*op.PlanDelta{{Time: 3, Stop: []nl.AllocStop{{AllocID: "d"}, {AllocID: "a"}}}}})
	apply(&op.UpdateAllocs{NodeID: "n", Time: 4, Updates: []*nl.AllocUpdate{{ID: "c", ClientStatus: "complete"}}})
	apply(&op.Collect{Allocs: []string{"c"}})
	expect("+d:stop +a:stop -c jobs=0")
	// What the snapshot of a reset holds is not told twice.
	st.Replace(st.Snapshot())
	place("e")
	expect("reset +a:stop +b:run +d:stop +e:run jobs=1")
	expect("jobs=0")
	// A node that does not read is told everything once it does.
	for i := range feedPendingMax + 1 {
		place(fmt.Sprintf("x%d", i%2))
	}
	expect("reset +a:stop +b:run +d:stop +e:run +x0:run +x1:run jobs=1")
	feeds.close("n", f)
	place("z")
	if len(feeds.byNode) != 0 || len(f.pending) != 0 {
		t.Error("a closed feed goes on")
	}
}

// TestStatusQueue has a log that takes a second for an entry.
func TestStatusQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var entries []string
		fail := false
		q := &statusQueue{propose: func(ctx context.Context, o op.Op) (Result, error) {
			n := 1
			if b, ok := o.(*op.Batch); ok {
				n = len(b.Ops)
			}
			entries = append(entries, fmt.Sprint(n))
			at := uint64(len(entries))
			time.Sleep(time.Second)
			if fail {
				return Result{}, errors.New("no log")
			}
			return Result{Index: at}, ctx.Err()
		}}
		update := func(allocs int) *op.UpdateAllocs { return &op.UpdateAllocs{Updates: make([]*nl.AllocUpdate, allocs)} }
		results := make(chan string, 400)
		call := func(ctx context.Context, allocs int) {
			go func() {
				index, err := q.write(ctx, update(allocs))
				results <- fmt.Sprintf("%d %v", index, err)
			}()
			synctest.Wait()
		}
		for range 10 {
			call(t.Context(), 1)
		}
		// Whoever gives up while waiting is left out; who is on the way is not.
		gone, cancel := context.WithCancel(t.Context())
		call(gone, 1)
		cancel()
		synctest.Wait()
		if got := <-results; got != "0 context canceled" {
			t.Errorf("given up: %q", got)
		}
		call(t.Context(), updateAllocsMax)
		call(t.Context(), updateAllocsMax)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		// The two that fly end at one moment, and either's successor may be first.
		if got := strings.Join(slices.Sorted(slices.Values(entries)), " "); got != "1 1 1 1 8" {
			t.Errorf("entries of %s calls", got)
		}
		for range 12 {
			if got := <-results; strings.HasPrefix(got, "0") {
				t.Errorf("a call gets %q", got)
			}
		}
		// However many come and give up, no entry is lost and none is left over.
		for i := range 300 {
			short, stop := context.WithTimeout(t.Context(), time.Duration(i%7)*400*time.Millisecond)
			defer stop()
			call(short, 1+i%3)
			time.Sleep(time.Duration(i%5) * 100 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		for range 300 {
			<-results
		}
		if q.flying != 0 || len(q.waiting) != 0 {
			t.Errorf("%d on their way, %d wait", q.flying, len(q.waiting))
		}
		fail = true
		call(t.Context(), 1)
		time.Sleep(time.Second)
		if got := <-results; got != "0 no log" || q.flying != 0 || len(q.waiting) != 0 {
			t.Errorf("%q, %d on their way, %d wait", got, q.flying, len(q.waiting))
		}
	})
}

// Two entries may end before the call that waits has run on: it is handed one
// entry, and the room of the other is given back.
func TestStatusQueueHandsOnOnce(t *testing.T) {
	q := &statusQueue{propose: func(context.Context, op.Op) (Result, error) { return Result{Index: 7}, nil }}
	call := func() *statusCall {
		return &statusCall{update: &op.UpdateAllocs{}, lead: make(chan []*statusCall, 1), done: make(chan struct{})}
	}
	first, second, third := call(), call(), call()
	one, two := q.enter(first), q.enter(second)
	if q.enter(third) != nil {
		t.Fatal("a third entry flies")
	}
	q.fly(t.Context(), one)
	q.fly(t.Context(), two)
	if len(third.lead) != 1 || q.flying != 1 || len(q.waiting) != 0 || q.withdraw(third) {
		t.Fatalf("handed on %d entries, %d on their way, %d wait", len(third.lead), q.flying, len(q.waiting))
	}
	q.fly(t.Context(), <-third.lead)
	if <-third.done; q.flying != 0 || third.index != 7 {
		t.Errorf("%d on their way, committed at %d", q.flying, third.index)
	}
}
