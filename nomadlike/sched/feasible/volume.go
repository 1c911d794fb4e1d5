package feasible

import (
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/sched/reconcile"
)

// Volumes is what the state knows of volumes.
type Volumes interface {
	HostVolume(namespace, id string) *nl.HostVolume
	CSIVolume(namespace, id string) *nl.CSIVolume
}

// TopologyMismatch is the reason of nodes from which a CSI volume cannot be
// reached.
const TopologyMismatch = "did not meet topology requirement"

// volumes adds the tests of what nodes offer. Who uses a volume now is tested
// by the caller, who knows the plan.
func (c *Checks) volumes(g *nl.Group) {
	for _, r := range g.Volumes {
		c.PerAlloc = c.PerAlloc || r.PerAlloc
	}
	fixed := func(kind string) (out []*nl.VolumeRequest) {
		for _, r := range g.VolumesOf(kind) {
			if !r.PerAlloc {
				out = append(out, r)
			}
		}
		return out
	}
	if hosts := fixed(nl.VolumeTypeHost); len(hosts) > 0 {
		c.node = append(c.node, check{MissingVolumes, func(n *nl.Node) bool {
			for _, r := range hosts {
				if !c.hasHost(n, r, r.Source) {
					return false
				}
			}
			return true
		}})
	}
	for _, r := range fixed(nl.VolumeTypeCSI) {
		c.csi(r)
	}
	for _, r := range g.VolumesOf(nl.VolumeTypeCSI) {
		if !r.PerAlloc {
			c.Volumes = append(c.Volumes, r.Source)
			continue
		}
		for i := range g.Count {
			c.Volumes = append(c.Volumes, r.SourceOf(reconcile.Name("", "", i)))
		}
	}
}

// csi adds one test for each way in which a CSI volume may not be reached, so
// that the reasons can be told apart.
func (c *Checks) csi(r *nl.VolumeRequest) {
	v := c.state.CSIVolume(c.namespace, r.Source)
	for _, t := range csiTests(v, r, r.Source) {
		c.node = append(c.node, t)
	}
}

func csiTests(v *nl.CSIVolume, r *nl.VolumeRequest, id string) []check {
	if v == nil {
		return []check{{"missing CSI Volume " + id, func(*nl.Node) bool { return false }}}
	}
	plugin := func(n *nl.Node) *nl.CSIInfo { return n.CSINodePlugins[v.PluginID] }
	return []check{
		{fmt.Sprintf("CSI volume %s does not allow access mode %q with attachment mode %q", id, r.AccessMode, r.AttachmentMode), func(*nl.Node) bool { return v.Allows(r) }},
		{fmt.Sprintf("CSI plugin %s is missing", v.PluginID), func(n *nl.Node) bool { return plugin(n) != nil }},
		{fmt.Sprintf("CSI plugin %s is unhealthy", v.PluginID), func(n *nl.Node) bool { return plugin(n).Healthy }},
		{TopologyMismatch, func(n *nl.Node) bool { return len(v.Topologies) == 0 || topology(plugin(n)).Within(v.Topologies) }},
	}
}

func topology(i *nl.CSIInfo) *nl.CSITopology {
	if i.NodeInfo == nil {
		return nil
	}
	return i.NodeInfo.AccessibleTopology
}

// Index tests the volumes of a group that depend on the allocation's index.
func (c *Checks) Index(n *nl.Node, g *nl.Group, index int) string {
	name := reconcile.Name("", "", index)
	for _, r := range g.VolumesOf(nl.VolumeTypeHost) {
		if r.PerAlloc && !c.hasHost(n, r, r.SourceOf(name)) {
			return MissingVolumes
		}
	}
	for _, r := range g.VolumesOf(nl.VolumeTypeCSI) {
		if !r.PerAlloc {
			continue
		}
		id := r.SourceOf(name)
		for _, t := range csiTests(c.state.CSIVolume(c.namespace, id), r, id) {
			if !t.passes(n) {
				return t.reason
			}
		}
	}
	return ""
}

// hasHost tells whether a node has a host volume that may be used as asked:
// one of its configuration, or one that was made for it.
func (c *Checks) hasHost(n *nl.Node, r *nl.VolumeRequest, source string) bool {
	have := n.HostVolumes[source]
	switch {
	case have == nil:
		return false
	case have.ID == "":
		return !have.ReadOnly || r.ReadOnly
	}
	v := c.state.HostVolume(c.namespace, have.ID)
	return v != nil && v.State == nl.HostVolumeReady && v.Allows(r)
}
