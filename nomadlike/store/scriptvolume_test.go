package store

import (
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// parseVolume makes the ops about volumes. A claim is named by its allocation.
func (s *script) parseVolume(verb, id string, a arguments) op.Op {
	switch verb {
	case "host-volume":
		return &op.UpsertHostVolumes{Time: s.time(), MustExist: a.has("must-exist"), Volumes: []*nl.HostVolume{{
			ID: id, Namespace: a.namespace(), Name: a.or("name", id), NodeID: a["node"],
		}}}
	case "host-volume-delete":
		return &op.DeleteHostVolume{Namespace: a.namespace(), ID: id, Force: a.has("force")}
	case "claim-delete":
		for _, c := range slices.Collect(s.state.HostVolumeClaims(a.namespace())) {
			if c.AllocID == id {
				id = c.ID
			}
		}
		return &op.DeleteHostVolumeClaim{Namespace: a.namespace(), ID: id}
	case "csi-volume":
		return &op.UpsertCSIVolumes{Time: s.time(), Volumes: []*nl.CSIVolume{{
			ID: id, Namespace: a.namespace(), Name: id, PluginID: a.or("plugin", "p"), ExternalID: a["external"],
		}}}
	case "csi-volume-delete":
		return &op.DeregisterCSIVolume{Namespace: a.namespace(), ID: id, Force: a.has("force")}
	}
	return &op.ReleaseCSIVolume{Namespace: a.namespace(), ID: id, NodeID: a["node"], Time: s.time()}
}

// hostVolumes are the dynamic volumes of a node, each name:ID.
func hostVolumes(list []string) map[string]*nl.ClientHostVolumeConfig {
	out := map[string]*nl.ClientHostVolumeConfig{}
	for _, v := range list {
		name, id, _ := strings.Cut(v, ":")
		out[name] = &nl.ClientHostVolumeConfig{Name: name, ID: id}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// volumeRequests asks for host volumes that stick and for CSI volumes; one that
// ends in ! is read only.
func volumeRequests(sticky, csi []string) map[string]*nl.VolumeRequest {
	out := map[string]*nl.VolumeRequest{}
	for _, name := range sticky {
		out[name] = &nl.VolumeRequest{Name: name, Type: nl.VolumeTypeHost, Source: name, Sticky: true}
	}
	for _, v := range csi {
		name := strings.TrimSuffix(v, "!")
		out[name] = &nl.VolumeRequest{Name: name, Type: nl.VolumeTypeCSI, Source: name, ReadOnly: name != v, AccessMode: nl.AccessNodesWriter}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
