package explain

import (
	"fmt"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/sched/reconcile"
)

// allocReasons tell of a group's allocations that are not as they should be, a
// few of each kind.
func (j *subject) allocReasons(group string) []*nl.ExplainReason {
	var out []*nl.ExplainReason
	for _, a := range j.allocs[group] {
		if r := j.allocReason(a); r != nil {
			out = append(out, r)
		}
	}
	return few(out)
}

// few keeps the first of each kind and counts the others where those end.
func few(list []*nl.ExplainReason) []*nl.ExplainReason {
	counts, seen := map[string]int{}, map[string]int{}
	for _, r := range list {
		counts[r.Kind]++
	}
	var out []*nl.ExplainReason
	for _, r := range list {
		seen[r.Kind]++
		if seen[r.Kind] <= reasonsMax {
			out = append(out, r)
		}
		if more := counts[r.Kind] - reasonsMax; more > 0 && seen[r.Kind] == reasonsMax {
			out = append(out, &nl.ExplainReason{Kind: r.Kind, Text: fmt.Sprintf("and %d more like this", more)})
		}
	}
	return out
}

// allocReason tells what is the matter with an allocation, nil when nothing is.
func (j *subject) allocReason(a *nl.Alloc) *nl.ExplainReason {
	switch {
	case a.DesiredStatus == nl.AllocDesiredRun && a.ClientStatus == nl.AllocClientFailed && a.NextAllocation() == "":
		return j.reschedule(a)
	case a.Terminal():
		return nil
	}
	n := j.s.Node(a.NodeID)
	r := &nl.ExplainReason{Kind: nl.ReasonNode, AllocID: a.ID, NodeID: a.NodeID}
	switch name := nodeName(j.s, a.NodeID); {
	case n == nil:
		r.Text = fmt.Sprintf("%s was on node %s, which is gone", a.Name, name)
	case n.Status == nl.NodeStatusDown:
		r.Text = fmt.Sprintf("%s is on %s, which is down", a.Name, name)
	case n.Status == nl.NodeStatusDisconnected || a.ClientStatus == nl.AllocClientUnknown:
		r.Text = fmt.Sprintf("%s is on %s, which does not answer: whether it runs is unknown", a.Name, name)
	case n.DrainStrategy != nil:
		r.Text = fmt.Sprintf("%s is on %s, which is drained: it is to move", a.Name, name)
	case a.ClientStatus == nl.AllocClientPending:
		r.Kind = nl.ReasonStarting
		r.Text = fmt.Sprintf("%s was placed on %s %s ago and has yet to start%s", a.Name, name, ago(a.CreateTime, j.in.Now), lastEvent(a))
	default:
		return nil
	}
	return r
}

// reschedule says when a failed allocation is replaced, or why it is not.
func (j *subject) reschedule(a *nl.Alloc) *nl.ExplainReason {
	r := &nl.ExplainReason{Kind: nl.ReasonReschedule, AllocID: a.ID, NodeID: a.NodeID}
	what := fmt.Sprintf("%s failed on %s%s", a.Name, nodeName(j.s, a.NodeID), lastEvent(a))
	policy := policyOf(a)
	attempts := attemptsText(a, policy)
	e := j.s.Eval(a.FollowupEvalID())
	switch {
	case e != nil && !e.Terminal() && e.WaitUntil.After(j.in.Now):
		r.EvalID, r.Until = e.ID, e.WaitUntil
		r.Text = fmt.Sprintf("%s; the reschedule delay ends at %s (%s)", what, at(e.WaitUntil.Time, j.in.Now), attempts)
	case a.RescheduleTracker() != nil && a.RescheduleTracker().LastReschedule != "":
		r.Text = what + "; its replacement has no place yet"
	case j.deployment != nil && a.DeploymentID == j.deployment.ID:
		r.DeploymentID = j.deployment.ID
		r.Text = what + "; its deployment decides what follows"
	case policy == nil || !policy.Unlimited && policy.Attempts == 0:
		r.Text = what + " and is not replaced: its group has no reschedule attempts"
	case !policy.Unlimited && attemptsUsed(a, policy) >= policy.Attempts:
		r.Text = fmt.Sprintf("%s and is not replaced: %s used up", what, attempts)
	default:
		r.Text = what + "; the scheduler has yet to replace it"
	}
	return r
}

func policyOf(a *nl.Alloc) *nl.ReschedulePolicy {
	if a.Job == nil {
		return nil
	}
	if g := a.Job.Group(a.TaskGroup); g != nil {
		return g.ReschedulePolicy
	}
	return nil
}

