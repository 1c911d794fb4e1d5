package http

import (
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func (a *API) aclRoutes() []route {
	return []route{
		{path: "/v1/acl/token/self", by: methods{"GET": tokenSelf}},
		{path: "/v1/acl/identity/client-introduction-token", by: methods{"WRITE": introductionToken}},
		{path: "/v1/acl/", by: methods{"ANY": aclOff}},
	}
}

// aclOff answers every route of the ACL system. With ACLs on there is none to
// ask yet, and nobody has a right to.
func aclOff(r *request) (any, error) {
	if r.api.cfg.ACLEnabled {
		return nil, nl.ErrPermissionDenied
	}
	return nil, bad("ACL support disabled")
}

// selfToken is what whoami answers with ACLs off.
type selfToken struct {
	AccessorID, SecretID, Name, Type string
	Policies                         []string
	Roles                            []string
	Global                           bool
	Hash                             []byte
	CreateTime                       time.Time
	ExpirationTime                   *time.Time
	ExpirationTTL                    string
	CreateIndex, ModifyIndex         uint64
}

func tokenSelf(r *request) (any, error) {
	if r.api.cfg.ACLEnabled {
		return nil, nl.ErrPermissionDenied
	}
	r.meta(nl.QueryMeta{KnownLeader: true})
	return selfToken{AccessorID: "acls-disabled", Name: "ACLs disabled token", Type: "client"}, nil
}
