package driver_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	protobuf "google.golang.org/protobuf/proto"

	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
	"github.com/nomadlike/nomadlike/plugins/driver"
	"github.com/nomadlike/nomadlike/plugins/driver/proto"
)

// The test binary is a plugin when called with one of these.
const (
	serveArg    = "serve-test-driver"
	serveOldArg = "serve-old-test-driver"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 {
		switch os.Args[1] {
		case serveArg:
			driver.Serve(func(hclog.Logger) (driver.Driver, error) { return &fake{}, nil })
			return
		case serveOldArg:
			// A plugin whose kit knows nothing of the newer calls.
			base.Serve(&fake{}, base.TypeDriver, base.NewPluginLogger(), func(s *grpc.Server) {
				proto.RegisterDriverServer(s, proto.UnimplementedDriverServer{})
			})
			return
		}
	}
	goleak.VerifyTestMain(m)
}

// fake answers from what it was asked.
type fake struct {
	driver.Unsupported
	config *base.Config
}

func (f *fake) PluginInfo(context.Context) (*base.Info, error) {
	return &base.Info{Type: base.TypeDriver, Name: "fake", PluginVersion: "1.0.0", APIVersions: []string{base.APIVersion}}, nil
}
func (f *fake) ConfigSchema(context.Context) (*hclspec.Spec, error) { return nil, nil }
func (f *fake) SetConfig(_ context.Context, c *base.Config) error {
	f.config = c
	return nil
}
func (f *fake) TaskConfigSchema(context.Context) (*hclspec.Spec, error) {
	return hclspec.Object(nil), nil
}

func capabilities() *driver.Capabilities {
	return &driver.Capabilities{
		SendSignals: true, Exec: true, FSIsolation: driver.FSIsolationUnveil, MustCreateNetwork: true, NoMounts: true,
		DisableLogCollection: true, DynamicWorkloadUsers: true,
		NetworkModes: []driver.NetworkMode{driver.NetworkModeNone, driver.NetworkModeHost, driver.NetworkModeGroup},
	}
}

func (f *fake) Capabilities(context.Context) (*driver.Capabilities, error) {
	return capabilities(), nil
}

func (f *fake) Fingerprint(_ context.Context, emit func(*driver.Fingerprint) error) error {
	err := emit(&driver.Fingerprint{Health: driver.HealthHealthy, Description: "well",
		Attributes: map[string]*base.Attribute{"driver.fake": base.Bool(true)}})
	if err != nil {
		return err
	}
	return emit(&driver.Fingerprint{Health: driver.HealthUnhealthy, Err: "cannot look", Attributes: map[string]*base.Attribute{}})
}

func (f *fake) RecoverTask(_ context.Context, h *driver.TaskHandle) error {
	if diff := cmp.Diff(task(), h.Config); diff != "" || string(h.DriverState) != "state" || h.Version != 3 {
		return errors.New("handle changed: " + diff)
	}
	return nil
}

