// Package world builds states from a short line language and prints writes as
// text, for the test scripts of the leader's loops. It is used by tests only.
package world

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/script"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// World is a state with a clock.
type World struct {
	T     *testing.T
	S     *store.Snapshot
	Start time.Time
	Now   time.Time
	ids   int
}

// New is an empty world at a fixed time.
func New(t *testing.T) *World {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return &World{T: t, S: store.Empty(), Start: start, Now: start}
}

// NewID names evaluations e1, e2 and so on.
func (w *World) NewID() string {
	w.ids++
	return fmt.Sprintf("e%d", w.ids)
}

// Apply writes an op into the state.
func (w *World) Apply(o op.Op) {
	w.T.Helper()
	next, _, _, err := store.Apply(w.S, w.S.Index()+1, o)
	if err != nil {
		w.T.Fatalf("%T: %v", o, err)
	}
	w.S = next
}

// Step prints what a decision wants and does it.
func (w *World) Step(ops []op.Op, wake time.Time) string {
	w.T.Helper()
	var out []string
	for _, o := range ops {
		out = append(out, Print(o)...)
		w.Apply(o)
	}
	if !wake.IsZero() {
		out = append(out, "wake "+wake.Sub(w.Start).String())
	}
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, "\n")
}

// Do runs one line that changes the state; false means it knows no such verb.
func (w *World) Do(l script.Line) bool {
	w.T.Helper()
	switch l.Verb {
	case "at":
		w.Now = w.Start.Add(w.duration(l.Args[0]))
	case "pool":
		w.Apply(&op.UpsertNodePools{Pools: []*nl.NodePool{{Name: l.Args[0]}}})
	case "node":
		w.node(l)
	case "job":
		w.job(l)
	case "stop":
		w.Apply(&op.DeregisterJob{Namespace: "default", ID: l.Args[0], SubmitTime: w.Now.UnixNano()})
	case "stable":
		w.Apply(&op.SetJobStability{Namespace: "default", ID: l.Args[0], Version: uint64(w.number(l.Args[1])), Stable: true})
	case "eval":
		w.eval(l)
	case "deployment":
		w.deployment(l)
	case "alloc":
		w.alloc(l)
	case "update":
		for _, id := range l.Args {
			w.update(id, l)
		}
	default:
		return false
	}
	return true
}

func (w *World) duration(s string) time.Duration {
	w.T.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		w.T.Fatal(err)
	}
	return d
}

func (w *World) number(s string) int {
	w.T.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		w.T.Fatal(err)
	}
	return n
}

// has tells whether a plain word follows the first argument.
func has(l script.Line, word string) bool { return slices.Contains(l.Args[1:], word) }

func set(l script.Line, key, fallback string) string {
	if v, ok := l.Set[key]; ok {
		return v
	}
	return fallback
}

// node: status=, drain= (duration; 0 no deadline, -1s at once), ignore-system,
// meta=, cpu= and memory= (what it offers).
func (w *World) node(l script.Line) {
	id := l.Args[0]
	if w.S.Node(id) == nil {
		n := &nl.Node{
			ID: id, Name: id, Datacenter: set(l, "dc", "dc1"), NodePool: set(l, "pool", "default"), Status: nl.NodeStatusReady,
			StatusUpdatedAt: w.Now.Unix(), SchedulingEligibility: nl.NodeEligible, Meta: map[string]string{"m": set(l, "meta", "")},
			Attributes: map[string]string{"driver.mock": "1"},
			NodeResources: &nl.NodeResources{
				Cpu:    nl.LegacyNodeCpuResources{CpuShares: int64(w.number(set(l, "cpu", "0")))},
				Memory: nl.NodeMemoryResources{MemoryMB: int64(w.number(set(l, "memory", set(l, "cpu", "0"))))},
			},
		}
		n.ComputedClass = nl.ComputedClass(n)
		w.Apply(&op.RegisterNode{Time: w.Now.UnixNano(), Node: n})
	}
	if status := l.Set["status"]; status != "" {
		w.Apply(&op.SetNodeStatus{NodeID: id, Status: status, Time: w.Now.UnixNano()})
	}
	if drain := l.Set["drain"]; drain != "" {
		d := &nl.DrainStrategy{Deadline: w.duration(drain), IgnoreSystemJobs: has(l, "ignore-system"), StartedAt: nl.Time{Time: w.Now}}
		if d.Deadline > 0 {
			d.ForceDeadline = nl.Time{Time: w.Now.Add(d.Deadline)}
		}
		w.Apply(&op.SetNodeDrain{NodeID: id, Strategy: d, Time: w.Now.UnixNano(), LastDrain: &nl.DrainMetadata{Status: "draining"}})
	}
}

