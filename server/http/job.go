package http

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/nomadlike/nomadlike/jobspec"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/spec"
)

func (a *API) jobRoutes() []route {
	return []route{
		{path: "/v1/jobs", by: methods{"GET": jobList, "WRITE": jobRegister}},
		{path: "/v1/jobs/parse", by: methods{"WRITE": jobParse}},
		{path: "/v1/jobs/statuses", by: methods{"GET": jobStatuses, "POST": jobStatusesOf}},
		{path: "/v1/validate/job", by: methods{"WRITE": jobValidate}},
		{path: "/v1/job/", by: methods{"ANY": jobSub}},
	}
}

// jobVerbs are the last path elements that are routes of their own below a
// job; every other path is the ID of a job.
var jobVerbs = map[string]methods{
	"evaluate":    {"WRITE": jobEvaluate},
	"allocations": {"GET": jobAllocs},
	"evaluations": {"GET": jobEvals},
	"plan":        {"WRITE": jobPlan},
	"summary":     {"ANY": jobSummary},
	"dispatch":    {"WRITE": jobDispatch},
	"versions":    {"GET": jobVersions},
	"revert":      {"WRITE": jobRevert},
	"deployments": {"GET": jobDeployments},
	"deployment":  {"GET": jobDeployment},
	"stable":      {"WRITE": jobStable},
	"scale":       {"GET": jobScaleStatus, "WRITE": jobScale},
	"services":    {"GET": jobServices},
	"submission":  {"GET": jobSubmission},
	"actions":     {"GET": jobActions},
	"action":      {"GET": jobAction},
	"explain":     {"GET": jobExplain},
}

// jobSub routes what is below /v1/job/ by the last path element.
func jobSub(r *request) (any, error) {
	path := r.rest
	if id, ok := strings.CutSuffix(path, "/periodic/force"); ok {
		r.rest = id
		return r.byMethod(methods{"WRITE": jobPeriodicForce})
	}
	if id, ok := strings.CutSuffix(path, "/dispatch/payload"); ok {
		r.rest = id
		return r.byMethod(methods{"WRITE": jobDispatchPayload})
	}
	if strings.HasSuffix(path, "/tag") {
		return r.byMethod(methods{"WRITE": jobTag, "DELETE": jobTag})
	}
	head, tail := splitLast(path)
	if verbs, ok := jobVerbs[tail]; ok && head != "" {
		r.rest = head
		return r.byMethod(verbs)
	}
	return r.byMethod(methods{"GET": jobGet, "WRITE": jobRegister, "DELETE": jobDeregister})
}

