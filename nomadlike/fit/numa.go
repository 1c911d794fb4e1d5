package fit

import (
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// NUMANodes lists the NUMA nodes of the node.
func (n *Node) NUMANodes() []uint64 {
	if r := n.Info.NodeResources; r != nil && r.Processors.Topology != nil {
		return r.Processors.Topology.Nodes
	}
	return nil
}

// NUMAOf is the NUMA node that a device is attached to; known is false where
// the node does not tell.
func (n *Node) NUMAOf(d *nl.NodeDevice) (numa uint64, known bool) {
	r := n.Info.NodeResources
	if d.Locality == nil || r == nil || r.Processors.Topology == nil {
		return 0, false
	}
	numa, known = r.Processors.Topology.BusAssociativity[strings.ToLower(d.Locality.PciBusID)]
	return numa, known
}
