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
	ring  []*entry // oldest first, at most size
	size  int
	wake  chan struct{} // closed and replaced at every commit
	store *store.Store
	first uint64 // sequence number of ring[0]
}

// entry is a commit with events. They are made when a subscriber first looks:
// most commits of a busy cluster nobody listens to.
type entry struct {
	index   uint64
	kind    op.Kind
	objects []object // until they are made
	make    sync.Once
	made    *nl.Events
}

// object is what a commit created or changed, as it is since, or deleted, as it
// was before.
type object struct {
	table   store.Table
	deleted bool
	it      any // pointer to the noun
}

func objectOf(ch *store.Change) object {
	if ch.After == nil {
		return object{ch.Table, true, ch.Before}
	}
	return object{ch.Table, false, ch.After}
}

// newEntry takes of a commit what its events need, nil when nobody may care.
func newEntry(c store.Commit) *entry {
	kind := c.Op.Kind()
	if !slices.ContainsFunc(c.Changes, func(ch store.Change) bool { return objectOf(&ch).event(kind) != nil }) {
		return nil
	}
	objects := make([]object, len(c.Changes))
	for i := range c.Changes {
		objects[i] = objectOf(&c.Changes[i])
	}
	return &entry{index: c.Index, kind: kind, objects: objects}
}

func (e *entry) events() *nl.Events {
	e.make.Do(func() {
		e.made = &nl.Events{Index: e.index}
		for _, o := range e.objects {
			if ev := o.event(e.kind); ev != nil {
				ev.Index = e.index
				e.made.Events = append(e.made.Events, ev)
			}
		}
		e.objects = nil
	})
	return e.made
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
	e := newEntry(c)
	if e == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ring = append(b.ring, e)
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
func (b *Broker) next(seq uint64) (ev *entry, wait <-chan struct{}, lost bool) {
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
		if ev.index >= index {
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
			match := f.match(ev.events())
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

// event is that of the object, nil when nobody may care.
func (o object) event(kind op.Kind) *nl.Event {
	deleted := o.deleted
	e := &nl.Event{Type: eventType(kind, o.table, deleted)}
	switch v := o.it.(type) {
	case *nl.Job:
		if o.table != store.TableJobs || !tellsJob(kind, deleted) {
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
		if kind == op.KindRekeyVariables {
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
		e.Topic, e.Key, e.Namespace, e.Type = "CSIVolume", v.ID, v.Namespace, csiVolumeType(kind, deleted)
		e.FilterKeys = []string{v.ID, v.Name, v.PluginID}
		e.Payload = map[string]any{"Volume": v.Shown()}
	default:
		return nil
	}
	return e
}

// csiVolumeType names the write of a CSI volume: what neither registers nor
// forgets it changes who claims it.
func csiVolumeType(kind op.Kind, deleted bool) string {
	if deleted {
		return "CSIVolumeDeregistered"
	}
	if kind == op.KindUpsertCSIVolumes {
		return "CSIVolumeRegistered"
	}
	return "CSIVolumeClaim"
}

// tellsJob tells whether a write is about the job itself: a status that
// follows from something else is not an event.
func tellsJob(kind op.Kind, deleted bool) bool {
	switch kind {
	case op.KindRegisterJob, op.KindDeregisterJob, op.KindScaleJob, op.KindSetJobStability, op.KindTagJobVersion, op.KindCollect,
		op.KindUpdateDeployment, op.KindSetAllocHealth, op.KindBatch, op.KindUpsertEvals, op.KindApplyPlans, op.KindUpdateAllocs:
		return true
	}
	return deleted
}

// eventType names the write that caused an event.
func eventType(kind op.Kind, t store.Table, deleted bool) string {
	switch kind {
	case op.KindRegisterJob, op.KindScaleJob:
		return "JobRegistered"
	case op.KindDeregisterJob:
		return "JobDeregistered"
	case op.KindUpsertEvals:
		return "EvaluationUpdated"
	case op.KindApplyPlans:
		return "PlanResult"
	case op.KindUpdateAllocs:
		return "AllocationUpdated"
	case op.KindTransitionAllocs:
		return "AllocationUpdateDesiredStatus"
	case op.KindRegisterNode, op.KindSetNodeStatus:
		return "NodeRegistration"
	case op.KindDeregisterNodes:
		return "NodeDeregistration"
	case op.KindSetNodeDrain:
		return "NodeDrain"
	case op.KindSetNodeEligibility:
		return "NodeEligibility"
	case op.KindAddNodeEvents:
		return "NodeStreamEvent"
	case op.KindUpdateDeployment:
		return "DeploymentStatusUpdate"
	case op.KindPromoteDeployment:
		return "DeploymentPromotion"
	case op.KindSetAllocHealth:
		return "DeploymentAllocHealth"
	}
	return tableType(t, deleted)
}

// tableTypes are the types of writes that are named after the object alone:
// written, deleted.
var tableTypes = map[store.Table][2]string{
	store.TableNodePools: {"NodePoolUpserted", "NodePoolDeleted"},
	store.TableServices:  {"ServiceRegistration", "ServiceDeregistration"},
	store.TableJobs:      {"JobRegistered", "JobDeregistered"},
	store.TableEvals:     {"EvaluationUpdated", "EvaluationUpdated"},
	store.TableAllocs:    {"AllocationUpdated", "AllocationUpdated"},
	store.TableVariables: {"VariableUpdated", "VariableUpdated"},
	store.TableNodes:     {"NodeRegistration", "NodeDeregistration"},
}

func tableType(t store.Table, deleted bool) string {
	n, ok := tableTypes[t]
	if !ok {
		return fmt.Sprintf("Table%d", t)
	}
	if deleted {
		return n[1]
	}
	return n[0]
}
