package endpoint

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/diff"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

func (e *Endpoints) jobList(ctx context.Context, req *query.JobList, reply *query.JobStubs) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "list-jobs")); err != nil {
		return err
	}
	err := e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		jobs, err := pager[*nl.Job]{
			opts:  &req.QueryOptions,
			token: func(j *nl.Job) string { return j.Namespace + "." + j.ID },
			keep: func(j *nl.Job) bool {
				return req.NodePool == "" || j.NodePool == req.NodePool
			},
		}.page(s.Jobs(ns, req.Prefix), &reply.QueryMeta)
		if err != nil {
			return 0, nil, err
		}
		reply.Jobs = make([]*nl.JobStub, 0, len(jobs))
		for _, j := range jobs {
			reply.Jobs = append(reply.Jobs, jobStub(s, j, req.Meta))
		}
		return s.TableIndex(store.TableJobs, store.TableJobSummaries),
			[]store.Key{{Table: store.TableJobs}, {Table: store.TableJobSummaries}}, nil
	})
	e.noPool(req.NodePool, &reply.QueryMeta)
	return err
}

func jobStub(s *store.Snapshot, j *nl.Job, meta bool) *nl.JobStub {
	stub := &nl.JobStub{
		ID: j.ID, ParentID: j.ParentID, Name: j.Name, Namespace: j.Namespace, Datacenters: j.Datacenters,
		NodePool: j.NodePool, Multiregion: j.Multiregion, Type: j.Type, Priority: j.Priority,
		Periodic: j.IsPeriodic(), ParameterizedJob: j.IsParameterized(), Stop: j.Stop, Status: j.Status,
		StatusDescription: j.StatusDescription, CreateIndex: j.CreateIndex, ModifyIndex: j.ModifyIndex,
		JobModifyIndex: j.JobModifyIndex, SubmitTime: j.SubmitTime, JobSummary: s.JobSummary(j.Namespace, j.ID),
	}
	if meta {
		stub.Meta = j.Meta
	}
	return stub
}

// readJob runs f with the job of req. Reads of one job wake when it changes.
func (e *Endpoints) readJob(ctx context.Context, req *query.JobGet, meta *nl.QueryMeta, f func(s *store.Snapshot, ns string) (uint64, []store.Key, error)) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "read-job")); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, meta, func(s *store.Snapshot) (uint64, []store.Key, error) { return f(s, ns) })
}

func (e *Endpoints) jobGet(ctx context.Context, req *query.JobGet, reply *query.JobReply) error {
	return e.readJob(ctx, req, &reply.QueryMeta, func(s *store.Snapshot, ns string) (uint64, []store.Key, error) {
		reply.Job = s.Job(ns, req.ID)
		watch := []store.Key{jobKey(ns, req.ID)}
		if reply.Job == nil {
			return s.TableIndex(store.TableJobs), watch, nil
		}
		return reply.Job.ModifyIndex, watch, nil
	})
}

func (e *Endpoints) jobVersions(ctx context.Context, req *query.JobGet, reply *query.JobVersionsReply) error {
	return e.readJob(ctx, req, &reply.QueryMeta, func(s *store.Snapshot, ns string) (uint64, []store.Key, error) {
		reply.Versions = s.JobVersions(ns, req.ID)
		reply.Diffs = nil
		watch := []store.Key{jobKey(ns, req.ID)}
		if len(reply.Versions) == 0 {
			return s.TableIndex(store.TableJobs), watch, nil
		}
		if req.Diffs {
			var err error
			if reply.Diffs, err = versionDiffs(reply.Versions, req); err != nil {
				return 0, nil, err
			}
		}
		return reply.Versions[0].ModifyIndex, watch, nil
	})
}

// versionDiffs compares each version with the one before it, or all of them
// with the chosen one.
func versionDiffs(versions []*nl.Job, req *query.JobGet) ([]*nl.JobDiff, error) {
	var base *nl.Job
	for _, v := range versions {
		if req.DiffTag != "" && v.VersionTag != nil && v.VersionTag.Name == req.DiffTag {
			base = v
		}
		if req.DiffTag == "" && req.DiffVersion != nil && v.Version == *req.DiffVersion {
			base = v
		}
	}
	switch {
	case base == nil && req.DiffTag != "":
		return nil, fmt.Errorf("tag %q not found", req.DiffTag)
	case base == nil && req.DiffVersion != nil:
		return nil, fmt.Errorf("version %d not found", *req.DiffVersion)
	}
	var out []*nl.JobDiff
	for i, v := range versions {
		old := base
		if old == nil {
			if i+1 == len(versions) {
				break
			}
			old = versions[i+1]
		}
		out = append(out, diff.Job(old, v, true))
	}
	return out, nil
}

