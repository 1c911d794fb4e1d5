package watch

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/rollout"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

type jobKey struct{ namespace, id string }

// StatusNeedsEvals tells whether a node's change of status is of interest to
// the scheduler.
func StatusNeedsEvals(from, to string) bool {
	switch {
	case from == to:
		return false
	case to == nl.NodeStatusDown || to == nl.NodeStatusDisconnected:
		return true
	case from == nl.NodeStatusDisconnected:
		return true
	}
	return to == nl.NodeStatusReady
}

// EvalsForNode makes the evaluations of jobs that a change of a node concerns:
// those with allocations there, and those that run on every node.
func EvalsForNode(s *store.Snapshot, nodeID, trigger string, now int64, newID func() string) []*nl.Eval {
	n := s.Node(nodeID)
	if n == nil {
		return nil
	}
	return EvalsForJoiningNode(s, n, trigger, now, newID)
}

// EvalsForJoiningNode is EvalsForNode for a node as it is about to be written.
func EvalsForJoiningNode(s *store.Snapshot, n *nl.Node, trigger string, now int64, newID func() string) []*nl.Eval {
	var evals []*nl.Eval
	seen := map[jobKey]bool{}
	add := func(job *nl.Job) {
		if job == nil || seen[jobKey{job.Namespace, job.ID}] {
			return
		}
		seen[jobKey{job.Namespace, job.ID}] = true
		e := evalFor(job, trigger, now, newID())
		e.NodeID, e.NodeModifyIndex = n.ID, n.ModifyIndex
		evals = append(evals, e)
	}
	for a := range s.AllocsByNode(n.ID) {
		// One that is to stop and has not said so is lost with its node, too.
		if !a.TerminalClient() {
			add(a.Job)
		}
	}
	for job := range s.Jobs(nl.AllNamespaces, "") {
		if job.RunsOnEvery(n) {
			add(job)
		}
	}
	return evals
}

// EvalsForAllocUpdates makes the evaluations that follow from what a node
// tells: one for each job with an allocation that failed and may be replaced,
// that is back after its node was away, or whose health another one waits for
// that it replaces.
func EvalsForAllocUpdates(s *store.Snapshot, updates []*nl.AllocUpdate, now int64, newID func() string) []*nl.Eval {
	var evals []*nl.Eval
	seen := map[jobKey]bool{}
	for _, u := range updates {
		a := s.AllocOf(u)
		if a == nil {
			continue
		}
		trigger := triggerOf(s, a, u, now)
		if trigger == "" || seen[jobKey{a.Namespace, a.JobID}] {
			continue // the usual case
		}
		job := s.Job(a.Namespace, a.JobID)
		if job == nil || job.Stop {
			continue
		}
		seen[jobKey{a.Namespace, a.JobID}] = true
		evals = append(evals, evalFor(job, trigger, now, newID()))
	}
	return evals
}

// lineMax bounds how far the line of an allocation's predecessors is followed.
const lineMax = 16

// awaited tells whether an allocation that this one replaces stays only until
// this one is healthy, which it has become.
func awaited(s *store.Snapshot, a *nl.Alloc, u *nl.AllocUpdate) bool {
	if h := u.DeploymentStatus; a.Healthy() || h == nil || h.Healthy == nil || !*h.Healthy {
		return false
	}
	before := s.Alloc(a.PreviousAllocation())
	for range lineMax {
		switch {
		case before == nil:
			return false
		case !before.Terminal():
			return before.DesiredTransition().Waits()
		}
		before = s.Alloc(before.PreviousAllocation())
	}
	return false
}

// triggerOf says why an update needs an evaluation, "" when it does not.
func triggerOf(s *store.Snapshot, a *nl.Alloc, u *nl.AllocUpdate, now int64) string {
	if awaited(s, a, u) {
		return nl.TriggerNodeDrain
	}
	if a.ClientStatus == nl.AllocClientUnknown && u.ClientStatus != nl.AllocClientUnknown {
		return nl.TriggerReconnect
	}
	if u.ClientStatus != nl.AllocClientFailed || a.ClientStatus == nl.AllocClientFailed || a.TerminalDesired() || a.FollowupEvalID() != "" {
		return ""
	}
	after := a.Copy()
	after.ClientStatus, after.TaskStates, after.ModifyTime = u.ClientStatus, u.TaskStates, now
	if !rollout.Reschedulable(after) {
		return ""
	}
	return nl.TriggerRetryFailedAlloc
}
