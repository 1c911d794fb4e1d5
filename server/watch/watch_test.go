package watch

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/gc"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/script"
	"github.com/nomadlike/nomadlike/nomadlike/script/world"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

var _ = flag.Bool("rewrite", false, "write what the scripts print into them")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestScripts(t *testing.T) {
	script.Run(t, "testdata/*.txt", func(t *testing.T) func(script.Line) string {
		p := &player{World: world.New(t), beats: NewHeartbeats(HeartbeatConfig{})}
		return p.do
	})
}

// player runs script commands against heartbeats and the functions that make
// evaluations.
type player struct {
	*world.World
	beats *Heartbeats
	wake  time.Time // when the beats are to be looked at
}

// step looks at the heartbeats.
func (p *player) step() (ops []op.Op) {
	ops, p.wake = p.beats.Step(p.Now, p.S, p.NewID)
	return ops
}

func (p *player) do(l script.Line) string {
	switch {
	case l.Verb == "beat":
		var out []string
		for _, id := range l.Args {
			jitter := 0.0
			if l.Set["jitter"] == "half" {
				jitter = 0.5
			}
			ttl, first := p.beats.Beat(p.Now, id, jitter)
			out = append(out, fmt.Sprintf("%s %v first=%t", id, ttl, first))
		}
		return strings.Join(out, "\n")
	case l.Verb == "crowd":
		for i := range 1000 {
			p.beats.Beat(p.Now, fmt.Sprintf("x%d", i), 0)
		}
	case l.Verb == "heard":
		for _, id := range l.Args {
			p.beats.Heard(p.Now, id)
		}
	case l.Verb == "forget":
		p.beats.Forget(l.Args[0])
	case l.Verb == "lead":
		p.beats.Reset(p.Now, p.S)
	case l.Verb == "step":
		return p.Step(p.step(), p.wake)
	case l.Verb == "held":
		l.Verb = "at" // nobody looks until then
		p.Do(l)
	case l.Verb == "at":
		p.Do(l)
		to := p.Now
		for !p.wake.IsZero() && p.wake.Before(to) {
			p.Now = p.wake
			if ops := p.step(); len(ops) > 0 {
				p.T.Fatalf("%+v: there is something to do at %v", l, p.Now)
			}
		}
		p.Now = to
	case l.Verb == "evals":
		return show(EvalsForNode(p.S, l.Args[0], nl.TriggerNodeUpdate, p.Now.UnixNano(), p.NewID))
	case l.Verb == "told":
		var updates []*nl.AllocUpdate
		for _, id := range l.Args {
			updates = append(updates, &nl.AllocUpdate{ID: id, ClientStatus: l.Set["client"]})
		}
		return show(EvalsForAllocUpdates(p.S, updates, p.Now.UnixNano(), p.NewID))
	case l.Verb == "status":
		return fmt.Sprint(StatusNeedsEvals(l.Args[0], l.Args[1]))
	case p.Do(l):
	default:
		p.T.Fatalf("unknown verb %q", l.Verb)
	}
	return ""
}

func show(evals []*nl.Eval) string {
	var out []string
	for _, e := range evals {
		out = append(out, fmt.Sprintf("%s %s %s node=%s", e.JobID, e.Type, e.TriggeredBy, e.NodeID))
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, "\n")
}

// leader is a watch over a log that is the store itself.
type leader struct {
	t     *testing.T
	st    *store.Store
	w     *Watch
	mu    sync.Mutex
	index uint64
	fail  int // so many proposals are refused
	tried int
}

func inBubble(t *testing.T, change func(*Config), f func(*leader)) {
	synctest.Test(t, func(t *testing.T) {
		l := &leader{t: t, st: store.New(store.Empty()), index: 10}
		cfg := Config{
			Store: l.st, Propose: l.propose, Random: rand.Reader,
			NewID: func() string { return nl.NewID(rand.Reader) },
		}
		if change != nil {
			change(&cfg)
		}
		var err error
		if l.w, err = New(cfg); err != nil {
			t.Fatal(err)
		}
		f(l)
	})
}

// lead runs the watch until the returned function is called.
func (l *leader) lead() (stop func()) {
	ctx, cancel := context.WithCancel(l.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.w.Run(ctx) }()
	synctest.Wait()
	return func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			l.t.Errorf("Run ended with %v", err)
		}
	}
}

func (l *leader) propose(_ context.Context, o op.Op) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tried++
	if l.fail > 0 {
		l.fail--
		return 0, errors.New("not now")
	}
	l.index++
	_, err := l.st.Apply(l.index, o)
	return l.index, err
}

func (l *leader) apply(o op.Op) {
	l.t.Helper()
	if _, err := l.propose(l.t.Context(), o); err != nil {
		l.t.Fatal(err)
	}
}

func readyNode(id string) *nl.Node {
	return &nl.Node{ID: id, Name: id, Datacenter: "dc1", NodePool: "default", Status: nl.NodeStatusReady, SchedulingEligibility: nl.NodeEligible}
}

func TestWatch_NamesClusterAndMakesKey(t *testing.T) {
	inBubble(t, nil, func(l *leader) {
		defer l.lead()()
		s := l.st.Snapshot()
		if s.ClusterID() == "" {
			l.t.Error("cluster has no ID")
		}
		key := s.ActiveRootKey()
		if key == nil {
			l.t.Fatal("there is no root key")
		}
		if len(key.Encryption) != encryptionBytes {
			l.t.Errorf("encryption key has %d bytes", len(key.Encryption))
		}
		if _, err := x509.ParsePKCS8PrivateKey(key.Signing); err != nil {
			l.t.Errorf("signing key: %v", err)
		}
	})
}