func (f *fake) StartTask(_ context.Context, c *driver.TaskConfig) (*driver.TaskHandle, *driver.Network, error) {
	switch c.Name {
	case "later":
		return nil, nil, base.NewRecoverableError(errors.New("engine is busy"), true)
	case "never":
		return nil, nil, errors.New("no such image")
	case "die":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	return &driver.TaskHandle{Version: 3, Config: c, State: driver.TaskStateRunning, DriverState: []byte("state")},
		&driver.Network{IP: "10.0.0.1", AutoAdvertise: true, PortMap: map[string]int{"http": 80}}, nil
}

func (f *fake) WaitTask(ctx context.Context, id string) (*driver.ExitResult, error) {
	switch id {
	case "forever":
		<-ctx.Done()
		return nil, ctx.Err()
	case "shutdown":
		return nil, base.ErrPluginShutdown
	case "unknown":
		return nil, driver.ErrTaskNotFound
	}
	return &driver.ExitResult{ExitCode: 137, Signal: 9, OOMKilled: true, Err: "out of memory"}, nil
}

func (f *fake) StopTask(_ context.Context, id string, timeout time.Duration, signal string) error {
	if id != "t" || timeout != 0 || signal != "SIGTERM" {
		return errors.New("stop arrived changed")
	}
	return nil
}

func (f *fake) DestroyTask(_ context.Context, id string, force bool) error {
	if id != "t" || !force {
		return errors.New("destroy arrived changed")
	}
	return nil
}

func status() *driver.TaskStatus {
	return &driver.TaskStatus{
		ID: "t", Name: "n", State: driver.TaskStateRunning, StartedAt: time.Unix(1700000000, 7).UTC(), Exit: &driver.ExitResult{},
		DriverAttributes: map[string]string{"pid": "1"}, Network: &driver.Network{IP: "10.0.0.1", PortMap: map[string]int{}},
	}
}

func (f *fake) InspectTask(context.Context, string) (*driver.TaskStatus, error) { return status(), nil }

func sample() *driver.TaskStats {
	u := driver.ResourceUsage{
		CPU: driver.CPUStats{SystemMode: 1, UserMode: 2, TotalTicks: 3, ThrottledPeriods: 4, ThrottledTime: 5, Percent: 6,
			Measured: []string{"System Mode", "User Mode", "Total Ticks", "Throttled Periods", "Throttled Time", "Percent"}},
		Memory: driver.MemoryStats{RSS: 1, Cache: 2, Swap: 3, Usage: 4, MaxUsage: 5, KernelUsage: 6, KernelMaxUsage: 7,
			Measured: []string{"RSS", "Cache", "Max Usage", "Kernel Usage", "Kernel Max Usage", "Usage", "Swap"}},
	}
	return &driver.TaskStats{Timestamp: time.Unix(1700000000, 9).UTC(), Usage: u, Pids: map[string]driver.ResourceUsage{"42": u}}
}

func (f *fake) TaskStats(_ context.Context, id string, _ time.Duration, emit func(*driver.TaskStats) error) error {
	if id == "none" {
		return driver.ErrStatsNotImplemented
	}
	return emit(sample())
}

func (f *fake) ExecTaskStreaming(_ context.Context, _ string, opts *driver.ExecOptions) (*driver.ExitResult, error) {
	size := <-opts.Resize
	if _, err := io.Copy(opts.Stdout, opts.Stdin); err != nil {
		return nil, err
	}
	if _, err := opts.Stderr.Write([]byte(strings.Join(opts.Command, " "))); err != nil {
		return nil, err
	}
	return &driver.ExitResult{ExitCode: size.Width + size.Height}, nil
}

func (f *fake) CreateNetwork(_ context.Context, allocID string, r *driver.NetworkRequest) (*driver.NetworkIsolation, bool, error) {
	return &driver.NetworkIsolation{Mode: driver.NetworkModeGroup, Path: "/ns/" + allocID, Labels: map[string]string{"h": r.Hostname},
		Hosts: &driver.HostsConfig{Hostname: r.Hostname, Address: "10.0.0.2"}}, true, nil
}

func task() *driver.TaskConfig {
	return &driver.TaskConfig{
		ID: "a/t/01234567", Name: "t", JobID: "j", JobName: "jn", ParentJobID: "p", TaskGroupName: "g", AllocID: "a", Namespace: "ns",
		NodeID: "n", NodeName: "nn", Env: map[string]string{"A": "b"}, DeviceEnv: map[string]string{"D": "e"},
		Resources: &driver.Resources{
			CPUMHz: 500, MemoryMB: 256, MemoryMaxMB: -1,
			Networks: []*driver.TaskNetwork{{Device: "eth0", CIDR: "1.2.3.4/8", IP: "1.2.3.4", MBits: 10,
				ReservedPorts: []driver.Port{{Label: "ssh", Value: 22}}, DynamicPorts: []driver.Port{{Label: "x", Value: 20000}}}},
			Ports: []driver.PortMapping{{Label: "http", Value: 8080, To: 80, HostIP: "1.2.3.4"}},
			Linux: driver.LinuxResources{CPUPeriod: 1, CPUQuota: 2, CPUShares: 500, MemoryLimitBytes: 4, OOMScoreAdj: 5,
				CpusetCPUs: "0,1", CpusetCgroup: "/sys/x", PercentTicks: 0.25},
		},
		Mounts:  []*driver.Mount{{TaskPath: "/a", HostPath: "/b", Readonly: true, Propagation: "private", SELinuxLabel: "z", RequestName: "v"}},
		Devices: []*driver.Device{{TaskPath: "/dev/a", HostPath: "/dev/b", Permissions: "rw"}},
		User:    "nobody", AllocDir: "/allocs/a", StdoutPath: "/o", StderrPath: "/e",
		Network: &driver.NetworkIsolation{Mode: driver.NetworkModeGroup, Path: "/ns", Labels: map[string]string{"k": "v"},
			Hosts: &driver.HostsConfig{Hostname: "h", Address: "10.0.0.2"}},
		DNS:          &driver.DNS{Servers: []string{"1.1.1.1"}, Searches: []string{"x"}, Options: []string{"ndots:1"}},
		DriverConfig: []byte{0x80},
	}
}

func launch(t *testing.T, arg string) (*driver.Instance, context.Context) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const callMax = 30 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), callMax)
	t.Cleanup(cancel)
	inst, err := driver.Launch(ctx, base.LaunchConfig{Command: self, Args: []string{arg}}, &base.Config{APIVersion: base.APIVersion})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(inst.Kill)
	return inst, ctx
}

