//go:build linux

package docker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

const handleVersion = 1

// Driver implements driver.Driver.
type Driver struct {
	log    hclog.Logger
	events driver.Events
	images *images

	mu     sync.Mutex
	config *pluginConfig
	node   node
	api    *client.Client
	tasks  map[string]*task
	// reached is set once the engine answered; from then on its silence is a
	// failure rather than an absence.
	reached bool

	// background is what Init started; stop ends it.
	background sync.WaitGroup
	stop       context.CancelFunc
}

// New makes the driver of a plugin process.
func New(log hclog.Logger) (*Driver, error) {
	d := &Driver{log: log, tasks: map[string]*task{}, config: &pluginConfig{}, stop: func() {}}
	d.images = newImages(d.engine, log)
	return d, nil
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
	if err := cfg.check(); err != nil {
		return err
	}
	api, err := connect(&cfg)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.api != nil {
		_ = d.api.Close()
	}
	d.config, d.api = &cfg, api
	if c.Agent != nil {
		cgroupV2 := d.node.cgroupV2
		d.node = newNode(c.Agent.Topology)
		d.node.cgroupV2 = cgroupV2
	}
	return nil
}

// connect makes a client of the engine; it does not talk to it yet.
func connect(cfg *pluginConfig) (*client.Client, error) {
	opts := []client.Opt{client.WithAPIVersionNegotiation()}
	if cfg.Endpoint == "" {
		opts = append(opts, client.FromEnv)
	} else {
		if cfg.TLS.Cert != "" || cfg.TLS.Key != "" || cfg.TLS.CA != "" {
			opts = append(opts, client.WithTLSClientConfig(cfg.TLS.CA, cfg.TLS.Cert, cfg.TLS.Key))
		}
		opts = append(opts, client.WithHost(cfg.Endpoint))
	}
	api, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return nil, fmt.Errorf("docker engine %q cannot be used: %w", cfg.Endpoint, err)
	}
	// Every running container holds two connections; those of short calls are
	// worth keeping between them.
	if t, ok := api.HTTPClient().Transport.(*http.Transport); ok {
		const idleConnections = 16
		t.MaxIdleConns, t.MaxIdleConnsPerHost = idleConnections, idleConnections
	}
	return api, nil
}

func (d *Driver) engine() (*client.Client, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.api == nil {
		return nil, errors.New("docker driver has no configuration yet")
	}
	return d.api, nil
}

// settings is a consistent view of the configuration.
func (d *Driver) settings() (*pluginConfig, node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.config, d.node
}

// Init implements driver.Driver.
func (d *Driver) Init(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stop()
	ctx, cancel := context.WithCancel(context.Background())
	d.stop = cancel
	if d.config.GC.Dangling.Enabled && d.config.GC.Dangling.period > 0 {
		gc := d.config.GC.Dangling
		d.background.Go(func() { d.collectDangling(ctx, gc) })
	}
	return nil
}

// Shutdown implements driver.Driver.
func (d *Driver) Shutdown(context.Context) error {
	d.mu.Lock()
	d.stop()
	d.mu.Unlock()
	d.background.Wait()
	d.images.close()
	return nil
}

// TaskConfigSchema implements driver.Driver.
func (d *Driver) TaskConfigSchema(context.Context) (*hclspec.Spec, error) { return taskSpec(), nil }

// Capabilities implements driver.Driver.
func (d *Driver) Capabilities(context.Context) (*driver.Capabilities, error) {
	cfg, _ := d.settings()
	return &driver.Capabilities{
		SendSignals: true, Exec: true, FSIsolation: driver.FSIsolationImage, MustCreateNetwork: true,
		NetworkModes:         []driver.NetworkMode{driver.NetworkModeHost, driver.NetworkModeGroup, driver.NetworkModeTask},
		DisableLogCollection: cfg.DisableLogCollection,
	}, nil
}

func (d *Driver) event(c *driver.TaskConfig, message string, annotations map[string]string) {
	d.events.Emit(&driver.TaskEvent{
		TaskID: c.ID, AllocID: c.AllocID, TaskName: c.Name, Timestamp: time.Now(), Message: message, Annotations: annotations,
	})
}

