package applier

import (
	"fmt"
	"strings"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/verify"
)

// Plans of many workers at once never use more of a quota than it allows,
// whichever share an entry of the log and whichever are on their way.
func TestApplier_QuotaAcrossPlans(t *testing.T) {
	inBubble(t, func(c *Config) { c.Verify, c.EntryPlans = verify.Plan, 3 }, func(b *bench) {
		limit := int64(500)
		for _, id := range []string{"n1", "n2"} {
			b.apply(&op.RegisterNode{Node: &nl.Node{ID: id, Status: nl.NodeStatusReady, SchedulingEligibility: nl.NodeEligible,
				NodeResources: &nl.NodeResources{Memory: nl.NodeMemoryResources{MemoryMB: 10000}}}})
		}
		b.apply(&op.UpsertQuotas{Quotas: []*nl.QuotaSpec{{Name: "q", Limits: []*nl.QuotaLimit{
			{Region: nl.DefaultRegion, RegionLimit: &nl.QuotaResources{MemoryMB: &limit}}}}}})
		b.apply(&op.UpsertNamespaces{Namespaces: []*nl.Namespace{{Name: nl.DefaultNamespace, Quota: "q"}}})
		var plans []*nl.Plan
		for i := range 12 {
			p := plan(fmt.Sprintf("e%02d", i), 50, []string{"n1", "n2"}[i%2])
			p.Place[0].AllocatedResources = &nl.AllocatedResources{Tasks: map[string]*nl.AllocatedTaskResources{
				"t": {Memory: nl.AllocatedMemoryResources{MemoryMB: 100}}}}
			plans = append(plans, p)
		}
		full := 0
		for i, got := range b.submit(plans...) {
			switch {
			case got == "full":
				full++
			case !strings.HasSuffix(got, "committed false, fresh true"):
				b.t.Errorf("plan %d: %s", i, got)
			}
		}
		if used := b.st.Snapshot().QuotaLedger("q").Total().Memory; full != 5 || used != limit {
			b.t.Errorf("%d plans were committed, %d MB of %d are used", full, used, limit)
		}
	})
}