func jobList(r *request) (any, error) {
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	meta, err := r.boolean("meta", false, nl.CodeInternal)
	if err != nil {
		return nil, err
	}
	var reply query.JobStubs
	if err := r.call("Job.List", &query.JobList{QueryOptions: o, Meta: meta}, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return list(reply.Jobs), nil
}

// jobBody is a request that carries a job.
type jobBody struct {
	Job               json.RawMessage
	Submission        *nl.JobSubmission
	EnforceIndex      bool
	JobModifyIndex    uint64
	PolicyOverride    bool
	PreserveCounts    bool
	PreserveResources bool
	EvalPriority      int
	Diff              bool
	Explain           bool
	Region, Namespace string
}

// job reads a request with a job and settles where the job belongs: the query
// wins over the body, the body over the job.
func (r *request) job() (*jobBody, *nl.Job, nl.WriteOptions, error) {
	var body jobBody
	if err := r.decode(&body); err != nil {
		return nil, nil, nl.WriteOptions{}, err
	}
	if len(body.Job) == 0 || string(body.Job) == "null" {
		return nil, nil, nl.WriteOptions{}, bad("Job must be specified")
	}
	doc, err := spec.FromJSON(body.Job)
	if err != nil {
		return nil, nil, nl.WriteOptions{}, bad("%s", err)
	}
	o := r.write()
	if o.Namespace = r.namespace(); o.Namespace == "" {
		o.Namespace = body.Namespace
	}
	if o.Namespace == "" {
		o.Namespace, _ = doc["Namespace"].(string)
	}
	if o.Namespace == "" {
		o.Namespace = nl.DefaultNamespace
	}
	doc["Namespace"] = o.Namespace
	r.jobRegion(doc, body.Region, &o)
	job, err := spec.Register(doc)
	if err != nil {
		return nil, nil, o, bad("%s", err)
	}
	return &body, job, o, nil
}

// jobRegion settles the region by the rules of the API.
func (r *request) jobRegion(doc spec.Document, body string, o *nl.WriteOptions) {
	region := r.URL.Query().Get("region")
	if body != "" {
		region = body
	}
	if region == "" {
		region, _ = doc["Region"].(string)
	}
	if region == "" || region == nl.DefaultRegion {
		region = r.api.cfg.Region
	}
	doc["Region"], o.Region = region, region
}

func jobRegister(r *request) (any, error) {
	body, job, o, err := r.job()
	if err != nil {
		return nil, err
	}
	if job.ID == "" {
		return nil, bad("Job ID hasn't been provided")
	}
	if r.rest != "" && job.ID != r.rest {
		return nil, bad("Job ID does not match name")
	}
	if p := body.EvalPriority; p < 0 || p > 100 {
		return nil, bad("Invalid eval priority %d, must be between 1 and 100", p)
	}
	if job.Type == nl.JobTypeSystem {
		for _, g := range job.TaskGroups {
			if g.Scaling != nil {
				return nil, bad("Task groups with job type system do not support scaling blocks")
			}
		}
	}
	var reply nl.JobRegisterResponse
	if err := r.call("Job.Register", &query.JobRegister{
		WriteOptions: o, Job: job, Submission: submission(body.Submission, job), EnforceIndex: body.EnforceIndex,
		JobModifyIndex: body.JobModifyIndex, PolicyOverride: body.PolicyOverride, PreserveCounts: body.PreserveCounts,
		PreserveResources: body.PreserveResources, EvalPriority: body.EvalPriority}, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return reply, nil
}

// submission is the source as stored: variable flags come with their newlines
// escaped.
func submission(s *nl.JobSubmission, job *nl.Job) *nl.JobSubmission {
	if s == nil {
		return nil
	}
	out := *s
	out.Namespace, out.JobID = job.Namespace, job.ID
	if s.VariableFlags != nil {
		out.VariableFlags = map[string]string{}
		for k, v := range s.VariableFlags {
			if u, err := url.QueryUnescape(v); err == nil {
				v = u
			}
			out.VariableFlags[k] = v
		}
	}
	return &out
}

func jobParse(r *request) (any, error) {
	var body struct {
		JobHCL       string
		Variables    string
		Canonicalize bool
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if body.JobHCL == "" {
		return nil, bad("Job spec is empty")
	}
	in := jobspec.Input{Body: []byte(body.JobHCL), LaxVariables: true}
	if body.Variables != "" {
		in.VarFiles = []jobspec.VarFile{{Path: "input.vars.hcl", Body: []byte(body.Variables)}}
	}
	doc, problems := jobspec.Parse(in)
	if problems != nil {
		return nil, bad("Failed to parse job: %s", problems)
	}
	if body.Canonicalize {
		spec.Canonicalize(doc)
	}
	return doc, nil
}

func jobValidate(r *request) (any, error) {
	_, job, o, err := r.job()
	if err != nil {
		return nil, err
	}
	var reply nl.JobValidateResponse
	if err := r.call("Job.Validate", &query.JobValidate{WriteOptions: o, Job: job}, &reply); err != nil {
		return nil, err
	}
	return reply, nil
}

func jobPlan(r *request) (any, error) {
	body, job, o, err := r.job()
	if err != nil {
		return nil, err
	}
	if job.ID == "" {
		return nil, bad("Job must have a valid ID")
	}
	if job.ID != r.rest {
		return nil, bad("Job ID does not match")
	}
	var reply nl.JobPlanResponse
	req := &query.JobPlan{WriteOptions: o, Job: job, Diff: body.Diff, PolicyOverride: body.PolicyOverride, Explain: body.Explain}
	if err := r.call("Job.Plan", req, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return reply, nil
}

func jobDeregister(r *request) (any, error) {
	req := &query.JobDeregister{WriteOptions: r.write(), ID: r.rest}
	var err error
	if req.Purge, err = r.boolean("purge", false, nl.CodeInternal); err != nil {
		return nil, err
	}
	if _, err = r.boolean("global", false, nl.CodeInternal); err != nil {
		return nil, err
	}
	if req.NoShutdownDelay, err = r.boolean("no_shutdown_delay", false, nl.CodeInternal); err != nil {
		return nil, err
	}
	if v := r.URL.Query().Get("eval_priority"); v != "" {
		if req.EvalPriority, err = strconv.Atoi(v); err != nil {
			return nil, nl.Errorf(nl.CodeInternal, "Failed to parse value of %q (%v) as an int: %v", "eval_priority", v, err)
		}
		if p := req.EvalPriority; p < 1 || p > 100 {
			return nil, bad("Invalid eval priority %d, must be between 1 and 100", p)
		}
	}
	var reply nl.JobDeregisterResponse
	if err := r.call("Job.Deregister", req, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return reply, nil
}

func jobEvaluate(r *request) (any, error) {
	var body struct {
		JobID       string
		EvalOptions struct{ ForceReschedule bool }
	}
	switch err := r.decode(&body); {
	case err == errBody:
	case err != nil:
		return nil, err
	case body.JobID == "":
		return nil, bad("Job ID must be specified")
	case body.JobID != r.rest:
		return nil, bad("JobID not same as job name")
	}
	var reply nl.JobRegisterResponse
	req := &query.JobEvaluate{WriteOptions: r.write(), ID: r.rest, ForceReschedule: body.EvalOptions.ForceReschedule}
	if err := r.call("Job.Evaluate", req, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return reply, nil
}

func jobRevert(r *request) (any, error) {
	var body struct {
		JobID               string
		JobVersion          uint64
		EnforcePriorVersion *uint64
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if body.JobID == "" {
		return nil, bad("JobID must be specified")
	}
	if body.JobID != r.rest {
		return nil, bad("Job ID does not match")
	}
	var reply nl.JobRegisterResponse
	req := &query.JobRevert{WriteOptions: r.write(), ID: r.rest, Version: body.JobVersion, EnforcePriorVersion: body.EnforcePriorVersion}
	if err := r.call("Job.Revert", req, &reply); err != nil {
		return nil, err
	}
	r.meta(reply.QueryMeta)
	return reply, nil
}

func jobStable(r *request) (any, error) {
	var body struct {
		JobID      string
		JobVersion uint64
		Stable     bool
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if body.JobID == "" {
		return nil, bad("JobID must be specified")
	}
	if body.JobID != r.rest {
		return nil, bad("Job ID does not match")
	}
	var reply query.Written
	req := &query.JobStable{WriteOptions: r.write(), ID: r.rest, Version: body.JobVersion, Stable: body.Stable}
	if err := r.call("Job.Stable", req, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return nl.WriteMeta{Index: reply.Index}, nil
}

func jobTag(r *request) (any, error) {
	parts := strings.Split(r.rest, "/") // ID, "versions", tag, "tag"
	if len(parts) != 4 || parts[1] != "versions" {
		return nil, notFound("invalid job tag endpoint")
	}
	req := &query.JobTag{WriteOptions: r.write(), ID: parts[0], Tag: parts[2], Remove: r.Method == "DELETE"}
	if !req.Remove {
		var body struct {
			Version     uint64
			Latest      bool
			Description string
		}
		if err := r.decode(&body); err != nil {
			return nil, err
		}
		req.Version, req.Latest, req.Description = body.Version, body.Latest, body.Description
	}
	var reply query.JobTagReply
	if err := r.call("Job.Tag", req, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return reply, nil
}

func jobPeriodicForce(r *request) (any, error) {
	var reply query.EvalCreated
	if err := r.call("Job.PeriodicForce", &query.JobPeriodicForce{WriteOptions: r.write(), ID: r.rest}, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return reply, nil
}

func jobDispatch(r *request) (any, error) {
	var body struct {
		JobID            string
		Payload          []byte
		Meta             map[string]string
		IdPrefixTemplate string
		Priority         int
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if body.JobID != "" && body.JobID != r.rest {
		return nil, bad("Job ID does not match")
	}
	return r.dispatch(&query.JobDispatch{Payload: body.Payload, Meta: body.Meta, IDPrefixTemplate: body.IdPrefixTemplate, Priority: body.Priority})
}

func jobDispatchPayload(r *request) (any, error) {
	payload, err := r.raw()
	if err != nil && err != errBody {
		return nil, err
	}
	return r.dispatch(&query.JobDispatch{Payload: payload})
}

func (r *request) dispatch(req *query.JobDispatch) (any, error) {
	req.WriteOptions, req.ID = r.write(), r.rest
	req.IdempotencyToken = r.URL.Query().Get("idempotency_token")
	var reply nl.JobDispatchResponse
	if err := r.call("Job.Dispatch", req, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return reply, nil
}

func jobScale(r *request) (any, error) {
	var body nl.ScalingRequest
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if id := body.Target["Job"]; id != "" && id != r.rest {
		return nil, bad("job ID in payload did not match URL")
	}
	o := r.write()
	if ns := body.Target["Namespace"]; ns != "" && ns != o.Namespace {
		return nil, bad("namespace in payload did not match header")
	}
	req := &query.JobScale{WriteOptions: o, ID: r.rest, Group: body.Target["Group"], Message: body.Message, Error: body.Error,
		Meta: body.Meta, PolicyOverride: body.PolicyOverride, JobModifyIndex: body.JobModifyIndex, EnforceIndex: body.JobModifyIndex != 0}
	if body.Count != nil {
		n := int(*body.Count)
		req.Count = &n
	}
	var reply nl.JobRegisterResponse
	if err := r.call("Job.Scale", req, &reply); err != nil {
		return nil, err
	}
	r.index(reply.Index)
	return reply, nil
}
