// Package member is the gossip between servers: who is there, in which region,
// and at what address. The server package opens it, and hears of every change.
// It never touches the log's configuration; it only tells who came and went.
package member

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

const (
	// eventsMax bounds the membership events that wait for Run; gossip stops
	// while there is no room.
	eventsMax = 1024
	// reconnectTimeout is how long a failed server is remembered and tried.
	reconnectTimeout = 72 * time.Hour
	// leaveDelay gives the news of leaving time to spread; a server alone
	// skips it.
	leaveDelay = time.Second

	roleServer = "nomad"
	raftVersion,
	protocolVersion = "3", "1"
)

// Config is what gossip stands on.
type Config struct {
	Name, Region, Datacenter, ID string // all required
	Build                        string // version of the agent, such as "2.0.6"
	Bind                         string // host:port for UDP and TCP; port 0 takes a free one
	Advertise                    string // host:port others use; "" is Bind
	RPCAddr                      string // advertised host:port of the RPC port
	Expect                       int    // servers that bootstrap together; 0 none, 1 alone
	// Dir keeps what is known of the others for a restart; "" keeps nothing.
	Dir string
	// RejoinAfterLeave rejoins known servers even after this one had left.
	RejoinAfterLeave bool
	// Keys encrypt gossip; the first one is used, all are accepted. Each has
	// 16, 24 or 32 bytes. None sends in clear.
	Keys [][]byte
	// KeyringFile keeps the keys; "" keeps them in memory.
	KeyringFile string
	// Fast shortens the timers of gossip to those of one machine, for
	// development and tests.
	Fast   bool
	Logger hclog.Logger // required
	// Changed is told of each change, in order, from Run. Required.
	Changed func(Change)
}

// Change is a server that joined, failed, left, or changed its tags.
type Change struct {
	Kind   ChangeKind
	Member Member
}

// ChangeKind says what happened.
type ChangeKind uint8

// The kinds of changes.
const (
	Joined ChangeKind = iota
	Failed
	Left
	Updated
)

// Member is one server as gossip knows it.
type Member struct {
	serf.Member
	ID, Server, Region, Datacenter, Build string // Server is the name without its region
	RPCAddr                               string
	Expect                                int
	Bootstrap                             bool
}

// Alive tells whether the server is believed to be there.
func (m *Member) Alive() bool { return m.Status == serf.StatusAlive }

// Pool is the gossip of one server.
type Pool struct {
	cfg    Config
	log    hclog.Logger
	serf   *serf.Serf
	events chan serf.Event
}

// Open starts gossip; Run delivers its news and ends it.
func Open(cfg Config) (*Pool, error) {
	if cfg.Logger == nil || cfg.Changed == nil || cfg.Name == "" || cfg.Region == "" || cfg.ID == "" {
		return nil, errors.New("member: Name, Region, ID, Logger and Changed are required")
	}
	p := &Pool{cfg: cfg, log: cfg.Logger.Named("member"), events: make(chan serf.Event, eventsMax)}
	conf, err := p.serfConfig()
	if err != nil {
		return nil, err
	}
	if p.serf, err = serf.Create(conf); err != nil {
		return nil, fmt.Errorf("starting gossip on %s: %w", cfg.Bind, err)
	}
	return p, nil
}

func (p *Pool) serfConfig() (*serf.Config, error) {
	cfg := p.cfg
	conf := serf.DefaultConfig()
	conf.Init()
	conf.NodeName = cfg.Name + "." + cfg.Region
	conf.Tags = p.tags()
	conf.EventCh = p.events
	conf.ReconnectTimeout = reconnectTimeout
	conf.LeavePropagateDelay = leaveDelay
	conf.EnableNameConflictResolution = false
	conf.RejoinAfterLeave = cfg.RejoinAfterLeave
	logs := p.log.StandardLogger(&hclog.StandardLoggerOptions{InferLevels: true})
	conf.Logger = logs
	conf.LogOutput = nil
	if cfg.Dir != "" {
		if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
			return nil, fmt.Errorf("making the directory of gossip: %w", err)
		}
		conf.SnapshotPath = filepath.Join(cfg.Dir, "snapshot")
	}
	ml := memberlist.DefaultLANConfig()
	if cfg.Fast {
		ml = memberlist.DefaultLocalConfig()
		conf.LeavePropagateDelay = 0
	}
	ml.Logger, ml.LogOutput = logs, nil
	var err error
	if ml.BindAddr, ml.BindPort, err = hostPort(cfg.Bind); err != nil {
		return nil, fmt.Errorf("the address %q to gossip on is not valid: %w", cfg.Bind, err)
	}
	ml.AdvertisePort = ml.BindPort
	if cfg.Advertise != "" {
		if ml.AdvertiseAddr, ml.AdvertisePort, err = hostPort(cfg.Advertise); err != nil {
			return nil, fmt.Errorf("the advertised gossip address %q is not valid: %w", cfg.Advertise, err)
		}
	}
	if len(cfg.Keys) > 0 {
		if ml.Keyring, err = memberlist.NewKeyring(cfg.Keys, cfg.Keys[0]); err != nil {
			return nil, fmt.Errorf("the keys of gossip are not valid: %w", err)
		}
		conf.KeyringFile = cfg.KeyringFile
	}
	conf.MemberlistConfig = ml
	return conf, nil
}

func hostPort(s string) (host string, port int, err error) {
	h, ps, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(ps)
	return h, port, err
}

