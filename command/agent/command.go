package agent

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nomadlike/nomadlike/command/agent/config"
	"github.com/nomadlike/nomadlike/command/version"
)

// leaveWait bounds a graceful leave.
const leaveWait = 5 * time.Second

// Command is the agent command.
type Command struct {
	Out io.Writer // what the agent says
}

// Synopsis is the line in the list of commands.
func (c *Command) Synopsis() string { return "Runs a nomadlike agent" }

// Help tells how to run an agent.
func (c *Command) Help() string {
	return strings.TrimSpace(`
Usage: nomadlike agent [options]

  Starts an agent, which runs until an interrupt is received. The agent is a
  server, a client, or both.

  Start one to try things with, which keeps nothing:

      $ nomadlike agent -dev

  Start one from configuration files:

      $ nomadlike agent -config /etc/nomadlike.d

General Options:

  -config=<path>        File or directory of configuration; may be repeated.
  -data-dir=<path>      Where the agent keeps its state. Absolute.
  -plugin-dir=<path>    Where plugins are found. Default: <data-dir>/plugins.
  -bind=<addr>          Address to listen on. Default: 0.0.0.0.
  -dc=<name>            Datacenter. Default: dc1.
  -region=<name>        Region. Default: global.
  -node=<name>          Name of the agent. Default: the host's name.
  -log-level=<level>    TRACE, DEBUG, INFO, WARN, ERROR or OFF. Default: INFO.
  -log-json             Log as JSON.
  -log-include-location Log file and line.
  -dev                  Server and client on loopback, nothing kept.

Server Options:

  -server                    Run a server.
  -bootstrap-expect=<n>      How many servers start the cluster together.
  -encrypt=<key>             Key that gossip is encrypted with.
  -join=<addr>               Server to join at the start; may be repeated.
  -retry-join=<addr>         The same, until it answers; may be repeated.
  -retry-max=<n>             How often to try. Default: 0, for ever.
  -retry-interval=<dur>      Time between tries. Default: 30s.
  -rejoin                    Join again after having left.
  -raft-protocol=<n>         Only 3 is spoken.

Client Options:

  -client                    Run a client.
  -servers=<addr,...>        Servers to register with.
  -state-dir=<path>          Where the client keeps its record.
  -alloc-dir=<path>          Where allocations live.
  -alloc-mounts-dir=<path>   Where allocations of some drivers are mounted.
  -node-class=<name>         Class of the node.
  -node-pool=<name>          Pool of the node. Default: default.
  -meta=<key=value>          Metadata of the node; may be repeated.
  -network-interface=<name>  Interface whose addresses tasks are given.
  -network-speed=<mbits>     Speed of the network.
  -preferred-address-family  ipv4 or ipv6.
  -host-volumes-dir=<path>   Where dynamic host volumes live.
  -host-volume-plugin-dir    Where plugins for host volumes are found.

ACL Options:

  -acl-enabled               Turn ACLs on.
  -acl-replication-token     Token that ACL objects are fetched with.
`)
}

// many are strings that may be given several times.
type many []string

func (m *many) String() string     { return strings.Join(*m, ",") }
func (m *many) Set(s string) error { *m = append(*m, s); return nil }

// flags are what the command line says; they win over files.
type flags struct {
	configs, join, retryJoin, meta many
	servers                        string
	c                              config.Config
	dev, devConnect, devMore       bool
}

