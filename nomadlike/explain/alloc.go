package explain

import (
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// Alloc explains an allocation, nil when there is none.
func Alloc(s *store.Snapshot, id string, in Input) *nl.AllocExplanation {
	a := s.Alloc(id)
	if a == nil {
		return nil
	}
	x := &nl.AllocExplanation{
		JobID: a.JobID, Namespace: a.Namespace, Group: a.TaskGroup, Index: s.Index(), Time: nl.Time{Time: in.Now.UTC()},
		Placement: stored(s, a),
	}
	job := a.Job
	if job != nil {
		if g := job.Group(a.TaskGroup); g != nil {
			if ask, err := sched.DescribeAsk(job, g); err == nil { // a stored job has compiled before
				x.Ask = ask
			}
		}
	}
	j := &subject{s: s, job: job, in: in}
	if d := s.Deployment(a.DeploymentID); d != nil && d.Active() {
		j.deployment = d
	}
	x.Reasons = j.history(a)
	if r := j.allocReason(a); r != nil {
		x.Reasons = append(x.Reasons, r)
	}
	x.Summary = allocSummary(s, a, x)
	return x
}

// history says what an allocation follows and what follows it.
func (j *subject) history(a *nl.Alloc) []*nl.ExplainReason {
	var out []*nl.ExplainReason
	add := func(kind, allocID, format string, args ...any) {
		out = append(out, &nl.ExplainReason{Kind: kind, AllocID: allocID, Text: fmt.Sprintf(format, args...)})
	}
	if e := j.s.Eval(a.EvalID); e != nil {
		out = append(out, &nl.ExplainReason{Kind: nl.ReasonQueued, EvalID: e.ID,
			Text: fmt.Sprintf("placed by evaluation %s (%s) %s ago", short(e.ID), e.TriggeredBy, ago(a.CreateTime, j.in.Now))})
	}
	if id := a.PreviousAllocation(); id != "" {
		text := ""
		if old := j.s.Alloc(id); old != nil {
			text = fmt.Sprintf(" on %s, which is %s", nodeName(j.s, old.NodeID), old.ClientStatus)
			if old.DesiredDescription() != "" {
				text += ": " + old.DesiredDescription()
			}
		}
		add(nl.ReasonReschedule, id, "it follows allocation %s%s", short(id), text)
	}
	for _, id := range a.PreemptedAllocations() {
		text := ""
		if v := j.s.Alloc(id); v != nil {
			text = " of job " + j.in.JobName(v.Namespace, v.JobID)
		}
		add(nl.ReasonEvicted, id, "allocation %s%s made way for it", short(id), text)
	}
	if id := a.PreemptedByAllocation(); id != "" {
		text := ""
		if by := j.s.Alloc(id); by != nil {
			text = " of job " + j.in.JobName(by.Namespace, by.JobID)
		}
		add(nl.ReasonEvicted, id, "it made way for allocation %s%s", short(id), text)
	}
	if id := a.NextAllocation(); id != "" {
		text := ""
		if next := j.s.Alloc(id); next != nil {
			text = fmt.Sprintf(" on %s, which is %s", nodeName(j.s, next.NodeID), next.ClientStatus)
		}
		add(nl.ReasonReschedule, id, "it is followed by allocation %s%s", short(id), text)
	}
	return out
}

func allocSummary(s *store.Snapshot, a *nl.Alloc, x *nl.AllocExplanation) string {
	node := nodeName(s, a.NodeID)
	switch {
	case a.TerminalDesired() && !a.TerminalClient():
		return fmt.Sprintf("%s is being stopped on %s%s", a.Name, node, because(a.DesiredDescription()))
	case a.TerminalDesired():
		return fmt.Sprintf("%s was stopped on %s%s", a.Name, node, because(a.DesiredDescription()))
	case a.ClientStatus == nl.AllocClientFailed && len(x.Reasons) > 0:
		if r := x.Reasons[len(x.Reasons)-1]; r.Kind == nl.ReasonReschedule && r.AllocID == a.ID {
			return r.Text
		}
		return fmt.Sprintf("%s failed on %s%s", a.Name, node, lastEvent(a))
	case a.ClientStatus == nl.AllocClientComplete:
		return fmt.Sprintf("%s has run to its end on %s", a.Name, node)
	case a.ClientStatus == nl.AllocClientPending:
		return fmt.Sprintf("%s has a place on %s and has yet to start%s", a.Name, node, lastEvent(a))
	}
	return fmt.Sprintf("%s is %s on %s: %s", a.Name, a.ClientStatus, node, x.Placement.Why)
}
