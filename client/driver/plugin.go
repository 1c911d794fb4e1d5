package driver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

const (
	// backoffMin and backoffMax bound the pause before a plugin that failed is
	// tried again.
	backoffMin = 5 * time.Second
	backoffMax = 2 * time.Minute
	// quickDeath is how long a process must live for its end to be taken for
	// an accident, which is repaired at once.
	quickDeath = 5 * time.Second
	// quickDeathsMax is how many early ends in a row are taken for accidents
	// all the same.
	quickDeathsMax = 1
	// getTimeout bounds the wait for a plugin that is being launched.
	getTimeout = 30 * time.Second
	// descriptionFailed is what the API shows for a driver whose plugin failed.
	descriptionFailed = "failed to fingerprint driver"
)

// Handle is a running driver and what is fixed for its life.
type Handle struct {
	*driver.Instance
	Caps   *driver.Capabilities
	Schema *hclspec.Spec // of a task's config
}

// plugin is one driver and its process.
type plugin struct {
	m      *Manager
	name   string
	launch base.LaunchConfig
	log    hclog.Logger

	mu      sync.Mutex
	handle  *Handle
	failure error
	changed chan struct{} // closed when handle or failure changes
	info    *nl.DriverInfo
}

func (m *Manager) newPlugin(name, command string, args []string) *plugin {
	log := m.log.Named(name)
	return &plugin{
		m: m, name: name, log: log, changed: make(chan struct{}),
		launch: base.LaunchConfig{Type: base.TypeDriver, Command: command, Args: args, Logger: log},
	}
}

func (p *plugin) set(h *Handle, failure error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handle, p.failure = h, failure
	close(p.changed)
	p.changed = make(chan struct{})
}

// wait gives the running instance. A plugin that failed to launch is an error
// at once: a task is not held up until the next try.
func (p *plugin) wait(ctx context.Context) (*Handle, error) {
	timer := time.NewTimer(getTimeout)
	defer timer.Stop()
	for {
		p.mu.Lock()
		h, failure, changed := p.handle, p.failure, p.changed
		p.mu.Unlock()
		if h != nil && !ended(h) {
			return h, nil
		}
		if failure != nil {
			return nil, fmt.Errorf("driver %q is not running: %w", p.name, failure)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-timer.C:
			return nil, fmt.Errorf("driver %q did not get ready within %v", p.name, getTimeout)
		}
	}
}

// ended looks at no more than the channel: every call of every task comes by.
func ended(h *Handle) bool {
	select {
	case <-h.Done():
		return true
	default:
		return false
	}
}

// run keeps the plugin running until ctx ends. looked is called after the
// first look at it.
func (p *plugin) run(ctx context.Context, looked func()) {
	defer looked()
	backoff, deaths := backoffMin, 0
	rec, reattach := p.m.cfg.Reattach[p.name]
	for ctx.Err() == nil {
		var h *Handle
		var err error
		if reattach {
			reattach = false
			if h, err = p.reattach(ctx, rec); err != nil {
				p.log.Debug("plugin process of the last agent is not used", "reason", err)
			}
		}
		if h == nil {
			h, err = p.start(ctx)
		}
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			p.log.Error("driver plugin cannot be started", "error", err, "retry", backoff)
			p.set(nil, err)
			p.failed(looked)
			pause(ctx, backoff)
			backoff = min(backoff*2, backoffMax)
			continue
		}
		began := time.Now()
		if err := p.m.cfg.Records.PutPlugin(p.name, h.ReattachRecord()); err != nil {
			p.log.Error("plugin will not be found again after a restart", "error", err)
		}
		p.set(h, nil)
		p.attend(ctx, h, looked)
		p.set(nil, nil)
		p.end(ctx, h)
		if ctx.Err() != nil {
			return
		}
		p.log.Warn("driver plugin ended and is started again")
		if time.Since(began) >= quickDeath {
			backoff, deaths = backoffMin, 0
		} else if deaths++; deaths > quickDeathsMax {
			p.failed(looked)
			pause(ctx, backoff)
			backoff = min(backoff*2, backoffMax)
		}
	}
}

