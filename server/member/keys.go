package member

import (
	"github.com/hashicorp/serf/serf"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// Keyring carries out "list", "install", "use" or "remove" on the keys of all
// servers. The error counts the servers that could not.
func (p *Pool) Keyring(action, key string) (*query.KeyringAnswer, error) {
	m := p.serf.KeyManager()
	var r *serf.KeyResponse
	var err error
	switch action {
	case "list":
		r, err = m.ListKeys()
	case "install":
		r, err = m.InstallKey(key)
	case "use":
		r, err = m.UseKey(key)
	case "remove":
		r, err = m.RemoveKey(key)
	default:
		return nil, nl.Errorf(nl.CodeInvalid, "unknown keyring action %q; there are list, install, use and remove", action)
	}
	if err != nil {
		return nil, err // clients of the API know the library's texts
	}
	return &query.KeyringAnswer{Messages: r.Messages, Keys: r.Keys, NumNodes: r.NumNodes}, nil
}
