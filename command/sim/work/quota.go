package work

import (
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	// Team is the namespace that is under a quota, named Quota.
	Team  = "team"
	Quota = "team"
	// quotaSteps counts the limits that users choose among.
	quotaSteps = 9
	// Of one step: a quarter of a small node.
	quotaMHz      = 1000
	quotaMemoryMB = 1024
)

// Namespace is that of a job: service, batch and dispatched jobs of Team, all
// others of the default one.
func Namespace(job int) string {
	switch job {
	case 2, 5, Parameterized:
		return Team
	}
	return nl.DefaultNamespace
}

// DrawQuota draws a limit from a number.
func DrawQuota(n uint64) int { return int(n % quotaSteps) }

// BuildQuota makes the quota with a limit; that with number 0 limits nothing.
func BuildQuota(n int) *nl.QuotaSpec {
	mhz, memory := n*quotaMHz, int64(n*quotaMemoryMB)
	return &nl.QuotaSpec{Name: Quota, Limits: []*nl.QuotaLimit{{
		Region: nl.DefaultRegion, RegionLimit: &nl.QuotaResources{CPU: &mhz, MemoryMB: &memory},
	}}}
}

func describeQuota(n int) string {
	if n == 0 {
		return "without limits"
	}
	return fmt.Sprintf("%d MHz, %d MB", n*quotaMHz, n*quotaMemoryMB)
}
