package consensus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"go.uber.org/goleak"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testTimeout is the heartbeat timeout of clusters in tests.
const testTimeout = 150 * time.Millisecond

// member is one server of a cluster in a test.
type member struct {
	*Consensus
	store     *store.Store
	transport *raft.InmemTransport
	dir       string
	leading   chan bool // told of each change of leadership
	stop      func()
}

// start opens a log and runs it.
func start(t testing.TB, id, dir string) *member {
	t.Helper()
	m, err := open(id, dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	m.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", id, err)
		}
	})
	t.Cleanup(m.stop)
	return m
}

func open(id, dir string) (*member, error) {
	m := &member{store: store.New(store.Empty()), dir: dir, leading: make(chan bool, 64)}
	_, m.transport = raft.NewInmemTransportWithTimeout(raft.ServerAddress(id), time.Second)
	var err error
	m.Consensus, err = Open(Config{
		Store: m.store, ID: id, Dir: dir, Transport: m.transport, Logger: hclog.NewNullLogger(),
		Timeout: testTimeout, SegmentMegabytes: 1,
		Lead: func(ctx context.Context) {
			m.leading <- true
			<-ctx.Done()
			m.leading <- false
		},
	})
	return m, err
}

// alone starts the only server of its cluster and waits until it leads.
func alone(t testing.TB, dir string) *member {
	t.Helper()
	m := start(t, "one", dir)
	if err := m.Bootstrap([]Peer{{ID: "one", Address: "one"}}); err != nil {
		t.Fatal(err)
	}
	m.awaitLeading(t)
	return m
}

func (m *member) awaitLeading(t testing.TB) {
	t.Helper()
	select {
	case <-m.leading:
	case <-time.After(10 * time.Second):
		t.Fatalf("no leader: %v", m.Stats())
	}
}

func connectAll(ms ...*member) {
	for _, a := range ms {
		for _, b := range ms {
			if a != b {
				a.transport.Connect(b.transport.LocalAddr(), b.transport)
			}
		}
	}
}

// cluster starts three servers, the first bootstrapped with all.
func cluster(t *testing.T) []*member {
	var ms []*member
	var peers []Peer
	for i := range 3 {
		id := fmt.Sprintf("s%d", i)
		ms = append(ms, start(t, id, ""))
		peers = append(peers, Peer{ID: id, Address: id})
	}
	connectAll(ms...)
	for _, m := range ms {
		if err := m.Bootstrap(peers); err != nil {
			t.Fatal(err)
		}
	}
	return ms
}

// leaderOf waits for a leader among the servers.
func leaderOf(t *testing.T, ms ...*member) *member {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		for _, m := range ms {
			if m.IsLeader() {
				return m
			}
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("no leader within 10 s")
	return nil
}

func put(t testing.TB, m *member, name string) uint64 {
	t.Helper()
	r, err := m.Propose(context.Background(), namespace(name))
	if err != nil {
		t.Fatalf("writing %s: %v", name, err)
	}
	return r.Index
}

// write writes through whoever leads. On a busy machine leaders change, so it
// goes on until the write is acknowledged; it may then have been made twice,
// which is the same for what these tests write.
func write(t *testing.T, name string, ms ...*member) (leader *member, index uint64) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		leader = leaderOf(t, ms...)
		var r Result
		if r, err = leader.Propose(context.Background(), namespace(name)); err == nil {
			return leader, r.Index
		}
	}
	t.Fatalf("writing %s: %v", name, err)
	return nil, 0
}

func namespace(name string) op.Op {
	return &op.UpsertNamespaces{Namespaces: []*nl.Namespace{{Name: name}}}
}

// at waits until a server has applied an index, and gives its fingerprint.
func (m *member) at(t *testing.T, index uint64) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	s, err := m.store.WaitIndex(ctx, index)
	if err != nil {
		t.Fatalf("waiting for index %d: %v", index, err)
	}
	return s.Fingerprint()
}

