package http

import (
	"encoding/json"
	"strconv"

	"github.com/golang/snappy"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// jobRequest reads the options of a read of one job.
func (r *request) jobRequest() (*query.JobGet, error) {
	o, err := r.read()
	return &query.JobGet{QueryOptions: o, ID: r.rest}, err
}

// shownJob is a job as shown; a dispatch payload is stored compressed.
func shownJob(j *nl.Job) *nl.Job {
	if j == nil || len(j.Payload) == 0 {
		return j
	}
	plain, err := snappy.Decode(nil, j.Payload)
	if err != nil {
		return j
	}
	c := *j
	c.Payload = plain
	return &c
}

func jobGet(r *request) (any, error) {
	req, err := r.jobRequest()
	if err != nil {
		return nil, err
	}
	var reply query.JobReply
	if err := r.call("Job.Get", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	if reply.Job == nil {
		return nil, notFound("job not found")
	}
	return shownJob(reply.Job), nil
}

func jobVersions(r *request) (any, error) {
	req, err := r.jobRequest()
	if err != nil {
		return nil, err
	}
	if req.Diffs, err = r.boolean("diffs", false, nl.CodeInvalid); err != nil {
		return nil, err
	}
	req.DiffTag = r.URL.Query().Get("diff_tag")
	if v := r.URL.Query().Get("diff_version"); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			return nil, bad("Failed to parse value of %q (%v) as a uint64: %v", "diff_version", v, err)
		}
		req.DiffVersion = &n
	}
	var reply query.JobVersionsReply
	if err := r.call("Job.Versions", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	if len(reply.Versions) == 0 {
		return nil, notFound("job versions not found")
	}
	shown := make([]*nl.Job, len(reply.Versions)) // the list itself belongs to the state
	for i, v := range reply.Versions {
		shown[i] = shownJob(v)
	}
	reply.Versions = shown
	return reply, nil
}

func jobSummary(r *request) (any, error) {
	req, err := r.jobRequest()
	if err != nil {
		return nil, err
	}
	var reply query.JobSummaryReply
	if err := r.call("Job.Summary", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	if reply.Summary == nil {
		return nil, notFound("job not found")
	}
	return reply.Summary, nil
}

func jobSubmission(r *request) (any, error) {
	req, err := r.jobRequest()
	if err != nil {
		return nil, err
	}
	if req.Version, err = strconv.ParseUint(r.URL.Query().Get("version"), 10, 64); err != nil {
		return nil, bad("Unable to parse job submission version parameter")
	}
	var reply query.SubmissionReply
	if err := r.call("Job.Submission", req, &reply); err != nil {
		return nil, err
	}
	if reply.Submission == nil {
		reply.Index = 0 // as recorded: nothing was ever there to wait for
		r.meta(reply.QueryMeta)
		return nil, notFound("job source not found")
	}
	r.meta(reply.QueryMeta)
	return reply.Submission, nil
}

// all reads the parameter of the same name; what does not parse is false.
func (r *request) all() bool {
	v, _ := strconv.ParseBool(r.URL.Query().Get("all"))
	return v
}

func jobAllocs(r *request) (any, error) {
	req, err := r.jobRequest()
	if err != nil {
		return nil, err
	}
	req.All = r.all()
	var reply query.AllocStubs
	if err := r.call("Job.Allocs", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return stubs(reply.Allocs), nil
}

func jobEvals(r *request) (any, error) {
	req, err := r.jobRequest()
	if err != nil {
		return nil, err
	}
	var reply query.Evals
	if err := r.call("Job.Evals", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return list(reply.Evals), nil
}

func jobDeployments(r *request) (any, error) {
	req, err := r.jobRequest()
	if err != nil {
		return nil, err
	}
	req.All = r.all()
	var reply query.Deployments
	if err := r.call("Job.Deployments", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return list(reply.Deployments), nil
}

func jobDeployment(r *request) (any, error) {
	req, err := r.jobRequest()
	if err != nil {
		return nil, err
	}
	var reply query.DeploymentReply
	if err := r.call("Job.LatestDeployment", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	if reply.Deployment == nil {
		return null{}, nil
	}
	return reply.Deployment, nil
}

func jobScaleStatus(r *request) (any, error) {
	req, err := r.jobRequest()
	if err != nil {
		return nil, err
	}
	var reply query.JobScaleReply
	if err := r.call("Job.ScaleStatus", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	if reply.Status == nil {
		return nil, notFound("job not found")
	}
	return reply.Status, nil
}

func jobServices(r *request) (any, error) {
	req, err := r.jobRequest()
	if err != nil {
		return nil, err
	}
	var reply query.ServicesReply
	if err := r.call("Job.Services", req, &reply); err != nil {
		return nil, err
	}
	if reply.Services == nil {
		reply.Index = 0
		r.meta(reply.QueryMeta)
		return nil, notFound("job not found")
	}
	r.meta(reply.QueryMeta)
	return reply.Services, nil
}

func jobActions(r *request) (any, error) {
	req, err := r.jobRequest()
	if err != nil {
		return nil, err
	}
	var reply query.JobActionsReply
	if err := r.call("Job.Actions", req, &reply); err != nil {
		return nil, err
	}
	r.meta(nl.QueryMeta{})
	return list(reply.Actions), nil
}

func jobStatuses(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	children, err := r.boolean("include_children", false, nl.CodeInvalid)
	if err != nil {
		return nil, err
	}
	return r.statuses(&query.JobStatuses{QueryOptions: o, IncludeChildren: children})
}

func jobStatusesOf(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	var body struct {
		Jobs            []query.JobName
		IncludeChildren bool
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, tooLargeOr(err, bad("error decoding request: %s", err))
	}
	if len(body.Jobs) == 0 {
		return nil, bad("no jobs in request")
	}
	return r.statuses(&query.JobStatuses{QueryOptions: o, Jobs: body.Jobs, IncludeChildren: body.IncludeChildren})
}

func (r *request) statuses(req *query.JobStatuses) (any, error) {
	var reply query.JobStatusesReply
	if err := r.call("Job.Statuses", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return list(reply.Jobs), nil
}