func same(t *testing.T, what string, want, got any, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s changed on the wire (-want +got):\n%s", what, diff)
	}
}

func TestCalls(t *testing.T) {
	d, ctx := launch(t, serveArg)
	caps, err := d.Capabilities(ctx)
	same(t, "capabilities", capabilities(), caps, err)
	h, n, err := d.StartTask(ctx, task())
	same(t, "task config", task(), h.Config, err)
	same(t, "network", &driver.Network{IP: "10.0.0.1", AutoAdvertise: true, PortMap: map[string]int{"http": 80}}, n, nil)
	raw, err := h.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := driver.UnmarshalTaskHandle(raw)
	same(t, "handle on disk", h, again, err)
	if err := d.RecoverTask(ctx, again); err != nil {
		t.Error(err)
	}
	r, err := d.WaitTask(ctx, "t")
	same(t, "exit", &driver.ExitResult{ExitCode: 137, Signal: 9, OOMKilled: true, Err: "out of memory"}, r, err)
	if err := errors.Join(d.StopTask(ctx, "t", 0, "SIGTERM"), d.DestroyTask(ctx, "t", true)); err != nil {
		t.Error(err)
	}
	s, err := d.InspectTask(ctx, "t")
	same(t, "status", status(), s, err)
	spec, created, err := d.CreateNetwork(ctx, "a", &driver.NetworkRequest{Hostname: "h"})
	same(t, "network spec", &driver.NetworkIsolation{Mode: driver.NetworkModeGroup, Path: "/ns/a", Labels: map[string]string{"h": "h"},
		Hosts: &driver.HostsConfig{Hostname: "h", Address: "10.0.0.2"}}, spec, err)
	if !created {
		t.Error("created was lost")
	}
}

