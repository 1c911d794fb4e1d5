package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/session"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
	"github.com/nomadlike/nomadlike/server/member"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come, on a busy machine.
const patience = 20 * time.Second

// testServer is a running server.
type testServer struct {
	*Server
	stop func()
}

func config(name string) Config {
	return Config{
		Name: name, Version: "2.0.6", RPCBind: "127.0.0.1:0", SerfBind: "127.0.0.1:0", GossipFast: true,
		BootstrapExpect: 1, Schedulers: 1, Random: rand.Reader, Logger: hclog.NewNullLogger(),
		SegmentMegabytes: 1, raftTimeout: 150 * time.Millisecond,
	}
}

func run(t testing.TB, cfg Config) *testServer {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	ts := &testServer{Server: s}
	ts.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", cfg.Name, err)
		}
	})
	t.Cleanup(ts.stop)
	return ts
}

// await polls until ok, for conditions that have nothing to wait on.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("%s: not within %s", what, patience)
}

// one runs a server alone, in memory, until it leads.
func one(t testing.TB) *testServer {
	t.Helper()
	s := run(t, config("one"))
	await(t, "a leader of a cluster with an ID", func() bool { return s.IsLeader() && s.store.Snapshot().ClusterID() != "" })
	return s
}

// three runs three servers that start a cluster together.
func three(t testing.TB) []*testServer {
	t.Helper()
	var out []*testServer
	for i := range 3 {
		cfg := config(fmt.Sprintf("s%d", i))
		cfg.DataDir, cfg.BootstrapExpect = t.TempDir(), 3
		if i > 0 {
			cfg.RetryJoin = member.Retry{Addrs: []string{out[0].members.Addr()}, Interval: 50 * time.Millisecond}
		}
		out = append(out, run(t, cfg))
	}
	await(t, "a leader that everybody knows", func() bool {
		for _, s := range out {
			if s.LeaderAddr() == "" {
				return false
			}
		}
		return leader(out) != nil
	})
	return out
}

func leader(servers []*testServer) *testServer {
	for _, s := range servers {
		if s.IsLeader() {
			return s
		}
	}
	return nil
}

func followers(servers []*testServer) (out []*testServer) {
	for _, s := range servers {
		if !s.IsLeader() {
			out = append(out, s)
		}
	}
	return out
}

// node is a model of a client: it registers over a session and answers Client.Stats.
type node struct {
	*session.Session
	id, secret string
}

func attach(t testing.TB, addr string) *node {
	t.Helper()
	n := &node{id: nl.NewID(rand.Reader), secret: nl.NewID(rand.Reader)}
	mux := session.NewMux()
	session.Handle(mux, "Client.Stats", func(_ context.Context, req *query.ClientStats, reply *nl.HostStats) error {
		reply.Timestamp = 42
		return nil
	})
	session.HandleStream(mux, "FS.Logs", func(_ context.Context, req *query.FSLogs, s session.Stream) error {
		return s.Send(&query.Frame{Data: []byte("log of " + req.NodeID)})
	})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte{wire.ByteSession}); err != nil {
		t.Fatal(err)
	}
	if n.Session, err = session.Dial(conn, mux, session.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	reg := &query.NodeRegister{Node: &nl.Node{
		ID: n.id, SecretID: n.secret, Name: "n", Datacenter: "dc1", Status: nl.NodeStatusReady,
		Attributes: map[string]string{"kernel.name": "linux", "driver.raw_exec": "1"},
		Drivers:    map[string]*nl.DriverInfo{"raw_exec": {Detected: true, Healthy: true}},
		NodeResources: &nl.NodeResources{
			Cpu: nl.LegacyNodeCpuResources{CpuShares: 4000, TotalCpuCores: 4}, Memory: nl.NodeMemoryResources{MemoryMB: 4096},
			Disk: nl.NodeDiskResources{DiskMB: 10000}, MinDynamicPort: 20000, MaxDynamicPort: 32000,
		},
		ReservedResources: &nl.NodeReservedResources{},
	}}
	var reply query.NodeUpdate
	if err := n.Call(t.Context(), "Node.Register", reg, &reply); err != nil {
		t.Fatal(err)
	}
	if reply.HeartbeatTTL <= 0 || len(reply.Servers) == 0 {
		t.Fatalf("registered with %+v", reply)
	}
	return n
}

