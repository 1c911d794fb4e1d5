package campaign

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/command/sim/check"
	"github.com/nomadlike/nomadlike/command/sim/cluster"
	"github.com/nomadlike/nomadlike/command/sim/work"
	"github.com/nomadlike/nomadlike/command/sim/world"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// mutation is a defect that one checker must find. Ops are replaced as servers
// apply them, events as the checker is told of them; one of them is nil.
type mutation struct {
	checker, defect string
	ops             func() func(server int, index uint64, o op.Op) op.Op
	events          func() func(ev check.Event) check.Event
	steps           []work.Step // besides those of every run
}

// lying tells a checker of other events than happened.
type lying struct {
	check.Checker
	twist func(check.Event) check.Event
}

func (l lying) Observe(ev check.Event) error { return l.Checker.Observe(l.twist(ev)) }

// mutations are one for each checker at least; moreMutations are the others.
func mutations() []mutation {
	return []mutation{
		{checker: "equal fingerprint at equal index", defect: "a server that applies something else", ops: func() func(int, uint64, op.Op) op.Op {
			return func(server int, _ uint64, o op.Op) op.Op {
				if r, ok := o.(*op.RegisterJob); ok && server == 1 {
					c := *r
					c.Job = r.Job.Copy()
					c.Job.Priority++
					return &c
				}
				return o
			}
		}},
		{checker: "acknowledged ops survive", defect: "another entry in place of one", events: func() func(check.Event) check.Event {
			return func(ev check.Event) check.Event {
				if a, ok := ev.(check.Applied); ok && a.Server == 2 && a.Index == 30 {
					a.Sum++
					return a
				}
				return ev
			}
		}},
		{checker: "consistent reads never go back", defect: "old answers", events: func() func(check.Event) check.Event {
			reads := map[string]int{}
			return func(ev check.Event) check.Event {
				if r, ok := ev.(check.Read); ok {
					if reads[r.Key]++; reads[r.Key] > 1 {
						r.Index = 1
					}
					return r
				}
				return ev
			}
		}},
		{checker: "no node over capacity", defect: "all on one node", ops: func() func(int, uint64, op.Op) op.Op {
			target := ""
			return plans(func(p *op.PlanDelta) {
				for i, a := range p.Place {
					if target == "" {
						target = a.NodeID
					}
					moved := *a
					moved.NodeID = target
					p.Place[i] = &moved
				}
			})
		}},
		{checker: "quotas hold", defect: "more than was asked for", ops: func() func(int, uint64, op.Op) op.Op {
			return plans(func(p *op.PlanDelta) {
				for i, a := range p.Place {
					greedy := *a
					greedy.AllocatedResources = nl.DeepCopy(a.AllocatedResources)
					for _, t := range greedy.AllocatedResources.Tasks {
						t.Cpu.CpuShares *= 10
					}
					p.Place[i] = &greedy
				}
			})
		}},
		{checker: "every evaluation ends", defect: "waiting for a job that is gone", events: func() func(check.Event) check.Event {
			return func(ev check.Event) check.Event {
				end, ok := ev.(check.Settled)
				if !ok {
					return ev
				}
				// An evaluation of a job that is gone waits for room.
				s := end.Snapshots[0]
				stuck := &nl.Eval{ID: "stuck", Namespace: nl.DefaultNamespace, JobID: "gone", Type: nl.JobTypeService, Status: nl.EvalStatusBlocked}
				next, _, _, err := store.Apply(s, s.Index()+1, &op.UpsertEvals{Evals: []*nl.Eval{stuck}})
				if err == nil {
					end.Snapshots = []*store.Snapshot{next}
				}
				return end
			}
		}},
		{checker: "allocations per group within count and surge", defect: "everything twice", ops: func() func(int, uint64, op.Op) op.Op {
			return plans(func(p *op.PlanDelta) {
				for _, a := range slices.Clone(p.Place) {
					twin := *a
					twin.ID = "twin" + a.ID[4:]
					p.Place = append(p.Place, &twin)
				}
			})
		}},
		{checker: "state enums only advance", defect: "evaluations that begin again", events: func() func(check.Event) check.Event {
			return func(ev check.Event) check.Event {
				a, ok := ev.(check.Applied)
				if !ok {
					return ev
				}
				a.Changes = slices.Clone(a.Changes)
				for i, c := range a.Changes {
					if e, _ := c.After.(*nl.Eval); e != nil && e.Status == nl.EvalStatusComplete {
						a.Changes[i].Before, a.Changes[i].After = c.After, c.Before
					}
				}
				return a
			}
		}},
		{checker: "a stopped allocation never restarts", defect: "a process after the end", events: func() func(check.Event) check.Event {
			ended := ""
			return func(ev check.Event) check.Event {
				switch ev := ev.(type) {
				case check.Applied:
					for _, c := range ev.Changes {
						if a, _ := c.After.(*nl.Alloc); a != nil && a.ClientStatus == nl.AllocClientComplete {
							ended = a.ID
						}
					}
				case check.Ran:
					if ended != "" {
						return check.Ran{At: ev.At, Node: ev.Node, Alloc: ended, Running: true}
					}
				}
				return ev
			}
		}},
		{checker: "drain-complete means nothing runs there", defect: "a drain that ends at once", ops: func() func(int, uint64, op.Op) op.Op {
			node := ""
			return func(_ int, _ uint64, o op.Op) op.Op {
				switch o := o.(type) {
				case *op.SetNodeDrain:
					if o.Strategy != nil {
						node = o.NodeID
					}
				case *op.TransitionAllocs:
					if node != "" {
						return &op.SetNodeDrain{NodeID: node, LastDrain: &nl.DrainMetadata{Status: "complete"}}
					}
				}
				return o
			}
		}},
		{checker: "restored snapshot equals the original", defect: "another byte", events: func() func(check.Event) check.Event {
			return func(ev check.Event) check.Event {
				if s, ok := ev.(check.Saved); ok {
					s.Data = slices.Clone(s.Data)
					s.Data[len(s.Data)/2] ^= 1
					return s
				}
				return ev
			}
		}},
		{checker: "running is desired, or there is no place", defect: "nothing is placed", ops: func() func(int, uint64, op.Op) op.Op {
			return plans(func(p *op.PlanDelta) { p.Place, p.Deployment = nil, nil })
		}},
	}
}

