package endpoint

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/session"
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
	f := feeds.open("n", false)
	at := uint64(0)
	expect := func(want string) {
		t.Helper()
		changes, reset := feeds.take(f, nil)
		m := &query.NodeAllocChanges{Index: at}
		var err error
		if reset {
			err = feeds.everything(f, m, st.Snapshot(), "n")
		} else {
			err = feeds.message(f, m, changes)
		}
		at = max(at, m.Index)
		if err != nil {
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

// Of the nodes that a commit tells, a burst is woken at once, the others when
// news has gathered for them; a feed that is not paced never waits.
func TestAllocFeedGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feeds := newAllocFeeds()
		index := uint64(10)
		commit := func(nodes ...int) {
			index++
			c := store.Commit{Index: index}
			for _, n := range nodes {
				id := fmt.Sprintf("%d-%d", n, index)
				c.Changes = append(c.Changes, store.Change{Table: store.TableAllocs, After: &nl.Alloc{ID: id, NodeID: fmt.Sprint(n), AllocModifyIndex: index}})
			}
			feeds.commit(c)
		}
		all := make([]int, feedBurst+10)
		open := make([]*allocFeed, len(all))
		for i := range all {
			all[i], open[i] = i, feeds.open(fmt.Sprint(i), true)
			feeds.take(open[i], nil)
		}
		prompt := feeds.open(fmt.Sprint(len(all)-1), false)
		feeds.take(prompt, nil)
		// woken counts who wakes, and the changes that they find.
		woken := func(of ...*allocFeed) string {
			synctest.Wait()
			feedsWoken, changes := 0, 0
			for _, f := range of {
				select {
				case <-f.woken:
					feedsWoken++
					got, _ := feeds.take(f, nil)
					changes += len(got)
				default:
				}
			}
			return fmt.Sprintf("%d:%d", feedsWoken, changes)
		}
		expect := func(what, got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %s woken with changes, want %s", what, got, want)
			}
		}
		commit(all...)
		expect("burst", woken(open...), "8192:8192")
		expect("not paced", woken(prompt), "1:1")
		time.Sleep(feedGather / 2)
		last := open[len(open)-1]
		commit(len(all) - 1)
		expect("not paced, again", woken(prompt), "1:1")
		expect("gathering", woken(last), "0:0")
		time.Sleep(feedGather / 2)
		expect("gathered", woken(open...), "10:11")
		if len(feeds.pace.queue) != 0 {
			t.Errorf("%d feeds still gather", len(feeds.pace.queue))
		}
		// What was allowed to go out comes back with time.
		commit(all[:feedRate]...)
		time.Sleep(time.Second)
		woken(open...)
		commit(1)
		expect("later", woken(open...), "1:1")
	})
}

