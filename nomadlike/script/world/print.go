package world

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// Print is a write as lines of text.
func Print(o op.Op) []string {
	switch o := o.(type) {
	case *op.RegisterJob:
		return append([]string{fmt.Sprintf("register %s parent=%s", o.Job.ID, o.Job.ParentID)}, printEvals(o.Eval)...)
	case *op.UpsertEvals:
		return printEvals(o.Evals...)
	case *op.TransitionAllocs:
		return append(printTransitions(o), printEvals(o.Evals...)...)
	case *op.SetNodeStatus:
		return append([]string{fmt.Sprintf("node %s is %s%s", o.NodeID, o.Status, printEvent(o.Event))}, printEvals(o.Evals...)...)
	case *op.SetNodeDrain:
		return []string{fmt.Sprintf("node %s drain over: %s%s", o.NodeID, o.LastDrain.Status, printEvent(o.Event))}
	case *op.PromoteDeployment:
		return append([]string{"promote " + o.DeploymentID}, printEvals(o.Eval)...)
	case *op.UpdateDeployment:
		line := fmt.Sprintf("deployment %s %s: %s", o.Update.DeploymentID, o.Update.Status, o.Update.StatusDescription)
		if o.Revert != nil {
			line += fmt.Sprintf(" [registers version %d of %s]", o.Revert.Version, o.Revert.ID)
		}
		return append([]string{line}, printEvals(o.Eval)...)
	case *op.Collect:
		return printCollect(o)
	case *op.DeleteRootKey:
		return []string{"delete key " + o.KeyID}
	}
	return []string{fmt.Sprintf("%T", o)}
}

func printEvent(e *nl.NodeEvent) string {
	if e == nil {
		return ""
	}
	out := fmt.Sprintf(" (%s: %s", e.Subsystem, e.Message)
	for _, key := range slices.Sorted(maps.Keys(e.Details)) {
		out += fmt.Sprintf(", %s=%s", key, e.Details[key])
	}
	return out + ")"
}

func printEvals(evals ...*nl.Eval) []string {
	var out []string
	for _, e := range evals {
		if e != nil {
			out = append(out, fmt.Sprintf("eval %s %s %s", e.ID, e.JobID, e.TriggeredBy))
		}
	}
	return out
}

func printTransitions(o *op.TransitionAllocs) []string {
	var out []string
	for _, id := range slices.Sorted(maps.Keys(o.Transitions)) {
		t := o.Transitions[id]
		line := id
		if t.Migrate == nl.Yes {
			line = "migrate " + line
		}
		if t.Waits() {
			line += " start-first"
		}
		if t.Reschedule == nl.Yes {
			line = "reschedule " + line
		}
		out = append(out, line)
	}
	return out
}

func printCollect(o *op.Collect) []string {
	var out []string
	add := func(kind string, ids []string) {
		if len(ids) > 0 {
			out = append(out, "forget "+kind+" "+strings.Join(slices.Sorted(slices.Values(ids)), " "))
		}
	}
	var jobs []string
	for _, j := range o.Jobs {
		jobs = append(jobs, j.ID)
	}
	add("jobs", jobs)
	add("evals", o.Evals)
	add("allocs", o.Allocs)
	add("deployments", o.Deployments)
	add("nodes", o.Nodes)
	return out
}
