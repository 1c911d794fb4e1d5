package worker

import (
	"slices"
	"sync"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// busy is where the workers' plans that are on their way place something. Whoever
// has lost a race for nodes looks elsewhere: the best nodes are the same for all
// of them, and so would be the outcome.
type busy struct {
	mu    sync.Mutex
	nodes map[*worker]map[string]bool
}

// set notes where a worker's plan places something; a nil plan is over.
func (b *busy) set(w *worker, p *nl.Plan) {
	var nodes map[string]bool
	if p != nil {
		nodes = map[string]bool{}
		for _, a := range p.Place {
			nodes[a.NodeID] = true
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(nodes) == 0 {
		delete(b.nodes, w)
		return
	}
	if b.nodes == nil {
		b.nodes = map[*worker]map[string]bool{}
	}
	b.nodes[w] = nodes
}

// others are the nodes of all plans but the worker's own, in order.
func (b *busy) others(w *worker) (out []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for other, nodes := range b.nodes {
		if other == w {
			continue
		}
		for id := range nodes {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
