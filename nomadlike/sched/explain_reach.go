package sched

import (
	"fmt"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/expr"
)

// reachHint is about nodes that would take the group if they were in reach.
func (s *survey) reachHint(f *nl.NodeFold) *nl.ExplainHint {
	if f.Only == 0 {
		return nil
	}
	would := counted(f.Only, "would take it but", "would take it but")
	is := "are"
	if f.Only == 1 {
		is = "is"
	}
	fold := s.folds[foldKey{f.Stage, f.Reason}]
	first := fold.first
	first = first[:min(len(first), 8)]
	hint := &nl.ExplainHint{Kind: nl.HintEnable, Nodes: f.Only}
	switch f.Reason {
	case reasonDraining:
		hint.Text, hint.Command = fmt.Sprintf("%s %s draining: %s", would, is, named(f, f.Only)), "node drain -disable "+first
	case reasonIneligible:
		hint.Text, hint.Command = fmt.Sprintf("%s %s not eligible: %s", would, is, named(f, f.Only)), "node eligibility -enable "+first
	case reasonDown, reasonDisconnected, reasonInitializing:
		hint.Text = fmt.Sprintf("%s %s: %s", would, strings.Replace(f.Reason, "node is", is, 1), named(f, f.Only))
		hint.Command = "node status " + first
	case reasonDatacenter:
		hint.Kind = nl.HintDatacenter
		hint.Text = fmt.Sprintf("%s %s in another datacenter: %s", would, is, keysNamed(fold.found))
	case reasonPool:
		hint.Kind = nl.HintPool
		hint.Text = fmt.Sprintf("%s %s in another node pool: %s", would, is, keysNamed(fold.found))
	default:
		return nil
	}
	return hint
}

// keysNamed names a few keys with their counts, the largest first.
func keysNamed(m map[string]int) string {
	keys := byCount(m)
	var out []string
	for _, k := range keys[:min(len(keys), choicesNamedMax)] {
		out = append(out, fmt.Sprintf("%q (%d)", k, m[k]))
	}
	if len(keys) > choicesNamedMax {
		out = append(out, fmt.Sprintf("%d others", len(keys)-choicesNamedMax))
	}
	return strings.Join(out, ", ")
}

// elsewhereHint is for jobs that look where no ready node is.
func (s *survey) elsewhereHint() *nl.ExplainHint {
	job := s.placer.ask.Job
	switch {
	case s.out.Considered > 0:
		return nil
	case len(s.reach.allPools) == 0:
		return &nl.ExplainHint{Kind: nl.HintAdd, Text: "no node of the cluster is ready and eligible"}
	case len(s.reach.datacenters) == 0:
		return s.elsewhere(nl.HintPool, reasonPool, fmt.Sprintf("node pool %q", job.NodePool), meant(job.NodePool, s.reach.allPools), s.reach.allPools)
	case !s.anyDatacenter():
		return s.elsewhere(nl.HintDatacenter, reasonDatacenter, datacentersText(job), meant(strings.Join(job.Datacenters, ","), s.reach.datacenters), s.reach.datacenters)
	}
	return nil
}

// elsewhere says where ready nodes are, and which of them would take the group.
func (s *survey) elsewhere(kind, reason, asked, meant string, ready map[string]int) *nl.ExplainHint {
	hint := &nl.ExplainHint{Kind: kind, Text: fmt.Sprintf("no ready node is in %s%s (ready nodes: %s)", asked, meant, keysNamed(ready))}
	if f := s.folds[foldKey{nl.ObstacleReach, reason}]; f != nil && f.Only > 0 {
		hint.Nodes = f.Only
		hint.Text += ", " + counted(f.Only, "would take it", "would take it")
	}
	return hint
}

// anyDatacenter tells whether a ready node of the pool is in a datacenter of the
// job.
func (s *survey) anyDatacenter() bool {
	for dc := range s.reach.datacenters {
		if expr.GlobAny(s.placer.ask.Job.Datacenters, dc) {
			return true
		}
	}
	return false
}

func datacentersText(job *nl.Job) string {
	if len(job.Datacenters) == 1 {
		return fmt.Sprintf("datacenter %q", job.Datacenters[0])
	}
	return fmt.Sprintf("datacenters %q", job.Datacenters)
}

// meant suggests the known name that is most like the given one.
func meant(given string, known map[string]int) string {
	best, distance := "", max(1, len(given)/3)+1
	for _, name := range byCount(known) {
		if d := editDistance(given, name); d < distance {
			best, distance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// editDistance is how many letters must be added, dropped or changed.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			before, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, before+cost)
		}
	}
	return row[len(b)]
}