func job(t testing.TB, id string) *nl.Job {
	t.Helper()
	doc, err := spec.FromJSON([]byte(fmt.Sprintf(`{"ID": %q, "Name": %q, "Type": "service", "Datacenters": ["*"],
		"TaskGroups": [{"Name": "g", "Count": 2, "Tasks": [{"Name": "t", "Driver": "raw_exec", "Config": {"command": "/bin/true"}}]}]}`, id, id)))
	if err != nil {
		t.Fatal(err)
	}
	j, err := spec.Register(doc)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// register registers a job through a server and waits for its allocations.
func register(t testing.TB, s *testServer, id string) []*nl.Alloc {
	t.Helper()
	var reply nl.JobRegisterResponse
	if err := s.Call(t.Context(), "Job.Register", &query.JobRegister{Job: job(t, id)}, &reply); err != nil {
		t.Fatal(err)
	}
	if reply.EvalID == "" {
		t.Fatal("registering made no evaluation")
	}
	return placed(t, s, id, 2)
}

func placed(t testing.TB, s *testServer, id string, want int) []*nl.Alloc {
	t.Helper()
	var allocs []*nl.Alloc
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for index := uint64(0); ; {
		err := s.store.Query(ctx, index, patience, func(s *store.Snapshot) (uint64, []store.Key, error) {
			allocs = allocs[:0]
			for a := range s.AllocsByJob(nl.DefaultNamespace, id) {
				allocs = append(allocs, a)
			}
			index = max(s.TableIndex(store.TableAllocs), 1)
			return index, []store.Key{{Table: store.TableAllocs}}, nil
		})
		if len(allocs) == want {
			return allocs
		}
		if err != nil || ctx.Err() != nil {
			for e := range s.store.Snapshot().EvalsByJob(nl.DefaultNamespace, id) {
				t.Logf("evaluation %+v", e)
			}
			t.Fatalf("%d of %d allocations of %s: %v", len(allocs), want, id, err)
		}
	}
}

func TestRegisterToAllocation(t *testing.T) {
	s := one(t)
	n := attach(t, s.RPCAddr())
	for _, a := range register(t, s, "web") {
		if a.NodeID != n.id {
			t.Fatalf("placed on %s, the node is %s", a.NodeID, n.id)
		}
	}
}

func TestRestartWithData(t *testing.T) {
	cfg := config("one")
	cfg.DataDir = t.TempDir()
	s := run(t, cfg)
	await(t, "a leader", s.IsLeader)
	id := s.ID()
	if _, err := s.consensus.Propose(t.Context(), &op.UpsertNamespaces{Namespaces: []*nl.Namespace{{Name: "kept"}}}); err != nil {
		t.Fatal(err)
	}
	s.stop()
	s = run(t, cfg)
	await(t, "a leader", s.IsLeader)
	if s.ID() != id || s.store.Snapshot().Namespace("kept") == nil {
		t.Fatal("identity or state was lost")
	}
}

func TestThreeServers(t *testing.T) {
	servers := three(t)
	first := leader(servers)
	rest := followers(servers)
	n := attach(t, rest[0].RPCAddr())
	register(t, rest[1], "web")

	for i, s := range servers {
		var stats nl.HostStats
		if err := s.Call(t.Context(), "Client.Stats", &query.ClientStats{OnNode: query.OnNode{NodeID: n.id}}, &stats); err != nil || stats.Timestamp != 42 {
			t.Errorf("server %d calling the node: %+v, %v", i, stats, err)
		}
		logs, err := s.Stream(t.Context(), "FS.Logs", &query.FSLogs{OnNode: query.OnNode{NodeID: n.id}})
		if err != nil {
			t.Fatal(err)
		}
		var f query.Frame
		if err := logs.Recv(&f); err != nil || string(f.Data) != "log of "+n.id {
			t.Errorf("server %d streaming from the node: %q, %v", i, f.Data, err)
		}
		logs.Close()
	}

	conf, err := rest[0].RaftConfiguration(t.Context(), nl.QueryOptions{})
	if err != nil || len(conf.Servers) != 3 {
		t.Fatalf("configuration %+v, %v", conf, err)
	}
	await(t, "health", func() bool {
		h, err := rest[0].AutopilotHealth(t.Context(), nl.QueryOptions{})
		return err == nil && h.Healthy && h.FailureTolerance == 1 && h.Leader == first.ID()
	})

	first.stop()
	// A write that was under way when the connection broke may fail; the next
	// one must not.
	var lost *session.LostError
	after := &query.JobRegister{Job: job(t, "after")}
	err = rest[0].Call(t.Context(), "Job.Register", after, &nl.JobRegisterResponse{})
	if errors.As(err, &lost) {
		err = rest[0].Call(t.Context(), "Job.Register", after, &nl.JobRegisterResponse{})
	}
	if err != nil {
		t.Fatalf("a write after the leader died: %v", err)
	}
	for _, s := range rest {
		placed(t, s, "after", 2)
	}
	index := leader(rest).store.Snapshot().Index()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	await(t, "equal states", func() bool {
		a, errA := rest[0].store.WaitIndex(ctx, index)
		b, errB := rest[1].store.WaitIndex(ctx, index)
		return errA == nil && errB == nil && a.Index() == b.Index() && a.Fingerprint() == b.Fingerprint()
	})
}

func TestServerLeaves(t *testing.T) {
	servers := three(t)
	gone := leader(servers)
	rest := followers(servers)
	if err := gone.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone.stop()
	await(t, "a configuration of two", func() bool {
		l := leader(rest)
		if l == nil {
			return false
		}
		peers, _, err := l.consensus.Peers()
		return err == nil && len(peers) == 2
	})
	await(t, "a write", func() bool {
		return rest[0].Call(t.Context(), "Job.Register", &query.JobRegister{Job: job(t, "after")}, &nl.JobRegisterResponse{}) == nil
	})
}

func TestRoutingErrors(t *testing.T) {
	s := one(t)
	n := attach(t, s.RPCAddr())
	n.Close()
	await(t, "the node to be gone", func() bool { _, ok := s.nodes.Lookup(n.id); return !ok })
	stats := func(nodeID, allocID string) error {
		return s.Call(t.Context(), "Client.Stats", &query.ClientStats{OnNode: query.OnNode{NodeID: nodeID, AllocID: allocID}}, &nl.HostStats{})
	}
	elsewhere := &query.JobList{}
	elsewhere.Region = "mars"
	tests := []struct {
		name string
		err  error
		text string
		code nl.Code
	}{
		{"node that is away", stats(n.id, ""), "No path to node", 404},
		{"unknown node", stats("none", ""), `Unknown node "none"`, 404},
		{"unknown allocation", stats("", "none"), `Unknown allocation "none"`, 404},
		{"region", s.Call(t.Context(), "Job.List", elsewhere, &query.JobStubs{}), "No path to region", 500},
		{"method", s.Call(t.Context(), "Job.Fly", elsewhere, nil), "unknown method Job.Fly; the agents may be of different versions", 404},
		{"server", s.Call(t.Context(), "Agent.Host", &query.AgentHost{ServerID: "x"}, nil), "unknown Nomad server x", 400},
	}
	for _, tt := range tests {
		if tt.err == nil || tt.err.Error() != tt.text || nl.CodeOf(tt.err) != tt.code {
			t.Errorf("%s: %v (%d), want %s (%d)", tt.name, tt.err, nl.CodeOf(tt.err), tt.text, tt.code)
		}
	}
}

func TestNoLeader(t *testing.T) {
	cfg := config("lonely")
	cfg.DataDir, cfg.BootstrapExpect = t.TempDir(), 3
	s := run(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond) // less than the hold, for a quick test
	defer cancel()
	err := s.Call(ctx, "Job.List", &query.JobList{}, &query.JobStubs{})
	if err == nil || err.Error() != "No cluster leader" {
		t.Fatal(err)
	}
	stale := &query.JobList{}
	stale.Stale = true
	if err := s.Call(t.Context(), "Job.List", stale, &query.JobStubs{}); err != nil {
		t.Fatalf("a stale read without a leader: %v", err)
	}
}

func TestSnapshotArchive(t *testing.T) {
	cfg := config("one")
	cfg.DataDir = t.TempDir()
	s := run(t, cfg)
	await(t, "a leader", s.IsLeader)
	add := func(name string) {
		t.Helper()
		if err := s.Call(t.Context(), "Namespace.Upsert", &query.NamespaceUpsert{Namespace: &nl.Namespace{Name: name}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	add("kept")
	var archive bytes.Buffer
	if err := s.SnapshotSave(t.Context(), nl.QueryOptions{}, &archive); err != nil {
		t.Fatal(err)
	}
	add("dropped")
	err := s.SnapshotRestore(t.Context(), nl.WriteOptions{}, strings.NewReader("not an archive"))
	if err == nil || !strings.HasPrefix(err.Error(), "failed to restore from snapshot: ") {
		t.Fatalf("restoring nonsense: %v", err)
	}
	if err := s.SnapshotRestore(t.Context(), nl.WriteOptions{}, &archive); err != nil {
		t.Fatal(err)
	}
	if snap := s.store.Snapshot(); snap.Namespace("kept") == nil || snap.Namespace("dropped") != nil {
		t.Fatal("the state is not that of the archive")
	}
	add("later")
}

// TestLocal checks that a client in the same process is called back and shares
// nothing with the server.
func TestLocal(t *testing.T) {
	s := one(t)
	mux := session.NewMux()
	session.Handle(mux, "Client.Stats", func(_ context.Context, _ *query.ClientStats, reply *nl.HostStats) error {
		reply.Timestamp = 7
		return nil
	})
	done := make(chan struct{})
	c := s.Local(mux, done)
	n := &nl.Node{ID: nl.NewID(rand.Reader), SecretID: nl.NewID(rand.Reader), Name: "n", Datacenter: "dc1"}
	if err := c.Call(t.Context(), "Node.Register", &query.NodeRegister{Node: n}, &query.NodeUpdate{}); err != nil {
		t.Fatal(err)
	}
	if n.NodePool != "" || n.Status != "" {
		t.Fatal("the server changed the client's node")
	}
	var stats nl.HostStats
	if err := s.Call(t.Context(), "Client.Stats", &query.ClientStats{OnNode: query.OnNode{NodeID: n.ID}}, &stats); err != nil || stats.Timestamp != 7 {
		t.Fatal(stats, err)
	}
	close(done)
	if _, ok := s.nodes.Lookup(n.ID); ok {
		t.Fatal("a client that has ended can still be called")
	}
}

func TestStrangers(t *testing.T) {
	s := one(t)
	for _, hello := range []string{"", "G", "GET / HTTP/1.1\r\n\r\n", "\x00\x00", "Sxxxxxxxxxxxxxxxxxxxx", "Rxxxxxxxxxxxxxxxxxxxxxx"} {
		conn, err := net.Dial("tcp", s.RPCAddr())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, hello)
		conn.(*net.TCPConn).CloseWrite()
		conn.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.ReadAll(conn); errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q: the connection stays open", hello)
		}
		conn.Close()
	}
	attach(t, s.RPCAddr())
}
