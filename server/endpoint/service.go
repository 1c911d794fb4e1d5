package endpoint

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

func (e *Endpoints) registerServices() {
	on(e, Read, "Service.List", e.serviceList)
	on(e, Read, "Service.Get", e.serviceGet)
	on(e, Write, "Service.Delete", e.serviceDelete)
}

func (e *Endpoints) serviceList(ctx context.Context, req *query.ServiceList, reply *query.ServiceNames) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "read-job")); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		names := map[string]map[string]map[string]bool{} // namespace, service, tag
		for r := range s.Services(ns) {
			if !hasPrefix(r.ServiceName, req.Prefix) {
				continue
			}
			if names[r.Namespace] == nil {
				names[r.Namespace] = map[string]map[string]bool{}
			}
			if names[r.Namespace][r.ServiceName] == nil {
				names[r.Namespace][r.ServiceName] = map[string]bool{}
			}
			for _, t := range r.Tags {
				names[r.Namespace][r.ServiceName][t] = true
			}
		}
		reply.Namespaces = []*nl.ServiceRegistrationListStub{}
		for _, n := range sortedKeys(names) {
			stub := &nl.ServiceRegistrationListStub{Namespace: n}
			for _, name := range sortedKeys(names[n]) {
				stub.Services = append(stub.Services, &nl.ServiceRegistrationStub{ServiceName: name, Tags: sortedKeys(names[n][name])})
			}
			for _, st := range stub.Services {
				if st.Tags == nil {
					st.Tags = []string{}
				}
			}
			reply.Namespaces = append(reply.Namespaces, stub)
		}
		return s.TableIndex(store.TableServices), []store.Key{{Table: store.TableServices}}, nil
	})
}

func (e *Endpoints) serviceGet(ctx context.Context, req *query.ServiceGet, reply *query.ServicesReply) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "read-job")); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		var err error
		reply.Services, err = pager[*nl.ServiceRegistration]{
			opts: &req.QueryOptions, token: func(r *nl.ServiceRegistration) string { return r.Namespace + "." + r.ID },
		}.page(s.ServicesByName(ns, req.Name), &reply.QueryMeta)
		if err == nil && req.Choose != "" {
			reply.Services, err = choose(reply.Services, req.Choose)
		}
		return s.TableIndex(store.TableServices), []store.Key{{Table: store.TableServices}}, err
	})
}

// choose takes the first n instances in the order of a rendezvous hash, so
// that callers with one key agree on them.
func choose(all []*nl.ServiceRegistration, how string) ([]*nl.ServiceRegistration, error) {
	count, key, ok := strings.Cut(how, "|")
	n, err := strconv.Atoi(count)
	if !ok || err != nil {
		return nil, nl.Errorf(nl.CodeInvalid, "failed to choose services: Parameter for choose must be in form '<number>|<key>'")
	}
	type ranked struct {
		hash string
		r    *nl.ServiceRegistration
	}
	order := make([]ranked, 0, len(all))
	for _, r := range all {
		h := sha256.New()
		var port [8]byte
		binary.BigEndian.PutUint64(port[:], uint64(r.Port))
		h.Write(port[:])
		for _, part := range []string{r.AllocID, r.ID, r.Namespace, r.Address, r.ServiceName} {
			h.Write([]byte(part))
		}
		for _, t := range r.Tags {
			h.Write([]byte(t))
		}
		h.Write([]byte(key))
		order = append(order, ranked{hex.EncodeToString(h.Sum(nil)), r})
	}
	slices.SortFunc(order, func(a, b ranked) int { return strings.Compare(a.hash, b.hash) })
	out := []*nl.ServiceRegistration{}
	for _, o := range order[:max(0, min(n, len(order)))] {
		out = append(out, o.r)
	}
	return out, nil
}

func (e *Endpoints) serviceDelete(ctx context.Context, req *query.ServiceDelete, reply *query.Written) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "submit-job", "delete-service-registration")); err != nil {
		return err
	}
	if e.snapshot().Service(ns, req.ID) == nil {
		return fmt.Errorf("service registration not found")
	}
	r, err := e.propose(ctx, &op.DeleteServices{Namespace: ns, IDs: []string{req.ID}})
	reply.Index = r.Index
	return err
}
