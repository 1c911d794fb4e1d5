package endpoint

import (
	"context"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

func (e *Endpoints) registerVolumes() {
	on(e, Read, "Volume.List", e.volumeList)
}

// volumeIndex is that of the state without volumes, which never changes.
const volumeIndex = 1

// volumeList answers everything that asks for volumes, claims and plugins:
// there is no way yet for one to exist, so all it tells is how recent that is.
func (e *Endpoints) volumeList(ctx context.Context, req *query.VolumeList, reply *nl.QueryMeta) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, req.Capabilities...)); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, reply, func(*store.Snapshot) (uint64, []store.Key, error) {
		return volumeIndex, nil, nil
	})
}
