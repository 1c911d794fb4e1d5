package store

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// put registers a job of that priority, which makes a version for each one.
func put(t *testing.T, st *Store, id string, priority int) {
	t.Helper()
	if _, err := st.Apply(st.Snapshot().Index()+1, &op.RegisterJob{Job: &nl.Job{
		Namespace: nl.DefaultNamespace, ID: id, Type: nl.JobTypeService, Priority: priority,
	}}); err != nil {
		t.Fatal(err)
	}
}

// watchJob reads the index of one job and counts how often it is run.
func watchJob(id string, runs *atomic.Int64) func(*Snapshot) (uint64, []Key, error) {
	return func(s *Snapshot) (uint64, []Key, error) {
		runs.Add(1)
		return s.Job(nl.DefaultNamespace, id).ModifyIndex, []Key{{TableJobs, JobKey(nl.DefaultNamespace, id)}}, nil
	}
}

func TestQueryAnswersAtOnce(t *testing.T) {
	st := New(Empty())
	put(t, st, "web", 1)
	var runs atomic.Int64
	for _, minIndex := range []uint64{0, st.Snapshot().Index() - 1} {
		if err := st.Query(t.Context(), minIndex, time.Hour, watchJob("web", &runs)); err != nil {
			t.Fatal(err)
		}
	}
	if runs.Load() != 2 {
		t.Errorf("two queries whose answer was there ran %d times", runs.Load())
	}
	failed := errors.New("no")
	err := st.Query(t.Context(), 1, time.Hour, func(*Snapshot) (uint64, []Key, error) { return 0, nil, failed })
	if !errors.Is(err, failed) {
		t.Errorf("the error of a query is %v", err)
	}
}

// A waiting query is run again only when what it watches changes.
func TestQueryWakesForItsKeysOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := New(Empty())
		put(t, st, "web", 1)
		put(t, st, "other", 1)
		var runs atomic.Int64
		done := make(chan error, 1)
		min := st.Snapshot().Job(nl.DefaultNamespace, "web").ModifyIndex
		go func() { done <- st.Query(t.Context(), min, time.Hour, watchJob("web", &runs)) }()
		synctest.Wait()
		for i := range 10 {
			put(t, st, "other", i+2)
			synctest.Wait()
		}
		if runs.Load() != 1 {
			t.Errorf("the query ran %d times while nothing it watches changed", runs.Load())
		}
		put(t, st, "web", 2)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if runs.Load() != 2 {
			t.Errorf("the query ran %d times, once for its change", runs.Load())
		}
		if n := st.watching(); n != 0 {
			t.Errorf("%d watches are left", n)
		}
	})
}

func TestQueryEndsWithTimeOrCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := New(Empty())
		put(t, st, "web", 1)
		index := st.Snapshot().Index()
		var runs atomic.Int64
		start := time.Now()
		if err := st.Query(t.Context(), index, time.Minute, watchJob("web", &runs)); err != nil {
			t.Error(err)
		}
		if waited := time.Since(start); waited != time.Minute {
			t.Errorf("the query waited %v of a minute", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := st.Query(ctx, index, time.Minute, watchJob("web", &runs)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a query whose caller left answers %v", err)
		}
	})
}

// A restored state may be older: whoever waits is told of it all the same.
func TestReplaceWakesEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := New(Empty())
		put(t, st, "web", 1)
		old := st.Snapshot()
		put(t, st, "web", 2)
		var runs atomic.Int64
		done := make(chan error, 1)
		go func() { done <- st.Query(t.Context(), st.Snapshot().Index(), time.Hour, watchJob("web", &runs)) }()
		synctest.Wait()
		var commits []Commit
		st.OnCommit(func(c Commit) { commits = append(commits, c) })
		st.Replace(old)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if st.Snapshot() != old || len(commits) != 1 || !commits[0].Replaced || commits[0].Snapshot != old {
			t.Error("the state is not the one that replaced it, or hooks were not told")
		}
	})
}

func TestWaitIndex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := New(Empty())
		var got []uint64
		var mu sync.Mutex
		var wait sync.WaitGroup
		for _, index := range []uint64{0, 1, 2, 3} {
			wait.Go(func() {
				s, err := st.WaitIndex(t.Context(), index)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if s.Index() < index {
					t.Errorf("waited for %d and got %d", index, s.Index())
				}
				got = append(got, index)
			})
		}
		for range 3 {
			synctest.Wait()
			put(t, st, "web", int(st.Snapshot().Index()))
		}
		wait.Wait()
		if !slices.Equal(got, []uint64{0, 1, 2, 3}) {
			t.Errorf("woken in the order %v", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := st.WaitIndex(ctx, 99); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting for an index that does not come ends with %v", err)
		}
		if len(st.index) != 0 {
			t.Error("waiters are left")
		}
	})
}

// Hooks see every write in order, refused ones without changes, and the
// snapshot that readers see.
func TestCommits(t *testing.T) {
	st := New(Empty())
	var commits []Commit
	st.OnCommit(func(c Commit) {
		if st.Snapshot() != c.Snapshot {
			t.Error("a hook is called before readers see its snapshot")
		}
		commits = append(commits, c)
	})
	put(t, st, "web", 1)
	if _, err := st.Apply(2, &op.DeleteNamespaces{Names: []string{nl.DefaultNamespace}}); err == nil {
		t.Error("the default namespace can be deleted")
	}
	if len(commits) != 2 || commits[0].Index != 1 || len(commits[0].Changes) == 0 || commits[1].Index != 2 || len(commits[1].Changes) != 0 {
		t.Errorf("commits are %+v", commits)
	}
}

