package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/nomadlike/nomadlike/client/alloc"
	"github.com/nomadlike/nomadlike/client/driver"
	"github.com/nomadlike/nomadlike/client/fingerprint"
	"github.com/nomadlike/nomadlike/client/hostvolume"
	"github.com/nomadlike/nomadlike/client/report"
	"github.com/nomadlike/nomadlike/client/servers"
	"github.com/nomadlike/nomadlike/client/state"
	"github.com/nomadlike/nomadlike/client/stats"
	"github.com/nomadlike/nomadlike/client/step/cgroup"
	"github.com/nomadlike/nomadlike/client/step/logs"
	"github.com/nomadlike/nomadlike/client/step/service"
	"github.com/nomadlike/nomadlike/client/step/template"
	"github.com/nomadlike/nomadlike/client/task"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/session"
	plugin "github.com/nomadlike/nomadlike/plugins/driver"
)

// driversWait is how long the first registration waits for drivers to tell
// their health; those that take longer follow.
const driversWait = time.Second

// Client is a node agent.
type Client struct {
	cfg       Config
	log       hclog.Logger
	mux       *session.Mux
	db        *state.DB
	saved     *state.Saved
	node      *node
	conn      *servers.Servers
	drivers   *driver.Manager
	batch     *report.Batcher
	services  *service.Registrar
	hostStats *stats.Host
	host      *task.Host
	volumes   *hostvolume.Manager
	contacted chan struct{} // closed at the first registration
	beat      heartbeats
	gcNow     chan struct{}
	usage     usage

	mu     sync.Mutex
	allocs map[string]*entry
	jobs   map[string]*nl.Job // by state.JobKey
	seen   uint64             // how new the state is that servers have shown
	ending bool
}

// entry is an allocation that the node has.
type entry struct {
	runner *alloc.Runner
	cancel context.CancelFunc
	done   chan struct{} // closed when the runner has ended
	index  uint64        // AllocModifyIndex of its version
	remove bool          // the servers forgot it: it is removed once it has ended
}

// New makes a client and opens its record.
func New(cfg Config) (*Client, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	for _, dir := range []string{cfg.StateDir, cfg.AllocDir} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return nil, fmt.Errorf("making the client's directories: %w", err)
		}
	}
	id, err := readID(cfg.StateDir, nodeIDFile, cfg.NewID)
	if err != nil {
		return nil, err
	}
	secret, err := readID(cfg.StateDir, secretIDFile, cfg.NewID)
	if err != nil {
		return nil, err
	}
	db, err := state.Open(cfg.StateDir)
	if err != nil {
		return nil, err
	}
	c := &Client{
		cfg: cfg, log: cfg.Logger, db: db, mux: session.NewMux(), contacted: make(chan struct{}),
		allocs: map[string]*entry{}, gcNow: make(chan struct{}, 1),
	}
	if err := c.assemble(id, secret); err != nil {
		return nil, errors.Join(err, c.closeDB())
	}
	return c, nil
}

func (c *Client) closeDB() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return c.db.Run(ctx)
}

// assemble builds the parts on top of the record.
func (c *Client) assemble(id, secret string) error {
	var err error
	if c.saved, err = c.db.Load(); err != nil {
		return err
	}
	c.jobs = c.saved.Jobs
	c.node = newNode(&c.cfg, id, secret, c.saved.Node.Meta)
	c.openVolumes()
	c.conn, err = servers.New(servers.Config{
		Addrs: c.cfg.Servers, Dial: c.cfg.Dial, Local: c.cfg.Local, Mux: c.mux, Logger: c.log.Named("servers"),
	})
	if err != nil {
		return err
	}
	c.batch = report.New(c.sendUpdates, c.log.Named("report"))
	c.services = service.NewRegistrar(c.sendServices, c.log.Named("services"))
	c.hostStats = stats.NewHost(c.cfg.AllocDir, func() float64 { return float64(c.node.get().NodeResources.Cpu.CpuShares) }, c.cfg.Now)
	c.host = &task.Host{
		Now: c.cfg.Now, NewID: c.cfg.NewID, Drivers: c, DB: c.db, Buffers: logs.NewPool(), Signer: c, Services: c.services,
		Fetch: c.cfg.Fetch, Render: c.renderer(), Node: c.node.get, Region: c.cfg.Region,
		HostEnv: hostEnv(c.cfg.EnvDeny), CgroupParent: c.cfg.CgroupParent,
		UserDeny: c.cfg.UserDeny, UserChecked: c.cfg.UserChecked, Logger: c.log.Named("task"),
	}
	c.handle()
	return nil
}

