package sched

import (
	"cmp"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/capacity"
	"github.com/nomadlike/nomadlike/nomadlike/expr"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
)

// region tells of the nodes that are ready in a pool.
type region struct {
	available map[string]int // those that the job may use, by datacenter
	inPool    int
	nodes     int // that the job may use
}

// region is that of the pool, counted once.
func (r *run) region(pool string) *region {
	if c := r.regions[pool]; c != nil {
		return c
	}
	c := &region{available: map[string]int{}}
	for k := range r.capacity.Kinds() {
		n := k.Sample()
		if !inPool(n, pool) {
			continue
		}
		c.inPool += k.Len()
		if r.serves(n, pool) {
			c.available[n.Datacenter] += k.Len()
			c.nodes += k.Len()
		}
	}
	r.regions[pool] = c
	return c
}

// serves tells whether the job may use a ready node by its pool and datacenter.
func (r *run) serves(n *nl.Node, pool string) bool {
	return inPool(n, pool) && (r.job == nil || expr.GlobAny(r.job.Datacenters, n.Datacenter))
}

// cluster is the nodes a job may use by their state, pool and datacenter.
type cluster struct {
	nodes []*nl.Node     // in the order that breaks ties
	at    map[string]int // where a node stands in it, by ID
}

// cluster is that of the pool, found once.
func (r *run) cluster(pool string) *cluster {
	if c := r.clusters[pool]; c != nil {
		return c
	}
	c := &cluster{}
	for n := range r.snapshot.Nodes() {
		if n.Ready() && r.serves(n, pool) {
			c.nodes = append(c.nodes, n)
		}
	}
	byTurn(c.nodes, r.turn)
	c.at = make(map[string]int, len(c.nodes))
	for i, n := range c.nodes {
		c.at[n.ID] = i
	}
	r.clusters[pool] = c
	return c
}

// byTurn orders nodes by whose turn it is.
func byTurn(nodes []*nl.Node, turn capacity.Turn) {
	type keyed struct {
		key  uint64
		node *nl.Node
	}
	list := make([]keyed, len(nodes))
	for i, n := range nodes {
		list[i] = keyed{turn.OfNode(n.ID), n}
	}
	slices.SortFunc(list, func(a, b keyed) int {
		if a.key != b.key {
			return cmp.Compare(a.key, b.key)
		}
		return cmp.Compare(a.node.ID, b.node.ID)
	})
	for i := range list {
		nodes[i] = list[i].node
	}
}

func inPool(n *nl.Node, pool string) bool {
	return pool == nl.NodePoolAll || pool == "" || n.NodePool == pool || n.NodePool == "" && pool == nl.NodePoolDefault
}

// portStream keeps the choice of ports apart from other uses of the seed.
const portStream = 2

// restOn lets what left a node of late rest there.
func (r *run) restOn(n *fit.Node) {
	for _, f := range r.snapshot.FreedPorts(n.Info.ID) {
		if f.At > r.in.Now.Add(-fit.PortRest).UnixNano() {
			n.Rest(f.Resources)
		}
	}
}

// remove takes an allocation off its node for the rest of the evaluation.
func (r *run) remove(a *nl.Alloc) {
	r.gone.add(a.ID)
	r.allowance.count(a, -1)
	r.note(a, -1)
	if n := r.node(a.NodeID); n != nil {
		n.Remove(a)
	}
}

// restore puts an allocation back that was removed.
func (r *run) restore(a *nl.Alloc) {
	r.gone.remove(a.ID)
	r.allowance.count(a, +1)
	r.note(a, +1)
	if n := r.node(a.NodeID); n != nil && !a.Terminal() {
		n.Add(a)
	}
}
