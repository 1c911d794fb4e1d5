package state

import (
	"context"
	"testing"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/plugins/base"
)

// session opens the record, lets f write, and closes it.
func session(t *testing.T, dir string, f func(*DB)) {
	t.Helper()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	f(d)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestRecord(t *testing.T) {
	dir := t.TempDir()
	began := time.Unix(1000, 5).UTC()
	healthy, value := true, "v"
	job := &nl.Job{ID: "j", Namespace: "ns", Version: 3, TaskGroups: []*nl.Group{{Name: "g"}}}
	session(t, dir, func(d *DB) {
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		check(d.PutJob(job))
		check(d.PutAlloc(&AllocRecord{Alloc: &nl.Alloc{ID: "a", Namespace: "ns", JobID: "j", JobVersion: 3}, Health: &healthy, Began: began}))
		check(d.PutAlloc(&AllocRecord{Alloc: &nl.Alloc{ID: "orphan", Namespace: "ns", JobID: "j", JobVersion: 4}}))
		check(d.PutAlloc(&AllocRecord{Alloc: &nl.Alloc{ID: "gone", Namespace: "ns", JobID: "j", JobVersion: 3}}))
		check(d.PutTask("a", "t", &TaskRecord{
			State: &nl.TaskState{State: "running", Restarts: 2, StartedAt: nl.Time{Time: began}},
			RunID: "run", Handle: []byte{1, 2}, Done: map[string]bool{"x": true}, Tries: 1, TriesStart: began,
		}))
		check(d.PutTask("gone", "t", &TaskRecord{}))
		check(d.PutPlugin("p", base.ReattachRecord{Pid: 7}))
		check(d.PutPlugin("q", base.ReattachRecord{Pid: 8}))
		check(d.PutNode(&NodeRecord{Meta: map[string]*string{"k": &value, "hidden": nil}}))
		check(d.Sync(context.Background()))
		d.DeleteAlloc("gone", []string{"t"})
		d.DeletePlugin("q")
	})
	session(t, dir, func(d *DB) {
		s, err := d.Load()
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Allocs) != 1 || s.Allocs[0].Alloc.Job.ID != "j" || !*s.Allocs[0].Health || !s.Allocs[0].Began.Equal(began) {
			t.Errorf("allocations are %+v", s.Allocs)
		}
		r := s.Tasks["a"]["t"]
		if r == nil || r.State.Restarts != 2 || !r.State.StartedAt.Equal(began) || r.RunID != "run" || len(r.Handle) != 2 || !r.Done["x"] || !r.TriesStart.Equal(began) {
			t.Errorf("task is %+v", r)
		}
		if len(s.Tasks) != 1 || len(s.Plugins) != 1 || s.Plugins["p"].Pid != 7 {
			t.Errorf("tasks are %v, plugins %v", s.Tasks, s.Plugins)
		}
		if hidden, ok := s.Node.Meta["hidden"]; !ok || hidden != nil || *s.Node.Meta["k"] != "v" {
			t.Errorf("metadata are %v", s.Node.Meta)
		}
	})
}
