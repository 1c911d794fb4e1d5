package feasible

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/expr"
)

// Company is a condition on which allocations are on a node beside the one to
// be placed: on the set of values that the live ones of the job's namespace
// have there.
type Company struct {
	// Text is the condition as metrics name it.
	Text   string
	target expr.Target
	op     expr.Operand
	// want is a test for each thing that must be found, one for most operators.
	want []func(value string) bool
	// names are the values that are looked for, nil when that is no list.
	names []string
}

// isCompany tells conditions on allocations from those on nodes.
func isCompany(ltarget string) bool { return expr.ParseTarget(ltarget).OfAllocs() }

// NewCompany prepares a condition whose left side stands for allocations.
func NewCompany(ltarget, operand, rtarget string) (*Company, error) {
	check, err := expr.Compile(operand, ltarget, rtarget)
	if err != nil {
		return nil, err
	}
	c := &Company{Text: ltarget + " " + operand + " " + rtarget, target: expr.ParseTarget(ltarget), op: check.Operand()}
	switch c.op {
	case expr.Equal, expr.NotEqual:
		c.names = []string{rtarget}
	case expr.SetContainsAll, expr.SetContainsAny:
		for _, name := range strings.Split(rtarget, ",") {
			c.names = append(c.names, strings.TrimSpace(name))
		}
	case expr.IsSet, expr.IsNotSet:
		c.want = append(c.want, func(string) bool { return true })
	case expr.Regexp:
		c.want = append(c.want, func(value string) bool { return check.Values(value, true, rtarget, true) })
	default:
		return nil, fmt.Errorf("operator %q cannot be used on %s", operand, ltarget)
	}
	for _, name := range c.names {
		c.want = append(c.want, func(value string) bool { return value == name })
	}
	return c, nil
}

// Found counts, for one node, the allocations that meet each test of a
// condition.
type Found []int

// Add counts an allocation, or, by -1, no longer does. It tells whether the
// allocation matters.
func (c *Company) Add(f *Found, a *nl.Alloc, by int) bool {
	matters := false
	for i, test := range c.want {
		if !slices.ContainsFunc(c.values(a), test) {
			continue
		}
		if *f == nil {
			*f = make(Found, len(c.want))
		}
		(*f)[i] += by
		matters = true
	}
	return matters
}

// Holds tells whether the condition holds where that was found.
func (c *Company) Holds(f Found) bool {
	some, all := false, len(f) == len(c.want)
	for _, n := range f {
		some = some || n > 0
		all = all && n > 0
	}
	switch c.op {
	case expr.NotEqual, expr.IsNotSet:
		return !some
	case expr.SetContainsAll:
		return all
	}
	return some
}

// Wants tells that the condition asks for company: more allocations can only
// help.
func (c *Company) Wants() bool { return c.op != expr.NotEqual && c.op != expr.IsNotSet }

// Jobs lists the IDs of the only jobs whose allocations can matter; ok is false
// when any job's can.
func (c *Company) Jobs() (ids []string, ok bool) {
	if c.names == nil || c.target.Kind == expr.AllocMeta {
		return nil, false
	}
	if c.target.Kind == expr.AllocJob {
		return c.names, true
	}
	// Both the job's ID and the group's name may have dots in them.
	for _, name := range c.names {
		for i := range name {
			if name[i] == '.' {
				ids = append(ids, name[:i])
			}
		}
	}
	return ids, true
}

// values are what the allocation has for the target.
func (c *Company) values(a *nl.Alloc) []string {
	switch c.target.Kind {
	case expr.AllocJob:
		return []string{a.JobID}
	case expr.AllocGroup:
		return []string{a.JobID + "." + a.TaskGroup}
	}
	if a.Job == nil {
		return nil
	}
	return metaOf(a.Job, a.Job.Group(a.TaskGroup), c.target.Text)
}

// metaOf lists the values of a key as the tasks of a group see it.
func metaOf(job *nl.Job, g *nl.Group, key string) []string {
	if g == nil {
		return nil
	}
	shared, has := g.Meta[key]
	if !has {
		shared, has = job.Meta[key]
	}
	var out []string
	for _, t := range g.Tasks {
		value, own := t.Meta[key]
		if !own {
			value, own = shared, has
		}
		if own && !slices.Contains(out, value) {
			out = append(out, value)
		}
	}
	return out
}

// Unmet is the first of the conditions that is not met where these allocations
// are, "" when all are.
func Unmet(conditions []*Company, allocs iter.Seq[*nl.Alloc]) string {
	found := make([]Found, len(conditions))
	for a := range allocs {
		for i, c := range conditions {
			c.Add(&found[i], a, +1)
		}
	}
	for i, c := range conditions {
		if !c.Holds(found[i]) {
			return c.Text
		}
	}
	return ""
}

// CompanyOf lists the conditions that allocations of a group must meet.
func CompanyOf(job *nl.Job, g *nl.Group) ([]*Company, error) {
	var out []*Company
	lists := [][]*nl.Constraint{job.Constraints, g.Constraints}
	for _, t := range g.Tasks {
		lists = append(lists, t.Constraints)
	}
	for _, list := range lists {
		for _, k := range list {
			if !isCompany(k.LTarget) {
				continue
			}
			c, err := NewCompany(k.LTarget, k.Operand, k.RTarget)
			if err != nil {
				return nil, fmt.Errorf("constraint %q: %w", text(k), err)
			}
			out = append(out, c)
		}
	}
	return out, nil
}
