package sched

import (
	"fmt"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/sched/feasible"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// anyJob stands for every job of the namespace among those that an evaluation
// waits for.
const anyJob = "*"

// company is a condition on the allocations of nodes, with what was found on
// each. Only nodes that hold an allocation that matters are in it.
type company struct {
	*feasible.Company
	weight float64 // 0 for a constraint
	found  map[string]*feasible.Found
}

// addCompany prepares the conditions of a group on other allocations.
func (p *placer) addCompany(job *nl.Job, g *nl.Group) error {
	must, err := feasible.CompanyOf(job, g)
	if err != nil {
		return fmt.Errorf("group %q: %w", g.Name, err)
	}
	for _, c := range must {
		p.company = append(p.company, &company{Company: c})
	}
	return nil
}

// meet counts what is on the nodes as far as the plan has come; later changes
// are noted.
func (p *placer) meet() {
	for _, c := range p.company {
		if c.found != nil {
			continue
		}
		c.found = map[string]*feasible.Found{}
		for a := range c.candidates(p.run.snapshot, p.ask.Job.Namespace) {
			if !a.Terminal() && !p.run.gone.has(a.ID) {
				c.add(a, +1)
			}
		}
		for _, a := range p.run.plan.Place {
			if p.run.placed.has(a.ID) {
				c.add(a, +1)
			}
		}
	}
}

// candidates yields the stored allocations that may matter. Where the condition
// names jobs, no others are looked at.
func (c *company) candidates(s *store.Snapshot, namespace string) func(yield func(*nl.Alloc) bool) {
	return func(yield func(*nl.Alloc) bool) {
		ids, named := c.Jobs()
		if !named {
			for j := range s.Jobs(namespace, "") {
				ids = append(ids, j.ID)
			}
		}
		slices.Sort(ids)
		for _, id := range slices.Compact(ids) {
			for a := range s.AllocsByJob(namespace, id) {
				if !yield(a) {
					return
				}
			}
		}
	}
}

func (c *company) add(a *nl.Alloc, by int) {
	f := c.found[a.NodeID]
	if f == nil {
		f = new(feasible.Found)
	}
	if c.Add(f, a, by) {
		c.found[a.NodeID] = f
	}
}

func (c *company) holds(node string) bool {
	if f := c.found[node]; f != nil {
		return c.Holds(*f)
	}
	return c.Holds(nil)
}

// note counts an allocation that the plan puts on a node or, with -1, takes
// off it. The caller looks at the node again.
func (r *run) note(a *nl.Alloc, by int) {
	for _, p := range r.sociable {
		if a.Namespace != p.ask.Job.Namespace {
			continue
		}
		for _, c := range p.company {
			if c.found != nil {
				c.add(a, by)
			}
		}
	}
}

// alone is the constraint that the allocations of a node do not meet, "" when
// they meet all.
func (p *placer) alone(node string) string {
	p.meet()
	for _, c := range p.company {
		if c.weight == 0 && !c.holds(node) {
			return c.Text
		}
	}
	return ""
}

// aloneWithout is alone as if the victims were gone.
func (p *placer) aloneWithout(node string, victims []*nl.Alloc) string {
	if len(p.company) == 0 {
		return ""
	}
	count := func(by int) {
		for _, v := range victims {
			if v.Namespace == p.ask.Job.Namespace {
				for _, c := range p.company {
					c.add(v, by)
				}
			}
		}
	}
	count(-1)
	defer count(+1)
	return p.alone(node)
}

// stays tells whether the other allocations on its node still let an
// allocation be there as its group now is.
func (r *run) stays(a *nl.Alloc, p *placer) bool {
	var must []*feasible.Company
	for _, c := range p.company {
		if c.weight == 0 {
			must = append(must, c.Company)
		}
	}
	if len(must) == 0 {
		return true
	}
	return feasible.Unmet(must, func(yield func(*nl.Alloc) bool) {
		for other := range r.snapshot.AllocsByNode(a.NodeID) {
			if other.ID != a.ID && other.Namespace == a.Namespace && !other.Terminal() && !yield(other) {
				return
			}
		}
	}) == ""
}

// welcome is the sum of the weights of the affinities to allocations that hold
// on a node.
func (p *placer) welcome(node string) float64 {
	p.meet()
	sum := 0.0
	for _, c := range p.company {
		if c.weight != 0 && c.holds(node) {
			sum += c.weight
		}
	}
	return sum
}

// awaited lists the jobs whose new allocations may let the group's placements
// succeed.
func (p *placer) awaited() []string {
	var out []string
	for _, c := range p.company {
		if c.weight != 0 || !c.Wants() {
			continue
		}
		if ids, named := c.Jobs(); named {
			out = append(out, ids...)
		} else {
			out = append(out, anyJob)
		}
	}
	return out
}
