package sched_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// accessModes are the short names of access modes.
func accessModes(short string) string {
	full, known := map[string]string{
		"": "", "ro": nl.AccessReaderOnly, "w": nl.AccessWriter, "sw": nl.AccessSingleWriter, "mw": nl.AccessMultiWriter,
		"nro": nl.AccessNodesReaderOnly, "nsw": nl.AccessNodesWriter, "nmw": nl.AccessNodesWriters,
	}[short]
	if !known {
		panic("unknown access mode " + short)
	}
	return full
}

// setHostVolumes gives a node host volumes, joined by +: NAME is one of its
// configuration, NAME! one that is read only, NAME:ID a dynamic one.
func setHostVolumes(n *nl.Node, value string) {
	n.HostVolumes = map[string]*nl.ClientHostVolumeConfig{}
	for _, v := range strings.Split(value, "+") {
		name, id, _ := strings.Cut(v, ":")
		plain := strings.TrimSuffix(name, "!")
		n.HostVolumes[plain] = &nl.ClientHostVolumeConfig{Name: plain, ReadOnly: plain != name, ID: id}
	}
}

// setCSIPlugin gives a node a plugin: NAME[!][/MAX][@ZONE], ! is unhealthy.
func setCSIPlugin(n *nl.Node, value string) {
	value, zone, _ := strings.Cut(value, "@")
	value, most, _ := strings.Cut(value, "/")
	name := strings.TrimSuffix(value, "!")
	info := &nl.CSINodeInfo{ID: n.ID}
	info.MaxVolumes, _ = strconv.Atoi(most)
	if zone != "" {
		info.AccessibleTopology = &nl.CSITopology{Segments: map[string]string{"zone": zone}}
	}
	n.CSINodePlugins = map[string]*nl.CSIInfo{name: {PluginID: name, Healthy: name == value, NodeInfo: info}}
}

// addVolume asks for a volume: NAME[!][+][*][@MODE]. ! reads only, + is one for
// each allocation, * sticks.
func addVolume(g *nl.Group, kind, value string) {
	value, mode, _ := strings.Cut(value, "@")
	name := strings.TrimRight(value, "!+*")
	flags := value[len(name):]
	r := &nl.VolumeRequest{
		Name: name, Type: kind, Source: name, AccessMode: accessModes(mode), ReadOnly: strings.Contains(flags, "!"),
		PerAlloc: strings.Contains(flags, "+"), Sticky: strings.Contains(flags, "*"),
	}
	if kind == nl.VolumeTypeCSI {
		r.AttachmentMode = nl.AttachFileSystem
	}
	if g.Volumes == nil {
		g.Volumes = map[string]*nl.VolumeRequest{}
	}
	g.Volumes[name] = r
}

func (w *world) hostVolume(id string, a args) {
	v := &nl.HostVolume{ID: id, Name: a.get("name"), Namespace: "default", NodeID: a.get("node"), PluginID: "mkdir"}
	if ns := a.get("namespace"); ns != "" {
		v.Namespace = ns
		w.apply(&op.UpsertNamespaces{Namespaces: []*nl.Namespace{{Name: ns}}})
	}
	for _, mode := range strings.Split(a.get("mode"), ",") {
		v.RequestedCapabilities = append(v.RequestedCapabilities, &nl.HostVolumeCapability{AccessMode: accessModes(mode), AttachmentMode: nl.AttachFileSystem})
	}
	w.apply(&op.UpsertHostVolumes{Volumes: []*nl.HostVolume{v}, Time: w.now.UnixNano()})
}

func (w *world) csiVolume(id string, a args) {
	v := &nl.CSIVolume{ID: id, Name: id, Namespace: "default", PluginID: a.get("plugin"), ExternalID: "ext-" + id}
	for _, mode := range strings.Split(a.get("mode"), ",") {
		v.RequestedCapabilities = append(v.RequestedCapabilities, &nl.CSIVolumeCapability{AccessMode: accessModes(mode), AttachmentMode: nl.AttachFileSystem})
	}
	if zone := a.get("zone"); zone != "" {
		v.Topologies = []*nl.CSITopology{{Segments: map[string]string{"zone": zone}}}
	}
	w.apply(&op.UpsertCSIVolumes{Volumes: []*nl.CSIVolume{v}, Time: w.now.UnixNano()})
}

func (w *world) showVolumes() {
	for v := range w.state.HostVolumes(nl.AllNamespaces) {
		w.printf("%s %s on %s: %s", v.ID, v.Name, v.NodeID, v.State)
	}
	for c := range w.state.HostVolumeClaims(nl.AllNamespaces) {
		w.printf("claim %s.%s: %s by %s", c.JobID, c.TaskGroupName, c.VolumeID, w.called(w.state.Alloc(c.AllocID)))
	}
	for v := range w.state.CSIVolumes(nl.AllNamespaces, "") {
		w.printf("%s%s: readers=%s writers=%s", v.ID, when(v.AccessMode != "", " "+v.AccessMode), w.holders(v.ReadAllocs), w.holders(v.WriteAllocs))
	}
}

func when(ok bool, text string) string {
	if ok {
		return text
	}
	return ""
}

func (w *world) holders(claims map[string]*nl.Alloc) string {
	var names []string
	for _, id := range slices.Sorted(maps.Keys(claims)) {
		if a := w.state.Alloc(id); a != nil {
			names = append(names, w.called(a))
		} else {
			names = append(names, fmt.Sprintf("gone %s", id))
		}
	}
	return "[" + strings.Join(names, " ") + "]"
}
