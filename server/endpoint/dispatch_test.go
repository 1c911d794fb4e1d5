package endpoint

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// withJobs is endpoints whose store holds jobs; each second has one index.
func withJobs(t *testing.T, jobs ...*nl.Job) *Endpoints {
	t.Helper()
	st, ids := store.New(store.Empty()), 0
	e := New(Config{
		Store: st, Log: fakeLog{st}, Logger: hclog.NewNullLogger(), Region: nl.DefaultRegion,
		Now:   func() time.Time { return time.Unix(int64(st.Snapshot().Index()), 0) },
		NewID: func() string { ids++; return fmt.Sprintf("%08d-0000-0000-0000-000000000000", ids) },
	})
	for _, job := range jobs {
		if _, err := e.propose(t.Context(), &op.RegisterJob{Job: job}); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// batchJob is a job of one task that stands under a name.
func batchJob(id string, change func(*nl.Job)) *nl.Job {
	job := &nl.Job{
		ID: id, Name: id, Namespace: nl.DefaultNamespace, Region: nl.DefaultRegion, Type: nl.JobTypeBatch, Priority: 50,
		Meta:       map[string]string{"colour": "red", "size": "small"},
		TaskGroups: []*nl.Group{{Name: "g", Count: 1, Tasks: []*nl.Task{{Name: "t", Driver: "mock"}}}},
	}
	change(job)
	return job
}

func parameterized(id, payload string, required, optional []string) *nl.Job {
	return batchJob(id, func(j *nl.Job) {
		j.ParameterizedJob = &nl.Parameterized{Payload: payload, MetaRequired: required, MetaOptional: optional}
	})
}

func TestDispatch_Rules(t *testing.T) {
	stopped := parameterized("stopped", "optional", nil, nil)
	stopped.Stop = true
	e := withJobs(t,
		parameterized("any", "optional", nil, []string{"colour", "weight"}),
		parameterized("must", "required", []string{"colour", "weight"}, []string{"size"}),
		parameterized("none", "forbidden", nil, nil),
		batchJob("plain", func(*nl.Job) {}), stopped,
	)
	big := []byte(strings.Repeat("x", dispatchPayloadBytesMax))
	both := map[string]string{"colour": "blue", "weight": ""}
	tests := map[string]struct {
		id   string
		req  query.JobDispatch
		want string // in the error; "" when it is dispatched
	}{
		"nothing":             {"any", query.JobDispatch{}, ""},
		"payload":             {"any", query.JobDispatch{Payload: []byte("x")}, ""},
		"largest payload":     {"any", query.JobDispatch{Payload: big}, ""},
		"payload too large":   {"any", query.JobDispatch{Payload: append(big, 'x')}, "maximum size; 16385 > 16384"},
		"optional meta":       {"any", query.JobDispatch{Meta: map[string]string{"weight": "5"}}, ""},
		"unknown meta":        {"any", query.JobDispatch{Meta: map[string]string{"z": "", "size": "", "weight": ""}}, "unpermitted metadata keys: [size z]"},
		"priority":            {"any", query.JobDispatch{Priority: 100}, ""},
		"priority too high":   {"any", query.JobDispatch{Priority: 101}, "between [1, 100]"},
		"priority too low":    {"any", query.JobDispatch{Priority: -1}, "between [1, 100]"},
		"all that is needed":  {"must", query.JobDispatch{Payload: []byte("x"), Meta: both}, ""},
		"no payload":          {"must", query.JobDispatch{Meta: both}, "required"},
		"meta missing":        {"must", query.JobDispatch{Payload: []byte("x"), Meta: map[string]string{"size": "1"}}, "required meta keys: [colour weight]"},
		"the job's own meta":  {"must", query.JobDispatch{Payload: []byte("x"), Meta: map[string]string{"weight": "1"}}, "required meta keys: [colour]"},
		"forbidden payload":   {"none", query.JobDispatch{Payload: []byte("x")}, "forbidden"},
		"no payload is fine":  {"none", query.JobDispatch{}, ""},
		"not parameterized":   {"plain", query.JobDispatch{}, "not a parameterized job"},
		"stopped":             {"stopped", query.JobDispatch{}, "is stopped"},
		"unknown job":         {"nowhere", query.JobDispatch{}, "not found"},
		"child is no parent":  {"any/dispatch-1-x", query.JobDispatch{}, "not found"},
		"other case of a key": {"any", query.JobDispatch{Meta: map[string]string{"Weight": "5"}}, "unpermitted metadata keys: [Weight]"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			req, reply := tt.req, nl.JobDispatchResponse{}
			req.ID = tt.id
			err := e.jobDispatch(t.Context(), &req, &reply)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("want an error with %q, got %v", tt.want, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			child := e.snapshot().Job(nl.DefaultNamespace, reply.DispatchedJobID)
			if child == nil || !strings.HasPrefix(child.ID, tt.id+"/dispatch-") || child.ParentID != tt.id || !child.Dispatched {
				t.Fatalf("child %q is %+v", reply.DispatchedJobID, child)
			}
			payload, err := snappy.Decode(nil, child.Payload)
			if len(req.Payload) == 0 {
				payload, err = child.Payload, nil
			}
			if err != nil || string(payload) != string(req.Payload) {
				t.Errorf("payload has %d bytes, want %d: %v", len(payload), len(req.Payload), err)
			}
			want := map[string]string{"colour": "red", "size": "small"}
			for k, v := range req.Meta {
				want[k] = v
			}
			if fmt.Sprint(child.Meta) != fmt.Sprint(want) {
				t.Errorf("meta is %v, want %v", child.Meta, want)
			}
			if req.Priority != 0 && child.Priority != req.Priority || req.Priority == 0 && child.Priority != 50 {
				t.Errorf("priority is %d", child.Priority)
			}
			if e.snapshot().Eval(reply.EvalID) == nil {
				t.Errorf("evaluation %q does not exist", reply.EvalID)
			}
		})
	}
}

// TestDispatch_Idempotent dispatches once for each token of a job.
func TestDispatch_Idempotent(t *testing.T) {
	e := withJobs(t, parameterized("a", "optional", nil, nil), parameterized("b", "optional", nil, nil))
	dispatch := func(id, token, prefix string) nl.JobDispatchResponse {
		t.Helper()
		req, reply := query.JobDispatch{IdempotencyToken: token, IDPrefixTemplate: prefix}, nl.JobDispatchResponse{}
		req.ID = id
		if err := e.jobDispatch(t.Context(), &req, &reply); err != nil {
			t.Fatal(err)
		}
		return reply
	}
	first, again := dispatch("a", "token", ""), dispatch("a", "token", "")
	if again.DispatchedJobID != first.DispatchedJobID || again.JobCreateIndex != first.JobCreateIndex || again.EvalID != "" {
		t.Errorf("the second time %+v, want the child of %+v and no evaluation", again, first)
	}
	child := e.snapshot().Job(nl.DefaultNamespace, first.DispatchedJobID)
	if child.DispatchIdempotencyToken != "token" {
		t.Errorf("the child has token %q", child.DispatchIdempotencyToken)
	}
	seen := map[string]bool{first.DispatchedJobID: true}
	for _, next := range []nl.JobDispatchResponse{
		dispatch("a", "other", ""), dispatch("b", "token", ""), dispatch("a", "", ""), dispatch("a", "", ""), dispatch("a", "", "night"),
	} {
		if seen[next.DispatchedJobID] {
			t.Errorf("child %q is given again", next.DispatchedJobID)
		}
		seen[next.DispatchedJobID] = true
	}
	last := dispatch("a", "", "night")
	if !strings.HasPrefix(last.DispatchedJobID, "a/dispatch-night-") {
		t.Errorf("the prefix makes %q", last.DispatchedJobID)
	}
}

// TestPreviewLaunches tells the first few launches of a plan, in order.
func TestPreviewLaunches(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		block nl.Periodic
		want  string
	}{
		"lines together": {nl.Periodic{Specs: []string{"@daily", "0 6,12 * * *"}}, "02T00:00 02T06:00 02T12:00 03T00:00 03T06:00"},
		"same time once": {nl.Periodic{Specs: []string{"@daily", "0 0 * * *"}}, "02T00:00 03T00:00 04T00:00 05T00:00 06T00:00"},
		"zone":           {nl.Periodic{Spec: "30 0 * * *", TimeZone: "Asia/Kolkata"}, "01T19:00 02T19:00 03T19:00 04T19:00 05T19:00"},
		"few are left":   {nl.Periodic{Specs: []string{"0 0 5,7 3 * 2026"}}, "05T00:00 07T00:00"},
		"none":           {nl.Periodic{Specs: []string{"0 0 31 2 *"}}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var reply nl.JobPlanResponse
			if err := previewLaunches(&tt.block, now, &reply); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, at := range reply.NextPeriodicLaunches {
				got = append(got, at.UTC().Format("02T15:04"))
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("launches at %s, want %s", got, tt.want)
			}
			if len(got) > 0 && reply.NextPeriodicLaunch != reply.NextPeriodicLaunches[0] || len(got) == 0 && !reply.NextPeriodicLaunch.IsZero() {
				t.Errorf("the next launch is %s", reply.NextPeriodicLaunch)
			}
		})
	}
}
