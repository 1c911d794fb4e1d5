package explain

import (
	"fmt"
	"strings"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// group adds to a dry run what is there and what was decided before.
func (j *subject) group(x *nl.GroupExplanation) {
	g := j.job.Group(x.Name)
	live := j.countLive(x)
	planned := len(x.Planned) + x.PlannedMore
	if j.everywhere() {
		x.Waiting = x.NoPlace
		if !j.plan {
			x.Waiting += planned
		}
		x.Want = live + planned + x.NoPlace
	} else {
		x.Want = g.Count
		x.Waiting = max(g.Count-live, x.NoPlace, 0)
		if j.plan {
			x.Waiting = x.NoPlace
		}
	}
	if x.NoPlace > 0 {
		kind := nl.ReasonNoPlace
		if len(x.Quota) > 0 {
			kind = nl.ReasonQuota
		}
		x.Reasons = append(x.Reasons, &nl.ExplainReason{Kind: kind, Text: fmt.Sprintf("%s no place: %s", hasOrHave(x.NoPlace), obstacle(x))})
	}
	if !j.plan {
		x.Reasons = append(x.Reasons, j.allocReasons(x.Name)...)
		if x.NoPlace == 0 && (x.Waiting > 0 || j.failed == nil) { // else it is not the deployment that holds it back
			x.Reasons = append(x.Reasons, j.deploymentReasons(x.Name)...)
		}
		if x.Waiting > 0 {
			x.Failure = j.lastFailure(x.Name)
		}
	}
	if planned > 0 && !j.plan {
		p := x.Planned[0]
		r := &nl.ExplainReason{Kind: nl.ReasonQueued, NodeID: p.NodeID, Text: fmt.Sprintf("%s a place now (%s on %s)", hasOrHave(planned), p.Name, p.NodeName)}
		if j.paused() {
			r.Kind = nl.ReasonPaused
			r.Text += ", but the evaluation broker is paused by the scheduler configuration"
		} else {
			r.Text += ": the scheduler has yet to use it"
		}
		x.Reasons = append(x.Reasons, r)
	}
	x.Summary = j.groupSummary(x, planned)
}

func (j *subject) everywhere() bool {
	return j.job.Type == nl.JobTypeSystem || j.job.Type == nl.JobTypeSysBatch
}

func hasOrHave(n int) string {
	if n == 1 {
		return "1 allocation has"
	}
	return fmt.Sprintf("%d allocations have", n)
}

// countLive counts what is there and explains the newest of it. Work of batch
// jobs that is done counts as there.
func (j *subject) countLive(x *nl.GroupExplanation) int {
	most := placedMax
	if j.in.Nodes {
		most = placedAllMax
	}
	batch := j.job.Type == nl.JobTypeBatch || j.job.Type == nl.JobTypeSysBatch
	live := 0
	for _, a := range j.allocs[x.Name] {
		if batch && a.ClientStatus == nl.AllocClientComplete {
			live++
		}
		if a.Terminal() {
			continue
		}
		live++
		switch a.ClientStatus {
		case nl.AllocClientRunning, nl.AllocClientUnknown:
			x.Running++
		default:
			x.Starting++
		}
		if len(x.Placed) < most {
			x.Placed = append(x.Placed, stored(j.s, a))
		} else {
			x.PlacedMore++
		}
	}
	return live
}

// stored explains an allocation by what was stored with it.
func stored(s *store.Snapshot, a *nl.Alloc) *nl.PlacementExplanation {
	x := sched.Placement(s, a)
	x.Index, x.Time = a.CreateIndex, nl.Time{Time: time.Unix(0, a.CreateTime).UTC()}
	if e := s.Eval(a.EvalID); e != nil && e.SnapshotIndex > 0 {
		x.Index = e.SnapshotIndex
	}
	return x
}

// lastFailure is what the newest evaluation found in vain for the group.
func (j *subject) lastFailure(group string) *nl.PlacementFailure {
	for _, e := range j.evals {
		if f := failureOf(e, group); f != nil {
			return f
		}
	}
	return nil
}

func failureOf(e *nl.Eval, group string) *nl.PlacementFailure {
	m := e.FailedTGAllocs[group]
	if m == nil {
		return nil
	}
	return &nl.PlacementFailure{
		EvalID: e.ID, Index: e.SnapshotIndex, Time: nl.Time{Time: time.Unix(0, e.ModifyTime).UTC()}, Count: m.CoalescedFailures + 1, Metric: m,
	}
}

func (j *subject) groupSummary(x *nl.GroupExplanation, planned int) string {
	if j.plan {
		text := places(planned)
		if x.NoPlace > 0 {
			text += fmt.Sprintf(", %d would find no place", x.NoPlace)
		}
		return text
	}
	parts := []string{fmt.Sprintf("%d of %d running", x.Running, x.Want)}
	if x.Starting > 0 {
		parts = append(parts, fmt.Sprintf("%d starting", x.Starting))
	}
	if x.NoPlace > 0 {
		parts = append(parts, fmt.Sprintf("%d without a place", x.NoPlace))
	}
	if rest := x.Waiting - x.NoPlace; rest > 0 {
		parts = append(parts, fmt.Sprintf("%d waiting", rest))
	}
	return strings.Join(parts, ", ")
}

// obstacle says in a few words why no node takes the group.
func obstacle(x *nl.GroupExplanation) string {
	switch {
	case x.AllOrNothing == "":
		return lacking(x)
	case x.Nodes.Usable > 0:
		return x.AllOrNothing
	}
	return x.AllOrNothing + "; " + lacking(x)
}

// lacking is what keeps one more allocation from being placed.
func lacking(x *nl.GroupExplanation) string {
	n := x.Nodes
	switch {
	case len(x.Quota) > 0:
		return "the quota of its namespace is used up (" + strings.Join(x.Quota, ", ") + ")"
	case n.Known == 0:
		return "the cluster has no nodes"
	case n.Considered == 0:
		if len(x.Unblock) > 0 {
			return x.Unblock[0].Text
		}
		return fmt.Sprintf("none of %s is ready and in the job's pool and datacenters", countedNodes(n.Known))
	}
	var parts []string
	if n.Usable > 0 {
		parts = append(parts, fmt.Sprintf("%d of %s usable, but not for all that must be placed together", n.Usable, countedNodes(n.Considered)))
	}
	if n.Filtered > 0 {
		f := largest(n.Obstacles, nl.ObstacleFilter)
		parts = append(parts, fmt.Sprintf("%d of %s filtered (%s)", n.Filtered, countedNodes(n.Considered), strings.TrimSpace(f.Reason)))
	}
	if n.Exhausted > 0 {
		f := largest(n.Obstacles, nl.ObstacleRoom)
		parts = append(parts, fmt.Sprintf("%d of %s full (%s)", n.Exhausted, countedNodes(n.Considered), shortText(f)))
	}
	return strings.Join(parts, ", ")
}

func countedNodes(n int) string {
	if n == 1 {
		return "1 node"
	}
	return fmt.Sprintf("%d nodes", n)
}

// largest is the obstacle of a stage that most nodes have.
func largest(all []*nl.NodeFold, stage string) *nl.NodeFold {
	best := &nl.NodeFold{}
	for _, f := range all {
		if f.Stage == stage && f.Nodes > best.Nodes {
			best = f
		}
	}
	return best
}

// shortText is what nodes have too little of and by how much.
func shortText(f *nl.NodeFold) string {
	if f.ShortMin <= 0 {
		return f.Reason
	}
	unit := ""
	if f.Unit != "" {
		unit = " " + strings.Replace(f.Unit, "MB", "MiB", 1)
	}
	return fmt.Sprintf("%s short by %d%s of %d", f.Reason, f.ShortMin, unit, f.Asked)
}
