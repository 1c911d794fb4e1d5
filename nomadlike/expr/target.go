package expr

import (
	"strings"

	"github.com/nomadlike/nomadlike/nomadlike"
)

// TargetKind is what a side of a comparison refers to.
type TargetKind uint8

// The kinds of targets.
const (
	Literal TargetKind = iota
	NodeID
	NodeName
	NodeDatacenter
	NodeClass
	NodePool
	NodeAttribute
	NodeMeta
	// AllocJob, AllocGroup and AllocMeta stand for a set of values: those of the
	// allocations on the node. No node resolves them by itself.
	AllocJob
	AllocGroup
	AllocMeta
	// Unknown is a reference to something that no node has.
	Unknown
)

// Target is a parsed side of a comparison.
type Target struct {
	Kind TargetKind
	Text string // literal text, or the key of the attribute or meta value
}

// ParseTarget reads a target. What does not start with ${ is literal.
func ParseTarget(s string) Target {
	if !strings.HasPrefix(s, "${") {
		return Target{Kind: Literal, Text: s}
	}
	ref := strings.TrimSuffix(s[2:], "}")
	switch ref {
	case "node.unique.id":
		return Target{Kind: NodeID}
	case "node.unique.name":
		return Target{Kind: NodeName}
	case "node.datacenter":
		return Target{Kind: NodeDatacenter}
	case "node.class":
		return Target{Kind: NodeClass}
	case "node.pool":
		return Target{Kind: NodePool}
	case "alloc.job":
		return Target{Kind: AllocJob}
	case "alloc.group":
		return Target{Kind: AllocGroup}
	}
	if key, ok := strings.CutPrefix(ref, "attr."); ok {
		return Target{Kind: NodeAttribute, Text: key}
	}
	if key, ok := strings.CutPrefix(ref, "meta."); ok {
		return Target{Kind: NodeMeta, Text: key}
	}
	if key, ok := strings.CutPrefix(ref, "alloc.meta."); ok {
		return Target{Kind: AllocMeta, Text: key}
	}
	return Target{Kind: Unknown, Text: ref}
}

// OfAllocs tells that the target looks at the allocations on a node.
func (t Target) OfAllocs() bool {
	return t.Kind == AllocJob || t.Kind == AllocGroup || t.Kind == AllocMeta
}

// Resolve is the target's value on a node; ok is false where the node lacks it.
func (t Target) Resolve(n *nomadlike.Node) (value string, ok bool) {
	switch t.Kind {
	case Literal:
		return t.Text, true
	case NodeID:
		return n.ID, true
	case NodeName:
		return n.Name, true
	case NodeDatacenter:
		return n.Datacenter, true
	case NodeClass:
		return n.NodeClass, true
	case NodePool:
		return n.NodePool, true
	case NodeAttribute:
		value, ok = n.Attributes[t.Text]
	case NodeMeta:
		value, ok = n.Meta[t.Text]
	}
	return value, ok
}

// Escapes tells that nodes of one class may have different values.
func (t Target) Escapes() bool {
	switch t.Kind {
	case NodeID, NodeName, AllocJob, AllocGroup, AllocMeta:
		return true
	case NodeAttribute, NodeMeta, Unknown:
		return strings.HasPrefix(t.Text, "unique.") || strings.HasPrefix(t.Text, "node.unique.")
	}
	return false
}

// Resolve is the value of a target on a node; ok is false where the node lacks
// it.
func Resolve(target string, n *nomadlike.Node) (value string, ok bool) {
	return ParseTarget(target).Resolve(n)
}

// Escapes tells that nodes of one class may resolve the target differently.
func Escapes(target string) bool { return ParseTarget(target).Escapes() }
