package sched

import (
	"fmt"
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/sched/feasible"
	"github.com/nomadlike/nomadlike/nomadlike/sched/rank"
)

// filteredRefused is why a node is left out for which other evaluations are
// faster.
const filteredRefused = "taken by others meanwhile"

// look tests and scores a node as things stand.
func (p *placer) look(c *candidate) {
	c.filtered, c.exhausted = c.static, ""
	switch {
	case c.filtered != "":
	case p.run.refused[c.node.Info.ID]:
		c.filtered = filteredRefused
	default:
		c.filtered = p.distinct(c)
	}
	if c.filtered != "" {
		return
	}
	if c.exhausted = p.ask.Fits(c.node); c.exhausted != "" {
		return
	}
	c.parts = p.score(c, c.node.Used.Plus(p.ask.NeedOn(c.node)))
}

func (p *placer) score(c *candidate, used fit.Vector) rank.Parts {
	parts := rank.Parts{
		Fit:        rank.Fit(p.algorithm, used, c.node.Cap),
		Collisions: p.run.count(p.ask.Group.Name, c.node.Info.ID),
		Count:      p.ask.Group.Count,
	}
	parts.Affinity = c.liked
	if len(p.company) > 0 && p.weights > 0 {
		parts.Affinity += p.welcome(c.node.Info.ID) / p.weights
	}
	parts.Device, parts.HasDevice = p.ask.DeviceScore(c.node)
	return parts
}

// affinity is how much the affinities like the node, -1 to 1.
func (p *placer) affinity(n *nl.Node) float64 {
	sum := 0.0
	for _, a := range p.affinities {
		if a.check.Node(n) {
			sum += a.weight
		}
	}
	return sum / p.weights
}

// distinct tests what depends on other allocations.
func (p *placer) distinct(c *candidate) string {
	if reason := p.apart(c); reason != "" {
		return reason
	}
	if reason := p.alone(c.node.Info.ID); reason != "" {
		return reason
	}
	return p.volumes(c, "")
}

// apart tests what keeps the job's allocations apart.
func (p *placer) apart(c *candidate) string {
	id := c.node.Info.ID
	if p.checks.HostsJob && p.run.jobCount(id) > 0 || p.checks.HostsGroup && p.run.count(p.ask.Group.Name, id) > 0 {
		return feasible.DistinctHosts
	}
	for _, d := range p.properties {
		value, ok := d.Target.Resolve(c.node.Info)
		if !ok {
			return fmt.Sprintf("missing property %q", d.Text)
		}
		if n := d.used[value]; n >= d.Limit {
			return usedUp(d.Text, value, n)
		}
	}
	return ""
}

// usedUp is the reason of nodes whose value of a distinct_property is used up;
// usedValue gives the value back; found is false for other reasons.
func usedUp(property, value string, by int) string {
	return fmt.Sprintf("distinct_property: %s=%s used by %d allocs", property, value, by)
}

func usedValue(reason, property string) (value string, found bool) {
	rest, found := strings.CutPrefix(reason, "distinct_property: "+property+"=")
	if at := strings.LastIndex(rest, " used by "); found && at >= 0 {
		return rest[:at], true
	}
	return "", false
}

// scores is the table of the chosen node and the best others, best first.
func (p *placer) scores(chosen *candidate, penalized []string) []*nl.NodeScoreMeta {
	rows := []*nl.NodeScoreMeta{p.row(chosen, penalized)}
	perLane := scoresMax
	if len(p.lanes) > scoresMax*scoresMax {
		perLane = 1
	}
	type rated struct {
		c     *candidate
		score float64
	}
	for i := 0; i < len(p.lanes); i++ { // more may come
		p.deepen(p.lanes[i], perLane+1)
	}
	var others []rated
	for _, l := range p.lanes {
		taken := 0
		spread := p.liked(l.alike)
		l.top(func(e *entry) bool {
			if e.c != chosen {
				others = append(others, rated{e.c, rank.Mean(e.sum, l.terms, spread)})
				taken++
			}
			return taken < perLane
		})
	}
	slices.SortStableFunc(others, func(a, b rated) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		case a.c.before(b.c):
			return -1
		}
		return 1
	})
	for _, o := range others[:min(len(others), scoresMax-1)] {
		rows = append(rows, p.row(o.c, penalized))
	}
	slices.SortStableFunc(rows, func(a, b *nl.NodeScoreMeta) int {
		switch {
		case a.NormScore > b.NormScore:
			return -1
		case a.NormScore < b.NormScore:
			return 1
		}
		return 0
	})
	return rows
}

func (p *placer) row(c *candidate, penalized []string) *nl.NodeScoreMeta {
	parts := c.parts
	parts.Penalty = slices.Contains(penalized, c.node.Info.ID)
	parts.Spread = p.spread(c.bucket)
	return &nl.NodeScoreMeta{NodeID: c.node.Info.ID, Scores: parts.Table(), NormScore: parts.Final()}
}
