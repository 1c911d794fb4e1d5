package node

import (
	"testing"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// An allocation rests once it was told that it runs, and what is woken is what
// went to rest.
func TestRest(t *testing.T) {
	limit := time.Hour
	job := &nl.Job{Namespace: "default", ID: "j", Type: nl.JobTypeService, TaskGroups: []*nl.Group{{
		Name: "g", RestartPolicy: &nl.RestartPolicy{Mode: "fail", Interval: time.Hour}, MaxRunDuration: &limit,
		Update: &nl.UpdateStrategy{HealthCheck: "task_states", MinHealthyTime: 10 * time.Second, HealthyDeadline: time.Minute},
		Tasks:  []*nl.Task{{Name: "t", Driver: mockDriver, Config: map[string]any{"run_for": "90s"}}},
	}}}
	told, err := query.NewNodeJob(job)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_000_000, 0)
	n := New(Config{Random: func() float64 { return 0 }})
	step := func(ev Event) (reports int) {
		out := n.Step(now, ev)
		for len(out.Calls) > 0 {
			call := out.Calls[0]
			reports += len(call.Updates)
			out = n.Step(now, Answered{Call: call, TTL: time.Hour})
		}
		return reports
	}
	step(Start{})
	id := idOf("a")
	k, _ := keyOf(id)
	canary := &nl.AllocDeploymentStatus{Canary: true, ModifyIndex: 7}
	step(Changes{&query.NodeAllocChanges{Index: 9, Jobs: []*query.NodeJob{told}, Allocs: []*nl.Alloc{{
		ID: id, Namespace: "default", JobID: "j", TaskGroup: "g", DeploymentID: "d", DeploymentStatus: canary,
		DesiredStatus: nl.AllocDesiredRun, ClientStatus: nl.AllocClientPending, AllocModifyIndex: 9,
	}}}})
	check := func(what string, healthAt, since moment, verdict opinion) {
		t.Helper()
		if n.allocs[k] != nil || len(n.resting) != 1 {
			t.Fatalf("%s: it does not rest", what)
		}
		began := n.resting[k].began
		a := n.find(k)
		want := held{key: k, id: id, group: a.group, deployment: "d", modified: 9, healthModified: 7, canary: true}
		if a.held != want || a.group.job.ID != "j" {
			t.Errorf("%s: woken as %+v, want %+v", what, a.held, want)
		}
		if a.healthAt != healthAt || a.since != since || a.expireAt != began+moment(limit) || a.next() != a.due {
			t.Errorf("%s: looked at %v, known since %v, ends %v, due %v of %v", what, a.healthAt, a.since, a.expireAt, a.due, a.next())
		}
		if a.verdict != verdict || a.told.health != verdict || !a.reportedRunning() || a.watched != (verdict == unknown) {
			t.Errorf("%s: verdict %v, told %+v, watched %v", what, a.verdict, a.told, a.watched)
		}
		if a.watched && (a.health.Rules.MinHealthy != 10*time.Second || momentOf(a.health.Began) != began) {
			t.Errorf("%s: its health is found out by %+v", what, a.health)
		}
		n.rest(a)
	}
	began := momentOf(now)
	check("begun", began+moment(10*time.Second), 0, unknown)
	now = now.Add(10 * time.Second)
	if got := step(Tick{}); got != 1 {
		t.Fatalf("%d reports of its health", got)
	}
	check("healthy", 0, momentOf(now), healthy)
	now = now.Add(80 * time.Second)
	if got := step(Tick{}); got != 1 || n.allocs[k] == nil || n.told(k) != nl.AllocClientComplete && n.told(k) != nl.AllocClientFailed {
		t.Fatalf("%d reports of its end; it is %s", got, n.told(k))
	}
	if step(Changes{&query.NodeAllocChanges{Index: 10, Removed: []string{id}}}); len(n.allocs)+len(n.resting) > 0 || n.first() != 0 {
		t.Fatal("it is not forgotten")
	}
}