func (f *flags) set(out io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet("agent", flag.ContinueOnError)
	fs.SetOutput(out)
	fs.Usage = func() {}
	c := &f.c
	fs.Var(&f.configs, "config", "")
	fs.StringVar(&c.DataDir, "data-dir", "", "")
	fs.StringVar(&c.PluginDir, "plugin-dir", "", "")
	fs.StringVar(&c.BindAddr, "bind", "", "")
	fs.StringVar(&c.Datacenter, "dc", "", "")
	fs.StringVar(&c.Region, "region", "", "")
	fs.StringVar(&c.Name, "node", "", "")
	fs.StringVar(&c.LogLevel, "log-level", "", "")
	fs.BoolVar(&c.LogJSON, "log-json", false, "")
	fs.BoolVar(&c.LogIncludeLocation, "log-include-location", false, "")
	fs.BoolVar(&f.dev, "dev", false, "")
	fs.BoolVar(&f.devConnect, "dev-connect", false, "")
	fs.BoolVar(&f.devMore, "dev-consul", false, "")
	fs.BoolVar(&f.devMore, "dev-vault", false, "")

	fs.BoolVar(&c.Server.Enabled, "server", false, "")
	fs.IntVar(&c.Server.BootstrapExpect, "bootstrap-expect", 0, "")
	fs.StringVar(&c.Server.Encrypt, "encrypt", "", "")
	fs.Var(&f.join, "join", "")
	fs.Var(&f.retryJoin, "retry-join", "")
	fs.IntVar(&c.Server.ServerJoin.RetryMax, "retry-max", 0, "")
	fs.DurationVar(&c.Server.ServerJoin.RetryInterval, "retry-interval", 0, "")
	fs.BoolVar(&c.Server.RejoinAfterLeave, "rejoin", false, "")
	fs.IntVar(&c.Server.RaftProtocol, "raft-protocol", 0, "")

	fs.BoolVar(&c.Client.Enabled, "client", false, "")
	fs.StringVar(&f.servers, "servers", "", "")
	fs.StringVar(&c.Client.StateDir, "state-dir", "", "")
	fs.StringVar(&c.Client.AllocDir, "alloc-dir", "", "")
	fs.StringVar(&c.Client.AllocMountsDir, "alloc-mounts-dir", "", "")
	fs.StringVar(&c.Client.NodeClass, "node-class", "", "")
	fs.StringVar(&c.Client.NodePool, "node-pool", "", "")
	fs.Var(&f.meta, "meta", "")
	fs.StringVar(&c.Client.NetworkInterface, "network-interface", "", "")
	fs.IntVar(&c.Client.NetworkSpeed, "network-speed", 0, "")
	fs.StringVar(&c.Client.PreferredAddressFamily, "preferred-address-family", "", "")
	fs.StringVar(&c.Client.HostVolumesDir, "host-volumes-dir", "", "")
	fs.StringVar(&c.Client.HostVolumePluginDir, "host-volume-plugin-dir", "", "")
	fs.StringVar(&c.Client.IntroToken, "client-intro-token", "", "")

	fs.BoolVar(&c.ACL.Enabled, "acl-enabled", false, "")
	fs.StringVar(&c.ACL.ReplicationToken, "acl-replication-token", "", "")
	return fs
}

// load reads defaults, files and flags in this order.
func (f *flags) load() (*config.Config, error) {
	c := config.Default()
	if f.dev || f.devConnect || f.devMore {
		c = config.Dev()
	}
	if f.devConnect {
		c.BindAddr, c.Client.NetworkInterface = "0.0.0.0", ""
	}
	var problems []error
	for _, p := range f.configs {
		problems = append(problems, c.Load(p))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	over := f.c
	over.Server.ServerJoin.StartJoin = f.join
	over.Server.ServerJoin.RetryJoin = f.retryJoin
	if f.servers != "" {
		over.Client.Servers = strings.Split(f.servers, ",")
	}
	for _, kv := range f.meta {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			return nil, fmt.Errorf("-meta %q is not key=value", kv)
		}
		if over.Client.Meta == nil {
			over.Client.Meta = map[string]string{}
		}
		over.Client.Meta[k] = v
	}
	c.Merge(&over)
	return c, c.Finish()
}

// Run runs the agent until it is told to end.
func (c *Command) Run(args []string) int {
	var f flags
	fs := f.set(c.Out)
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(c.Out, c.Help())
			return 0
		}
		fmt.Fprintln(c.Out, c.Help())
		return 1
	}
	if fs.NArg() > 0 {
		fmt.Fprintf(c.Out, "==> The agent takes no arguments, got %q. See nomadlike agent -help.\n", fs.Args())
		return 1
	}
	cfg, err := f.load()
	if err != nil {
		fmt.Fprintf(c.Out, "==> Configuration:\n%s\n", indentText(err.Error()))
		return 1
	}
	c.greet(cfg)
	return c.serve(cfg, &f)
}

func indentText(s string) string { return "    " + strings.ReplaceAll(s, "\n", "\n    ") }

// greet says what is about to run.
func (c *Command) greet(cfg *config.Config) {
	if len(cfg.Files) > 0 {
		fmt.Fprintf(c.Out, "==> Loaded configuration from %s\n", strings.Join(cfg.Files, ", "))
	} else {
		fmt.Fprintln(c.Out, "==> No configuration files loaded")
	}
	for _, w := range warnings(cfg) {
		fmt.Fprintf(c.Out, "==> WARNING: %s\n", w)
	}
	fmt.Fprintln(c.Out, "==> Starting nomadlike agent...")
}

func warnings(cfg *config.Config) (out []string) {
	if cfg.DevMode || !cfg.Server.Enabled {
		return nil
	}
	switch n := cfg.Server.BootstrapExpect; {
	case n == 1:
		out = append(out, "Bootstrap mode enabled! One server alone loses everything with its disk; run three or five in production.")
	case n > 0 && n%2 == 0:
		out = append(out, "An even number of servers survives no more failures than one less.")
	}
	return out
}

