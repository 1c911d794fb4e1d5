package sched

import (
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/capacity"
	"github.com/nomadlike/nomadlike/nomadlike/expr"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/sched/rank"
	"github.com/nomadlike/nomadlike/nomadlike/sched/reconcile"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// run is one evaluation being decided.
type run struct {
	snapshot *store.Snapshot
	eval     *nl.Eval
	in       Input
	job      *nl.Job // nil when it is gone
	config   *nl.SchedulerConfiguration
	random   *rand.Rand
	plan     *nl.Plan

	allocs []*nl.Alloc // of the job
	nodes  map[string]*onNode
	spare  chunk[onNode]
	fits   chunk[fit.Node]
	// allocsOn and restFreed are asked by nodes, see newFit.
	allocsOn  func(node string) iter.Seq[*nl.Alloc]
	restFreed func(*fit.Node)
	clusters  map[string]*cluster
	regions   map[string]*region
	turn      capacity.Turn
	capacity  capacity.Index  // with what the plan changes, see standing
	stood     int             // how many of the changes are in it
	whole     bool            // every node is looked at, whatever is asked for
	refused   map[string]bool // nodes that are left out, see Input
	gone      idSet           // allocations that the plan takes off their nodes
	placed    idSet           // allocations that the plan places
	ids       ids             // of what it places

	placers     map[placerKey]*placer
	sociable    []*placer // those whose group has conditions on other allocations
	changes     []change
	queued      map[string]int
	freed       bool // something moved since the last try
	failures    map[string]*nl.AllocMetric
	held        map[string]*held // groups of which nothing may be placed
	victimsOf   []*nl.Alloc      // evicted so far
	evictedOf   map[groupKey]int
	failedNodes []string // of jobs that run on every node
	allowance   *allowance
}

// nodeCount is how many allocations of the job are on a node.
type nodeCount struct {
	job   int
	first groupCount
	more  []groupCount // of further groups, mostly none
}

type groupCount struct {
	name  string
	count int
}

func (c *nodeCount) of(group string) int {
	if c.first.name == group {
		return c.first.count
	}
	for i := range c.more {
		if c.more[i].name == group {
			return c.more[i].count
		}
	}
	return 0
}

func (c *nodeCount) add(group string, by int) {
	c.job += by
	if c.first.name == "" {
		c.first.name = group
	}
	if c.first.name == group {
		c.first.count += by
		return
	}
	for i := range c.more {
		if c.more[i].name == group {
			c.more[i].count += by
			return
		}
	}
	c.more = append(c.more, groupCount{group, by})
}

type placerKey struct {
	group   string
	version uint64
}

func newRun(s *store.Snapshot, e *nl.Eval, in Input) *run {
	job := s.Job(e.Namespace, e.JobID)
	if job != nil && !job.Stop && job.Type != e.Type {
		// It was made for a job that was purged; another type has the name now.
		e = e.Copy()
		e.Type = job.Type
	}
	r := &run{
		snapshot: s, eval: e, in: in, job: job, config: s.SchedulerConfig(),
		random:   rand.New(rand.NewPCG(in.Seed, portStream)),
		nodes:    map[string]*onNode{},
		clusters: map[string]*cluster{}, regions: map[string]*region{},
		turn: capacity.NewTurn(in.Seed), capacity: s.Capacity(),
		whole:   e.Type == nl.JobTypeSystem || e.Type == nl.JobTypeSysBatch,
		placers: map[placerKey]*placer{}, queued: map[string]int{}, failures: map[string]*nl.AllocMetric{},
		evictedOf: map[groupKey]int{}, refused: map[string]bool{},
		allocsOn: s.AllocsByNode,
	}
	r.restFreed = r.restOn
	if r.config == nil {
		r.config = &nl.SchedulerConfiguration{}
	}
	if !r.whole {
		for _, id := range in.Refused {
			r.refused[id] = true
		}
	}
	r.allowance = newAllowance(s, e.Namespace, r.job)
	r.plan = &nl.Plan{
		EvalID: e.ID, Priority: e.Priority, SnapshotIndex: s.Index(), Job: r.job,
		AllAtOnce: r.job != nil && r.job.AllAtOnce,
	}
	for a := range s.AllocsByJob(e.Namespace, e.JobID) {
		r.allocs = append(r.allocs, a)
		if !a.Terminal() {
			r.addCount(a.NodeID, a.TaskGroup, +1)
		}
	}
	return r
}

func (r *run) addCount(node, group string, by int) {
	r.on(node).add(group, by)
}

func (r *run) count(group, node string) int {
	if n := r.nodes[node]; n != nil {
		return n.of(group)
	}
	return 0
}

func (r *run) jobCount(node string) int {
	if n := r.nodes[node]; n != nil {
		return n.job
	}
	return 0
}

// elapsed is never 0: the API shows a time for every placement.
func (r *run) elapsed() time.Duration {
	if r.in.Elapsed == nil {
		return 1
	}
	return max(r.in.Elapsed(), 1)
}

// poolConfig is the scheduler configuration of the job's pool, nil when it has
// none of its own.
func (r *run) poolConfig(job *nl.Job) *nl.NodePoolSchedulerConfiguration {
	if p := r.snapshot.NodePool(job.NodePool); p != nil {
		return p.SchedulerConfiguration
	}
	return nil
}

func (r *run) algorithm(job *nl.Job) rank.Algorithm {
	name := r.config.SchedulerAlgorithm
	if c := r.poolConfig(job); c != nil && c.SchedulerAlgorithm != "" {
		name = c.SchedulerAlgorithm
	}
	if name == "spread" {
		return rank.Even
	}
	return rank.Pack
}

func (r *run) oversubscription(job *nl.Job) bool {
	if c := r.poolConfig(job); c != nil && c.MemoryOversubscriptionEnabled != nil {
		return *c.MemoryOversubscriptionEnabled
	}
	return r.config.MemoryOversubscriptionEnabled
}

func (r *run) preemption() bool {
	switch r.eval.Type {
	case nl.JobTypeSystem:
		return r.config.PreemptionConfig.SystemSchedulerEnabled
	case nl.JobTypeSysBatch:
		return r.config.PreemptionConfig.SysBatchSchedulerEnabled
	case nl.JobTypeBatch:
		return r.config.PreemptionConfig.BatchSchedulerEnabled
	}
	return r.config.PreemptionConfig.ServiceSchedulerEnabled
}

// generic decides for service and batch jobs.
func (r *run) generic() (*Outcome, error) {
	result := reconcile.Run(r.reconcileInput())
	r.applyResult(result)
	if err := r.place(result); err != nil {
		return nil, err
	}
	if gang := r.broken(); gang != nil {
		return r.without(gang, result)
	}
	return r.finish(result), nil
}

// template tells that the job runs only through its children.
func (r *run) template() bool {
	return r.job != nil && !r.job.Stop && (r.job.IsPeriodic() || r.job.IsParameterized())
}

// outlived tells that the evaluation was made for a job that was purged: what is
// there now has evaluations of its own, and what this one placed would be
// dropped. Only a template has none.
func (r *run) outlived() bool {
	return r.job != nil && !r.job.Stop && !r.template() && r.eval.CreateIndex > 0 && r.eval.CreateIndex < r.job.CreateIndex
}

func (r *run) reconcileInput() reconcile.Input {
	job := r.job
	if r.template() {
		job = nil // what is there under its name is of a job that was purged
	}
	return reconcile.Input{
		Job: job, Namespace: r.eval.Namespace, ID: r.eval.JobID, Type: r.eval.Type,
		Allocs: r.allocs, Node: r.info, Eval: r.snapshot.Eval,
		Deployment: r.snapshot.LatestDeployment(r.eval.Namespace, r.eval.JobID),
		EvalID:     r.eval.ID, EvalPriority: r.eval.Priority, JobModifyIndex: r.eval.JobModifyIndex,
		Now: r.in.Now, NewID: r.in.NewID, InPlace: r.inPlace,
	}
}

// inPlace tells whether an allocation may stay on its node as the group now is:
// the node must still be feasible and must still have room.
func (r *run) inPlace(a *nl.Alloc, g *nl.Group) bool {
	n := r.node(a.NodeID)
	if n == nil {
		return false
	}
	p, err := r.placer(r.job, g)
	if err != nil {
		return false
	}
	return inPool(n.Info, r.job.NodePool) && expr.GlobAny(r.job.Datacenters, n.Info.Datacenter) &&
		p.checks.Node(n.Info) == "" && r.stays(a, p)
}

// applyResult puts what needs no node into the plan.
func (r *run) applyResult(result *reconcile.Result) {
	byID := map[string]*nl.Alloc{}
	if len(result.Stop) > 0 {
		byID = make(map[string]*nl.Alloc, len(r.allocs))
		for _, a := range r.allocs {
			byID[a.ID] = a
		}
	}
	for i := range result.Stop {
		stop := &result.Stop[i]
		r.plan.Stop = append(r.plan.Stop, *stop)
		if a := byID[stop.AllocID]; a != nil && !a.Terminal() && stop.Desired != nl.AllocDesiredRun {
			r.leave(a)
		}
	}
	// A plan holds one form of an allocation: what is both rewritten and updated
	// is written once.
	rewritten := make(map[string]*nl.Alloc, len(result.Rewrite))
	for _, a := range result.Rewrite {
		rewritten[a.ID] = a
		r.plan.Place = append(r.plan.Place, a)
	}
	for _, a := range result.InPlace {
		next := rewritten[a.ID]
		if next == nil {
			next = a.Copy()
			r.plan.Place = append(r.plan.Place, next)
		}
		next.Job, next.JobVersion = r.job, r.job.Version
		next.EvalID = r.eval.ID
		next.DeploymentID, next.DeploymentStatus = "", nil
		if d := result.Current; d != nil && d.Active() {
			next.DeploymentID = d.ID
		}
	}
	r.plan.Deployment = result.Deployment
	r.plan.DeploymentUpdates = result.DeploymentUpdates
}

// leave takes an allocation of the job off its node.
func (r *run) leave(a *nl.Alloc) {
	r.remove(a)
	r.moved(a, -1)
}

// comeBack undoes leave.
func (r *run) comeBack(a *nl.Alloc) {
	r.restore(a)
	r.moved(a, +1)
}

// release looks again at nodes that were left out because of others.
func (p *placer) release() {
	if !p.ready || len(p.properties) == 0 && len(p.ask.Group.Volumes) == 0 {
		return
	}
	for _, c := range p.candidates {
		if c.static == "" && c.filtered != "" {
			p.touch(c.node.Info.ID)
		}
	}
}

func (r *run) sortedPlacers() []*placer {
	out := make([]*placer, 0, len(r.placers))
	for _, p := range r.placers {
		out = append(out, p)
	}
	if len(out) > 1 {
		slices.SortFunc(out, func(a, b *placer) int {
			if a.ask.Group.Name != b.ask.Group.Name {
				if a.ask.Group.Name < b.ask.Group.Name {
					return -1
				}
				return 1
			}
			return int(a.ask.Job.Version) - int(b.ask.Job.Version)
		})
	}
	return out
}

func (r *run) placer(job *nl.Job, g *nl.Group) (*placer, error) {
	key := placerKey{g.Name, job.Version}
	if p := r.placers[key]; p != nil {
		p.catchUp()
		return p, nil
	}
	p, err := r.newPlacer(job, g)
	if err != nil {
		return nil, err
	}
	r.placers[key] = p
	if len(p.company) > 0 {
		r.sociable = append(r.sociable, p)
	}
	return p, nil
}
