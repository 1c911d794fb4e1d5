package queue

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// full is a full batch cluster: every slot is taken, and every namespace has
// more jobs of one slot each than fit.
type full struct {
	t       *testing.T
	r       *rand.Rand
	q       *Queue
	now     time.Time
	ids     int
	free    int
	running map[string]int // slots by namespace
	blocked []*nl.Eval
	served  map[string]int // evaluations that workers looked at
}

const slots = 60

func newFull(t *testing.T, seed uint64, weights map[string]int) *full {
	c := &full{t: t, r: rand.New(rand.NewPCG(seed, 7)), q: New(Config{}), now: time.Unix(1, 0), free: slots,
		running: map[string]int{}, served: map[string]int{}}
	c.q.ShareFairly(true, func(*nl.Eval) Work { return Work{CPU: 1} })
	c.q.AddCapacity(Work{CPU: slots})
	for ns, w := range weights {
		c.q.SetWeight(ns, w)
	}
	return c
}

func (c *full) submit(ns string, n int) {
	for range n {
		c.ids++
		id := fmt.Sprintf("%s-%d", ns, c.ids)
		c.q.Enqueue(c.now, &nl.Eval{ID: id, JobID: id, Namespace: ns, Type: nl.JobTypeBatch, Priority: c.r.IntN(100),
			Status: nl.EvalStatusPending, CreateIndex: uint64(c.ids)})
	}
}

// work lets so many workers go on until nothing is left to try.
func (c *full) work(workers int) {
	type out struct {
		e     *nl.Eval
		token string
	}
	var busy []out
	for {
		for len(busy) < workers {
			e, token := c.q.Dequeue(c.now, []string{nl.JobTypeBatch}, func() string { c.ids++; return fmt.Sprint(c.ids) })
			if e == nil {
				break
			}
			busy = append(busy, out{e, token})
		}
		if len(busy) == 0 {
			return
		}
		i := c.r.IntN(len(busy)) // any worker may be done first
		e, token := busy[i].e, busy[i].token
		busy = append(busy[:i], busy[i+1:]...)
		c.served[e.Namespace]++
		if c.free > 0 {
			c.free--
			c.running[e.Namespace]++
			c.q.Use(e.Namespace, Work{CPU: 1})
		} else {
			blocked := e.Copy()
			blocked.Status = nl.EvalStatusBlocked
			c.blocked = append(c.blocked, blocked)
		}
		if err := c.q.Ack(c.now, e.ID, token); err != nil {
			c.t.Fatal(err)
		}
	}
}

// end ends a random running job and lets those that are blocked try again, each
// namespace keeping its backlog.
func (c *full) end(workers int) {
	n := c.r.IntN(slots - c.free)
	for _, ns := range []string{"a", "b", "c", "d", "e"} {
		if n -= c.running[ns]; n < 0 {
			c.running[ns]--
			c.q.Use(ns, Work{CPU: -1})
			c.submit(ns, 1)
			break
		}
	}
	c.free++
	c.r.Shuffle(len(c.blocked), func(i, j int) { c.blocked[i], c.blocked[j] = c.blocked[j], c.blocked[i] })
	for _, e := range c.blocked {
		c.q.Enqueue(c.now, e)
	}
	c.blocked = nil
	c.work(workers)
}

// A full cluster goes to namespaces by their weights, whatever the number of
// workers and whichever jobs end; nobody starves.
func TestFair_FullCluster(t *testing.T) {
	for seed := range uint64(2) {
		for _, workers := range []int{1, 3} {
			weights := map[string]int{"a": 1, "b": 2, "c": 3, "d": 4}
			c := newFull(t, seed, weights)
			// One is there first and takes all.
			c.submit("a", 80)
			c.work(workers)
			for _, ns := range []string{"b", "c", "d"} {
				c.submit(ns, 70)
			}
			c.work(workers)
			for range 250 {
				c.end(workers)
			}
			for ns, w := range weights {
				want := slots * w / 10
				if got := c.running[ns]; math.Abs(float64(got-want)) > float64(workers) {
					t.Errorf("seed %d, %d workers: %s with weight %d has %d of %d slots, want %d", seed, workers, ns, w, got, slots, want)
				}
			}
		}
	}
}

// A namespace with any number of evaluations that place nothing does not keep
// others from being looked at.
func TestFair_PassedOver(t *testing.T) {
	c := newFull(t, 1, nil)
	c.q.Use("b", Work{CPU: 50})
	c.submit("b", 1)
	c.q.fair.ask = func(*nl.Eval) Work { return Work{} }
	for n := range 2 * passedOverMax {
		c.submit("a", 1)
		e, token := c.q.Dequeue(c.now, []string{nl.JobTypeBatch}, func() string { return "t" })
		if e.Namespace == "b" {
			if n < passedOverMax {
				t.Errorf("b was served after %d deliveries already", n)
			}
			return
		}
		if err := c.q.Ack(c.now, e.ID, token); err != nil {
			t.Fatal(err)
		}
	}
	t.Error("b was never served")
}

// The heaps choose what looking at every namespace would.
func TestFair_AgreesWithSearch(t *testing.T) {
	for seed := range uint64(8) {
		c := newFull(t, seed, nil)
		names := []string{"a", "b", "c", "d", "e", "f", "g"}
		out := map[string]string{} // token by evaluation
		for range 2000 {
			ns := names[c.r.IntN(len(names))]
			switch c.r.IntN(8) {
			case 0, 1, 2:
				c.submit(ns, 1)
			case 3:
				c.q.Use(ns, Work{CPU: c.r.Int64N(20), Memory: c.r.Int64N(20)})
			case 4:
				c.q.SetWeight(ns, c.r.IntN(5))
			case 5:
				c.q.AddCapacity(Work{CPU: c.r.Int64N(10), Memory: c.r.Int64N(10)})
			case 6:
				for id, token := range out {
					delete(out, id)
					if err := c.q.Ack(c.now, id, token); err != nil {
						t.Fatal(err)
					}
					break
				}
			case 7:
				want := search(c.q)
				e, token := c.q.Dequeue(c.now, []string{nl.JobTypeBatch}, func() string { c.ids++; return fmt.Sprint(c.ids) })
				got := ""
				if e != nil {
					got = e.Namespace
					out[e.ID] = token
				}
				if got != want {
					t.Fatalf("seed %d: %q is next, want %q", seed, got, want)
				}
			}
		}
	}
}

// search finds the namespace that is next by looking at all.
func search(q *Queue) string {
	var best *lane
	for _, a := range q.fair.accounts {
		for _, l := range a.lanes {
			if l.ready.len() > 0 && q.fair.deliveries-l.since >= passedOverMax {
				return "passed over: the script is too long"
			}
			if l.ready.len() > 0 && (best == nil || smallerShare(l, best)) {
				best = l
			}
		}
	}
	if best == nil {
		return ""
	}
	return best.account.namespace
}