// job: type=, count=, meta= (tells versions apart), cron= (with _ for spaces),
// zone=, overlap, disabled, attempts= and interval= of rescheduling,
// parallel= of migration, start-first, lost_after=, tag=, cpu= (and as much
// memory), spread over the meta of nodes, like= (their meta), plugin; rebalance with
// every=, moves= and gain=.
func (w *World) job(l script.Line) {
	g := &nl.Group{
		Name: "g", Count: w.number(set(l, "count", "1")),
		ReschedulePolicy: &nl.ReschedulePolicy{Unlimited: true, Delay: 30 * time.Second},
		Migrate:          &nl.MigrateStrategy{MaxParallel: w.number(set(l, "parallel", "1"))},
	}
	if attempts := l.Set["attempts"]; attempts != "" {
		g.ReschedulePolicy = &nl.ReschedulePolicy{Attempts: w.number(attempts), Interval: w.duration(set(l, "interval", "1h"))}
	}
	if after := l.Set["lost_after"]; after != "" {
		g.Disconnect = &nl.Disconnect{LostAfter: w.duration(after)}
	}
	if has(l, nl.OrderStartFirst) {
		g.Migrate.Order = nl.OrderStartFirst
	}
	w.placement(g, l)
	j := &nl.Job{
		ID: l.Args[0], Name: l.Args[0], Namespace: "default", Type: set(l, "type", "service"), Priority: 50,
		Datacenters: strings.Split(set(l, "dc", "*"), ","), NodePool: set(l, "pool", "default"),
		SubmitTime: w.Now.UnixNano(), TaskGroups: []*nl.Group{g}, Meta: map[string]string{"m": set(l, "meta", "")},
	}
	if cron := l.Set["cron"]; cron != "" {
		j.Periodic = &nl.Periodic{Enabled: !has(l, "disabled"), SpecType: "cron", ProhibitOverlap: has(l, "no-overlap"), TimeZone: set(l, "zone", "UTC")}
		for _, spec := range strings.Split(cron, ";") {
			j.Periodic.Specs = append(j.Periodic.Specs, strings.ReplaceAll(spec, "_", " "))
		}
	}
	w.Apply(&op.RegisterJob{Job: j})
	if tag := l.Set["tag"]; tag != "" {
		w.Apply(&op.TagJobVersion{Namespace: "default", ID: j.ID, Name: tag, Tag: &nl.JobVersionTag{Name: tag}})
	}
}

// placement is what a group says of where it wants to run.
func (w *World) placement(g *nl.Group, l script.Line) {
	if cpu := l.Set["cpu"]; cpu != "" {
		need := w.number(cpu)
		g.Tasks = []*nl.Task{{Name: "t", Driver: "mock", Resources: &nl.Resources{CPU: need, MemoryMB: int64(need)}}}
	}
	if has(l, "plugin") {
		g.Tasks[0].CSIPluginConfig = &nl.TaskCSIPluginConfig{ID: "p", Type: "node"}
	}
	if has(l, "spread") {
		g.Spreads = []*nl.Spread{{Attribute: "${meta.m}", Weight: 100}}
	}
	if like := l.Set["like"]; like != "" {
		g.Affinities = []*nl.Affinity{{LTarget: "${meta.m}", Operand: "=", RTarget: like, Weight: 100}}
	}
	if !has(l, "rebalance") {
		return
	}
	gain, err := strconv.ParseFloat(set(l, "gain", "0.05"), 64)
	if err != nil {
		w.T.Fatal(err)
	}
	g.Rebalance = &nl.Rebalance{
		Enabled: true, OnNodeJoin: !has(l, "no-join"), Interval: w.duration(set(l, "every", "1h")),
		MaxParallel: w.number(set(l, "moves", "1")), MinGain: gain,
	}
}

