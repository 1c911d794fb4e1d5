package http

import (
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

func (a *API) volumeRoutes() []route {
	return []route{
		{path: "/v1/volumes", by: methods{"GET": volumeList}},
		{path: "/v1/volumes/external", by: methods{"GET": volumeExternal}},
		{path: "/v1/volumes/snapshot", by: methods{"GET": volumeExternal, "WRITE": volumeSnapshot, "DELETE": volumeSnapshotDelete}},
		{path: "/v1/volumes/claims", by: methods{"ANY": volumeClaims}},
		{path: "/v1/volumes/claim/", by: methods{"DELETE": volumeClaimDelete}},
		{path: "/v1/volume/csi/", by: methods{"GET": volumeCSI, "WRITE": volumeCSIWrite, "DELETE": volumeCSIDelete}},
		{path: "/v1/volume/host/", by: methods{"GET": volumeHost, "WRITE": volumeHostWrite, "DELETE": volumeHostDelete}},
		{path: "/v1/volume/", by: methods{"ANY": noResource}},
		{path: "/v1/plugins", by: methods{"GET": pluginList}},
		{path: "/v1/plugin/csi/", by: methods{"GET": pluginGet}},
		{path: "/v1/plugin/", by: methods{"ANY": noResource}},
	}
}

func noResource(*request) (any, error) { return nil, notFound("resource not found") }

// csiMeta sets the headers of a read about CSI, whose index is 0 until there
// is something, as recorded.
func (r *request) csiMeta(meta nl.QueryMeta) {
	r.meta(meta)
	if meta.Index <= 1 {
		r.index(0)
	}
}

func volumeList(r *request) (any, error) {
	q := r.URL.Query()
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	switch q.Get("type") {
	case "":
		return []any{}, nil
	case "csi":
		var reply query.CSIVolumes
		req := &query.CSIVolumeList{QueryOptions: o, PluginID: q.Get("plugin_id"), NodeID: q.Get("node_id")}
		if err := r.call("CSIVolume.List", req, &reply); err != nil {
			return nil, err
		}
		r.csiMeta(reply.QueryMeta)
		return list(reply.Volumes), nil
	case "host":
		var reply query.HostVolumes
		req := &query.HostVolumeList{QueryOptions: o, NodeID: q.Get("node_id"), NodePool: q.Get("node_pool")}
		if err := r.call("HostVolume.List", req, &reply); err != nil {
			return nil, err
		}
		r.meta(reply.QueryMeta)
		return list(reply.Volumes), nil
	}
	return noResource(r)
}

func volumeClaims(r *request) (any, error) {
	q := r.URL.Query()
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.HostVolumeClaims
	req := &query.HostVolumeClaimList{QueryOptions: o, JobID: q.Get("job_id"), Group: q.Get("task_group"), VolumeName: q.Get("volume_name")}
	if err := r.call("HostVolume.Claims", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return list(reply.Claims), nil
}

func volumeClaimDelete(r *request) (any, error) { return r.remove("HostVolume.DeleteClaim", r.rest) }

// volumeID is the ID and the verb of a path below a kind of volume.
func (r *request) volumeID() (id, verb string) {
	id, verb, _ = strings.Cut(r.rest, "/")
	return id, verb
}

func volumeHost(r *request) (any, error) {
	id, verb := r.volumeID()
	if verb != "" || id == "" {
		return noResource(r)
	}
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.HostVolumeReply
	if err := r.call("HostVolume.Get", &query.VolumeGet{QueryOptions: o, ID: id}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	if reply.Volume == nil {
		return nil, notFound("volume not found")
	}
	return reply.Volume, nil
}

func volumeHostWrite(r *request) (any, error) {
	method := "HostVolume.Create"
	switch r.rest {
	case "create":
	case "register":
		method = "HostVolume.Register"
	default:
		return noResource(r)
	}
	var body struct{ Volume *nl.HostVolume }
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	var reply query.HostVolumeWritten
	if err := r.call(method, &query.HostVolumeWrite{WriteOptions: r.write(), Volume: body.Volume}, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return reply, nil
}

func volumeHostDelete(r *request) (any, error) {
	id, verb := r.volumeID()
	if id == "" || verb != "" && verb != "delete" {
		return noResource(r)
	}
	force, err := r.boolean("force", false, nl.CodeInvalid)
	if err != nil {
		return nil, bad("invalid force value")
	}
	var reply query.Written
	if err := r.call("HostVolume.Delete", &query.VolumeDelete{WriteOptions: r.write(), ID: id, Force: force}, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return reply, nil
}

// shownCSIVolume is a volume with the allocations that use it.
type shownCSIVolume struct {
	*nl.CSIVolume
	Allocations []*nl.AllocStub
}

func volumeCSI(r *request) (any, error) {
	id, verb := r.volumeID()
	if verb != "" || id == "" {
		return noResource(r)
	}
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.CSIVolumeReply
	if err := r.call("CSIVolume.Get", &query.VolumeGet{QueryOptions: o, ID: id}, &reply); err != nil {
		return nil, err
	}
	r.csiMeta(reply.QueryMeta)
	if reply.Volume == nil {
		return nil, notFound("volume not found")
	}
	return shownCSIVolume{reply.Volume, list(reply.Allocs)}, nil
}

// csiVolumesWritten is the answer to a registration.
type csiVolumesWritten struct {
	Volumes  []*nl.CSIVolume
	Warnings string
	nl.QueryMeta
}

func volumeCSIWrite(r *request) (any, error) {
	_, verb := r.volumeID()
	if r.Method != "PUT" || verb != "" && verb != "create" {
		return noResource(r)
	}
	var body struct{ Volumes []*nl.CSIVolume }
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	var reply query.Written
	req := &query.CSIVolumeRegister{WriteOptions: r.write(), Volumes: body.Volumes, Create: verb == "create"}
	if err := r.call("CSIVolume.Register", req, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return csiVolumesWritten{Volumes: body.Volumes, QueryMeta: nl.QueryMeta{Index: reply.Index}}, nil
}

func volumeCSIDelete(r *request) (any, error) {
	id, verb := r.volumeID()
	var reply query.Written
	var err error
	switch verb {
	case "":
		force, invalid := r.boolean("force", false, nl.CodeInvalid)
		if invalid != nil {
			return nil, bad("invalid force value")
		}
		err = r.call("CSIVolume.Deregister", &query.VolumeDelete{WriteOptions: r.write(), ID: id, Force: force}, &reply)
	case "detach":
		node := r.URL.Query().Get("node")
		if node == "" {
			return nil, bad("detach requires node ID")
		}
		err = r.call("CSIVolume.Detach", &query.CSIVolumeDetach{WriteOptions: r.write(), ID: id, NodeID: node}, &reply)
	case "delete":
		err = r.call("CSIPlugin.Ask", &query.CSIPluginAsk{WriteOptions: r.write(), VolumeID: id, Write: true}, &reply)
	default:
		return noResource(r)
	}
	if err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return nil, nil
}

// volumeExternal asks a plugin what it has.
func volumeExternal(r *request) (any, error) {
	id := r.URL.Query().Get("plugin_id")
	if id == "" {
		return nil, bad("missing plugin ID")
	}
	return nil, r.call("CSIPlugin.Ask", &query.CSIPluginAsk{WriteOptions: r.write(), PluginID: id}, &query.Written{})
}

func volumeSnapshot(r *request) (any, error) {
	var body struct{ Snapshots []*nl.CSISnapshot }
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	for _, s := range body.Snapshots {
		if s == nil {
			continue
		}
		ask := &query.CSIPluginAsk{WriteOptions: r.write(), PluginID: s.PluginID, Write: true}
		if ask.PluginID == "" {
			ask.VolumeID = s.SourceVolumeID
		}
		return nil, r.call("CSIPlugin.Ask", ask, &query.Written{})
	}
	return nil, bad("missing snapshot definition")
}

func volumeSnapshotDelete(r *request) (any, error) {
	ask := &query.CSIPluginAsk{WriteOptions: r.write(), PluginID: r.URL.Query().Get("plugin_id"), Write: true}
	return nil, r.call("CSIPlugin.Ask", ask, &query.Written{})
}

func pluginList(r *request) (any, error) {
	switch r.URL.Query().Get("type") {
	case "":
		return []any{}, nil
	case "csi":
	default:
		return nil, nil
	}
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.CSIPlugins
	if err := r.call("CSIPlugin.List", &query.CSIPluginList{QueryOptions: o}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return list(reply.Plugins), nil
}

func pluginGet(r *request) (any, error) {
	id, verb := r.volumeID()
	if verb != "" || id == "" {
		return noResource(r)
	}
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.CSIPluginReply
	if err := r.call("CSIPlugin.Get", &query.CSIPluginGet{QueryOptions: o, ID: id}, &reply); err != nil {
		return nil, err
	}
	r.csiMeta(reply.QueryMeta)
	if reply.Plugin == nil {
		return nil, notFound("plugin not found")
	}
	return reply.Plugin, nil
}