func (e *Endpoints) jobSummary(ctx context.Context, req *query.JobGet, reply *query.JobSummaryReply) error {
	return e.readJob(ctx, req, &reply.QueryMeta, func(s *store.Snapshot, ns string) (uint64, []store.Key, error) {
		reply.Summary = s.JobSummary(ns, req.ID)
		watch := []store.Key{{Table: store.TableJobSummaries, ID: store.JobKey(ns, req.ID)}}
		if reply.Summary == nil {
			return s.TableIndex(store.TableJobSummaries), watch, nil
		}
		return reply.Summary.ModifyIndex, watch, nil
	})
}

func (e *Endpoints) jobSubmission(ctx context.Context, req *query.JobGet, reply *query.SubmissionReply) error {
	return e.readJob(ctx, req, &reply.QueryMeta, func(s *store.Snapshot, ns string) (uint64, []store.Key, error) {
		reply.Submission = s.JobSubmission(ns, req.ID, req.Version)
		watch := []store.Key{{Table: store.TableJobSubmissions, ID: store.JobKey(ns, req.ID)}}
		if reply.Submission == nil {
			return s.TableIndex(store.TableJobSubmissions), watch, nil
		}
		return reply.Submission.JobModifyIndex, watch, nil
	})
}

func (e *Endpoints) jobAllocs(ctx context.Context, req *query.JobGet, reply *query.AllocStubs) error {
	return e.readJob(ctx, req, &reply.QueryMeta, func(s *store.Snapshot, ns string) (uint64, []store.Key, error) {
		job := s.Job(ns, req.ID)
		var allocs []*nl.Alloc
		for a := range s.AllocsByJob(ns, req.ID) {
			if req.All || sameIncarnation(job, a) {
				allocs = append(allocs, a)
			}
		}
		slices.SortFunc(allocs, func(a, b *nl.Alloc) int {
			return cmp.Or(cmp.Compare(a.CreateIndex, b.CreateIndex), cmp.Compare(a.ID, b.ID))
		})
		index := uint64(0)
		reply.Allocs = make([]*nl.AllocStub, 0, len(allocs))
		for _, a := range allocs {
			index = max(index, a.ModifyIndex)
			reply.Allocs = append(reply.Allocs, allocStub(a, false, true))
		}
		if index == 0 {
			index = s.TableIndex(store.TableAllocs)
		}
		return index, []store.Key{{Table: store.TableAllocs, ID: store.JobKey(ns, req.ID)}}, nil
	})
}

// sameIncarnation tells whether an allocation belongs to the job as it is
// registered now, not to one of the same name that was purged.
func sameIncarnation(job *nl.Job, a *nl.Alloc) bool {
	return job == nil || a.Job == nil || a.Job.CreateIndex == job.CreateIndex
}

func (e *Endpoints) jobEvals(ctx context.Context, req *query.JobGet, reply *query.Evals) error {
	return e.readJob(ctx, req, &reply.QueryMeta, func(s *store.Snapshot, ns string) (uint64, []store.Key, error) {
		reply.Evals = []*nl.Eval{}
		index := uint64(0)
		for ev := range s.EvalsByJob(ns, req.ID) {
			reply.Evals = append(reply.Evals, ev)
			index = max(index, ev.ModifyIndex)
		}
		slices.SortFunc(reply.Evals, func(a, b *nl.Eval) int {
			return cmp.Or(cmp.Compare(a.CreateIndex, b.CreateIndex), cmp.Compare(a.ID, b.ID))
		})
		if index == 0 {
			index = s.TableIndex(store.TableEvals)
		}
		return index, []store.Key{{Table: store.TableEvals, ID: store.JobKey(ns, req.ID)}}, nil
	})
}