func TestReplicationAndFailover(t *testing.T) {
	ms := cluster(t)
	var first *member
	var index uint64
	for i := range 50 {
		first, index = write(t, fmt.Sprintf("before-%d", i), ms...)
	}
	want := first.at(t, index)
	for i, m := range ms {
		if got := m.at(t, index); got != want {
			t.Fatalf("server %d at %d: fingerprint %s, leader has %s", i, index, got, want)
		}
	}
	var rest []*member
	for _, m := range ms {
		if m != first {
			rest = append(rest, m)
			m.transport.Disconnect(first.transport.LocalAddr())
		}
	}
	first.transport.DisconnectAll()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, index := write(t, "after", rest...)
	if _, err := first.Propose(t.Context(), namespace("x")); err == nil {
		t.Fatal("a server that has closed took a write")
	}
	for _, m := range rest {
		if m.at(t, index) != second.at(t, index) {
			t.Fatal("servers differ after the failover")
		}
		if s := m.store.Snapshot(); s.Namespace("before-49") == nil || s.Namespace("after") == nil {
			t.Fatal("an acknowledged write is lost")
		}
	}
}

func TestLeadershipIsHandedOver(t *testing.T) {
	ms := cluster(t)
	first := leaderOf(t, ms...)
	<-first.leading
	if err := first.TransferLeadership("nobody"); err == nil || !IsNotLeader(err) && !strings.Contains(err.Error(), `"nobody"`) {
		t.Fatalf("transfer to nobody: %v", err)
	}
	if err := first.TransferLeadership(""); err != nil && first.IsElected() {
		t.Fatal(err)
	}
	if <-first.leading {
		t.Fatal("leading started twice without an end")
	}
	second := leaderOf(t, ms...)
	if _, addr := second.Leader(); second.IsLeader() && addr != second.cfg.ID {
		t.Fatalf("leader address %q, want %q", addr, second.cfg.ID)
	}
	for _, m := range ms {
		if !m.IsElected() {
			if _, err := m.Propose(t.Context(), namespace("x")); err == nil && !m.IsElected() {
				t.Fatal("a follower took a write")
			}
		}
	}
}

func TestPeersChange(t *testing.T) {
	ms := cluster(t)
	late := start(t, "late", "")
	all := append(ms, late)
	connectAll(all...)
	change := func(f func(leader *member) error) {
		t.Helper()
		var err error
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
			if err = f(leaderOf(t, all...)); err == nil {
				return
			}
		}
		t.Fatal(err)
	}
	change(func(l *member) error { return l.AddVoter("late", "late") })
	leader, index := write(t, "n", all...)
	if late.at(t, index) != leader.at(t, index) {
		t.Fatal("the new server differs")
	}
	change(func(l *member) error {
		if err := l.RemovePeer("late"); err != nil {
			return err
		}
		peers, _, err := l.Peers()
		if err == nil && len(peers) != 3 {
			err = fmt.Errorf("peers are %v", peers)
		}
		return err
	})
}

func TestRestartKeepsState(t *testing.T) {
	dir := t.TempDir()
	m := alone(t, dir)
	var want uint64
	for i := range 20 {
		want = put(t, m, fmt.Sprintf("n%d", i))
	}
	fingerprint := m.at(t, want)
	m.stop()

	m = start(t, "one", dir)
	m.awaitLeading(t)
	if got := m.at(t, want); got != fingerprint {
		t.Fatal("the state differs after a restart")
	}
	// Over a snapshot too.
	if err := m.raft.Snapshot().Error(); err != nil {
		t.Fatal(err)
	}
	want = put(t, m, "after-snapshot")
	fingerprint = m.at(t, want)
	m.stop()
	m = start(t, "one", dir)
	m.awaitLeading(t)
	if got := m.at(t, want); got != fingerprint {
		t.Fatal("the state differs after a restart from a snapshot")
	}
}

func TestErrorsOfApplyComeBack(t *testing.T) {
	m := alone(t, "")
	_, err := m.Propose(t.Context(), &op.DeleteNamespaces{Names: []string{"absent"}})
	if err == nil {
		t.Fatal("deleting an absent namespace succeeded")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Propose(ctx, namespace("n")); !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled write: %v", err)
	}
}

