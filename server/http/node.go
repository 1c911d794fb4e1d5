package http

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

func (a *API) nodeRoutes() []route {
	return []route{
		{path: "/v1/nodes", by: methods{"GET": nodeList}},
		{path: "/v1/node/", by: methods{"ANY": nodeSub}},
	}
}

func nodeList(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	return r.nodes(o, "")
}

// nodes lists nodes, of one pool or of all.
func (r *request) nodes(o nl.QueryOptions, pool string) (any, error) {
	req := &query.NodeList{QueryOptions: o, NodePool: pool}
	for name, to := range map[string]*bool{"resources": &req.Resources, "os": &req.OS} {
		v := r.URL.Query().Get(name)
		if v == "" {
			continue
		}
		b, err := strconv.ParseBool(v)
		if err != nil {
			return nil, bad("Failed to parse node list fields: Failed to parse value of %q (%v) as a bool: %v", name, v, err)
		}
		*to = b
	}
	var reply query.NodeStubs
	if err := r.call("Node.List", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return list(reply.Nodes), nil
}

func nodeSub(r *request) (any, error) {
	head, tail := splitLast(r.rest)
	verbs := map[string]methods{
		"evaluate": {"WRITE": nodeEvaluate}, "allocations": {"GET": nodeAllocs}, "drain": {"WRITE": nodeDrain},
		"eligibility": {"WRITE": nodeEligibility}, "purge": {"WRITE": nodePurge},
	}
	if m, ok := verbs[tail]; ok && head != "" {
		r.rest = head
		return r.byMethod(m)
	}
	return r.byMethod(methods{"GET": nodeGet})
}

// shownNode adds what answers tell beside the node itself.
type shownNode struct {
	*nl.Node
	Drain bool
}

func nodeGet(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.NodeReply
	if err := r.call("Node.Get", &query.NodeGet{QueryOptions: o, ID: r.rest}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	if reply.Node == nil {
		return nil, notFound("node not found")
	}
	return shownNode{reply.Node, reply.Node.DrainStrategy != nil}, nil
}

func nodeAllocs(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.NodeAllocsReply
	if err := r.call("Node.AllocList", &query.NodeGet{QueryOptions: o, ID: r.rest}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	out := make([]*nl.Alloc, len(reply.Allocs))
	for i, a := range reply.Allocs {
		out[i] = shownAlloc(a, reply.Jobs[i])
	}
	return out, nil
}

func nodeEvaluate(r *request) (any, error) { return r.nodeUpdate("Node.Evaluate") }
func nodePurge(r *request) (any, error)    { return r.nodeUpdate("Node.Purge") }

func (r *request) nodeUpdate(method string) (any, error) {
	var reply nl.NodeUpdateResponse
	if err := r.call(method, &query.NodeChange{WriteOptions: r.write(), ID: r.rest}, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return reply, nil
}

func nodeDrain(r *request) (any, error) {
	var body struct {
		NodeID    string
		DrainSpec *struct {
			Deadline         json.RawMessage
			IgnoreSystemJobs bool
		}
		MarkEligible bool
		Meta         map[string]string
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	req := &query.NodeChange{WriteOptions: r.write(), ID: r.rest, MarkEligible: body.MarkEligible, Meta: body.Meta}
	if d := body.DrainSpec; d != nil {
		deadline, err := durationText(d.Deadline)
		if err != nil {
			return nil, bad("Deadline: %s", err)
		}
		req.Drain = &nl.DrainSpec{Deadline: deadline, IgnoreSystemJobs: d.IgnoreSystemJobs}
	}
	var reply nl.NodeDrainUpdateResponse
	if err := r.call("Node.Drain", req, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return reply, nil
}

func nodeEligibility(r *request) (any, error) {
	var body struct{ NodeID, Eligibility string }
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	var reply nl.NodeEligibilityUpdateResponse
	req := &query.NodeChange{WriteOptions: r.write(), ID: r.rest, Eligibility: body.Eligibility}
	if err := r.call("Node.Eligibility", req, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return reply, nil
}

// onNode says where a client route goes: to the allocation's node, to the node
// asked for, or to the agent's own.
func (r *request) onNode(allocID string) (query.OnNode, error) {
	q := r.URL.Query()
	o := query.OnNode{QueryOptions: nl.QueryOptions{Region: r.region(), Namespace: r.namespace(), AuthToken: r.token()},
		NodeID: q.Get("node_id"), AllocID: allocID}
	if allocID != "" {
		o.NodeID = ""
		return o, nil
	}
	if o.NodeID == "" {
		o.NodeID = r.api.cfg.NodeID
	}
	if o.NodeID == "" {
		return o, bad("No local Node and node_id not provided")
	}
	return o, nil
}

// onNodeError gives errors of client routes their status.
func onNodeError(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, missing := range []string{"No path to node", "Unknown allocation", "Unknown node"} {
		if strings.Contains(text, missing) {
			return notFound("%s", text)
		}
	}
	return err
}

// errWebSocket tells that a route only speaks WebSocket.
var errWebSocket = fmt.Errorf("this route needs a WebSocket upgrade")
