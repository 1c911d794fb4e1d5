package sched

import (
	"math/rand/v2"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/expr"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
)

// cluster is the nodes a job may use by their state, pool and datacenter.
type cluster struct {
	nodes     []*nl.Node     // in the order that breaks ties
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
	shuffle := rand.New(rand.NewPCG(r.in.Seed, shuffleStream))
	shuffle.Shuffle(len(c.nodes), func(i, j int) { c.nodes[i], c.nodes[j] = c.nodes[j], c.nodes[i] })
	r.clusters[pool] = c
	return c
}

func inPool(n *nl.Node, pool string) bool {
	return pool == nl.NodePoolAll || pool == "" || n.NodePool == pool || n.NodePool == "" && pool == nl.NodePoolDefault
}

// Streams of randomness drawn from one seed.
const (
	shuffleStream = 1
	portStream    = 2
)

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
	n := fit.NewNode(info)
	for a := range r.snapshot.AllocsByNode(id) {
		if !a.Terminal() && !r.gone[a.ID] {
			n.Add(a)
		}
	}
	r.nodes[id] = n
	return n
}

// remove takes an allocation off its node for the rest of the evaluation.
func (r *run) remove(a *nl.Alloc) {
	r.gone[a.ID] = true
	if n := r.nodes[a.NodeID]; n != nil {
		n.Remove(a.ID)
	}
}

// restore puts an allocation back that was removed.
func (r *run) restore(a *nl.Alloc) {
	delete(r.gone, a.ID)
	if n := r.nodes[a.NodeID]; n != nil && !a.Terminal() {
		n.Add(a)
	}
}
