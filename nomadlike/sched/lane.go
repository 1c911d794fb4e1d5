package sched

import (
	"fmt"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/expr"
)

type laneKey struct {
	alike *alike
	terms int
}

// bucket is one combination of values of the spread attributes.
type bucket struct {
	values  []string
	known   []bool
	members []*candidate
	alike   *alike // of its own, unless lanes are told apart by counts
}

// alike is what the spreads like alike: one bucket, or, with one even spread
// over many values, all buckets with the same count.
type alike struct {
	bucket *bucket // nil: all with the count
	count  int
}

// bucketsMax is how many buckets of an even spread have lanes of their own. With
// more of them their scores are too many to compare for every placement.
const bucketsMax = 64

// bucketOf is the bucket of the node's spread values, nil without spreads.
func (p *placer) bucketOf(n *nl.Node) *bucket {
	if len(p.spreads) == 0 {
		return nil
	}
	b := &bucket{}
	var key strings.Builder
	for _, s := range p.spreads {
		value, ok := expr.Resolve(s.Attribute, n)
		b.values = append(b.values, value)
		b.known = append(b.known, ok)
		fmt.Fprintf(&key, "%t%d:%s", ok, len(value), value)
	}
	if known := p.buckets[key.String()]; known != nil {
		return known
	}
	p.buckets[key.String()] = b
	return b
}

// spread is how much the spreads like the bucket now.
func (p *placer) spread(b *bucket) float64 {
	if b == nil {
		return 0
	}
	sum := 0.0
	for i, s := range p.spreads {
		sum += s.Boost(b.values[i], b.known[i])
	}
	return sum
}

// alikeOf is what the spreads like like this bucket.
func (p *placer) alikeOf(b *bucket) *alike {
	if b == nil {
		return nil
	}
	if !p.byCount || !b.known[0] {
		if b.alike == nil {
			b.alike = &alike{bucket: b}
		}
		return b.alike
	}
	return p.alikeCount(p.spreads[0].Count(b.values[0]))
}

// alikeCount is all buckets with the count.
func (p *placer) alikeCount(count int) *alike {
	a := p.alikes[count]
	if a == nil {
		a = &alike{count: count}
		p.alikes[count] = a
	}
	return a
}

// liked is how much the spreads like what is alike.
func (p *placer) liked(a *alike) float64 {
	switch {
	case a == nil:
		return 0
	case a.bucket != nil:
		return p.spread(a.bucket)
	}
	return p.spreads[0].BoostOf(a.count)
}

func (p *placer) laneOf(c *candidate) (*lane, entry) {
	sum, terms := c.parts.Base()
	return p.laneAt(laneKey{p.alikeOf(c.bucket), terms}), entry{sum: sum, order: c.order, c: c}
}

func (p *placer) laneAt(key laneKey) *lane {
	l := p.lane[key]
	if l == nil {
		l = &lane{alike: key.alike, terms: key.terms}
		p.lane[key] = l
		p.lanes = append(p.lanes, l)
	}
	return l
}
