package watch

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// beating is heartbeats of nodes that are up.
type beating struct {
	*Heartbeats
	now  time.Time
	wake time.Time // when to look
	s    *store.Snapshot
}

func newBeating(t *testing.T, nodes int) *beating {
	t.Helper()
	st := store.New(store.Empty())
	b := &beating{Heartbeats: NewHeartbeats(HeartbeatConfig{}), now: time.Unix(1e9, 0)}
	for i := range nodes {
		id := fmt.Sprintf("n%d", i)
		if _, err := st.Apply(uint64(i+1), &op.RegisterNode{Node: readyNode(id)}); err != nil {
			t.Fatal(err)
		}
		b.Beat(b.now, id, 0)
	}
	b.s = st.Snapshot()
	return b
}

// look passes time and looks; it tells which nodes were found silent.
func (b *beating) look(d time.Duration) string {
	b.now = b.now.Add(d)
	var ops []op.Op
	ops, b.wake = b.Step(b.now, b.s, func() string { return "e" })
	var out []string
	for _, o := range ops {
		all := []op.Op{o}
		if many, ok := o.(*op.Batch); ok {
			all = many.Ops
		}
		for _, one := range all {
			out = append(out, one.(*op.SetNodeStatus).NodeID)
		}
	}
	return strings.Join(out, " ")
}

// looks passes time as a leader does that is not held up.
func (b *beating) looks(d time.Duration) string {
	var out []string
	for end := b.now.Add(d); b.now.Before(end); {
		next := end
		if !b.wake.IsZero() {
			next = sooner(next, later(b.wake, b.now))
		}
		if silent := b.look(next.Sub(b.now)); silent != "" {
			out = append(out, silent)
		}
	}
	return strings.Join(out, " ")
}

// A node that was found silent is told of again while the log refuses it, and
// not any more once it is heard of. It comes back soon, since the log may have
// taken it by then.
func TestHeartbeats_SilentUntilTheStateShowsIt(t *testing.T) {
	b := newBeating(t, 3)
	for i := range 5000 {
		b.Beat(b.now.Add(time.Hour), fmt.Sprintf("x%d", i), 0)
	}
	for i := range 3 {
		b.Beat(b.now.Add(-90*time.Second), fmt.Sprintf("n%d", i), 0) // 20 s of 100 and the grace are left
	}
	if got := b.looks(20500 * time.Millisecond); got != "n0 n1 n2" {
		t.Fatalf("silent: %q", got)
	}
	if got := b.look(missedAgain / 2); got != "" {
		t.Errorf("at once again: %q", got)
	}
	if ttl, _ := b.Beat(b.now, "n1", 0); ttl != MinHeartbeatTTL {
		t.Errorf("a node that was about to be down is granted %v", ttl)
	}
	b.Heard(b.now, "n2")
	if got := b.look(missedAgain); got != "n0" {
		t.Errorf("silent again: %q", got)
	}
}

// When many nodes fall silent at a time, those whose turn comes late are judged
// by what is known then.
func TestHeartbeats_ManySilent(t *testing.T) {
	b := newBeating(t, 3*missedMax)
	b.looks(19 * time.Second)
	seen := map[string]int{}
	for range 4 {
		got := strings.Fields(b.look(time.Second / 2))
		if len(got) > missedMax {
			t.Fatalf("%d nodes in one entry", len(got))
		}
		for _, id := range got {
			seen[id]++
		}
		if len(seen) == missedMax {
			for i := range 3 * missedMax {
				if id := fmt.Sprintf("n%d", i); seen[id] == 0 {
					b.Beat(b.now, id, 0)
				}
			}
		}
	}
	b.looks(2 * time.Second)
	if len(seen) != missedMax {
		t.Errorf("%d nodes are silent, want %d", len(seen), missedMax)
	}
}

// A log that is slow does not give dead nodes more time, unless nothing else was
// heard either.
func TestHeartbeats_SlowLog(t *testing.T) {
	for _, heard := range []bool{true, false} {
		b := newBeating(t, 2)
		b.looks(18 * time.Second)
		b.Beat(b.now, "n1", 0)
		if got := b.looks(2 * time.Second); got != "n0" {
			t.Fatal(got)
		}
		if heard {
			b.Heard(b.now.Add(10*time.Second), "n1")
		}
		b.proposed(b.now.Add(15 * time.Second))
		want := "n0"
		if !heard {
			want = ""
		}
		if got := b.look(15*time.Second + heldUpMin/2); got != want {
			t.Errorf("heard %v: silent are %q, want %q", heard, got, want)
		}
	}
}

// Nodes that come and go leave nothing behind.
func TestHeartbeats_QueueIsBounded(t *testing.T) {
	b := newBeating(t, 1)
	for range 1000 {
		b.Forget("n0")
		b.Beat(b.now, "n0", 0)
		b.look(time.Second)
	}
	b.looks(2 * FailoverHeartbeatTTL)
	if len(b.queue) > 1 {
		t.Errorf("%d entries for one node", len(b.queue))
	}
}

// A leader whose clock shows that it was suspended blames nobody.
func TestWatch_HeldUp(t *testing.T) {
	var ahead atomic.Int64 // of the leader's clock
	inBubble(t, func(c *Config) { c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) } }, func(l *leader) {
		defer l.lead()()
		l.apply(&op.RegisterNode{Node: readyNode("n1")})
		l.apply(&op.RegisterNode{Node: readyNode("n2")})
		l.w.Beat("n1")
		l.w.Beat("n2")
		time.Sleep(5 * time.Second)
		ahead.Store(int64(time.Hour))
		time.Sleep(time.Minute)
		l.w.Beat("n2") // it has found its way back
		time.Sleep(FailoverHeartbeatTTL - time.Minute - heartbeatLook)
		s := l.st.Snapshot()
		if a, b := s.Node("n1").Status, s.Node("n2").Status; a != nl.NodeStatusReady || b != nl.NodeStatusDown {
			t.Errorf("n1 is %s, n2 is %s", a, b)
		}
		time.Sleep(2 * heartbeatLook)
		if got := l.st.Snapshot().Node("n1").Status; got != nl.NodeStatusDown {
			t.Errorf("n1 is %s, and was not heard of", got)
		}
	})
}
