// Package watch follows evaluations and deployments until they are over and
// tells what happens, for every command that starts one. It only reads.
package watch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	// pollEvery is how long at most a change stays unseen.
	pollEvery = time.Second
	// exitUnplaced is the exit code when not everything could be placed.
	exitUnplaced = 2
	// exitFailed is the exit code when a deployment ends without success.
	exitFailed = 1
)

// monitor follows one evaluation.
type monitor struct {
	call    *meta.Call
	client  *apiclient.Client
	verbose bool

	eval   *nl.Eval // as last seen
	allocs map[string]*nl.AllocStub
}

// Eval follows an evaluation, the ones after it and its deployment to the end.
// The error is a meta.Exit when the work itself did not succeed.
func Eval(ctx context.Context, c *meta.Call, id string, verbose bool) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	m := &monitor{call: c, client: client, verbose: verbose, allocs: map[string]*nl.AllocStub{}}
	m.headline("Monitoring evaluation %q", render.ID(id, verbose))
	unplaced, err := m.follow(ctx, id)
	if err != nil {
		return err
	}
	if m.eval.NextEval != "" && m.eval.Wait > 0 {
		m.headline("Monitoring next evaluation %q in %s", render.ID(m.eval.NextEval, verbose), m.eval.Wait)
		if err := c.Pause(ctx, m.eval.Wait); err != nil {
			return err
		}
		return Eval(ctx, c, m.eval.NextEval, verbose)
	}
	if id := m.eval.DeploymentID; id != "" {
		m.headline("Monitoring deployment %q", render.ID(id, verbose))
		status, err := Deployment(ctx, c, id, Options{Verbose: verbose})
		if err != nil {
			return err
		}
		// Whoever stops a job wants its deployment cancelled.
		stopped := m.eval.TriggeredBy == nl.TriggerJobDeregister && status == nl.DeploymentStatusCancelled
		if status != nl.DeploymentStatusSuccessful && !stopped {
			return meta.Exit(exitFailed)
		}
		return nil
	}
	if unplaced {
		return meta.Exit(exitUnplaced)
	}
	return nil
}

// headline says what is being done.
func (m *monitor) headline(format string, args ...any) {
	m.call.Print(m.call.Colour.Bold("==> " + m.stamp() + ": " + fmt.Sprintf(format, args...)))
}

// detail says what has happened.
func (m *monitor) detail(format string, args ...any) {
	m.call.Print("    " + m.stamp() + ": " + fmt.Sprintf(format, args...))
}

func (m *monitor) stamp() string { return render.Time(m.call.Now()) }

// follow polls until the evaluation is over; unplaced tells of failures.
func (m *monitor) follow(ctx context.Context, id string) (unplaced bool, err error) {
	var index uint64
	for {
		asked := m.call.Now()
		q := &apiclient.Query{MinIndex: index}
		if index > 0 {
			q.MaxWait = pollEvery
		}
		eval, head, err := apiclient.Get[*nl.Eval](ctx, m.client, "/v1/evaluation/"+id, q)
		if err != nil {
			return false, fmt.Errorf("reading evaluation %q: %w", render.ID(id, m.verbose), err)
		}
		allocs, _, err := apiclient.Get[[]*nl.AllocStub](ctx, m.client, "/v1/evaluation/"+id+"/allocations", nil)
		if err != nil {
			return false, fmt.Errorf("reading the allocations of evaluation %q: %w", render.ID(id, m.verbose), err)
		}
		m.update(eval, allocs)
		if eval.Terminal() {
			return m.finish(), nil
		}
		index = head.Index
		// Agents that do not block are not asked more often for it.
		if rest := pollEvery - m.call.Now().Sub(asked); rest > 0 && (head.Index == 0 || head.Index == q.MinIndex) {
			if err := m.call.Pause(ctx, rest); err != nil {
				return false, err
			}
		}
	}
}

// update tells what differs from what was seen before.
func (m *monitor) update(eval *nl.Eval, allocs []*nl.AllocStub) {
	before := m.eval
	m.eval = eval
	if before == nil {
		if eval.NodeID != "" {
			m.detail("Evaluation triggered by node %q", render.ID(eval.NodeID, m.verbose))
		} else {
			m.detail("Evaluation triggered by job %q", eval.JobID)
		}
		before = &nl.Eval{}
	}
	if eval.DeploymentID != before.DeploymentID && eval.DeploymentID != "" {
		m.detail("Evaluation within deployment: %q", render.ID(eval.DeploymentID, m.verbose))
	}
	slices.SortFunc(allocs, func(a, b *nl.AllocStub) int { return strings.Compare(a.Name+a.ID, b.Name+b.ID) })
	for _, a := range allocs {
		m.updateAlloc(eval, a)
	}
	if before.Status != "" && eval.Status != before.Status && eval.Status != nl.EvalStatusPending {
		m.detail("Evaluation status changed: %q -> %q", before.Status, eval.Status)
	}
}

func (m *monitor) updateAlloc(eval *nl.Eval, a *nl.AllocStub) {
	before, known := m.allocs[a.ID]
	m.allocs[a.ID] = a
	if !known {
		switch {
		case a.CreateIndex < eval.CreateIndex:
			m.detail("Allocation %q modified: node %q, group %q", render.ID(a.ID, m.verbose), render.ID(a.NodeID, m.verbose), a.TaskGroup)
		case a.DesiredStatus == nl.AllocDesiredRun:
			m.detail("Allocation %q created: node %q, group %q", render.ID(a.ID, m.verbose), render.ID(a.NodeID, m.verbose), a.TaskGroup)
		}
		return
	}
	if before.ClientStatus != a.ClientStatus {
		why := ""
		if a.ClientDescription != "" {
			why = " (" + a.ClientDescription + ")"
		}
		m.detail("Allocation %q status changed: %q -> %q%s", render.ID(a.ID, m.verbose), before.ClientStatus, a.ClientStatus, why)
	}
}

// finish tells how the evaluation ended.
func (m *monitor) finish() (unplaced bool) {
	if len(m.eval.FailedTGAllocs) == 0 {
		m.headline("Evaluation %q finished with status %q", render.ID(m.eval.ID, m.verbose), m.eval.Status)
		return false
	}
	m.headline("Evaluation %q finished with status %q but failed to place all allocations:", render.ID(m.eval.ID, m.verbose), m.eval.Status)
	for _, group := range render.Keys(m.eval.FailedTGAllocs) {
		metric := m.eval.FailedTGAllocs[group]
		m.detail("Task Group %q (failed to place %s):", group, render.Count(metric.CoalescedFailures+1, "allocation"))
		m.call.Print(Metric(metric, m.call.Colour, m.verbose, "      "))
	}
	if m.eval.BlockedEval != "" {
		m.detail("Evaluation %q waiting for additional capacity to place remainder", render.ID(m.eval.BlockedEval, m.verbose))
	}
	return true
}

// Follow ends a command that started an evaluation: it follows it, or prints
// its ID when the command is to detach. Writes that needed no evaluation have
// none to follow.
func Follow(ctx context.Context, c *meta.Call, evalID string, detach, verbose bool) error {
	if evalID == "" {
		return nil
	}
	if detach {
		c.Print("Evaluation ID: " + evalID)
		return nil
	}
	return Eval(ctx, c, evalID, verbose)
}
