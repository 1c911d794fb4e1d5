//go:build unix

package driver

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

// serveArg lets the test binary be the plugin.
const serveArg = "serve-fake"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == serveArg {
		driver.Serve(func(hclog.Logger) (driver.Driver, error) { return &fake{}, nil })
		return
	}
	goleak.VerifyTestMain(m)
}

// fake offers what a manager calls. After the first word on its health it says
// it is ill of every line written to the pipe that its config names.
type fake struct {
	driver.Driver
	pipe string
}

func (f *fake) PluginInfo(context.Context) (*base.Info, error) {
	return &base.Info{Type: base.TypeDriver, Name: "fake", PluginVersion: "1.0.0", APIVersions: []string{base.APIVersion}}, nil
}

func (f *fake) ConfigSchema(context.Context) (*hclspec.Spec, error) {
	return hclspec.Object(map[string]*hclspec.Spec{"pipe": hclspec.Attr("pipe", "string", true)}), nil
}

func (f *fake) SetConfig(_ context.Context, c *base.Config) error {
	var cfg struct {
		Pipe string `codec:"pipe"`
	}
	if err := hclspec.Unmarshal(c.PluginConfig, &cfg); err != nil {
		return err
	}
	if f.pipe = cfg.Pipe; f.pipe == "refuse" {
		return errors.New("no such pipe")
	}
	return nil
}

func (f *fake) Init(context.Context) error     { return nil }
func (f *fake) Shutdown(context.Context) error { return nil }
func (f *fake) TaskConfigSchema(context.Context) (*hclspec.Spec, error) {
	return hclspec.Object(nil), nil
}
func (f *fake) Capabilities(context.Context) (*driver.Capabilities, error) {
	return &driver.Capabilities{SendSignals: true}, nil
}

func (f *fake) Fingerprint(_ context.Context, emit func(*driver.Fingerprint) error) error {
	err := emit(&driver.Fingerprint{Health: driver.HealthHealthy, Description: "well",
		Attributes: map[string]*base.Attribute{"driver.fake.size": base.Int(7, "")}})
	if err != nil {
		return err
	}
	file, err := os.OpenFile(f.pipe, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if err := emit(&driver.Fingerprint{Health: driver.HealthUnhealthy, Description: lines.Text()}); err != nil {
			return err
		}
	}
	return nil
}

func (f *fake) TaskEvents(ctx context.Context, _ func(*driver.TaskEvent) error) error {
	<-ctx.Done()
	return ctx.Err()
}

// waitMax bounds how long anything may take.
const waitMax = 20 * time.Second

// world is a manager's surroundings.
type world struct {
	t    *testing.T
	pipe string

	mu       sync.Mutex
	reattach map[string]base.ReattachRecord
	infos    chan *nl.DriverInfo
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, pipe: filepath.Join(t.TempDir(), "pipe"), reattach: map[string]base.ReattachRecord{}, infos: make(chan *nl.DriverInfo, 100)}
	if err := syscall.Mkfifo(w.pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) PutPlugin(name string, r base.ReattachRecord) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reattach[name] = r
	return nil
}

func (w *world) DeletePlugin(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.reattach, name)
}

func (w *world) records() map[string]base.ReattachRecord {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]base.ReattachRecord{}
	for k, v := range w.reattach {
		out[k] = v
	}
	return out
}

// run starts a manager; what it returns ends it.
func (w *world) run(edit func(*Config)) (m *Manager, stop func()) {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	cfg := Config{
		Builtins: []Builtin{{Name: "fake", Command: self, Args: []string{serveArg}}},
		Blocks:   map[string]Block{"fake": {Config: map[string]any{"pipe": w.pipe}}},
		Reattach: w.records(), Records: w,
		OnInfo:      func(_ string, info *nl.DriverInfo) { w.infos <- info },
		OnTaskEvent: func(*driver.TaskEvent) {},
	}
	if edit != nil {
		edit(&cfg)
	}
	if m, err = New(cfg); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	w.t.Cleanup(stop)
	select {
	case <-m.Ready():
	case <-time.After(waitMax):
		w.t.Fatal("the manager did not get ready")
	}
	return m, stop
}

