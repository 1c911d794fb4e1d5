//go:build linux

package mock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/nomadlike/nomadlike/drivers/internal/logsink"
	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

const (
	// fingerprintPeriod is short so that a change of health shows in tests.
	fingerprintPeriod = 500 * time.Millisecond
	handleVersion     = 1
	// rssMax bounds the made-up memory use, in bytes.
	rssMax = 100 << 20
	// statsIntervalMin guards against a caller's zero.
	statsIntervalMin = 10 * time.Millisecond
)

// Driver implements driver.Driver.
type Driver struct {
	driver.Unsupported
	log    hclog.Logger
	events driver.Events
	born   time.Time

	mu     sync.Mutex
	config pluginConfig
	tasks  map[string]*task
}

// task is one pretended task.
type task struct {
	cfg      *driver.TaskConfig
	tc       taskConfig
	times    durations
	network  *driver.Network
	started  time.Time
	stop     context.CancelFunc
	forget   context.CancelFunc
	done     chan struct{}
	exit     *driver.ExitResult
	finished time.Time
}

// taskState is what recovery needs; the config may be gone from the handle.
type taskState struct {
	Config    []byte `codec:"config"`
	StartedAt int64  `codec:"started_at"` // Unix nanoseconds
}

// New makes the driver of a plugin process.
func New(log hclog.Logger) (*Driver, error) {
	return &Driver{log: log, tasks: map[string]*task{}, born: time.Now()}, nil
}

// PluginInfo implements base.Plugin.
func (d *Driver) PluginInfo(context.Context) (*base.Info, error) {
	return &base.Info{Type: base.TypeDriver, Name: Name, PluginVersion: pluginVersion, APIVersions: []string{base.APIVersion}}, nil
}

// ConfigSchema implements base.Plugin.
func (d *Driver) ConfigSchema(context.Context) (*hclspec.Spec, error) { return configSpec(), nil }

// SetConfig implements base.Plugin.
func (d *Driver) SetConfig(_ context.Context, c *base.Config) error {
	var cfg pluginConfig
	if err := hclspec.Unmarshal(c.PluginConfig, &cfg); err != nil {
		return err
	}
	if _, err := isolation(cfg.FSIsolation); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.config = cfg
	return nil
}

func isolation(name string) (driver.FSIsolation, error) {
	for _, i := range []driver.FSIsolation{driver.FSIsolationNone, driver.FSIsolationChroot, driver.FSIsolationImage, driver.FSIsolationUnveil} {
		if name == i.String() {
			return i, nil
		}
	}
	if name == "" {
		return driver.FSIsolationNone, nil
	}
	return 0, fmt.Errorf("fs_isolation %q is unknown: use none, chroot, image or unveil", name)
}

// TaskConfigSchema implements driver.Driver.
func (d *Driver) TaskConfigSchema(context.Context) (*hclspec.Spec, error) { return taskSpec(), nil }

// Capabilities implements driver.Driver.
func (d *Driver) Capabilities(context.Context) (*driver.Capabilities, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fs, err := isolation(d.config.FSIsolation)
	if err != nil {
		return nil, err
	}
	return &driver.Capabilities{SendSignals: true, Exec: true, FSIsolation: fs, NoMounts: true}, nil
}

