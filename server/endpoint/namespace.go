package endpoint

import (
	"context"
	"fmt"
	"regexp"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

func (e *Endpoints) registerNamespaces() {
	on(e, Read, "Namespace.List", e.namespaceList)
	on(e, Read, "Namespace.Get", e.namespaceGet)
	on(e, Write, "Namespace.Upsert", e.namespaceUpsert)
	on(e, Write, "Namespace.Delete", e.namespaceDelete)
}

func (e *Endpoints) registerNodePools() {
	on(e, Read, "NodePool.List", e.nodePoolList)
	on(e, Read, "NodePool.Get", e.nodePoolGet)
	on(e, Write, "NodePool.Upsert", e.nodePoolUpsert)
	on(e, Write, "NodePool.Delete", e.nodePoolDelete)
}

// descriptionMax bounds descriptions of namespaces and node pools, characters.
const descriptionMax = 256

func (e *Endpoints) namespaceList(ctx context.Context, req *query.NamespaceGet, reply *query.NamespacesReply) error {
	if err := e.authorize(req.AuthToken, can(nl.AllNamespaces)); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		reply.Namespaces = []*nl.Namespace{}
		for n := range s.Namespaces() {
			if hasPrefix(n.Name, req.Prefix) {
				reply.Namespaces = append(reply.Namespaces, n)
			}
		}
		return s.TableIndex(store.TableNamespaces), []store.Key{{Table: store.TableNamespaces}}, nil
	})
}

func (e *Endpoints) namespaceGet(ctx context.Context, req *query.NamespaceGet, reply *query.NamespacesReply) error {
	if err := e.authorize(req.AuthToken, can(req.Name)); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		watch := []store.Key{{Table: store.TableNamespaces, ID: req.Name}}
		reply.Namespaces = nil
		n := s.Namespace(req.Name)
		if n == nil {
			return s.TableIndex(store.TableNamespaces), watch, nil
		}
		reply.Namespaces = []*nl.Namespace{n}
		return n.ModifyIndex, watch, nil
	})
}

