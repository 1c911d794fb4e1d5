package sched

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/capacity"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
)

// onNode is what an evaluation knows of one node. To find a node in the state
// costs more than most of what is asked of it, so that it is done once.
type onNode struct {
	nodeCount
	found bool           // whether there is such a node has been looked up
	info  *nl.Node       // nil when there is none
	slot  *capacity.Slot // as the state has it, nil when it may not take work
	fit   *fit.Node      // as far as the plan has come, nil until that is asked for
}

// on is what is known of a node.
func (r *run) on(id string) *onNode {
	n := r.nodes[id]
	if n == nil {
		n = r.spare.make(len(r.nodes))
		r.nodes[id] = n
	}
	return n
}

// find is what is known of a node, with what the state tells.
func (r *run) find(id string) *onNode {
	n := r.on(id)
	if n.found {
		return n
	}
	n.found = true
	if n.slot = r.snapshot.CapacityOf(id); n.slot != nil {
		n.info = n.slot.Node
	} else {
		n.info = r.snapshot.Node(id)
	}
	return n
}

// info is the node as the state has it, nil when there is none.
func (r *run) info(id string) *nl.Node { return r.find(id).info }

// node is what is on a node as far as the plan has come, nil when there is no
// such node.
func (r *run) node(id string) *fit.Node {
	if n := r.nodes[id]; n != nil && n.fit != nil {
		return n.fit
	}
	switch n := r.find(id); {
	case n.info == nil:
		return nil
	case n.slot != nil:
		return r.newFit(n, n.info, n.slot.Usage)
	default:
		return r.newFit(n, n.info, r.snapshot.NodeUsage(id))
	}
}

// newFit is what is on a node of which nobody has asked that before.
func (r *run) newFit(n *onNode, info *nl.Node, usage fit.Usage) *fit.Node {
	n.fit = r.fits.make(len(r.nodes))
	// Most nodes are only asked for amounts.
	*n.fit = *fit.StoredNode(info, usage, r.allocsOn)
	n.fit.RestWhenAsked(r.restFreed)
	return n.fit
}
