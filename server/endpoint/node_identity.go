package endpoint

import (
	"context"
	"strings"

	"github.com/go-jose/go-jose/v4/jwt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// identityAudience is who identities are for when nothing else is said.
const identityAudience = "nomadproject.io"

// nodeIdentity tells what the identity of a node says.
func (e *Endpoints) nodeIdentity(ctx context.Context, req *query.NodeGet, reply *query.NodeIdentityReply) error {
	if err := e.authorize(req.AuthToken, need{node: "read"}); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		n := s.Node(req.ID)
		if n == nil {
			return 0, nil, nl.Errorf(nl.CodeNotFound, "Unknown node %q", req.ID)
		}
		reply.Claims = map[string]any{
			"sub": strings.Join([]string{"node", e.cfg.Region, n.NodePool, n.ID, "default"}, ":"), "aud": identityAudience,
			"nomad_node_id": n.ID, "nomad_node_pool": n.NodePool, "nomad_node_class": n.NodeClass, "nomad_node_datacenter": n.Datacenter,
		}
		if e.cfg.OIDCIssuer != "" {
			reply.Claims["iss"] = e.cfg.OIDCIssuer
		}
		return n.ModifyIndex, []store.Key{{Table: store.TableNodes, ID: req.ID}}, nil
	})
}

// introductionClaims are what a new client shows to introduce itself.
type introductionClaims struct {
	jwt.Claims
	NodePool string `json:"nomad_node_pool"`
	NodeName string `json:"nomad_node_name,omitempty"`
}

// nodeIntroduce signs a token for a client that is about to join.
func (e *Endpoints) nodeIntroduce(_ context.Context, req *query.NodeIntroduction, reply *query.NodeIntroduced) error {
	if err := e.authorize(req.AuthToken, need{node: "write"}); err != nil {
		return err
	}
	if req.TTL <= 0 {
		return nl.Errorf(nl.CodeInvalid, "an introduction token needs a time to live above 0, not %s", req.TTL)
	}
	key := e.snapshot().ActiveRootKey()
	if key == nil {
		return nl.Errorf(nl.CodeUnavailable, "no active root key yet; retry")
	}
	signer, err := e.sign.get(key)
	if err != nil {
		return err
	}
	now := e.cfg.Now()
	c := &introductionClaims{NodePool: req.NodePool, NodeName: req.NodeName}
	c.Issuer = e.cfg.OIDCIssuer
	c.Subject = strings.Join([]string{"node-introduction", e.cfg.Region, req.NodePool, req.NodeName, "default"}, ":")
	c.Audience, c.ID = jwt.Audience{identityAudience}, e.cfg.NewID()
	c.IssuedAt, c.NotBefore, c.Expiry = jwt.NewNumericDate(now), jwt.NewNumericDate(now), jwt.NewNumericDate(now.Add(req.TTL))
	reply.JWT, err = jwt.Signed(signer).Claims(c).Serialize()
	return err
}
