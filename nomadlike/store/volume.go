package store

import (
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store/cow"
)

func hostVolumeOf(r hostVolumeRow) *nl.HostVolume { return r.HostVolume }

func hostClaimOf(r hostClaimRow) *nl.TaskGroupHostVolumeClaim { return r.TaskGroupHostVolumeClaim }

// HostVolume is nil when there is none.
func (s *Snapshot) HostVolume(namespace, id string) *nl.HostVolume {
	row, _ := s.hostVolumes.Get(JobKey(namespace, id))
	return row.HostVolume
}

// HostVolumes yields dynamic host volumes by namespace and ID.
func (s *Snapshot) HostVolumes(namespace string) iter.Seq[*nl.HostVolume] {
	return filtered(s.hostVolumes.Prefixed(namespacePrefix(namespace)), hostVolumeOf, always)
}

// HostVolumesByNode yields the dynamic host volumes of a node by namespace and
// ID.
func (s *Snapshot) HostVolumesByNode(nodeID string) iter.Seq[*nl.HostVolume] {
	return filtered(s.hostVolumeByNode.Prefixed(nodeID+keySeparator), hostVolumeOf, always)
}

// HostVolumeClaims yields the claims of groups with sticky volumes by
// namespace, job, group and volume name.
func (s *Snapshot) HostVolumeClaims(namespace string) iter.Seq[*nl.TaskGroupHostVolumeClaim] {
	return filtered(s.hostVolumeClaims.Prefixed(namespacePrefix(namespace)), hostClaimOf, always)
}

// HostVolumeClaimsOf yields the claims of one group.
func (s *Snapshot) HostVolumeClaimsOf(namespace, job, group string) iter.Seq[*nl.TaskGroupHostVolumeClaim] {
	return filtered(s.hostVolumeClaims.Prefixed(groupClaims(namespace, job, group)), hostClaimOf, always)
}

func groupClaims(namespace, job, group string) string {
	return JobKey(namespace, job) + keySeparator + group + keySeparator
}

func claimKey(c *nl.TaskGroupHostVolumeClaim) string {
	return groupClaims(c.Namespace, c.JobID, c.TaskGroupName) + c.VolumeName + keySeparator + c.ID
}

// putHostVolume stores a volume where it is looked for.
func (s *Snapshot) putHostVolume(o *cow.Owner, v *nl.HostVolume) {
	s.hostVolumes.Set(o, hostVolumeRow{JobKey(v.Namespace, v.ID), v})
	s.hostVolumeByNode.Set(o, hostVolumeRow{JobKey(v.NodeID, JobKey(v.Namespace, v.ID)), v})
}

func (t *tx) upsertHostVolumes(o *op.UpsertHostVolumes) error {
	for _, v := range o.Volumes {
		if t.Namespace(v.Namespace) == nil {
			return nl.Errorf(nl.CodeInternal, "host volume %q is in nonexistent namespace %q", v.ID, v.Namespace)
		}
		before := t.HostVolume(v.Namespace, v.ID)
		if before == nil && o.MustExist {
			return nl.Errorf(nl.CodeInternal, "no such volume: %s", v.ID)
		}
		next := *v
		next.CreateIndex, next.CreateTime = t.index, o.Time
		if before != nil {
			next.CreateIndex, next.CreateTime = before.CreateIndex, before.CreateTime
			t.dropHostVolume(before)
		}
		next.ModifyTime, next.Allocations = o.Time, nil
		next.State = hostVolumeState(&next, t.Node(next.NodeID))
		t.storeHostVolume(before, &next)
	}
	return nil
}

// storeHostVolume stores next in place of before (nil: it is new).
func (t *tx) storeHostVolume(before, next *nl.HostVolume) {
	next.ModifyIndex = t.index
	t.putHostVolume(t.owner, next)
	change(t, TableHostVolumes, next.Namespace, next.ID, before, next)
}

func (t *tx) dropHostVolume(v *nl.HostVolume) {
	t.hostVolumes.Delete(t.owner, JobKey(v.Namespace, v.ID))
	t.hostVolumeByNode.Delete(t.owner, JobKey(v.NodeID, JobKey(v.Namespace, v.ID)))
}

// hostVolumeState is what a volume is by what its node tells: ready once the
// node has it, unavailable when the node is gone or has lost it.
func hostVolumeState(v *nl.HostVolume, n *nl.Node) string {
	switch {
	case n == nil || n.Status == nl.NodeStatusDown:
		return nl.HostVolumeUnavailable
	case n.HasHostVolume(v):
		return nl.HostVolumeReady
	case v.State == nl.HostVolumePending || v.State == "":
		return nl.HostVolumePending
	}
	return nl.HostVolumeUnavailable
}