func (e *Endpoints) jobDeployments(ctx context.Context, req *query.JobGet, reply *query.Deployments) error {
	return e.readJob(ctx, req, &reply.QueryMeta, func(s *store.Snapshot, ns string) (uint64, []store.Key, error) {
		job := s.Job(ns, req.ID)
		reply.Deployments = []*nl.Deployment{}
		index := uint64(0)
		for d := range s.DeploymentsByJob(ns, req.ID) {
			if !req.All && job != nil && d.JobCreateIndex != job.CreateIndex {
				continue
			}
			reply.Deployments = append(reply.Deployments, d)
			index = max(index, d.ModifyIndex)
		}
		if index == 0 {
			index = s.TableIndex(store.TableDeployments)
		}
		return index, []store.Key{{Table: store.TableDeployments, ID: store.JobKey(ns, req.ID)}}, nil
	})
}

func (e *Endpoints) jobLatestDeployment(ctx context.Context, req *query.JobGet, reply *query.DeploymentReply) error {
	return e.readJob(ctx, req, &reply.QueryMeta, func(s *store.Snapshot, ns string) (uint64, []store.Key, error) {
		reply.Deployment = s.LatestDeployment(ns, req.ID)
		index := s.TableIndex(store.TableDeployments)
		if reply.Deployment != nil {
			index = reply.Deployment.ModifyIndex
		}
		return index, []store.Key{{Table: store.TableDeployments, ID: store.JobKey(ns, req.ID)}}, nil
	})
}

func (e *Endpoints) jobServices(ctx context.Context, req *query.JobGet, reply *query.ServicesReply) error {
	return e.readJob(ctx, req, &reply.QueryMeta, func(s *store.Snapshot, ns string) (uint64, []store.Key, error) {
		if s.Job(ns, req.ID) == nil {
			reply.Services = nil
			return s.TableIndex(store.TableServices), []store.Key{{Table: store.TableServices}}, nil
		}
		reply.Services = []*nl.ServiceRegistration{}
		for r := range s.Services(ns) {
			if r.JobID == req.ID {
				reply.Services = append(reply.Services, r)
			}
		}
		return s.TableIndex(store.TableServices), []store.Key{{Table: store.TableServices}}, nil
	})
}

func (e *Endpoints) jobActions(_ context.Context, req *query.JobGet, reply *query.JobActionsReply) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "read-job")); err != nil {
		return err
	}
	job := e.snapshot().Job(ns, req.ID)
	if job == nil {
		return fmt.Errorf("Unknown job %q", req.ID)
	}
	reply.Actions = []*nl.JobAction{}
	for _, g := range job.TaskGroups {
		for _, t := range g.Tasks {
			for _, a := range t.Actions {
				reply.Actions = append(reply.Actions, &nl.JobAction{Name: a.Name, Command: a.Command, Args: a.Args, TaskName: t.Name, TaskGroupName: g.Name})
			}
		}
	}
	return nil
}

func (e *Endpoints) jobStatuses(ctx context.Context, req *query.JobStatuses, reply *query.JobStatusesReply) error {
	ns := namespaceOf(req.Namespace)
	if err := e.authorize(req.AuthToken, can(ns, "read-job")); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		var jobs []*nl.Job
		if len(req.Jobs) > 0 {
			for _, n := range req.Jobs {
				if j := s.Job(namespaceOf(n.Namespace), n.ID); j != nil {
					jobs = append(jobs, j)
				}
			}
		} else {
			for j := range s.Jobs(ns, req.Prefix) {
				if req.IncludeChildren || j.ParentID == "" {
					jobs = append(jobs, j)
				}
			}
		}
		sort.SliceStable(jobs, func(a, b int) bool { return jobs[a].ModifyIndex > jobs[b].ModifyIndex })
		opts := req.QueryOptions
		tokens := statusTokens(jobs)
		page, err := pager[*nl.Job]{
			opts:  &opts,
			token: func(j *nl.Job) string { return tokens[j] },
			less:  statusLess,
		}.page(slices.Values(jobs), &reply.QueryMeta)
		if err != nil {
			return 0, nil, fmt.Errorf("%s", err) // shown as 500 on this route
		}
		index := uint64(0)
		reply.Jobs = make([]*nl.JobStatusesJob, 0, len(page))
		for _, j := range page {
			st, at := jobStatus(s, j)
			reply.Jobs = append(reply.Jobs, st)
			index = max(index, at)
		}
		if index == 0 {
			index = s.TableIndex(store.TableJobs)
		}
		return index, []store.Key{{Table: store.TableJobs}, {Table: store.TableAllocs}, {Table: store.TableDeployments}}, nil
	})
}

