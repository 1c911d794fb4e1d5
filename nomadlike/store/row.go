package store

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/quota"
	"github.com/nomadlike/nomadlike/nomadlike/store/cow"
)

// Rows give the nouns the keys by which trees order them.
type (
	evalRow       struct{ *nl.Eval }
	deploymentRow struct{ *nl.Deployment }
	nodeRow       struct{ *nl.Node }
	namespaceRow  struct{ *nl.Namespace }
	nodePoolRow   struct{ *nl.NodePool }
	rootKeyRow    struct{ *nl.RootKey }
	variableRow   struct{ *nl.Variable }
	quotaRow      struct{ *nl.QuotaSpec }
	// csiVolumeRow is by namespace and ID.
	csiVolumeRow struct{ *nl.CSIVolume }
	// hostVolumeRow and hostClaimRow are looked for by what belongs to them.
	hostVolumeRow struct {
		key string
		*nl.HostVolume
	}
	hostClaimRow struct {
		key string
		*nl.TaskGroupHostVolumeClaim
	}
	// name is an entry that is nothing but its key.
	name string
	// link is an entry that leads to an object of another key.
	link struct{ key, to string }
	// serviceRow and policyRow stand in several trees under several keys.
	serviceRow struct {
		key string
		*nl.ServiceRegistration
	}
	policyRow struct {
		key string
		*nl.ScalingPolicy
	}
)

func (r evalRow) Key() string       { return r.ID }
func (r deploymentRow) Key() string { return r.ID }
func (r nodeRow) Key() string       { return r.ID }
func (r namespaceRow) Key() string  { return r.Name }
func (r nodePoolRow) Key() string   { return r.Name }
func (r rootKeyRow) Key() string    { return r.Meta.KeyID }
func (r variableRow) Key() string   { return JobKey(r.Namespace, r.Path) }
func (r quotaRow) Key() string      { return r.Name }
func (r *ledgerRow) Key() string    { return r.Quota }
func (r csiVolumeRow) Key() string  { return JobKey(r.Namespace, r.ID) }
func (r hostVolumeRow) Key() string { return r.key }
func (r hostClaimRow) Key() string  { return r.key }
func (n name) Key() string          { return string(n) }
func (l link) Key() string          { return l.key }
func (r serviceRow) Key() string    { return r.key }
func (r policyRow) Key() string     { return r.key }

// ledgerRow is what is used of a quota that a namespace names, and only of
// such: without quotas nothing is counted.
type ledgerRow struct {
	owner *cow.Owner // transaction that may change the ledger in place
	*quota.Ledger
}

// jobRow holds all that belongs to one job ID, so that one lookup finds it.
// It outlives the job while allocations, evaluations or deployments of it are
// left. A transaction changes only rows it owns.
type jobRow struct {
	owner *cow.Owner
	key   string // JobKey

	job      *nl.Job   // nil when there is none (any more)
	versions []*nl.Job // newest first; the first is job itself

	summary      *nl.JobSummary
	summaryOwner *cow.Owner // transaction that may change summary in place

	submissions []*nl.JobSubmission // newest first
	events      []groupEvents       // by group
	launch      int64               // last periodic launch, unix ns

	allocs      cow.Index // by ID
	evals       cow.Tree[evalRow]
	deployments cow.Tree[name] // ranked by create index
	children    cow.Tree[name]
	tokens      cow.Tree[link] // idempotency tokens of dispatched children

	placed uint64 // create index of the newest allocation there was

	// What the status of the job is derived from.
	liveAllocs        int
	liveEvals         int
	activeDeployments int
}

type groupEvents struct {
	Group  string
	Events []*nl.ScalingEvent // newest first
}

func (r *jobRow) Key() string { return r.key }

func (r *jobRow) empty() bool {
	return r.job == nil && r.allocs.Len() == 0 && r.evals.Len() == 0 && r.deployments.Len() == 0 &&
		r.children.Len() == 0
}

// nodeAllocs is the allocations of a node and what the live ones take.
type nodeAllocs struct {
	owner  *cow.Owner
	noted  *cow.Owner // transaction in which usage has changed
	key    string
	allocs cow.Bag // their numbers
	usage  fit.Usage
	freed  []fit.Freed // ports of those that ended of late
}

// evalAllocs is the allocations of an evaluation.
type evalAllocs struct {
	owner   *cow.Owner
	key     string
	numbers numbers
}

func (s *nodeAllocs) Key() string { return s.key }
func (s *evalAllocs) Key() string { return s.key }
