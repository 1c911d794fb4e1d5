package endpoint

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// jobVersionKey names the version of the job an allocation belongs to; two
// incarnations of a purged job differ by their create index.
func jobVersionKey(a *nl.Alloc) string {
	var created uint64
	if a.Job != nil {
		created = a.Job.CreateIndex
	}
	return fmt.Sprintf("%s\x00%s\x00%d\x00%d", a.Namespace, a.JobID, created, a.JobVersion)
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}