// statusTokens name jobs in the order of jobs, which is newest first: by their
// index, and those that changed in the same commit as the one before them also
// by a number of their own, so that a page never begins with what was shown.
func statusTokens(jobs []*nl.Job) map[*nl.Job]string {
	out := make(map[*nl.Job]string, len(jobs))
	for i, nth := 0, 0; i < len(jobs); i++ {
		if nth++; i == 0 || jobs[i].ModifyIndex != jobs[i-1].ModifyIndex {
			nth = 0
		}
		out[jobs[i]] = strconv.FormatUint(jobs[i].ModifyIndex, 10)
		if nth > 0 {
			out[jobs[i]] += "." + strconv.Itoa(nth)
		}
	}
	return out
}

// statusLess orders such tokens: newest first, then by their number.
func statusLess(a, b string) bool {
	ai, an, _ := strings.Cut(a, ".")
	bi, bn, _ := strings.Cut(b, ".")
	if c := cmp.Compare(number(bi), number(ai)); c != 0 {
		return c < 0
	}
	return number(an) < number(bn)
}

// number is 0 for what is not one.
func number(s string) uint64 {
	n, _ := strconv.ParseUint(s, 10, 64)
	return n
}

// jobStatus is a job at a glance, and the highest index in it.
func jobStatus(s *store.Snapshot, j *nl.Job) (*nl.JobStatusesJob, uint64) {
	index := j.ModifyIndex
	out := &nl.JobStatusesJob{
		ID: j.ID, Namespace: j.Namespace, Name: j.Name, Type: j.Type, NodePool: j.NodePool, Datacenters: j.Datacenters,
		Priority: j.Priority, Version: j.Version, SubmitTime: j.SubmitTime, ModifyIndex: j.ModifyIndex,
		ParentID: j.ParentID, Stop: j.Stop, Status: j.Status, Allocs: []*nl.JobStatusesAlloc{},
	}
	if _, ok := j.Meta["pack.name"]; ok {
		out.IsPack = true
	}
	for _, g := range j.TaskGroups {
		out.GroupCountSum += g.Count
	}
	if j.IsPeriodic() || j.IsParameterized() {
		out.ChildStatuses = []string{}
		for c := range s.JobsByParent(j.Namespace, j.ID) {
			out.ChildStatuses = append(out.ChildStatuses, c.Status)
		}
	}
	for a := range s.AllocsByJob(j.Namespace, j.ID) {
		if !sameIncarnation(j, a) {
			continue
		}
		ja := &nl.JobStatusesAlloc{ID: a.ID, Group: a.TaskGroup, ClientStatus: a.ClientStatus, NodeID: a.NodeID,
			JobVersion: a.JobVersion, FollowupEvalID: a.FollowupEvalID()}
		for _, t := range a.TaskStates.All() {
			ja.HasPausedTask = ja.HasPausedTask || t.Paused != ""
		}
		if d := a.DeploymentStatus; d != nil {
			ja.DeploymentStatus = nl.JobStatusesDeployment{Canary: d.Canary, Healthy: d.Healthy}
		}
		out.Allocs = append(out.Allocs, ja)
		index = max(index, a.ModifyIndex)
	}
	if d := s.LatestDeployment(j.Namespace, j.ID); d != nil {
		l := &nl.JobStatusesLatestDeployment{ID: d.ID, IsActive: d.Active(), JobVersion: d.JobVersion, Status: d.Status,
			StatusDescription: d.StatusDescription, AllAutoPromote: len(d.TaskGroups) > 0}
		for _, g := range d.TaskGroups {
			l.AllAutoPromote = l.AllAutoPromote && g.AutoPromote
			l.RequiresPromotion = l.RequiresPromotion || g.DesiredCanaries > 0 && !g.Promoted
		}
		out.LatestDeployment = l
		index = max(index, d.ModifyIndex)
	}
	return out, index
}
