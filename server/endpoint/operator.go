package endpoint

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/gc"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

func (e *Endpoints) registerOperator() {
	on(e, Read, "Operator.SchedulerConfig", e.schedulerConfig)
	on(e, Write, "Operator.SetSchedulerConfig", e.setSchedulerConfig)
	on(e, Read, "Operator.AutopilotConfig", e.autopilotConfig)
	on(e, Write, "Operator.SetAutopilotConfig", e.setAutopilotConfig)
	on(e, Read, "Operator.UpgradeCheckVault", e.upgradeCheckVault)
	on(e, Write, "System.GC", e.systemGC)
	on(e, Write, "System.Reconcile", e.systemReconcile)
	on(e, Local, "Status.Leader", e.statusLeader)
	on(e, Local, "Status.Peers", e.statusPeers)
	on(e, Local, "Status.Regions", e.statusRegions)
	on(e, Local, "Status.Fingerprint", e.statusFingerprint)
}

// validAlgorithm tells whether a is the name of a scheduler algorithm.
func validAlgorithm(a string) bool { return a == "binpack" || a == "spread" }

func (e *Endpoints) schedulerConfig(ctx context.Context, req *query.OperatorGet, reply *query.SchedulerConfigReply) error {
	if err := e.authorize(req.AuthToken, need{operator: "read"}); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		reply.SchedulerConfig = s.SchedulerConfig()
		return reply.SchedulerConfig.ModifyIndex, []store.Key{{Table: store.TableSchedulerConfig}}, nil
	})
}

func (e *Endpoints) setSchedulerConfig(ctx context.Context, req *query.SchedulerConfigSet, reply *query.Updated) error {
	if err := e.authorize(req.AuthToken, need{operator: "write"}); err != nil {
		return err
	}
	if c := req.Config; c == nil || !validAlgorithm(c.SchedulerAlgorithm) {
		name := ""
		if c != nil {
			name = c.SchedulerAlgorithm
		}
		return nl.Errorf(nl.CodeInvalid, "invalid scheduler algorithm: %s", name)
	}
	return e.updated(ctx, &op.SetSchedulerConfig{Config: req.Config, CAS: req.CAS, Expect: req.Expect}, reply)
}

// updated commits an op whose result says whether it wrote.
func (e *Endpoints) updated(ctx context.Context, o op.Op, reply *query.Updated) error {
	r, err := e.propose(ctx, o)
	if err != nil {
		return err
	}
	reply.Index = r.Index
	reply.Updated, _ = r.Value.(bool)
	return nil
}

func (e *Endpoints) autopilotConfig(ctx context.Context, req *query.OperatorGet, reply *query.AutopilotConfigReply) error {
	if err := e.authorize(req.AuthToken, need{operator: "read"}); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		reply.Config = s.AutopilotConfig()
		return reply.Config.ModifyIndex, []store.Key{{Table: store.TableAutopilotConfig}}, nil
	})
}

func (e *Endpoints) setAutopilotConfig(ctx context.Context, req *query.AutopilotConfigSet, reply *query.Updated) error {
	if err := e.authorize(req.AuthToken, need{operator: "write"}); err != nil {
		return err
	}
	return e.updated(ctx, &op.SetAutopilotConfig{Config: req.Config, CAS: req.CAS, Expect: req.Expect}, reply)
}

// identityMajor and identityMinor are the first version of nodes that identify
// workloads to Vault.
const identityMajor, identityMinor = 1, 7

// tooOldForIdentity tells whether a node's version is before that, or unknown.
func tooOldForIdentity(version string) bool {
	var major, minor int
	if n, _ := fmt.Sscanf(version, "%d.%d", &major, &minor); n != 2 {
		return true
	}
	return major < identityMajor || major == identityMajor && minor < identityMinor
}

// upgradeCheckVault tells what still stands on Vault tokens that the servers
// hand out: jobs without an identity for Vault, and nodes too old for one.
func (e *Endpoints) upgradeCheckVault(ctx context.Context, req *query.OperatorGet, reply *nl.UpgradeCheckVaultWorkloadIdentityResponse) error {
	if err := e.authorize(req.AuthToken, need{operator: "read"}); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		reply.JobsWithoutVaultIdentity, reply.OutdatedNodes, reply.VaultTokens = []*nl.JobStub{}, []*nl.NodeStub{}, []any{}
		for j := range s.Jobs(nl.AllNamespaces, "") {
			if lacksVaultIdentity(j) {
				reply.JobsWithoutVaultIdentity = append(reply.JobsWithoutVaultIdentity, jobStub(s, j, false))
			}
		}
		for n := range s.Nodes() {
			if tooOldForIdentity(n.Attributes["nomad.version"]) {
				reply.OutdatedNodes = append(reply.OutdatedNodes, nodeStub(n, false, false))
			}
		}
		return s.TableIndex(store.TableJobs, store.TableNodes), []store.Key{{Table: store.TableJobs}, {Table: store.TableNodes}}, nil
	})
}

// lacksVaultIdentity tells whether a task uses Vault without an identity for it.
func lacksVaultIdentity(j *nl.Job) bool {
	for _, g := range j.TaskGroups {
		for _, t := range g.Tasks {
			if t.Vault == nil {
				continue
			}
			name := "vault_" + cmp.Or(t.Vault.Cluster, "default")
			if !slices.ContainsFunc(t.Identities, func(id *nl.WorkloadIdentity) bool { return id.Name == name }) {
				return true
			}
		}
	}
	return false
}

func (e *Endpoints) systemGC(ctx context.Context, req *query.SystemGC, reply *query.Written) error {
	if err := e.authorize(req.AuthToken, need{management: true}); err != nil {
		return err
	}
	// What a collection frees may free more: evaluations before their job.
	for range systemGCRounds {
		o := gc.Collect(e.snapshot(), e.cfg.Now(), gc.Everything)
		if o == nil {
			break
		}
		r, err := e.propose(ctx, o)
		if err != nil {
			return err
		}
		reply.Index = r.Index
	}
	return nil
}

// systemGCRounds bounds how often a forced collection looks again.
const systemGCRounds = 5

func (e *Endpoints) systemReconcile(ctx context.Context, req *query.SystemGC, reply *query.Written) error {
	if err := e.authorize(req.AuthToken, need{management: true}); err != nil {
		return err
	}
	r, err := e.propose(ctx, &op.ReconcileSummaries{})
	reply.Index = r.Index
	return err
}

func (e *Endpoints) statusLeader(_ context.Context, _ *query.OperatorGet, reply *query.Text) error {
	reply.Text = e.cfg.Log.LeaderAddr()
	return nil
}

func (e *Endpoints) statusPeers(_ context.Context, _ *query.OperatorGet, reply *query.Texts) error {
	reply.Texts = []string{}
	for _, m := range e.cfg.Cluster.Servers("") {
		reply.Texts = append(reply.Texts, m.RPCAddr)
	}
	return nil
}

func (e *Endpoints) statusRegions(_ context.Context, _ *query.OperatorGet, reply *query.Texts) error {
	reply.Texts = e.cfg.Cluster.Regions()
	return nil
}

// statusFingerprint tells what this server's state hashes to, and at which
// index, so that servers can be compared.
func (e *Endpoints) statusFingerprint(_ context.Context, _ *query.OperatorGet, reply *query.Text) error {
	s := e.snapshot()
	reply.Text, reply.Index = s.Fingerprint(), s.Index()
	return nil
}