// Readers may read while the writer writes; run with -race.
func TestConcurrentReaders(t *testing.T) {
	st := New(Empty())
	put(t, st, "web", 0)
	const writes = 200
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for index := uint64(0); index < writes; {
				err := st.Query(t.Context(), index, time.Minute, func(s *Snapshot) (uint64, []Key, error) {
					if j := s.Job(nl.DefaultNamespace, "web"); uint64(j.Priority)+1 != j.ModifyIndex || s.Index() < j.ModifyIndex {
						t.Errorf("priority %d at index %d", j.Priority, j.ModifyIndex)
					}
					index = s.TableIndex(TableJobs)
					return index, []Key{{Table: TableJobs}}, nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range writes {
		put(t, st, "web", i+1)
	}
	wait.Wait()
}

// Every key that readers may watch an object under is told of its changes.
func TestKeysOf(t *testing.T) {
	job := JobKey("ns", "web")
	for _, c := range []struct {
		change Change
		want   []string // without the table's own key
	}{
		{Change{TableJobs, "ns", "web", nil, &nl.Job{}}, []string{job}},
		{Change{TableJobSummaries, "ns", "web", &nl.JobSummary{}, nil}, []string{job}},
		{Change{TablePeriodicLaunches, "ns", "web", nil, new(int64)}, []string{job}},
		{Change{TableEvals, "ns", "e", nil, &nl.Eval{Namespace: "ns", JobID: "web"}}, []string{"e", job}},
		{Change{TableDeployments, "ns", "d", &nl.Deployment{Namespace: "ns", JobID: "web"}, nil}, []string{"d", job}},
		{Change{TableAllocs, "ns", "a", nil, &nl.Alloc{Namespace: "ns", JobID: "web", NodeID: "n", EvalID: "e", DeploymentID: "d"}},
			[]string{"a", job, "n", "e", "d"}},
		{Change{TableAllocs, "ns", "a", &nl.Alloc{EvalID: "e0"}, &nl.Alloc{Namespace: "ns", JobID: "web", EvalID: "e1"}},
			[]string{"a", job, "e1", "e0"}},
		{Change{TableServices, "ns", "s", nil, &nl.ServiceRegistration{ID: "s", ServiceName: "db", Namespace: "ns", AllocID: "a"}},
			[]string{JobKey("ns", "s"), JobKey("ns", "db"), "a"}},
		{Change{TableScalingPolicies, "ns", "p", nil, &nl.ScalingPolicy{Target: map[string]string{"Namespace": "ns", "Job": "web"}}},
			[]string{"p", job}},
		{Change{TableNodes, "", "n", nil, &nl.Node{}}, []string{"n"}},
		{Change{TableSchedulerConfig, "", "", nil, &nl.SchedulerConfiguration{}}, nil},
	} {
		want := map[Key]bool{{Table: c.change.Table}: true}
		for _, id := range c.want {
			want[Key{c.change.Table, id}] = true
		}
		got := map[Key]bool{}
		keysOf(&c.change, func(k Key) { got[k] = true })
		if !maps.Equal(got, want) {
			t.Errorf("table %d: keys are %v, want %v", c.change.Table, got, want)
		}
	}
}

// An allocation that one write changes twice, deletes, or deletes and makes
// again is one Change.
func TestAllocChangesAreOne(t *testing.T) {
	s := New(Empty())
	var got []Change
	s.OnCommit(func(c Commit) { got = c.Changes })
	index := uint64(0)
	apply := func(o op.Op) map[string][]Change {
		t.Helper()
		index++
		if _, err := s.Apply(index, o); err != nil {
			t.Fatal(err)
		}
		of := map[string][]Change{}
		for _, ch := range got {
			if ch.Table == TableAllocs {
				of[ch.Key] = append(of[ch.Key], ch)
			}
		}
		return of
	}
	job := func(id string) *op.RegisterJob {
		return &op.RegisterJob{Job: &nl.Job{Namespace: "default", ID: id, Type: "service", TaskGroups: []*nl.Group{{Name: "g"}}}}
	}
	alloc := func(id, job, previous string) *nl.Alloc {
		return &nl.Alloc{ID: id, Namespace: "default", JobID: job, TaskGroup: "g", NodeID: "n", EvalID: "e", AllocHistory: &nl.AllocHistory{PreviousAllocation: previous}}
	}
	plan := func(allocs ...*nl.Alloc) *op.ApplyPlans {
		return &op.ApplyPlans{Plans: []*op.PlanDelta{{Place: allocs}}}
	}
	apply(job("j"))
	apply(job("k"))
	apply(plan(alloc("a", "j", ""), alloc("b", "j", ""), alloc("x", "j", "")))

	changes := apply(&op.ApplyPlans{Plans: []*op.PlanDelta{{
		Stop: []nl.AllocStop{{AllocID: "a"}, {AllocID: "b"}}, Place: []*nl.Alloc{alloc("c", "j", "a"), alloc("x", "k", ""), alloc("d", "j", "b")},
	}}})
	for id, list := range changes {
		after := list[0].After.(*nl.Alloc)
		if len(list) != 1 || after != s.Snapshot().Alloc(id) {
			t.Errorf("%s: %d changes, the last makes %+v", id, len(list), after)
		}
		if before, _ := list[0].Before.(*nl.Alloc); (before != nil) != (id != "c" && id != "d") || before != nil && before.ModifyIndex == index {
			t.Errorf("%s was %+v", id, before)
		}
	}
	if a := changes["a"][0].After.(*nl.Alloc); len(changes) != 5 || a.NextAllocation() != "c" || a.DesiredStatus != nl.AllocDesiredStop {
		t.Errorf("%d allocations, a is %+v", len(changes), a)
	}
}
