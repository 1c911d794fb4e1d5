// Package events turns commits into the event stream: which object changed,
// by which kind of write, under which topic. It keeps a bounded number of
// commits for subscribers that come late and drops subscribers that fall
// behind; it never holds up a commit.
package events

import (
	"context"
	"fmt"
	"slices"
	"sync"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// bufferDefault is how many commits are kept when nothing else is configured.
const bufferDefault = 100

// Broker keeps the newest events and wakes subscribers.
type Broker struct {
	mu    sync.Mutex
	ring  []*nl.Events // oldest first, at most size
	size  int
	wake  chan struct{} // closed and replaced at every commit
	store *store.Store
	first uint64 // sequence number of ring[0]
}

// New makes a broker that follows st. Size is how many commits are kept; 0 is
// bufferDefault.
func New(st *store.Store, size int) *Broker {
	if size <= 0 {
		size = bufferDefault
	}
	b := &Broker{size: size, wake: make(chan struct{}), store: st}
	st.OnCommit(b.commit)
	return b
}

func (b *Broker) commit(c store.Commit) {
	if c.Replaced {
		b.reset()
		return
	}
	ev := fromCommit(c)
	if ev == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ring = append(b.ring, ev)
	if len(b.ring) > b.size {
		b.ring = slices.Delete(b.ring, 0, 1)
		b.first++
	}
	close(b.wake)
	b.wake = make(chan struct{})
}

// reset forgets everything: the state was replaced.
func (b *Broker) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.first += uint64(len(b.ring))
	b.ring = nil
	close(b.wake) // those that are behind learn now that they have lost something
	b.wake = make(chan struct{})
}

// next is the entry with sequence number seq, a channel to wait on when there
// is none yet, or lost when it has been overwritten.
func (b *Broker) next(seq uint64) (ev *nl.Events, wait <-chan struct{}, lost bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if seq < b.first {
		return nil, nil, true
	}
	if i := int(seq - b.first); i < len(b.ring) {
		return b.ring[i], nil, false
	}
	return nil, b.wake, false
}

// start is the sequence number a subscriber begins with.
func (b *Broker) start(index uint64) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if index == 0 {
		return b.first
	}
	for i, ev := range b.ring {
		if ev.Index >= index {
			return b.first + uint64(i)
		}
	}
	return b.first + uint64(len(b.ring))
}

