package endpoint

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// need is what a call requires of its caller. Capability is one of the names
// of the policy language; several mean that any of them will do.
type need struct {
	namespace    string   // for namespaced capabilities
	variable     string   // path of the variable that the capabilities are about; "": they are about the namespace
	capabilities []string // any of these in the namespace
	node         string   // node: read or write
	agent        string   // agent: read or write
	operator     string   // operator: read or write
	nodePool     string   // read, write or delete on that pool
	quota        string   // quota: read or write
	management   bool
}

// can asks for any of the capabilities in a namespace.
func can(namespace string, capabilities ...string) need {
	return need{namespace: namespace, capabilities: capabilities}
}

// authorize is the one place that decides who may do what. With ACLs off
// everyone may; with ACLs on nobody is known yet, so everything that needs a
// right is denied.
func (e *Endpoints) authorize(token string, n need) error {
	if !e.cfg.ACLEnabled {
		return nil
	}
	return nl.ErrPermissionDenied
}
