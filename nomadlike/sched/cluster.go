package sched

import (
	"cmp"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/expr"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
)

// cluster is the nodes a job may use by their state, pool and datacenter.
type cluster struct {
	nodes     []*nl.Node     // in the order that breaks ties
	at        map[string]int // where a node stands in it, by ID
	available map[string]int // by datacenter
	inPool    int
}

// cluster is that of the pool, found once.
func (r *run) cluster(pool string) *cluster {
	if c := r.clusters[pool]; c != nil {
		return c
	}
	c := &cluster{available: map[string]int{}}
	for n := range r.snapshot.Nodes() {
		if !n.Ready() || !inPool(n, pool) {
			continue
		}
		c.inPool++
		if r.job != nil && !expr.GlobAny(r.job.Datacenters, n.Datacenter) {
			continue
		}
		c.available[n.Datacenter]++
		c.nodes = append(c.nodes, n)
	}
	shuffle(c.nodes, r.in.Seed)
	c.at = make(map[string]int, len(c.nodes))
	for i, n := range c.nodes {
		c.at[n.ID] = i
	}
	r.clusters[pool] = c
	return c
}

// shuffle orders nodes by a hash of their ID and the seed, so that the order of
// two nodes does not depend on which others there are.
func shuffle(nodes []*nl.Node, seed uint64) {
	type keyed struct {
		key  uint64
		node *nl.Node
	}
	list := make([]keyed, len(nodes))
	for i, n := range nodes {
		list[i] = keyed{hash(n.ID, seed), n}
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

// hash is FNV-1a of the text, stirred with the seed so that all bits depend on
// both.
func hash(text string, seed uint64) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	h ^= seed * 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

func inPool(n *nl.Node, pool string) bool {
	return pool == nl.NodePoolAll || pool == "" || n.NodePool == pool || n.NodePool == "" && pool == nl.NodePoolDefault
}

// portStream keeps the choice of ports apart from other uses of the seed.
const portStream = 2

// node is what is on a node as far as the plan has come, nil when there is no
// such node.
func (r *run) node(id string) *fit.Node {
	if n := r.nodes[id]; n != nil {
		return n
	}
	info := r.snapshot.Node(id)
	if info == nil {
		return nil
	}
	n := fit.StoredNode(info, r.snapshot.NodeUsage(id), r.snapshot.AllocsByNode(id))
	for _, f := range r.snapshot.FreedPorts(id) {
		if f.At > r.in.Now.Add(-fit.PortRest).UnixNano() {
			n.Rest(f.Resources)
		}
	}
	r.nodes[id] = n
	return n
}

// remove takes an allocation off its node for the rest of the evaluation.
func (r *run) remove(a *nl.Alloc) {
	r.gone[a.ID] = true
	r.allowance.count(a, -1)
	r.note(a, -1)
	if n := r.node(a.NodeID); n != nil {
		n.Remove(a)
	}
}

// restore puts an allocation back that was removed.
func (r *run) restore(a *nl.Alloc) {
	delete(r.gone, a.ID)
	r.allowance.count(a, +1)
	r.note(a, +1)
	if n := r.node(a.NodeID); n != nil && !a.Terminal() {
		n.Add(a)
	}
}