// eval: job=, status=, trigger=.
func (w *World) eval(l script.Line) {
	e := &nl.Eval{
		ID: l.Args[0], Namespace: "default", JobID: l.Set["job"], Status: set(l, "status", nl.EvalStatusComplete),
		TriggeredBy: set(l, "trigger", nl.TriggerJobRegister), CreateTime: w.Now.UnixNano(), ModifyTime: w.Now.UnixNano(),
	}
	if j := w.S.Job("default", e.JobID); j != nil {
		e.Type = j.Type
	}
	w.Apply(&op.UpsertEvals{Evals: []*nl.Eval{e}})
}

// deployment: job=, status=, total=, canaries=, promoted, auto-promote,
// auto-revert, deadline=.
func (w *World) deployment(l script.Line) {
	j := w.S.Job("default", l.Set["job"])
	w.Apply(&op.ApplyPlans{Plans: []*op.PlanDelta{{Time: w.Now.UnixNano(), Deployment: &nl.Deployment{
		ID: l.Args[0], Namespace: "default", JobID: j.ID, JobVersion: j.Version, JobCreateIndex: j.CreateIndex,
		Status: set(l, "status", nl.DeploymentStatusRunning), EvalPriority: 50, ModifyTime: w.Now.UnixNano(),
		TaskGroups: map[string]*nl.DeploymentState{"g": {
			DesiredTotal: w.number(set(l, "total", "1")), DesiredCanaries: w.number(set(l, "canaries", "0")),
			Promoted: has(l, "promoted"), AutoPromote: has(l, "auto-promote"), AutoRevert: has(l, "auto-revert"),
			ProgressDeadline: w.duration(set(l, "deadline", "10m")),
		}},
	}}}})
}

// alloc: job=, node=, version=, eval=, deployment=, desired=, canary, and what
// update knows.
func (w *World) alloc(l script.Line) {
	j := w.S.Job("default", l.Set["job"])
	if v := l.Set["version"]; v != "" {
		j = w.S.JobVersion("default", l.Set["job"], uint64(w.number(v)))
	}
	a := &nl.Alloc{
		ID: l.Args[0], Name: l.Args[0], Namespace: "default", JobID: j.ID, Job: j, JobVersion: j.Version, TaskGroup: "g",
		NodeID: l.Set["node"], EvalID: l.Set["eval"], DeploymentID: l.Set["deployment"],
		DesiredStatus: set(l, "desired", nl.AllocDesiredRun), ClientStatus: nl.AllocClientPending,
	}
	if previous := l.Set["previous"]; previous != "" {
		a.Amend().PreviousAllocation = previous
	}
	if has(l, "canary") {
		a.DeploymentStatus = &nl.AllocDeploymentStatus{Canary: true}
	}
	for _, t := range j.Group("g").Tasks {
		a.AllocatedResources = &nl.AllocatedResources{Tasks: map[string]*nl.AllocatedTaskResources{t.Name: {
			Cpu: nl.AllocatedCpuResources{CpuShares: int64(t.Resources.CPU)}, Memory: nl.AllocatedMemoryResources{MemoryMB: t.Resources.MemoryMB},
		}}}
	}
	w.Apply(&op.ApplyPlans{Plans: []*op.PlanDelta{{Time: w.Now.UnixNano(), Place: []*nl.Alloc{a}}}})
	w.update(a.ID, l)
}

// update: client= and healthy=yes|no, as the node tells them, and desired=, as
// the scheduler does.
func (w *World) update(id string, l script.Line) {
	u := &nl.AllocUpdate{ID: id, ClientStatus: set(l, "client", w.S.Alloc(id).ClientStatus)}
	if healthy := l.Set["healthy"]; healthy != "" {
		is := healthy == "yes"
		u.DeploymentStatus = &nl.AllocDeploymentStatus{Healthy: &is, Timestamp: nl.Time{Time: w.Now}}
	}
	if u.ClientStatus != w.S.Alloc(id).ClientStatus || u.DeploymentStatus != nil {
		w.Apply(&op.UpdateAllocs{Updates: []*nl.AllocUpdate{u}, Time: w.Now.UnixNano()})
	}
	if desired := l.Set["desired"]; desired != "" && desired != w.S.Alloc(id).DesiredStatus {
		w.Apply(&op.ApplyPlans{Plans: []*op.PlanDelta{{Time: w.Now.UnixNano(), Stop: []nl.AllocStop{{AllocID: id, Desired: desired}}}}})
	}
}
