package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/nomadlike/nomadlike/client/driver"
	dirs "github.com/nomadlike/nomadlike/client/step/dir"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/session"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// pluginPath is the binary that serves the drivers.
var pluginPath string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "client-test")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir)
	pluginPath = filepath.Join(dir, "plugin")
	build := exec.Command("go", "build", "-o", pluginPath, "./testdata/plugin")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Printf("building the driver plugin: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	return code
}

// waitMax bounds how long a condition may take to come true.
const waitMax = 20 * time.Second

// fakeServer is a server with one node, over real sessions.
type fakeServer struct {
	t   testing.TB
	mux *session.Mux
	wg  sync.WaitGroup

	mu       sync.Mutex
	cond     *sync.Cond
	sessions []*session.Session
	nodeSess *session.Session
	node     *nl.Node
	beats    int
	allocs   map[string]*nl.Alloc
	services map[string]*nl.ServiceRegistration
	updates  []*nl.AllocUpdate
	index    uint64
	feeds    []chan struct{}
}

func newFakeServer(t testing.TB) *fakeServer {
	f := &fakeServer{t: t, mux: session.NewMux(), allocs: map[string]*nl.Alloc{}, services: map[string]*nl.ServiceRegistration{}}
	f.cond = sync.NewCond(&f.mu)
	session.Handle(f.mux, "Node.Register", func(ctx context.Context, req *query.NodeRegister, reply *query.NodeUpdate) error {
		f.change(func() { f.node, f.nodeSess = req.Node, session.From(ctx) })
		reply.HeartbeatTTL = 100 * time.Millisecond
		return nil
	})
	session.Handle(f.mux, "Node.Heartbeat", func(_ context.Context, _ *query.NodeHeartbeat, reply *query.NodeUpdate) error {
		f.change(func() { f.beats++ })
		reply.HeartbeatTTL = 100 * time.Millisecond
		return nil
	})
	session.Handle(f.mux, "Node.UpdateAllocs", func(_ context.Context, req *query.NodeAllocUpdates, _ *query.Written) error {
		f.change(func() {
			for _, u := range req.Updates {
				f.updates = append(f.updates, u)
				if a := f.allocs[u.ID]; a != nil {
					own := a.Copy()
					own.ClientStatus, own.ClientDescription, own.TaskStates = u.ClientStatus, u.ClientDescription, u.TaskStates
					if u.DeploymentStatus != nil {
						own.DeploymentStatus = u.DeploymentStatus
					}
					f.allocs[u.ID] = own
				}
			}
		})
		return nil
	})
	session.Handle(f.mux, "Node.UpdateServices", func(_ context.Context, req *query.NodeServices, _ *query.Written) error {
		f.change(func() {
			for _, s := range req.Upsert {
				f.services[s.ID] = s
			}
			for _, id := range req.Delete {
				delete(f.services, id)
			}
		})
		return nil
	})
	session.Handle(f.mux, "Node.AddEvents", func(context.Context, *query.NodeEvents, *query.Written) error { return nil })
	session.Handle(f.mux, "Node.SignIdentities", func(_ context.Context, req *query.SignIdentities, reply *query.SignedIdentities) error {
		for _, w := range req.Wanted {
			reply.Tokens = append(reply.Tokens, query.SignedIdentity{IdentityWanted: w, JWT: "token-" + w.Identity})
		}
		return nil
	})
	session.HandleStream(f.mux, "Node.Allocs", f.stream)
	return f
}

func (f *fakeServer) change(edit func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	edit()
	f.cond.Broadcast()
}

