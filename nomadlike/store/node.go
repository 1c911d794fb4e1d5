package store

import (
	"maps"
	"slices"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// nodeEventsKept is how many events of a node are kept, the newest.
const nodeEventsKept = 10

const (
	subsystemCluster   = "Cluster"
	messageRegistered  = "Node registered"
	messageRegisteredA = "Node re-registered" // after it was down
)

var errNodeNotFound error = &nl.Error{Code: nl.CodeInternal, Text: "node not found"}

// registerNode takes what a node tells of itself and keeps what servers manage.
func (t *tx) registerNode(o *op.RegisterNode) error {
	if o.NodePool != nil && t.NodePool(o.NodePool.Name) == nil {
		t.putNodePool(o.NodePool)
	}
	before := t.Node(o.Node.ID)
	next := *o.Node
	next.ModifyIndex = t.index
	if next.NodePool == "" {
		next.NodePool = nl.NodePoolDefault
	}
	message := ""
	if before == nil {
		next.CreateIndex = t.index
		next.Events, next.DrainStrategy, next.LastDrain = nil, nil, nil
		next.LastMissedHeartbeatIndex, next.LastAllocUpdateIndex = 0, 0
		message = messageRegistered
	} else {
		keepServerFields(before, &next)
		if before.Status == nl.NodeStatusDown {
			message = messageRegisteredA
		}
	}
	if next.Status == "" {
		next.Status = nl.NodeStatusInit
	}
	if next.SchedulingEligibility == "" {
		next.SchedulingEligibility = nl.NodeEligible
	}
	if before == nil || before.Status != next.Status {
		next.StatusUpdatedAt = unixSeconds(o.Time)
	}
	if message != "" {
		t.addEvent(&next, &nl.NodeEvent{Message: message, Subsystem: subsystemCluster, Timestamp: timeOf(o.Time)})
	}
	t.putNode(before, &next)
	t.upsertEvals(o.Evals)
	t.followNode(&next, o.Evals, o.Seen, o.Time)
	return nil
}

func keepServerFields(before, next *nl.Node) {
	next.CreateIndex = before.CreateIndex
	next.Events = before.Events
	next.DrainStrategy, next.LastDrain = before.DrainStrategy, before.LastDrain
	next.SchedulingEligibility = before.SchedulingEligibility
	next.StatusUpdatedAt = before.StatusUpdatedAt
	next.LastMissedHeartbeatIndex = before.LastMissedHeartbeatIndex
	next.LastAllocUpdateIndex = before.LastAllocUpdateIndex
	if next.Status == "" {
		next.Status, next.StatusDescription = before.Status, before.StatusDescription
	}
}

// putNode stores next in place of before (nil: it is new).
func (t *tx) putNode(before, next *nl.Node) {
	if before != nil && before.SecretID != next.SecretID {
		t.nodeSecrets.Delete(t.owner, before.SecretID)
	}
	if next.SecretID != "" {
		t.nodeSecrets.Set(t.owner, link{key: next.SecretID, to: next.ID})
	}
	t.nodes.Set(t.owner, nodeRow{next})
	t.renewed = append(t.renewed, next.ID)
	t.moveNode(next.ID, poolOf(before), poolOf(next))
	t.followHostVolumes(before, next)
	change(t, TableNodes, "", next.ID, before, next)
}

// editNode changes a copy of the node and stores it with an event.
func (t *tx) editNode(id string, event *nl.NodeEvent, edit func(n *nl.Node) error) error {
	before := t.Node(id)
	if before == nil {
		return errNodeNotFound
	}
	next := *before
	if err := edit(&next); err != nil {
		return err
	}
	next.ModifyIndex = t.index
	if event != nil {
		t.addEvent(&next, event)
	}
	t.putNode(before, &next)
	return nil
}

func (t *tx) addEvent(n *nl.Node, event *nl.NodeEvent) {
	e := *event
	e.CreateIndex = t.index
	events := append(slices.Clone(n.Events), &e)
	n.Events = events[max(0, len(events)-nodeEventsKept):]
}

func (t *tx) setNodeStatus(o *op.SetNodeStatus) error {
	err := t.editNode(o.NodeID, o.Event, func(n *nl.Node) error {
		n.Status, n.StatusDescription = o.Status, o.Description
		n.StatusUpdatedAt = unixSeconds(o.Time)
		if o.Status == nl.NodeStatusDown || o.Status == nl.NodeStatusDisconnected {
			n.LastMissedHeartbeatIndex = t.index
		}
		return nil
	})
	if err != nil {
		return err
	}
	t.upsertEvals(o.Evals)
	t.followNode(t.Node(o.NodeID), o.Evals, o.Seen, o.Time)
	return nil
}

func (t *tx) setNodeDrain(o *op.SetNodeDrain) error {
	if o.Over > 0 && t.cameBack(o.NodeID, o.Over) {
		return nil
	}
	err := t.editNode(o.NodeID, o.Event, func(n *nl.Node) error {
		updated := n.DrainStrategy
		n.DrainStrategy = o.Strategy
		if o.LastDrain != nil {
			last := *o.LastDrain
			if updated != nil && n.LastDrain != nil {
				last.StartedAt = n.LastDrain.StartedAt
			}
			n.LastDrain = &last
		}
		switch {
		case o.Strategy != nil:
			if updated != nil {
				strategy := *o.Strategy
				strategy.StartedAt = updated.StartedAt
				n.DrainStrategy = &strategy
			}
			n.SchedulingEligibility = nl.NodeIneligible
		case o.MarkEligible:
			n.SchedulingEligibility = nl.NodeEligible
		}
		return nil
	})
	if err != nil {
		return err
	}
	t.upsertEvals(o.Evals)
	t.followNode(t.Node(o.NodeID), o.Evals, o.Seen, o.Time)
	return nil
}

// cameBack tells whether something that runs on the node, and that its drain is
// about, has changed since index.
func (t *tx) cameBack(nodeID string, index uint64) bool {
	n := t.Node(nodeID)
	if n == nil || n.DrainStrategy == nil {
		return false
	}
	for a := range t.AllocsByNode(nodeID) {
		stays := n.DrainStrategy.IgnoreSystemJobs && a.Job != nil && a.Job.Type == nl.JobTypeSystem
		if a.ModifyIndex > index && !a.TerminalClient() && !stays {
			return true
		}
	}
	return false
}

func (t *tx) setNodeEligibility(o *op.SetNodeEligibility) error {
	err := t.editNode(o.NodeID, o.Event, func(n *nl.Node) error {
		if n.DrainStrategy != nil && o.Eligibility == nl.NodeEligible {
			return nl.Errorf(nl.CodeInternal, "can not set node's scheduling eligibility to eligible while it is draining")
		}
		n.SchedulingEligibility = o.Eligibility
		return nil
	})
	if err != nil {
		return err
	}
	t.upsertEvals(o.Evals)
	t.followNode(t.Node(o.NodeID), o.Evals, o.Seen, o.Time)
	return nil
}

// addNodeEvents passes over nodes that are gone.
func (t *tx) addNodeEvents(o *op.AddNodeEvents) {
	for _, id := range slices.Sorted(maps.Keys(o.Events)) {
		before := t.Node(id)
		if before == nil {
			continue
		}
		next := *before
		for _, e := range o.Events[id] {
			t.addEvent(&next, e)
		}
		next.ModifyIndex = t.index
		t.putNode(before, &next)
	}
}

func (t *tx) deregisterNodes(o *op.DeregisterNodes) error {
	for _, id := range o.NodeIDs {
		n := t.Node(id)
		if n == nil {
			return errNodeNotFound
		}
		t.deleteNode(n)
		t.followNode(n, o.Evals, o.Seen, o.Time)
	}
	t.upsertEvals(o.Evals)
	return nil
}

func (t *tx) deleteNode(n *nl.Node) {
	t.nodes.Delete(t.owner, n.ID)
	t.renewed = append(t.renewed, n.ID)
	if n.SecretID != "" {
		t.nodeSecrets.Delete(t.owner, n.SecretID)
	}
	t.moveNode(n.ID, poolOf(n), "")
	t.followHostVolumes(n, nil)
	change(t, TableNodes, "", n.ID, n, nil)
}

// noteAllocUpdate remembers that a node which had missed heartbeats has told
// of its allocations since. At other times the index is of no use, and nobody
// who watches nodes is woken for it.
func (t *tx) noteAllocUpdate(nodeID string) {
	before := t.Node(nodeID)
	if before == nil || before.LastAllocUpdateIndex > before.LastMissedHeartbeatIndex {
		return
	}
	next := *before
	next.LastAllocUpdateIndex = t.index
	t.putNode(before, &next)
}

// deriveCapacity brings the index of what is left on nodes up to date, at the
// end: once for each node, however much has come to it or left it.
func (t *tx) deriveCapacity() {
	for _, set := range t.filled {
		t.capacity.SetUsage(t.owner, set.key, set.usage)
	}
	for _, id := range t.renewed {
		if n := t.Node(id); n != nil {
			t.capacity.Set(t.owner, n, t.NodeUsage(id))
		} else {
			t.capacity.Delete(t.owner, id)
		}
	}
	t.capacity.Settle(t.owner)
}

func unixSeconds(ns int64) int64 { return ns / int64(time.Second) }
