package sched

import (
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/sched/feasible"
)

// volumes tests who uses the volumes of the group now: those that all of its
// allocations share, or, given the name of an allocation, those of its own.
func (p *placer) volumes(c *candidate, name string) string {
	g := p.ask.Group
	if len(g.Volumes) == 0 {
		return ""
	}
	for _, r := range g.VolumesOf(nl.VolumeTypeHost) {
		if r.PerAlloc != (name != "") {
			continue
		}
		source := r.SourceOf(name)
		if fit.WritesAlone(r) && c.node.Writes(source) {
			return fmt.Sprintf("host volume %s has exhausted its available writer claims", source)
		}
		if r.Sticky && !p.keeps(c.node.Info, source) {
			return feasible.MissingVolumes
		}
	}
	for _, r := range g.VolumesOf(nl.VolumeTypeCSI) {
		if r.PerAlloc != (name != "") {
			continue
		}
		if v := p.run.snapshot.CSIVolume(p.ask.Job.Namespace, r.SourceOf(name)); v != nil {
			if reason := p.claim(c.node, v, r); reason != "" {
				return reason
			}
		}
	}
	return ""
}

// keeps tells whether a node has a volume that the group may stick to: one that
// it claims and nobody holds, or, when there is none of these, one that it does
// not claim.
func (p *placer) keeps(n *nl.Node, source string) bool {
	here, unheld, claimed := "", false, false
	if have := n.HostVolumes[source]; have != nil {
		here = have.ID
	}
	if here == "" {
		return true // of the configuration: nothing to keep
	}
	job := p.ask.Job
	for c := range p.run.snapshot.HostVolumeClaimsOf(job.Namespace, job.ID, p.ask.Group.Name) {
		if c.VolumeName != source || p.holds(c.AllocID) || p.taken(c.VolumeID, source) {
			claimed = claimed || c.VolumeName == source && c.VolumeID == here
			continue
		}
		if c.VolumeID == here {
			return true
		}
		unheld = true
	}
	return !unheld && !claimed
}

// holds tells whether the allocation lives as far as the plan has come.
func (p *placer) holds(allocID string) bool {
	a := p.run.snapshot.Alloc(allocID)
	return a != nil && !a.Terminal() && !p.run.gone.has(allocID)
}

// taken tells whether the plan has placed an allocation of the group on the
// volume.
func (p *placer) taken(volumeID, source string) bool {
	for _, a := range p.run.plan.Place {
		if !p.run.placed.has(a.ID) || a.TaskGroup != p.ask.Group.Name {
			continue
		}
		if n := p.run.snapshot.Node(a.NodeID); n != nil && n.HostVolumes[source] != nil && n.HostVolumes[source].ID == volumeID {
			return true
		}
	}
	return false
}

// claim tells why a CSI volume cannot be claimed on the node as far as the plan
// has come, "" when it can.
func (p *placer) claim(n *fit.Node, v *nl.CSIVolume, r *nl.VolumeRequest) string {
	s := p.run.snapshot
	holders := fit.Holders(v, p.ask.Job.ID, s.Alloc, func(id string) bool { return p.run.gone.has(id) })
	for _, a := range p.run.plan.Place {
		if h, ok := fit.HolderOf(a, v.ID); ok && p.run.placed.has(a.ID) && a.Namespace == v.Namespace {
			holders = append(holders, h)
		}
	}
	if reason := fit.Claim(v, r, n.Info.ID, holders); reason != "" {
		return reason
	}
	plugin := n.Info.CSINodePlugins[v.PluginID]
	if plugin == nil || plugin.NodeInfo == nil || plugin.NodeInfo.MaxVolumes <= 0 {
		return ""
	}
	if n.CSIVolumesOf(v.PluginID, v.ID, s.CSIVolume) >= plugin.NodeInfo.MaxVolumes {
		return fmt.Sprintf("CSI plugin %s has the maximum number of volumes", v.PluginID)
	}
	return ""
}
