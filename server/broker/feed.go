package broker

import (
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/server/broker/blocked"
	"github.com/nomadlike/nomadlike/server/broker/queue"
)

// commit takes one commit of the store. It runs in the goroutine that applies
// the log.
func (b *Broker) commit(c store.Commit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.leader {
		return
	}
	if c.Replaced {
		b.rebuild(c.Snapshot)
		return
	}
	if c.Index <= b.index {
		return // was part of the state that the broker was built from
	}
	b.index = c.Index
	if b.paused != c.Snapshot.SchedulerConfig().PauseEvalBroker {
		b.rebuild(c.Snapshot)
		return
	}
	if b.paused {
		return
	}
	now := b.cfg.Now()
	touched := b.shareFairly(c.Snapshot)
	fair := b.queue.SharesFairly() && !touched // else the changes are counted
	for _, change := range c.Changes {
		switch {
		case change.Table == store.TableEvals:
			touched = true
			b.feedEval(now, change)
		case fair:
			b.feedShare(change)
		}
	}
	if room := RoomMade(c.Index, c.Snapshot, c.Changes); !room.Empty() {
		for _, e := range b.blocked.Release(now, room) {
			b.queue.Enqueue(now, e)
			touched = true
		}
	}
	if touched {
		b.settle()
	}
}

// RoomMade tells what of a write may let blocked evaluations place something. s
// is the state after it.
func RoomMade(index uint64, s *store.Snapshot, changes []store.Change) blocked.Changes {
	room := blocked.Changes{Index: index, Classes: map[string]bool{}, Nodes: map[string]bool{}, Quotas: map[string]bool{}, Placed: map[blocked.Job]bool{}, Volumes: map[string]bool{}}
	for _, change := range changes {
		switch change.Table {
		case store.TableNodes:
			noteNode(&room, change)
		case store.TableAllocs:
			noteAlloc(&room, s, change)
		case store.TableNamespaces:
			noteNamespace(&room, change)
		case store.TableQuotas:
			room.Quotas[change.Key] = true
		case store.TableQuotaUsage:
			noteUsage(&room, change)
		case store.TableCSIVolumes, store.TableHostVolumes:
			noteVolume(&room, s, change)
		}
	}
	return room
}

// feedEval follows one evaluation that was written.
func (b *Broker) feedEval(now time.Time, change store.Change) {
	e, _ := change.After.(*nl.Eval)
	if e == nil {
		if old, _ := change.Before.(*nl.Eval); old != nil {
			b.queue.Done(now, old.ID)
			b.blocked.Remove(old.ID)
		}
		return
	}
	switch {
	case e.Status == nl.EvalStatusPending:
		b.blocked.Remove(e.ID)
		b.queue.Enqueue(now, e)
	case e.Status == nl.EvalStatusBlocked:
		b.queue.Done(now, e.ID)
		if !b.blocked.Block(now, e) {
			b.queue.Enqueue(now, e)
		}
	default:
		b.queue.Done(now, e.ID)
		b.blocked.Remove(e.ID)
	}
}

// noteNode notes a node that can take work now and could not before, or whose
// abilities changed.
func noteNode(room *blocked.Changes, change store.Change) {
	n, _ := change.After.(*nl.Node)
	if n == nil || !n.Ready() {
		return
	}
	old, _ := change.Before.(*nl.Node)
	// A write that only touches the status or the events shares the resources
	// with the node it replaced; a registration brings its own.
	if old != nil && old.Ready() && old.ComputedClass == n.ComputedClass && old.NodeResources == n.NodeResources {
		return
	}
	room.Classes[n.ComputedClass] = true
	room.Nodes[n.ID] = true
}

