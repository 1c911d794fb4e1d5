package http

import (
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

func (a *API) evalRoutes() []route {
	return []route{
		{path: "/v1/evaluations", by: methods{"GET": evalList, "DELETE": evalDelete}},
		{path: "/v1/evaluations/count", by: methods{"GET": evalCount}},
		{path: "/v1/evaluation/", by: methods{"GET": evalGet}},
	}
}

func evalRequest(r *request) (*query.EvalList, error) {
	o, err := r.read()
	return &query.EvalList{QueryOptions: o, Status: r.URL.Query().Get("status"), JobID: r.URL.Query().Get("job")}, err
}

func evalList(r *request) (any, error) {
	req, err := evalRequest(r)
	if err != nil {
		return nil, err
	}
	var reply query.Evals
	if err := r.call("Eval.List", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return list(reply.Evals), nil
}

// list is a list that is never null.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

func evalCount(r *request) (any, error) {
	req, err := evalRequest(r)
	if err != nil {
		return nil, err
	}
	var reply query.CountReply
	if err := r.call("Eval.Count", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return reply, nil
}

func evalDelete(r *request) (any, error) {
	var body struct {
		EvalIDs []string
		Filter  string
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	var reply query.EvalDeleted
	if err := r.call("Eval.Delete", &query.EvalDelete{WriteOptions: r.write(), IDs: body.EvalIDs, Filter: body.Filter}, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return reply, nil
}

func evalGet(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	if id, asks := strings.CutSuffix(r.rest, "/explain"); asks {
		r.rest = id
		return evalExplain(r)
	}
	id, allocs := strings.CutSuffix(r.rest, "/allocations")
	if allocs {
		var reply query.AllocStubs
		if err := r.call("Eval.Allocs", &query.EvalGet{QueryOptions: o, ID: id}, &reply); err != nil {
			return nil, err
		}
		r.meta(reply.QueryMeta)
		return stubs(reply.Allocs), nil
	}
	var reply query.EvalReply
	req := &query.EvalGet{QueryOptions: o, ID: id, Related: r.URL.Query().Get("related") == "true"}
	if err := r.call("Eval.Get", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	if reply.Eval == nil {
		return nil, notFound("eval not found")
	}
	return reply.Eval, nil
}

// stubs are allocation stubs as shown: events carry their display message.
func stubs(in []*nl.AllocStub) []*nl.AllocStub {
	for _, s := range in {
		display(s.TaskStates)
	}
	return list(in)
}
