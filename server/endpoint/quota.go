package endpoint

import (
	"context"
	"fmt"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/quota"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

func (e *Endpoints) registerQuotas() {
	on(e, Read, "Quota.List", e.quotaList)
	on(e, Read, "Quota.Get", e.quotaGet)
	on(e, Read, "Quota.UsageList", e.quotaUsageList)
	on(e, Read, "Quota.Usage", e.quotaUsage)
	on(e, Write, "Quota.Upsert", e.quotaUpsert)
	on(e, Write, "Quota.Delete", e.quotaDelete)
}

func (e *Endpoints) quotaList(ctx context.Context, req *query.QuotaGet, reply *query.QuotasReply) error {
	if err := e.authorize(req.AuthToken, need{quota: "read"}); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		var err error
		reply.Quotas, err = pager[*nl.QuotaSpec]{
			opts: &req.QueryOptions, token: func(q *nl.QuotaSpec) string { return q.Name },
			keep: func(q *nl.QuotaSpec) bool { return hasPrefix(q.Name, req.Prefix) },
		}.page(s.Quotas(), &reply.QueryMeta)
		return s.TableIndex(store.TableQuotas), []store.Key{{Table: store.TableQuotas}}, err
	})
}

func (e *Endpoints) quotaGet(ctx context.Context, req *query.QuotaGet, reply *query.QuotasReply) error {
	if err := e.authorize(req.AuthToken, need{quota: "read"}); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		watch := []store.Key{{Table: store.TableQuotas, ID: req.Name}}
		reply.Quotas = nil
		q := s.Quota(req.Name)
		if q == nil {
			return s.TableIndex(store.TableQuotas), watch, nil
		}
		reply.Quotas = []*nl.QuotaSpec{q}
		return q.ModifyIndex, watch, nil
	})
}

func (e *Endpoints) quotaUsageList(ctx context.Context, req *query.QuotaGet, reply *query.QuotaUsagesReply) error {
	if err := e.authorize(req.AuthToken, need{quota: "read"}); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		quotas, err := pager[*nl.QuotaSpec]{
			opts: &req.QueryOptions, token: func(q *nl.QuotaSpec) string { return q.Name },
			keep: func(q *nl.QuotaSpec) bool { return hasPrefix(q.Name, req.Prefix) },
		}.page(s.Quotas(), &reply.QueryMeta)
		reply.Usages = []*nl.QuotaUsage{}
		for _, q := range quotas {
			reply.Usages = append(reply.Usages, quota.Usage(q, s.QuotaLedger(q.Name), e.cfg.Region))
		}
		return s.TableIndex(store.TableQuotas, store.TableQuotaUsage),
			[]store.Key{{Table: store.TableQuotas}, {Table: store.TableQuotaUsage}}, err
	})
}

func (e *Endpoints) quotaUsage(ctx context.Context, req *query.QuotaGet, reply *query.QuotaUsagesReply) error {
	if err := e.authorize(req.AuthToken, need{quota: "read"}); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		watch := []store.Key{{Table: store.TableQuotas, ID: req.Name}, {Table: store.TableQuotaUsage, ID: req.Name}}
		reply.Usages = nil
		q := s.Quota(req.Name)
		if q == nil {
			return s.TableIndex(store.TableQuotas), watch, nil
		}
		u := quota.Usage(q, s.QuotaLedger(q.Name), e.cfg.Region)
		reply.Usages = []*nl.QuotaUsage{u}
		return u.ModifyIndex, watch, nil
	})
}

func (e *Endpoints) quotaUpsert(ctx context.Context, req *query.QuotaUpsert, reply *query.Written) error {
	if err := e.authorize(req.AuthToken, need{quota: "write"}); err != nil {
		return err
	}
	if req.Quota == nil {
		return nl.Errorf(nl.CodeInvalid, "missing quota")
	}
	if wrong := quota.Validate(req.Quota); len(wrong) > 0 {
		return nl.Errorf(nl.CodeInvalid, "invalid quota %q: %s", req.Quota.Name, admit.Problems(wrong))
	}
	q := nl.DeepCopy(req.Quota) // the request stays as it is
	q.SetHashes()
	r, err := e.propose(ctx, &op.UpsertQuotas{Quotas: []*nl.QuotaSpec{q}})
	reply.Index = r.Index
	return err
}

func (e *Endpoints) quotaDelete(ctx context.Context, req *query.Named, reply *query.Written) error {
	if err := e.authorize(req.AuthToken, need{quota: "write"}); err != nil {
		return err
	}
	r, err := e.propose(ctx, &op.DeleteQuotas{Names: []string{req.Name}})
	reply.Index = r.Index
	return err
}

// checkQuota refuses a job whose namespace names a quota that is not there: it
// could not be held to it.
func checkQuota(s *store.Snapshot, namespace string) error {
	n := s.Namespace(namespace)
	if n == nil || n.Quota == "" || s.Quota(n.Quota) != nil {
		return nil
	}
	return nl.Errorf(nl.CodeInvalid, "namespace %q is under quota %q, which does not exist; create it, or give the namespace another", namespace, n.Quota)
}

// checkGovernance names what is wrong with what a namespace allows its jobs.
func checkGovernance(n *nl.Namespace) (wrong []string) {
	rules := func(what, preset string, allowed, denied []string) {
		if len(allowed) > 0 && len(denied) > 0 {
			wrong = append(wrong, fmt.Sprintf("%s: allowed and denied exclude each other; set one of them", what))
		}
		if preset != "" && slices.Contains(denied, preset) {
			wrong = append(wrong, fmt.Sprintf("%s: the default %q is denied", what, preset))
		}
	}
	if c := n.NodePoolConfiguration; c != nil {
		rules("node pool configuration", c.Default, c.Allowed, c.Denied)
	}
	if c := n.VaultConfiguration; c != nil {
		rules("vault configuration", c.Default, c.Allowed, c.Denied)
	}
	if c := n.ConsulConfiguration; c != nil {
		rules("consul configuration", c.Default, c.Allowed, c.Denied)
	}
	if c := n.Capabilities; c != nil {
		both := func(what string, enabled, disabled []string) {
			for _, name := range enabled {
				if slices.Contains(disabled, name) {
					wrong = append(wrong, fmt.Sprintf("capabilities: %s %q is enabled and disabled", what, name))
				}
			}
		}
		both("task driver", c.EnabledTaskDrivers, c.DisabledTaskDrivers)
		both("network mode", c.EnabledNetworkModes, c.DisabledNetworkModes)
	}
	if n.Weight < 0 {
		wrong = append(wrong, fmt.Sprintf("weight %d is negative; 0 stands for %d", n.Weight, nl.NamespaceWeightDefault))
	}
	return wrong
}
