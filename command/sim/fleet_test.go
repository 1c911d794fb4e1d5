package sim

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/nomadlike/nomadlike/command/sim/node"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
	"github.com/nomadlike/nomadlike/server"
)

// patience is how long a test waits for what must come, on a busy machine.
const patience = 30 * time.Second

// leading runs a server in memory until it can place allocations.
func leading(t *testing.T) *server.Server {
	t.Helper()
	s, err := server.New(server.Config{
		Name: "one", Version: "2.0.6", RPCBind: "127.0.0.1:0", SerfBind: "127.0.0.1:0", GossipFast: true,
		BootstrapExpect: 1, Schedulers: 1, Random: crand.Reader, Logger: hclog.NewNullLogger(), SegmentMegabytes: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// start runs a fleet until the test ends, or the returned function is called.
func start(t *testing.T, cfg Config) (*Fleet, func()) {
	t.Helper()
	cfg.Now, cfg.Random = time.Now, rand.Float64
	f, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return f, stop
}

// until repeats a blocking read until its answer is what is waited for. look
// gets the index to block on and returns that of the answer.
func until(t *testing.T, what string, look func(ctx context.Context, index uint64) (at uint64, ok bool, got any, err error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var got any
	for index := uint64(0); ; {
		at, ok, now, err := look(ctx, index)
		if ok && err == nil {
			return
		}
		if now != nil {
			got = now
		}
		if err != nil || ctx.Err() != nil {
			t.Fatalf("%s: %v; last seen: %v", what, err, got)
		}
		index = max(at, 1)
	}
}

// awaitNodes waits until that many nodes are ready.
func awaitNodes(t *testing.T, s *server.Server, count int) []*nl.NodeStub {
	t.Helper()
	var nodes []*nl.NodeStub
	until(t, "ready nodes", func(ctx context.Context, index uint64) (uint64, bool, any, error) {
		var reply query.NodeStubs
		req := &query.NodeList{QueryOptions: nl.QueryOptions{MinIndex: index, MaxWait: patience}}
		err := s.Call(ctx, "Node.List", req, &reply)
		nodes = reply.Nodes
		ready := 0
		for _, n := range nodes {
			if n.Status == nl.NodeStatusReady {
				ready++
			}
		}
		return reply.Index, ready == count, ready, err
	})
	return nodes
}

// awaitAllocs waits until that many allocations of a job have a client status.
func awaitAllocs(t *testing.T, s *server.Server, job, status string, count int) []*nl.AllocStub {
	t.Helper()
	return await(t, s, job, count, status, func(a *nl.AllocStub) bool { return a.ClientStatus == status })
}

// await waits until that many allocations of a job are as wanted.
func await(t *testing.T, s *server.Server, job string, count int, what string, wanted func(*nl.AllocStub) bool) []*nl.AllocStub {
	t.Helper()
	var allocs []*nl.AllocStub
	until(t, fmt.Sprintf("%d allocations of %s %s", count, job, what), func(ctx context.Context, index uint64) (uint64, bool, any, error) {
		var reply query.AllocStubs
		req := &query.JobGet{QueryOptions: nl.QueryOptions{MinIndex: index, MaxWait: patience}, ID: job}
		err := s.Call(ctx, "Job.Allocs", req, &reply)
		allocs = nil
		for _, a := range reply.Allocs {
			if wanted(a) {
				allocs = append(allocs, a)
			}
		}
		return reply.Index, len(allocs) == count, len(allocs), err
	})
	return allocs
}

func register(t *testing.T, s *server.Server, id, kind string, count int, more, config string) {
	t.Helper()
	doc, err := spec.FromJSON(fmt.Appendf(nil, `{"ID": %q, "Name": %q, "Type": %q, "Datacenters": ["*"], "TaskGroups": [{
		"Name": "g", "Count": %d, %s "Tasks": [{"Name": "t", "Driver": "mock_driver", "Config": %s, "Resources": {"CPU": 20, "MemoryMB": 20}}]}]}`,
		id, id, kind, count, more, config))
	if err != nil {
		t.Fatal(err)
	}
	j, err := spec.Register(doc)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Call(t.Context(), "Job.Register", &query.JobRegister{Job: j}, &nl.JobRegisterResponse{}); err != nil {
		t.Fatal(err)
	}
}

func TestFleet(t *testing.T) {
	s := leading(t)
	cfg := Config{Count: 50, Servers: []string{s.RPCAddr()}, Shape: node.Shape{Meta: map[string]string{"rack": "r1"}, Class: "small"}}
	_, stop := start(t, cfg)
	nodes := awaitNodes(t, s, cfg.Count)
	for _, n := range nodes {
		if n.NodeClass != "small" || !strings.HasPrefix(n.Name, "sim-") {
			t.Fatalf("registered %+v", n)
		}
	}

	t.Run("batch", func(t *testing.T) {
		register(t, s, "batch", "batch", 30, "", `{"run_for": "20ms"}`)
		for _, a := range awaitAllocs(t, s, "batch", nl.AllocClientComplete, 30) {
			st := a.TaskStates["t"]
			if st == nil || st.State != nl.TaskStateDead || st.Failed || st.StartedAt.IsZero() || !st.FinishedAt.After(st.StartedAt.Time) {
				t.Errorf("ended as %+v", st)
			}
		}
	})
	t.Run("failing", func(t *testing.T) {
		register(t, s, "failing", "batch", 1, `"RestartPolicy": {"Attempts": 0, "Mode": "fail"}, "ReschedulePolicy": {"Attempts": 0, "Unlimited": false},`,
			`{"run_for": "1ms", "exit_code": 7}`)
		st := awaitAllocs(t, s, "failing", nl.AllocClientFailed, 1)[0].TaskStates["t"]
		if !st.Failed || len(st.Events) != 5 || st.Events[3].DisplayMessage != "Exit Code: 7" {
			t.Errorf("failed as %+v", st)
		}
	})
	t.Run("service", func(t *testing.T) {
		register(t, s, "service", "service", 20, `"Update": {"MinHealthyTime": 1000000, "MaxParallel": 20},`, `{"run_for": "1h"}`)
		awaitAllocs(t, s, "service", nl.AllocClientRunning, 20)
		until(t, "a successful deployment", func(ctx context.Context, index uint64) (uint64, bool, any, error) {
			var reply query.DeploymentReply
			req := &query.JobGet{QueryOptions: nl.QueryOptions{MinIndex: index, MaxWait: patience}, ID: "service"}
			err := s.Call(ctx, "Job.LatestDeployment", req, &reply)
			ok := reply.Deployment != nil && reply.Deployment.Status == nl.DeploymentStatusSuccessful
			return reply.Index, ok, reply.Deployment, err
		})
		if err := s.Call(t.Context(), "Job.Deregister", &query.JobDeregister{ID: "service"}, &nl.JobDeregisterResponse{}); err != nil {
			t.Fatal(err)
		}
		awaitAllocs(t, s, "service", nl.AllocClientComplete, 20)
	})
	t.Run("hollow", func(t *testing.T) {
		err := s.Call(t.Context(), "Client.Stats", &query.ClientStats{OnNode: query.OnNode{NodeID: nodes[0].ID}}, &nl.HostStats{})
		want := "Client.Stats: the node is simulated; it has no files, logs, processes or statistics"
		if err == nil || err.Error() != want {
			t.Errorf("asking a simulated node: %v, want %s", err, want)
		}
	})

	// A fleet that is started again is the same nodes, which take up their
	// allocations again.
	register(t, s, "lasting", "service", 5, `"Update": {"MaxParallel": 0},`, `{"run_for": "1h"}`)
	awaitAllocs(t, s, "lasting", nl.AllocClientRunning, 5)
	stop()
	stopped := time.Now()
	fleet, _ := start(t, cfg)
	await(t, s, "lasting", 5, "started again", func(a *nl.AllocStub) bool {
		st := a.TaskStates["t"]
		return st != nil && st.StartedAt.After(stopped)
	})
	if got := fleet.Stats().Running; got != 5 {
		t.Errorf("%d allocations run, want 5", got)
	}
	if again := awaitNodes(t, s, cfg.Count); len(again) != cfg.Count {
		t.Errorf("%d nodes after a second start of %d", len(again), cfg.Count)
	}
}

func TestProgress(t *testing.T) {
	s := leading(t)
	fleet, _ := start(t, Config{Count: 3, Servers: []string{s.RPCAddr()}})
	for _, tt := range []struct {
		terminal bool
		want     string
	}{
		{true, "\r\x1b[Kregistered 3/3   running 0   updates/s 0\nAll 3 nodes are registered after "},
		{false, "All 3 nodes are registered after "},
	} {
		awaitNodes(t, s, 3)
		ctx, cancel := context.WithCancel(t.Context())
		out := &tap{want: "after", got: cancel}
		progress{fleet: fleet, out: out, terminal: tt.terminal, now: time.Now}.run(ctx)
		cancel()
		if got := out.String(); !strings.Contains(got, tt.want) {
			t.Errorf("terminal %v: printed %q, want %q", tt.terminal, got, tt.want)
		}
	}
}

// tap calls got once what is written holds want.
type tap struct {
	bytes.Buffer
	want string
	got  func()
}

func (w *tap) Write(b []byte) (int, error) {
	n, err := w.Buffer.Write(b)
	if strings.Contains(w.String(), w.want) {
		w.got()
	}
	return n, err
}
