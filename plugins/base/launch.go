package base

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
)

const (
	// startTimeout bounds the time to the handshake line; the peer's hosts wait
	// as long.
	startTimeout = time.Minute
	// deathGrace is how long a broken connection may precede the news that the
	// process ended.
	deathGrace = 3 * time.Second
	// deathPoll is the pause between looks at a process whose connection broke.
	deathPoll = 10 * time.Millisecond
)

// LaunchConfig says how to start a plugin process.
type LaunchConfig struct {
	Type Type
	// Command is the absolute path of the binary; Args follow it.
	Command string
	Args    []string
	// Env is added to the host's own environment.
	Env []string
	// Logger receives the plugin's log lines; nil discards them.
	Logger hclog.Logger
}

// ReattachRecord finds a running plugin process again. It is plain data for the
// host to persist.
type ReattachRecord struct {
	Protocol string
	Network  string
	Addr     string
	Pid      int
	// StartTime is the kernel's start tick of the process, so that another
	// process with the same number is not taken for it; 0 where unknown.
	StartTime uint64 `json:",omitempty"`
}

// Process is a plugin process and the connection to it.
type Process struct {
	*Client
	rpc  *plugin.Client
	conn *grpc.ClientConn
	rec  ReattachRecord

	done      chan struct{}
	closeDone sync.Once
	stopWatch context.CancelFunc
	watching  sync.WaitGroup
}

// Launch starts a plugin and connects to it. ctx bounds only the call.
func Launch(ctx context.Context, c LaunchConfig) (*Process, error) {
	cmd := exec.Command(c.Command, c.Args...)
	cmd.Env = append(cmd.Env, c.Env...)
	p, err := connect(ctx, c, &plugin.ClientConfig{Cmd: cmd})
	if err != nil {
		return nil, fmt.Errorf("plugin %s cannot be launched: %w", c.Command, err)
	}
	return p, nil
}

// Reattach connects to a plugin that an earlier host process launched. SetConfig
// must not be called again; PluginInfo may.
func Reattach(ctx context.Context, c LaunchConfig, rec ReattachRecord) (*Process, error) {
	if rec.Pid <= 0 {
		return nil, errors.New("plugin record names no process: launch the plugin anew")
	}
	if rec.StartTime != 0 && processStart(rec.Pid) != rec.StartTime {
		return nil, fmt.Errorf("plugin process %d is gone: launch the plugin anew", rec.Pid)
	}
	addr, err := rec.address()
	if err != nil {
		return nil, err
	}
	p, err := connect(ctx, c, &plugin.ClientConfig{Reattach: &plugin.ReattachConfig{
		Protocol:        plugin.Protocol(rec.Protocol),
		ProtocolVersion: protocolVersion,
		Addr:            addr,
		Pid:             rec.Pid,
	}})
	if err != nil {
		return nil, fmt.Errorf("plugin process %d cannot be reattached: %w", rec.Pid, err)
	}
	return p, nil
}

func (r ReattachRecord) address() (net.Addr, error) {
	switch r.Network {
	case "unix":
		return net.ResolveUnixAddr("unix", r.Addr)
	case "tcp", "tcp4", "tcp6":
		return net.ResolveTCPAddr(r.Network, r.Addr)
	default:
		return nil, fmt.Errorf("plugin record has unknown network %q: launch the plugin anew", r.Network)
	}
}

func connect(ctx context.Context, c LaunchConfig, pc *plugin.ClientConfig) (*Process, error) {
	log := c.Logger
	if log == nil {
		log = hclog.NewNullLogger()
	}
	pc.HandshakeConfig = Handshake()
	pc.Plugins = plugin.PluginSet{setBase: &grpcSet{}, c.Type.String(): &grpcSet{}}
	pc.AllowedProtocols = []plugin.Protocol{plugin.ProtocolGRPC}
	pc.StartTimeout = startTimeout
	pc.Logger = log
	if deadline, ok := ctx.Deadline(); ok {
		pc.StartTimeout = min(startTimeout, max(time.Until(deadline), time.Millisecond))
	}
	rpc := plugin.NewClient(pc)
	proto, err := rpc.Client()
	if err != nil {
		rpc.Kill()
		return nil, err
	}
	raw, err := proto.Dispense(setBase)
	if err != nil {
		rpc.Kill()
		return nil, err
	}
	conn, ok := raw.(*grpc.ClientConn)
	if !ok {
		rpc.Kill()
		return nil, fmt.Errorf("plugin library returned a %T for a connection", raw)
	}
	p := &Process{rpc: rpc, conn: conn, done: make(chan struct{}), rec: recordOf(rpc.ReattachConfig())}
	p.Client = NewClient(conn, func(ctx context.Context, err error) error { return p.Err(ctx, err) })
	watchCtx, stop := context.WithCancel(context.Background())
	p.stopWatch = stop
	p.watching.Add(1)
	go p.watch(watchCtx)
	return p, nil
}

func recordOf(r *plugin.ReattachConfig) ReattachRecord {
	if r == nil {
		return ReattachRecord{}
	}
	return ReattachRecord{
		Protocol:  string(r.Protocol),
		Network:   r.Addr.Network(),
		Addr:      r.Addr.String(),
		Pid:       r.Pid,
		StartTime: processStart(r.Pid),
	}
}

