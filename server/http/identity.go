package http

import (
	"encoding/json"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// nodeIdentity asks the servers what the identity of a node says.
func (r *request) nodeIdentity(nodeID string) (*query.NodeIdentityReply, error) {
	on, err := r.onNode("")
	if nodeID != "" {
		on.NodeID, err = nodeID, nil
	}
	if err != nil {
		return nil, err
	}
	var reply query.NodeIdentityReply
	if err := r.call("Node.Identity", &query.NodeGet{QueryOptions: on.QueryOptions, ID: on.NodeID}, &reply); err != nil {
		return nil, onNodeError(err)
	}
	return &reply, nil
}

func clientIdentity(r *request) (any, error) {
	reply, err := r.nodeIdentity("")
	if err != nil {
		return nil, err
	}
	return map[string]any{"Claims": reply.Claims}, nil
}

// clientRenewIdentity asks for a new identity. A node's identity is derived
// whenever it is asked for, so all there is to do is to check that the node
// exists.
func clientRenewIdentity(r *request) (any, error) {
	var body struct{ NodeID string }
	if err := r.optional(&body); err != nil {
		return nil, err
	}
	if _, err := r.nodeIdentity(body.NodeID); err != nil {
		return nil, err
	}
	return struct{}{}, nil
}

// The life of a token that lets a new client introduce itself.
const (
	introductionTTLDefault = 5 * time.Minute
	introductionTTLMax     = 30 * time.Minute
)

func introductionToken(r *request) (any, error) {
	var body struct {
		TTL                json.RawMessage
		NodeName, NodePool string
	}
	if err := r.optional(&body); err != nil {
		return nil, err
	}
	ttl, err := durationText(body.TTL)
	switch {
	case err != nil:
		return nil, bad("TTL: %s", err)
	case ttl < 0:
		return nil, bad("TTL: %s is negative", ttl)
	case ttl == 0:
		ttl = introductionTTLDefault
	}
	req := &query.NodeIntroduction{WriteOptions: r.write(), NodeName: body.NodeName, NodePool: body.NodePool, TTL: min(ttl, introductionTTLMax)}
	if req.NodePool == "" {
		req.NodePool = nl.NodePoolDefault
	}
	var reply query.NodeIntroduced
	if err := r.call("Node.Introduce", req, &reply); err != nil {
		return nil, err
	}
	return map[string]string{"JWT": reply.JWT}, nil
}