// followHostVolumes lets the state of a node's volumes follow what the node
// tells; next is nil when the node is gone.
func (t *tx) followHostVolumes(before, next *nl.Node) {
	id := ""
	if next != nil {
		id = next.ID
	} else {
		id = before.ID
	}
	for _, v := range slices.Collect(t.HostVolumesByNode(id)) {
		if state := hostVolumeState(v, next); state != v.State {
			changed := *v
			changed.State = state
			t.storeHostVolume(v, &changed)
		}
	}
}

// deleteHostVolume is refused while allocations use the volume.
func (t *tx) deleteHostVolume(o *op.DeleteHostVolume) error {
	v := t.HostVolume(o.Namespace, o.ID)
	if v == nil {
		return nl.Errorf(nl.CodeInternal, "no such volume: %s", o.ID)
	}
	if !o.Force {
		if err := t.HostVolumeInUse(v); err != nil {
			return err
		}
	}
	t.dropHostVolume(v)
	change(t, TableHostVolumes, v.Namespace, v.ID, v, nil)
	for _, c := range slices.Collect(t.HostVolumeClaims(v.Namespace)) {
		if c.VolumeID == v.ID {
			t.dropClaim(c)
		}
	}
	return nil
}

// HostVolumeInUse tells who uses a volume; nil when nobody does.
func (s *Snapshot) HostVolumeInUse(v *nl.HostVolume) error {
	var users []string
	for a := range s.HostVolumeAllocs(v) {
		users = append(users, a.ID)
	}
	if len(users) == 0 {
		return nil
	}
	return nl.Errorf(nl.CodeInternal, "volume %s in use by allocations: [%s]", v.ID, strings.Join(users, " "))
}

// HostVolumeAllocs yields the allocations on the volume's node that use it and
// have not ended there.
func (s *Snapshot) HostVolumeAllocs(v *nl.HostVolume) iter.Seq[*nl.Alloc] {
	return func(yield func(*nl.Alloc) bool) {
		for a := range s.AllocsByNode(v.NodeID) {
			if a.Namespace == v.Namespace && !a.TerminalClient() && len(a.VolumeRequests(nl.VolumeTypeHost, v.Name)) > 0 && !yield(a) {
				return
			}
		}
	}
}

func (t *tx) deleteHostVolumeClaim(o *op.DeleteHostVolumeClaim) error {
	for c := range t.HostVolumeClaims(o.Namespace) {
		if c.ID == o.ID {
			t.dropClaim(c)
			return nil
		}
	}
	return nl.Errorf(nl.CodeNotFound, "volume claim %q not found", o.ID)
}

func (t *tx) dropClaim(c *nl.TaskGroupHostVolumeClaim) {
	t.hostVolumeClaims.Delete(t.owner, claimKey(c))
	change(t, TableHostVolumeClaims, c.Namespace, c.ID, c, nil)
}

// claimHostVolumes notes for a new allocation which volumes its group keeps
// coming back to: a claim that nobody live holds is taken over.
func (t *tx) claimHostVolumes(a *nl.Alloc, g *nl.Group) {
	n := t.Node(a.NodeID)
	if n == nil {
		return
	}
	for _, r := range g.VolumesOf(nl.VolumeTypeHost) {
		if !r.Sticky || n.HostVolumes[r.Source] == nil || n.HostVolumes[r.Source].ID == "" {
			continue
		}
		claim := nl.TaskGroupHostVolumeClaim{
			Namespace: a.Namespace, JobID: a.JobID, TaskGroupName: a.TaskGroup, AllocID: a.ID,
			VolumeID: n.HostVolumes[r.Source].ID, VolumeName: r.Source, CreateIndex: t.index, ModifyIndex: t.index,
		}
		claim.ID = claimID(&claim)
		var before *nl.TaskGroupHostVolumeClaim
		for c := range t.HostVolumeClaimsOf(a.Namespace, a.JobID, a.TaskGroup) {
			holder := t.Alloc(c.AllocID)
			if c.VolumeID == claim.VolumeID && c.VolumeName == claim.VolumeName && (holder == nil || holder.Terminal() || holder.ID == a.ID) {
				before = c
				claim.ID, claim.CreateIndex = c.ID, c.CreateIndex
				break
			}
		}
		t.hostVolumeClaims.Set(t.owner, hostClaimRow{claimKey(&claim), &claim})
		change(t, TableHostVolumeClaims, claim.Namespace, claim.ID, before, &claim)
	}
}

// claimID has the form of an ID and follows from the claim, so that every
// server gives it the same.
func claimID(c *nl.TaskGroupHostVolumeClaim) string {
	sum := sha256.Sum256([]byte(c.AllocID + keySeparator + c.VolumeID))
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
