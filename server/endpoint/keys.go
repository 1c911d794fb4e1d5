package endpoint

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/server/watch"
)

func (e *Endpoints) registerKeys() {
	on(e, Read, "Operator.Keys", e.operatorKeys)
	on(e, Read, "Operator.JWKS", e.operatorJWKS)
	on(e, Write, "Operator.RotateKey", e.operatorRotateKey)
	on(e, Write, "Operator.DeleteKey", e.operatorDeleteKey)
}

// keyRotation is how long a key signs before it is expected to be replaced.
const keyRotation = 720 * time.Hour

func (e *Endpoints) operatorKeys(ctx context.Context, req *query.OperatorGet, reply *query.KeysReply) error {
	if err := e.authorize(req.AuthToken, need{operator: "keyring-read"}); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		reply.Keys = []*nl.RootKeyMeta{}
		for k := range s.RootKeys() {
			reply.Keys = append(reply.Keys, k.Meta)
		}
		return s.TableIndex(store.TableRootKeys), []store.Key{{Table: store.TableRootKeys}}, nil
	})
}

func (e *Endpoints) operatorJWKS(ctx context.Context, req *query.OperatorGet, reply *query.JWKSReply) error {
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		reply.Keys = []query.JWK{}
		for k := range s.RootKeys() {
			key, err := x509.ParsePKCS8PrivateKey(k.Signing)
			private, ok := key.(*rsa.PrivateKey)
			if err != nil || !ok {
				return 0, nil, fmt.Errorf("root key %s cannot be read", k.Meta.KeyID)
			}
			enc := base64.RawURLEncoding
			reply.Keys = append(reply.Keys, query.JWK{Use: "sig", Kty: "RSA", Kid: k.Meta.KeyID, Alg: "RS256",
				N: enc.EncodeToString(private.N.Bytes()), E: enc.EncodeToString(big.NewInt(int64(private.E)).Bytes())})
			if k.Meta.State == "active" {
				reply.RotatesAt = k.Meta.CreateTime + int64(keyRotation)
			}
		}
		return s.TableIndex(store.TableRootKeys), []store.Key{{Table: store.TableRootKeys}}, nil
	})
}

func (e *Endpoints) operatorRotateKey(ctx context.Context, req *query.KeyRotate, reply *query.KeyRotated) error {
	if err := e.authorize(req.AuthToken, need{operator: "keyring-rotate"}); err != nil {
		return err
	}
	if req.Full && req.PublishTime != 0 {
		return fmt.Errorf("keyring cannot be prepublished and full rotated at the same time")
	}
	key, err := watch.NewRootKey(rand.Reader, e.now(), e.cfg.NewID())
	if err != nil {
		return fmt.Errorf("making a root key: %w", err)
	}
	activate := true
	if req.PublishTime != 0 {
		key.Meta.State, key.Meta.PublishTime, activate = "prepublished", req.PublishTime, false
	}
	r, err := e.propose(ctx, &op.UpsertRootKey{Key: key, Activate: activate})
	if err != nil {
		return err
	}
	if req.Full {
		if err := e.rekey(ctx, key.Meta.KeyID); err != nil {
			return fmt.Errorf("root key %s is active, but the variables of older keys stay as they are: %w", key.Meta.KeyID, err)
		}
	}
	meta := *key.Meta
	meta.CreateIndex, meta.ModifyIndex = 0, 0 // as recorded: the answer tells the index beside
	reply.Key, reply.Index = &meta, r.Index
	return nil
}

// rekey has the leader encrypt anew what older keys encrypt.
func (e *Endpoints) rekey(ctx context.Context, active string) error {
	s := e.snapshot()
	old := map[string]bool{}
	for v := range s.Variables(nl.AllNamespaces, "") {
		old[v.KeyID] = v.KeyID != active && v.KeyID != ""
	}
	for k := range s.RootKeys() {
		if !old[k.Meta.KeyID] {
			continue
		}
		next, meta := *k, *k.Meta
		meta.State, next.Meta = watch.KeyRekeying, &meta
		if _, err := e.propose(ctx, &op.UpsertRootKey{Key: &next}); err != nil {
			return err
		}
	}
	return nil
}

func (e *Endpoints) operatorDeleteKey(ctx context.Context, req *query.KeyDelete, reply *query.Written) error {
	if err := e.authorize(req.AuthToken, need{operator: "keyring-delete"}); err != nil {
		return err
	}
	s := e.snapshot()
	var key *nl.RootKey
	for k := range s.RootKeys() {
		if k.Meta.KeyID == req.ID {
			key = k
		}
	}
	switch {
	case key == nil:
		return fmt.Errorf("root key not found")
	case key.Meta.State == "active":
		return fmt.Errorf("active root key cannot be deleted - call rotate first")
	}
	if !req.Force {
		for v := range s.Variables(nl.AllNamespaces, "") {
			if v.KeyID == req.ID {
				return fmt.Errorf("root key in use, cannot delete")
			}
		}
		for a := range s.Allocs(nl.AllNamespaces) {
			if a.SigningKeyID == req.ID && !a.Terminal() {
				return fmt.Errorf("root key in use, cannot delete")
			}
		}
	}
	r, err := e.propose(ctx, &op.DeleteRootKey{KeyID: req.ID})
	reply.Index = r.Index
	return err
}

