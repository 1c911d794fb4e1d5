package sched

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/sched/assign"
)

// DescribeAsk is what each allocation of a group asks for.
func DescribeAsk(job *nl.Job, g *nl.Group) (*nl.GroupAsk, error) {
	ask, err := assign.New(job, g, true)
	if err != nil {
		return nil, fmt.Errorf("group %q: %w", g.Name, err)
	}
	return describeAsk(job, g, ask), nil
}

func describeAsk(job *nl.Job, g *nl.Group, ask *assign.Ask) *nl.GroupAsk {
	out := &nl.GroupAsk{
		CPU: ask.Need.CPU, CPUMillis: ask.Millis, MemoryMB: ask.Need.Memory, DiskMB: ask.Need.Disk, Cores: ask.Cores,
		Ports: ask.PortNames(), Datacenters: job.Datacenters, NodePool: job.NodePool,
	}
	if len(g.Networks) > 0 {
		out.NetworkMode = g.Networks[0].Mode
	}
	describeTasks(g, out)
	for _, name := range slices.Sorted(maps.Keys(g.Volumes)) {
		v := g.Volumes[name]
		text := v.Type + " " + v.Source
		if v.PerAlloc {
			text += "[index]"
		}
		if v.ReadOnly {
			text += " (read only)"
		}
		out.Volumes = append(out.Volumes, text)
	}
	describeWishes(job, g, out)
	return out
}

func describeTasks(g *nl.Group, out *nl.GroupAsk) {
	for _, t := range g.Tasks {
		if !slices.Contains(out.Drivers, t.Driver) {
			out.Drivers = append(out.Drivers, t.Driver)
		}
		if t.Resources == nil {
			continue
		}
		out.MemoryMaxMB += t.Resources.MemoryMaxMB
		for _, d := range t.Resources.Devices {
			text := fmt.Sprintf("%d %s", max(d.Count, 1), d.Name)
			for _, c := range d.Constraints {
				text += ", " + shown(c.LTarget, c.Operand, c.RTarget)
			}
			out.Devices = append(out.Devices, text)
		}
	}
}

// describeWishes lists what nodes must be like and what they had better be
// like, of job, group and tasks.
func describeWishes(job *nl.Job, g *nl.Group, out *nl.GroupAsk) {
	constraints := slices.Concat(job.Constraints, g.Constraints)
	affinities := slices.Concat(job.Affinities, g.Affinities)
	for _, t := range g.Tasks {
		constraints = append(constraints, t.Constraints...)
		affinities = append(affinities, t.Affinities...)
	}
	for _, c := range constraints {
		if text := shown(c.LTarget, c.Operand, c.RTarget); !slices.Contains(out.Constraints, text) {
			out.Constraints = append(out.Constraints, text)
		}
	}
	for _, a := range affinities {
		out.Affinities = append(out.Affinities, fmt.Sprintf("%s (weight %d)", shown(a.LTarget, a.Operand, a.RTarget), a.Weight))
	}
	for _, s := range slices.Concat(g.Spreads, job.Spreads) {
		text := s.Attribute
		for _, t := range s.SpreadTarget {
			text += fmt.Sprintf(" %s:%d%%", t.Value, t.Percent)
		}
		out.Spreads = append(out.Spreads, fmt.Sprintf("%s (weight %d)", text, s.Weight))
	}
}

// shown is a rule as people write it.
func shown(left, operand, right string) string {
	switch operand {
	case "distinct_hosts":
		return operand
	case "distinct_property", "is_set", "is_not_set":
		return strings.TrimSpace(operand + " " + left + " " + right)
	}
	if operand == "" {
		operand = "="
	}
	return strings.TrimSpace(left + " " + operand + " " + right)
}
