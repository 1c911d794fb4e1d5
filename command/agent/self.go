package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strconv"

	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/server"
	"github.com/nomadlike/nomadlike/server/consensus"
	"github.com/nomadlike/nomadlike/server/http"
)

type (
	agentMonitor = query.AgentMonitor
	agentHost    = query.AgentHost
	agentProfile = query.AgentProfile
)

// IsServer tells whether the agent runs a server.
func (a *Agent) IsServer() bool { return a.server != nil }

// IsClient tells whether the agent runs a client.
func (a *Agent) IsClient() bool { return a.client != nil }

// ServerHealth is nil while the server knows a leader.
func (a *Agent) ServerHealth(context.Context) error {
	if a.server.LeaderAddr() == "" {
		return errors.New("no leader")
	}
	return nil
}

// ClientHealth is nil while the client knows a server.
func (a *Agent) ClientHealth(context.Context) error {
	if len(a.client.Servers().Addrs()) == 0 && a.server == nil {
		return errors.New("no known servers")
	}
	return nil
}

// Members are the servers of the gossip pool.
func (a *Agent) Members(region string) (*nl.ServerMembersResponse, error) {
	if a.server == nil {
		// A client asks one of its servers.
		var reply nl.ServerMembersResponse
		err := a.client.Servers().Call(context.Background(), "Server.Members", &query.OperatorGet{}, &reply)
		return &reply, err
	}
	return a.server.MembersResponse(region), nil
}

// Servers are those the client may call.
func (a *Agent) Servers() []string {
	if addrs := a.client.Servers().Addrs(); len(addrs) > 0 {
		return addrs
	}
	if a.server != nil {
		return []string{a.server.RPCAddr()}
	}
	return nil
}

// SetServers replaces the servers the client may call.
func (a *Agent) SetServers(addrs []string) error {
	port := strconv.Itoa(a.cfg.Ports.RPC)
	for i, s := range addrs {
		if _, _, err := net.SplitHostPort(s); err != nil {
			addrs[i] = net.JoinHostPort(s, port)
		}
	}
	a.client.Servers().SetAddrs(addrs)
	return nil
}

// Join joins other servers.
func (a *Agent) Join(addrs []string) (int, error) {
	addrs = slices.DeleteFunc(slices.Clone(addrs), func(s string) bool { return s == "" })
	if len(addrs) == 0 {
		return 0, errors.New("no address to join")
	}
	return a.server.Members().Join(addrs)
}

// ForceLeave takes a failed server out of the pool.
func (a *Agent) ForceLeave(name string, prune bool) error {
	return a.server.Members().ForceLeave(name, prune)
}

// Reload reads the configuration again and takes over what may change.
func (a *Agent) Reload() error {
	if a.reload == nil {
		return nil
	}
	next, err := a.reload()
	if err != nil {
		return fmt.Errorf("the configuration was not reloaded: %w", err)
	}
	if level := hclog.LevelFromString(next.LogLevel); level != hclog.NoLevel {
		a.log.SetLevel(level)
	}
	if a.client != nil {
		a.client.Refresh(context.Background())
	}
	if a.server == nil {
		return nil
	}
	if err := a.server.Reload(consensus.Reloadable{TrailingLogs: uint64(next.Server.RaftTrailingLogs),
		SnapshotThreshold: uint64(next.Server.RaftSnapshotThreshold), SnapshotInterval: next.Server.RaftSnapshotInterval}); err != nil {
		return err
	}
	return a.server.Workers().Configure(schedulers(&next.Server), next.Server.EnabledSchedulers)
}

// Schedulers are the workers of the server.
func (a *Agent) Schedulers() *nl.AgentSchedulerWorkersInfo {
	return &nl.AgentSchedulerWorkersInfo{ServerID: a.server.ID(), Schedulers: a.server.Workers().Workers()}
}

// SchedulerConfig is how many workers schedule what.
func (a *Agent) SchedulerConfig() http.SchedulerWorkers {
	n, types := a.server.Workers().Settings()
	return http.SchedulerWorkers{ServerID: a.server.ID(), NumSchedulers: n, EnabledSchedulers: types}
}

// SetSchedulerConfig changes it until the agent ends.
func (a *Agent) SetSchedulerConfig(w http.SchedulerWorkers) (http.SchedulerWorkers, error) {
	if w.NumSchedulers < 0 || w.NumSchedulers > runtime.NumCPU() {
		return w, nl.Errorf(nl.CodeInvalid, "Invalid request: num_schedulers must be 0 to %d", runtime.NumCPU())
	}
	if err := a.server.Workers().Configure(w.NumSchedulers, w.EnabledSchedulers); err != nil {
		return w, nl.Errorf(nl.CodeInvalid, "Invalid request: %v", err)
	}
	return a.SchedulerConfig(), nil
}

// Self is what the agent is and does.
func (a *Agent) Self() *nl.AgentSelf {
	out := &nl.AgentSelf{Config: a.cfg.Shown(a.version.Number), Stats: map[string]map[string]string{"runtime": runtimeStats()}}
	if a.server != nil {
		for group, values := range a.server.Stats() {
			out.Stats[group] = values
		}
		self := a.server.Members().Self()
		m := server.AgentMember(&self)
		out.Member = nl.AgentMember{Name: m.Name, Addr: m.Addr, Port: m.Port, Tags: m.Tags, Status: m.Status, ProtocolMin: m.ProtocolMin,
			ProtocolMax: m.ProtocolMax, ProtocolCur: m.ProtocolCur, DelegateMin: m.DelegateMin, DelegateMax: m.DelegateMax, DelegateCur: m.DelegateCur}
	}
	if a.client != nil {
		out.Stats["client"] = a.client.Stats()
	}
	return out
}

func runtimeStats() map[string]string {
	return map[string]string{"kernel.name": runtime.GOOS, "arch": runtime.GOARCH, "version": runtime.Version(), "max_procs": strconv.Itoa(runtime.GOMAXPROCS(0)),
		"goroutines": strconv.Itoa(runtime.NumGoroutine()), "cpu_count": strconv.Itoa(runtime.NumCPU())}
}
