// Package template renders the templates of a task with consul-template, and
// renders them again when what they depend on changes. The task shell calls it
// before the task's first start. All files are read and written below the
// allocation's directory, whatever links the task made in it; templates see the
// task's environment, never the agent's.
package template

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/consul-template/config"
	"github.com/hashicorp/consul-template/manager"

	"github.com/nomadlike/nomadlike/client/task"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	// missingEvery is how often users are told what a task waits for.
	missingEvery = 3 * time.Second
	// missingShown is how many of the missing dependencies they are told of.
	missingShown = 3
	// retryAttempts, retryBackoff and retryMax are how questions to the servers
	// are repeated before a template fails.
	retryAttempts = 12
	retryBackoff  = 250 * time.Millisecond
	retryMax      = time.Minute
	// blockWait is how long a question for changes may stay unanswered.
	blockWait = 5 * time.Minute
)

// Change modes.
const (
	modeNoop    = "noop"
	modeSignal  = "signal"
	modeScript  = "script"
	modeRestart = "restart"
)

// Config of a Renderer.
type Config struct {
	// Dial opens connections to the HTTP API of this agent. nil leaves
	// templates without nomadVar and nomadService.
	Dial func(ctx context.Context) (net.Conn, error)
	// Deny names functions that templates may not use; nil is the default list.
	Deny []string
	// NoSandbox lets templates read and write outside the allocation.
	NoSandbox bool
	// BlockWait, MaxStale: 0 is the default.
	BlockWait time.Duration
	MaxStale  time.Duration
	// Random is uniform in [0, 1).
	Random func() float64
}

// Renderer implements task.Renderer.
type Renderer struct{ cfg Config }

// New makes one.
func New(cfg Config) *Renderer {
	if cfg.Deny == nil {
		cfg.Deny = []string{"executeTemplate", "plugin", "writeToFile"}
	}
	if cfg.BlockWait <= 0 {
		cfg.BlockWait = blockWait
	}
	return &Renderer{cfg: cfg}
}

// dialer gives consul-template connections to the agent's own API.
type dialer struct {
	dial func(ctx context.Context) (net.Conn, error)
}

func (d dialer) Dial(_, _ string) (net.Conn, error) { return d.dial(context.Background()) }

func (d dialer) DialContext(ctx context.Context, _, _ string) (net.Conn, error) { return d.dial(ctx) }

// run is the templates of one task.
type run struct {
	cfg    *Config
	req    task.RenderRequest
	files  *files
	runner *manager.Runner
	byID   map[string][]*nl.Template
}

// Render implements task.Renderer.
func (r *Renderer) Render(ctx context.Context, req task.RenderRequest) (map[string]string, func(), error) {
	f, err := openFiles(req.AllocRoot, r.cfg.NoSandbox)
	if err != nil {
		return nil, nil, err
	}
	u := &run{cfg: &r.cfg, req: req, files: f}
	if err := u.start(); err != nil {
		f.close()
		return nil, nil, err
	}
	if err := u.first(ctx); err != nil {
		u.end()
		return nil, nil, err
	}
	env, err := u.environment()
	if err != nil {
		u.end()
		return nil, nil, err
	}
	if u.settled() {
		u.end()
		return env, func() {}, nil
	}
	followCtx, cancel := context.WithCancel(context.Background())
	var following sync.WaitGroup
	following.Go(func() {
		defer u.end()
		u.follow(followCtx)
	})
	return env, sync.OnceFunc(func() {
		cancel()
		// A change that is being applied may be what stops the task: it is not
		// waited for.
	}), nil
}

func (u *run) end() {
	u.runner.StopImmediately()
	u.files.close()
}

