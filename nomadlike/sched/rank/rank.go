package rank

import (
	"math"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
)

// Names of the scores as placement metrics show them.
const (
	BinPack     = "binpack"
	Devices     = "devices"
	AntiAffin   = "job-anti-affinity"
	Penalty     = "node-reschedule-penalty"
	Affinity    = "node-affinity"
	SpreadName  = "allocation-spread"
	Preemption  = "preemption"
	fitScoreMax = 18.0 // of the raw fit formula, which scores are divided by
)

// Algorithm is how full nodes are liked.
type Algorithm uint8

// The scheduler algorithms: fill nodes one after the other, or all alike.
const (
	Pack Algorithm = iota
	Even
)

// Fit scores how well the node is used with used taken, 0 to 1.
func Fit(alg Algorithm, used, capacity fit.Vector) float64 {
	return fitOf(alg, fit.SharesOf(used, capacity))
}

// FitAtMost is no less than Fit of any node of which no less than low and no
// more than high is left, but for rounding.
func FitAtMost(alg Algorithm, low, high fit.Shares) float64 {
	if alg == Even {
		return fitOf(alg, high)
	}
	return fitOf(alg, low)
}

func fitOf(alg Algorithm, left fit.Shares) float64 {
	total := math.Pow(10, left.CPU) + math.Pow(10, left.Memory)
	score := 20 - total
	if alg == Even {
		score = total - 2
	}
	return min(max(score, 0), fitScoreMax) / fitScoreMax
}

// Parts are the scores of one node; absent ones take no part in the mean.
type Parts struct {
	Fit        float64
	Collisions int // allocations of the same job and group that are there
	Count      int // wanted of the group
	Penalty    bool
	// Affinity, Spread and Device count unless 0.
	Affinity, Spread float64
	Device           float64
	HasDevice        bool
	Preemption       float64
	HasPreemption    bool
}

// AntiAffinity is the score for company of the same group.
func (p *Parts) AntiAffinity() float64 {
	if p.Collisions == 0 || p.Count == 0 {
		return 0
	}
	return -float64(p.Collisions+1) / float64(p.Count)
}

// Base is the sum and the number of all parts but the spread, which alone
// changes when other nodes are chosen.
func (p *Parts) Base() (sum float64, terms int) {
	sum, terms = p.Fit, 1
	if p.HasDevice {
		sum += p.Device
		terms++
	}
	if p.Collisions > 0 {
		sum += p.AntiAffinity()
		terms++
	}
	if p.Penalty {
		sum--
		terms++
	}
	if p.Affinity != 0 {
		sum += p.Affinity
		terms++
	}
	if p.HasPreemption {
		sum += p.Preemption
		terms++
	}
	return sum, terms
}

// Mean is the final score from a base and the spread.
func Mean(sum float64, terms int, spread float64) float64 {
	if spread != 0 {
		sum += spread
		terms++
	}
	return sum / float64(terms)
}

// Final is the mean of all parts.
func (p *Parts) Final() float64 {
	sum, terms := p.Base()
	return Mean(sum, terms, p.Spread)
}

// Table is the parts by name, as metrics show them.
func (p *Parts) Table() nl.ScoreTable {
	penalty := 0.0
	if p.Penalty {
		penalty = -1
	}
	all := [...]struct {
		shown bool
		score nl.Score
	}{
		{true, nl.Score{Name: BinPack, Value: p.Fit}},
		{true, nl.Score{Name: AntiAffin, Value: p.AntiAffinity()}},
		{true, nl.Score{Name: Affinity, Value: p.Affinity}},
		{true, nl.Score{Name: Penalty, Value: penalty}},
		{p.HasDevice, nl.Score{Name: Devices, Value: p.Device}},
		{p.Spread != 0, nl.Score{Name: SpreadName, Value: p.Spread}},
		{p.HasPreemption, nl.Score{Name: Preemption, Value: p.Preemption}},
	}
	n := 0
	for i := range all {
		if all[i].shown {
			n++
		}
	}
	t := make(nl.ScoreTable, 0, n) // kept with each allocation
	for i := range all {
		if all[i].shown {
			t = append(t, all[i].score)
		}
	}
	return t
}

// The shape of the logistic curve that likes few and humble victims.
const (
	preemptionRate   = 0.0048
	preemptionOrigin = 2048.0
)

// Victims scores a set of allocations to evict by their jobs' priorities.
func Victims(priorities []int) float64 {
	highest, sum := 0, 0
	for _, p := range priorities {
		highest = max(highest, p)
		sum += p
	}
	if highest == 0 {
		return 0
	}
	net := float64(highest) + float64(sum)/float64(highest)
	return 1 / (1 + math.Exp(preemptionRate*(net-preemptionOrigin)))
}