// attemptsUsed counts the reschedules that still count.
func attemptsUsed(a *nl.Alloc, p *nl.ReschedulePolicy) int {
	used := 0
	if a.RescheduleTracker() == nil {
		return 0
	}
	for _, e := range a.RescheduleTracker().Events {
		if reconcile.FailTime(a).Sub(time.Unix(0, e.RescheduleTime)) < p.Interval {
			used++
		}
	}
	return used
}

func attemptsText(a *nl.Alloc, p *nl.ReschedulePolicy) string {
	switch {
	case p == nil:
		return "no reschedule policy"
	case p.Unlimited:
		return "reschedules are not limited"
	}
	return fmt.Sprintf("%d of %d reschedules within %s", attemptsUsed(a, p), p.Attempts, p.Interval)
}

// lastEvent is the newest thing that a task of the allocation tells, with a
// colon before it; "" when none does.
func lastEvent(a *nl.Alloc) string {
	var newest *nl.TaskEvent
	task := ""
	for name, state := range a.TaskStates.All() {
		for _, e := range state.Events {
			if e.Type == "Not Restarting" { // says what it does, not what happened
				continue
			}
			if newest == nil || e.Time > newest.Time || e.Time == newest.Time && name <= task {
				newest, task = e, name
			}
		}
	}
	if newest == nil {
		return ""
	}
	text := newest.DisplayMessage
	for _, key := range [...]string{"driver_error", "setup_error", "download_error", "validation_error", "restart_reason", "message", "driver_message"} {
		if text == "" {
			text = newest.Details[key]
		}
	}
	if text == "" && newest.Details["exit_code"] != "" {
		text = "exit code " + newest.Details["exit_code"]
	}
	if text == "" {
		text = newest.Message
	}
	if text == "" {
		return fmt.Sprintf(": task %s: %s", task, newest.Type)
	}
	return fmt.Sprintf(": task %s: %s: %s", task, newest.Type, text)
}

// deploymentReasons say what a deployment makes the group wait for.
func (j *subject) deploymentReasons(group string) []*nl.ExplainReason {
	if d := j.failed; d != nil && d.TaskGroups[group] != nil {
		return []*nl.ExplainReason{{Kind: nl.ReasonFailed, DeploymentID: d.ID,
			Text: fmt.Sprintf("deployment %s has failed%s; nothing more of this version is placed until the job is run again", short(d.ID), because(d.StatusDescription))}}
	}
	d := j.deployment
	if d == nil || d.TaskGroups[group] == nil {
		return nil
	}
	state := d.TaskGroups[group]
	r := &nl.ExplainReason{Kind: nl.ReasonDeployment, DeploymentID: d.ID, Until: state.RequireProgressBy}
	name := "deployment " + short(d.ID)
	switch {
	case d.Status == nl.DeploymentStatusPaused:
		r.Kind, r.Text = nl.ReasonPaused, fmt.Sprintf("%s is paused: nothing is placed until it is resumed (deployment resume %s)", name, short(d.ID))
	case d.Status == nl.DeploymentStatusPending || d.Status == nl.DeploymentStatusBlocked:
		r.Text = fmt.Sprintf("%s is %s%s", name, d.Status, because(d.StatusDescription))
	case state.DesiredCanaries > 0 && !state.Promoted:
		return []*nl.ExplainReason{j.canaries(r, name, state)}
	case state.HealthyAllocs < state.DesiredTotal:
		r.Text = fmt.Sprintf("%s: %d of %d placed, %d healthy", name, state.PlacedAllocs, state.DesiredTotal, state.HealthyAllocs)
		if state.PlacedAllocs < state.DesiredTotal {
			r.Text += "; the next are placed as those become healthy"
		}
		if left := state.RequireProgressBy.Sub(j.in.Now).Round(time.Second); !state.RequireProgressBy.IsZero() && left > 0 {
			r.Text += fmt.Sprintf("; it fails without progress in %s", left)
		}
	default:
		return nil
	}
	return []*nl.ExplainReason{r}
}

func (j *subject) canaries(r *nl.ExplainReason, name string, state *nl.DeploymentState) *nl.ExplainReason {
	healthy := 0
	for _, id := range state.PlacedCanaries {
		if a := j.s.Alloc(id); a != nil && a.DeploymentStatus != nil && a.DeploymentStatus.Healthy != nil && *a.DeploymentStatus.Healthy {
			healthy++
		}
	}
	if healthy < state.DesiredCanaries {
		r.Text = fmt.Sprintf("%s: %d of %d canaries healthy; the rest follows after that", name, healthy, state.DesiredCanaries)
		return r
	}
	r.Kind, r.Text = nl.ReasonPromotion, fmt.Sprintf("%s: all %d canaries are healthy and wait to be promoted: deployment promote %s", name, state.DesiredCanaries, short(r.DeploymentID))
	return r
}
