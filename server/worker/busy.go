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
	plans map[*worker]*nl.Plan
}

// set notes a worker's plan; nil is over.
func (b *busy) set(w *worker, p *nl.Plan) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p == nil {
		delete(b.plans, w)
		return
	}
	if b.plans == nil {
		b.plans = map[*worker]*nl.Plan{}
	}
	b.plans[w] = p
}

// others are the nodes of all plans but the worker's own, in order.
func (b *busy) others(w *worker) (out []string) {
	for _, p := range b.otherPlans(w) {
		for _, a := range p.Place {
			out = append(out, a.NodeID)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (b *busy) otherPlans(w *worker) (out []*nl.Plan) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for other, p := range b.plans {
		if other != w {
			out = append(out, p)
		}
	}
	return out
}
