package http

import (
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

func (a *API) quotaRoutes() []route {
	return []route{
		{path: "/v1/quotas", by: methods{"GET": quotaList}},
		{path: "/v1/quota-usages", by: methods{"GET": quotaUsageList}},
		{path: "/v1/quota", by: methods{"WRITE": quotaUpsert}},
		{path: "/v1/quota/", by: methods{"GET": quotaGet, "WRITE": quotaUpsert, "DELETE": quotaDelete}},
	}
}

func quotaList(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.QuotasReply
	if err := r.call("Quota.List", &query.QuotaGet{QueryOptions: o}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return list(reply.Quotas), nil
}

func quotaUsageList(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.QuotaUsagesReply
	if err := r.call("Quota.UsageList", &query.QuotaGet{QueryOptions: o}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return list(reply.Usages), nil
}

// quotaGet reads a quota, or below usage/ what is used of it.
func quotaGet(r *request) (any, error) {
	name, usage := strings.CutPrefix(r.rest, "usage/")
	if name == "" || r.rest == "usage" {
		return nil, bad("Missing Quota Name")
	}
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	req := &query.QuotaGet{QueryOptions: o, Name: name}
	if usage {
		var reply query.QuotaUsagesReply
		if err := r.call("Quota.Usage", req, &reply); err != nil {
			return nil, err
		}
		r.meta(reply.QueryMeta)
		if len(reply.Usages) == 0 {
			return nil, notFound("Quota not found")
		}
		return reply.Usages[0], nil
	}
	var reply query.QuotasReply
	if err := r.call("Quota.Get", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	if len(reply.Quotas) == 0 {
		return nil, notFound("Quota not found")
	}
	return reply.Quotas[0], nil
}

func quotaUpsert(r *request) (any, error) {
	var q nl.QuotaSpec
	if err := r.decode(&q); err != nil {
		return nil, err
	}
	if strings.HasPrefix(r.URL.Path, "/v1/quota/") && q.Name != r.rest {
		return nil, bad("Quota name does not match request path")
	}
	var reply query.Written
	if err := r.call("Quota.Upsert", &query.QuotaUpsert{WriteOptions: r.write(), Quota: &q}, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return nil, nil
}

func quotaDelete(r *request) (any, error) {
	if r.rest == "" {
		return nil, bad("Missing Quota Name")
	}
	return r.remove("Quota.Delete", r.rest)
}