// start translates the task's templates and begins to render.
func (u *run) start() error {
	env := u.req.Env()
	templates := config.TemplateConfigs{}
	owner := map[*config.TemplateConfig]*nl.Template{}
	for _, t := range u.req.Task.Templates {
		c, err := u.config(t)
		if err != nil {
			return err
		}
		owner[c] = t
		templates = append(templates, c)
	}
	cfg := config.DefaultConfig()
	cfg.Templates = &templates
	cfg.BlockQueryWaitTime = &u.cfg.BlockWait
	if u.cfg.MaxStale > 0 {
		cfg.MaxStale = &u.cfg.MaxStale
	}
	cfg.Wait = &config.WaitConfig{Enabled: config.Bool(false)}
	cfg.RendererFunc, cfg.ReaderFunc = u.files.render, u.files.read
	cfg.Once = u.once()
	if u.cfg.Dial != nil {
		attempts, backoff, limit := retryAttempts, retryBackoff, retryMax
		cfg.Nomad = &config.NomadConfig{
			Address: config.String("http://nomad.agent"), Namespace: &u.req.Namespace, Token: &u.req.Token,
			Transport: &config.TransportConfig{CustomDialer: dialer{u.cfg.Dial}},
			Retry:     &config.RetryConfig{Enabled: config.Bool(true), Attempts: &attempts, Backoff: &backoff, MaxBackoff: &limit},
		}
	}
	cfg.Finalize()
	runner, err := manager.NewRunner(cfg, false)
	if err != nil {
		return fmt.Errorf("preparing templates: %w", err)
	}
	runner.Env = env.Map()
	u.runner = runner
	u.byID = map[string][]*nl.Template{}
	for id, list := range runner.TemplateConfigMapping() {
		for _, c := range list {
			for _, t := range u.req.Task.Templates {
				if c.Destination != nil && *c.Destination == u.destination(t) {
					u.byID[id] = append(u.byID[id], t)
				}
			}
		}
	}
	go runner.Start()
	return nil
}

func (u *run) once() bool {
	for _, t := range u.req.Task.Templates {
		if !t.Once {
			return false
		}
	}
	return true
}

func (u *run) destination(t *nl.Template) string {
	return u.resolve(u.req.Env().Replace(t.DestPath))
}

// resolve finds a path of the job file: relative to the task's directory, or
// below the directories that the task sees.
func (u *run) resolve(p string) string {
	views := [][2]string{{"/alloc", filepath.Join(u.req.AllocRoot, "alloc")}, {"/local", u.req.Dirs.Local()}, {"/secrets", u.req.Dirs.Secrets()}}
	for _, v := range views {
		if rest, ok := strings.CutPrefix(p, v[0]); ok && (rest == "" || rest[0] == '/') {
			return filepath.Join(v[1], rest)
		}
	}
	if filepath.IsAbs(p) && (strings.HasPrefix(p, u.req.AllocRoot+"/") || u.cfg.NoSandbox) {
		return filepath.Clean(p)
	}
	return filepath.Join(u.req.Dirs.Root, p)
}

func (u *run) config(t *nl.Template) (*config.TemplateConfig, error) {
	perms, err := parsePerms(t.Perms)
	if err != nil {
		return nil, err
	}
	c := config.DefaultTemplateConfig()
	dst := u.destination(t)
	if err := u.files.inside(dst); err != nil {
		return nil, fmt.Errorf("template destination %q: %w", t.DestPath, err)
	}
	c.Destination, c.Perms = &dst, &perms
	if t.SourcePath != "" {
		src := u.resolve(u.req.Env().Replace(t.SourcePath))
		if err := u.files.inside(src); err != nil {
			return nil, fmt.Errorf("template source %q: %w", t.SourcePath, err)
		}
		c.Source = &src
	} else {
		text := t.EmbeddedTmpl
		c.Contents = &text
	}
	c.ErrMissingKey = &t.ErrMissingKey
	if t.LeftDelim != "" {
		c.LeftDelim = &t.LeftDelim
	}
	if t.RightDelim != "" {
		c.RightDelim = &t.RightDelim
	}
	c.Uid, c.Gid = t.Uid, t.Gid
	c.FunctionDenylist = u.cfg.Deny
	if t.Wait != nil && t.Wait.Min != nil {
		c.Wait = &config.WaitConfig{Enabled: config.Bool(true), Min: t.Wait.Min, Max: t.Wait.Max}
	}
	if !u.cfg.NoSandbox {
		c.SandboxPath = &u.req.Dirs.Root
	}
	c.ExtFuncMap = u.functions()
	c.Finalize()
	return c, nil
}