func TestStreams(t *testing.T) {
	d, ctx := launch(t, serveArg)
	var seen []*driver.Fingerprint
	err := d.Fingerprint(ctx, func(f *driver.Fingerprint) error {
		seen = append(seen, f)
		return nil
	})
	same(t, "fingerprints", []*driver.Fingerprint{
		{Health: driver.HealthHealthy, Description: "well", Attributes: map[string]*base.Attribute{"driver.fake": base.Bool(true)}},
		{Health: driver.HealthUnhealthy, Err: "cannot look", Attributes: map[string]*base.Attribute{}},
	}, seen, err)
	err = d.TaskStats(ctx, "t", time.Second, func(s *driver.TaskStats) error {
		same(t, "sample", sample(), s, nil)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := d.TaskStats(ctx, "none", time.Second, nil); !errors.Is(err, driver.ErrStatsNotImplemented) {
		t.Errorf("missing statistics: %v", err)
	}
	sizes := make(chan driver.TerminalSize, 1)
	sizes <- driver.TerminalSize{Height: 3, Width: 4}
	input := bytes.Repeat([]byte{0, 1, 2, 0xff}, 50_000)
	var out, errs bytes.Buffer
	r, err := d.ExecTaskStreaming(ctx, "t", &driver.ExecOptions{
		Command: []string{"a", "b"}, Stdin: bytes.NewReader(input), Stdout: &out, Stderr: &errs, Resize: sizes,
	})
	same(t, "exec", &driver.ExitResult{ExitCode: 7}, r, err)
	if !bytes.Equal(out.Bytes(), input) || errs.String() != "a b" {
		t.Errorf("exec passed %d of %d bytes, and %q", out.Len(), len(input), errs.String())
	}
}

func TestErrors(t *testing.T) {
	d, ctx := launch(t, serveArg)
	c := task()
	c.Name = "later"
	if _, _, err := d.StartTask(ctx, c); !base.IsRecoverable(err) || err.Error() != "engine is busy" {
		t.Errorf("recoverable error: %v", err)
	}
	c.Name = "never"
	if _, _, err := d.StartTask(ctx, c); base.IsRecoverable(err) || err.Error() != "no such image" {
		t.Errorf("final error: %v", err)
	}
	if _, err := d.WaitTask(ctx, "unknown"); !errors.Is(err, driver.ErrTaskNotFound) {
		t.Errorf("unknown task: %v", err)
	}
	if _, err := d.WaitTask(ctx, "shutdown"); !errors.Is(err, base.ErrPluginShutdown) {
		t.Errorf("plugin that says it ends: %v", err)
	}
	if err := d.SignalTask(ctx, "t", "SIGHUP"); !errors.Is(err, driver.ErrSignalUnsupported) {
		t.Errorf("unsupported call: %v", err)
	}
	short, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := d.WaitTask(short, "forever"); !errors.Is(err, context.Canceled) {
		t.Errorf("ended wait: %v", err)
	}
}

func TestPluginDies(t *testing.T) {
	d, ctx := launch(t, serveArg)
	waited := make(chan error, 1)
	go func() {
		_, err := d.WaitTask(ctx, "forever")
		waited <- err
	}()
	c := task()
	c.Name = "die"
	if _, _, err := d.StartTask(ctx, c); !errors.Is(err, base.ErrPluginShutdown) {
		t.Errorf("start: %v", err)
	}
	if err := <-waited; !errors.Is(err, base.ErrPluginShutdown) {
		t.Errorf("wait: %v", err)
	}
	<-d.Done()
	if !d.Exited() {
		t.Error("plugin counts as running")
	}
}

func TestReattachToTheDead(t *testing.T) {
	d, ctx := launch(t, serveArg)
	rec := d.ReattachRecord()
	d.Kill()
	if _, err := driver.Reattach(ctx, base.LaunchConfig{}, rec); err == nil {
		t.Error("a plugin that ended was reattached")
	}
	// Another process has the number now.
	rec.Pid = os.Getpid()
	if _, err := driver.Reattach(ctx, base.LaunchConfig{}, rec); err == nil {
		t.Error("another process was taken for the plugin")
	}
}

func TestOldPlugin(t *testing.T) {
	d, ctx := launch(t, serveOldArg)
	if err := d.Close(ctx); err != nil {
		t.Errorf("shutdown of a plugin that knows no such call: %v", err)
	}
}

// TestWireBytes pins messages that plugins built elsewhere exchange.
func TestWireBytes(t *testing.T) {
	for want, m := range map[string]protobuf.Message{
		"0a0b0801180322030300014801": &proto.CapabilitiesResponse{Capabilities: &proto.DriverCapabilities{
			SendSignals: true, FsIsolation: proto.DriverCapabilities_UNVEIL, DynamicWorkloadUsers: true,
			NetworkIsolationModes: []proto.NetworkIsolationSpec_NetworkIsolationMode{3, 0, 1},
		}},
		"0a0430014001": &proto.CapabilitiesResponse{Capabilities: &proto.DriverCapabilities{
			MountConfigs: proto.DriverCapabilities_NO_MOUNTS, DisableLogCollection: true,
		}},
	} {
		raw, err := protobuf.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(raw); got != want {
			t.Errorf("bytes are %s, want %s", got, want)
		}
	}
}

// TestRequiredMessages: drivers of other kits read these without looking.
func TestRequiredMessages(t *testing.T) {
	h := &driver.TaskHandle{Config: &driver.TaskConfig{}}
	raw, err := h.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	p := &proto.TaskHandle{}
	if err := protobuf.Unmarshal(raw, p); err != nil {
		t.Fatal(err)
	}
	r := p.GetConfig().GetResources()
	if r.GetAllocatedResources().GetCpu() == nil || r.GetAllocatedResources().GetMemory() == nil || r.GetLinuxResources() == nil {
		t.Errorf("resources of an empty task are %v", r)
	}
}

func TestEvents(t *testing.T) {
	var b driver.Events
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan *driver.TaskEvent, 1)
	done := make(chan error, 1)
	go func() {
		done <- b.Stream(ctx, func(e *driver.TaskEvent) error {
			got <- e
			return nil
		})
	}()
	// The listener may not be there yet; events before it are lost by design.
	for arrived := false; !arrived; {
		b.Emit(&driver.TaskEvent{TaskID: "t"})
		select {
		case e := <-got:
			arrived = e.TaskID == "t"
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	for {
		select {
		case <-got:
			continue
		case err := <-done:
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			return
		}
	}
}
