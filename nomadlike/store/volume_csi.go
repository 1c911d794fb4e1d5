package store

import (
	"iter"
	"maps"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

func csiVolumeOf(r csiVolumeRow) *nl.CSIVolume { return r.CSIVolume }

// CSIVolume is nil when there is none.
func (s *Snapshot) CSIVolume(namespace, id string) *nl.CSIVolume {
	row, _ := s.csiVolumes.Get(JobKey(namespace, id))
	return row.CSIVolume
}

// CSIVolumes yields the CSI volumes whose ID starts with prefix, by namespace
// and ID.
func (s *Snapshot) CSIVolumes(namespace, prefix string) iter.Seq[*nl.CSIVolume] {
	if namespace != nl.AllNamespaces {
		return filtered(s.csiVolumes.Prefixed(namespacePrefix(namespace)+prefix), csiVolumeOf, always)
	}
	return filtered(s.csiVolumes.All(), csiVolumeOf, func(v *nl.CSIVolume) bool { return len(v.ID) >= len(prefix) && v.ID[:len(prefix)] == prefix })
}

// CSIPlugins are the plugins that nodes tell of, by ID.
func (s *Snapshot) CSIPlugins() map[string]*nl.CSIPlugin {
	out := map[string]*nl.CSIPlugin{}
	for n := range s.Nodes() {
		if n.Status != nl.NodeStatusDown {
			nl.AddCSIPlugins(out, n)
		}
	}
	return out
}

func (t *tx) upsertCSIVolumes(o *op.UpsertCSIVolumes) error {
	for _, v := range o.Volumes {
		if t.Namespace(v.Namespace) == nil {
			return nl.Errorf(nl.CodeInternal, "volume %q is in nonexistent namespace %q", v.ID, v.Namespace)
		}
		next := *v
		next.CreateIndex, next.CreateTime = t.index, o.Time
		next.ReadAllocs, next.WriteAllocs = map[string]*nl.Alloc{}, map[string]*nl.Alloc{}
		before := t.CSIVolume(v.Namespace, v.ID)
		if before != nil {
			if before.ExternalID != v.ExternalID || before.PluginID != v.PluginID || before.Provider != v.Provider && v.Provider != "" {
				return nl.Errorf(nl.CodeInternal, "volume exists: %s", v.ID)
			}
			next.CreateIndex, next.CreateTime = before.CreateIndex, before.CreateTime
			next.ReadAllocs, next.WriteAllocs = before.ReadAllocs, before.WriteAllocs
			next.AccessMode, next.AttachmentMode = before.AccessMode, before.AttachmentMode
		}
		next.ModifyTime = o.Time
		t.putCSIVolume(before, &next)
	}
	return nil
}

func (t *tx) putCSIVolume(before, next *nl.CSIVolume) {
	next.ModifyIndex = t.index
	t.csiVolumes.Set(t.owner, csiVolumeRow{next})
	change(t, TableCSIVolumes, next.Namespace, next.ID, before, next)
}

func (t *tx) deregisterCSIVolume(o *op.DeregisterCSIVolume) error {
	v := t.CSIVolume(o.Namespace, o.ID)
	if v == nil {
		return nl.Errorf(nl.CodeInternal, "volume not found: %s", o.ID)
	}
	if v.InUse() && !o.Force {
		return nl.Errorf(nl.CodeInternal, "volume in use: %s", o.ID)
	}
	t.csiVolumes.Delete(t.owner, JobKey(v.Namespace, v.ID))
	change(t, TableCSIVolumes, v.Namespace, v.ID, v, nil)
	return nil
}

func (t *tx) releaseCSIVolume(o *op.ReleaseCSIVolume) error {
	v := t.CSIVolume(o.Namespace, o.ID)
	if v == nil {
		return nl.Errorf(nl.CodeInternal, "volume not found: %s", o.ID)
	}
	var gone []string
	for _, claims := range [2]map[string]*nl.Alloc{v.ReadAllocs, v.WriteAllocs} {
		for _, id := range slices.Sorted(maps.Keys(claims)) {
			if a := t.Alloc(id); a == nil || a.NodeID == o.NodeID {
				gone = append(gone, id)
			}
		}
	}
	t.releaseClaims(v, gone...)
	return nil
}

// releaseClaims ends claims. What is claimed by nobody may be claimed in any
// mode.
func (t *tx) releaseClaims(v *nl.CSIVolume, allocIDs ...string) {
	next := *v
	next.ReadAllocs, next.WriteAllocs = maps.Clone(v.ReadAllocs), maps.Clone(v.WriteAllocs)
	for _, id := range allocIDs {
		delete(next.ReadAllocs, id)
		delete(next.WriteAllocs, id)
	}
	if len(next.ReadAllocs) == len(v.ReadAllocs) && len(next.WriteAllocs) == len(v.WriteAllocs) {
		return
	}
	if !next.InUse() {
		next.AccessMode, next.AttachmentMode = "", ""
	}
	t.putCSIVolume(v, &next)
}

// claimVolumes notes what a new allocation claims of the volumes of its group,
// and ends its claims when it has ended on its node or is forgotten (next is
// nil).
func (t *tx) claimVolumes(old, next *nl.Alloc) {
	a := next
	if a == nil {
		a = old
	}
	g := a.Group()
	if g == nil || len(g.Volumes) == 0 {
		return
	}
	switch {
	case next == nil || next.TerminalClient():
		for _, r := range g.VolumesOf(nl.VolumeTypeCSI) {
			if v := t.CSIVolume(a.Namespace, r.SourceOf(a.Name)); v != nil {
				t.releaseClaims(v, a.ID)
			}
		}
	case old == nil && !next.Terminal():
		t.claimHostVolumes(next, g)
		for _, r := range g.VolumesOf(nl.VolumeTypeCSI) {
			t.claimCSIVolume(next, r)
		}
	}
}

func (t *tx) claimCSIVolume(a *nl.Alloc, r *nl.VolumeRequest) {
	v := t.CSIVolume(a.Namespace, r.SourceOf(a.Name))
	if v == nil {
		return
	}
	next := *v
	next.ReadAllocs, next.WriteAllocs = maps.Clone(v.ReadAllocs), maps.Clone(v.WriteAllocs)
	claims := &next.WriteAllocs
	if r.ReadOnly {
		claims = &next.ReadAllocs
	}
	if *claims == nil {
		*claims = map[string]*nl.Alloc{}
	}
	(*claims)[a.ID] = nil
	if next.AccessMode == "" {
		next.AccessMode, next.AttachmentMode = r.AccessMode, r.AttachmentMode
	}
	t.putCSIVolume(v, &next)
}