func TestArchive(t *testing.T) {
	m := alone(t, t.TempDir())
	put(t, m, "kept")
	var archive bytes.Buffer
	if err := m.Save(&archive, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	put(t, m, "dropped")
	whole := archive.Bytes()
	broken := bytes.Clone(whole)
	broken[len(broken)/2] ^= 0xff
	for name, b := range map[string][]byte{"damaged": broken, "cut": whole[:len(whole)/2], "empty": nil, "other": []byte("{}")} {
		if err := m.Restore(t.Context(), bytes.NewReader(b)); err == nil || !strings.HasPrefix(err.Error(), "failed to restore from snapshot: ") {
			t.Errorf("restoring a %s archive: %v", name, err)
		}
	}
	if err := m.Restore(t.Context(), bytes.NewReader(whole)); err != nil {
		t.Fatal(err)
	}
	if <-m.leading || !<-m.leading {
		t.Fatal("leading did not start afresh")
	}
	s := m.store.Snapshot()
	if s.Namespace("kept") == nil || s.Namespace("dropped") != nil {
		t.Fatal("the restored state is not that of the archive")
	}
	put(t, m, "later")
	left, err := filepath.Glob(filepath.Join(m.dir, "restore-*"))
	if err != nil || len(left) != 0 {
		t.Fatalf("left behind: %v, %v", left, err)
	}
	if err := alone(t, "").Save(io.Discard, time.Time{}); !errors.Is(err, ErrNoSnapshots) {
		t.Fatalf("a snapshot in development mode: %v", err)
	}
}

// TestDamagedLog checks that a damaged log is an error or loses only what was
// never acknowledged.
func TestDamagedLog(t *testing.T) {
	tests := []struct {
		name   string
		damage func(t *testing.T, dir string)
		err    string // "" is a start with everything acknowledged
	}{
		{"intact", func(*testing.T, string) {}, ""},
		{"garbage behind the end", func(t *testing.T, dir string) {
			edit(t, dir, func(b []byte, last int) { copy(b[last+64:], bytes.Repeat([]byte{0xa5}, 100)) })
		}, ""},
		{"rotten bit in the middle", func(t *testing.T, dir string) {
			edit(t, dir, func(b []byte, _ int) { b[bytes.Index(b, []byte("name-25"))] ^= 1 })
		}, "is damaged"},
		{"end zeroed", func(t *testing.T, dir string) {
			edit(t, dir, func(b []byte, _ int) { clear(b[bytes.Index(b, []byte("name-48")):]) })
		}, "were acknowledged"},
		{"middle zeroed", func(t *testing.T, dir string) {
			edit(t, dir, func(b []byte, _ int) { clear(b[bytes.Index(b, []byte("name-20")):][:300]) })
		}, "damaged"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			m := alone(t, dir)
			var index uint64
			for i := range 50 {
				index = put(t, m, fmt.Sprintf("name-%02d", i))
			}
			m.stop()
			tt.damage(t, dir)
			again, err := open("one", dir)
			if err == nil {
				defer again.Close()
			}
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := again.LastIndex(); got < index {
				t.Fatalf("the log ends at %d, acknowledged was %d", got, index)
			}
		})
	}
}

// edit changes the one file of the log; last is where its last byte that is not zero stands.
func edit(t *testing.T, dir string, f func(b []byte, last int)) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "wal", "*.wal"))
	if err != nil || len(names) != 1 {
		t.Fatalf("files of the log: %v, %v", names, err)
	}
	b, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	f(b, len(bytes.TrimRight(b, "\x00")))
	if err := os.WriteFile(names[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkPropose(b *testing.B) {
	m := alone(b, b.TempDir())
	for i := 0; b.Loop(); i++ {
		put(b, m, fmt.Sprintf("n%d", i%100))
	}
}

func BenchmarkPropose64(b *testing.B) {
	m := alone(b, b.TempDir())
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := m.Propose(context.Background(), namespace(fmt.Sprintf("n%d", i%100))); err != nil {
				b.Error(err)
			}
		}
	})
}
