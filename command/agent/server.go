package agent

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	mrand "math/rand/v2"
	"runtime"
	"strconv"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/gc"
	"github.com/nomadlike/nomadlike/server"
	"github.com/nomadlike/nomadlike/server/applier"
	"github.com/nomadlike/nomadlike/server/consensus"
	"github.com/nomadlike/nomadlike/server/endpoint"
	"github.com/nomadlike/nomadlike/server/member"
	"github.com/nomadlike/nomadlike/server/watch"

	"github.com/nomadlike/nomadlike/command/agent/config"
)

// serverConfig is what the configuration means to the server.
func (a *Agent) serverConfig() (server.Config, error) {
	c := a.cfg
	keys, err := gossipKeys(c.Server.Encrypt)
	if err != nil {
		return server.Config{}, err
	}
	dir := c.Server.DataDir
	if c.DevMode {
		dir = ""
	}
	start, retry := joins(&c.Server)
	tracker := 0
	if t := c.Server.PlanRejectionTracker; t.Enabled != nil && *t.Enabled {
		tracker = cmp.Or(max(t.NodeThreshold, 0), applier.RejectionThreshold)
	}
	return server.Config{
		Name: c.Name, Region: c.Region, Datacenter: c.Datacenter, Version: a.version.Number, DataDir: dir,
		RPCBind: hostPort(c.Addresses.RPC, c.Ports.RPC), RPCAdvertise: c.Advertise.RPC,
		SerfBind: hostPort(c.Addresses.Serf, c.Ports.Serf), SerfAdvertise: c.Advertise.Serf,
		BootstrapExpect: c.Server.BootstrapExpect, StartJoin: start, RetryJoin: retry,
		RejoinAfterLeave: c.Server.RejoinAfterLeave, GossipKeys: keys, GossipFast: c.DevMode,
		RaftMultiplier:  c.Server.RaftMultiplier,
		Raft:            consensus.Reloadable{TrailingLogs: uint64(c.Server.RaftTrailingLogs), SnapshotThreshold: uint64(c.Server.RaftSnapshotThreshold), SnapshotInterval: c.Server.RaftSnapshotInterval},
		RPCConnsPerAddr: limit(c.Limits.RPCMaxConnsPerClient),
		Schedulers:      schedulers(&c.Server), SchedulerTypes: c.Server.EnabledSchedulers,
		Heartbeats: watch.HeartbeatConfig{MinTTL: c.Server.MinHeartbeatTTL, MaxPerSecond: c.Server.MaxHeartbeatsPerSecond,
			Grace: c.Server.HeartbeatGrace, FailoverTTL: c.Server.FailoverHeartbeatTTL},
		GC: &gc.Ages{Eval: c.Server.EvalGCThreshold, BatchEval: c.Server.BatchEvalGCThreshold, Job: c.Server.JobGCThreshold,
			Deployment: c.Server.DeploymentGCThreshold, Node: c.Server.NodeGCThreshold},
		GCInterval: c.Server.JobGCInterval, RootKeyAge: c.Server.RootKeyGCThreshold, RootKeyRotation: c.Server.RootKeyRotationThreshold,
		RejectionThreshold: tracker, RejectionWindow: c.Server.PlanRejectionTracker.NodeWindow,
		SchedulerConfig: schedulerConfig(&c.Server.DefaultSchedulerConfig),
		Admission: admit.Settings{Region: c.Region, DefaultPriority: c.Server.JobDefaultPriority, MaxPriority: c.Server.JobMaxPriority,
			MaxCount: limit(c.Server.JobMaxCount)},
		ACLEnabled: c.ACL.Enabled, OIDCIssuer: c.Server.OIDCIssuer,
		Search: endpoint.SearchConfig{FuzzyDisabled: c.Server.Search.FuzzyEnabled != nil && !*c.Server.Search.FuzzyEnabled,
			LimitQuery: c.Server.Search.LimitQuery, LimitResults: c.Server.Search.LimitResults, MinTermLength: c.Server.Search.MinTermLength},
		EventBuffer: c.Server.EventBufferSize, Agent: a.self,
		Logger: a.log.Named("nomad"), Random: rand.Reader, Now: time.Now, Jitter: mrand.Float64,
	}, nil
}

// limit reads a bound that may be off.
func limit(n *int) int {
	switch {
	case n == nil:
		return 0
	case *n == 0:
		return -1
	}
	return *n
}

func hostPort(host string, port int) string { return host + ":" + strconv.Itoa(port) }

func schedulers(c *config.Server) int {
	if c.NumSchedulers != nil {
		return *c.NumSchedulers
	}
	return runtime.NumCPU()
}

// joins are the servers to join, from the block or the older members beside it.
func joins(c *config.Server) (start []string, retry member.Retry) {
	j := c.ServerJoin
	if len(j.StartJoin) == 0 {
		j.StartJoin = c.StartJoin
	}
	if len(j.RetryJoin) == 0 {
		j.RetryJoin, j.RetryMax = c.RetryJoin, max(j.RetryMax, c.RetryMax)
		if c.RetryInterval > 0 {
			j.RetryInterval = c.RetryInterval
		}
	}
	return j.StartJoin, member.Retry{Addrs: j.RetryJoin, Max: j.RetryMax, Interval: j.RetryInterval}
}

// gossipKeys decodes the key gossip is encrypted with.
func gossipKeys(text string) ([][]byte, error) {
	if text == "" {
		return nil, nil
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != 16 && len(key) != 24 && len(key) != 32 {
		return nil, fmt.Errorf("server.encrypt is not the base64 form of 16, 24 or 32 bytes; make one with `nomadlike operator gossip keyring generate`")
	}
	return [][]byte{key}, nil
}

func schedulerConfig(c *config.SchedulerConfig) *nl.SchedulerConfiguration {
	on := func(b *bool, def bool) bool {
		if b == nil {
			return def
		}
		return *b
	}
	algorithm := c.SchedulerAlgorithm
	if algorithm == "" {
		algorithm = "binpack"
	}
	p := c.PreemptionConfig
	return &nl.SchedulerConfiguration{
		SchedulerAlgorithm: algorithm, MemoryOversubscriptionEnabled: c.MemoryOversubscriptionEnabled,
		RejectJobRegistration: c.RejectJobRegistration, PauseEvalBroker: c.PauseEvalBroker,
		NodeLimitForFeasibilityChecks: uint64(c.NodeLimitForFeasibilityChecks), BatchFairShare: c.BatchFairShare,
		PreemptionConfig: nl.PreemptionConfig{SystemSchedulerEnabled: on(p.SystemSchedulerEnabled, true), SysBatchSchedulerEnabled: on(p.SysBatchSchedulerEnabled, false),
			BatchSchedulerEnabled: on(p.BatchSchedulerEnabled, false), ServiceSchedulerEnabled: on(p.ServiceSchedulerEnabled, false)},
	}
}
