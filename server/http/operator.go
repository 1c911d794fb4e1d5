package http

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

func (a *API) operatorRoutes() []route {
	missing := notFound("")
	return []route{
		{path: "/v1/operator/scheduler/configuration", by: methods{"GET": schedulerConfig, "WRITE": setSchedulerConfig}},
		{path: "/v1/operator/autopilot/configuration", by: methods{"GET": autopilotConfig, "PUT": setAutopilotConfig}, invalid: missing},
		{path: "/v1/operator/autopilot/health", by: methods{"GET": autopilotHealth}, invalid: missing},
		{path: "/v1/operator/raft/configuration", by: methods{"GET": raftConfiguration}, invalid: &nl.Error{Code: 405}},
		{path: "/v1/operator/raft/peer", by: methods{"DELETE": raftRemove}, invalid: missing},
		{path: "/v1/operator/raft/transfer-leadership", by: methods{"WRITE": raftTransfer}, invalid: &nl.Error{Code: 405}},
		{path: "/v1/operator/snapshot", by: methods{"GET": snapshotSave, "WRITE": snapshotRestore}},
		{path: "/v1/operator/raft/", by: methods{}, invalid: notFound("Invalid method")},
		{path: "/v1/system/gc", by: methods{"PUT": systemGC}},
		{path: "/v1/system/reconcile/summaries", by: methods{"PUT": systemReconcile}},
		{path: "/v1/operator/upgrade-check/vault-workload-identity", by: methods{"GET": upgradeCheckVault}},
		{path: "/v1/operator/license", by: methods{"GET": license}, invalid: errEdition},
	}
}

// errEdition is what routes answer that the peer keeps for paying customers,
// until their feature is here.
var errEdition = &nl.Error{Code: nl.CodeUnsupported, Text: "Nomad Enterprise only endpoint"}

func (a *API) editionRoutes() (out []route) {
	for _, p := range []string{"/v1/sentinel/", "/v1/recommendations",
		"/v1/recommendation", "/v1/recommendations/", "/v1/recommendation/", "/v1/operator/utilization"} {
		out = append(out, route{path: p, by: methods{}, invalid: errEdition})
	}
	return out
}

