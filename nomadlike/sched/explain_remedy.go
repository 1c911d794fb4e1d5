package sched

import (
	"fmt"
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/sched/feasible"
)

// remedy is what to do about nodes that fail a check.
type remedy struct {
	starts string // of the reason
	// do is what to do; what follows starts in the reason stands in place of %s.
	do    string
	lacks bool // nodes do not have something, rather than fail a condition
}

// remedies are those of checks that are more than a constraint of the job. The
// first that fits holds. Constraints that stand here are those that admission
// adds: the job's author has not written them, and cannot drop them.
var remedies = []remedy{
	{feasible.MissingDrivers, "install or repair the driver", true},
	{feasible.MissingDevices, "add the devices or ask for fewer", true},
	{feasible.MissingVolumes, "provide the volume", true},
	{feasible.MissingSecrets, "install the secrets provider", true},
	{feasible.MissingCores, "ask for CPU in MHz instead of cores: the number of cores is unknown", true},
	{feasible.TopologyMismatch, "add nodes where the CSI volume can be reached", true},
	{"missing host network ", "define the host network %s in the configuration of clients", true},
	{"missing CSI Volume ", "register the CSI volume %s", true},
	{"missing property ", "set %s on nodes", true},
	{"CSI plugin ", "run the CSI plugin, or repair it: %s", true},
	{"CSI volume ", "ask for what the CSI volume allows: %s", true},
	{"${attr.vault.", "let nodes reach Vault (${attr.vault.%s)", false},
	{"${attr.consul.", "let nodes reach Consul (${attr.consul.%s)", false},
	{"${attr.plugins.cni.", "install the CNI plugin (${attr.plugins.cni.%s)", false},
	{"${attr.plugins.secrets.", "install the secrets provider (${attr.plugins.secrets.%s)", false},
	{"${attr.nomad.version}", "upgrade the agents (${attr.nomad.version} %s)", false},
}

// remedy is what to do about a check that nodes fail; lacks tells that they do
// not have something.
func (s *survey) remedy(reason string) (what string, lacks bool) {
	if networks := s.placer.ask.Group.Networks; reason == feasible.MissingNetwork && len(networks) > 0 {
		return "set up the network mode " + networks[0].Mode, true
	}
	for _, r := range remedies {
		rest, found := strings.CutPrefix(reason, r.starts)
		if !found {
			continue
		}
		if !strings.Contains(r.do, "%s") {
			return r.do, r.lacks
		}
		return fmt.Sprintf(r.do, reasonText(rest)), r.lacks
	}
	return "drop or change " + reasonText(reason), false
}

// valuesHint is about a distinct_property of which all values that nodes have are
// used up: one hint for all of them, nil when there is none.
func (s *survey) valuesHint(missing int) *nl.ExplainHint {
	for _, d := range s.placer.properties {
		nodes, values := 0, []string{}
		s.each(nl.ObstacleFilter, func(f *nl.NodeFold) {
			if value, used := usedValue(f.Reason, d.Text); used && f.Only > 0 {
				nodes += f.Only
				values = append(values, value)
			}
		})
		if len(values) == 0 {
			continue
		}
		slices.Sort(values)
		return &nl.ExplainHint{Kind: nl.HintRelax, Nodes: nodes, Text: fmt.Sprintf(
			"distinct_property: the limit of %d for each %s is reached by %s: add nodes with another value, raise the limit, or lower the count by %d",
			d.Limit, d.Text, listed(values), missing)}
	}
	return nil
}

// hasValue tells whether valuesHint speaks of the reason.
func (s *survey) hasValue(reason string) bool {
	return slices.ContainsFunc(s.placer.properties, func(d *property) bool {
		_, used := usedValue(reason, d.Text)
		return used
	})
}