// stream sends everything, then everything again on each change: the client
// finds what is new by index.
func (f *fakeServer) stream(ctx context.Context, _ *query.NodeAllocs, s session.Stream) error {
	wake := make(chan struct{}, 1)
	wake <- struct{}{}
	f.mu.Lock()
	f.feeds = append(f.feeds, wake)
	f.mu.Unlock()
	first := true
	sent := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wake:
		}
		f.mu.Lock()
		m := &query.NodeAllocChanges{Index: f.index, Reset: first}
		for _, a := range f.allocs {
			if key := fmt.Sprint(a.JobID, a.JobVersion); !sent[key] {
				sent[key] = true
				told, err := query.NewNodeJob(a.Job)
				if err != nil {
					return err
				}
				m.Jobs = append(m.Jobs, told)
			}
			m.Allocs = append(m.Allocs, a)
		}
		f.mu.Unlock()
		first = false
		if err := s.Send(m); err != nil {
			return err
		}
	}
}

// put gives the node an allocation, or a newer version of it.
func (f *fakeServer) put(a *nl.Alloc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.index++
	own := a.Copy()
	own.AllocModifyIndex, own.JobVersion = f.index, a.Job.Version
	if old := f.allocs[a.ID]; old != nil {
		own.ClientStatus, own.TaskStates = old.ClientStatus, old.TaskStates
	}
	f.allocs[a.ID] = own
	for _, w := range f.feeds {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

// dial connects a client by a pipe.
func (f *fakeServer) dial(context.Context, string) (net.Conn, error) {
	near, far := net.Pipe()
	f.wg.Add(1)
	go func() {
		defer f.wg.Done()
		first := make([]byte, 1)
		if _, err := far.Read(first); err != nil || first[0] != wire.ByteSession {
			far.Close()
			return
		}
		s, err := session.Accept(far, f.mux, session.Config{})
		if err != nil {
			return
		}
		f.mu.Lock()
		f.sessions = append(f.sessions, s)
		f.mu.Unlock()
		<-s.Done()
		s.Close()
	}()
	return near, nil
}

func (f *fakeServer) close() {
	f.mu.Lock()
	list := f.sessions
	f.mu.Unlock()
	for _, s := range list {
		s.Close()
	}
	f.wg.Wait()
}

// until waits for a condition over what the server knows.
func (f *fakeServer) until(what string, holds func() bool) {
	f.t.Helper()
	late := time.AfterFunc(waitMax, f.cond.Broadcast)
	defer late.Stop()
	deadline := time.Now().Add(waitMax)
	f.mu.Lock()
	defer f.mu.Unlock()
	for !holds() {
		if !time.Now().Before(deadline) {
			for id, a := range f.allocs {
				f.t.Logf("alloc %s: %s (%s)", id, a.ClientStatus, a.ClientDescription)
				for name, s := range a.TaskStates.All() {
					f.t.Logf("  %s %s failed=%v restarts=%d", name, s.State, s.Failed, s.Restarts)
					for _, e := range s.Events {
						f.t.Logf("    %s: %s", e.Type, e.DisplayMessage)
					}
				}
			}
			f.t.Fatalf("%s did not happen within %v", what, waitMax)
		}
		f.cond.Wait()
	}
}

func (f *fakeServer) status(id, want string) {
	f.t.Helper()
	f.until(id+" becomes "+want, func() bool { return f.allocs[id].ClientStatus == want })
}

func (f *fakeServer) events(id, task string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, e := range f.allocs[id].TaskStates.Get(task).Events {
		out = append(out, e.Type)
	}
	return strings.Join(out, ", ")
}

// runningClient is a client under test.
type runningClient struct {
	*Client
	stop func()
}

// startClient runs a client on a directory until the test ends or stop.
func startClient(t testing.TB, f *fakeServer, dir string, edit func(*Config)) *runningClient {
	t.Helper()
	cfg := Config{
		StateDir: filepath.Join(dir, "client"), AllocDir: filepath.Join(dir, "alloc"),
		Servers: []string{"fake"}, Dial: f.dial, Builtins: []string{"raw_exec"},
		BuiltinCommand: func(name string) (string, []string) { return pluginPath, []string{"plugin-serve", name} },
		Plugins:        map[string]driver.Block{"raw_exec": {Config: map[string]any{"enabled": true}}},
		Logger:         hclog.New(&hclog.LoggerOptions{Level: hclog.Info, Output: os.Stderr}),
	}
	if testing.Verbose() {
		cfg.Logger.SetLevel(hclog.Debug)
	}
	if edit != nil {
		edit(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		<-done
	})
	t.Cleanup(func() {
		stop()
		// Secrets are mounts, which nothing but their owner can remove.
		for _, id := range []string{allocA, allocB} {
			if err := dirs.Of(cfg.AllocDir, id).Remove([]string{"t", "u", "v"}); err != nil {
				t.Error(err)
			}
		}
	})
	return &runningClient{Client: c, stop: stop}
}

// shell makes an allocation of one raw_exec task that runs a shell script.
func shell(id, jobType, script string) *nl.Alloc {
	t := &nl.Task{
		Name: "t", Driver: "raw_exec", Config: map[string]any{"command": "/bin/sh", "args": []any{"-c", script}},
		KillTimeout: 2 * time.Second, LogConfig: &nl.LogConfig{MaxFiles: 2, MaxFileSizeMB: 1},
		RestartPolicy: &nl.RestartPolicy{Attempts: 0, Interval: time.Minute, Mode: "fail"},
		Resources:     &nl.Resources{CPU: 20, MemoryMB: 16},
	}
	g := &nl.Group{Name: "g", Count: 1, Tasks: []*nl.Task{t}, RestartPolicy: t.RestartPolicy}
	j := &nl.Job{ID: "job-" + id, Name: "job-" + id, Type: jobType, Namespace: "default", Region: "global", TaskGroups: []*nl.Group{g}}
	return &nl.Alloc{
		ID: id, Namespace: "default", JobID: j.ID, Job: j, TaskGroup: "g", Name: j.ID + ".g[0]",
		DesiredStatus: nl.AllocDesiredRun, ClientStatus: nl.AllocClientPending,
		AllocatedResources: &nl.AllocatedResources{Tasks: map[string]*nl.AllocatedTaskResources{
			"t": {Cpu: nl.AllocatedCpuResources{CpuShares: 20}, Memory: nl.AllocatedMemoryResources{MemoryMB: 16}},
		}},
	}
}

func stopped(a *nl.Alloc) *nl.Alloc {
	own := a.Copy()
	own.DesiredStatus = nl.AllocDesiredStop
	return own
}

// The IDs differ from run to run: control groups are named by them, and another
// run on the machine would end this one's tasks.
var (
	allocA = nl.NewID(rand.Reader)
	allocB = nl.NewID(rand.Reader)
)

// logs reads all of a task's output by the node's own method.
func (c *runningClient) logs(t *testing.T, id, kind string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitMax)
	defer cancel()
	s, err := c.Mux().Stream(ctx, "FS.Logs", &query.FSLogs{OnNode: query.OnNode{AllocID: id}, Task: "t", Type: kind})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var out strings.Builder
	for {
		var f query.Frame
		if err := s.Recv(&f); err != nil {
			return out.String()
		}
		out.Write(f.Data)
	}
}

func TestBatchTask(t *testing.T) {
	f := newFakeServer(t)
	defer f.close()
	c := startClient(t, f, t.TempDir(), nil)
	defer c.stop()
	f.until("registration with a healthy driver", func() bool {
		return f.node != nil && f.node.Attributes["driver.raw_exec"] == "1" && f.node.Drivers["raw_exec"].Healthy
	})
	f.put(shell(allocA, nl.JobTypeBatch, `echo "hello $NOMAD_TASK_NAME"; echo oops >&2; exit 0`))
	f.status(allocA, nl.AllocClientComplete)
	if got := c.logs(t, allocA, "stdout"); got != "hello t\n" {
		t.Errorf("stdout is %q", got)
	}
	if got := c.logs(t, allocA, "stderr"); got != "oops\n" {
		t.Errorf("stderr is %q", got)
	}
	if got, want := f.events(allocA, "t"), "Received, Task Setup, Started, Terminated"; got != want {
		t.Errorf("events are %s, want %s", got, want)
	}
	f.put(shell(allocB, nl.JobTypeBatch, `exit 3`))
	f.status(allocB, nl.AllocClientFailed)
	if got, want := f.events(allocB, "t"), "Received, Task Setup, Started, Terminated, Not Restarting"; got != want {
		t.Errorf("events are %s, want %s", got, want)
	}
	f.until("a heartbeat", func() bool { return f.beats > 0 })
}

func TestTemplates(t *testing.T) {
	f := newFakeServer(t)
	defer f.close()
	c := startClient(t, f, t.TempDir(), nil)
	defer c.stop()
	a := shell(allocA, nl.JobTypeBatch, `cat local/a.conf; echo $FROM; stat -c %a local/a.conf`)
	task := a.Job.TaskGroups[0].Tasks[0]
	a.Job.Meta = map[string]string{"greeting": "hello"}
	task.Templates = []*nl.Template{
		{EmbeddedTmpl: `{{ env "NOMAD_META_greeting" }} {{ env "HOME_OF_AGENT" }}{{ "x" | toUpper }}{{ "\n" }}`, DestPath: "local/a.conf", Perms: "640"},
		{EmbeddedTmpl: `FROM={{ "abc" | toUpper }}`, DestPath: "local/env", Envvars: true, Perms: "644"},
	}
	f.put(a)
	f.status(allocA, nl.AllocClientComplete)
	if got, want := c.logs(t, allocA, "stdout"), "hello X\nABC\n640\n"; got != want {
		t.Errorf("output is %q, want %q", got, want)
	}
	b := shell(allocB, nl.JobTypeBatch, `true`)
	b.Job.TaskGroups[0].Tasks[0].Templates = []*nl.Template{{EmbeddedTmpl: "x", DestPath: "../../../escaped"}}
	f.put(b)
	f.status(allocB, nl.AllocClientFailed)
	if got, want := f.events(allocB, "t"), "Received, Task Setup, Setup Failure, Not Restarting"; got != want {
		t.Errorf("events are %s, want %s", got, want)
	}
}

func TestServicesAndChecks(t *testing.T) {
	f := newFakeServer(t)
	defer f.close()
	c := startClient(t, f, t.TempDir(), nil)
	defer c.stop()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	a := shell(allocA, nl.JobTypeService, `exec sleep 600`)
	a.DeploymentID = "some"
	g := a.Job.TaskGroups[0]
	g.Update = &nl.UpdateStrategy{HealthCheck: "checks", MinHealthyTime: time.Millisecond, HealthyDeadline: time.Minute}
	g.Services = []*nl.Service{{
		Name: "web-${NOMAD_GROUP_NAME}", Provider: "nomad", PortLabel: "http", Tags: []string{"x"},
		Checks: []*nl.ServiceCheck{{Name: "up", Type: "tcp", Interval: 20 * time.Millisecond, Timeout: time.Second}},
	}}
	a.AllocatedResources.Shared.Ports = []*nl.AllocatedPortMapping{{Label: "http", Value: port, HostIP: "127.0.0.1"}}
	f.put(a)
	id := "_nomad-task-" + allocA + "-group-g-web-g-http"
	f.until("registration of the service", func() bool { return f.services[id] != nil && f.services[id].Port == port })
	f.until("health", func() bool {
		st := f.allocs[allocA].DeploymentStatus
		return st != nil && st.Healthy != nil && *st.Healthy
	})
	var res query.AllocCheckResults
	if err := c.Mux().Call(context.Background(), "Alloc.Checks", &query.AllocChecks{OnNode: query.OnNode{AllocID: allocA}}, &res); err != nil {
		t.Fatal(err)
	}
	for _, r := range res.Results {
		if r.Status != "success" || r.Service != "web-g" || r.Group != a.Name {
			t.Errorf("check is %+v", r)
		}
	}
	f.put(stopped(a))
	f.status(allocA, nl.AllocClientComplete)
	f.until("removal of the service", func() bool { return f.services[id] == nil })
}

func TestRequests(t *testing.T) {
	f := newFakeServer(t)
	defer f.close()
	c := startClient(t, f, t.TempDir(), nil)
	defer c.stop()
	f.until("registration", func() bool { return f.nodeSess != nil })
	f.put(shell(allocA, nl.JobTypeService, `trap 'echo got it' USR1; echo ready; while :; do sleep 0.05; done`))
	f.status(allocA, nl.AllocClientRunning)
	ctx, cancel := context.WithTimeout(context.Background(), waitMax)
	defer cancel()
	on := query.OnNode{AllocID: allocA}
	// The servers call the node over the session it opened.
	call := func(method string, req, reply any) error { return f.nodeSess.Call(ctx, method, req, reply) }

	st, err := f.nodeSess.Stream(ctx, "FS.Logs", &query.FSLogs{OnNode: on, Task: "t", Type: "stdout", Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	await := func(text string) {
		t.Helper()
		var got strings.Builder
		for !strings.Contains(got.String(), text) {
			var frame query.Frame
			if err := st.Recv(&frame); err != nil {
				t.Fatalf("waiting for %q after %q: %v", text, got.String(), err)
			}
			got.Write(frame.Data)
		}
	}
	await("ready")
	if err := call("Alloc.Signal", &query.AllocSignal{OnNode: on, Task: "t", Signal: "SIGUSR1"}, nil); err != nil {
		t.Fatal(err)
	}
	await("got it")

	ex, err := f.nodeSess.Stream(ctx, "Alloc.Exec", &query.AllocExec{OnNode: on, Task: "t", Command: []string{"/bin/sh", "-c", "cat; exit 3"}})
	if err != nil {
		t.Fatal(err)
	}
	defer ex.Close()
	for _, in := range []query.ExecInput{{Stdin: []byte("one\n")}, {CloseStdin: true}} {
		if err := ex.Send(&in); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	for {
		var m query.ExecOutput
		if err := ex.Recv(&m); err != nil {
			t.Fatal(err)
		}
		out.Write(m.Stdout)
		if m.Exited {
			if m.ExitCode != 3 || out.String() != "one\n" {
				t.Errorf("exec gave %q and exit code %d", out.String(), m.ExitCode)
			}
			break
		}
	}

	var usage nl.AllocResourceUsage
	if err := call("Alloc.Stats", &query.AllocStats{OnNode: on}, &usage); err != nil || usage.Tasks["t"] == nil || usage.Tasks["t"].ResourceUsage.MemoryStats.RSS == 0 {
		t.Errorf("usage is %+v, %v", usage, err)
	}
	var host nl.HostStats
	if err := call("Client.Stats", &query.ClientStats{}, &host); err != nil || host.Memory.Total == 0 || len(host.CPU) == 0 {
		t.Errorf("host statistics are %+v, %v", host, err)
	}
	if err := call("Alloc.GC", &query.AllocGC{OnNode: on}, nil); err == nil {
		t.Error("a running allocation was collected")
	}
	if err := call("Alloc.Restart", &query.AllocRestart{OnNode: on, Task: "absent"}, nil); err == nil {
		t.Error("a task that does not exist was restarted")
	}
	if err := call("Alloc.Restart", &query.AllocRestart{OnNode: on, Task: "t"}, nil); err != nil {
		t.Fatal(err)
	}
	f.until("restart", func() bool {
		s := f.allocs[allocA].TaskStates.Get("t")
		return s.Restarts == 1 && s.State == nl.TaskStateRunning
	})
	if got, want := f.events(allocA, "t"), "Received, Task Setup, Started, Signaling, Restart Signaled, Terminated, Restarting, Started"; got != want {
		t.Errorf("events are %s, want %s", got, want)
	}
	f.mu.Lock()
	a := f.allocs[allocA]
	f.mu.Unlock()
	f.put(stopped(a))
	f.status(allocA, nl.AllocClientComplete)
	var list query.FSFiles
	if err := call("FS.List", &query.FSList{OnNode: on, Path: "/"}, &list); err != nil || len(list.Files) != 2 || list.Files[1].FileMode != "drwxrwxrwx" {
		t.Errorf("files are %+v, %v", list.Files, err)
	}
	var info nl.AllocFileInfo
	err = call("FS.Stat", &query.FSStat{OnNode: on, Path: "t/secrets/../../../../../etc/passwd"}, &info)
	if nl.CodeOf(err) != nl.CodeNotFound {
		t.Errorf("a file outside was found: %+v, %v", info, err)
	}
	if err := call("Alloc.GC", &query.AllocGC{OnNode: on}, nil); err != nil {
		t.Error(err)
	}
	if err := call("FS.List", &query.FSList{OnNode: on, Path: "/"}, &list); nl.CodeOf(err) != nl.CodeNotFound {
		t.Errorf("the collected allocation can be listed: %v", err)
	}
	var meta nl.NodeMetaResponse
	value := "v"
	if err := call("Client.Metadata", &query.ClientMetadata{Set: true, Meta: map[string]*string{"k-1": &value}}, &meta); err != nil || meta.Meta["k-1"] != "v" {
		t.Errorf("metadata are %+v, %v", meta, err)
	}
	f.until("registration with the metadata", func() bool { return f.node.Meta["k-1"] == "v" })
}

// TestStopWhileWaiting stops a task whose templates can never be rendered.
func TestStopWhileWaiting(t *testing.T) {
	f := newFakeServer(t)
	defer f.close()
	c := startClient(t, f, t.TempDir(), func(c *Config) {
		c.API = func(context.Context) (net.Conn, error) { return nil, errors.New("no API here") }
	})
	defer c.stop()
	a := shell(allocA, nl.JobTypeBatch, `true`)
	a.Job.TaskGroups[0].Tasks[0].Templates = []*nl.Template{{EmbeddedTmpl: `{{ with nomadVar "x" }}{{ .y }}{{ end }}`, DestPath: "local/a"}}
	f.put(a)
	f.until("preparation", func() bool {
		s := f.allocs[allocA].TaskStates.Get("t")
		return s != nil && len(s.Events) == 2
	})
	f.put(stopped(a))
	f.status(allocA, nl.AllocClientComplete)
}

// TestStopWhileStarting stops a task whose driver takes an hour to start it.
func TestStopWhileStarting(t *testing.T) {
	f := newFakeServer(t)
	defer f.close()
	c := startClient(t, f, t.TempDir(), func(c *Config) { c.Builtins = []string{"mock_driver"} })
	defer c.stop()
	a := shell(allocA, nl.JobTypeBatch, "")
	mock := a.Job.TaskGroups[0].Tasks[0]
	mock.Driver, mock.Config = "mock_driver", map[string]any{"run_for": "1h", "start_block_for": "1h"}
	f.put(a)
	f.until("preparation", func() bool {
		s := f.allocs[allocA].TaskStates.Get("t")
		return s != nil && len(s.Events) == 2
	})
	f.put(stopped(a))
	f.status(allocA, nl.AllocClientComplete)
	if got, want := f.events(allocA, "t"), "Received, Task Setup, Killing, Killed"; got != want {
		t.Errorf("events are %s, want %s", got, want)
	}
}

// startMock runs an allocation that pretends to run for an hour.
func startMock(t *testing.T, f *fakeServer) (*runningClient, *nl.Alloc) {
	c := startClient(t, f, t.TempDir(), func(c *Config) { c.Builtins = []string{"mock_driver"} })
	a := shell(allocA, nl.JobTypeService, "")
	mock := a.Job.TaskGroups[0].Tasks[0]
	mock.Driver, mock.Config = "mock_driver", map[string]any{"run_for": "1h"}
	f.put(a)
	f.status(allocA, nl.AllocClientRunning)
	return c, a
}

// TestOldState has a server that has not caught up begin a stream: what it does
// not know of goes on.
func TestOldState(t *testing.T) {
	f := newFakeServer(t)
	defer f.close()
	c, _ := startMock(t, f)
	defer c.stop()
	if err := c.apply(t.Context(), &query.NodeAllocChanges{Reset: true}); !errors.Is(err, errBehind) {
		t.Errorf("an old state: %v, want %v", err, errBehind)
	}
	if c.runner(allocA) == nil {
		t.Error("the allocation was taken away by a server that does not know of it yet")
	}
	for _, test := range []struct {
		m    query.NodeAllocChanges
		want bool
	}{
		{query.NodeAllocChanges{Reset: true, Index: 20}, false},
		{query.NodeAllocChanges{Reset: true, Index: 19}, true},
		{query.NodeAllocChanges{Index: 19}, false}, // a change is never old: its stream began well
		{query.NodeAllocChanges{Reset: true, Index: 20}, false},
	} {
		if got := c.behind(&test.m); got != test.want {
			t.Errorf("%+v is behind: %v", test.m, got)
		}
	}
	c.answered(&query.NodeUpdate{Index: 30}, time.Now())
	if !c.behind(&query.NodeAllocChanges{Reset: true, Index: 29}) {
		t.Error("what a heartbeat has shown does not count")
	}
}

// TestUnknown has the servers count a running allocation as unknown: the node
// tells them that it runs.
func TestUnknown(t *testing.T) {
	f := newFakeServer(t)
	defer f.close()
	c, a := startMock(t, f)
	defer c.stop()
	f.change(func() {
		own := f.allocs[allocA].Copy()
		own.ClientStatus = nl.AllocClientUnknown
		f.allocs[allocA] = own
	})
	f.put(a)
	f.status(allocA, nl.AllocClientRunning)
}

// TestPluginCrash kills the driver's process under a running task.
func TestPluginCrash(t *testing.T) {
	f := newFakeServer(t)
	defer f.close()
	dir := t.TempDir()
	gate := filepath.Join(dir, "gate")
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	c := startClient(t, f, dir, nil)
	defer c.stop()
	f.put(shell(allocA, nl.JobTypeBatch, "echo before; read x <"+gate+"; echo $x; exit 5"))
	f.status(allocA, nl.AllocClientRunning)
	ctx, cancel := context.WithTimeout(context.Background(), waitMax)
	defer cancel()
	h, err := c.Get(ctx, "raw_exec")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(h.ReattachRecord().Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-h.Done()
	if err := os.WriteFile(gate, []byte("after\n"), 0); err != nil {
		t.Fatal(err)
	}
	f.status(allocA, nl.AllocClientFailed)
	if got, want := f.events(allocA, "t"), "Received, Task Setup, Started, Terminated, Not Restarting"; got != want {
		t.Errorf("events are %s, want %s", got, want)
	}
	f.mu.Lock()
	code := f.allocs[allocA].TaskStates.Get("t").Events[3].Legacy().ExitCode
	f.mu.Unlock()
	if code != 5 {
		t.Errorf("exit code is %d, want 5", code)
	}
	if got := c.logs(t, allocA, "stdout"); got != "before\nafter\n" {
		t.Errorf("output is %q", got)
	}
}

// TestInPlaceUpdate gives a running allocation another version of its job, then
// removes it.
func TestInPlaceUpdate(t *testing.T) {
	f := newFakeServer(t)
	defer f.close()
	c := startClient(t, f, t.TempDir(), nil)
	defer c.stop()
	a := shell(allocA, nl.JobTypeService, `exec sleep 600`)
	f.put(a)
	f.status(allocA, nl.AllocClientRunning)
	b := a.Copy()
	b.Job = a.Job.Copy()
	b.Job.Version = 1
	b.Job.TaskGroups[0].Services = []*nl.Service{{Name: "added", Provider: "nomad", Tags: []string{}}}
	f.put(b)
	f.until("registration of the new service", func() bool { return len(f.services) == 1 })
	if got, want := f.events(allocA, "t"), "Received, Task Setup, Started"; got != want {
		t.Errorf("events are %s, want %s", got, want)
	}
	r := c.runner(allocA)
	c.remove(allocA)
	f.until("removal of the service", func() bool { return len(f.services) == 0 })
	<-r.Ended()
	c.removeForgotten(context.Background())
	if _, err := os.Stat(filepath.Join(c.cfg.AllocDir, allocA)); !os.IsNotExist(err) {
		t.Errorf("the removed allocation's directory is still there: %v", err)
	}
}

// TestShutdownAndExpiry stops with delays, and by time.
func TestShutdownAndExpiry(t *testing.T) {
	f := newFakeServer(t)
	defer f.close()
	c := startClient(t, f, t.TempDir(), nil)
	defer c.stop()
	a := shell(allocA, nl.JobTypeService, `exec sleep 600`)
	delay := 20 * time.Millisecond
	a.Job.TaskGroups[0].ShutdownDelay = &delay
	a.Job.TaskGroups[0].Tasks[0].ShutdownDelay = delay
	f.put(a)
	f.status(allocA, nl.AllocClientRunning)
	f.put(stopped(a))
	f.status(allocA, nl.AllocClientComplete)
	if got, want := f.events(allocA, "t"), "Received, Task Setup, Started, Killing, Waiting for shutdown delay, Terminated, Killed"; got != want {
		t.Errorf("events are %s, want %s", got, want)
	}
	b := shell(allocB, nl.JobTypeBatch, `exec sleep 600`)
	limit := 50 * time.Millisecond
	b.Job.TaskGroups[0].MaxRunDuration = &limit
	f.put(b)
	f.status(allocB, nl.AllocClientFailed)
}

func TestStopService(t *testing.T) {
	f := newFakeServer(t)
	defer f.close()
	c := startClient(t, f, t.TempDir(), nil)
	defer c.stop()
	a := shell(allocA, nl.JobTypeService, `exec sleep 600`)
	f.put(a)
	f.status(allocA, nl.AllocClientRunning)
	f.put(stopped(a))
	f.status(allocA, nl.AllocClientComplete)
	if got, want := f.events(allocA, "t"), "Received, Task Setup, Started, Killing, Terminated, Killed"; got != want {
		t.Errorf("events are %s, want %s", got, want)
	}
}

// TestRestore ends the client while tasks run, one of which ends meanwhile, and
// starts another one on the same directory.
func TestRestore(t *testing.T) {
	for _, keep := range []bool{true, false} {
		t.Run(fmt.Sprintf("plugins kept %v", keep), func(t *testing.T) {
			f := newFakeServer(t)
			defer f.close()
			dir := t.TempDir()
			gate := filepath.Join(dir, "gate")
			if err := syscall.Mkfifo(gate, 0o600); err != nil {
				t.Fatal(err)
			}
			first := startClient(t, f, dir, func(c *Config) { c.KeepPlugins = keep })
			a := shell(allocA, nl.JobTypeBatch, "echo before; read x <"+gate+"; echo $x; exit 7")
			b := shell(allocB, nl.JobTypeService, "exec sleep 600")
			f.put(a)
			f.put(b)
			f.status(allocA, nl.AllocClientRunning)
			f.status(allocB, nl.AllocClientRunning)
			first.stop()

			// The task ends while nobody watches.
			if err := os.WriteFile(gate, []byte("after\n"), 0); err != nil {
				t.Fatal(err)
			}
			second := startClient(t, f, dir, nil)
			defer second.stop()
			f.status(allocA, nl.AllocClientFailed)
			f.mu.Lock()
			last := f.allocs[allocA].TaskStates.Get("t").Events
			code := -1
			for _, e := range last {
				if e.Type == "Terminated" {
					code = e.Legacy().ExitCode
				}
			}
			restarts := f.allocs[allocB].TaskStates.Get("t").Restarts
			f.mu.Unlock()
			if code != 7 {
				t.Errorf("exit code is %d, want 7", code)
			}
			if got := second.logs(t, allocA, "stdout"); got != "before\nafter\n" {
				t.Errorf("output is %q", got)
			}
			if restarts != 0 || f.events(allocB, "t") != "Received, Task Setup, Started" {
				t.Errorf("the other task did not run on: %s", f.events(allocB, "t"))
			}
			f.put(stopped(b))
			f.status(allocB, nl.AllocClientComplete)
		})
	}
}