// Conn is the connection for the services of the plugin's type.
func (p *Process) Conn() grpc.ClientConnInterface { return p.conn }

// ReattachRecord finds the process again after a restart of the host.
func (p *Process) ReattachRecord() ReattachRecord { return p.rec }

// Done is closed when the plugin process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exited reports whether the plugin process has ended.
func (p *Process) Exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return p.dead()
	}
}

// dead looks at the process itself: the library notices the end of a process
// that it did not start only once a second.
func (p *Process) dead() bool {
	if p.rpc.Exited() {
		return true
	}
	return p.rec.StartTime != 0 && processStart(p.rec.Pid) != p.rec.StartTime
}

// watch closes done when the process has ended. It looks at the process only
// when the connection changes, so that an idle plugin costs nothing.
func (p *Process) watch(ctx context.Context) {
	defer p.watching.Done()
	for {
		state := p.conn.GetState()
		if state == connectivity.Ready || state == connectivity.Connecting {
			if !p.conn.WaitForStateChange(ctx, state) {
				return
			}
			continue
		}
		if p.dead() {
			p.closeDone.Do(func() { close(p.done) })
			return
		}
		wait, cancel := context.WithTimeout(ctx, deathPoll)
		if state == connectivity.Idle {
			// An idle connection of a living process changes with the next call.
			p.conn.Connect()
		}
		p.conn.WaitForStateChange(wait, state)
		cancel()
		if ctx.Err() != nil {
			return
		}
	}
}

// Kill ends the plugin: a request first, force after two seconds.
func (p *Process) Kill() {
	p.stopWatch()
	p.watching.Wait()
	p.rpc.Kill()
	p.closeDone.Do(func() { close(p.done) })
}

// Detach forgets the process without ending it.
func (p *Process) Detach() error {
	p.stopWatch()
	p.watching.Wait()
	return p.conn.Close()
}

// Err words an error of a call to the plugin, see ErrorFromStatus; a broken
// connection becomes ErrPluginShutdown when the process turns out to be gone.
func (p *Process) Err(ctx context.Context, err error, known ...error) error {
	if err == nil {
		return nil
	}
	code := status.Code(err)
	if ctx.Err() == nil && (code == codes.Unavailable || code == codes.Canceled) {
		timer := time.NewTimer(deathGrace)
		defer timer.Stop()
		select {
		case <-p.done:
			return &transportError{err}
		case <-ctx.Done():
		case <-timer.C:
			// The process lives: the text is the plugin's own.
			return errors.New(status.Convert(err).Message())
		}
	}
	return ErrorFromStatus(ctx, err, known...)
}

// Probed is what a first look at a plugin found.
type Probed struct {
	Info       Info
	APIVersion string
	// Schema is nil when the plugin takes no config.
	Schema *hclspec.Spec
}

// Look asks a plugin who it is and what config it takes.
func Look(ctx context.Context, p Plugin) (*Probed, error) {
	info, err := p.PluginInfo(ctx)
	if err != nil {
		return nil, fmt.Errorf("plugin does not introduce itself: %w", err)
	}
	v, err := Negotiate(info)
	if err != nil {
		return nil, err
	}
	schema, err := p.ConfigSchema(ctx)
	if err != nil {
		return nil, fmt.Errorf("plugin %q does not tell its config schema: %w", info.Name, err)
	}
	if schema != nil {
		if err := hclspec.Check(schema); err != nil {
			return nil, fmt.Errorf("plugin %q has an unusable config schema: %w", info.Name, err)
		}
	}
	return &Probed{Info: *info, APIVersion: v, Schema: schema}, nil
}

// Probe launches a plugin only to Look at it. The type in c may be unknown.
func Probe(ctx context.Context, c LaunchConfig) (*Probed, error) {
	p, err := Launch(ctx, c)
	if err != nil {
		return nil, err
	}
	defer p.Kill()
	return Look(ctx, p)
}

// Validate launches a plugin only to see whether it accepts its config. The
// call is made twice: plugins must bear that, and one that does not is better
// found now.
func Validate(ctx context.Context, c LaunchConfig, probed *Probed, config []byte) error {
	p, err := Launch(ctx, c)
	if err != nil {
		return err
	}
	defer p.Kill()
	cfg := &Config{APIVersion: probed.APIVersion, PluginConfig: config}
	for range 2 {
		if err := p.SetConfig(ctx, cfg); err != nil {
			return fmt.Errorf("plugin %q refuses its config: %w", probed.Info.Name, err)
		}
	}
	return nil
}

// processStart is the start tick of a process, 0 when it is gone or a zombie,
// or where the system does not tell.
func processStart(pid int) uint64 {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	// The command name stands in parentheses and may hold anything.
	text := string(raw)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	const stateField, startField = 0, 19
	if len(fields) <= startField || fields[stateField] == "Z" {
		return 0
	}
	start, err := strconv.ParseUint(fields[startField], 10, 64)
	if err != nil {
		return 0
	}
	return start
}