// end lets go of a plugin whose process ended or whose time is up.
func (p *plugin) end(ctx context.Context, h *Handle) {
	switch {
	case ctx.Err() != nil && p.m.cfg.Detach:
		h.Detach()
	case ctx.Err() != nil:
		h.Close(context.WithoutCancel(ctx))
		p.m.cfg.Records.DeletePlugin(p.name)
	default:
		h.Kill()
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (p *plugin) reattach(ctx context.Context, rec base.ReattachRecord) (*Handle, error) {
	inst, err := driver.Reattach(ctx, p.launch, rec)
	if err != nil {
		return nil, err
	}
	return p.ask(ctx, inst)
}

// start launches a process, configures it and asks what it can do.
func (p *plugin) start(ctx context.Context) (*Handle, error) {
	inst, err := driver.Launch(ctx, p.launch, nil)
	if err != nil {
		return nil, err
	}
	looked, err := base.Look(ctx, inst)
	if err != nil {
		inst.Kill()
		return nil, err
	}
	cfg := &base.Config{APIVersion: looked.APIVersion, Agent: p.m.cfg.Agent}
	if looked.Schema != nil {
		if cfg.PluginConfig, err = encode(looked.Schema, p.m.cfg.Blocks[p.name].Config); err != nil {
			inst.Kill()
			return nil, fmt.Errorf("plugin %q config: %w", p.name, err)
		}
	}
	if err := inst.SetConfig(ctx, cfg); err != nil {
		inst.Kill()
		return nil, fmt.Errorf("plugin %q refuses its config: %w", p.name, err)
	}
	if err := inst.Init(ctx); err != nil {
		inst.Kill()
		return nil, fmt.Errorf("plugin %q cannot be initialised: %w", p.name, err)
	}
	return p.ask(ctx, inst)
}

func encode(schema *hclspec.Spec, body map[string]any) ([]byte, error) {
	v, err := hclspec.Decode(schema, body, nil)
	if err != nil {
		return nil, err
	}
	return hclspec.Marshal(v)
}

func (p *plugin) ask(ctx context.Context, inst *driver.Instance) (*Handle, error) {
	caps, err := inst.Capabilities(ctx)
	if err == nil {
		var schema *hclspec.Spec
		if schema, err = inst.TaskConfigSchema(ctx); err == nil {
			return &Handle{Instance: inst, Caps: caps, Schema: schema}, nil
		}
	}
	inst.Kill()
	return nil, fmt.Errorf("plugin %q: %w", p.name, err)
}

// attend follows the plugin's streams until its process or ctx ends.
func (p *plugin) attend(ctx context.Context, h *Handle, looked func()) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var streams sync.WaitGroup
	streams.Add(2)
	go func() {
		defer streams.Done()
		p.follow(ctx, h, func() error {
			err := h.Fingerprint(ctx, func(f *driver.Fingerprint) error {
				p.fingerprint(f)
				looked()
				return nil
			})
			if ctx.Err() == nil && err != nil {
				p.failed(looked)
			}
			return err
		})
	}()
	go func() {
		defer streams.Done()
		p.follow(ctx, h, func() error {
			return h.TaskEvents(ctx, func(e *driver.TaskEvent) error {
				p.m.cfg.OnTaskEvent(e)
				return nil
			})
		})
	}()
	select {
	case <-h.Done():
	case <-ctx.Done():
	}
	cancel()
	streams.Wait()
}

// follow opens a stream again when it ends while the process lives.
func (p *plugin) follow(ctx context.Context, h *Handle, stream func() error) {
	backoff := backoffMin
	for ctx.Err() == nil && !h.Exited() {
		began := time.Now()
		err := stream()
		if ctx.Err() != nil || errors.Is(err, base.ErrPluginShutdown) {
			return
		}
		p.log.Debug("stream of driver plugin ended", "error", err)
		if time.Since(began) > backoffMax {
			backoff = backoffMin
		}
		select {
		case <-h.Done():
			return
		default:
			pause(ctx, backoff)
			backoff = min(backoff*2, backoffMax)
		}
	}
}

// fingerprint turns an observation into the node's view of the driver.
func (p *plugin) fingerprint(f *driver.Fingerprint) {
	if f.Err != "" {
		p.log.Warn("driver cannot be looked at", "error", f.Err)
		p.failed(func() {})
		return
	}
	p.mu.Lock()
	info := &nl.DriverInfo{
		Attributes:        map[string]string{},
		Detected:          f.Health != driver.HealthUndetected,
		Healthy:           f.Health == driver.HealthHealthy,
		HealthDescription: f.Description,
		UpdateTime:        nl.Time{Time: p.m.cfg.Now().UTC()},
	}
	if p.info != nil {
		for k, v := range p.info.Attributes {
			info.Attributes[k] = v
		}
	}
	for k, a := range f.Attributes {
		if v := a.String(); v != "" {
			info.Attributes[k] = v
		} else {
			delete(info.Attributes, k)
		}
	}
	self := "driver." + p.name
	delete(info.Attributes, self)
	if info.Detected {
		info.Attributes[self] = "1"
	}
	p.info = info
	p.mu.Unlock()
	p.m.cfg.OnInfo(p.name, info)
}

// failed tells that the driver cannot be used for now.
func (p *plugin) failed(looked func()) {
	p.fingerprint(&driver.Fingerprint{Health: driver.HealthUndetected, Description: descriptionFailed})
	looked()
}
