package http

import (
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

func (a *API) deploymentRoutes() []route {
	return []route{
		{path: "/v1/deployments", by: methods{"GET": deploymentList}},
		{path: "/v1/deployment/", by: methods{"GET": deploymentGet, "WRITE": deploymentChange}},
	}
}

func deploymentList(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var reply query.Deployments
	if err := r.call("Deployment.List", &query.DeploymentList{QueryOptions: o}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return list(reply.Deployments), nil
}

// deploymentVerbs are the first path elements that are changes.
var deploymentVerbs = map[string]string{"fail": "Deployment.Fail", "pause": "Deployment.Pause", "promote": "Deployment.Promote",
	"unblock": "Deployment.Unblock", "allocation-health": "Deployment.SetAllocHealth"}

func deploymentGet(r *request) (any, error) {
	if verb, _, ok := strings.Cut(r.rest, "/"); ok && deploymentVerbs[verb] != "" {
		return nil, errMethod
	}
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	if id, ok := strings.CutPrefix(r.rest, "allocations/"); ok {
		var reply query.AllocStubs
		if err := r.call("Deployment.Allocs", &query.DeploymentGet{QueryOptions: o, ID: id}, &reply); err != nil {
			return nil, err
		}
		r.meta(reply.QueryMeta)
		return stubs(reply.Allocs), nil
	}
	var reply query.DeploymentReply
	if err := r.call("Deployment.Get", &query.DeploymentGet{QueryOptions: o, ID: r.rest}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	if reply.Deployment == nil {
		return nil, notFound("deployment not found")
	}
	return reply.Deployment, nil
}

func deploymentChange(r *request) (any, error) {
	verb, id, _ := strings.Cut(r.rest, "/")
	method := deploymentVerbs[verb]
	if method == "" {
		return nil, errMethod
	}
	var body struct {
		DeploymentID           string
		Pause, All             bool
		Groups                 []string
		HealthyAllocationIDs   []string
		UnhealthyAllocationIDs []string
	}
	if verb != "fail" {
		if err := r.decode(&body); err != nil {
			return nil, err
		}
		if body.DeploymentID == "" {
			return nil, bad("DeploymentID must be specified")
		}
		if body.DeploymentID != id {
			return nil, bad("Deployment ID does not match")
		}
	}
	req := &query.DeploymentChange{WriteOptions: r.write(), ID: id, Pause: body.Pause, All: body.All, Groups: body.Groups,
		Healthy: body.HealthyAllocationIDs, Unhealthy: body.UnhealthyAllocationIDs}
	var reply nl.DeploymentUpdateResponse
	if err := r.call(method, req, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return reply, nil
}
