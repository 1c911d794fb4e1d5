package sched_test

import (
	"fmt"
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

func (w *world) printPlan(before *store.Snapshot, out *sched.Outcome) {
	p := out.Plan
	for _, s := range p.Stop {
		w.printf("%s", w.stopLine(before, &s))
	}
	for _, e := range p.Preempt {
		w.printf("preempt %s", w.called(before.Alloc(e.AllocID)))
	}
	for _, a := range p.Place {
		w.printf("%s", w.placeLine(before, a))
	}
	if p.Deployment != nil {
		w.printDeployment(p.Deployment)
	}
	for _, u := range p.DeploymentUpdates {
		w.printf("deployment %s: %s", u.Status, u.StatusDescription)
	}
	for _, e := range p.Evals {
		w.printEval(e, out.Eval)
	}
}

func (w *world) stopLine(before *store.Snapshot, s *nl.AllocStop) string {
	verb := "stop"
	switch {
	case s.ClientStatus == nl.AllocClientLost:
		verb = "lost"
	case s.ClientStatus == nl.AllocClientUnknown:
		verb = "unknown"
	}
	line := fmt.Sprintf("%s %s: %s", verb, w.called(before.Alloc(s.AllocID)), s.Description)
	if s.FollowupEvalID != "" {
		line += ", later"
	}
	return line
}

func (w *world) placeLine(before *store.Snapshot, a *nl.Alloc) string {
	if old := before.Alloc(a.ID); old != nil {
		switch {
		case old.JobVersion != a.JobVersion || old.Job.CreateIndex != a.Job.CreateIndex:
			return fmt.Sprintf("update %s in place to v%d", w.called(old), a.JobVersion)
		case a.FollowupEvalID() == "" && old.FollowupEvalID() != "":
			return "reconnect " + w.called(old)
		case a.FollowupEvalID() != old.FollowupEvalID():
			return "replace " + w.called(old) + " later"
		}
		return "note " + w.called(old) + " " + a.RescheduleTracker().LastReschedule
	}
	line := fmt.Sprintf("place %s %s", w.called(a), a.NodeID)
	if a.DeploymentStatus != nil && a.DeploymentStatus.Canary {
		line += " canary"
	}
	if old := before.Alloc(a.PreviousAllocation()); old != nil {
		line += " after " + w.called(old)
	}
	if a.JobVersion > 0 {
		line += fmt.Sprintf(" v%d", a.JobVersion)
	}
	for _, p := range a.AllocatedResources.Shared.Ports {
		line += fmt.Sprintf(" %s=%s:%d", p.Label, p.HostIP, p.Value)
		if p.To != 0 {
			line += fmt.Sprintf(">%d", p.To)
		}
	}
	for _, name := range sortedKeys(a.AllocatedResources.Tasks) {
		t := a.AllocatedResources.Tasks[name]
		if len(t.Cpu.ReservedCores) > 0 {
			line += fmt.Sprintf(" cores=%v (%d MHz)", t.Cpu.ReservedCores, t.Cpu.CpuShares)
		}
		if want := a.Job.Group(a.TaskGroup).Task(name); want != nil && want.Resources.CPUMillis > 0 {
			line += fmt.Sprintf(" %s=%d MHz", name, t.Cpu.CpuShares)
		}
		if t.Memory.MemoryMaxMB > t.Memory.MemoryMB {
			line += fmt.Sprintf(" %s up to %d MB", name, t.Memory.MemoryMaxMB)
		}
		for _, d := range t.Devices {
			line += fmt.Sprintf(" %s=%s", d.Name, strings.Join(d.DeviceIDs, ","))
		}
	}
	if len(a.PreemptedAllocations()) > 0 {
		line += fmt.Sprintf(" preempting %d", len(a.PreemptedAllocations()))
	}
	if m := a.Metrics; m != nil && len(m.ScoreMetaData) > 1 {
		line += " (" + scoreLine(m.ScoreMetaData) + ")"
	}
	return line
}

func scoreLine(rows []*nl.NodeScoreMeta) string {
	var parts []string
	for _, r := range rows[:min(len(rows), 3)] {
		parts = append(parts, fmt.Sprintf("%s %.3f", r.NodeID, r.NormScore))
	}
	return strings.Join(parts, ", ")
}

func (w *world) printDeployment(d *nl.Deployment) {
	line := fmt.Sprintf("deployment v%d %s:", d.JobVersion, d.Status)
	for _, name := range sortedKeys(d.TaskGroups) {
		g := d.TaskGroups[name]
		line += fmt.Sprintf(" %s total=%d placed=%d healthy=%d unhealthy=%d", name, g.DesiredTotal, g.PlacedAllocs, g.HealthyAllocs, g.UnhealthyAllocs)
		if g.DesiredCanaries > 0 {
			line += fmt.Sprintf(" canaries=%d/%d promoted=%t", len(g.PlacedCanaries), g.DesiredCanaries, g.Promoted)
		}
	}
	if d.StatusDescription != "Deployment is running" {
		line += ", " + d.StatusDescription
	}
	w.printf("%s", line)
}

func (w *world) printEval(e, done *nl.Eval) {
	line := "eval " + e.Status
	switch {
	case e.ID == done.ID:
		for _, g := range sortedKeys(e.QueuedAllocations) {
			if n := e.QueuedAllocations[g]; n != 0 {
				line += fmt.Sprintf(" %s queued=%d", g, n)
			}
		}
		line += updatesLine(e.PlanAnnotations)
	case e.Status == nl.EvalStatusBlocked:
		line += blockedBy(e)
		if reason, said := strings.CutPrefix(e.StatusDescription, "created to place remaining allocations; "); said {
			line += ": " + reason
		}
	default:
		line += " " + e.TriggeredBy
		if !e.WaitUntil.IsZero() {
			line += " in " + e.WaitUntil.Sub(w.now).String()
		}
		if e.JobID != done.JobID {
			line += " for " + e.JobID
		}
	}
	if e.ID == done.ID && e.Status == nl.EvalStatusBlocked {
		line += blockedBy(e)
	}
	w.printf("%s", line)
	if e.ID == done.ID {
		for _, g := range sortedKeys(e.FailedTGAllocs) {
			w.printf("failed %s: %s", g, metricLine(e.FailedTGAllocs[g]))
		}
	}
}

func blockedBy(e *nl.Eval) string {
	if len(e.AwaitedJobs) > 0 {
		return " escaped, awaiting " + strings.Join(e.AwaitedJobs, ",")
	}
	quota := ""
	if e.QuotaLimitReached != "" {
		quota = " quota=" + e.QuotaLimitReached
	}
	if e.EscapedComputedClass {
		return quota + " escaped"
	}
	if quota != "" && len(e.ClassEligibility) == 0 {
		return quota
	}
	var classes []string
	for _, c := range sortedKeys(e.ClassEligibility) {
		classes = append(classes, fmt.Sprint(e.ClassEligibility[c]))
	}
	slices.Sort(classes)
	return quota + " classes=" + strings.Join(classes, ",")
}

func updatesLine(p *nl.PlanAnnotations) string {
	if p == nil {
		return ""
	}
	line := ""
	for _, g := range sortedKeys(p.DesiredTGUpdates) {
		u := p.DesiredTGUpdates[g]
		for _, c := range []struct {
			name string
			n    uint64
		}{
			{"ignore", u.Ignore}, {"place", u.Place}, {"migrate", u.Migrate}, {"stop", u.Stop},
			{"in-place", u.InPlaceUpdate}, {"destructive", u.DestructiveUpdate}, {"canary", u.Canary},
			{"preempt", u.Preemptions}, {"disconnect", u.Disconnect}, {"reconnect", u.Reconnect},
			{"now", u.RescheduleNow}, {"later", u.RescheduleLater},
		} {
			if c.n > 0 {
				line += fmt.Sprintf(" %s.%s=%d", g, c.name, c.n)
			}
		}
	}
	return line
}

func metricLine(m *nl.AllocMetric) string {
	line := fmt.Sprintf("evaluated=%d", m.NodesEvaluated)
	for _, part := range []struct {
		name string
		of   map[string]int
	}{{"filtered", m.ConstraintFiltered}, {"classfiltered", m.ClassFiltered}, {"exhausted", m.DimensionExhausted}, {"classexhausted", m.ClassExhausted}} {
		for _, k := range sortedKeys(part.of) {
			line += fmt.Sprintf(" %s(%s)=%d", part.name, k, part.of[k])
		}
	}
	for _, q := range m.QuotaExhausted {
		line += fmt.Sprintf(" quota(%s)", q)
	}
	if m.Reason != "" {
		line += fmt.Sprintf(" (%s)", m.Reason)
	}
	if m.CoalescedFailures > 0 {
		line += fmt.Sprintf(" coalesced=%d", m.CoalescedFailures)
	}
	return line
}
