package endpoint

import (
	"context"
	"strings"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// Router runs a call where its method belongs.
type Router interface {
	Call(ctx context.Context, method string, req, reply any) error
}

// nodeVolumeTimeout bounds how long a node may take to make or remove a volume:
// longer than it gives its plugins.
const nodeVolumeTimeout = 90 * time.Second

func (e *Endpoints) registerVolumes() {
	on(e, Write, "HostVolume.Create", func(ctx context.Context, req *query.HostVolumeWrite, reply *query.HostVolumeWritten) error {
		return e.hostVolumeWrite(ctx, req, reply, false)
	})
	on(e, Write, "HostVolume.Register", func(ctx context.Context, req *query.HostVolumeWrite, reply *query.HostVolumeWritten) error {
		return e.hostVolumeWrite(ctx, req, reply, true)
	})
	on(e, Read, "HostVolume.List", e.hostVolumeList)
	on(e, Read, "HostVolume.Get", e.hostVolumeGet)
	on(e, Write, "HostVolume.Delete", e.hostVolumeDelete)
	on(e, Read, "HostVolume.Claims", e.hostVolumeClaims)
	on(e, Write, "HostVolume.DeleteClaim", e.hostVolumeDeleteClaim)
	e.registerCSI()
}

// hostVolumeWrite writes the volume down, has its node make it, and writes down
// what came of that: a volume whose node does not answer can still be deleted.
func (e *Endpoints) hostVolumeWrite(ctx context.Context, req *query.HostVolumeWrite, reply *query.HostVolumeWritten, register bool) error {
	if req.Volume == nil {
		return nl.Errorf(nl.CodeInvalid, "missing volume definition")
	}
	v := nl.DeepCopy(req.Volume)
	if v.Namespace = namespaceOf(v.Namespace); req.Namespace != "" && req.Namespace != nl.DefaultNamespace {
		v.Namespace = req.Namespace
	}
	capability := "host-volume-create"
	if register {
		capability = "host-volume-register"
	}
	if err := e.authorize(req.AuthToken, can(v.Namespace, capability)); err != nil {
		return err
	}
	s := e.snapshot()
	before, err := e.hostVolumeAdmit(s, v, register)
	if err != nil {
		return err
	}
	if _, err := e.propose(ctx, &op.UpsertHostVolumes{Volumes: []*nl.HostVolume{v}, MustExist: before != nil, Time: e.now()}); err != nil {
		return err
	}
	method := "Node.CreateVolume"
	if register {
		method = "Node.RegisterVolume"
	}
	var made query.NodeVolumeMade
	if err := e.askNode(ctx, method, v, &made); err != nil {
		if before == nil {
			e.forgetHostVolume(ctx, v)
		}
		return nl.Errorf(nl.CodeInternal, "could not make volume %q on node %s: %s", v.Name, v.NodeID, err)
	}
	done := *v
	done.HostPath, done.CapacityBytes = made.HostPath, made.CapacityBytes
	result, err := e.propose(ctx, &op.UpsertHostVolumes{Volumes: []*nl.HostVolume{&done}, MustExist: true, Time: e.now()})
	if err != nil {
		return err
	}
	reply.Volume, reply.Index = &done, result.Index
	return nil
}

// askNode calls the volume's node.
func (e *Endpoints) askNode(ctx context.Context, method string, v *nl.HostVolume, reply any) error {
	ctx, cancel := context.WithTimeout(ctx, nodeVolumeTimeout)
	defer cancel()
	return e.cfg.Router.Call(ctx, method, &query.NodeVolume{OnNode: query.OnNode{NodeID: v.NodeID}, Volume: v}, reply)
}

// forgetHostVolume takes back a volume that could not be made.
func (e *Endpoints) forgetHostVolume(ctx context.Context, v *nl.HostVolume) {
	o := &op.DeleteHostVolume{Namespace: v.Namespace, ID: v.ID, Force: true}
	if _, err := e.propose(context.WithoutCancel(ctx), o); err != nil {
		e.cfg.Logger.Warn("a host volume that could not be made stays pending; delete it by hand", "volume_id", v.ID, "error", err)
	}
}

func hostVolumeToken(v *nl.HostVolumeStub) string { return v.Namespace + "." + v.ID }

func (e *Endpoints) hostVolumeList(ctx context.Context, req *query.HostVolumeList, reply *query.HostVolumes) error {
	ns := namespaceOf(req.Namespace)
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		var err error
		reply.Volumes, err = pager[*nl.HostVolumeStub]{
			opts: &req.QueryOptions, token: hostVolumeToken, ordered: true,
			keep: func(v *nl.HostVolumeStub) bool {
				return strings.HasPrefix(v.ID, req.Prefix) && (req.NodeID == "" || v.NodeID == req.NodeID) &&
					(req.NodePool == "" || v.NodePool == req.NodePool) &&
					e.authorize(req.AuthToken, can(v.Namespace, "host-volume-read")) == nil
			},
		}.page(func(yield func(*nl.HostVolumeStub) bool) {
			for v := range s.HostVolumes(ns) {
				if !yield(v.Stub()) {
					return
				}
			}
		}, &reply.QueryMeta)
		return s.TableIndex(store.TableHostVolumes), []store.Key{{Table: store.TableHostVolumes}}, err
	})
}

