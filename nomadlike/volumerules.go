package nomadlike

import (
	"slices"
	"strings"
)

// Types of volumes.
const (
	VolumeTypeHost = "host"
	VolumeTypeCSI  = "csi"
)

// States of dynamic host volumes.
const (
	HostVolumePending     = "pending"     // its node does not tell of it yet
	HostVolumeReady       = "ready"       // may be used
	HostVolumeUnavailable = "unavailable" // its node is gone or has lost it
)

// Access modes: on how many nodes a volume may be used at a time, and by whom.
const (
	AccessReaderOnly      = "single-node-reader-only"
	AccessWriter          = "single-node-writer"
	AccessSingleWriter    = "single-node-single-writer"
	AccessMultiWriter     = "single-node-multi-writer"
	AccessNodesReaderOnly = "multi-node-reader-only"
	AccessNodesWriter     = "multi-node-single-writer"
	AccessNodesWriters    = "multi-node-multi-writer"
)

// Attachment modes.
const (
	AttachFileSystem  = "file-system"
	AttachBlockDevice = "block-device"
)

// SourceOf is the volume that the allocation of that name uses: with per_alloc
// each has one of its own.
func (r *VolumeRequest) SourceOf(allocName string) string {
	if !r.PerAlloc {
		return r.Source
	}
	if at := strings.LastIndexByte(allocName, '['); at >= 0 {
		return r.Source + allocName[at:]
	}
	return r.Source
}

// VolumesOf is what the group asks for of one type, by name.
func (g *Group) VolumesOf(kind string) []*VolumeRequest {
	var names []string
	for name, r := range g.Volumes {
		if r.Type == kind {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	out := make([]*VolumeRequest, len(names))
	for i, name := range names {
		out[i] = g.Volumes[name]
	}
	return out
}

// Group is what the allocation runs, nil when its job is not known.
func (a *Alloc) Group() *Group {
	if a.Job == nil {
		return nil
	}
	return a.Job.Group(a.TaskGroup)
}

// VolumeRequests is what the allocation asks of one volume.
func (a *Alloc) VolumeRequests(kind, source string) []*VolumeRequest {
	g := a.Group()
	if g == nil || len(g.Volumes) == 0 {
		return nil
	}
	return slices.DeleteFunc(g.VolumesOf(kind), func(r *VolumeRequest) bool { return r.SourceOf(a.Name) != source })
}

// HasHostVolume tells whether the node has the dynamic host volume.
func (n *Node) HasHostVolume(v *HostVolume) bool {
	have := n.HostVolumes[v.Name]
	return have != nil && have.ID == v.ID
}

// Allows tells whether the volume was made for what is asked. What is not said
// is no demand.
func (v *HostVolume) Allows(r *VolumeRequest) bool {
	return slices.ContainsFunc(v.RequestedCapabilities, func(c *HostVolumeCapability) bool {
		if c.AccessMode == AccessReaderOnly && !r.ReadOnly {
			return false
		}
		return modeMatches(r.AccessMode, c.AccessMode) && modeMatches(r.AttachmentMode, c.AttachmentMode)
	})
}

func modeMatches(asked, offered string) bool {
	return asked == "" || asked == offered
}

// Allows tells whether the volume was registered for what is asked.
func (v *CSIVolume) Allows(r *VolumeRequest) bool {
	return slices.ContainsFunc(v.RequestedCapabilities, func(c *CSIVolumeCapability) bool {
		return modeMatches(r.AccessMode, c.AccessMode) && modeMatches(r.AttachmentMode, c.AttachmentMode)
	})
}

// InUse tells whether allocations have claims on the volume.
func (v *CSIVolume) InUse() bool { return len(v.ReadAllocs)+len(v.WriteAllocs) > 0 }

// OneWriter tells whether an access mode is for one writer at a time, OneNode
// whether it is for one node at a time.
func OneWriter(mode string) bool {
	return mode == AccessWriter || mode == AccessSingleWriter || mode == AccessNodesWriter
}

// OneNode tells whether an access mode is for one node at a time.
func OneNode(mode string) bool { return strings.HasPrefix(mode, "single-node-") }

// Within tells whether the node's topology has all segments of one that the
// volume can be reached from. A volume without topologies is reached anywhere.
func (t *CSITopology) Within(all []*CSITopology) bool {
	if len(all) == 0 {
		return true
	}
	return t != nil && slices.ContainsFunc(all, func(want *CSITopology) bool {
		for k, v := range want.Segments {
			if t.Segments[k] != v {
				return false
			}
		}
		return true
	})
}

// AddCSIPlugins adds what a node tells of its CSI plugins to those of others,
// by ID.
func AddCSIPlugins(all map[string]*CSIPlugin, n *Node) {
	of := func(i *CSIInfo) *CSIPlugin {
		p := all[i.PluginID]
		if p == nil {
			p = &CSIPlugin{
				ID: i.PluginID, Provider: i.Provider, Version: i.ProviderVersion, ControllerRequired: i.RequiresControllerPlugin,
				Controllers: map[string]*CSIInfo{}, Nodes: map[string]*CSIInfo{}, CreateIndex: n.CreateIndex,
			}
			all[i.PluginID] = p
		}
		p.CreateIndex, p.ModifyIndex = min(p.CreateIndex, n.CreateIndex), max(p.ModifyIndex, n.ModifyIndex)
		return p
	}
	for _, i := range n.CSIControllerPlugins {
		p := of(i)
		p.Controllers[n.ID] = i
		p.ControllersExpected++
		if i.Healthy {
			p.ControllersHealthy++
		}
	}
	for _, i := range n.CSINodePlugins {
		p := of(i)
		p.Nodes[n.ID] = i
		p.NodesExpected++
		if i.Healthy {
			p.NodesHealthy++
		}
	}
}
