package node

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// life drives nodes through the life of allocations as a cluster that is being
// filled does: one allocation of a job to a node at a time.
type life struct {
	b     *testing.B
	now   time.Time
	nodes []*Node
	jobs  []*query.NodeJob
	index uint64
	told  int // reports so far
}

const (
	lifeNodes = 100
	// lifeJobs is how many jobs each node runs an allocation of.
	lifeJobs    = 300
	lifeHealthy = 10 * time.Second
)

func newLife(b *testing.B) *life {
	l := &life{b: b, now: time.Unix(1_000_000, 0)}
	for i := range lifeJobs {
		j := &nl.Job{Namespace: "default", ID: fmt.Sprintf("job-%04d", i), Type: nl.JobTypeService, TaskGroups: []*nl.Group{{
			Name: "g", RestartPolicy: &nl.RestartPolicy{Mode: "fail", Interval: time.Hour},
			Update: &nl.UpdateStrategy{HealthCheck: "task_states", MinHealthyTime: lifeHealthy, HealthyDeadline: 5 * time.Minute},
			Tasks:  []*nl.Task{{Name: "t", Driver: mockDriver, Config: map[string]any{"run_for": "86400s"}, KillTimeout: 5 * time.Second}},
		}}}
		told, err := query.NewNodeJob(j)
		if err != nil {
			b.Fatal(err)
		}
		l.jobs = append(l.jobs, told)
	}
	cfg := Config{Random: func() float64 { return 0 }, Jobs: new(Jobs)}
	for range lifeNodes {
		n := New(cfg)
		l.nodes = append(l.nodes, n)
		l.step(n, Start{})
		l.step(n, Changes{&query.NodeAllocChanges{Reset: true}})
	}
	return l
}

// step feeds an event, and answers what the node calls for.
func (l *life) step(n *Node, ev Event) {
	out := n.Step(l.now, ev)
	for _, c := range out.Calls {
		l.told += len(c.Updates)
		l.step(n, Answered{Call: c, TTL: time.Hour})
	}
}

// alloc is a fresh copy, as if it had been decoded.
func (l *life) alloc(node, job int) *nl.Alloc {
	return &nl.Alloc{
		ID: fmt.Sprintf("%08x-0000-0000-0000-%012x", job, node), Namespace: "default", JobID: l.jobs[job].ID, TaskGroup: "g",
		DeploymentID: fmt.Sprintf("%08x-0000-0000-0000-000000000000", job), DesiredStatus: nl.AllocDesiredRun,
		ClientStatus: nl.AllocClientPending, AllocModifyIndex: l.index,
	}
}

// each sends every node a message about its allocation of every job.
func (l *life) each(message func(node, job int) *query.NodeAllocChanges) {
	l.b.StopTimer()
	messages := make([]*query.NodeAllocChanges, 0, lifeJobs*lifeNodes)
	for job := range l.jobs {
		for node := range l.nodes {
			l.index++
			m := message(node, job)
			m.Index = l.index
			messages = append(messages, m)
		}
	}
	l.b.StartTimer()
	for i, m := range messages {
		l.step(l.nodes[i%lifeNodes], Changes{m})
	}
}

// pass lets time go by for all.
func (l *life) pass(d time.Duration) {
	l.now = l.now.Add(d)
	for _, n := range l.nodes {
		l.step(n, Tick{})
	}
}

func (l *life) fill() {
	l.each(func(node, job int) *query.NodeAllocChanges {
		return &query.NodeAllocChanges{Allocs: []*nl.Alloc{l.alloc(node, job)}, Jobs: []*query.NodeJob{l.jobs[job]}}
	})
	l.pass(lifeHealthy)
	l.pass(lazyDelay)
}

// end stops all allocations and lets the servers forget them.
func (l *life) end() {
	l.each(func(node, job int) *query.NodeAllocChanges {
		a := l.alloc(node, job)
		a.DesiredStatus = nl.AllocDesiredStop
		return &query.NodeAllocChanges{Allocs: []*nl.Alloc{a}}
	})
	l.each(func(node, job int) *query.NodeAllocChanges {
		return &query.NodeAllocChanges{Removed: []string{l.alloc(node, job).ID}}
	})
}

// BenchmarkLife is what an allocation costs: fill from its assignment until it
// is healthy, with the memory that it takes then; whole until it was stopped and
// the servers have forgotten it.
func BenchmarkLife(b *testing.B) {
	const allocs = lifeNodes * lifeJobs
	check := func(l *life, reports int) {
		if l.told != reports*allocs {
			l.b.Fatalf("%d reports of %d allocations", l.told, allocs)
		}
	}
	each := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/allocs, "ns/alloc")
	}
	b.Run("fill", func(b *testing.B) {
		b.ReportAllocs()
		var held float64
		for range b.N {
			b.StopTimer()
			l := newLife(b)
			before := live()
			b.StartTimer()
			l.fill()
			b.StopTimer()
			held = float64(live()-before) / allocs
			check(l, 2)
			b.StartTimer()
		}
		each(b)
		b.ReportMetric(held, "live-B/alloc")
	})
	b.Run("whole", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			b.StopTimer()
			l := newLife(b)
			b.StartTimer()
			l.fill()
			l.end()
			check(l, 3)
		}
		each(b)
	})
}

func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