func (e *Endpoints) hostVolumeGet(ctx context.Context, req *query.VolumeGet, reply *query.HostVolumeReply) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "host-volume-read")); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		watch := []store.Key{{Table: store.TableHostVolumes, ID: store.JobKey(ns, req.ID)}}
		reply.Volume = nil
		v := s.HostVolume(ns, req.ID)
		if v == nil {
			return s.TableIndex(store.TableHostVolumes), watch, nil
		}
		shown := *v
		for a := range s.HostVolumeAllocs(v) {
			shown.Allocations = append(shown.Allocations, allocStub(a, false, true))
		}
		reply.Volume = &shown
		return v.ModifyIndex, watch, nil
	})
}

func (e *Endpoints) hostVolumeDelete(ctx context.Context, req *query.VolumeDelete, reply *query.Written) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "host-volume-delete")); err != nil {
		return err
	}
	s := e.snapshot()
	v := s.HostVolume(ns, req.ID)
	if v == nil {
		return nl.Errorf(nl.CodeInternal, "no such volume: %s", req.ID)
	}
	if err := s.HostVolumeInUse(v); err != nil && !req.Force {
		return err
	}
	if err := e.askNode(ctx, "Node.DeleteVolume", v, nil); err != nil && !req.Force {
		return nl.Errorf(nl.CodeInternal, "could not delete volume %s on node %s: %s", v.ID, v.NodeID, err)
	}
	result, err := e.propose(ctx, &op.DeleteHostVolume{Namespace: ns, ID: v.ID, Force: req.Force})
	reply.Index = result.Index
	return err
}

func (e *Endpoints) hostVolumeClaims(ctx context.Context, req *query.HostVolumeClaimList, reply *query.HostVolumeClaims) error {
	ns := namespaceOf(req.Namespace)
	matches := func(asked, have string) bool { return asked == "" || asked == have }
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		var err error
		reply.Claims, err = pager[*nl.TaskGroupHostVolumeClaim]{
			opts: &req.QueryOptions, token: func(c *nl.TaskGroupHostVolumeClaim) string { return c.Namespace + "." + c.ID },
			keep: func(c *nl.TaskGroupHostVolumeClaim) bool {
				return strings.HasPrefix(c.ID, req.Prefix) && matches(req.JobID, c.JobID) && matches(req.Group, c.TaskGroupName) &&
					matches(req.VolumeName, c.VolumeName) && e.authorize(req.AuthToken, can(c.Namespace, "host-volume-read")) == nil
			},
		}.page(s.HostVolumeClaims(ns), &reply.QueryMeta)
		return s.TableIndex(store.TableHostVolumeClaims), []store.Key{{Table: store.TableHostVolumeClaims}}, err
	})
}

func (e *Endpoints) hostVolumeDeleteClaim(ctx context.Context, req *query.Named, reply *query.Written) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "host-volume-delete")); err != nil {
		return err
	}
	result, err := e.propose(ctx, &op.DeleteHostVolumeClaim{Namespace: ns, ID: req.Name})
	reply.Index = result.Index
	return err
}
