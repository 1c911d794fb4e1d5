package e2e

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/nomad/api"
)

// The tests of this file use the official client as its users do, one noun
// after the other, against one agent.
func TestOfficialClient(t *testing.T) {
	needRoot(t)
	t.Parallel()
	a := single(t)
	t.Run("jobs", func(t *testing.T) { officialJobs(t, a.api) })
	t.Run("deployments", func(t *testing.T) { officialDeployments(t, a) })
	t.Run("allocations", func(t *testing.T) { officialAllocations(t, a) })
	t.Run("events", func(t *testing.T) { officialEvents(t, a.api) })
	t.Run("nodes", func(t *testing.T) { officialNodes(t, a) })
}

func officialJobs(t *testing.T, c *api.Client) {
	job := service("jobs", group("g", 0, shell("t", "exec sleep 600")))
	plan, _, err := c.Jobs().Plan(job, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if plan.Diff == nil || plan.Diff.Type != "Added" {
		t.Errorf("plan of a new job: %+v", plan.Diff)
	}
	if _, _, err := c.Jobs().Info("jobs", nil); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("planning registered the job: %v", err)
	}
	valid, _, err := c.Jobs().Validate(job, nil)
	if err != nil || len(valid.ValidationErrors) > 0 {
		t.Errorf("validate: %v, %+v", err, valid)
	}
	reg, written, err := c.Jobs().Register(job, nil)
	if err != nil {
		t.Fatal(err)
	}
	if reg.EvalID == "" || reg.JobModifyIndex == 0 || written.LastIndex == 0 {
		t.Errorf("register: %+v, %+v", reg, written)
	}
	list, _, err := c.Jobs().PrefixList("jo")
	if err != nil || len(list) != 1 || list[0].ID != "jobs" {
		t.Errorf("list: %v, %v", list, err)
	}
	info, meta, err := c.Jobs().Info("jobs", nil)
	if err != nil {
		t.Fatal(err)
	}
	if *info.Version != 0 || *info.JobModifyIndex != reg.JobModifyIndex || meta.LastIndex == 0 || len(info.TaskGroups) != 1 {
		t.Errorf("info: version %d, modified at %d, %+v", *info.Version, *info.JobModifyIndex, meta)
	}
	eval, _, err := c.Evaluations().Info(reg.EvalID, nil)
	if err != nil || eval.JobID != "jobs" || eval.TriggeredBy != "job-register" {
		t.Errorf("evaluation: %+v, %v", eval, err)
	}
	await(t, "the evaluation completes", func() error {
		eval, _, err := c.Evaluations().Info(reg.EvalID, nil)
		if err == nil && eval.Status != "complete" {
			err = fmt.Errorf("it is %s", eval.Status)
		}
		return err
	})

	job.Priority = ptr(70)
	if _, _, err := c.Jobs().EnforceRegister(job, 1, nil); err == nil {
		t.Error("a job was replaced although its index had moved on")
	}
	if _, _, err := c.Jobs().EnforceRegister(job, *info.JobModifyIndex, nil); err != nil {
		t.Error(err)
	}
	versions, diffs, _, err := c.Jobs().Versions("jobs", true, nil)
	if err != nil || len(versions) != 2 || len(diffs) != 1 || *versions[0].Version != 1 {
		t.Errorf("versions: %d, diffs: %d, %v", len(versions), len(diffs), err)
	}
	if _, _, err := c.Jobs().Scale("jobs", "g", ptr(0), "because", false, nil, nil); err != nil {
		t.Error(err)
	}
	if _, _, err := c.Jobs().Summary("jobs", nil); err != nil {
		t.Error(err)
	}
	parsed, err := c.Jobs().ParseHCL("job \"x\" {\n  group \"g\" {\n    task \"t\" {\n      driver = \"raw_exec\"\n    }\n  }\n}\n", true)
	if err != nil || *parsed.ID != "x" {
		t.Errorf("parse: %v", err)
	}
	if _, _, err := c.Jobs().Deregister("jobs", true, nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Jobs().Info("jobs", nil); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a purged job: %v", err)
	}
}

