package verify

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// claims checks what a plan claims of CSI volumes, which nodes share.
type claims struct {
	s       *store.Snapshot
	ahead   []*Ahead
	plan    *nl.Plan
	leaves  map[string]bool // allocations that the plan stops; nil until asked for
	taken   map[string][]fit.Holder
	refused map[string]bool // nodes of what claims in vain
}

func checkClaims(s *store.Snapshot, ahead []*Ahead, p *nl.Plan) *claims {
	c := &claims{s: s, ahead: ahead, plan: p, taken: map[string][]fit.Holder{}, refused: map[string]bool{}}
	for _, a := range p.Place {
		if g := a.Group(); g != nil && len(g.Volumes) > 0 && !a.Terminal() && s.Alloc(a.ID) == nil {
			c.place(a, g)
		}
	}
	return c
}

// leaving tells whether the plan stops or evicts an allocation.
func (c *claims) leaving(id string) bool {
	if c.leaves == nil { // most plans claim nothing
		c.leaves = make(map[string]bool, len(c.plan.Stop)+len(c.plan.Preempt))
		for i := range c.plan.Stop {
			c.leaves[c.plan.Stop[i].AllocID] = c.plan.Stop[i].Desired != nl.AllocDesiredRun
		}
		for i := range c.plan.Preempt {
			c.leaves[c.plan.Preempt[i].AllocID] = true
		}
	}
	return c.leaves[id]
}

// place claims the volumes of a new allocation, or refuses it. Where it would be
// makes no difference to its volumes: the node is no worse than others.
func (c *claims) place(a *nl.Alloc, g *nl.Group) {
	for _, r := range g.VolumesOf(nl.VolumeTypeCSI) {
		v := c.s.CSIVolume(a.Namespace, r.SourceOf(a.Name))
		if v == nil {
			c.refused[a.NodeID] = true
			return
		}
		key := store.JobKey(v.Namespace, v.ID)
		holders := fit.Holders(v, a.JobID, c.s.Alloc, c.leaving)
		holders = append(append(holders, c.taken[key]...), c.onTheWay(v)...)
		if fit.Claim(v, r, a.NodeID, holders) != "" {
			c.refused[a.NodeID] = true
			return
		}
		if h, ok := fit.HolderOf(a, v.ID); ok {
			c.taken[key] = append(c.taken[key], h)
		}
	}
}

// onTheWay lists what verified plans claim that are not in the state yet.
func (c *claims) onTheWay(v *nl.CSIVolume) []fit.Holder {
	var out []fit.Holder
	for _, h := range c.ahead {
		for _, a := range h.news(c.s) {
			if a.Namespace != v.Namespace || a.Terminal() {
				continue
			}
			if holder, ok := fit.HolderOf(a, v.ID); ok {
				out = append(out, holder)
			}
		}
	}
	return out
}