func (d *Driver) get(id string) (*task, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.tasks[id]
	if t == nil {
		return nil, driver.ErrTaskNotFound
	}
	return t, nil
}

// knows reports whether a container belongs to a task of ours.
func (d *Driver) knows(containerID string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range d.tasks {
		if t != nil && t.id == containerID {
			return true
		}
	}
	return false
}

// claim reserves an ID; put fills it or gives it up.
func (d *Driver) claim(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, taken := d.tasks[id]; taken {
		return fmt.Errorf("task with ID %q already started", id)
	}
	d.tasks[id] = nil
	return nil
}

func (d *Driver) put(id string, t *task) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t == nil {
		delete(d.tasks, id)
		return
	}
	d.tasks[id] = t
}

// StartTask implements driver.Driver.
func (d *Driver) StartTask(ctx context.Context, c *driver.TaskConfig) (*driver.TaskHandle, *driver.Network, error) {
	if err := d.claim(c.ID); err != nil {
		return nil, nil, err
	}
	t, h, err := d.start(ctx, c)
	d.put(c.ID, t)
	if err != nil {
		return nil, nil, err
	}
	return h, t.network, nil
}

func (d *Driver) start(ctx context.Context, c *driver.TaskConfig) (*task, *driver.TaskHandle, error) {
	var tc taskConfig
	if err := c.Decode(&tc); err != nil {
		return nil, nil, err
	}
	cfg, n := d.settings()
	if err := tc.check(cfg); err != nil {
		return nil, nil, err
	}
	api, err := d.engine()
	if err != nil {
		return nil, nil, err
	}
	req, err := build(c, &tc, cfg, n)
	if err != nil {
		return nil, nil, err
	}
	s := &starter{d: d, api: api, p: cfg, c: c, tc: &tc, req: req}
	info, err := s.run(ctx)
	if err != nil {
		return nil, nil, err
	}
	t := &task{cfg: c, id: info.ID, imageID: info.Image, started: time.Now(), done: make(chan struct{})}
	if info.NetworkSettings != nil && !req.host.NetworkMode.IsContainer() && !req.host.NetworkMode.IsHost() {
		if ip, advertise := address(info.NetworkSettings.Networks, tc.AdvertiseIPv6); ip != "" {
			t.network = &driver.Network{IP: ip, AutoAdvertise: advertise, PortMap: merged(tc.PortMap)}
		}
	}
	h, err := driver.NewTaskHandle(c, handleVersion, taskState{ContainerID: t.id, DriverNetwork: t.network, TTY: tc.TTY})
	if err == nil {
		err = d.follow(t, cfg, tc.TTY)
	}
	if err != nil {
		s.discard(t.id)
		return nil, nil, err
	}
	return t, h, nil
}

// follow starts watching a container.
func (d *Driver) follow(t *task, cfg *pluginConfig, tty bool) error {
	api, err := d.engine()
	if err != nil {
		return err
	}
	var out *logs
	if !cfg.DisableLogCollection && !t.cfg.LogsDisabled() {
		if out, err = openLogs(t.cfg, tty); err != nil {
			return err
		}
	}
	d.images.use(t.imageID, t.cfg.ID)
	t.watch(api, out, d.log)
	return nil
}

// RecoverTask implements driver.Driver.
func (d *Driver) RecoverTask(ctx context.Context, h *driver.TaskHandle) error {
	id := h.Config.ID
	if _, err := d.get(id); err == nil {
		return nil
	}
	var s taskState
	if err := h.Decode(&s); err != nil {
		return err
	}
	api, err := d.engine()
	if err != nil {
		return err
	}
	info, err := api.ContainerInspect(ctx, s.ContainerID)
	if err != nil {
		return fmt.Errorf("container %s of task %s cannot be found: %w", s.ContainerID, id, err)
	}
	t := &task{cfg: h.Config, id: s.ContainerID, imageID: info.Image, network: s.DriverNetwork, started: time.Now(), done: make(chan struct{})}
	if info.State != nil {
		if at, err := time.Parse(time.RFC3339Nano, info.State.StartedAt); err == nil {
			t.started = at
		}
	}
	cfg, _ := d.settings()
	if err := d.follow(t, cfg, s.TTY); err != nil {
		return err
	}
	d.put(id, t)
	return nil
}