// plans changes every plan.
func plans(change func(*op.PlanDelta)) func(int, uint64, op.Op) op.Op {
	return func(_ int, _ uint64, o op.Op) op.Op {
		p, ok := o.(*op.ApplyPlans)
		if !ok {
			return o
		}
		out := &op.ApplyPlans{}
		for _, d := range p.Plans {
			c := *d
			c.Place, c.Evals = slices.Clone(d.Place), slices.Clone(d.Evals)
			change(&c)
			out.Plans = append(out.Plans, &c)
		}
		return out
	}
}

// TestMutations injects, for every checker, the defects that it looks for.
func TestMutations(t *testing.T) {
	all := slices.Concat(mutations(), moreMutations(t))
	for i, c := range check.All() {
		found := false
		for _, m := range all {
			if m.checker != c.Name() {
				continue
			}
			found = true
			t.Run(c.Name()+"/"+m.defect, func(t *testing.T) {
				t.Parallel()
				c := check.All()[i]
				cfg := Draw(2, Options{Servers: 3, Nodes: 8, Span: 90 * time.Second})
				cfg.SnapshotEvery = 10 // so that some are looked at
				cfg.Quota = 2
				cfg.Steps = append(cfg.Steps,
					work.Step{ID: -2, At: 80 * time.Second, Verb: work.Drain, Node: 0, For: 5 * time.Second},
					work.Step{ID: -3, At: 85 * time.Second, Verb: work.Stop, Job: 0})
				cfg.Checkers = []check.Checker{c}
				if m.steps != nil {
					cfg.Steps, cfg.Quota = m.steps, 0
				}
				if m.ops != nil {
					cfg.Tamper = m.ops()
				}
				if m.events != nil {
					cfg.Checkers[0] = lying{c, m.events()}
				}
				r := cluster.Run(cfg)
				var v *check.Violation
				if !errors.As(r.Err, &v) || v.Checker != c.Name() {
					t.Errorf("the defect is not found: %v", r.Err)
				} else {
					t.Log(v)
				}
			})
		}
		if !found {
			t.Errorf("no defect is known that %q would find", c.Name())
		}
	}
}

// TestQuotaRaised lets work wait for a quota, and has the last checker see
// another state than that in which it rightly waits: one with a higher limit.
func TestQuotaRaised(t *testing.T) {
	run := func(raised int) error {
		cfg := Draw(2, Options{Servers: 1, Nodes: 8, Span: 30 * time.Second})
		cfg.Quota = 1
		// A batch job of 1200 MHz, where 1000 are allowed.
		cfg.Steps = []work.Step{{At: 5 * time.Second, Verb: work.Register, Job: 5, Seed: 31}}
		for _, c := range check.All() {
			cfg.Checkers = append(cfg.Checkers, lying{c, func(ev check.Event) check.Event {
				end, ok := ev.(check.Settled)
				if !ok || raised < 0 {
					return ev
				}
				s := end.Snapshots[0]
				next, _, _, err := store.Apply(s, s.Index()+1, &op.UpsertQuotas{Quotas: []*nl.QuotaSpec{work.BuildQuota(raised)}})
				if err != nil {
					t.Fatal(err)
				}
				end.Snapshots = []*store.Snapshot{next}
				return end
			}})
		}
		return cluster.Run(cfg).Err
	}
	if err := run(-1); err != nil {
		t.Errorf("what waits for a quota is a failure: %v", err)
	}
	var v *check.Violation
	if err := run(0); !errors.As(err, &v) || v.Checker != "running is desired, or there is no place" {
		t.Errorf("work waits although the quota allows it, which is not found: %v", err)
	}
}

// TestQuotaFrees lets work wait for a quota and raises that: all must be placed.
func TestQuotaFrees(t *testing.T) {
	cfg := Draw(2, Options{Servers: 3, Nodes: 8, Span: time.Minute})
	cfg.Quota = 1
	// A service job of 300 MHz, where 1000 are allowed.
	cfg.Steps = []work.Step{
		{At: 5 * time.Second, Verb: work.Register, Job: 2, Seed: 176},
		{ID: 1, At: 6 * time.Second, Verb: work.Scale, Job: 2, N: 8},
		{ID: 2, At: 40 * time.Second, Verb: work.EditQuota, N: 0},
	}
	r := Run(cfg, nil)
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	late, all := 0, 0
	for a := range r.Final.AllocsByJob(work.Team, work.JobID(2)) {
		if all++; a.CreateTime > world.Epoch().Add(40*time.Second).UnixNano() {
			late++
		}
	}
	if late == 0 || late == all {
		t.Errorf("%d of %d allocations were placed after the quota was raised", late, all)
	}
}