// signers caches the parsed signing key: parsing takes longer than signing
// a few tokens.
type signers struct {
	mu    sync.Mutex
	keyID string
	s     jose.Signer
}

func (c *signers) get(k *nl.RootKey) (jose.Signer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keyID == k.Meta.KeyID {
		return c.s, nil
	}
	private, err := x509.ParsePKCS8PrivateKey(k.Signing)
	if err != nil {
		return nil, fmt.Errorf("root key %s cannot be read", k.Meta.KeyID)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: private},
		(&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", k.Meta.KeyID))
	if err != nil {
		return nil, err
	}
	c.keyID, c.s = k.Meta.KeyID, s
	return s, nil
}

// identityClaims are the claims of a workload identity beyond the standard ones.
type identityClaims struct {
	jwt.Claims
	Namespace string            `json:"nomad_namespace"`
	JobID     string            `json:"nomad_job_id"`
	AllocID   string            `json:"nomad_allocation_id"`
	Task      string            `json:"nomad_task,omitempty"`
	Extra     map[string]string `json:"extra_claims,omitempty"`
}

// identitiesPerCallMax bounds the tokens signed for one call: an RSA signature
// takes about a millisecond.
const identitiesPerCallMax = 512

// nodeSignIdentities signs the identities of allocations that are the node's.
func (e *Endpoints) nodeSignIdentities(_ context.Context, req *query.SignIdentities, reply *query.SignedIdentities) error {
	if _, err := e.authNode(req.NodeID, req.SecretID); err != nil {
		return err
	}
	if len(req.Wanted) > identitiesPerCallMax {
		return nl.Errorf(nl.CodeInvalid, "%d identities asked in one call, at most %d are signed", len(req.Wanted), identitiesPerCallMax)
	}
	s := e.snapshot()
	key := s.ActiveRootKey()
	if key == nil {
		return nl.Errorf(nl.CodeUnavailable, "no active root key yet; retry")
	}
	signer, err := e.sign.get(key)
	if err != nil {
		return err
	}
	for _, w := range req.Wanted {
		out := query.SignedIdentity{IdentityWanted: w}
		claims, why := e.claims(s, req.NodeID, w)
		if why == "" {
			out.JWT, err = jwt.Signed(signer).Claims(claims).Serialize()
			if err != nil {
				why = err.Error()
			}
			if claims.Expiry != nil {
				out.Expires = nl.Time{Time: claims.Expiry.Time()}
			}
		}
		out.Error = why
		reply.Tokens = append(reply.Tokens, out)
	}
	return nil
}

// claims are what one identity says, or why there is none.
func (e *Endpoints) claims(s *store.Snapshot, nodeID string, w query.IdentityWanted) (*identityClaims, string) {
	a := s.Alloc(w.AllocID)
	if a == nil || a.NodeID != nodeID || a.Job == nil {
		return nil, fmt.Sprintf("allocation %q is not on this node", w.AllocID)
	}
	g := a.Job.Group(a.TaskGroup)
	if g == nil || g.Task(w.Task) == nil {
		return nil, fmt.Sprintf("allocation %q has no task %q", w.AllocID, w.Task)
	}
	task := g.Task(w.Task)
	var id *nl.WorkloadIdentity
	for _, c := range append(slices.Clone(task.Identities), task.Identity) {
		if c != nil && (c.Name == w.Identity || c.Name == "" && w.Identity == "default") {
			id = c
		}
	}
	if id == nil {
		return nil, fmt.Sprintf("task %q has no identity %q", w.Task, w.Identity)
	}
	now := e.cfg.Now()
	job := a.JobID
	if a.Job.ParentID != "" {
		job = a.Job.ParentID
	}
	c := &identityClaims{Namespace: a.Namespace, JobID: job, AllocID: a.ID, Task: w.Task}
	c.Issuer = e.cfg.OIDCIssuer
	c.Subject = strings.Join([]string{e.cfg.Region, a.Namespace, job, a.TaskGroup, w.Task, w.Identity}, ":")
	c.Audience = id.Audience
	if len(c.Audience) == 0 {
		c.Audience = jwt.Audience{identityAudience}
	}
	c.IssuedAt, c.NotBefore, c.ID = jwt.NewNumericDate(now), jwt.NewNumericDate(now), e.cfg.NewID()
	if id.TTL > 0 {
		c.Expiry = jwt.NewNumericDate(now.Add(id.TTL))
	}
	return c, ""
}
