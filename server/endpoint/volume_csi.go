package endpoint

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

func (e *Endpoints) registerCSI() {
	on(e, Read, "CSIVolume.List", e.csiVolumeList)
	on(e, Read, "CSIVolume.Get", e.csiVolumeGet)
	on(e, Write, "CSIVolume.Register", e.csiVolumeRegister)
	on(e, Write, "CSIVolume.Deregister", e.csiVolumeDeregister)
	on(e, Write, "CSIVolume.Detach", e.csiVolumeDetach)
	on(e, Read, "CSIPlugin.List", e.csiPluginList)
	on(e, Read, "CSIPlugin.Get", e.csiPluginGet)
	on(e, Write, "CSIPlugin.Ask", e.csiPluginAsk)
}

// Capabilities of which a caller needs one.
var (
	csiLists = []string{"csi-list-volume", "csi-read-volume", "csi-mount-volume", "list-jobs"}
	csiReads = []string{"csi-read-volume", "csi-mount-volume", "read-job"}
)

func noCSIPlugin(id string) error {
	return nl.Errorf(nl.CodeInternal, "no CSI plugin named: %s could be found", id)
}

func (e *Endpoints) csiVolumeList(ctx context.Context, req *query.CSIVolumeList, reply *query.CSIVolumes) error {
	ns := namespaceOf(req.Namespace)
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		plugins := s.CSIPlugins()
		onNode := csiVolumesOn(s, req.NodeID)
		var err error
		reply.Volumes, err = pager[*nl.CSIVolListStub]{
			opts: &req.QueryOptions, token: func(v *nl.CSIVolListStub) string { return v.Namespace + "." + v.ID }, ordered: true,
			keep: func(v *nl.CSIVolListStub) bool {
				return (req.PluginID == "" || v.PluginID == req.PluginID) &&
					(req.NodeID == "" || onNode[store.JobKey(v.Namespace, v.ID)]) && e.authorize(req.AuthToken, can(v.Namespace, csiLists...)) == nil
			},
		}.page(func(yield func(*nl.CSIVolListStub) bool) {
			for v := range s.CSIVolumes(ns, req.Prefix) {
				if !yield(v.With(plugins[v.PluginID]).Stub()) {
					return
				}
			}
		}, &reply.QueryMeta)
		return s.TableIndex(store.TableCSIVolumes), []store.Key{{Table: store.TableCSIVolumes}}, err
	})
}

// csiVolumesOn are the volumes that allocations of a node use, by JobKey.
func csiVolumesOn(s *store.Snapshot, nodeID string) map[string]bool {
	out := map[string]bool{}
	if nodeID == "" {
		return out
	}
	for a := range s.AllocsByNode(nodeID) {
		g := a.Group()
		if g == nil || a.TerminalClient() {
			continue
		}
		for _, r := range g.VolumesOf(nl.VolumeTypeCSI) {
			out[store.JobKey(a.Namespace, r.SourceOf(a.Name))] = true
		}
	}
	return out
}

func (e *Endpoints) csiVolumeGet(ctx context.Context, req *query.VolumeGet, reply *query.CSIVolumeReply) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, csiReads...)); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		watch := []store.Key{{Table: store.TableCSIVolumes, ID: store.JobKey(ns, req.ID)}}
		reply.Volume, reply.Allocs = nil, []*nl.AllocStub{}
		v := s.CSIVolume(ns, req.ID)
		if v == nil {
			return s.TableIndex(store.TableCSIVolumes), watch, nil
		}
		reply.Volume = v.With(s.CSIPlugins()[v.PluginID]).Shown()
		for _, claims := range [2]map[string]*nl.Alloc{v.ReadAllocs, v.WriteAllocs} {
			for _, id := range slices.Sorted(maps.Keys(claims)) {
				if a := s.Alloc(id); a != nil {
					reply.Allocs = append(reply.Allocs, allocStub(a, false, true))
				}
			}
		}
		return v.ModifyIndex, watch, nil
	})
}

// csiVolumeRegister writes volumes down whose plugin is known and, where it
// needs a controller, has a healthy one.
func (e *Endpoints) csiVolumeRegister(ctx context.Context, req *query.CSIVolumeRegister, reply *query.Written) error {
	if len(req.Volumes) == 0 {
		return nl.Errorf(nl.CodeInvalid, "missing volume definition")
	}
	s := e.snapshot()
	plugins := s.CSIPlugins()
	var volumes []*nl.CSIVolume
	for _, given := range req.Volumes {
		if given == nil {
			return nl.Errorf(nl.CodeInvalid, "missing volume definition")
		}
		v := nl.DeepCopy(given)
		if v.Namespace = namespaceOf(v.Namespace); req.Namespace != "" && req.Namespace != nl.DefaultNamespace {
			v.Namespace = req.Namespace
		}
		if err := e.authorize(req.AuthToken, can(v.Namespace, "csi-write-volume")); err != nil {
			return err
		}
		if problems := csiVolumeProblems(v, req.Create); len(problems) > 0 {
			return nl.Errorf(nl.CodeInternal, "validation: %s", problems.Error())
		}
		p := plugins[v.PluginID]
		switch {
		case p == nil:
			return noCSIPlugin(v.PluginID)
		case (p.ControllerRequired || req.Create) && p.ControllersHealthy == 0:
			return nl.Errorf(nl.CodeInternal, "no healthy controllers for CSI plugin: %s", v.PluginID)
		case req.Create:
			return errAskCSI(v.PluginID)
		}
		v.Provider, v.ProviderVersion = p.Provider, p.Version
		volumes = append(volumes, v)
	}
	result, err := e.propose(ctx, &op.UpsertCSIVolumes{Volumes: volumes, Time: e.now()})
	reply.Index = result.Index
	return err
}

