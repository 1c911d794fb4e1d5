package http

import (
	"encoding/json"
	"strings"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

func (a *API) namespaceRoutes() []route {
	return []route{
		{path: "/v1/namespaces", by: methods{"GET": namespaceList}},
		{path: "/v1/namespace", by: methods{"WRITE": namespaceUpsert}},
		{path: "/v1/namespace/", by: methods{"GET": namespaceGet, "WRITE": namespaceUpsert, "DELETE": namespaceDelete}},
		{path: "/v1/node/pools", by: methods{"GET": nodePoolList, "WRITE": nodePoolUpsert}},
		{path: "/v1/node/pool/", by: methods{"GET": nodePoolGet, "WRITE": nodePoolUpsert, "DELETE": nodePoolDelete}},
	}
}

func namespaceList(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.NamespacesReply
	if err := r.call("Namespace.List", &query.NamespaceGet{QueryOptions: o}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return list(reply.Namespaces), nil
}

func namespaceGet(r *request) (any, error) {
	if r.rest == "" {
		return nil, bad("Missing Namespace Name")
	}
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.NamespacesReply
	if err := r.call("Namespace.Get", &query.NamespaceGet{QueryOptions: o, Name: r.rest}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	if len(reply.Namespaces) == 0 {
		return nil, notFound("Namespace not found")
	}
	return reply.Namespaces[0], nil
}

func namespaceUpsert(r *request) (any, error) {
	var n nl.Namespace
	if err := r.decode(&n); err != nil {
		return nil, err
	}
	if strings.HasPrefix(r.URL.Path, "/v1/namespace/") && n.Name != r.rest {
		return nil, bad("Namespace name does not match request path")
	}
	var reply query.Written
	if err := r.call("Namespace.Upsert", &query.NamespaceUpsert{WriteOptions: r.write(), Namespace: &n}, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return nil, nil
}

func namespaceDelete(r *request) (any, error) {
	if r.rest == "" {
		return nil, bad("Missing Namespace Name")
	}
	return r.remove("Namespace.Delete", r.rest)
}

// remove deletes something by name.
func (r *request) remove(method, name string) (any, error) {
	var reply query.Written
	if err := r.call(method, &query.Named{WriteOptions: r.write(), Name: name}, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return nil, nil
}

func nodePoolList(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.NodePoolsReply
	if err := r.call("NodePool.List", &query.NodePoolGet{QueryOptions: o}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return list(reply.Pools), nil
}

func nodePoolGet(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	if name, ok := strings.CutSuffix(r.rest, "/nodes"); ok {
		return r.poolNodes(o, name)
	}
	if name, ok := strings.CutSuffix(r.rest, "/jobs"); ok {
		return r.poolJobs(o, name)
	}
	pool, err := r.pool(o, r.rest)
	if err != nil {
		return nil, err
	}
	return pool, nil
}

// pool reads a pool, which must exist.
func (r *request) pool(o nl.QueryOptions, name string) (*nl.NodePool, error) {
	var reply query.NodePoolsReply
	if err := r.call("NodePool.Get", &query.NodePoolGet{QueryOptions: o, Name: name}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	if len(reply.Pools) == 0 {
		return nil, notFound("node pool not found")
	}
	return reply.Pools[0], nil
}

func (r *request) poolNodes(o nl.QueryOptions, name string) (any, error) {
	if o.Prefix != "" {
		return nil, bad("prefix argument not allowed")
	}
	return r.nodes(o, name)
}

func (r *request) poolJobs(o nl.QueryOptions, name string) (any, error) {
	if o.Prefix != "" {
		return nil, bad("prefix argument not allowed")
	}
	meta, err := r.boolean("meta", false, nl.CodeInternal)
	if err != nil {
		return nil, err
	}
	var reply query.JobStubs
	if err := r.call("Job.List", &query.JobList{QueryOptions: o, Meta: meta, NodePool: name}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return list(reply.Jobs), nil
}

func nodePoolUpsert(r *request) (any, error) {
	var body struct {
		nl.NodePool
		NodeIdentityTTL json.RawMessage
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	ttl, err := durationText(body.NodeIdentityTTL)
	if err != nil {
		return nil, bad("NodeIdentityTTL: %s", err)
	}
	if ttl == 0 {
		ttl = nodeIdentityTTLDefault
	}
	body.NodePool.NodeIdentityTTL = ttl
	if strings.HasPrefix(r.URL.Path, "/v1/node/pool/") && body.Name != r.rest {
		return nil, bad("Node pool name does not match request path")
	}
	var reply query.Written
	if err := r.call("NodePool.Upsert", &query.NodePoolUpsert{WriteOptions: r.write(), Pool: &body.NodePool}, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return nil, nil
}

// nodeIdentityTTLDefault is how long a node's identity lasts.
const nodeIdentityTTLDefault = 24 * time.Hour

func nodePoolDelete(r *request) (any, error) { return r.remove("NodePool.Delete", r.rest) }
