package sched

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/sched/assign"
	"github.com/nomadlike/nomadlike/nomadlike/sched/feasible"
	"github.com/nomadlike/nomadlike/nomadlike/sched/preempt"
)

// instead is what a node has instead of what the group needs; "" when there is
// nothing to add to the reason.
func (s *survey) instead(n *nl.Node, reason string) string {
	if target, known := s.reasons[reason]; known && reason != feasible.DistinctHosts && !target.OfAllocs() {
		value, ok := target.Resolve(n)
		if !ok {
			return "not set"
		}
		return value
	}
	switch reason {
	case feasible.MissingDrivers:
		return missingDrivers(n, s.placer.ask.Group)
	case feasible.MissingVolumes:
		return missingVolumes(n, s.placer.ask.Group, s.index)
	case feasible.MissingDevices:
		return deviceNames(n)
	}
	return ""
}

func missingDrivers(n *nl.Node, g *nl.Group) string {
	var out []string
	for _, t := range g.Tasks {
		text := ""
		switch d := n.Drivers[t.Driver]; {
		case d == nil || !d.Detected:
			text = t.Driver + " not found"
		case !d.Healthy:
			text = strings.TrimSuffix(t.Driver+" unhealthy: "+d.HealthDescription, ": ")
		}
		if text != "" && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return strings.Join(out, ", ")
}

func missingVolumes(n *nl.Node, g *nl.Group, index int) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(g.Volumes)) {
		v := g.Volumes[name]
		if v.Type == "csi" {
			continue
		}
		source := v.Source
		if v.PerAlloc {
			source = fmt.Sprintf("%s[%d]", source, index)
		}
		switch have := n.HostVolumes[source]; {
		case have == nil:
			out = append(out, "no "+source)
		case have.ReadOnly && !v.ReadOnly:
			out = append(out, source+" is read only")
		}
	}
	return strings.Join(out, ", ")
}

func deviceNames(n *nl.Node) string {
	if n.NodeResources == nil || len(n.NodeResources.Devices) == 0 {
		return "no devices"
	}
	var out []string
	for _, d := range n.NodeResources.Devices {
		healthy := 0
		for _, i := range d.Instances {
			if i.Healthy {
				healthy++
			}
		}
		out = append(out, fmt.Sprintf("%d %s/%s/%s", healthy, d.Vendor, d.Type, d.Name))
	}
	return strings.Join(out, ", ")
}

// shortage is the obstacle that a shortage on a node is.
func (s *survey) shortage(n *fit.Node, short *assign.Shortage) *nl.NodeObstacle {
	o := &nl.NodeObstacle{
		Stage: nl.ObstacleRoom, Reason: short.Reason, Asked: short.Asked, Free: max(short.Free, 0), Total: short.Total, Unit: short.Unit,
	}
	if short.Asked > 0 {
		o.Short = short.Asked - short.Free
	}
	if short.Port > 0 {
		o.Detail = s.portHolder(n, short.Port)
	}
	return o
}

// portHolder tells who has a port of a node.
func (s *survey) portHolder(n *fit.Node, port int) string {
	for _, a := range n.Allocs() {
		if preempt.Holds(a, port) {
			return fmt.Sprintf("by job %s, allocation %s", s.detail.JobName(a.Namespace, a.JobID), a.ID[:min(len(a.ID), 8)])
		}
	}
	return "by the node's configuration"
}