// csiVolumeProblems is everything wrong with a volume by itself.
func csiVolumeProblems(v *nl.CSIVolume, create bool) admit.Problems {
	var p admit.Problems
	add := func(bad bool, format string, args ...any) {
		if bad {
			p = append(p, fmt.Sprintf(format, args...))
		}
	}
	add(v.ID == "", "missing volume id")
	add(v.PluginID == "", "missing plugin_id")
	add(create && v.ExternalID != "" && v.SnapshotID != "", "external_id and snapshot_id cannot be set together")
	add(create && v.CloneID != "" && v.SnapshotID != "", "only one of snapshot_id and clone_id is allowed")
	add(len(v.RequestedCapabilities) == 0, "must include at least one capability block")
	add(v.RequestedCapacityMax > 0 && v.RequestedCapacityMax < v.RequestedCapacityMin, "capacity_max must not be less than capacity_min")
	modes := []string{nl.AccessReaderOnly, nl.AccessWriter, nl.AccessNodesReaderOnly, nl.AccessNodesWriter, nl.AccessNodesWriters}
	for i, c := range v.RequestedCapabilities {
		add(c == nil, "capability %d is empty", i)
		if c == nil {
			continue
		}
		add(!slices.Contains(modes, c.AccessMode), "invalid access mode: %q", c.AccessMode)
		add(c.AttachmentMode != nl.AttachFileSystem && c.AttachmentMode != nl.AttachBlockDevice, "invalid attachment mode: %q", c.AttachmentMode)
		add(c.AttachmentMode == nl.AttachBlockDevice && v.MountOptions != nil, "mount options not allowed for block-device")
	}
	return p
}

func (e *Endpoints) csiVolumeDeregister(ctx context.Context, req *query.VolumeDelete, reply *query.Written) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "csi-write-volume")); err != nil {
		return err
	}
	result, err := e.propose(ctx, &op.DeregisterCSIVolume{Namespace: ns, ID: req.ID, Force: req.Force})
	reply.Index = result.Index
	return err
}

func (e *Endpoints) csiVolumeDetach(ctx context.Context, req *query.CSIVolumeDetach, reply *query.Written) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "csi-mount-volume")); err != nil {
		return err
	}
	result, err := e.propose(ctx, &op.ReleaseCSIVolume{Namespace: ns, ID: req.ID, NodeID: req.NodeID, Time: e.now()})
	reply.Index = result.Index
	return err
}

// pluginIndex is that of the plugins: nodes tell of them.
func pluginIndex(plugins map[string]*nl.CSIPlugin) uint64 {
	var highest uint64
	for _, p := range plugins {
		highest = max(highest, p.ModifyIndex)
	}
	return highest
}

func (e *Endpoints) csiPluginList(ctx context.Context, req *query.CSIPluginList, reply *query.CSIPlugins) error {
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		if err := e.authorize(req.AuthToken, need{management: true}); err != nil {
			return 0, nil, err
		}
		plugins := s.CSIPlugins()
		reply.Plugins = []*nl.CSIPluginListStub{}
		for _, id := range slices.Sorted(maps.Keys(plugins)) {
			if strings.HasPrefix(id, req.Prefix) {
				reply.Plugins = append(reply.Plugins, plugins[id].Stub())
			}
		}
		return pluginIndex(plugins), []store.Key{{Table: store.TableNodes}}, nil
	})
}

func (e *Endpoints) csiPluginGet(ctx context.Context, req *query.CSIPluginGet, reply *query.CSIPluginReply) error {
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		if err := e.authorize(req.AuthToken, need{management: true}); err != nil {
			return 0, nil, err
		}
		watch := []store.Key{{Table: store.TableNodes}}
		p := s.CSIPlugins()[req.ID]
		if reply.Plugin = p; p == nil {
			return 0, watch, nil
		}
		p.Allocations = []*nl.AllocStub{}
		seen := map[string]bool{}
		for _, infos := range [2]map[string]*nl.CSIInfo{p.Controllers, p.Nodes} {
			for _, id := range slices.Sorted(maps.Keys(infos)) {
				if a := s.Alloc(infos[id].AllocID); a != nil && !seen[a.ID] && e.authorize(req.AuthToken, can(a.Namespace, "read-job")) == nil {
					seen[a.ID] = true
					p.Allocations = append(p.Allocations, allocStub(a, false, true))
				}
			}
		}
		return p.ModifyIndex, watch, nil
	})
}

// errAskCSI is the answer while the servers cannot ask running plugins.
func errAskCSI(id string) error {
	return nl.Errorf(nl.CodeUnsupported, "CSI plugin %s cannot be asked: making, removing and listing volumes and snapshots by plugins is not supported yet; make the volume with the storage's own tools and register it", id)
}

// csiPluginAsk tells why what only a plugin can do is not done.
func (e *Endpoints) csiPluginAsk(_ context.Context, req *query.CSIPluginAsk, _ *query.Written) error {
	ns := namespaceOf(req.Namespace)
	capabilities := csiLists
	if req.Write {
		capabilities = []string{"csi-write-volume"}
	}
	if err := e.authorize(req.AuthToken, can(ns, capabilities...)); err != nil {
		return err
	}
	s := e.snapshot()
	id := req.PluginID
	if req.VolumeID != "" {
		v := s.CSIVolume(ns, req.VolumeID)
		if v == nil {
			return nl.Errorf(nl.CodeInternal, "volume not found: %s", req.VolumeID)
		}
		id = v.PluginID
	}
	p := s.CSIPlugins()[id]
	switch {
	case p == nil:
		return noCSIPlugin(id)
	case p.ControllersHealthy == 0:
		return nl.Errorf(nl.CodeInternal, "no healthy controllers for CSI plugin: %s", id)
	}
	return errAskCSI(id)
}
