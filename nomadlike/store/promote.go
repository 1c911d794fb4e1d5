package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

const (
	deploymentRunning       = "Deployment is running"
	deploymentNeedsPromote  = "Deployment is running but requires manual promotion"
	deploymentAutoPromoting = "Deployment is running pending automatic promotion"
)

// promoteDeployment makes the canaries of the chosen groups ordinary
// allocations. Every chosen group must have all its canaries healthy.
func (t *tx) promoteDeployment(o *op.PromoteDeployment) error {
	if err := t.checkActive(o.DeploymentID); err != nil {
		return err
	}
	d := t.Deployment(o.DeploymentID)
	groups := slices.Sorted(maps.Keys(d.TaskGroups))
	groups = slices.DeleteFunc(groups, func(group string) bool {
		state := d.TaskGroups[group]
		return state.DesiredCanaries == 0 || state.Promoted || !o.All && !slices.Contains(o.Groups, group)
	})
	if len(groups) == 0 {
		return nl.Errorf(nl.CodeInternal, "no canaries to promote")
	}
	if err := t.checkCanaries(d, groups); err != nil {
		return err
	}
	next := t.editDeployment(d.ID)
	if o.Time != 0 {
		next.ModifyTime = o.Time
	}
	for _, group := range groups {
		state := next.TaskGroups[group]
		state.Promoted = true
		if state.ProgressDeadline != 0 && o.Time != 0 {
			state.RequireProgressBy = nl.Time{Time: timeOf(o.Time).Add(state.ProgressDeadline)}
		}
		for _, id := range state.PlacedCanaries {
			t.unmarkCanary(id)
		}
	}
	next.StatusDescription = runningDescription(next)
	t.finishDeploymentWrite(nil, nil, o.Eval)
	return nil
}

// runningDescription says what a running deployment waits for.
func runningDescription(d *nl.Deployment) string {
	waiting, auto := false, true
	for _, state := range d.TaskGroups {
		if state.DesiredCanaries > 0 && !state.Promoted {
			waiting = true
			auto = auto && state.AutoPromote
		}
	}
	switch {
	case !waiting:
		return deploymentRunning
	case auto:
		return deploymentAutoPromoting
	}
	return deploymentNeedsPromote
}

func (t *tx) checkCanaries(d *nl.Deployment, groups []string) error {
	var missing []string
	for _, group := range groups {
		state := d.TaskGroups[group]
		healthy := 0
		for _, id := range state.PlacedCanaries {
			a := t.Alloc(id)
			if is := health(a); is != nil && *is && !a.Terminal() {
				healthy++
			}
		}
		if healthy < state.DesiredCanaries {
			missing = append(missing, fmt.Sprintf("Task group %q has %d/%d healthy allocations", group, healthy, state.DesiredCanaries))
		}
	}
	return multiError(missing)
}

// multiError is the form in which several errors are shown as one.
func multiError(texts []string) error {
	if len(texts) == 0 {
		return nil
	}
	head := fmt.Sprintf("%d errors occurred:", len(texts))
	if len(texts) == 1 {
		head = "1 error occurred:"
	}
	return &nl.Error{Code: nl.CodeInternal, Text: head + "\n\t* " + strings.Join(texts, "\n\t* ") + "\n\n"}
}

func (t *tx) unmarkCanary(id string) {
	old := t.Alloc(id)
	if old == nil || old.DeploymentStatus == nil || !old.DeploymentStatus.Canary {
		return
	}
	next := *old
	status := *old.DeploymentStatus
	status.Canary, status.ModifyIndex = false, t.index
	next.DeploymentStatus = &status
	next.ModifyIndex, next.AllocModifyIndex = t.index, t.index
	t.putAlloc(old, &next)
}
