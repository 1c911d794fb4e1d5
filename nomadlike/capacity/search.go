package capacity

import "github.com/nomadlike/nomadlike/nomadlike/fit"

// Score is how nodes are liked. It must not depend on which node it is, only on
// amounts.
type Score struct {
	// Of is the score of a node with used taken.
	Of func(used, capacity fit.Vector) float64
	// AtMost is no less than the score of any node of which no less than low and
	// no more than high is left.
	AtMost func(low, high fit.Shares) float64
}

// roundingMax is more than what AtMost and Of may differ by for want of digits:
// their terms are below 20, a double has 15 digits.
const roundingMax = 1e-9

// Search hands out nodes on which need fits, the best first, and of nodes with
// one score those whose turn it is. It sees the index as it was when the kinds
// were added.
type Search struct {
	need  fit.Vector
	score Score
	turn  Turn
	heap  []promise
}

// promise is a node, or a branch none of whose nodes is better.
type promise struct {
	score float64
	order uint64
	plus  float64 // what is added to scores of the kind
	b     *branch
	s     *Slot
}

// NewSearch is a search without nodes.
func NewSearch(need fit.Vector, score Score, turn Turn) *Search {
	return &Search{need: need, score: score, turn: turn}
}

// Add searches a kind, too. Its nodes' scores are plus more than the amounts
// say.
func (s *Search) Add(k *Kind, plus float64) { s.branch(k.root, plus, 0, false) }

// Next is the next node, unless it is worse than the floor: score, and where
// nodes with that score stand by their turn. It is nil then, and when there are
// no more.
func (s *Search) Next(score float64, order uint64) *Slot {
	for len(s.heap) > 0 {
		top := &s.heap[0]
		if top.score < score || top.score == score && top.order > order {
			return nil
		}
		p := s.pop()
		if p.s != nil {
			return p.s
		}
		s.open(&p)
	}
	return nil
}

// open looks at what is in a branch.
func (s *Search) open(p *promise) {
	same := p.b.span.same
	for _, c := range p.b.children {
		s.branch(c, p.plus, p.score, same)
	}
	for _, slot := range p.b.slots {
		if slot.Room(s.need) != "" {
			continue
		}
		score := p.score
		if !same {
			score = s.exact(slot, p.plus)
		}
		s.push(promise{score, s.turn.Of(slot), p.plus, nil, slot})
	}
}

// branch adds a branch, whose nodes' score is known when all are the same.
func (s *Search) branch(b *branch, plus, score float64, known bool) {
	if !b.span.may(s.need) {
		return
	}
	switch {
	case known:
	case b.span.same:
		score = s.exact(b.first(), plus)
	default:
		score = s.score.AtMost(b.span.left(s.need)) + plus + roundingMax
	}
	s.push(promise{score, s.turn.first(b.span.orderLow, b.span.orderHigh), plus, b, nil})
}

func (s *Search) exact(slot *Slot, plus float64) float64 {
	score := s.score.Of(slot.Used.Plus(s.need), slot.Cap)
	if plus != 0 {
		score += plus
	}
	return score
}

func (b *branch) first() *Slot {
	for b.children != nil {
		b = b.children[0]
	}
	return b.slots[0]
}

// first is no more than where any node between the two stands.
func (t Turn) first(low, high uint64) uint64 {
	if uint64(t) > low && uint64(t) <= high {
		return 0
	}
	return low - uint64(t)
}

// before is the order of the heap. Of a branch and a node that are alike the
// branch comes first: it may hold a node that comes before.
func (p *promise) before(o *promise) bool {
	switch {
	case p.score != o.score:
		return p.score > o.score
	case p.order != o.order:
		return p.order < o.order
	case p.s == nil || o.s == nil:
		return p.s == nil
	}
	return p.s.Node.ID < o.s.Node.ID
}

func (s *Search) push(p promise) {
	s.heap = append(s.heap, p)
	for i := len(s.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if !s.heap[i].before(&s.heap[up]) {
			break
		}
		s.heap[i], s.heap[up] = s.heap[up], s.heap[i]
		i = up
	}
}

func (s *Search) pop() promise {
	top := s.heap[0]
	last := len(s.heap) - 1
	s.heap[0] = s.heap[last]
	s.heap[last] = promise{}
	s.heap = s.heap[:last]
	for i := 0; ; {
		best := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(s.heap); child++ {
			if s.heap[child].before(&s.heap[best]) {
				best = child
			}
		}
		if best == i {
			return top
		}
		s.heap[i], s.heap[best] = s.heap[best], s.heap[i]
		i = best
	}
}