// renderer renders templates with what the agent's own API tells.
func (c *Client) renderer() task.Renderer {
	dial := c.cfg.API
	if dial == nil && c.cfg.HTTPAddr != "" && !c.cfg.TLSEnabled {
		dial = func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", c.cfg.HTTPAddr)
		}
	}
	return template.New(template.Config{
		Dial: dial, Deny: c.cfg.TemplateDeny, NoSandbox: c.cfg.TemplateNoSandbox, Random: rand.Float64,
	})
}

// hostEnv is the agent's environment without what tasks must not see.
func hostEnv(deny []string) map[string]string {
	out := map[string]string{}
	for _, kv := range os.Environ() {
		if k, v, ok := strings.Cut(kv, "="); ok && k != "" && !slices.Contains(deny, k) {
			out[k] = v
		}
	}
	return out
}

// Mux answers the calls that are meant for this node.
func (c *Client) Mux() *session.Mux { return c.mux }

// Servers is the way to the servers.
func (c *Client) Servers() *servers.Servers { return c.conn }

// NodeID is who the node is.
func (c *Client) NodeID() string { return c.node.get().ID }

// Node is what the node is now; it must not be changed.
func (c *Client) Node() *nl.Node { return c.node.get() }

// Contacted is closed once the node is registered.
func (c *Client) Contacted() <-chan struct{} { return c.contacted }

// Run runs the client until ctx ends, which leaves its tasks running. It is
// called once.
func (c *Client) Run(ctx context.Context) error {
	dbCtx, stopDB := context.WithCancel(context.WithoutCancel(ctx))
	dbDone := make(chan error, 1)
	go func() { dbDone <- c.db.Run(dbCtx) }()
	err := c.run(ctx)
	stopDB()
	return errors.Join(err, <-dbDone)
}