// tags are what clients of the API read of a member.
func (p *Pool) tags() map[string]string {
	_, port, err := net.SplitHostPort(p.cfg.RPCAddr)
	if err != nil {
		port = ""
	}
	host, _, _ := net.SplitHostPort(p.cfg.RPCAddr)
	t := map[string]string{
		"role": roleServer, "region": p.cfg.Region, "dc": p.cfg.Datacenter,
		"build": p.cfg.Build, "id": p.cfg.ID, "port": port, "rpc_addr": host,
		"vsn": protocolVersion, "raft_vsn": raftVersion,
	}
	switch {
	case p.cfg.Expect == 1:
		t["bootstrap"] = "1"
	case p.cfg.Expect > 1:
		t["expect"] = strconv.Itoa(p.cfg.Expect)
	}
	return t
}

// Run delivers changes until ctx ends, and then falls silent without saying
// goodbye; call Leave before for that.
func (p *Pool) Run(ctx context.Context) error {
	defer p.Close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.serf.ShutdownCh():
			return nil
		case e := <-p.events:
			p.deliver(e)
		}
	}
}

func (p *Pool) deliver(e serf.Event) {
	me, ok := e.(serf.MemberEvent)
	if !ok {
		return
	}
	var kind ChangeKind
	switch me.EventType() {
	case serf.EventMemberJoin:
		kind = Joined
	case serf.EventMemberFailed:
		kind = Failed
	case serf.EventMemberLeave, serf.EventMemberReap:
		kind = Left
	case serf.EventMemberUpdate:
		kind = Updated
	default:
		return
	}
	for _, sm := range me.Members {
		if m, ok := parse(sm); ok {
			p.cfg.Changed(Change{Kind: kind, Member: m})
		}
	}
}

// parse reads a member's tags; ok is false for what is not one of our servers.
func parse(sm serf.Member) (m Member, ok bool) {
	t := sm.Tags
	if t["role"] != roleServer || t["id"] == "" || t["region"] == "" {
		return Member{}, false
	}
	m = Member{Member: sm, ID: t["id"], Region: t["region"], Datacenter: t["dc"], Build: t["build"], Bootstrap: t["bootstrap"] == "1"}
	m.Server = strings.TrimSuffix(sm.Name, "."+m.Region)
	m.Expect, _ = strconv.Atoi(t["expect"])
	host := t["rpc_addr"]
	if host == "" {
		host = sm.Addr.String()
	}
	m.RPCAddr = net.JoinHostPort(host, t["port"])
	return m, true
}

// Members are all servers of all regions, by name, this one included.
func (p *Pool) Members() []Member {
	var out []Member
	for _, sm := range p.serf.Members() {
		if m, ok := parse(sm); ok {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Self is this server as the others see it.
func (p *Pool) Self() Member {
	m, _ := parse(p.serf.LocalMember())
	return m
}

// Region are the servers of a region that are alive, by name.
func (p *Pool) Region(region string) []Member {
	return slices.DeleteFunc(p.Members(), func(m Member) bool { return m.Region != region || !m.Alive() })
}

// Regions are the regions with a server that is alive, sorted.
func (p *Pool) Regions() []string {
	seen := map[string]bool{p.cfg.Region: true}
	for _, m := range p.Members() {
		if m.Alive() {
			seen[m.Region] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// Join contacts servers; it tells how many answered.
func (p *Pool) Join(addrs []string) (int, error) {
	return p.serf.Join(addrs, true)
}

// Retry tells how to go on trying to join.
type Retry struct {
	Addrs    []string
	Max      int           // attempts; 0 is no bound
	Interval time.Duration // between attempts; 0 is 30 s
}

const retryIntervalDefault = 30 * time.Second

// KeepJoining tries until one of the servers answers. It fails when it has
// tried Max times.
func (p *Pool) KeepJoining(ctx context.Context, r Retry) error {
	interval := r.Interval
	if interval <= 0 {
		interval = retryIntervalDefault
	}
	for attempt := 1; ; attempt++ {
		n, err := p.Join(r.Addrs)
		if n > 0 {
			p.log.Info("joined", "servers", n)
			return nil
		}
		if r.Max > 0 && attempt >= r.Max {
			return fmt.Errorf("joining %s failed %d times, which is retry_max: %w", strings.Join(r.Addrs, ", "), attempt, err)
		}
		p.log.Warn("joining failed; trying again", "servers", r.Addrs, "attempt", attempt, "in", interval, "error", err)
		// A little earlier each time by chance, so that servers that start
		// together do not miss each other for ever.
		wait := interval - rand.N(interval/8+1)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

// Close falls silent at once, for a pool that is not run.
func (p *Pool) Close() {
	if err := p.serf.Shutdown(); err != nil {
		p.log.Debug("stopping gossip", "error", err)
	}
}

// Leave says goodbye to the others.
func (p *Pool) Leave() error { return p.serf.Leave() }

// ForceLeave declares a failed server gone; with prune it is forgotten. name
// may lack its region.
func (p *Pool) ForceLeave(name string, prune bool) error {
	if !p.known(name) && p.known(name+"."+p.cfg.Region) {
		name += "." + p.cfg.Region
	}
	if prune {
		return p.serf.RemoveFailedNodePrune(name)
	}
	return p.serf.RemoveFailedNode(name)
}

func (p *Pool) known(name string) bool {
	for _, m := range p.serf.Members() {
		if m.Name == name {
			return true
		}
	}
	return false
}

// Encrypted tells whether gossip is encrypted.
func (p *Pool) Encrypted() bool { return p.serf.EncryptionEnabled() }

// Stats are the figures that agents show about gossip.
func (p *Pool) Stats() map[string]string { return p.serf.Stats() }

// Addr is where this server gossips.
func (p *Pool) Addr() string {
	m := p.serf.LocalMember()
	return net.JoinHostPort(m.Addr.String(), strconv.Itoa(int(m.Port)))
}