// block prints what runs, as key and value aligned.
func (c *Command) block(a *Agent) {
	cfg := a.cfg
	rows := map[string]string{
		"Advertise Addrs": fmt.Sprintf("HTTP: %s", cfg.Advertise.HTTP),
		"Bind Addrs":      fmt.Sprintf("HTTP: %s", bound(cfg.Addresses.HTTP, cfg.Ports.HTTP)),
		"Client":          fmt.Sprint(cfg.Client.Enabled),
		"Log Level":       strings.ToUpper(cfg.LogLevel),
		"Region":          fmt.Sprintf("%s (DC: %s)", cfg.Region, cfg.Datacenter),
		"Server":          fmt.Sprint(cfg.Server.Enabled),
		"Version":         a.version.Number,
	}
	if a.server != nil {
		rows["Advertise Addrs"] += fmt.Sprintf("; RPC: %s; Serf: %s", cfg.Advertise.RPC, cfg.Advertise.Serf)
		rows["Bind Addrs"] += fmt.Sprintf("; RPC: %s; Serf: %s", bound(cfg.Addresses.RPC, cfg.Ports.RPC), bound(cfg.Addresses.Serf, cfg.Ports.Serf))
		rows["Node Id"] = a.server.ID()
	}
	fmt.Fprintln(c.Out, "==> nomadlike agent configuration:")
	fmt.Fprintln(c.Out)
	keys := make([]string, 0, len(rows))
	for k := range rows {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		fmt.Fprintf(c.Out, "%22s: %s\n", k, rows[k])
	}
	fmt.Fprintln(c.Out)
	fmt.Fprintln(c.Out, "==> nomadlike agent started! Log data will stream in below:")
}

func bound(hosts string, port int) string {
	var out []string
	for _, h := range strings.Fields(hosts) {
		out = append(out, net.JoinHostPort(h, fmt.Sprint(port)))
	}
	return strings.Join(out, " ")
}

// serve runs the agent and answers signals.
func (c *Command) serve(cfg *config.Config, f *flags) int {
	a, err := New(cfg, Options{Version: version.Current(), Cmdline: os.Args, Log: c.Out, Reload: f.load})
	if err != nil {
		fmt.Fprintf(c.Out, "==> The agent cannot start: %v\n", err)
		return 1
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1)
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Stop(signals)
	c.block(a)
	notify("READY=1")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				fmt.Fprintf(c.Out, "==> The agent ended: %v\n", err)
			}
			return 1
		case s := <-signals:
			switch s {
			case syscall.SIGHUP:
				notify("RELOADING=1")
				if err := a.Reload(); err != nil {
					a.log.Error("reloading failed; the agent goes on as before", "error", err)
				} else {
					a.log.Info("configuration reloaded")
				}
				notify("READY=1")
				continue
			case syscall.SIGUSR1:
				a.dumpMetrics(os.Stderr)
				continue
			}
			fmt.Fprintf(c.Out, "==> Caught signal: %v\n", s)
			notify("STOPPING=1")
			code := 1
			if s == os.Interrupt && cfg.LeaveOnInterrupt || s == syscall.SIGTERM && cfg.LeaveOnTerminate {
				fmt.Fprintln(c.Out, "==> Gracefully shutting agent down...")
				if a.leave(signals) {
					code = 0
				}
			}
			cancel()
			<-ended
			return code
		}
	}
}

// leave says goodbye to the other servers; a second signal or too long a time
// gives up.
func (a *Agent) leave(signals <-chan os.Signal) bool {
	if a.server == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveWait)
	defer cancel()
	left := make(chan error, 1)
	go func() { left <- a.server.Leave(ctx) }()
	select {
	case err := <-left:
		if err != nil {
			a.log.Warn("leaving", "error", err)
		}
		return err == nil
	case <-signals:
	case <-ctx.Done():
	}
	return false
}

// notify tells a service manager what the agent does.
func notify(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	conn, err := net.Dial("unixgram", path)
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprint(conn, state)
}

// dumpMetrics writes all metrics as text.
func (a *Agent) dumpMetrics(w io.Writer) {
	m, err := a.Metrics()
	if err != nil {
		fmt.Fprintln(w, "metrics:", err)
		return
	}
	for _, g := range m.Gauges {
		fmt.Fprintf(w, "[%s][G] %q: %.3f %v\n", m.Timestamp, g.Name, g.Value, g.Labels)
	}
	for _, s := range m.Counters {
		fmt.Fprintf(w, "[%s][C] %q: %.3f %v\n", m.Timestamp, s.Name, s.Sum, s.Labels)
	}
}
