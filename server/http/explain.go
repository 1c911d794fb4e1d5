package http

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// explainRequest reads the options of an explanation.
func (r *request) explainRequest() (*query.Explain, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	verbose, err := r.boolean("verbose", false, nl.CodeInvalid)
	return &query.Explain{QueryOptions: o, ID: r.rest, Verbose: verbose}, err
}

func jobExplain(r *request) (any, error) {
	req, err := r.explainRequest()
	if err != nil {
		return nil, err
	}
	var reply query.JobExplainReply
	job := &query.JobExplain{QueryOptions: req.QueryOptions, ID: req.ID, Group: r.URL.Query().Get("group"), Verbose: req.Verbose}
	if err := r.call("Job.Explain", job, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	if reply.Explanation == nil {
		return nil, notFound("job not found")
	}
	return reply.Explanation, nil
}

func allocExplain(r *request) (any, error) {
	req, err := r.explainRequest()
	if err != nil {
		return nil, err
	}
	var reply query.AllocExplainReply
	if err := r.call("Alloc.Explain", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	if reply.Explanation == nil {
		return nil, notFound("alloc not found")
	}
	return reply.Explanation, nil
}

func evalExplain(r *request) (any, error) {
	req, err := r.explainRequest()
	if err != nil {
		return nil, err
	}
	var reply query.EvalExplainReply
	if err := r.call("Eval.Explain", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	if reply.Explanation == nil {
		return nil, notFound("eval not found")
	}
	return reply.Explanation, nil
}
