package http

import (
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// GossipKeys manages the keys that servers encrypt their gossip with.
type GossipKeys interface {
	// Keyring carries out "list", "install", "use" or "remove" on all servers.
	// The answer tells what each said even when there is an error.
	Keyring(action, key string) (*query.KeyringAnswer, error)
}

// agentKeyring routes what is below /v1/agent/keyring/.
func agentKeyring(r *request) (any, error) {
	action := r.rest
	switch action {
	case "list", "install", "use", "remove":
	default:
		return nil, notFound("resource not found")
	}
	if err := r.agentAllowed(); err != nil {
		return nil, err
	}
	if r.api.cfg.Gossip == nil {
		return nil, errServerOnly
	}
	var body struct{ Key string }
	if action != "list" {
		if err := r.decode(&body); err != nil {
			return nil, err
		}
	}
	return result(r.api.cfg.Gossip.Keyring(action, body.Key))
}
