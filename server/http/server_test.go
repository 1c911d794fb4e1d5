package http_test

import (
	"context"
	"crypto/rand"
	"fmt"
	web "net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/server"
	"github.com/nomadlike/nomadlike/server/http"
)

func TestMain(m *testing.M) {
	code := m.Run()
	for _, stop := range stops {
		stop()
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// patience is how long a test waits for what must come, on a busy machine.
const patience = 30 * time.Second

// stops end the servers that tests share.
var stops []func()

// shared is the API of one server that leads, in memory. Tests keep apart by
// the names they use. Fuzzed is another one, for requests without reason.
var (
	shared = sync.OnceValues(common)
	fuzzed = sync.OnceValues(common)
)

func common() (web.Handler, error) {
	h, stop, err := quiet()
	if err == nil {
		stops = append(stops, stop)
	}
	return h, err
}

// quiet starts a server that schedules nothing, so that evaluations stay what
// they are.
func quiet() (h web.Handler, stop func(), err error) {
	if h, stop, err = start(); err != nil {
		return nil, nil, err
	}
	r := httptest.NewRequest("PUT", "/v1/operator/scheduler/configuration", strings.NewReader(`{"SchedulerAlgorithm":"binpack","PauseEvalBroker":true}`))
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != 200 {
		stop()
		return nil, nil, fmt.Errorf("pausing the broker: %d %s", w.Code, w.Body)
	}
	return h, stop, nil
}

func api(t testing.TB, from func() (web.Handler, error)) web.Handler {
	t.Helper()
	h, err := from()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// start runs a server until stop is called, and makes the API before it.
func start() (h web.Handler, stop func(), err error) {
	s, err := server.New(server.Config{
		Name: "one", Version: "2.0.6", RPCBind: "127.0.0.1:0", SerfBind: "127.0.0.1:0", GossipFast: true,
		BootstrapExpect: 1, Random: rand.Reader, Logger: hclog.NewNullLogger(), SegmentMegabytes: 1,
	})
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	stop = func() { cancel(); <-done }
	cfg := http.Config{Backend: s, Agent: fakeAgent{}, Events: s.Events(), Gossip: s.Members(), Logger: hclog.NewNullLogger(),
		Region: nl.DefaultRegion, BodyBytesMax: bodyBytesMax, Headers: map[string]string{"X-Own": "yes"}}
	a, err := http.New(cfg)
	if err == nil {
		h, err = a.Handler()
	}
	if err == nil {
		err = awaitLeader(ctx, s)
	}
	if err != nil {
		stop()
		return nil, nil, err
	}
	return h, stop, nil
}

// bodyBytesMax is small enough to go beyond it in a test.
const bodyBytesMax = 64 << 10

// awaitLeader waits until writes succeed and keys exist.
func awaitLeader(ctx context.Context, s *server.Server) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for index := uint64(0); ; {
		var keys query.KeysReply
		o := nl.QueryOptions{Region: nl.DefaultRegion, MinIndex: index, MaxWait: patience}
		err := s.Call(ctx, "Operator.Keys", &query.OperatorGet{QueryOptions: o}, &keys)
		if err == nil && len(keys.Keys) > 0 {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("no leader with keys within %s: %v", patience, err)
		}
		index = keys.Index
	}
}

// fakeAgent is an agent with a server only.
type fakeAgent struct{ http.Agent }

func (fakeAgent) IsServer() bool                            { return true }
func (fakeAgent) IsClient() bool                            { return false }
func (fakeAgent) ServerHealth(context.Context) error        { return nil }
func (fakeAgent) ClientHealth(context.Context) error        { return nil }
func (fakeAgent) Self() *nl.AgentSelf                       { return &nl.AgentSelf{Stats: map[string]map[string]string{}} }
func (fakeAgent) Join([]string) (int, error)                { return 0, fmt.Errorf("nobody there") }
func (fakeAgent) ForceLeave(string, bool) error             { return nil }
func (fakeAgent) Reload() error                             { return nil }
func (fakeAgent) Metrics() (*http.Metrics, error)           { return &http.Metrics{}, nil }
func (fakeAgent) Schedulers() *nl.AgentSchedulerWorkersInfo { return &nl.AgentSchedulerWorkersInfo{} }
func (fakeAgent) SchedulerConfig() http.SchedulerWorkers    { return http.SchedulerWorkers{} }
func (fakeAgent) SetSchedulerConfig(w http.SchedulerWorkers) (http.SchedulerWorkers, error) {
	return w, nil
}
func (fakeAgent) Members(string) (*nl.ServerMembersResponse, error) {
	return &nl.ServerMembersResponse{}, nil
}