func (c *Client) run(ctx context.Context) error {
	looked := fingerprint.Run(ctx, c.cfg.Fingerprint)
	for name, why := range looked.Notes {
		c.log.Debug("fingerprinter found nothing", "name", name, "reason", why)
	}
	c.node.found(looked, &c.cfg)
	c.findVolumePlugins(ctx)
	c.controlGroups(looked)
	manager, err := driver.New(driver.Config{
		Builtins: c.builtins(), PluginDir: c.cfg.PluginDir, Blocks: c.cfg.Plugins,
		Allow: c.cfg.DriverAllow, Deny: c.cfg.DriverDeny, Agent: agentConfig(looked),
		Reattach: c.saved.Plugins, Records: c.db, Detach: c.cfg.KeepPlugins,
		OnInfo: c.driverChanged, OnTaskEvent: c.driverEvent, Logger: c.log.Named("driver"), Now: c.cfg.Now,
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.drivers = manager
	c.mu.Unlock()

	// Tasks need drivers until the last runner has ended.
	driverCtx, stopDrivers := context.WithCancel(context.WithoutCancel(ctx))
	defer stopDrivers()
	var late, group sync.WaitGroup
	late.Go(func() { manager.Run(driverCtx) })
	c.restore(ctx)
	for _, run := range []func(context.Context) error{
		c.conn.Run, c.batch.Run, c.services.Run, c.register, c.follow, c.collect, c.watchContact,
	} {
		group.Go(func() { run(ctx) })
	}
	<-ctx.Done()
	c.endRunners()
	group.Wait()
	stopDrivers()
	late.Wait()
	return ctx.Err()
}

// Refresh looks at the machine again, such as after SIGHUP, and registers what
// has changed.
func (c *Client) Refresh(ctx context.Context) {
	c.node.found(fingerprint.Run(ctx, c.cfg.Fingerprint), &c.cfg)
	c.findVolumePlugins(ctx)
}

// cgroupRoot is where control groups are mounted.
const cgroupRoot = "/sys/fs/cgroup"

// controlGroups lets tasks have groups of their own where the agent may make
// them.
func (c *Client) controlGroups(looked *fingerprint.Result) {
	version := looked.Attributes["os.cgroups.version"]
	if version == "" || os.Geteuid() != 0 {
		return
	}
	m := cgroup.New(cgroup.Config{
		Root: cgroupRoot, Version: version, Parent: c.cfg.CgroupParent,
		Usable: looked.Resources.Cpu.ReservableCpuCores, Logger: c.log.Named("cgroup"),
	})
	c.host.Cgroups, c.host.CgroupParent = m, m.Parent()
	c.node.edit(func(n *nl.Node) { n.CgroupParent = m.Parent() })
}

func (c *Client) builtins() []driver.Builtin {
	var out []driver.Builtin
	for _, name := range c.cfg.Builtins {
		path, args := c.cfg.BuiltinCommand(name)
		out = append(out, driver.Builtin{Name: name, Command: path, Args: args})
	}
	return out
}

// Get gives a running driver; runners of a client that is not running yet wait
// for none.
func (c *Client) Get(ctx context.Context, name string) (*driver.Handle, error) {
	c.mu.Lock()
	m := c.drivers
	c.mu.Unlock()
	if m == nil {
		return nil, errors.New("the client is not running yet")
	}
	return m.Get(ctx, name)
}

func (c *Client) driverChanged(name string, info *nl.DriverInfo) {
	if e := c.node.driver(name, info); e != nil {
		c.usage.event(e)
	}
}

// driverEvent passes on what a driver tells of a task.
func (c *Client) driverEvent(e *plugin.TaskEvent) {
	if r := c.runner(e.AllocID); r != nil {
		r.Tell(e.TaskName, task.DriverMessage(e.Timestamp, e.Message, e.Annotations))
		return
	}
	c.log.Debug("driver told of an unknown task", "alloc_id", e.AllocID, "task", e.TaskName)
}

func (c *Client) runner(id string) *alloc.Runner {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.allocs[id]; e != nil {
		return e.runner
	}
	return nil
}

// restore takes up the allocations of the last agent.
func (c *Client) restore(ctx context.Context) {
	for _, rec := range c.saved.Allocs {
		if err := c.start(ctx, rec.Alloc, rec, c.saved.Tasks[rec.Alloc.ID]); err != nil {
			c.log.Error("allocation cannot be restored", "alloc_id", rec.Alloc.ID, "error", err)
		}
	}
	c.saved = &state.Saved{}
}

// start runs an allocation whose job is attached.
func (c *Client) start(ctx context.Context, a *nl.Alloc, rec *state.AllocRecord, tasks map[string]*state.TaskRecord) error {
	r, err := alloc.New(alloc.Config{
		Host: c.host, AllocDir: c.cfg.AllocDir, Alloc: a, Saved: rec, Tasks: tasks, MaxKillTimeout: c.cfg.MaxKillTimeout,
		Previous: c.previous(a), Contacted: c.contacted, Report: c.batch.Put, Random: rand.Float64, Logger: c.log.Named("alloc"),
	})
	if err != nil {
		return err
	}
	runCtx, cancel := context.WithCancel(ctx)
	e := &entry{runner: r, cancel: cancel, done: make(chan struct{}), index: a.AllocModifyIndex}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending || c.allocs[a.ID] != nil {
		cancel()
		return nil
	}
	c.allocs[a.ID] = e
	go func() {
		defer close(e.done)
		r.Run(runCtx)
	}()
	return nil
}

// endRunners lets go of all tasks, which go on.
func (c *Client) endRunners() {
	c.mu.Lock()
	c.ending = true
	all := slices.Collect(maps.Values(c.allocs))
	c.mu.Unlock()
	for _, e := range all {
		e.cancel()
	}
	for _, e := range all {
		<-e.done
	}
}

func (c *Client) sendUpdates(ctx context.Context, updates []*nl.AllocUpdate) error {
	n := c.node.get()
	err := c.conn.Call(ctx, "Node.UpdateAllocs", &query.NodeAllocUpdates{NodeID: n.ID, SecretID: n.SecretID, Updates: updates}, &query.Written{})
	c.refused(err)
	return err
}

func (c *Client) sendServices(ctx context.Context, upsert []*nl.ServiceRegistration, remove []string) error {
	n := c.node.get()
	copies := make([]*nl.ServiceRegistration, len(upsert))
	for i, s := range upsert {
		// A server in this process fills in what it manages.
		one := *s
		copies[i] = &one
	}
	return c.conn.Call(ctx, "Node.UpdateServices", &query.NodeServices{NodeID: n.ID, SecretID: n.SecretID, Upsert: copies, Delete: remove}, &query.Written{})
}

// SignIdentities gets workload identities.
func (c *Client) SignIdentities(ctx context.Context, wanted []query.IdentityWanted) ([]query.SignedIdentity, error) {
	n := c.node.get()
	var reply query.SignedIdentities
	err := c.conn.Call(ctx, "Node.SignIdentities", &query.SignIdentities{NodeID: n.ID, SecretID: n.SecretID, Wanted: wanted}, &reply)
	return reply.Tokens, err
}
