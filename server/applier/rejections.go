package applier

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// RejectionThreshold and RejectionWindow are used where the configuration
	// says nothing: far more than workers that meet on a busy node cause.
	RejectionThreshold = 100
	RejectionWindow    = 5 * time.Minute
	// nodesMax bounds the nodes whose rejections are remembered; the one that
	// was rejected longest ago is forgotten first.
	nodesMax = 50
	// outEvery and outBurst bound how many nodes are taken out of service: a
	// fault of the scheduler must not empty the cluster.
	outEvery = 30 * time.Minute / 5
	outBurst = 10
)

// Rejections finds nodes whose part of plans is rejected over and over, which
// means that what the scheduler believes of them is wrong. It may be used from
// several goroutines.
type Rejections struct {
	threshold int
	window    time.Duration

	mu       sync.Mutex
	rejected map[string][]time.Time // by node ID, inside the window, oldest first
	out      []string               // nodes to take out, not taken by Take yet
	tokens   float64                // how many may be taken out now
	filled   time.Time
}

// NewRejections finds nodes with threshold rejections inside window; 0 takes the
// defaults.
func NewRejections(threshold int, window time.Duration) *Rejections {
	threshold, window = cmp.Or(threshold, RejectionThreshold), cmp.Or(window, RejectionWindow)
	return &Rejections{threshold: threshold, window: window, rejected: map[string][]time.Time{}, tokens: outBurst}
}

// Note counts a rejection of every node.
func (r *Rejections) Note(now time.Time, nodes []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range nodes {
		times := append(r.rejected[id], now)
		for len(times) > 0 && now.Sub(times[0]) > r.window {
			times = times[1:]
		}
		r.rejected[id] = times
		if len(times) >= r.threshold && r.allowed(now) {
			delete(r.rejected, id)
			if !slices.Contains(r.out, id) {
				r.out = append(r.out, id)
			}
		}
	}
	for len(r.rejected) > nodesMax {
		delete(r.rejected, r.stalest())
	}
}

// Take gives the nodes to make ineligible, once.
func (r *Rejections) Take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.out
	r.out = nil
	return out
}

// Scores counts the remembered rejections of each node.
func (r *Rejections) Scores() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string]int, len(r.rejected))
	for id, times := range r.rejected {
		out[id] = len(times)
	}
	return out
}

// allowed takes one of the tokens that come in over time.
func (r *Rejections) allowed(now time.Time) bool {
	if !r.filled.IsZero() {
		r.tokens = min(outBurst, r.tokens+now.Sub(r.filled).Seconds()/outEvery.Seconds())
	}
	r.filled = now
	if r.tokens < 1 {
		return false
	}
	r.tokens--
	return true
}

// stalest is the node that was rejected longest ago.
func (r *Rejections) stalest() string {
	var worst string
	for id, times := range r.rejected {
		if worst == "" {
			worst = id
			continue
		}
		last, other := times[len(times)-1], r.rejected[worst][len(r.rejected[worst])-1]
		if last.Before(other) || last.Equal(other) && strings.Compare(id, worst) < 0 {
			worst = id
		}
	}
	return worst
}