// noteAlloc notes the node of an allocation that gave its resources back, and
// the job of one that is new.
func noteAlloc(room *blocked.Changes, s *store.Snapshot, change store.Change) {
	old, _ := change.Before.(*nl.Alloc)
	a, _ := change.After.(*nl.Alloc)
	if old == nil {
		if a != nil {
			room.Placed[blocked.Job{Namespace: a.Namespace, ID: a.JobID}] = true
		}
		return
	}
	freed := a == nil && !old.Terminal() ||
		a != nil && (a.TerminalClient() && !old.TerminalClient() || a.TerminalDesired() && !old.TerminalDesired())
	if !freed {
		return
	}
	if n := s.Node(old.NodeID); n != nil {
		room.Classes[n.ComputedClass] = true
		room.Nodes[n.ID] = true
	}
}

// noteNamespace notes the quotas that a namespace left or came under.
func noteNamespace(room *blocked.Changes, change store.Change) {
	for _, side := range [2]any{change.Before, change.After} {
		if ns, _ := side.(*nl.Namespace); ns != nil && ns.Quota != "" {
			room.Quotas[ns.Quota] = true
		}
	}
}

// noteVolume notes a volume that was made or changed: claims on it may have
// ended, or it may be ready now.
func noteVolume(room *blocked.Changes, s *store.Snapshot, change store.Change) {
	switch v := change.After.(type) {
	case *nl.CSIVolume:
		room.Volumes[blocked.VolumeKey(v.Namespace, v.ID)] = true
	case *nl.HostVolume:
		if n := s.Node(v.NodeID); n != nil && n.Ready() {
			room.Classes[n.ComputedClass] = true
			room.Nodes[n.ID] = true
		}
	}
}

// rebuild starts over with what s holds. The caller holds the lock.
func (b *Broker) rebuild(s *store.Snapshot) {
	b.queue, b.blocked = queue.New(b.cfg.Queue), blocked.New()
	b.index = s.Index()
	b.paused = s.SchedulerConfig().PauseEvalBroker
	if !b.leader || b.paused {
		return
	}
	now := b.cfg.Now()
	b.shareFairly(s)
	b.remember(now, s)
	for e := range s.Evals(nl.AllNamespaces) {
		switch e.Status {
		case nl.EvalStatusPending:
			b.queue.Enqueue(now, e)
		case nl.EvalStatusBlocked:
			if !b.blocked.Block(now, e) {
				b.queue.Enqueue(now, e)
			}
		}
	}
	b.settle()
}

// remember tells the blocked evaluations' tracker what made room while nobody
// listened, as far as the state still shows it.
func (b *Broker) remember(now time.Time, s *store.Snapshot) {
	oldest, awaited := ^uint64(0), false
	for e := range s.Evals(nl.AllNamespaces) {
		if e.Status == nl.EvalStatusBlocked {
			oldest = min(oldest, e.SnapshotIndex)
			awaited = awaited || len(e.AwaitedJobs) > 0
		}
	}
	if oldest == ^uint64(0) {
		return
	}
	classes := map[string]string{} // of the ready nodes
	for n := range s.Nodes() {
		if !n.Ready() {
			continue
		}
		classes[n.ID] = n.ComputedClass
		if n.ModifyIndex > oldest {
			b.rememberNode(now, n.ID, n.ComputedClass, n.ModifyIndex)
		}
	}
	b.rememberQuotas(now, s, oldest)
	for a := range s.Allocs(nl.AllNamespaces) {
		if class, ok := classes[a.NodeID]; ok && a.ModifyIndex > oldest && a.Terminal() {
			b.rememberNode(now, a.NodeID, class, a.ModifyIndex)
		}
		if awaited && a.CreateIndex > oldest {
			b.blocked.Remember(now, blocked.Changes{
				Index: a.CreateIndex, Placed: map[blocked.Job]bool{{Namespace: a.Namespace, ID: a.JobID}: true},
			})
		}
	}
}

func (b *Broker) rememberNode(now time.Time, id, class string, index uint64) {
	b.blocked.Remember(now, blocked.Changes{
		Index: index, Classes: map[string]bool{class: true}, Nodes: map[string]bool{id: true},
	})
}