// Fingerprint implements driver.Driver.
func (d *Driver) Fingerprint(ctx context.Context, emit func(*driver.Fingerprint) error) error {
	ticker := time.NewTicker(fingerprintPeriod)
	defer ticker.Stop()
	for {
		if err := emit(d.fingerprint(time.Now())); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func (d *Driver) fingerprint(now time.Time) *driver.Fingerprint {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.config.ShutdownPeriodicAfter && now.Sub(d.born) > time.Duration(d.config.ShutdownPeriodicDuration) {
		return &driver.Fingerprint{Health: driver.HealthUndetected, Description: "disabled"}
	}
	return &driver.Fingerprint{
		Health: driver.HealthHealthy, Description: "Healthy",
		Attributes: map[string]*base.Attribute{"driver." + Name: base.Bool(true)},
	}
}

// StartTask implements driver.Driver.
func (d *Driver) StartTask(ctx context.Context, c *driver.TaskConfig) (*driver.TaskHandle, *driver.Network, error) {
	t, err := newTask(c, c.DriverConfig)
	if err != nil {
		return nil, nil, err
	}
	select {
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	case <-time.After(t.times.startBlock):
	}
	if t.tc.StartErr != "" {
		return nil, nil, base.NewRecoverableError(errors.New(t.tc.StartErr), t.tc.StartErrRecoverable)
	}
	t.started = time.Now()
	h, err := driver.NewTaskHandle(c, handleVersion, taskState{Config: c.DriverConfig, StartedAt: t.started.UnixNano()})
	if err != nil {
		return nil, nil, err
	}
	if err := d.launch(t); err != nil {
		return nil, nil, err
	}
	return h, t.network, nil
}

func newTask(c *driver.TaskConfig, config []byte) (*task, error) {
	t := &task{cfg: c, done: make(chan struct{})}
	if err := hclspec.Unmarshal(config, &t.tc); err != nil {
		return nil, err
	}
	var err error
	if t.times, err = t.tc.durations(); err != nil {
		return nil, err
	}
	if t.tc.DriverIP != "" || t.tc.DriverPortMap != "" {
		portMap, err := ports(t.tc.DriverPortMap)
		if err != nil {
			return nil, err
		}
		t.network = &driver.Network{IP: t.tc.DriverIP, AutoAdvertise: t.tc.DriverAdvertise, PortMap: portMap}
	}
	return t, nil
}

// launch enters the task and lets it run.
func (d *Driver) launch(t *task) error {
	stdout, err := logsink.Open(t.cfg.StdoutPath)
	if err != nil {
		return err
	}
	stderr, err := logsink.Open(t.cfg.StderrPath)
	if err != nil {
		return errors.Join(err, stdout.Close())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, taken := d.tasks[t.cfg.ID]; taken {
		return errors.Join(fmt.Errorf("task with ID %q already started", t.cfg.ID), stdout.Close(), stderr.Close())
	}
	d.tasks[t.cfg.ID] = t
	runCtx, stop := context.WithCancel(context.Background())
	lifeCtx, forget := context.WithCancel(context.Background())
	t.stop, t.forget = stop, forget
	go func() {
		exit := t.tc.run(runCtx, t.started, stdout, stderr)
		t.exit, t.finished = exit, time.Now()
		close(t.done)
		// A pipe that nobody read yet would lose its content with us.
		stdout.Drain(lifeCtx)
		stderr.Drain(lifeCtx)
		_ = stdout.Close()
		_ = stderr.Close()
	}()
	return nil
}

func (d *Driver) get(id string) (*task, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, ok := d.tasks[id]
	if !ok {
		return nil, driver.ErrTaskNotFound
	}
	return t, nil
}

// RecoverTask implements driver.Driver: the task goes on as if it had never
// paused.
func (d *Driver) RecoverTask(_ context.Context, h *driver.TaskHandle) error {
	if _, err := d.get(h.Config.ID); err == nil {
		return nil
	}
	var s taskState
	if err := h.Decode(&s); err != nil {
		return err
	}
	t, err := newTask(h.Config, s.Config)
	if err != nil {
		return err
	}
	t.started = time.Unix(0, s.StartedAt)
	// What it had to print it printed at its start.
	t.tc.StdoutString, t.tc.StderrString = "", ""
	return d.launch(t)
}

// WaitTask implements driver.Driver.
func (d *Driver) WaitTask(ctx context.Context, id string) (*driver.ExitResult, error) {
	t, err := d.get(id)
	if err != nil {
		return nil, err
	}
	var pluginExit <-chan time.Time
	if t.times.pluginExit > 0 {
		pluginExit = time.After(t.times.pluginExit)
	}
	select {
	case <-t.done:
		return t.exit, nil
	case <-pluginExit:
		return nil, base.ErrPluginShutdown
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// StopTask implements driver.Driver.
func (d *Driver) StopTask(ctx context.Context, id string, _ time.Duration, signal string) error {
	t, err := d.get(id)
	if err != nil {
		return err
	}
	d.log.Debug("killing task", "task", id, "signal", signal, "after", t.times.killAfter)
	select {
	case <-t.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(t.times.killAfter):
	}
	t.stop()
	<-t.done
	return nil
}

// DestroyTask implements driver.Driver.
func (d *Driver) DestroyTask(_ context.Context, id string, force bool) error {
	t, err := d.get(id)
	if err != nil {
		return err
	}
	select {
	case <-t.done:
	default:
		if !force {
			return fmt.Errorf("task %s is running: stop it first or force its removal", id)
		}
	}
	t.forget()
	t.stop()
	<-t.done
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.tasks, id)
	return nil
}

// InspectTask implements driver.Driver.
func (d *Driver) InspectTask(_ context.Context, id string) (*driver.TaskStatus, error) {
	t, err := d.get(id)
	if err != nil {
		return nil, err
	}
	s := &driver.TaskStatus{
		ID: id, Name: t.cfg.Name, State: driver.TaskStateRunning, StartedAt: t.started, Exit: &driver.ExitResult{},
		Network: t.network,
	}
	select {
	case <-t.done:
		s.State, s.CompletedAt, s.Exit = driver.TaskStateExited, t.finished, t.exit
	default:
	}
	return s, nil
}

// TaskStats implements driver.Driver with made-up figures.
func (d *Driver) TaskStats(ctx context.Context, id string, interval time.Duration, emit func(*driver.TaskStats) error) error {
	t, err := d.get(id)
	if err != nil {
		return err
	}
	ticker := time.NewTicker(max(interval, statsIntervalMin))
	defer ticker.Stop()
	for {
		s := &driver.TaskStats{Timestamp: time.Now()}
		s.Usage.Memory.RSS = 1 + rand.Uint64N(rssMax)
		s.Usage.Memory.Measured = []string{"RSS"}
		if err := emit(s); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.done:
			return nil
		case <-ticker.C:
		}
	}
}

// TaskEvents implements driver.Driver.
func (d *Driver) TaskEvents(ctx context.Context, emit func(*driver.TaskEvent) error) error {
	return d.events.Stream(ctx, emit)
}

// SignalTask implements driver.Driver.
func (d *Driver) SignalTask(_ context.Context, id, signal string) error {
	t, err := d.get(id)
	if err != nil {
		return err
	}
	if t.tc.SignalErr != "" {
		return errors.New(t.tc.SignalErr)
	}
	if unix.SignalNum(signal) == 0 {
		return fmt.Errorf("signal %q is unknown: use a name such as SIGHUP", signal)
	}
	return nil
}

// ExecTask implements driver.Driver.
func (d *Driver) ExecTask(_ context.Context, id string, command []string, _ time.Duration) (*driver.ExecResult, error) {
	t, err := d.get(id)
	if err != nil {
		return nil, err
	}
	return &driver.ExecResult{Stdout: []byte(fmt.Sprintf("Exec(%q, %q)", t.cfg.Name, command))}, nil
}

// ExecTaskStreaming implements driver.Driver.
func (d *Driver) ExecTaskStreaming(ctx context.Context, id string, opts *driver.ExecOptions) (*driver.ExitResult, error) {
	t, err := d.get(id)
	if err != nil {
		return nil, err
	}
	if len(opts.Command) > 0 && opts.Command[0] == "showinput" {
		return showInput(opts)
	}
	if t.tc.ExecCommand == nil {
		return nil, errors.New("the task's config has no exec_command block: there is nothing to pretend")
	}
	return t.tc.ExecCommand.run(ctx, time.Now(), opts.Stdout, opts.Stderr), nil
}

// showInput echoes what the caller sent.
func showInput(opts *driver.ExecOptions) (*driver.ExitResult, error) {
	if _, err := fmt.Fprintf(opts.Stdout, "TTY: %v\nStdin:\n", opts.Tty); err != nil {
		return nil, err
	}
	if opts.Stdin != nil {
		if _, err := io.Copy(opts.Stdout, opts.Stdin); err != nil {
			return nil, err
		}
	}
	return &driver.ExitResult{}, nil
}
