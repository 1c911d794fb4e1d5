package watch_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// BenchmarkEvaluations is how many small jobs a second come from registration
// to a committed placement, with a log that costs nothing.
func BenchmarkEvaluations(b *testing.B) {
	for _, workers := range []int{1, 2, 4} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			c := newCluster(b, workers)
			defer c.run(b.Context())()
			for i := range 2000 { // room for 80,000 jobs
				c.apply(&op.RegisterNode{Node: clusterNode(fmt.Sprintf("node-%d", i))})
			}
			b.ResetTimer()
			for i := range b.N {
				c.register(serviceJob(fmt.Sprintf("job-%d", i), 1, "one"))
			}
			c.drained(b)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "evals/s")
		})
	}
}

// BenchmarkPlacements is how many allocations of one large job are placed and
// committed a second.
func BenchmarkPlacements(b *testing.B) {
	c := newCluster(b, 2)
	defer c.run(b.Context())()
	for i := range 1000 {
		c.apply(&op.RegisterNode{Node: roomyNode(i)})
	}
	const count = 5000
	b.ResetTimer()
	for i := range b.N {
		job := serviceJob(fmt.Sprintf("job-%d", i), count, "one")
		job.Type, job.TaskGroups[0].Update, job.TaskGroups[0].Migrate = nl.JobTypeBatch, nil, nil
		c.register(job)
		c.drained(b)
	}
	b.ReportMetric(float64(b.N*count)/b.Elapsed().Seconds(), "placements/s")
}

// BenchmarkLatency is the time from registration to committed placement of one
// job at a time.
func BenchmarkLatency(b *testing.B) {
	c := newCluster(b, 2)
	defer c.run(b.Context())()
	for i := range 10 {
		c.apply(&op.RegisterNode{Node: roomyNode(i)})
	}
	for i := range b.N {
		c.register(serviceJob(fmt.Sprintf("job-%d", i), 1, "one"))
		c.drained(b)
	}
}

// roomyNode has room for everything a benchmark places on it.
func roomyNode(i int) *nl.Node {
	n := clusterNode(fmt.Sprintf("node-%d", i))
	n.NodeResources.Cpu.CpuShares = 1 << 30
	n.NodeResources.Memory.MemoryMB = 1 << 30
	n.NodeResources.Disk.DiskMB = 1 << 30
	return n
}

// drained waits until no evaluation is pending, woken by commits.
func (c *cluster) drained(b *testing.B) {
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	for {
		s := c.st.Snapshot()
		stats := c.b.Stats().Queue
		if stats.Ready+stats.Unacked+stats.Pending == 0 {
			return
		}
		wait, stop := context.WithTimeout(ctx, time.Millisecond) // the last acknowledgement is no commit
		_, err := c.st.WaitIndex(wait, s.Index()+1)
		stop()
		if err != nil && ctx.Err() != nil {
			b.Fatal("evaluations are not done within a minute")
		}
	}
}