func TestWatch_RotatesKeys(t *testing.T) {
	inBubble(t, func(c *Config) { c.RootKeyRotation, c.RootKeyAge = time.Hour, 10*time.Hour }, func(l *leader) {
		defer l.lead()()
		first := l.st.Snapshot().ActiveRootKey().Meta.KeyID
		states := func() string {
			synctest.Wait()
			var out []string
			for k := range l.st.Snapshot().RootKeys() {
				name := "first"
				if k.Meta.KeyID != first {
					name = "second"
				}
				out = append(out, name+" "+k.Meta.State)
			}
			if len(out) == 2 && strings.HasPrefix(out[0], "second") {
				out[0], out[1] = out[1], out[0]
			}
			return strings.Join(out, ", ")
		}
		time.Sleep(29 * time.Minute)
		if got := states(); got != "first active" {
			l.t.Errorf("after 29 minutes: %s", got)
		}
		time.Sleep(2 * time.Minute)
		if got := states(); got != "first active, second prepublished" {
			l.t.Errorf("after 31 minutes: %s", got)
		}
		time.Sleep(30 * time.Minute)
		if got := states(); got != "first inactive, second active" {
			l.t.Errorf("after 61 minutes: %s", got)
		}
	})
}

func TestWatch_NodeThatFallsSilent(t *testing.T) {
	inBubble(t, nil, func(l *leader) {
		defer l.lead()()
		l.apply(&op.RegisterNode{Node: readyNode("n1")})
		// The first heartbeat comes when the loop has already found nobody.
		synctest.Wait()
		ttl := l.w.Beat("n1")
		if ttl != MinHeartbeatTTL || l.w.Beating() != 1 {
			l.t.Errorf("granted %v, watching %d", ttl, l.w.Beating())
		}
		time.Sleep(ttl + HeartbeatGrace - time.Second)
		if n := l.st.Snapshot().Node("n1"); n.Status != nl.NodeStatusReady {
			l.t.Errorf("node is %s before its time is up", n.Status)
		}
		time.Sleep(2 * time.Second)
		n := l.st.Snapshot().Node("n1")
		if n.Status != nl.NodeStatusDown {
			l.t.Errorf("node is %s after its time is up", n.Status)
		}
		if last := n.Events[len(n.Events)-1]; last.Message != missedMessage {
			l.t.Errorf("last event is %q", last.Message)
		}
	})
}

func TestWatch_NewLeaderGivesTime(t *testing.T) {
	inBubble(t, nil, func(l *leader) {
		l.apply(&op.RegisterNode{Node: readyNode("n1")})
		l.apply(&op.RegisterNode{Node: readyNode("n2")})
		stop := l.lead()
		l.w.Beat("n1")
		stop()
		defer l.lead()()
		time.Sleep(FailoverHeartbeatTTL - time.Second)
		l.w.Beat("n2")
		time.Sleep(2 * time.Second)
		s := l.st.Snapshot()
		if s.Node("n1").Status != nl.NodeStatusDown || s.Node("n2").Status != nl.NodeStatusReady {
			l.t.Errorf("n1 is %s, n2 is %s", s.Node("n1").Status, s.Node("n2").Status)
		}
	})
}

func TestWatch_LaunchesPeriodicJobs(t *testing.T) {
	inBubble(t, nil, func(l *leader) {
		defer l.lead()()
		l.apply(&op.RegisterJob{Job: &nl.Job{
			ID: "tick", Namespace: "default", Type: "batch", SubmitTime: time.Now().UnixNano(),
			Periodic: &nl.Periodic{Enabled: true, Specs: []string{"*/5 * * * * * *"}},
		}})
		time.Sleep(11 * time.Second)
		count := 0
		for range l.st.Snapshot().JobsByParent("default", "tick") {
			count++
		}
		if count != 2 {
			l.t.Errorf("%d children after 11 seconds, want 2", count)
		}
	})
}

func TestWatch_CollectsGarbage(t *testing.T) {
	ages := gc.Ages{Eval: time.Minute}
	inBubble(t, func(c *Config) { c.GC, c.GCInterval = &ages, time.Minute }, func(l *leader) {
		defer l.lead()()
		l.apply(&op.UpsertEvals{Evals: []*nl.Eval{{
			ID: "old", Namespace: "default", JobID: "j", Type: "service", Status: nl.EvalStatusComplete, ModifyTime: time.Now().UnixNano(),
		}}})
		time.Sleep(30 * time.Second)
		if l.st.Snapshot().Eval("old") == nil {
			l.t.Error("evaluation was collected too early")
		}
		time.Sleep(2 * time.Minute)
		if l.st.Snapshot().Eval("old") != nil {
			l.t.Error("evaluation was not collected")
		}
	})
}

func TestWatch_TriesAgainWhatWasRefused(t *testing.T) {
	inBubble(t, nil, func(l *leader) {
		l.fail = 3
		defer l.lead()()
		time.Sleep(10 * time.Second)
		if s := l.st.Snapshot(); s.ClusterID() == "" || s.ActiveRootKey() == nil {
			l.t.Error("a refused proposal was not made again")
		}
		if l.tried > 10 {
			l.t.Errorf("%d proposals: a loop runs hot", l.tried)
		}
	})
}

func TestWatch_IdleCostsNothing(t *testing.T) {
	inBubble(t, nil, func(l *leader) {
		defer l.lead()()
		time.Sleep(time.Minute)
		before := l.tried
		time.Sleep(24 * time.Hour)
		if l.tried != before {
			l.t.Errorf("%d proposals in an idle day", l.tried-before)
		}
	})
}
