package http

import (
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// Volumes and the plugins that make them are not served yet: reads tell that
// there are none, writes are refused.

func (a *API) volumeRoutes() []route {
	return []route{
		{path: "/v1/volumes", by: methods{"GET": volumeList}},
		{path: "/v1/volumes/external", by: methods{"GET": volumeExternal}},
		{path: "/v1/volumes/snapshot", by: methods{"GET": volumeExternal, "WRITE": volumeNoPlugin, "DELETE": volumeNoPlugin}},
		{path: "/v1/volumes/claims", by: methods{"ANY": volumeClaims}},
		{path: "/v1/volumes/claim/", by: methods{"DELETE": volumeNoClaim}},
		{path: "/v1/volume/csi/", by: methods{"GET": volumeCSI, "WRITE": volumeNoPlugin, "DELETE": volumeCSIDelete}},
		{path: "/v1/volume/host/", by: methods{"GET": volumeHost, "WRITE": volumeHostWrite, "DELETE": volumeHostDelete}},
		{path: "/v1/volume/", by: methods{"ANY": noResource}},
		{path: "/v1/plugins", by: methods{"GET": pluginList}},
		{path: "/v1/plugin/csi/", by: methods{"GET": pluginGet}},
		{path: "/v1/plugin/", by: methods{"ANY": noResource}},
	}
}

func noResource(*request) (any, error) { return nil, notFound("resource not found") }

var (
	csiReads  = []string{"csi-list-volume", "csi-read-volume", "csi-mount-volume", "list-jobs"}
	hostReads = []string{"host-volume-read"}
)

// noVolumes sets the headers of a read that finds nothing.
func (r *request) noVolumes(capabilities []string) error {
	o, err := r.read()
	if err != nil {
		return err
	}
	var meta nl.QueryMeta
	if err := r.call("Volume.List", &query.VolumeList{QueryOptions: o, Capabilities: capabilities}, &meta); err != nil {
		return err
	}
	r.meta(meta)
	return nil
}

// noCSI is noVolumes for what CSI plugins make, whose index is 0 until there is
// one, as recorded.
func (r *request) noCSI(capabilities ...string) error {
	err := r.noVolumes(capabilities)
	if err == nil {
		r.index(0)
	}
	return err
}

func volumeList(r *request) (any, error) {
	switch r.URL.Query().Get("type") {
	case "":
		return []any{}, nil
	case "csi":
		return []any{}, r.noCSI(csiReads...)
	case "host":
		return []any{}, r.noVolumes(hostReads)
	}
	return noResource(r)
}

func volumeClaims(r *request) (any, error) { return []any{}, r.noVolumes(hostReads) }

func volumeNoClaim(r *request) (any, error) {
	return nil, notFound("volume claim %q not found", r.rest)
}

// volumeExternal asks a plugin, of which there is none.
func volumeExternal(r *request) (any, error) {
	id := r.URL.Query().Get("plugin_id")
	if id == "" {
		return nil, bad("missing plugin ID")
	}
	return nil, nl.Errorf(nl.CodeInternal, "no CSI plugin named: %s could be found", id)
}

func volumeCSI(r *request) (any, error) {
	if strings.Contains(r.rest, "/") || r.rest == "" {
		return noResource(r)
	}
	if err := r.noCSI("csi-read-volume", "csi-mount-volume", "read-job"); err != nil {
		return nil, err
	}
	return nil, notFound("volume not found")
}

// volumeNoPlugin answers writes that a plugin would carry out.
func volumeNoPlugin(r *request) (any, error) {
	var body struct {
		Volumes   []*nl.CSIVolume
		Snapshots []*nl.CSISnapshot
	}
	if err := r.optional(&body); err != nil {
		return nil, err
	}
	plugin := r.URL.Query().Get("plugin_id")
	for _, v := range body.Volumes {
		if v != nil {
			plugin = v.PluginID
		}
	}
	for _, s := range body.Snapshots {
		if s != nil {
			plugin = s.PluginID
		}
	}
	return nil, nl.Errorf(nl.CodeInternal, "no CSI plugin named: %s could be found", plugin)
}

func volumeCSIDelete(r *request) (any, error) {
	id, verb, _ := strings.Cut(r.rest, "/")
	switch verb {
	case "":
		if _, err := r.boolean("force", false, nl.CodeInvalid); err != nil {
			return nil, bad("invalid force value")
		}
	case "detach":
		if r.URL.Query().Get("node") == "" {
			return nil, bad("detach requires node ID")
		}
	case "delete":
	default:
		return noResource(r)
	}
	return nil, nl.Errorf(nl.CodeInternal, "volume not found: %s", id)
}

func volumeHost(r *request) (any, error) {
	if strings.Contains(r.rest, "/") || r.rest == "" {
		return noResource(r)
	}
	if err := r.noVolumes(hostReads); err != nil {
		return nil, err
	}
	return nil, notFound("volume not found")
}

func volumeHostWrite(r *request) (any, error) {
	if r.rest != "create" && r.rest != "register" {
		return noResource(r)
	}
	return nil, nl.Errorf(nl.CodeUnsupported, "dynamic host volumes are not served yet; declare the volume in a host_volume block of the client instead")
}

func volumeHostDelete(r *request) (any, error) {
	return nil, nl.Errorf(nl.CodeInternal, "no such volume: %s", strings.TrimSuffix(r.rest, "/delete"))
}

func pluginList(r *request) (any, error) {
	switch r.URL.Query().Get("type") {
	case "":
		return []any{}, nil
	case "csi":
		return []any{}, r.noVolumes(nil)
	}
	return nil, nil
}

func pluginGet(r *request) (any, error) {
	if strings.Contains(r.rest, "/") || r.rest == "" {
		return noResource(r)
	}
	if err := r.noCSI(); err != nil {
		return nil, err
	}
	return nil, notFound("plugin not found")
}
