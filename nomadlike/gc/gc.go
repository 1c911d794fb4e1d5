// Package gc decides what the servers may forget: ended evaluations with their
// allocations, dead jobs, ended deployments, nodes that stay down and keys
// that nothing uses. It is pure. The leader's loop calls Collect with the
// configured ages, and the endpoint for a forced collection with Everything.
package gc

import (
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// collectMax bounds the objects removed by one entry of the log, so that its
// application does not hold up others for long; the next look takes the rest.
const collectMax = 8192

// Ages are how long things are kept after they ended. A zero age is none.
type Ages struct {
	Eval       time.Duration // and its allocations
	BatchEval  time.Duration // the same for batch jobs
	Job        time.Duration // since it was submitted
	Deployment time.Duration
	Node       time.Duration // since it went down
}

// The ages of a cluster that configures none.
const (
	EvalAge       = time.Hour
	BatchEvalAge  = 24 * time.Hour
	JobAge        = 4 * time.Hour
	DeploymentAge = time.Hour
	NodeAge       = 24 * time.Hour
	RootKeyAge    = time.Hour
)

// Default are the ages of a cluster that configures none.
var Default = Ages{Eval: EvalAge, BatchEval: BatchEvalAge, Job: JobAge, Deployment: DeploymentAge, Node: NodeAge}

// Everything is forgotten as soon as it may be.
var Everything = Ages{}

type jobKey struct{ namespace, id string }

// sweep is one look at the state.
type sweep struct {
	now  time.Time
	s    *store.Snapshot
	ages Ages
	out  op.Collect
	size int

	evals  map[string]bool // taken
	allocs map[string]bool // taken
}

// Collect gives what may be forgotten now, nil when there is nothing. What a
// collection takes may free more: the caller asks again.
func Collect(s *store.Snapshot, now time.Time, ages Ages) *op.Collect {
	w := &sweep{now: now, s: s, ages: ages, evals: map[string]bool{}, allocs: map[string]bool{}}
	w.jobs()
	w.evaluations()
	w.deployments()
	w.nodes()
	if w.size == 0 {
		return nil
	}
	return &w.out
}

// older tells whether an instant (unix ns) is at least age ago.
func (w *sweep) older(at int64, age time.Duration) bool {
	return w.now.UnixNano()-at >= int64(age)
}

func (w *sweep) full() bool { return w.size >= collectMax }

// jobs takes dead jobs with everything that belongs to them.
func (w *sweep) jobs() {
	for job := range w.s.Jobs(nl.AllNamespaces, "") {
		if w.full() {
			return
		}
		if w.jobEnded(job) {
			w.job(job)
		}
	}
}

// jobEnded tells whether the job itself may go, if its evaluations may.
func (w *sweep) jobEnded(job *nl.Job) bool {
	if job.Status != nl.JobStatusDead || !w.older(job.SubmitTime, w.ages.Job) {
		return false
	}
	// Those that make others, or run wherever a node comes up, only end by
	// being stopped; so do services, which may have failed for now.
	perpetual := job.IsPeriodic() || job.IsParameterized() || job.Type == nl.JobTypeSystem || job.Type == nl.JobTypeService
	if perpetual && !job.Stop {
		return false
	}
	for _, v := range w.s.JobVersions(job.Namespace, job.ID) {
		if v.VersionTag != nil {
			return false
		}
	}
	return true
}

// job takes the job, its evaluations and allocations, or nothing of it when
// one of them must stay.
func (w *sweep) job(job *nl.Job) {
	var evals, allocs []string
	for a := range w.s.AllocsByJob(job.Namespace, job.ID) {
		if !a.Terminal() || !w.allocOver(a, w.ages.Job) {
			return
		}
		allocs = append(allocs, a.ID)
	}
	for e := range w.s.EvalsByJob(job.Namespace, job.ID) {
		if !e.Terminal() || !w.older(e.ModifyTime, w.ages.Job) {
			return
		}
		evals = append(evals, e.ID)
	}
	for _, id := range evals {
		w.takeEval(id)
	}
	for _, id := range allocs {
		w.takeAlloc(id)
	}
	w.out.Jobs = append(w.out.Jobs, op.JobID{Namespace: job.Namespace, ID: job.ID})
	w.size++
}

func (a Ages) evalAge(evalType string) time.Duration {
	if evalType == nl.JobTypeBatch || evalType == nl.JobTypeSysBatch {
		return a.BatchEval
	}
	return a.Eval
}

// evaluations takes ended evaluations with the allocations they made, whole or
// not at all, and allocations whose evaluation is gone.
func (w *sweep) evaluations() {
	for e := range w.s.Evals(nl.AllNamespaces) {
		if w.full() {
			return
		}
		if w.evals[e.ID] || !e.Terminal() || !w.older(e.ModifyTime, w.ages.evalAge(e.Type)) {
			continue
		}
		w.evaluation(e)
	}
}

func (w *sweep) evaluation(e *nl.Eval) {
	job := w.s.Job(e.Namespace, e.JobID)
	stay := false
	var take []string
	for a := range w.s.AllocsByEval(e.ID) {
		if w.allocs[a.ID] {
			continue
		}
		if w.allocKept(job, a) {
			stay = true
			continue
		}
		take = append(take, a.ID)
	}
	for _, id := range take {
		w.takeAlloc(id)
	}
	if !stay {
		w.takeEval(e.ID)
	}
}

// allocKept tells whether an allocation is needed still.
func (w *sweep) allocKept(job *nl.Job, a *nl.Alloc) bool {
	if !a.Terminal() || !w.allocOver(a, w.allocAge(a)) {
		return true
	}
	alive := job != nil && !job.Stop && a.Job != nil && job.CreateIndex == a.Job.CreateIndex
	if !alive {
		return false
	}
	if job.Type == nl.JobTypeBatch || job.Type == nl.JobTypeSysBatch {
		// Those of the current version tell the scheduler what is done; they go
		// with the job.
		return a.JobVersion == job.Version
	}
	return w.mayBeRescheduled(job, a)
}

func (w *sweep) allocAge(a *nl.Alloc) time.Duration {
	if a.Job == nil {
		return w.ages.Eval
	}
	return w.ages.evalAge(a.Job.Type)
}

// allocOver tells whether an ended allocation is old enough and does not run
// on its node any more.
func (w *sweep) allocOver(a *nl.Alloc, age time.Duration) bool {
	return w.older(a.ModifyTime, age) && (a.TerminalClient() || w.s.Node(a.NodeID) == nil)
}

// mayBeRescheduled tells whether the scheduler still needs a failed allocation
// to know when and how often to replace it.
func (w *sweep) mayBeRescheduled(job *nl.Job, a *nl.Alloc) bool {
	if a.ClientStatus != nl.AllocClientFailed || a.TerminalDesired() || a.NextAllocation() != "" {
		return false
	}
	g := job.Group(a.TaskGroup)
	if g == nil || g.ReschedulePolicy == nil {
		return false
	}
	p := g.ReschedulePolicy
	if p.Unlimited {
		return true
	}
	if p.Attempts == 0 || p.Interval == 0 {
		return false
	}
	if a.RescheduleTracker() == nil || len(a.RescheduleTracker().Events) == 0 {
		return !w.older(a.ModifyTime, p.Interval)
	}
	last := a.RescheduleTracker().Events[len(a.RescheduleTracker().Events)-1]
	return !w.older(last.RescheduleTime, p.Interval)
}

func (w *sweep) takeEval(id string) {
	if !w.evals[id] {
		w.evals[id] = true
		w.out.Evals = append(w.out.Evals, id)
		w.size++
	}
}

func (w *sweep) takeAlloc(id string) {
	if !w.allocs[id] {
		w.allocs[id] = true
		w.out.Allocs = append(w.out.Allocs, id)
		w.size++
	}
}

// deployments takes ended deployments that no live allocation refers to.
func (w *sweep) deployments() {
	for d := range w.s.Deployments(nl.AllNamespaces) {
		if w.full() {
			return
		}
		if d.Active() || !w.older(d.ModifyTime, w.ages.Deployment) || w.referred(d) {
			continue
		}
		w.out.Deployments = append(w.out.Deployments, d.ID)
		w.size++
	}
}

func (w *sweep) referred(d *nl.Deployment) bool {
	for a := range w.s.AllocsByDeployment(d.ID) {
		if !a.Terminal() {
			return true
		}
	}
	return false
}

// nodes takes nodes that have been down for long and hold nothing.
func (w *sweep) nodes() {
	for n := range w.s.Nodes() {
		if w.full() {
			return
		}
		if n.Status != nl.NodeStatusDown || !w.older(n.StatusUpdatedAt*int64(time.Second), w.ages.Node) {
			continue
		}
		if !w.occupied(n) {
			w.out.Nodes = append(w.out.Nodes, n.ID)
			w.size++
		}
	}
}

func (w *sweep) occupied(n *nl.Node) bool {
	for a := range w.s.AllocsByNode(n.ID) {
		if !a.Terminal() {
			return true
		}
	}
	return false
}

// RootKeys gives the ops that remove keys which are no longer active and sign
// or encrypt nothing that is kept.
func RootKeys(s *store.Snapshot, now time.Time, age time.Duration) []op.Op {
	var ops []op.Op
	var used map[string]bool
	for k := range s.RootKeys() {
		if k.Meta.State != StateInactive && k.Meta.State != StateDeprecated {
			continue
		}
		if now.UnixNano()-k.Meta.CreateTime < int64(age) {
			continue
		}
		if used == nil {
			used = keysInUse(s)
		}
		if !used[k.Meta.KeyID] {
			ops = append(ops, &op.DeleteRootKey{KeyID: k.Meta.KeyID})
		}
	}
	return ops
}

// States of root keys that are used no longer.
const (
	StateInactive   = "inactive"
	StateDeprecated = "deprecated"
)

// keysInUse are the keys that signed identities of live allocations and nodes
// or encrypt variables.
func keysInUse(s *store.Snapshot) map[string]bool {
	used := map[string]bool{}
	for a := range s.Allocs(nl.AllNamespaces) {
		if !a.TerminalClient() && a.SigningKeyID != "" {
			used[a.SigningKeyID] = true
		}
	}
	for n := range s.Nodes() {
		if n.IdentitySigningKeyID != "" {
			used[n.IdentitySigningKeyID] = true
		}
	}
	for v := range s.Variables(nl.AllNamespaces, "") {
		if v.KeyID != "" {
			used[v.KeyID] = true
		}
	}
	return used
}
