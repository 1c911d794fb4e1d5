package fit

import (
	"fmt"
	"maps"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// VolumeClash is what a node runs out of when two allocations write a volume
// that is for one writer, as metrics name it.
const VolumeClash = "volumes: already in use"

// WritesAlone tells whether a request of a host volume bears no other writer.
func WritesAlone(r *nl.VolumeRequest) bool {
	return r.Type == nl.VolumeTypeHost && !r.ReadOnly && r.AccessMode == nl.AccessSingleWriter
}

// writesAlone tells whether allocations of the group (nil: not known) write a
// host volume that bears no other writer.
func writesAlone(g *nl.Group) bool {
	if g == nil {
		return false
	}
	for _, r := range g.Volumes {
		if WritesAlone(r) {
			return true
		}
	}
	return false
}

// Writes tells whether an allocation on the node writes the host volume.
func (n *Node) Writes(source string) bool {
	return slices.ContainsFunc(n.Allocs(), func(a *nl.Alloc) bool {
		return slices.ContainsFunc(a.VolumeRequests(nl.VolumeTypeHost, source), func(r *nl.VolumeRequest) bool { return !r.ReadOnly })
	})
}

// volumeClash tells whether allocations on the node write a volume together
// that one of them must write alone.
func (n *Node) volumeClash() bool {
	writers, alone := map[string]int{}, map[string]bool{}
	for _, a := range n.telling() {
		g := a.Group()
		if g == nil {
			continue
		}
		for _, r := range g.VolumesOf(nl.VolumeTypeHost) {
			if source := r.SourceOf(a.Name); !r.ReadOnly {
				writers[source]++
				alone[source] = alone[source] || WritesAlone(r)
			}
		}
	}
	for source, count := range writers {
		if count > 1 && alone[source] {
			return true
		}
	}
	return false
}

// Holder is an allocation that uses a CSI volume, or is about to.
type Holder struct {
	NodeID     string
	ReadOnly   bool
	AccessMode string
}

// HolderOf is what an allocation holds of a volume; ok is false when it does
// not ask for it.
func HolderOf(a *nl.Alloc, volume string) (h Holder, ok bool) {
	requests := a.VolumeRequests(nl.VolumeTypeCSI, volume)
	if len(requests) == 0 {
		return Holder{}, false
	}
	h = Holder{NodeID: a.NodeID, ReadOnly: true, AccessMode: requests[0].AccessMode}
	for _, r := range requests {
		h.ReadOnly = h.ReadOnly && r.ReadOnly
	}
	return h, true
}

// Holders lists who holds a volume by its claims, but for allocations that have
// ended, that leaves tells of, and that the job stops already: their
// replacements wait on their node until the volume is free.
func Holders(v *nl.CSIVolume, job string, alloc func(id string) *nl.Alloc, leaves func(id string) bool) []Holder {
	var out []Holder
	for _, claims := range [2]map[string]*nl.Alloc{v.ReadAllocs, v.WriteAllocs} {
		for _, id := range slices.Sorted(maps.Keys(claims)) {
			a := alloc(id)
			if a == nil || a.TerminalClient() || leaves(id) || a.TerminalDesired() && a.JobID == job {
				continue
			}
			if h, ok := HolderOf(a, v.ID); ok {
				out = append(out, h)
			}
		}
	}
	return out
}

// Claim tells why a volume cannot be claimed on a node beside those who hold
// it, "" when it can.
func Claim(v *nl.CSIVolume, r *nl.VolumeRequest, nodeID string, holders []Holder) string {
	if !r.ReadOnly && (r.AccessMode == nl.AccessReaderOnly || r.AccessMode == nl.AccessNodesReaderOnly) {
		return fmt.Sprintf("CSI volume %s is unschedulable or is read-only", v.ID)
	}
	kind := "writer"
	if r.ReadOnly {
		kind = "reader"
	}
	for _, h := range holders {
		switch {
		case h.AccessMode != r.AccessMode, oneNodeElsewhere(r.AccessMode, h.NodeID, nodeID),
			!h.ReadOnly && !r.ReadOnly && nl.OneWriter(r.AccessMode):
			return fmt.Sprintf("CSI volume %s has exhausted its available %s claims", v.ID, kind)
		}
	}
	return ""
}

// oneNodeElsewhere tells whether the mode is for one node and that is another.
func oneNodeElsewhere(mode, held, wanted string) bool { return nl.OneNode(mode) && held != wanted }

// CSIVolumesOf counts the volumes of one plugin that the node's allocations
// use, but for one volume.
func (n *Node) CSIVolumesOf(plugin, except string, volume func(namespace, id string) *nl.CSIVolume) int {
	seen := map[string]bool{}
	for _, a := range n.Allocs() {
		g := a.Group()
		if g == nil {
			continue
		}
		for _, r := range g.VolumesOf(nl.VolumeTypeCSI) {
			v := volume(a.Namespace, r.SourceOf(a.Name))
			if v != nil && v.PluginID == plugin && v.ID != except {
				seen[v.Namespace+"\x00"+v.ID] = true
			}
		}
	}
	return len(seen)
}
