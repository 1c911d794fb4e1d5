package quality

import (
	"math"
	"math/rand/v2"
)

// model chooses nodes by the score formulas, written down once more and as
// plainly as possible: nothing is cached or ordered, every placement looks at
// every node, or at a random sample of those with room.
type model struct {
	node    Shape
	nodes   []Shape // what is taken on each
	allocs  []int   // on each
	on      map[int][]int
	demands map[int]Demand
	busy    int
	sample  int // 0 is every node
	random  *rand.Rand
}

func newModel(c *Config, sample int) *model {
	return &model{
		node: c.Node, nodes: make([]Shape, c.Nodes), allocs: make([]int, c.Nodes),
		on: map[int][]int{}, demands: map[int]Demand{}, sample: sample,
		random: rand.New(rand.NewPCG(c.Seed, streamSample)),
	}
}

func (m *model) place(id int, d Demand) (failed int, err error) {
	m.demands[id] = d
	company := map[int]int{} // allocations of the job, by node
	for range d.Count {
		at := m.choose(d, company)
		if at < 0 {
			failed++
			continue
		}
		company[at]++
		m.nodes[at].CPU += d.CPU
		m.nodes[at].Memory += d.Memory
		if m.allocs[at]++; m.allocs[at] == 1 {
			m.busy++
		}
		m.on[id] = append(m.on[id], at)
	}
	return failed, nil
}

// choose is the best node, -1 when none has room.
func (m *model) choose(d Demand, company map[int]int) int {
	var room []int
	for i, u := range m.nodes {
		if u.CPU+d.CPU <= m.node.CPU && u.Memory+d.Memory <= m.node.Memory {
			room = append(room, i)
		}
	}
	if m.sample > 0 {
		for i := range min(m.sample, len(room)) {
			j := i + m.random.IntN(len(room)-i)
			room[i], room[j] = room[j], room[i]
		}
		room = room[:min(m.sample, len(room))]
	}
	best, bestScore := -1, 0.0
	for _, i := range room {
		if score := m.score(i, d, company[i]); best < 0 || score > bestScore {
			best, bestScore = i, score
		}
	}
	return best
}

// score is the mean of how full the node would be and, where allocations of the
// job are already, of the dislike for company.
func (m *model) score(i int, d Demand, company int) float64 {
	cpu := 1 - float64(m.nodes[i].CPU+d.CPU)/float64(m.node.CPU)
	memory := 1 - float64(m.nodes[i].Memory+d.Memory)/float64(m.node.Memory)
	fit := min(max(20-math.Pow(10, cpu)-math.Pow(10, memory), 0), 18) / 18
	if company == 0 {
		return fit
	}
	return (fit - float64(company+1)/float64(d.Count)) / 2
}

func (m *model) remove(id int) error {
	d := m.demands[id]
	for _, at := range m.on[id] {
		m.nodes[at].CPU -= d.CPU
		m.nodes[at].Memory -= d.Memory
		if m.allocs[at]--; m.allocs[at] == 0 {
			m.busy--
		}
	}
	delete(m.on, id)
	delete(m.demands, id)
	return nil
}

func (m *model) inUse() int { return m.busy }

func (m *model) used() []Shape { return m.nodes }
