package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Evaluations that follow from a change of a node are made from a state that
// is a little older than the one the change meets, and plans are verified on
// such a state. What came to the node in between would be missed: it makes
// evaluations of its own, here, the same on every server.

// followNode makes evaluations of the jobs that concern the node and that those
// who made the given ones, at index seen, could not know of. 0: nobody looked.
func (t *tx) followNode(n *nl.Node, given []*nl.Eval, seen uint64, now int64) {
	if seen == 0 {
		return
	}
	made := map[string]bool{}
	for _, e := range given {
		made[JobKey(e.Namespace, e.JobID)] = true
	}
	follow := func(j *nl.Job) {
		if key := JobKey(j.Namespace, j.ID); !made[key] {
			made[key] = true
			t.followJob(j, n.ID, n.ModifyIndex, now)
		}
	}
	if t.TableIndex(TableAllocs, TableJobs) <= seen {
		return // the usual case
	}
	for a := range t.AllocsByNode(n.ID) {
		if a.CreateIndex > seen && !a.TerminalClient() && a.Job != nil {
			follow(a.Job)
		}
	}
	if t.TableIndex(TableJobs) <= seen {
		return
	}
	for j := range t.Jobs(nl.AllNamespaces, "") {
		if j.ModifyIndex > seen && j.RunsOnEvery(n) {
			follow(j)
		}
	}
}

// followPlaced makes an evaluation for what was placed on a node that went away
// while the plan was on its way.
func (t *tx) followPlaced(a *nl.Alloc, n *nl.Node, now int64) {
	switch {
	case a.Job == nil || a.Terminal() || a.NodeID == "":
	case n == nil:
		t.followJob(a.Job, a.NodeID, 0, now)
	case n.Status == nl.NodeStatusDown || n.Status == nl.NodeStatusDisconnected:
		t.followJob(a.Job, n.ID, n.ModifyIndex, now)
	}
}

// followJob makes one evaluation. Its ID follows from where it was made, since
// nothing is drawn here.
func (t *tx) followJob(j *nl.Job, node string, modified uint64, now int64) {
	h := sha256.New()
	var index [8]byte
	binary.BigEndian.PutUint64(index[:], t.index)
	h.Write(index[:])
	for _, part := range []string{j.Namespace, j.ID, node} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	t.putEval(&nl.Eval{
		ID: nl.NewID(bytes.NewReader(h.Sum(nil))), Namespace: j.Namespace, JobID: j.ID, Priority: j.Priority, Type: j.Type,
		TriggeredBy: nl.TriggerNodeUpdate, NodeID: node, NodeModifyIndex: modified, Status: nl.EvalStatusPending,
		CreateTime: now, ModifyTime: now,
	})
}
