package rank

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// implicitTarget is the target of every value that no other target names.
const implicitTarget = "*"

// Spread counts where the allocations of a group are by one attribute, and
// says how much a value is liked for the next.
type Spread struct {
	Attribute string
	weight    float64            // share of this spread in all
	desired   map[string]float64 // nil: even over all values
	counts    map[string]int
	lowest    float64     // lowest boost that was given
	values    map[int]int // how many values have a count, 0 left out
	min, max  int         // of the counts that are not 0
}

// NewSpreads prepares the spreads of a job and its group.
func NewSpreads(job *nl.Job, g *nl.Group) []*Spread {
	all := append(append([]*nl.Spread(nil), g.Spreads...), job.Spreads...)
	sum := 0
	for _, s := range all {
		sum += s.Weight
	}
	var out []*Spread
	for _, s := range all {
		if sum == 0 {
			break
		}
		out = append(out, newSpread(s, float64(s.Weight)/float64(sum), g.Count))
	}
	return out
}

func newSpread(s *nl.Spread, weight float64, count int) *Spread {
	out := &Spread{Attribute: s.Attribute, weight: weight, counts: map[string]int{}, values: map[int]int{}, lowest: -1}
	if len(s.SpreadTarget) == 0 {
		return out
	}
	out.desired = map[string]float64{}
	left := float64(count)
	for _, t := range s.SpreadTarget {
		want := float64(t.Percent) / 100 * float64(count)
		out.desired[t.Value] = want
		left -= want
	}
	if _, named := out.desired[implicitTarget]; !named && left > 0 && left < float64(count) {
		out.desired[implicitTarget] = left
	}
	return out
}

// Add counts by more allocations (fewer, when negative) on nodes with the value.
func (s *Spread) Add(value string, by int) {
	before := s.counts[value]
	after := max(0, before+by)
	if after == before {
		return
	}
	s.counts[value] = after
	if before > 0 {
		s.values[before]--
	}
	if after > 0 {
		s.values[after]++
	}
	if after < before {
		s.bounds()
		return
	}
	s.max = max(s.max, after)
	switch {
	case before == 0 && (s.min == 0 || after < s.min):
		s.min = after
	case before == s.min && s.values[before] == 0:
		s.bounds()
	}
}

// Even tells that the spread has no targets, so that values of one count are
// liked alike.
func (s *Spread) Even() bool { return s.desired == nil }

// BoostOf is Boost of an even spread for values that have this count.
func (s *Spread) BoostOf(count int) float64 { return s.even(count) }

// Count is how many allocations are on nodes with the value.
func (s *Spread) Count(value string) int { return s.counts[value] }

// Boost is how much a value is liked; known is false on nodes that lack the
// attribute.
func (s *Spread) Boost(value string, known bool) float64 {
	if !known {
		return -1
	}
	if s.desired == nil {
		return s.even(s.counts[value])
	}
	desired, named := s.desired[value]
	if !named {
		if desired, named = s.desired[implicitTarget]; !named {
			return -1
		}
	}
	if desired == 0 {
		return s.lowest
	}
	used := float64(s.counts[value] + 1)
	boost := (desired - used) / desired * s.weight
	s.lowest = min(s.lowest, boost)
	return boost
}

// even likes values with fewer allocations than others have.
func (s *Spread) even(count int) float64 {
	switch {
	case s.max == 0:
		return 0
	case count != s.min:
		if s.min == 0 {
			return -1
		}
		return float64(s.min-count) / float64(s.min)
	case s.min == s.max:
		return -1
	case s.min == 0:
		return 1
	}
	return float64(s.max-s.min) / float64(s.min)
}

// bounds finds the lowest and highest count that some value has.
func (s *Spread) bounds() {
	s.min, s.max = 0, 0
	for count, values := range s.values {
		if values == 0 {
			delete(s.values, count)
			continue
		}
		if s.min == 0 || count < s.min {
			s.min = count
		}
		s.max = max(s.max, count)
	}
}