// Subscribe streams what matches from the index on until ctx ends; the channel
// is closed then, or when the subscriber has fallen behind. Topics that nothing
// is ever told under are silent, not refused.
func (b *Broker) Subscribe(ctx context.Context, topics map[string][]string, namespace string, index uint64) (<-chan *nl.Events, error) {
	f := filter{topics: topics, namespace: namespace}
	if namespace == nl.AllNamespaces {
		f.namespaces = map[string]bool{}
		for n := range b.store.Snapshot().Namespaces() {
			f.namespaces[n.Name] = true
		}
	}
	seq := b.start(index)
	out := make(chan *nl.Events)
	go func() {
		defer close(out)
		for {
			ev, wait, lost := b.next(seq)
			switch {
			case lost:
				return
			case wait != nil:
				select {
				case <-wait:
				case <-ctx.Done():
					return
				}
				continue
			}
			seq++
			match := f.match(ev)
			if match == nil {
				continue
			}
			select {
			case out <- match:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

// filter is what one subscriber wants.
type filter struct {
	topics     map[string][]string
	namespace  string
	namespaces map[string]bool // not nil: any of these
}

// match keeps what the subscriber wants of one commit, nil when that is nothing.
func (f *filter) match(ev *nl.Events) *nl.Events {
	var keep []*nl.Event
	for _, e := range ev.Events {
		if f.wants(e) {
			keep = append(keep, e)
		}
	}
	if keep == nil {
		return nil
	}
	return &nl.Events{Index: ev.Index, Events: keep}
}

func (f *filter) wants(e *nl.Event) bool {
	if e.Namespace != "" {
		if f.namespaces != nil && !f.namespaces[e.Namespace] || f.namespaces == nil && e.Namespace != f.namespace {
			return false
		}
	}
	for _, topic := range []string{e.Topic, "*"} {
		for _, key := range f.topics[topic] {
			if key == "*" || key == e.Key || slices.Contains(e.FilterKeys, key) {
				return true
			}
		}
	}
	return false
}

// fromCommit makes the events of one commit, nil when nobody may care.
func fromCommit(c store.Commit) *nl.Events {
	out := &nl.Events{Index: c.Index}
	for _, ch := range c.Changes {
		if e := fromChange(c.Op, ch); e != nil {
			e.Index = c.Index
			out.Events = append(out.Events, e)
		}
	}
	if len(out.Events) == 0 {
		return nil
	}
	return out
}

// fromChange makes the event of one changed object.
func fromChange(o op.Op, ch store.Change) *nl.Event {
	object, deleted := ch.After, false
	if object == nil {
		object, deleted = ch.Before, true
	}
	e := &nl.Event{Type: eventType(o, ch.Table, deleted), Namespace: ch.Namespace}
	switch v := object.(type) {
	case *nl.Job:
		if ch.Table != store.TableJobs || !tellsJob(o, deleted) {
			return nil
		}
		e.Topic, e.Key, e.Namespace = "Job", v.ID, v.Namespace
		payload := map[string]any{"Job": v}
		if deleted {
			payload["Deleted"] = true
		}
		e.Payload = payload
	case *nl.Eval:
		if deleted {
			return nil
		}
		e.Topic, e.Key, e.Namespace = "Evaluation", v.ID, v.Namespace
		e.FilterKeys = []string{v.JobID, v.DeploymentID}
		e.Payload = map[string]any{"Evaluation": v}
	case *nl.Alloc:
		if deleted {
			return nil
		}
		a := v.Copy()
		a.Job = nil
		e.Topic, e.Key, e.Namespace = "Allocation", v.ID, v.Namespace
		e.FilterKeys = []string{v.JobID, v.DeploymentID}
		e.Payload = map[string]any{"Allocation": a}
	case *nl.Deployment:
		if deleted {
			return nil
		}
		e.Topic, e.Key, e.Namespace = "Deployment", v.ID, v.Namespace
		e.FilterKeys = []string{v.JobID}
		e.Payload = map[string]any{"Deployment": v}
	case *nl.Node:
		public := *v
		public.SecretID = ""
		e.Topic, e.Key, e.Namespace = "Node", v.ID, ""
		e.Payload = map[string]any{"Node": &public}
	case *nl.NodePool:
		e.Topic, e.Key, e.Namespace = "NodePool", v.Name, ""
		e.Payload = map[string]any{"NodePool": v}
	case *nl.ServiceRegistration:
		e.Topic, e.Key, e.Namespace = "Service", v.ID, v.Namespace
		e.FilterKeys = []string{v.JobID, v.ServiceName}
		e.Payload = map[string]any{"Service": v}
	case *nl.Variable:
		if _, rekeyed := o.(*op.RekeyVariables); rekeyed {
			return nil
		}
		public := v.VariableMetadata
		public.Lock = nil // its ID lets others write as the holder
		e.Topic, e.Key, e.Namespace = "Variable", v.Path, v.Namespace
		e.Payload = map[string]any{"Metadata": &public, "Deleted": deleted}
	case *nl.HostVolume:
		e.Topic, e.Key, e.Namespace, e.Type = "HostVolume", v.ID, v.Namespace, "HostVolumeRegistered"
		if deleted {
			e.Type = "HostVolumeDeleted"
		}
		e.FilterKeys = []string{v.ID, v.Name, v.PluginID}
		e.Payload = map[string]any{"Volume": v}
	case *nl.CSIVolume:
		e.Topic, e.Key, e.Namespace, e.Type = "CSIVolume", v.ID, v.Namespace, csiVolumeType(o, deleted)
		e.FilterKeys = []string{v.ID, v.Name, v.PluginID}
		e.Payload = map[string]any{"Volume": v.Shown()}
	default:
		return nil
	}
	return e
}

// csiVolumeType names the write of a CSI volume: what neither registers nor
// forgets it changes who claims it.
func csiVolumeType(o op.Op, deleted bool) string {
	if deleted {
		return "CSIVolumeDeregistered"
	}
	if _, registered := o.(*op.UpsertCSIVolumes); registered {
		return "CSIVolumeRegistered"
	}
	return "CSIVolumeClaim"
}

// tellsJob tells whether a write is about the job itself: a status that
// follows from something else is not an event.
func tellsJob(o op.Op, deleted bool) bool {
	switch o.(type) {
	case *op.RegisterJob, *op.DeregisterJob, *op.ScaleJob, *op.SetJobStability, *op.TagJobVersion, *op.Collect,
		*op.UpdateDeployment, *op.SetAllocHealth, *op.Batch, *op.UpsertEvals, *op.ApplyPlans, *op.UpdateAllocs:
		return true
	}
	return deleted
}

// eventType names the write that caused an event.
func eventType(o op.Op, t store.Table, deleted bool) string {
	switch o.(type) {
	case *op.RegisterJob, *op.ScaleJob:
		return "JobRegistered"
	case *op.DeregisterJob:
		return "JobDeregistered"
	case *op.UpsertEvals:
		return "EvaluationUpdated"
	case *op.ApplyPlans:
		return "PlanResult"
	case *op.UpdateAllocs:
		return "AllocationUpdated"
	case *op.TransitionAllocs:
		return "AllocationUpdateDesiredStatus"
	case *op.RegisterNode, *op.SetNodeStatus:
		return "NodeRegistration"
	case *op.DeregisterNodes:
		return "NodeDeregistration"
	case *op.SetNodeDrain:
		return "NodeDrain"
	case *op.SetNodeEligibility:
		return "NodeEligibility"
	case *op.AddNodeEvents:
		return "NodeStreamEvent"
	case *op.UpdateDeployment:
		return "DeploymentStatusUpdate"
	case *op.PromoteDeployment:
		return "DeploymentPromotion"
	case *op.SetAllocHealth:
		return "DeploymentAllocHealth"
	}
	return tableType(t, deleted)
}

// tableType is the type of writes that are named after the object alone.
func tableType(t store.Table, deleted bool) string {
	names := map[store.Table][2]string{
		store.TableNodePools: {"NodePoolUpserted", "NodePoolDeleted"},
		store.TableServices:  {"ServiceRegistration", "ServiceDeregistration"},
		store.TableJobs:      {"JobRegistered", "JobDeregistered"},
		store.TableEvals:     {"EvaluationUpdated", "EvaluationUpdated"},
		store.TableAllocs:    {"AllocationUpdated", "AllocationUpdated"},
		store.TableVariables: {"VariableUpdated", "VariableUpdated"},
		store.TableNodes:     {"NodeRegistration", "NodeDeregistration"},
	}
	n, ok := names[t]
	if !ok {
		return fmt.Sprintf("Table%d", t)
	}
	if deleted {
		return n[1]
	}
	return n[0]
}
