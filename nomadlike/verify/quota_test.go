package verify_test

import (
	"fmt"
	"slices"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/nomadlike/verify"
)

// limit puts the default namespace under a quota of so much memory.
func (c *cluster) limit(mb int64) {
	c.apply(&op.UpsertQuotas{Quotas: []*nl.QuotaSpec{{Name: "q", Limits: []*nl.QuotaLimit{
		{Region: nl.DefaultRegion, RegionLimit: &nl.QuotaResources{MemoryMB: &mb}}}}}})
	c.apply(&op.UpsertNamespaces{Namespaces: []*nl.Namespace{{Name: nl.DefaultNamespace, Quota: "q"}}})
}

func TestPlan_Quota(t *testing.T) {
	for _, test := range []struct {
		name     string
		plan     func(c *cluster) *nl.Plan
		ahead    []string // on their way on n3, 100 MB each
		exceeded string   // "": the whole plan is accepted
	}{
		{
			name: "as much as there is",
			plan: func(c *cluster) *nl.Plan { return c.plan(c.alloc("a", "n1", 100), c.alloc("b", "n2", 100)) },
		},
		{
			name:     "one too many voids the plan, also on other nodes",
			plan:     func(c *cluster) *nl.Plan { return c.plan(c.alloc("a", "n1", 100), c.alloc("b", "n2", 101)) },
			exceeded: "memory exhausted (301 needed > 300 limit)",
		},
		{
			name:  "what is on its way counts",
			ahead: []string{"y"},
			plan:  func(c *cluster) *nl.Plan { return c.plan(c.alloc("a", "n1", 100)) },
		},
		{
			name:     "what is on its way counts for all nodes",
			ahead:    []string{"y", "z"},
			plan:     func(c *cluster) *nl.Plan { return c.plan(c.alloc("a", "n1", 100)) },
			exceeded: "memory exhausted (400 needed > 300 limit)",
		},
		{
			name:  "what arrived meanwhile counts once",
			ahead: []string{"x"},
			plan:  func(c *cluster) *nl.Plan { return c.plan(c.alloc("a", "n1", 200)) },
		},
		{
			name: "what the plan stops makes room",
			plan: func(c *cluster) *nl.Plan {
				p := c.plan(c.alloc("a", "n1", 300))
				p.Stop = []nl.AllocStop{{AllocID: "x", NodeID: "n1"}}
				return p
			},
		},
		{
			name: "what becomes unknown does not",
			plan: func(c *cluster) *nl.Plan {
				c.apply(&op.SetNodeStatus{NodeID: "n1", Status: nl.NodeStatusDisconnected, Time: 1})
				p := c.plan(c.alloc("a", "n2", 300))
				p.Stop = []nl.AllocStop{{AllocID: "x", NodeID: "n1", ClientStatus: nl.AllocClientUnknown, Desired: nl.AllocDesiredRun}}
				return p
			},
			exceeded: "memory exhausted (400 needed > 300 limit)",
		},
		{
			name: "nothing more is used than before a limit was lowered",
			plan: func(c *cluster) *nl.Plan {
				c.limit(10)
				p := c.plan(c.alloc("a", "n1", 100))
				p.Stop = []nl.AllocStop{{AllocID: "x", NodeID: "n1"}}
				return p
			},
		},
		{
			name: "a rewritten allocation counts once",
			plan: func(c *cluster) *nl.Plan {
				again := c.s.Alloc("x").Copy()
				return c.plan(again, c.alloc("a", "n1", 200))
			},
		},
		{
			name: "a plan without its jobs, as other servers send it",
			plan: func(c *cluster) *nl.Plan {
				a := c.alloc("a", "n1", 301)
				a.Job = nil
				return c.plan(a)
			},
			exceeded: "memory exhausted (401 needed > 300 limit)",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCluster(t)
			c.limit(300)
			var ahead verify.Ahead
			x := c.plan(c.alloc("x", "n1", 100))
			for _, id := range test.ahead {
				p := c.plan(c.alloc(id, "n3", 100))
				if id == "x" {
					p = x
				}
				ahead.Add(store.PlanDelta(p, 1))
			}
			c.commit(x)
			p := test.plan(c)
			accepted, rejected := verify.Plan(c.s, []*verify.Ahead{&ahead}, p)
			if test.exceeded == "" {
				if accepted != p || len(rejected) > 0 {
					t.Errorf("rejected on %v: %v", rejected, accepted.QuotaExceeded)
				}
				return
			}
			if len(accepted.Place)+len(accepted.Stop)+len(accepted.Evals)+len(rejected) > 0 {
				t.Errorf("something is left of the plan or a node is at fault: %+v, rejected %v", accepted, rejected)
			}
			if !slices.Equal(accepted.QuotaExceeded, []string{test.exceeded}) {
				t.Error(fmt.Sprint("exceeded ", accepted.QuotaExceeded))
			}
		})
	}
}
