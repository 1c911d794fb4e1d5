package store

import (
	"iter"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/capacity"
	"github.com/nomadlike/nomadlike/nomadlike/store/cow"
)

// Snapshot is the state at one index. It never changes and may be read by any
// number of goroutines; what it returns is shared and must not be modified.
type Snapshot struct {
	index   uint64
	indexes [tableCount]uint64

	jobs     cow.Tree[*jobRow]
	policies cow.Tree[policyRow] // by namespace, job and target
	policyID cow.Tree[policyRow]

	// Allocations are numbered as they come. Indexes hold their numbers, and so
	// need not change when an allocation does.
	allocs       cow.List[nl.Alloc]
	allocsByID   cow.Index
	allocsByNode cow.Tree[*nodeAllocs]
	allocsByEval cow.Tree[*evalAllocs]

	evals        cow.Tree[evalRow]
	evalsCreated cow.Tree[name] // ranked by create index

	deployments        cow.Tree[deploymentRow]
	deploymentsCreated cow.Tree[name] // ranked by create index

	nodes       cow.Tree[nodeRow]
	nodeSecrets cow.Tree[link]
	capacity    capacity.Index // of nodes that are ready

	namespaces cow.Tree[namespaceRow]
	nodePools  cow.Tree[nodePoolRow]

	services        cow.Tree[serviceRow] // by namespace and ID
	servicesByName  cow.Tree[serviceRow] // by namespace, name and ID
	servicesByAlloc cow.Tree[serviceRow] // by allocation, namespace and ID

	scheduler *nl.SchedulerConfiguration
	autopilot *nl.AutopilotConfig
	rootKeys  cow.Tree[rootKeyRow]
	cluster   clusterMeta

	variables       cow.Tree[variableRow] // by namespace and path
	lockedVariables cow.Tree[variableRow] // those with a lock

	quotas           cow.Tree[quotaRow]
	ledgers          cow.Tree[*ledgerRow]    // of quotas that a namespace names
	hostVolumes      cow.Tree[hostVolumeRow] // by namespace and ID
	hostVolumeByNode cow.Tree[hostVolumeRow] // by node, namespace and ID
	hostVolumeClaims cow.Tree[hostClaimRow]  // by namespace, job, group, volume name and ID
	csiVolumes       cow.Tree[csiVolumeRow]  // by namespace and ID
}

type clusterMeta struct {
	ID         string
	CreateTime int64 // unix ns, 0 is unset
}

// Empty is the state before the first write: it holds what always exists.
func Empty() *Snapshot {
	s := &Snapshot{scheduler: defaultSchedulerConfig(), autopilot: defaultAutopilotConfig()}
	o := new(cow.Owner)
	for _, n := range defaultNamespaces() {
		s.namespaces.Set(o, namespaceRow{n})
	}
	for _, p := range defaultNodePools() {
		s.nodePools.Set(o, nodePoolRow{p})
	}
	for _, t := range []Table{TableNamespaces, TableNodePools, TableSchedulerConfig, TableAutopilotConfig} {
		s.indexes[t] = firstIndex
	}
	return s
}

// Index is that of the last applied write.
func (s *Snapshot) Index() uint64 { return s.index }

// TableIndex is the highest index at which one of the tables changed.
func (s *Snapshot) TableIndex(tables ...Table) uint64 {
	var highest uint64
	for _, t := range tables {
		if int(t) < len(s.indexes) {
			highest = max(highest, s.indexes[t])
		}
	}
	return highest
}

// jobRowOf is nil when nothing is known of the job.
func (s *Snapshot) jobRowOf(namespace, id string) *jobRow {
	row, _ := s.jobs.Get(JobKey(namespace, id))
	return row
}

// namespacePrefix is where a namespace's keys start; every namespace's for "*".
func namespacePrefix(namespace string) string {
	if namespace == nl.AllNamespaces {
		return ""
	}
	return namespace + keySeparator
}

func inNamespace(wanted, namespace string) bool {
	return wanted == nl.AllNamespaces || wanted == namespace
}

// empty yields nothing.
func empty[T any](func(T) bool) {}

// filtered yields what keep keeps of in, turned by get into what is shown.
func filtered[R, T any](in iter.Seq[R], get func(R) T, keep func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		for r := range in {
			if v := get(r); keep(v) && !yield(v) {
				return
			}
		}
	}
}

func always[T any](T) bool { return true }