// WaitTask implements driver.Driver.
func (d *Driver) WaitTask(ctx context.Context, id string) (*driver.ExitResult, error) {
	t, err := d.get(id)
	if err != nil {
		return nil, err
	}
	return t.result(ctx)
}

// StopTask implements driver.Driver.
func (d *Driver) StopTask(ctx context.Context, id string, timeout time.Duration, signal string) error {
	t, err := d.get(id)
	if err != nil {
		return err
	}
	api, err := d.engine()
	if err != nil {
		return err
	}
	if t.ended() {
		return nil
	}
	seconds := int(math.Ceil(timeout.Seconds()))
	if signal != "" {
		if err := checkSignal(signal); err != nil {
			return err
		}
		if err := api.ContainerKill(ctx, t.id, signal); err != nil && !gone(err) {
			return fmt.Errorf("container %s cannot be signalled: %w", t.id, err)
		}
		select {
		case <-t.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(timeout):
			seconds = 0
		}
	}
	if err := api.ContainerStop(ctx, t.id, container.StopOptions{Timeout: &seconds}); err != nil && !gone(err) {
		return fmt.Errorf("container %s cannot be stopped: %w", t.id, err)
	}
	_, err = t.result(ctx)
	return err
}

// gone reports that a container is not there, or not running, any more.
func gone(err error) bool {
	return cerrdefs.IsNotFound(err) || cerrdefs.IsConflict(err)
}

func checkSignal(name string) error {
	if unix.SignalNum(name) == 0 {
		return fmt.Errorf("signal %q is unknown: use a name such as SIGHUP", name)
	}
	return nil
}

// DestroyTask implements driver.Driver.
func (d *Driver) DestroyTask(ctx context.Context, id string, force bool) error {
	t, err := d.get(id)
	if err != nil {
		return err
	}
	api, err := d.engine()
	if err != nil {
		return err
	}
	if !t.ended() {
		if !force {
			return fmt.Errorf("task %s is running: stop it first or force its removal", id)
		}
		if err := api.ContainerKill(ctx, t.id, "SIGKILL"); err != nil && !gone(err) {
			return fmt.Errorf("container %s cannot be killed: %w", t.id, err)
		}
		if _, err := t.result(ctx); err != nil {
			return err
		}
	}
	t.drop()
	cfg, _ := d.settings()
	if cfg.GC.Container {
		err := api.ContainerRemove(ctx, t.id, container.RemoveOptions{Force: true, RemoveVolumes: true})
		if err != nil && !gone(err) {
			return fmt.Errorf("container %s cannot be removed: %w", t.id, err)
		}
	}
	_ = os.Remove(logPosition(t.cfg))
	d.put(id, nil)
	d.images.release(t.imageID, id, cfg.GC.Image, cfg.GC.imageDelay)
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
		DriverAttributes: map[string]string{"container_id": t.id}, Network: t.network,
	}
	if t.ended() {
		s.State, s.CompletedAt, s.Exit = driver.TaskStateExited, t.finished, t.exit
	}
	return s, nil
}

// TaskEvents implements driver.Driver.
func (d *Driver) TaskEvents(ctx context.Context, emit func(*driver.TaskEvent) error) error {
	return d.events.Stream(ctx, emit)
}

// SignalTask implements driver.Driver.
func (d *Driver) SignalTask(ctx context.Context, id, signal string) error {
	t, err := d.get(id)
	if err != nil {
		return err
	}
	if err := checkSignal(signal); err != nil {
		return err
	}
	api, err := d.engine()
	if err != nil {
		return err
	}
	if err := api.ContainerKill(ctx, t.id, signal); err != nil {
		return fmt.Errorf("container %s cannot be signalled: %w", t.id, err)
	}
	return nil
}