// upgradeCheckVault tells what still stands on Vault tokens.
func upgradeCheckVault(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply nl.UpgradeCheckVaultWorkloadIdentityResponse
	if err := r.call("Operator.UpgradeCheckVault", &query.OperatorGet{QueryOptions: o}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return &reply, nil
}

func license(r *request) (any, error) {
	r.w.WriteHeader(204)
	return written, nil
}

func schedulerConfig(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.SchedulerConfigReply
	if err := r.call("Operator.SchedulerConfig", &query.OperatorGet{QueryOptions: o}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return reply, nil
}

// cas reads the check-and-set parameter.
func (r *request) cas() (on bool, expect uint64, err error) {
	v := r.URL.Query().Get("cas")
	if v == "" {
		return false, 0, nil
	}
	if expect, err = strconv.ParseUint(v, 10, 64); err != nil {
		return false, 0, bad("Error parsing cas value: %v", err)
	}
	return true, expect, nil
}

func setSchedulerConfig(r *request) (any, error) {
	var c nl.SchedulerConfiguration
	if err := r.decode(&c); err != nil {
		return nil, tooLargeOr(err, bad("Error parsing scheduler config: %v", err))
	}
	if c.SchedulerAlgorithm == "" {
		c.SchedulerAlgorithm = "binpack"
	}
	req := &query.SchedulerConfigSet{WriteOptions: r.write(), Config: &c}
	var err error
	if req.CAS, req.Expect, err = r.cas(); err != nil {
		return nil, err
	}
	var reply query.Updated
	if err := r.call("Operator.SetSchedulerConfig", req, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return reply, nil
}

func autopilotConfig(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.AutopilotConfigReply
	if err := r.call("Operator.AutopilotConfig", &query.OperatorGet{QueryOptions: o}, &reply); err != nil {
		return nil, err
	}
	return reply.Config, nil
}

func setAutopilotConfig(r *request) (any, error) {
	var body struct {
		nl.AutopilotConfig
		LastContactThreshold, ServerStabilizationTime json.RawMessage
	}
	if err := r.decode(&body); err != nil {
		return nil, tooLargeOr(err, bad("Error parsing autopilot config: %v", err))
	}
	c := body.AutopilotConfig
	for _, f := range []struct {
		raw json.RawMessage
		to  *string
	}{{body.LastContactThreshold, &c.LastContactThreshold}, {body.ServerStabilizationTime, &c.ServerStabilizationTime}} {
		d, err := durationText(f.raw)
		if err != nil {
			return nil, bad("Error parsing autopilot config: %v", err)
		}
		*f.to = d.String()
	}
	req := &query.AutopilotConfigSet{WriteOptions: r.write(), Config: &c}
	var err error
	if req.CAS, req.Expect, err = r.cas(); err != nil {
		return nil, err
	}
	var reply query.Updated
	if err := r.call("Operator.SetAutopilotConfig", req, &reply); err != nil {
		return nil, err
	}
	return !req.CAS || reply.Updated, nil
}

func autopilotHealth(r *request) (any, error) {
	if err := r.agentAllowed(); err != nil {
		return nil, err
	}
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var h nl.OperatorHealthReply
	if err := r.call("Operator.AutopilotHealth", &query.OperatorGet{QueryOptions: o}, &h); err != nil {
		return nil, err
	}
	if !h.Healthy {
		body, err := r.marshal(&h)
		if err != nil {
			return nil, err
		}
		r.w.Header().Set("Content-Type", "application/json")
		r.w.WriteHeader(429)
		r.w.Write(body)
		return written, nil
	}
	return &h, nil
}

func raftConfiguration(r *request) (any, error) {
	if err := r.agentAllowed(); err != nil {
		return nil, err
	}
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply nl.RaftConfigurationResponse
	if err := r.call("Operator.RaftConfiguration", &query.OperatorGet{QueryOptions: o}, &reply); err != nil {
		return nil, err
	}
	return &reply, nil
}

func raftRemove(r *request) (any, error) {
	if err := r.agentAllowed(); err != nil {
		return nil, err
	}
	q := r.URL.Query()
	switch {
	case q.Has("address"):
		return nil, bad("address is no longer supported. Specify the peer's ID to remove")
	case q.Get("id") == "":
		return nil, bad("Must specify the peer's ID to remove")
	}
	return nil, r.call("Operator.RaftRemovePeer", &query.RaftPeer{WriteOptions: r.write(), ID: q.Get("id")}, nil)
}

func raftTransfer(r *request) (any, error) {
	if err := r.agentAllowed(); err != nil {
		return nil, err
	}
	q := r.URL.Query()
	ids, addrs := q["id"], q["address"]
	switch {
	case len(ids)+len(addrs) == 0:
		return nil, bad("must specify id or address")
	case len(ids) > 0 && len(addrs) > 0:
		return nil, bad("must specify either id or address")
	case len(ids) > 1:
		return nil, bad("must specify only one id")
	case len(addrs) > 1:
		return nil, bad("must specify only one address")
	case len(ids) == 1 && ids[0] == "":
		return nil, bad("id must be non-empty")
	case len(addrs) == 1 && addrs[0] == "":
		return nil, bad("address must be non-empty")
	}
	var reply nl.LeadershipTransferResponse
	req := &query.RaftPeer{WriteOptions: r.write(), ID: q.Get("id"), Address: q.Get("address")}
	if err := r.call("Operator.RaftTransfer", req, &reply); err != nil {
		return nil, err
	}
	return &reply, nil
}

func systemGC(r *request) (any, error) { return r.system("System.GC") }

func systemReconcile(r *request) (any, error) { return r.system("System.Reconcile") }

func (r *request) system(method string) (any, error) {
	var reply query.Written
	return nil, r.call(method, &query.SystemGC{WriteOptions: r.write()}, &reply)
}

func (a *API) statusRoutes() []route {
	return []route{
		{path: "/v1/status/leader", by: methods{"GET": statusLeader}},
		{path: "/v1/status/peers", by: methods{"GET": statusPeers}},
		{path: "/v1/regions", by: methods{"GET": statusRegions}},
		{path: "/v1/status/fingerprint", by: methods{"GET": statusFingerprint}},
	}
}

func statusLeader(r *request) (any, error) {
	var reply query.Text
	o := nl.QueryOptions{Region: r.region()}
	if err := r.call("Status.Leader", &query.OperatorGet{QueryOptions: o}, &reply); err != nil {
		return nil, err
	}
	return reply.Text, nil
}

// statusFingerprint tells what this server's state hashes to: an addition that
// lets servers be compared.
func statusFingerprint(r *request) (any, error) {
	var reply query.Text
	if err := r.call("Status.Fingerprint", &query.OperatorGet{}, &reply); err != nil {
		return nil, err
	}
	return map[string]any{"Fingerprint": reply.Text, "Index": reply.Index}, nil
}

func statusPeers(r *request) (any, error) { return r.texts("Status.Peers", r.region()) }

func statusRegions(r *request) (any, error) { return r.texts("Status.Regions", "") }

func (r *request) texts(method, region string) (any, error) {
	var reply query.Texts
	o := nl.QueryOptions{Region: region}
	if err := r.call(method, &query.OperatorGet{QueryOptions: o}, &reply); err != nil {
		return nil, err
	}
	return list(reply.Texts), nil
}

func (a *API) keyRoutes() []route {
	return []route{
		{path: "/.well-known/jwks.json", by: methods{"GET": jwks}},
		{path: "/.well-known/openid-configuration", by: methods{"GET": oidcDiscovery}},
		{path: "/v1/operator/keyring/keys", by: methods{"GET": keyringKeys}},
		{path: "/v1/operator/keyring/rotate", by: methods{"WRITE": keyringRotate}},
		{path: "/v1/operator/keyring/key/", by: methods{"DELETE": keyringDelete}},
	}
}

// jwksAgeMin is the shortest time that public keys may be cached.
const jwksAgeMin = 15 * time.Minute

func jwks(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.JWKSReply
	if err := r.call("Operator.JWKS", &query.OperatorGet{QueryOptions: o}, &reply); err != nil {
		return nil, err
	}
	age := max(time.Unix(0, reply.RotatesAt).Sub(r.api.cfg.Now()), jwksAgeMin)
	r.w.Header().Set("Cache-Control", fmt.Sprintf("max-age=%d", int(age.Seconds())))
	r.meta(reply.QueryMeta)
	return map[string]any{"keys": reply.Keys}, nil
}

func oidcDiscovery(r *request) (any, error) {
	issuer := r.api.cfg.OIDCIssuer
	if issuer == "" {
		return nil, notFound("OIDC Discovery endpoint disabled")
	}
	return nl.OIDCDiscoveryConfig{Issuer: issuer, JwksUri: issuer + "/.well-known/jwks.json", IdTokenSigningAlgValuesSupported: []string{"RS256", "EdDSA"},
		ResponseTypesSupported: []string{"code"}, SubjectTypesSupported: []string{"public"}}, nil
}

func keyringKeys(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.KeysReply
	if err := r.call("Operator.Keys", &query.OperatorGet{QueryOptions: o}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return list(reply.Keys), nil
}

func keyringRotate(r *request) (any, error) {
	q := r.URL.Query()
	if a := q.Get("algo"); a != "" && a != "aes256-gcm" {
		return nil, bad("invalid algorithm %q", a)
	}
	req := &query.KeyRotate{WriteOptions: r.write(), Full: q.Has("full")}
	if v := q.Get("publish_time"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return nil, nl.Errorf(nl.CodeInternal, "invalid publish_time: %v", err)
		}
		req.PublishTime = n
	}
	var reply query.KeyRotated
	if err := r.call("Operator.RotateKey", req, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return reply, nil
}

func keyringDelete(r *request) (any, error) {
	req := &query.KeyDelete{WriteOptions: r.write(), ID: r.rest}
	var err error
	if req.Force, err = r.boolean("force", false, nl.CodeUnprocessable); err != nil {
		return nil, nl.Errorf(nl.CodeUnprocessable, "invalid force parameter")
	}
	var reply query.Written
	if err := r.call("Operator.DeleteKey", req, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return nl.WriteMeta{Index: reply.Index}, nil
}
