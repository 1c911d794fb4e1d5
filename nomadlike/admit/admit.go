// Package admit is what a server does to a job before it enters the log: Mutate
// fills in what depends on the server and adds what the job implies (defaults,
// constraints, identities, mesh tasks); Validate refuses what cannot run;
// CheckUpdate refuses what a registered job may not become. The job endpoints
// call it. Everything is a pure function of its arguments: no state, clock or
// network is looked at, and nobody is authorised here.
package admit

import (
	"github.com/nomadlike/nomadlike/nomadlike"
)

// Names that stand for "the one everybody has".
const (
	defaultCluster   = "default"
	defaultNamespace = "default"
	defaultPool      = "default"
	globalRegion     = "global"
)

// Bounds on priorities where the server configures none.
const (
	priorityDefault = 50
	priorityMax     = 100
)

// Settings is what admission knows of the server and of the job's namespace.
// The zero value admits what a server without any configuration would.
type Settings struct {
	// Region replaces the region of jobs that name none or "global"; "" keeps it.
	Region string
	// DefaultPriority is given to jobs without one; 0 is 50.
	DefaultPriority int
	// MaxPriority bounds priorities; 0 is 100.
	MaxPriority int
	// MaxCount bounds the sum of the counts of a job's groups; 0 is no bound.
	MaxCount int
	// MemoryOversubscription tells that the scheduler honours memory_max.
	MemoryOversubscription bool
	// Namespace is the job's; nil when it does not exist.
	Namespace *nomadlike.Namespace
	// NodePoolExists tells whether a node pool is known; nil knows them all.
	NodePoolExists func(name string) bool
	// Vault holds the clusters that are configured, by name; nil accepts any.
	Vault map[string]VaultCluster
	// Consul holds the clusters that are configured, by name; nil accepts any.
	Consul map[string]ConsulCluster
}

// VaultCluster is what admission knows of a Vault cluster.
type VaultCluster struct {
	Enabled bool
	// DefaultIdentity is given to tasks that use the cluster and bring none; nil
	// gives none.
	DefaultIdentity *nomadlike.WorkloadIdentity
}

// ConsulCluster is what admission knows of a Consul cluster.
type ConsulCluster struct {
	// ServiceIdentity and TaskIdentity are given to services and to tasks with a
	// consul block that bring none; nil gives none.
	ServiceIdentity *nomadlike.WorkloadIdentity
	TaskIdentity    *nomadlike.WorkloadIdentity
}

func (s Settings) defaultPriority() int {
	if s.DefaultPriority > 0 {
		return s.DefaultPriority
	}
	return priorityDefault
}

func (s Settings) maxPriority() int {
	if s.MaxPriority > 0 {
		return s.MaxPriority
	}
	return priorityMax
}

// Mutate brings a decoded job into the form that is stored, in place, and
// returns what its author should be warned about. Mutating a job twice changes
// nothing more.
func Mutate(job *nomadlike.Job, s Settings) []string {
	w := newFindings()
	mutate(w, job, s)
	return texts(*w.list)
}

func mutate(w findings, job *nomadlike.Job, s Settings) {
	dropDeprecated(w, job)
	canonicalJob(job, s)
	vaultClusters(job, s)
	consulClusters(job, s)
	injectConnect(job)
	injectExposeChecks(job)
	impliedConstraints(job)
	if job.NodePool == "" {
		job.NodePool = defaultPool
		if s.Namespace != nil && s.Namespace.NodePoolConfiguration != nil && s.Namespace.NodePoolConfiguration.Default != "" {
			job.NodePool = s.Namespace.NodePoolConfiguration.Default
		}
	}
	impliedIdentities(job, s)
}

// Warnings is what the author of a job that is not mutated yet is warned about by
// Mutate and Validate, with where in the job it is. The job is mutated.
func Warnings(job *nomadlike.Job, s Settings) []nomadlike.JobProblem {
	w := newFindings()
	mutate(w, job, s)
	warn(w, job, s)
	return located(nil, *w.list)
}

// dropDeprecated clears group fields that the disconnect block replaced.
func dropDeprecated(w findings, job *nomadlike.Job) {
	for i, g := range job.TaskGroups {
		warn := func(member, field, use string) {
			w.group(i, g).addf(member, "Group \"%s\": %s is no longer supported and is ignored; use %s", g.Name, field, use)
		}
		if g.StopAfterClientDisconnect != nil {
			warn("StopAfterClientDisconnect", "stop_after_client_disconnect", "disconnect.stop_on_client_after")
		}
		if g.MaxClientDisconnect != nil {
			warn("MaxClientDisconnect", "max_client_disconnect", "disconnect.lost_after")
		}
		if g.PreventRescheduleOnLost {
			warn("PreventRescheduleOnLost", "prevent_reschedule_on_lost", "disconnect.replace")
		}
		g.StopAfterClientDisconnect, g.MaxClientDisconnect, g.PreventRescheduleOnLost = nil, nil, false
	}
}
