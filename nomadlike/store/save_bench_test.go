package store

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"syscall"
	"testing"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// Jobs of the saved state: those of two million allocations are as large.
const (
	savedAllocs   = 100_000
	savedPerJob   = 2000
	savedNodes    = 2000
	savedRows     = 5  // nodes whose scores are kept for a placement
	savedAlone    = 64 // placements of a group with a metric of their own
	savedTogether = 64 // placements beyond those that share one
)

// whyPlaced is a metric as the scheduler makes it.
func (c *crowd) whyPlaced(node string) *nl.AllocMetric {
	m := &nl.AllocMetric{
		NodesEvaluated: len(c.nodes), NodesInPool: len(c.nodes), NodePool: "default",
		NodesAvailable: map[string]int{"dc1": len(c.nodes)}, AllocationTime: time.Duration(c.ids.r.IntN(1e6)),
	}
	for i := range savedRows {
		if i > 0 {
			node = c.nodes[c.ids.r.IntN(len(c.nodes))]
		}
		fit := c.ids.r.Float64()
		m.ScoreMetaData = append(m.ScoreMetaData, &nl.NodeScoreMeta{NodeID: node, NormScore: fit / 2, Scores: nl.ScoreTable{
			{Name: "binpack", Value: fit}, {Name: "job-anti-affinity"}, {Name: "node-affinity"}, {Name: "node-reschedule-penalty"},
		}})
	}
	return m
}

// settle fills jobs of so many allocations, perJob each, as a cluster that runs
// does: by plans that are read from the log, and by what nodes tell.
func (c *crowd) settle(tb testing.TB, total, perJob int) {
	logged := func(o op.Op) {
		b, err := wire.EncodeOp(o)
		if err == nil {
			o, err = wire.DecodeOp(b)
		}
		if err != nil {
			tb.Fatal(err)
		}
		c.apply(tb, o)
	}
	key := c.ids.next()
	for n := 0; n < total; n += perJob {
		job := fmt.Sprintf("job-%05d", n/perJob)
		c.register(tb, job, perJob)
		plan := c.plan(job, perJob)
		var last *nl.AllocMetric
		for i, a := range plan.Plans[0].Place {
			if i < savedAlone || i%savedTogether == 0 {
				last = c.whyPlaced(a.NodeID)
			}
			a.Metrics, a.NodeName, a.SigningKeyID = last, c.state.Node(a.NodeID).Name, key
		}
		logged(plan)
		var told op.UpdateAllocs
		for _, a := range plan.Plans[0].Place {
			told.Updates = append(told.Updates, c.told(a.ID))
		}
		told.Time = int64(c.state.Index()) * int64(time.Second)
		logged(&told)
	}
}

// told is what a node tells of an allocation that runs and is healthy.
func (c *crowd) told(id string) *nl.AllocUpdate {
	healthy := true
	at := int64(1.7e18) + c.ids.r.Int64N(1e15)
	later := func(d int64) int64 { return at + d + c.ids.r.Int64N(1e6) }
	return &nl.AllocUpdate{ID: id, ClientStatus: nl.AllocClientRunning, ClientDescription: "Tasks are running",
		NetworkStatus:    &nl.AllocNetworkStatus{},
		DeploymentStatus: &nl.AllocDeploymentStatus{Healthy: &healthy, Timestamp: timeOf(later(1e10))},
		TaskStates: nl.PackTaskStates(map[string]*nl.TaskState{"t": {
			State: nl.TaskStateRunning, StartedAt: timeOf(later(3e7)),
			Events: []*nl.TaskEvent{
				{Type: "Received", Time: at, DisplayMessage: "Task received by client"},
				{Type: "Task Setup", Time: later(1e7), Message: "Building Task Directory", DisplayMessage: "Building Task Directory"},
				{Type: "Started", Time: later(3e7), DisplayMessage: "Task started by client"},
			},
		}}),
	}
}

// processorTime is what the process has used so far. Machines that do other
// work as well make it a better figure than the clock.
func processorTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heapBytes() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkSave saves and restores allocations that run, of jobs of 2,000 and
// of jobs of one; "heap-B/alloc" is what the restored state takes.
func BenchmarkSave(b *testing.B) {
	for _, perJob := range []int{savedPerJob, 1} {
		total := savedAllocs
		if perJob == 1 {
			total /= 10
		}
		var saved bytes.Buffer
		b.Run(fmt.Sprintf("jobs of %d", perJob), func(b *testing.B) {
			before := heapBytes()
			c := newCrowd(b, savedNodes)
			c.settle(b, total, perJob)
			applied := heapBytes() - before
			state := c.state
			var used time.Duration
			per := func(b *testing.B) {
				b.ReportMetric(float64(processorTime()-used)/float64(b.N*total), "cpu-ns/alloc")
			}
			b.Run("save", func(b *testing.B) {
				b.ReportAllocs()
				used = processorTime()
				for b.Loop() {
					saved.Reset()
					if err := state.Save(&saved); err != nil {
						b.Fatal(err)
					}
				}
				per(b)
				b.ReportMetric(float64(saved.Len())/float64(total), "B/alloc")
				b.ReportMetric(applied/float64(total), "heap-B/alloc")
			})
			b.Run("fingerprint", func(b *testing.B) {
				used = processorTime()
				for b.Loop() {
					io.WriteString(io.Discard, state.Fingerprint())
				}
				per(b)
			})
			c, state = nil, nil
			b.Run("restore", func(b *testing.B) {
				b.ReportAllocs()
				var restored *Snapshot
				used = processorTime()
				for b.Loop() {
					var err error
					if restored, err = Restore(bytes.NewReader(saved.Bytes())); err != nil {
						b.Fatal(err)
					}
				}
				per(b)
				b.StopTimer()
				before := heapBytes()
				runtime.KeepAlive(restored)
				restored = nil
				b.ReportMetric((before-heapBytes())/float64(total), "heap-B/alloc")
			})
		})
	}
}
