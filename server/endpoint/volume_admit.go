package endpoint

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/expr"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// defaultHostPlugin makes volumes that name no plugin.
const defaultHostPlugin = "default"

// hostVolumeAdmit checks a volume, fills it up and gives it a node. before is
// the volume that it changes, nil when it is new.
func (e *Endpoints) hostVolumeAdmit(s *store.Snapshot, v *nl.HostVolume, register bool) (before *nl.HostVolume, err error) {
	if v.PluginID == "" && !register {
		v.PluginID = defaultHostPlugin
	}
	if problems := hostVolumeProblems(v, register); len(problems) > 0 {
		return nil, nl.Errorf(nl.CodeInternal, "volume validation failed: %s", problems.Error())
	}
	if s.Namespace(v.Namespace) == nil {
		return nil, nl.Errorf(nl.CodeInternal, "volume %q is in nonexistent namespace %q", v.Name, v.Namespace)
	}
	v.Allocations, v.CreateIndex, v.ModifyIndex, v.State = nil, 0, 0, nl.HostVolumePending
	v.CreateTime, v.ModifyTime = e.now(), e.now()
	if v.ID != "" {
		if before = s.HostVolume(v.Namespace, v.ID); before == nil {
			return nil, nl.Errorf(nl.CodeInternal, "no such volume: %s", v.ID)
		}
		return before, hostVolumeChange(before, v)
	}
	node, err := placeHostVolume(s, v, register)
	if err != nil {
		return nil, err
	}
	v.ID, v.NodeID, v.NodePool = e.cfg.NewID(), node.ID, node.NodePool
	return nil, nil
}

// hostVolumeProblems is everything wrong with a volume by itself.
func hostVolumeProblems(v *nl.HostVolume, register bool) admit.Problems {
	var p admit.Problems
	add := func(bad bool, format string, args ...any) {
		if bad {
			p = append(p, fmt.Sprintf(format, args...))
		}
	}
	add(v.Name == "", "missing name")
	add(strings.ContainsRune(v.Name, 0), "name may not hold a NUL character")
	add(v.RequestedCapacityMinBytes < 0 || v.RequestedCapacityMaxBytes < 0, "capacity_min and capacity_max may not be negative")
	add(v.RequestedCapacityMaxBytes > 0 && v.RequestedCapacityMaxBytes < v.RequestedCapacityMinBytes,
		"capacity_max (%d) must be larger than capacity_min (%d)", v.RequestedCapacityMaxBytes, v.RequestedCapacityMinBytes)
	add(len(v.RequestedCapabilities) == 0, "must include at least one capability block")
	for i, c := range v.RequestedCapabilities {
		add(c == nil, "capability %d is empty", i)
		if c == nil {
			continue
		}
		add(!slices.Contains([]string{nl.AccessReaderOnly, nl.AccessWriter, nl.AccessSingleWriter, nl.AccessMultiWriter}, c.AccessMode),
			"invalid access mode: %q", c.AccessMode)
		add(c.AttachmentMode != nl.AttachFileSystem && c.AttachmentMode != nl.AttachBlockDevice, "invalid attachment mode: %q", c.AttachmentMode)
	}
	for _, c := range v.Constraints {
		if _, err := expr.Compile(c.Operand, c.LTarget, c.RTarget); err != nil {
			add(true, "invalid constraint: %s", err)
		}
	}
	if register {
		add(v.NodeID == "", "cannot register volume: node ID is required")
		add(v.HostPath == "", "cannot register volume: host path is required")
		add(v.HostPath != "" && !filepath.IsAbs(v.HostPath), "host path %q must be absolute", v.HostPath)
	}
	return p
}

// hostVolumeChange takes over what of a volume cannot change.
func hostVolumeChange(before, v *nl.HostVolume) error {
	var p admit.Problems
	keep := func(what string, asked *string, have string) {
		if *asked != "" && *asked != have {
			p = append(p, fmt.Sprintf("%s cannot be updated", what))
		}
		*asked = have
	}
	keep("node ID", &v.NodeID, before.NodeID)
	keep("node pool", &v.NodePool, before.NodePool)
	keep("name", &v.Name, before.Name)
	keep("plugin ID", &v.PluginID, before.PluginID)
	keep("host path", &v.HostPath, before.HostPath)
	if v.RequestedCapacityMaxBytes > 0 && int64(v.RequestedCapacityMaxBytes) < before.CapacityBytes {
		p = append(p, fmt.Sprintf("capacity_max (%d) cannot be less than existing provisioned capacity (%d)", v.RequestedCapacityMaxBytes, before.CapacityBytes))
	}
	v.State, v.CapacityBytes, v.CreateTime = before.State, before.CapacityBytes, before.CreateTime
	if len(p) > 0 {
		return nl.Errorf(nl.CodeInternal, "volume validation failed: %s", p.Error())
	}
	return nil
}

// placeHostVolume chooses a node for a new volume: of those that may have it
// the one with the fewest volumes, by ID when several do.
func placeHostVolume(s *store.Snapshot, v *nl.HostVolume, register bool) (*nl.Node, error) {
	var best *nl.Node
	fewest := 0
	reasons := map[string]int{}
	for n := range s.Nodes() {
		reason, volumes := hostVolumeObstacle(s, v, n, register)
		switch {
		case reason != "":
			reasons[reason]++
		case best == nil || volumes < fewest:
			best, fewest = n, volumes
		}
	}
	if best != nil {
		return best, nil
	}
	var why []string
	for reason, nodes := range reasons {
		why = append(why, fmt.Sprintf("%s (%d nodes)", reason, nodes))
	}
	slices.Sort(why)
	if len(why) == 0 {
		why = []string{"there are no nodes"}
	}
	return nil, nl.Errorf(nl.CodeInternal, "could not place volume %q: no node meets its constraints: %s", v.Name, strings.Join(why, ", "))
}

// hostVolumeObstacle is why a node cannot have a new volume, "" when it can,
// and how many it has.
func hostVolumeObstacle(s *store.Snapshot, v *nl.HostVolume, n *nl.Node, register bool) (reason string, volumes int) {
	switch {
	case v.NodeID != "" && n.ID != v.NodeID:
		return "another node is asked for", 0
	case n.Status != nl.NodeStatusReady:
		return "not ready", 0
	case v.NodeID == "" && !n.Ready():
		return "not eligible", 0
	case v.NodePool != "" && v.NodePool != nl.NodePoolAll && n.NodePool != v.NodePool:
		return "not in the node pool", 0
	case !register && n.Attributes["plugins.host_volume."+v.PluginID+".version"] == "":
		return fmt.Sprintf("no plugin %q", v.PluginID), 0
	case n.HostVolumes[v.Name] != nil:
		return "has a volume of that name", 0
	}
	for o := range s.HostVolumesByNode(n.ID) {
		if volumes++; o.Name == v.Name {
			return "has a volume of that name", 0
		}
	}
	for _, c := range v.Constraints {
		// It compiled when the volume was checked.
		if check, err := expr.Compile(c.Operand, c.LTarget, c.RTarget); err != nil || !check.Node(n) {
			return c.LTarget + " " + c.Operand + " " + c.RTarget, 0
		}
	}
	return "", volumes
}