func officialDeployments(t *testing.T, a *agent) {
	rolling := func(script string, canaries int) *api.Job {
		g := group("g", 2, shell("t", script))
		g.Update = &api.UpdateStrategy{
			MaxParallel: ptr(1), MinHealthyTime: ptr(time.Millisecond), HealthyDeadline: ptr(patience),
			ProgressDeadline: ptr(2 * patience), HealthCheck: ptr("task_states"), Canary: ptr(canaries),
		}
		return service("rolling", g)
	}
	status := func(want string) *api.Deployment {
		var d *api.Deployment
		await(t, "the deployment is "+want, func() (err error) {
			if d, _, err = a.api.Jobs().LatestDeployment("rolling", nil); err != nil {
				return err
			}
			if d == nil || d.Status != want {
				return fmt.Errorf("%+v", d)
			}
			return nil
		})
		return d
	}
	a.register(rolling("exec sleep 600", 0))
	first := status(api.DeploymentStatusSuccessful)
	a.register(rolling("exec sleep 601", 1))
	await(t, "the canary is healthy", func() error {
		d, _, err := a.api.Jobs().LatestDeployment("rolling", nil)
		if err != nil {
			return err
		}
		if g := d.TaskGroups["g"]; d.ID == first.ID || g.HealthyAllocs != 1 || len(g.PlacedCanaries) != 1 {
			return fmt.Errorf("%+v", g)
		}
		return nil
	})
	d, _, err := a.api.Jobs().LatestDeployment("rolling", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.api.Deployments().PromoteAll(d.ID, nil); err != nil {
		t.Fatal(err)
	}
	if done := status(api.DeploymentStatusSuccessful); done.ID != d.ID {
		t.Errorf("deployment %s succeeded, want %s", done.ID, d.ID)
	}
	allocs, _, err := a.api.Deployments().Allocations(d.ID, nil)
	if err != nil || len(allocs) != 2 {
		t.Errorf("the deployment has %d allocations, %v", len(allocs), err)
	}
	if list, _, err := a.api.Deployments().List(nil); err != nil || len(list) < 2 {
		t.Errorf("%d deployments, %v", len(list), err)
	}
	if _, _, err := a.api.Jobs().Revert("rolling", 0, nil, nil, "", ""); err != nil {
		t.Error(err)
	}
	if _, _, err := a.api.Jobs().Deregister("rolling", true, nil); err != nil {
		t.Error(err)
	}
}

func officialAllocations(t *testing.T, a *agent) {
	a.register(service("files", group("g", 1, shell("t",
		"trap 'echo hup' HUP; echo line; echo content >local/file; while :; do sleep 0.05; done"))))
	stub := a.awaitAllocs("files", 1, api.AllocClientStatusRunning)[0]
	a.awaitLog(stub.ID, "t", "line\n")
	alloc := a.alloc(stub.ID)
	await(t, "the task writes its file", func() error {
		content, err := a.readFile(alloc, "t/local/file")
		if err == nil && content != "content\n" {
			err = fmt.Errorf("it holds %q", content)
		}
		return err
	})
	stat, _, err := a.api.AllocFS().Stat(alloc, "t/local/file", nil)
	if err != nil || stat.Size != 8 || stat.IsDir {
		t.Errorf("stat: %+v, %v", stat, err)
	}
	entries, _, err := a.api.AllocFS().List(alloc, "/", nil)
	if err != nil || len(entries) < 2 {
		t.Errorf("list: %v, %v", entries, err)
	}
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	code, err := a.api.Allocations().Exec(ctx, alloc, "t", false, []string{"cat", "local/file"}, strings.NewReader(""), &out, &out, nil, nil)
	if err != nil || code != 0 || out.String() != "content\n" {
		t.Errorf("exec: %d, %v, %q", code, err, &out)
	}
	await(t, "usage is told", func() error {
		stats, err := a.api.Allocations().Stats(alloc, nil)
		if err == nil && (stats.Tasks["t"] == nil || stats.Tasks["t"].ResourceUsage.MemoryStats.RSS == 0) {
			err = fmt.Errorf("%+v", stats)
		}
		return err
	})
	if err := a.api.Allocations().Signal(alloc, nil, "t", "SIGHUP"); err != nil {
		t.Error(err)
	}
	a.awaitLog(stub.ID, "t", "line\nhup\n")
	if err := a.api.Allocations().Restart(alloc, "t", nil); err != nil {
		t.Error(err)
	}
	await(t, "the task runs again", func() error {
		st := a.alloc(stub.ID).TaskStates["t"]
		if st.Restarts != 1 || st.State != "running" {
			return fmt.Errorf("restarts %d, state %s", st.Restarts, st.State)
		}
		return nil
	})
	list, _, err := a.api.Allocations().PrefixList(stub.ID[:6])
	if err != nil || len(list) != 1 {
		t.Errorf("allocations with the prefix: %d, %v", len(list), err)
	}
	if _, _, err := a.api.Jobs().Deregister("files", false, nil); err != nil {
		t.Error(err)
	}
	a.awaitAllocs("files", 1, api.AllocClientStatusComplete)
}

func officialEvents(t *testing.T, c *api.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, meta, err := c.Jobs().List(nil)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := c.EventStream().Stream(ctx, map[api.Topic][]string{api.TopicJob: {"heard"}, api.TopicEvaluation: {"*"}}, meta.LastIndex+1, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"unheard", "heard"} {
		if _, _, err := c.Jobs().Register(service(id, group("g", 0, shell("t", "true"))), nil); err != nil {
			t.Fatal(err)
		}
	}
	for events := range stream {
		if events.Err != nil {
			t.Fatal(events.Err)
		}
		for _, e := range events.Events {
			if e.Topic != api.TopicJob {
				continue
			}
			job, err := e.Job()
			if err != nil || *job.ID != "heard" || e.Type != "JobRegistered" || e.Key != "heard" || e.Index != events.Index {
				t.Errorf("event %s %s %s at %d of %d: %v", e.Topic, e.Type, e.Key, e.Index, events.Index, err)
			}
			cancel()
			for range stream { // the client closes it when its request has ended
			}
			return
		}
	}
	t.Fatal("the stream ended before it told of the job")
}

func officialNodes(t *testing.T, a *agent) {
	nodes, _, err := a.api.Nodes().List(nil)
	if err != nil || len(nodes) != 1 {
		t.Fatalf("%d nodes, %v", len(nodes), err)
	}
	id := nodes[0].ID
	node, _, err := a.api.Nodes().Info(id, nil)
	if err != nil || node.Status != "ready" || node.NodeResources == nil || node.Attributes["kernel.name"] != "linux" {
		t.Errorf("node: %+v, %v", node, err)
	}
	if _, err := a.api.Nodes().Stats(id, nil); err != nil {
		t.Error(err)
	}
	// One only: with nowhere to go, the last of more would wait for the deadline.
	drained := group("g", 1, shell("t", "exec sleep 600"))
	drained.Update = &api.UpdateStrategy{MinHealthyTime: ptr(time.Millisecond), HealthCheck: ptr("task_states")}
	a.register(service("drained", drained))
	a.awaitAllocs("drained", 1, api.AllocClientStatusRunning)

	drain, err := a.api.Nodes().UpdateDrain(id, &api.DrainSpec{Deadline: patience}, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	complete := false
	for msg := range a.api.Nodes().MonitorDrain(ctx, id, drain.LastIndex, false) {
		if msg.Level == api.MonitorMsgLevelError {
			t.Errorf("drain: %s", msg)
		}
		complete = complete || strings.Contains(msg.Message, "complete") || strings.Contains(msg.Message, "stopped")
	}
	if ctx.Err() != nil || !complete {
		t.Errorf("the drain did not complete: %v", ctx.Err())
		allocs, _, err := a.api.Nodes().Allocations(id, nil)
		if err != nil {
			t.Error(err)
		}
		for _, s := range allocs {
			t.Logf("%s of %s: desired %s, is %s", s.Name, s.JobID, s.DesiredStatus, s.ClientStatus)
		}
	}
	a.awaitAllocs("drained", 1, api.AllocClientStatusComplete)
	if node, _, err := a.api.Nodes().Info(id, nil); err != nil || node.SchedulingEligibility != api.NodeSchedulingIneligible || node.Drain {
		t.Errorf("after the drain: %s, draining %t, %v", node.SchedulingEligibility, node.Drain, err)
	}
	if _, err := a.api.Nodes().ToggleEligibility(id, true, nil); err != nil {
		t.Fatal(err)
	}
	a.awaitAllocs("drained", 1, api.AllocClientStatusRunning)
	if _, _, err := a.api.Jobs().Deregister("drained", true, nil); err != nil {
		t.Error(err)
	}
}
