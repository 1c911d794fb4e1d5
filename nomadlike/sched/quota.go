package sched

import (
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/quota"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// allowance is what the quota of the job's namespace leaves. A nil one, that of
// a namespace without, leaves everything.
type allowance struct {
	snapshot *store.Snapshot
	limits   *quota.Limits
	before   *quota.Ledger // as the evaluation found it
	now      *quota.Ledger // with what the plan changes
	refused  []refusal
}

// refusal is a node that was left out only because of the quota.
type refusal struct {
	p    *placer
	node string
}

func newAllowance(s *store.Snapshot, namespace string, job *nl.Job) *allowance {
	if job == nil {
		return nil
	}
	limits, before := s.Limits(namespace, job.Region)
	if limits == nil {
		return nil
	}
	return &allowance{snapshot: s, limits: limits, before: before, now: before.Copy()}
}

// count adds an allocation to what is used, or with -1 takes it out.
func (q *allowance) count(a *nl.Alloc, by int) {
	if q == nil || a.Terminal() {
		return
	}
	if n := q.snapshot.Namespace(a.Namespace); n == nil || n.Quota != q.limits.Quota {
		return // of another quota: an evicted one
	}
	pool := ""
	if n := q.snapshot.Node(a.NodeID); n != nil {
		pool = n.NodePool
	}
	if by > 0 {
		q.now.Add(pool, quota.Of(a))
		return
	}
	q.now.Take(pool, quota.Of(a))
	again := q.refused
	q.refused = nil
	for _, r := range again {
		r.p.touch(r.node)
	}
}

// leaves tells whether the quota leaves room for one more allocation of the
// group, as far as that can be told before a node is chosen. If not, the placer
// knows why.
func (q *allowance) leaves(p *placer) bool {
	p.quotaAlone = false
	if q == nil {
		return true
	}
	least := leastUse(p)
	over := q.limits.Region(q.before.Total(), q.now.Total().Plus(least))
	if pool := p.ask.Job.NodePool; pool != nl.NodePoolAll {
		over = append(over, q.limits.Pool(pool, q.before.In(pool), q.now.In(pool).Plus(least))...)
	}
	if len(over) == 0 {
		return true
	}
	p.overQuota, p.quotaAlone = over, true
	return false
}

// leastUse is what an allocation of the group takes on any node: all but what
// cores and devices of a node add.
func leastUse(p *placer) quota.Use {
	u := quota.Use{CPU: p.ask.Need.CPU, Memory: p.ask.Need.Memory, Cores: int64(p.ask.Cores)}
	over := p.run.oversubscription(p.ask.Job)
	var most fit.Stages
	for _, t := range p.ask.Group.Tasks {
		if t.Resources == nil {
			continue
		}
		memory := t.Resources.MemoryMB + int64(t.Resources.SecretsMB)
		if over {
			memory = max(memory, t.Resources.MemoryMaxMB)
		}
		most.Add(t.Lifecycle, fit.Vector{Memory: memory}, false)
		u.Secrets += int64(t.Resources.SecretsMB)
	}
	u.MemoryMax = most.Need().Memory
	return u
}

// refuses is what the quota has against these resources on this node, "" when
// nothing.
func (q *allowance) refuses(p *placer, c *candidate, r *nl.AllocatedResources) string {
	if q == nil {
		return ""
	}
	use, pool := quota.OfGroup(r, p.ask.Job, p.ask.Group.Name), c.node.Info.NodePool
	over := q.limits.Region(q.before.Total(), q.now.Total().Plus(use))
	over = append(over, q.limits.Pool(pool, q.before.In(pool), q.now.In(pool).Plus(use))...)
	if len(over) == 0 {
		return ""
	}
	for _, o := range over {
		if !slices.Contains(p.overQuota, o) {
			p.overQuota = append(p.overQuota, o)
		}
	}
	q.refused = append(q.refused, refusal{p, c.node.Info.ID})
	return "quota: " + strings.Join(over, ", ")
}
