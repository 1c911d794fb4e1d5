package meta

import (
	"fmt"
	"time"

	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// AllocTable lists allocations, as several commands do.
func (c *Call) AllocTable(allocs []*nl.AllocStub, verbose bool) string {
	return c.AllocTableWithin(allocs, nil, verbose)
}

// AllocTableWithin is AllocTable with the deadlines that a batch job gives its
// groups; job may be nil.
func (c *Call) AllocTableWithin(allocs []*nl.AllocStub, job *nl.Job, verbose bool) string {
	limits := runLimits(job)
	t := render.NewTable("ID", render.If(verbose, "Eval ID"), "Node ID", render.If(verbose, "Node Name"),
		"Task Group", "Version", "Desired", "Status", "Created", "Modified", render.If(len(limits) > 0, "Max Run Deadline"))
	for _, a := range allocs {
		t.Row(render.ID(a.ID, verbose), render.ID(a.EvalID, verbose), render.ID(a.NodeID, verbose), a.NodeName,
			a.TaskGroup, fmt.Sprint(a.JobVersion), a.DesiredStatus, a.ClientStatus,
			render.When(a.CreateTime, c.Now(), verbose), render.When(a.ModifyTime, c.Now(), verbose),
			deadline(a, limits))
	}
	return t.String()
}

// runLimits is how long the groups of a batch job may run.
func runLimits(job *nl.Job) map[string]time.Duration {
	out := map[string]time.Duration{}
	if job == nil || (job.Type != nl.JobTypeBatch && job.Type != nl.JobTypeSysBatch) {
		return out
	}
	for _, g := range job.TaskGroups {
		if g.MaxRunDuration != nil {
			out[g.Name] = *g.MaxRunDuration
		}
	}
	return out
}

func deadline(a *nl.AllocStub, limits map[string]time.Duration) string {
	limit, ok := limits[a.TaskGroup]
	if !ok {
		return ""
	}
	var started time.Time
	for _, state := range a.TaskStates {
		if state != nil && !state.StartedAt.IsZero() && (started.IsZero() || state.StartedAt.Before(started)) {
			started = state.StartedAt.Time
		}
	}
	if started.IsZero() {
		return ""
	}
	return render.Time(started.Add(limit).Local())
}

// EvalTable lists evaluations.
func EvalTable(evals []*nl.Eval, namespaces, verbose bool) string {
	t := render.NewTable("ID", "Priority", "Triggered By", "Job ID", render.If(namespaces, "Namespace"), "Node ID", "Status", "Placement Failures")
	for _, e := range evals {
		t.Row(render.ID(e.ID, verbose), fmt.Sprint(e.Priority), e.TriggeredBy, e.JobID, e.Namespace,
			render.ID(e.NodeID, verbose), e.Status, PlacementFailures(e))
	}
	return t.String()
}

// PlacementFailures tells whether an evaluation could not place everything.
func PlacementFailures(e *nl.Eval) string {
	if e.Status == nl.EvalStatusBlocked {
		return "N/A - In Progress"
	}
	return fmt.Sprint(len(e.FailedTGAllocs) > 0)
}

// DeploymentTable lists deployments.
func DeploymentTable(list []*nl.Deployment, verbose bool) string {
	t := render.NewTable("ID", "Job ID", "Job Version", "Status", "Description")
	for _, d := range list {
		t.Row(render.ID(d.ID, verbose), d.JobID, fmt.Sprint(d.JobVersion), d.Status, d.StatusDescription)
	}
	return t.String()
}