// first waits until everything has been rendered once.
func (u *run) first(ctx context.Context) error {
	tick := time.NewTicker(missingEvery)
	defer tick.Stop()
	told := ""
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-u.runner.ErrCh:
			return fmt.Errorf("template failed: %w", err)
		case <-u.runner.TemplateRenderedCh():
		case <-u.runner.RenderEventCh():
		case <-u.runner.DoneCh:
		case <-tick.C:
			if m := u.missing(); m != "" && m != told {
				told = m
				u.req.Waiting(m)
			}
			continue
		}
		if u.rendered() {
			return nil
		}
	}
}

func (u *run) rendered() bool {
	events := u.runner.RenderEvents()
	for id := range u.byID {
		e := events[id]
		if e == nil || e.LastWouldRender.IsZero() {
			return false
		}
	}
	return true
}

// missing words what is still waited for.
func (u *run) missing() string {
	var names []string
	for _, e := range u.runner.RenderEvents() {
		if e.MissingDeps != nil {
			for _, d := range e.MissingDeps.List() {
				names = append(names, d.String())
			}
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 {
		return ""
	}
	more := ""
	if n := len(names) - missingShown; n > 0 {
		names, more = names[:missingShown], fmt.Sprintf(", and %d more", n)
	}
	return "Missing: " + strings.Join(names, ", ") + more
}

// settled tells whether nothing can ever change what was rendered.
func (u *run) settled() bool {
	if u.once() {
		return true
	}
	for _, e := range u.runner.RenderEvents() {
		if e.UsedDeps != nil && e.UsedDeps.Len() > 0 {
			return false
		}
	}
	return true
}

// environment reads the templates that render variables.
func (u *run) environment() (map[string]string, error) {
	out := map[string]string{}
	for _, t := range u.req.Task.Templates {
		if !t.Envvars {
			continue
		}
		raw, err := u.files.read(u.destination(t))
		if err != nil {
			return nil, fmt.Errorf("reading variables of template %q: %w", t.DestPath, err)
		}
		vars, err := ParseEnv(string(raw))
		if err != nil {
			return nil, fmt.Errorf("template %q: %w", t.DestPath, err)
		}
		for k, v := range vars {
			out[k] = v
		}
	}
	return out, nil
}

// follow applies changes until ctx ends.
func (u *run) follow(ctx context.Context) {
	handled := u.times()
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-u.runner.ErrCh:
			u.req.Change(task.TemplateChange{Err: fmt.Errorf("template failed: %w", err)})
			return
		case <-u.runner.RenderEventCh():
			continue
		case <-u.runner.TemplateRenderedCh():
		}
		now := u.times()
		var changed []*nl.Template
		for id, at := range now {
			if at.After(handled[id]) {
				changed = append(changed, u.byID[id]...)
			}
		}
		handled = now
		if len(changed) > 0 && !u.apply(ctx, changed) {
			return
		}
	}
}

func (u *run) times() map[string]time.Time {
	out := map[string]time.Time{}
	for id, e := range u.runner.RenderEvents() {
		out[id] = e.LastDidRender
	}
	return out
}

// apply waits the splay and applies the change modes of what changed.
func (u *run) apply(ctx context.Context, changed []*nl.Template) bool {
	var splay time.Duration
	change := task.TemplateChange{}
	for _, t := range changed {
		switch t.ChangeMode {
		case modeNoop:
			continue
		case modeSignal:
			if !slices.Contains(change.Signals, t.ChangeSignal) {
				change.Signals = append(change.Signals, t.ChangeSignal)
			}
		case modeScript:
			change.Scripts = append(change.Scripts, t.ChangeScript)
		default:
			change.Restart = true
		}
		splay = max(splay, t.Splay)
	}
	env, err := u.environment()
	if err != nil {
		change = task.TemplateChange{Err: err}
	}
	change.Env = env
	if splay > 0 {
		timer := time.NewTimer(time.Duration(u.cfg.Random() * float64(splay)))
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
		}
	}
	u.req.Change(change)
	return err == nil
}

// ErrBadPerms says that a template's mode is no octal number.
var ErrBadPerms = errors.New("template perms are no octal number")

func parsePerms(s string) (os.FileMode, error) {
	if s == "" {
		s = "0644"
	}
	var mode uint32
	if _, err := fmt.Sscanf(s, "%o", &mode); err != nil || mode > 0o7777 {
		return 0, fmt.Errorf("%w: %q", ErrBadPerms, s)
	}
	return os.FileMode(mode), nil
}