func (w *world) get(m *Manager) *Handle {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), waitMax)
	defer cancel()
	h, err := m.Get(ctx, "fake")
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

func (w *world) info() *nl.DriverInfo {
	w.t.Helper()
	select {
	case i := <-w.infos:
		return i
	case <-time.After(waitMax):
		w.t.Fatal("nothing was told of the driver")
		return nil
	}
}

func TestLaunchAndHealth(t *testing.T) {
	w := newWorld(t)
	m, stop := w.run(nil)
	if h := w.get(m); !h.Caps.SendSignals || h.Schema == nil {
		t.Errorf("the driver is known as %+v", h)
	}
	i := w.info()
	if !i.Detected || !i.Healthy || i.HealthDescription != "well" || i.Attributes["driver.fake"] != "1" || i.Attributes["driver.fake.size"] != "7" {
		t.Errorf("at first it is %+v", i)
	}
	if err := os.WriteFile(w.pipe, []byte("flu\n"), 0); err != nil {
		t.Fatal(err)
	}
	i = w.info()
	if !i.Detected || i.Healthy || i.HealthDescription != "flu" || i.Attributes["driver.fake.size"] != "7" {
		t.Errorf("then it is %+v", i)
	}
	if _, err := m.Get(t.Context(), "other"); err == nil || !strings.Contains(err.Error(), `"other" not found`) {
		t.Errorf("a driver that does not exist: %v", err)
	}
	stop()
	if left := w.records(); len(left) != 0 {
		t.Errorf("still on record after the end: %v", left)
	}
}

// TestReplaced: the process of a plugin that was killed is replaced at once.
func TestReplaced(t *testing.T) {
	w := newWorld(t)
	m, _ := w.run(nil)
	first := w.get(m)
	if err := syscall.Kill(first.ReattachRecord().Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-first.Done()
	second := w.get(m)
	if second.ReattachRecord().Pid == first.ReattachRecord().Pid {
		t.Error("the dead process was given again")
	}
	if got := w.records()["fake"]; got != second.ReattachRecord() {
		t.Errorf("on record is %+v", got)
	}
}

// TestReattached: the manager of the next agent finds the process again.
func TestReattached(t *testing.T) {
	w := newWorld(t)
	m, stop := w.run(func(c *Config) { c.Detach = true })
	first := w.get(m).ReattachRecord()
	stop()
	m, stop = w.run(nil)
	if second := w.get(m).ReattachRecord(); second.Pid != first.Pid {
		t.Errorf("process %d was left, process %d is used", first.Pid, second.Pid)
	}
	stop()
}

// TestStaleDropped: a process whose driver is denied now is ended.
func TestStaleDropped(t *testing.T) {
	w := newWorld(t)
	m, stop := w.run(func(c *Config) { c.Detach = true })
	w.get(m)
	stop()
	m, _ = w.run(func(c *Config) { c.Deny = []string{"fake"} })
	if _, err := m.Get(t.Context(), "fake"); err == nil {
		t.Error("a denied driver was given")
	}
	if left := w.records(); len(left) != 0 {
		t.Errorf("still on record: %v", left)
	}
}

func TestRefusedConfig(t *testing.T) {
	for name, c := range map[string]struct {
		config map[string]any
		want   string
	}{
		"by the schema": {nil, "pipe"},
		"by the plugin": {map[string]any{"pipe": "refuse"}, "no such pipe"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m, _ := w.run(func(cfg *Config) { cfg.Blocks = map[string]Block{"fake": {Config: c.config}} })
			if i := w.info(); i.Detected || i.Healthy || i.HealthDescription != descriptionFailed {
				t.Errorf("the node shows %+v", i)
			}
			if _, err := m.Get(t.Context(), "fake"); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want %q", err, c.want)
			}
		})
	}
}
