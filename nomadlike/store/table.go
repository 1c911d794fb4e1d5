package store

import "strings"

// Table names a kind of object in the state.
type Table uint8

// The tables. Their numbers are written to snapshots: never renumber.
const (
	TableJobs Table = iota
	TableJobVersions
	TableJobSummaries
	TableJobSubmissions
	TableScalingEvents
	TableScalingPolicies
	TableAllocs
	TableEvals
	TableDeployments
	TableNodes
	TableNamespaces
	TableNodePools
	TableServices
	TableSchedulerConfig
	TableAutopilotConfig
	TableRootKeys
	TablePeriodicLaunches
	TableClusterMeta
	TableVariables
	TableQuotas
	TableQuotaUsage
	TableHostVolumes
	TableHostVolumeClaims
	TableCSIVolumes

	tableCount
)

// Change is one object that a write created, changed or deleted. Several
// changes of one object by one write are one Change, except for job versions,
// whose Key is the job's ID. Singletons have the Key "".
type Change struct {
	Table     Table
	Namespace string
	Key       string
	Before    any // pointer to the noun; nil: created
	After     any // pointer to the noun; nil: deleted
}

// JobKey is the ID that watches a job, and what belongs to it, in a table.
func JobKey(namespace, id string) string { return namespace + keySeparator + id }

// keySeparator sorts before every character of a name.
const keySeparator = "\x00"

func splitJobKey(key string) (namespace, id string) {
	namespace, id, _ = strings.Cut(key, keySeparator)
	return namespace, id
}