// BenchmarkNodeFeed tells 2,000 nodes of one allocation each, as a plan does.
func BenchmarkNodeFeed(b *testing.B) {
	const nodes = 2000
	e := &Endpoints{feeds: newAllocFeeds()}
	job := &nl.Job{ID: "j", Namespace: "default", Type: "service", TaskGroups: []*nl.Group{{Name: "g"}}}
	var all []*NodeFeed
	c := store.Commit{Index: 1}
	for i := range nodes {
		node := fmt.Sprint(i)
		all = append(all, &NodeFeed{e: e, node: node, feed: e.feeds.open(node, true)})
		e.feeds.take(all[i].feed, nil)
		c.Changes = append(c.Changes, store.Change{Table: store.TableAllocs})
	}
	var msg query.NodeAllocChanges
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		c.Index++
		for i := range c.Changes {
			c.Changes[i].After = &nl.Alloc{ID: all[i].node, NodeID: all[i].node, Namespace: "default", JobID: "j", Job: job, AllocModifyIndex: c.Index}
		}
		e.feeds.commit(c)
		for _, n := range all {
			news, err := n.next(&msg)
			if err == nil && news {
				buf, err = msg.AppendCBOR(buf[:0])
			}
			if err != nil || !news {
				b.Fatal(news, err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*nodes), "ns/node")
}

// quietStream tells what is sent.
type quietStream struct {
	session.Stream
	told chan string
}

func (q *quietStream) Send(v any) error {
	q.told <- told(v.(*query.NodeAllocChanges))
	return nil
}

// Of the streams that are to be told everything some take their turn at a time;
// those with news do not wait, and one that takes too long holds up nobody.
func TestResetTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feeds := newAllocFeeds()
		news := feeds.open("news", true)
		feeds.take(news, nil)
		var told []func()
		for i := range feedResetsMax {
			done, err := feeds.turn(t.Context(), feeds.open(fmt.Sprint(i), true))
			if err != nil {
				t.Fatal(err)
			}
			told = append(told, done)
		}
		done, err := feeds.turn(t.Context(), news)
		if err != nil {
			t.Fatal(err)
		}
		done()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := feeds.turn(ctx, feeds.open("late", true)); err != context.DeadlineExceeded {
			t.Errorf("one too many gets %v", err)
		}
		told[0]()
		told[0]()
		next, err := feeds.turn(t.Context(), feeds.open("next", true))
		if err != nil || len(feeds.resets) != feedResetsMax {
			t.Errorf("after one is told: %v, %d at a time", err, len(feeds.resets))
		}
		time.Sleep(feedResetTime)
		synctest.Wait()
		if len(feeds.resets) != 0 {
			t.Errorf("%d still have their turn", len(feeds.resets))
		}
		for _, done := range append(told, next) {
			done()
		}
	})
}

func TestNodeAllocs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRules(t)
		w.apply(&op.RegisterNode{Node: &nl.Node{
			ID: uuidOf(1), SecretID: "s", Name: "n", Datacenter: "dc1", NodePool: nl.NodePoolDefault,
			NodeResources: &nl.NodeResources{}, ReservedResources: &nl.NodeReservedResources{},
		}})
		w.apply(&op.RegisterJob{Job: &nl.Job{ID: "j", Namespace: "default", Type: "service", TaskGroups: []*nl.Group{{Name: "g"}}}})
		ctx, cancel := context.WithCancel(t.Context())
		st := &quietStream{told: make(chan string)}
		ended := make(chan error)
		go func() {
			ended <- w.e.nodeAllocs(ctx, &query.NodeAllocs{NodeID: uuidOf(1), SecretID: "s"}, st)
		}()
		began := time.Now()
		expect := func(want string, after time.Duration) {
			t.Helper()
			if got := <-st.told; got != want || time.Since(began) != after {
				t.Errorf("told %q after %v, want %q after %v", got, time.Since(began), want, after)
			}
		}
		expect("reset jobs=0", 0)
		expect("jobs=0", nodeAllocsWait)
		time.Sleep(time.Second)
		w.apply(&op.ApplyPlans{Plans: []*op.PlanDelta{{Time: 1, Place: []*nl.Alloc{{
			ID: uuidOf(2), Namespace: "default", JobID: "j", TaskGroup: "g", NodeID: uuidOf(1), EvalID: uuidOf(3), DesiredStatus: nl.AllocDesiredRun,
		}}}}})
		expect("+"+uuidOf(2)+":run jobs=1", nodeAllocsWait+time.Second)
		// Silence counts from the last message.
		expect("jobs=0", 2*nodeAllocsWait+time.Second)
		expect("jobs=0", 3*nodeAllocsWait+time.Second)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) || len(w.e.feeds.byNode) != 0 {
			t.Errorf("%v, %d nodes with feeds", err, len(w.e.feeds.byNode))
		}
	})
}

// TestStatusQueue has a log that takes a second for an entry.
func TestStatusQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // two entries may be made at one moment
		var entries []string
		fail := false
		q := &statusQueue{propose: func(ctx context.Context, o op.Op) (Result, error) {
			n := 1
			if b, ok := o.(*op.Batch); ok {
				n = len(b.Ops)
			}
			mu.Lock()
			entries = append(entries, fmt.Sprint(n))
			at := uint64(len(entries))
			mu.Unlock()
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
