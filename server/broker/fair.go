package broker

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/server/broker/queue"
)

// shareFairly makes the queue share batch work, or not, as the scheduler
// configuration says, and tells whether that is new; then all that s holds is
// counted. The caller holds the lock.
func (b *Broker) shareFairly(s *store.Snapshot) bool {
	on := s.SchedulerConfig().BatchFairShare
	if on == b.queue.SharesFairly() {
		return false
	}
	b.queue.ShareFairly(on, b.asks)
	if !on {
		return true
	}
	for n := range s.Namespaces() {
		b.queue.SetWeight(n.Name, n.Weight)
	}
	for n := range s.Nodes() {
		b.queue.AddCapacity(capacity(n))
	}
	for a := range s.Allocs(nl.AllNamespaces) {
		b.queue.Use(a.Namespace, batchWork(a))
	}
	return true
}

// feedShare follows a change of what decides whose turn it is.
func (b *Broker) feedShare(change store.Change) {
	switch change.Table {
	case store.TableAllocs:
		before, _ := change.Before.(*nl.Alloc)
		after, _ := change.After.(*nl.Alloc)
		b.queue.Use(change.Namespace, batchWork(after).Minus(batchWork(before)))
	case store.TableNodes:
		before, _ := change.Before.(*nl.Node)
		after, _ := change.After.(*nl.Node)
		b.queue.AddCapacity(capacity(after).Minus(capacity(before)))
	case store.TableNamespaces:
		weight := 0
		if after, _ := change.After.(*nl.Namespace); after != nil {
			weight = after.Weight
		}
		b.queue.SetWeight(change.Key, weight)
	}
}

// batchWork is what an allocation of a batch job has, as long as it is not over.
func batchWork(a *nl.Alloc) queue.Work {
	if a == nil || a.Terminal() || a.Job == nil || a.Job.Type != nl.JobTypeBatch && a.Job.Type != nl.JobTypeSysBatch {
		return queue.Work{}
	}
	need := fit.Need(a.AllocatedResources)
	return queue.Work{CPU: need.CPU, Memory: need.Memory}
}

// capacity is what a node has as long as it is there.
func capacity(n *nl.Node) queue.Work {
	if n == nil || n.Status != nl.NodeStatusReady {
		return queue.Work{}
	}
	c := fit.Capacity(n)
	return queue.Work{CPU: c.CPU, Memory: c.Memory}
}

// asks is what an evaluation may place: what failed before, or all of a job
// that is new to it. CPU that depends on the node (cores) is left out.
func (b *Broker) asks(e *nl.Eval) queue.Work {
	job := b.cfg.Store.Snapshot().Job(e.Namespace, e.JobID)
	if job == nil || job.Stop {
		return queue.Work{}
	}
	var sum queue.Work
	for _, g := range job.TaskGroups {
		count := int64(g.Count)
		if e.Status == nl.EvalStatusBlocked {
			count = 0
			if m := e.FailedTGAllocs[g.Name]; m != nil {
				count = int64(m.CoalescedFailures) + 1
			}
		}
		var stages fit.Stages
		for _, t := range g.Tasks {
			if t.Resources != nil {
				stages.Add(t.Lifecycle, fit.Vector{CPU: int64(t.Resources.CPU), Memory: t.Resources.MemoryMB}, false)
			}
		}
		need := stages.Need()
		sum = sum.Plus(queue.Work{CPU: count * need.CPU, Memory: count * need.Memory})
	}
	return sum
}
