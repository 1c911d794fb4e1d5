package http

import (
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

func (a *API) serviceRoutes() []route {
	return []route{
		{path: "/v1/services", by: methods{"GET": serviceList}},
		{path: "/v1/service/", by: methods{"GET": serviceGet, "DELETE": serviceDelete}},
		{path: "/v1/scaling/policies", by: methods{"GET": scalingList}},
		{path: "/v1/scaling/policy/", by: methods{"GET": scalingGet}},
	}
}

func serviceList(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.ServiceNames
	if err := r.call("Service.List", &query.ServiceList{QueryOptions: o}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return list(reply.Namespaces), nil
}

func serviceGet(r *request) (any, error) {
	if r.rest == "" {
		return nil, bad("missing service name")
	}
	if strings.Contains(r.rest, "/") {
		return nil, errMethod
	}
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.ServicesReply
	req := &query.ServiceGet{QueryOptions: o, Name: r.rest, Choose: r.URL.Query().Get("choose")}
	if err := r.call("Service.Get", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return list(reply.Services), nil
}

func serviceDelete(r *request) (any, error) {
	name, id, ok := strings.Cut(r.rest, "/")
	switch {
	case name == "":
		return nil, bad("missing service name")
	case !ok || id == "":
		return nil, bad("missing service id")
	case strings.Contains(id, "/"):
		return nil, bad("invalid URI")
	}
	var reply query.Written
	if err := r.call("Service.Delete", &query.ServiceDelete{WriteOptions: r.write(), ID: id}, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return nil, nil
}

func scalingList(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.ScalingPolicyStubs
	req := &query.ScalingPolicyList{QueryOptions: o, Job: r.URL.Query().Get("job"), Type: r.URL.Query().Get("type")}
	if err := r.call("Scaling.List", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return list(reply.Policies), nil
}

func scalingGet(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.ScalingPolicyReply
	if err := r.call("Scaling.Get", &query.ScalingPolicyGet{QueryOptions: o, ID: r.rest}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	if reply.Policy == nil {
		return nil, notFound("policy not found")
	}
	return reply.Policy, nil
}

func (a *API) searchRoutes() []route {
	return []route{
		{path: "/v1/search", by: methods{"WRITE": searchPrefix}},
		{path: "/v1/search/fuzzy", by: methods{"WRITE": searchFuzzy}},
	}
}

// searchBody is the request of both searches; namespaces may come in the body.
type searchBody struct {
	Prefix, Text, Context, Namespace string
}

func (r *request) search() (*query.Search, *searchBody, error) {
	var body searchBody
	if err := r.decode(&body); err != nil {
		return nil, nil, err
	}
	o, err := r.read()
	if err != nil {
		return nil, nil, err
	}
	if body.Namespace != "" && r.namespace() == "" {
		o.Namespace = body.Namespace
	}
	return &query.Search{QueryOptions: o, Context: body.Context}, &body, nil
}

func searchPrefix(r *request) (any, error) {
	req, body, err := r.search()
	if err != nil {
		return nil, err
	}
	req.Text = body.Prefix
	var reply nl.SearchResponse
	if err := r.call("Search.Prefix", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return reply, nil
}

func searchFuzzy(r *request) (any, error) {
	req, body, err := r.search()
	if err != nil {
		return nil, err
	}
	req.Text = body.Text
	var reply nl.FuzzySearchResponse
	if err := r.call("Search.Fuzzy", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return reply, nil
}
