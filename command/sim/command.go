package sim

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/mitchellh/cli"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/pace"
	"github.com/nomadlike/nomadlike/command/sim/node"
	"github.com/nomadlike/nomadlike/command/version"
)

// progressEvery is how often the line of progress is drawn.
const progressEvery = 500 * time.Millisecond

// spareBytes is the garbage that a fleet lets gather: each allocation leaves some
// kilobytes of messages behind, and a collection looks through thousands of
// stacks and little else. More would cost more to touch for the first time than
// to collect.
const spareBytes = 256 << 20

// processorsShare is which part of the processors a fleet uses, unless GOMAXPROCS
// says otherwise. The servers that it is for are often on the same machine, and
// its thousands of short turns cost less on few processors: none is woken to
// look for work that is done before it comes.
const processorsShare = 2

// Commands are the commands of this package.
func Commands(m *meta.Meta) map[string]cli.CommandFactory {
	return map[string]cli.CommandFactory{
		"sim": meta.GroupFactory(m, meta.Group{
			Name: "sim", Summary: "Simulate parts of a cluster",
			Text: "Simulates parts of a cluster, to measure the others and to try jobs at scale.",
		}),
		"sim nodes":   meta.Factory(m, NodesCommand),
		"sim plan":    meta.Factory(m, PlanCommand),
		"sim quality": meta.Factory(m, QualityCommand),
		"sim run":     meta.Factory(m, RunCommand),
	}
}

// options are the flags of sim nodes.
type options struct {
	count    int
	servers  []string
	shape    node.Shape
	lifetime time.Duration
	logLevel string
}

// NodesCommand is sim nodes.
func NodesCommand(*meta.Meta) *meta.Verb {
	o := &options{}
	return &meta.Verb{
		Name: "sim nodes", Local: true, Summary: "Register simulated nodes with servers",
		Text: `Registers simulated nodes with servers and keeps them alive until interrupted. To the servers they are ordinary Linux nodes that have the drivers mock_driver and raw_exec. What they are given to run only pretends to run: tasks of mock_driver do what their config says (run_for, exit_code, exit_signal, exit_err_msg, start_error, start_error_recoverable, start_block_for, kill_after), others run for -run-for. Services are not registered, and their checks count as passing.

The command line must reach the RPC port of a server, 4647 unless configured otherwise. All nodes share few connections: one for 640 nodes.

IDs of nodes follow from their names. A fleet that is started again is the same nodes; two fleets at a time need different prefixes. On an interrupt the nodes fall silent, and the servers find them down when their heartbeats have been missed.`,
		Examples: []meta.Example{
			{Text: "Add 1,000 nodes of 10,000 MHz and 32 GB to a local server", Line: "nomadlike sim nodes -count 1000 -servers 127.0.0.1:4647"},
			{Text: "Add 50 large nodes of a class to a pool of three servers", Line: "nomadlike sim nodes -count 50 -prefix big -cpu 64000 -memory 262144 -class large -pool batch -servers 10.0.0.1:4647,10.0.0.2:4647,10.0.0.3:4647"},
			{Text: "Let tasks of other drivers end after a minute, and give nodes metadata", Line: "nomadlike sim nodes -count 10 -servers 127.0.0.1:4647 -run-for 1m -meta rack=r1 -meta zone=a"},
		},
		Flags: o.declare,
		Do:    o.do,
	}
}

func (o *options) declare(f *meta.Flags) {
	f.Int(&o.count, "count", 1, "<n>", "How many nodes to simulate. Default: 1.")
	f.Strings(&o.servers, "servers", "<host:port,...>", "RPC addresses of servers; may be given more than once. Required.")
	f.Int(&o.shape.MHz, "cpu", node.DefaultMHz, "<MHz>", "CPU of each node. Default: 10000.")
	f.Int(&o.shape.MemoryMB, "memory", node.DefaultMemoryMB, "<MB>", "Memory of each node. Default: 32768.")
	f.String(&o.shape.Datacenter, "datacenter", "dc1", "<name>", "Datacenter of the nodes. Default: dc1.")
	f.String(&o.shape.Class, "class", "", "<name>", "Class of the nodes.")
	f.String(&o.shape.Pool, "pool", "default", "<name>", "Pool of the nodes. Default: default.")
	f.String(&o.shape.Prefix, "prefix", node.DefaultPrefix, "<name>", "Start of the names of the nodes. Default: "+node.DefaultPrefix+".")
	f.Map(&o.shape.Meta, "meta", "Metadata of the nodes; may be given more than once.")
	f.Duration(&o.lifetime, "run-for", 0, "<duration>", "How long tasks of drivers other than mock_driver run. Default: until they are stopped.")
	f.String(&o.logLevel, "log-level", "warn", "<level>", "What to log to stderr: debug, info, warn or error. Default: warn.")
}

func (o *options) do(ctx context.Context, c *meta.Call) error {
	var addrs []string
	for _, list := range o.servers {
		for _, addr := range strings.Split(list, ",") {
			if addr = strings.TrimSpace(addr); addr != "" {
				addrs = append(addrs, addr)
			}
		}
	}
	level := hclog.LevelFromString(o.logLevel)
	if level == hclog.NoLevel {
		return meta.Usagef("-log-level %q is none of debug, info, warn, error", o.logLevel)
	}
	o.shape.Version = version.Current().Number
	fleet, err := New(Config{
		Count: o.count, Servers: addrs, Shape: o.shape, Lifetime: o.lifetime,
		Logger: hclog.New(&hclog.LoggerOptions{Name: "sim", Level: level, Output: c.Err}),
		Now:    c.Now, Random: rand.Float64,
	})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if os.Getenv("GOMAXPROCS") == "" {
		all := runtime.GOMAXPROCS(0)
		defer runtime.GOMAXPROCS(all)
		runtime.GOMAXPROCS(max(1, all/processorsShare))
	}
	var beside sync.WaitGroup
	beside.Go(func() { pace.KeepSpare(ctx, spareBytes) })
	beside.Go(func() {
		progress{fleet: fleet, out: c.Out, terminal: c.Terminal, now: c.Now}.run(ctx)
	})
	err = fleet.Run(ctx)
	beside.Wait()
	return err
}

// progress tells how a fleet stands: a line that is drawn again on terminals,
// elsewhere one line when all nodes are registered.
type progress struct {
	fleet    *Fleet
	out      io.Writer
	terminal bool
	now      func() time.Time
}

func (p progress) run(ctx context.Context) {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	began, complete := p.now(), false
	last, lastAt := Stats{}, began
	for {
		select {
		case <-ctx.Done():
			if p.terminal {
				fmt.Fprintln(p.out)
			}
			return
		case <-ticker.C:
		}
		s, now := p.fleet.Stats(), p.now()
		if p.terminal {
			rate := float64(s.Updates-last.Updates) / max(now.Sub(lastAt), tickMin).Seconds()
			fmt.Fprintf(p.out, "\r\x1b[K%s", s.line(rate))
		}
		last, lastAt = s, now
		if !complete && s.Registered == s.Nodes {
			complete = true
			if p.terminal {
				fmt.Fprintln(p.out)
			}
			fmt.Fprintf(p.out, "All %d nodes are registered after %.1f s.\n", s.Nodes, now.Sub(began).Seconds())
		}
	}
}
