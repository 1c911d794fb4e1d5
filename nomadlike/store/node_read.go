package store

import (
	"iter"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/capacity"
)

// Node is nil when there is none.
func (s *Snapshot) Node(id string) *nl.Node {
	row, _ := s.nodes.Get(id)
	return row.Node
}

func nodeOf(r nodeRow) *nl.Node { return r.Node }

// Nodes yields the nodes by ID.
func (s *Snapshot) Nodes() iter.Seq[*nl.Node] { return filtered(s.nodes.All(), nodeOf, always) }

// NodesByPrefix yields the nodes whose ID starts with prefix, by ID.
func (s *Snapshot) NodesByPrefix(prefix string) iter.Seq[*nl.Node] {
	return filtered(s.nodes.Prefixed(prefix), nodeOf, always)
}

// NodeBySecret finds the node that authenticates with secret; nil when none does.
func (s *Snapshot) NodeBySecret(secret string) *nl.Node {
	l, found := s.nodeSecrets.Get(secret)
	if !found {
		return nil
	}
	return s.Node(l.to)
}

// NodeCount is the number of nodes.
func (s *Snapshot) NodeCount() int { return s.nodes.Len() }

// Capacity is what is left on nodes that may take work. The caller may change
// the copy it gets.
func (s *Snapshot) Capacity() capacity.Index { return s.capacity }

// CapacityOf is what is left on a node, nil unless it may take work.
func (s *Snapshot) CapacityOf(id string) *capacity.Slot { return s.capacity.Get(id) }