var (
	namespaceName = regexp.MustCompile(`^[a-zA-Z0-9-]{1,128}$`)
	nodePoolName  = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,128}$`)
)

func (e *Endpoints) namespaceUpsert(ctx context.Context, req *query.NamespaceUpsert, reply *query.Written) error {
	if err := e.authorize(req.AuthToken, need{management: true}); err != nil {
		return err
	}
	n := req.Namespace
	if n == nil {
		return nl.Errorf(nl.CodeInvalid, "missing namespace")
	}
	var wrong []string
	if !namespaceName.MatchString(n.Name) {
		wrong = append(wrong, fmt.Sprintf("invalid name %q. Must match regex %s", n.Name, namespaceName))
	}
	if len(n.Description) > descriptionMax {
		wrong = append(wrong, fmt.Sprintf("description longer than %d", descriptionMax))
	}
	wrong = append(wrong, checkGovernance(n)...)
	if len(wrong) > 0 {
		return fmt.Errorf("Invalid namespace %q: %s", n.Name, admit.Problems(wrong))
	}
	n.SetHash()
	r, err := e.propose(ctx, &op.UpsertNamespaces{Namespaces: []*nl.Namespace{n}, QuotaMustExist: true})
	reply.Index = r.Index
	return err
}

func (e *Endpoints) namespaceDelete(ctx context.Context, req *query.Named, reply *query.Written) error {
	if err := e.authorize(req.AuthToken, need{management: true}); err != nil {
		return err
	}
	if req.Name == nl.DefaultNamespace {
		return fmt.Errorf("can not delete default namespace")
	}
	s := e.snapshot()
	if s.Namespace(req.Name) == nil {
		return fmt.Errorf("namespace not found")
	}
	if why := namespaceInUse(s, req.Name); len(why) > 0 {
		for i, what := range why {
			why[i] = fmt.Sprintf("namespace %q has %s in regions: [%s]", req.Name, what, e.cfg.Region)
		}
		return admit.Problems(why)
	}
	r, err := e.propose(ctx, &op.DeleteNamespaces{Names: []string{req.Name}})
	reply.Index = r.Index
	return err
}

// namespaceInUse names what still lives in a namespace.
func namespaceInUse(s *store.Snapshot, name string) (why []string) {
	for j := range s.Jobs(name, "") {
		if j.Status != nl.JobStatusDead {
			why = append(why, "non-terminal jobs")
			break
		}
	}
	for a := range s.Allocs(name) {
		if !a.Terminal() {
			why = append(why, "non-terminal allocations")
			break
		}
	}
	for range s.Variables(name, "") {
		why = append(why, "variables")
		break
	}
	return why
}

func (e *Endpoints) nodePoolList(ctx context.Context, req *query.NodePoolGet, reply *query.NodePoolsReply) error {
	if err := e.authorize(req.AuthToken, need{nodePool: "read"}); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		var err error
		reply.Pools, err = pager[*nl.NodePool]{
			opts: &req.QueryOptions, token: func(p *nl.NodePool) string { return p.Name },
			keep: func(p *nl.NodePool) bool { return hasPrefix(p.Name, req.Prefix) },
		}.page(s.NodePools(), &reply.QueryMeta)
		return s.TableIndex(store.TableNodePools), []store.Key{{Table: store.TableNodePools}}, err
	})
}

func (e *Endpoints) nodePoolGet(ctx context.Context, req *query.NodePoolGet, reply *query.NodePoolsReply) error {
	if err := e.authorize(req.AuthToken, need{nodePool: "read"}); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		watch := []store.Key{{Table: store.TableNodePools, ID: req.Name}}
		reply.Pools = nil
		p := s.NodePool(req.Name)
		if p == nil {
			return s.TableIndex(store.TableNodePools), watch, nil
		}
		reply.Pools = []*nl.NodePool{p}
		return p.ModifyIndex, watch, nil
	})
}

func (e *Endpoints) nodePoolUpsert(ctx context.Context, req *query.NodePoolUpsert, reply *query.Written) error {
	if err := e.authorize(req.AuthToken, need{nodePool: "write"}); err != nil {
		return err
	}
	p := req.Pool
	if p == nil {
		return nl.Errorf(nl.CodeInvalid, "must specify at least one node pool")
	}
	switch {
	case p.Name == nl.NodePoolAll || p.Name == nl.NodePoolDefault:
		return nl.Errorf(nl.CodeInvalid, "modifying node pool %q is not allowed", p.Name)
	case !nodePoolName.MatchString(p.Name):
		return nl.Errorf(nl.CodeInvalid, "invalid node pool %q: %s", p.Name, admit.Problems{fmt.Sprintf("invalid name %q, must match regex %s", p.Name, nodePoolName)})
	case len(p.Description) > descriptionMax:
		return nl.Errorf(nl.CodeInvalid, "invalid node pool %q: %s", p.Name, admit.Problems{fmt.Sprintf("description longer than %d", descriptionMax)})
	}
	if c := p.SchedulerConfiguration; c != nil && c.SchedulerAlgorithm != "" && !validAlgorithm(c.SchedulerAlgorithm) {
		return nl.Errorf(nl.CodeInvalid, "invalid node pool %q: invalid scheduler algorithm: %s", p.Name, c.SchedulerAlgorithm)
	}
	p.SetHash()
	r, err := e.propose(ctx, &op.UpsertNodePools{Pools: []*nl.NodePool{p}})
	reply.Index = r.Index
	return err
}

func (e *Endpoints) nodePoolDelete(ctx context.Context, req *query.Named, reply *query.Written) error {
	if err := e.authorize(req.AuthToken, need{nodePool: "delete"}); err != nil {
		return err
	}
	if req.Name == nl.NodePoolAll || req.Name == nl.NodePoolDefault {
		return fmt.Errorf("deleting node pool %q is not allowed", req.Name)
	}
	s := e.snapshot()
	if s.NodePool(req.Name) == nil {
		return fmt.Errorf("node pool %q not found", req.Name)
	}
	var why []string
	for j := range s.Jobs(nl.AllNamespaces, "") {
		if j.NodePool == req.Name && j.Status != nl.JobStatusDead {
			why = append(why, fmt.Sprintf("node pool %q has non-terminal jobs in regions: [%s]", req.Name, e.cfg.Region))
			break
		}
	}
	for n := range s.Nodes() {
		if n.NodePool == req.Name {
			why = append(why, fmt.Sprintf("node pool %q has nodes in regions: [%s]", req.Name, e.cfg.Region))
			break
		}
	}
	if len(why) > 0 {
		return admit.Problems(why)
	}
	r, err := e.propose(ctx, &op.DeleteNodePools{Names: []string{req.Name}})
	reply.Index = r.Index
	return err
}
