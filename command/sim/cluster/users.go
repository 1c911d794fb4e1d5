package cluster

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nomadlike/nomadlike/command/sim/check"
	"github.com/nomadlike/nomadlike/command/sim/work"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

const (
	userTimeout = 8 * time.Second
	// triesMax bounds how often a user repeats what nobody answered.
	triesMax = 20
	// retryPause is how long a user waits before that.
	retryPause = time.Second
)

// users do the steps of the work list through the API, from any server.
type users struct {
	c      *Cluster
	random *rand.Rand
	storms int
	// queue holds steps that wait for those before them, in steady runs.
	queue []func(done func())
	busy  bool
}

func newUsers(c *Cluster) users { return users{c: c, random: c.w.Random(purposeUsers)} }

// do does one step.
func (c *Cluster) do(s *work.Step) {
	if c.settling {
		return
	}
	if s.Fault() {
		c.w.Tracef("%v", s)
		c.stroke(s)
		return
	}
	if !c.cfg.Steady {
		c.user(s, func() {})
		return
	}
	c.users.queue = append(c.users.queue, func(done func()) { c.user(s, done) })
	c.users.next()
}

// next does the next step of a steady run.
func (u *users) next() {
	if u.busy || len(u.queue) == 0 {
		return
	}
	do := u.queue[0]
	u.queue = u.queue[1:]
	u.busy = true
	do(func() {
		u.busy = false
		u.next()
	})
}

func (u *users) heal() { u.storms = 0 }

// user makes the call of a step.
func (c *Cluster) user(s *work.Step, done func()) {
	if s.Verb == work.Join {
		if n := c.clients[s.Node]; !n.up && n.life == 0 && !n.gone {
			n.join()
		}
		done()
		return
	}
	k, ok := c.request(s)
	c.w.Tracef("%v", s)
	if !ok {
		done()
		return
	}
	c.try(s, k, triesMax, done)
}

// try makes a call until somebody answers.
func (c *Cluster) try(s *work.Step, k call, left int, done func()) {
	begun := c.w.Now()
	retry := func() {
		if left == 0 || c.settling && !c.cfg.Steady && s.ID >= 0 {
			done()
			return
		}
		c.w.After(retryPause, func() { c.try(s, k, left-1, done) })
	}
	made := k
	made.done = func(reply any, err error) {
		switch {
		case err == nil:
			if r, ok := reply.(*query.JobReply); ok {
				c.observe(check.Read{At: c.w.Now(), Begun: begun, Key: work.JobID(s.Job), Index: r.Index})
			}
			c.w.Tracef("step %d is done", s.ID)
			done()
		case s.Verb == work.ReadJob:
			done()
		case transient(err) || c.cfg.Steady && s.Verb == work.Scale:
			retry()
		default:
			c.w.Tracef("step %d is refused: %v", s.ID, err)
			done()
		}
	}
	c.send(userPlace, c.users.random.IntN(len(c.servers)), userTimeout, made)
}

// transient tells whether it makes sense to repeat a call.
func transient(err error) bool {
	code := nl.CodeOf(err)
	return code == nl.CodeUnavailable || code == nl.CodeInternal && (err.Error() == errLost.Error() || err.Error() == errDown.Error()) ||
		err == errLost || err == errDown || err.Error() == "No cluster leader"
}

// request is the call of a step; ok is false when it makes no sense now.
func (c *Cluster) request(s *work.Step) (k call, ok bool) {
	id, in := work.JobID(s.Job), nl.WriteOptions{Namespace: work.Namespace(s.Job)}
	switch s.Verb {
	case work.Register:
		job, err := work.Build(s.Job, s.Seed, c.cfg.Steady)
		c.must(err)
		return to[nl.JobRegisterResponse]("Job.Register", &query.JobRegister{Job: job}), err == nil
	case work.Scale:
		return to[nl.JobRegisterResponse]("Job.Scale", &query.JobScale{WriteOptions: in, ID: id, Group: work.Group, Count: &s.N}), true
	case work.Stop, work.Purge:
		return to[nl.JobDeregisterResponse]("Job.Deregister", &query.JobDeregister{WriteOptions: in, ID: id, Purge: s.Verb == work.Purge}), true
	case work.Dispatch:
		return to[nl.JobDispatchResponse]("Job.Dispatch", &query.JobDispatch{WriteOptions: in, ID: id, IdempotencyToken: fmt.Sprint(s.ID)}), true
	case work.Evaluate:
		return to[nl.JobRegisterResponse]("Job.Evaluate", &query.JobEvaluate{WriteOptions: in, ID: id, ForceReschedule: s.Flag}), true
	case work.PeriodicNow:
		return to[query.EvalCreated]("Job.PeriodicForce", &query.JobPeriodicForce{WriteOptions: in, ID: id}), true
	case work.ReadJob:
		return to[query.JobReply]("Job.Get", &query.JobGet{QueryOptions: nl.QueryOptions{Namespace: in.Namespace}, ID: id}), true
	case work.Collect:
		return to[query.Written]("System.GC", &query.SystemGC{}), true
	case work.EditQuota:
		return to[query.Written]("Quota.Upsert", &query.QuotaUpsert{Quota: work.BuildQuota(s.N)}), true
	}
	if l := c.leader(); l != nil {
		return c.request2(s, l.store.Snapshot())
	}
	return k, false
}

// request2 is request for steps that a user looks something up for.
func (c *Cluster) request2(s *work.Step, state *store.Snapshot) (k call, ok bool) {
	id, namespace := work.JobID(s.Job), work.Namespace(s.Job)
	in := nl.WriteOptions{Namespace: namespace}
	job := state.Job(namespace, id)
	switch s.Verb {
	case work.Revert:
		if job == nil || job.Version == 0 {
			return k, false
		}
		return to[nl.JobRegisterResponse]("Job.Revert", &query.JobRevert{WriteOptions: in, ID: id, Version: job.Version - 1}), true
	case work.Promote, work.FailDeploy, work.Pause:
		d := state.LatestDeployment(namespace, id)
		if d == nil || !d.Active() {
			return k, false
		}
		verb := map[string]string{work.Promote: "Promote", work.FailDeploy: "Fail", work.Pause: "Pause"}[s.Verb]
		return to[nl.DeploymentUpdateResponse]("Deployment."+verb, &query.DeploymentChange{WriteOptions: in, ID: d.ID, All: true, Pause: true}), true
	case work.StopAlloc:
		a := nth(state, namespace, id, s.N)
		if a == nil {
			return k, false
		}
		return to[query.AllocStopped]("Alloc.Stop", &query.AllocStop{WriteOptions: in, ID: a.ID}), true
	}
	n := c.clients[s.Node]
	change := &query.NodeChange{ID: n.nodeID}
	switch s.Verb {
	case work.Drain:
		change.Drain = &nl.DrainSpec{Deadline: s.For, IgnoreSystemJobs: s.Flag}
		return to[nl.NodeDrainUpdateResponse]("Node.Drain", change), true
	case work.DrainOff:
		change.MarkEligible = true
		return to[nl.NodeDrainUpdateResponse]("Node.Drain", change), true
	case work.Eligible, work.Ineligible:
		change.Eligibility = map[string]string{work.Eligible: nl.NodeEligible, work.Ineligible: nl.NodeIneligible}[s.Verb]
		return to[nl.NodeEligibilityUpdateResponse]("Node.Eligibility", change), true
	case work.PurgeNode:
		return to[nl.NodeUpdateResponse]("Node.Purge", change), true
	}
	c.fail(fmt.Errorf("nobody knows how to do %v", s))
	return k, false
}

// to is a call with a reply of type R.
func to[R any](method string, req any) call {
	return call{method: method, req: req, reply: func() any { return new(R) }}
}

// nth is one of the running allocations of a job, in the order of their names
// so that it depends on chance as little as it can; nil when there is none.
func nth(state *store.Snapshot, namespace, job string, n int) *nl.Alloc {
	var best *nl.Alloc
	count := 0
	for a := range state.AllocsByJob(namespace, job) {
		if !a.Terminal() {
			count++
		}
	}
	if count == 0 {
		return nil
	}
	var names []*nl.Alloc
	for a := range state.AllocsByJob(namespace, job) {
		if !a.Terminal() {
			names = append(names, a)
		}
	}
	for _, a := range names {
		before := 0
		for _, b := range names {
			if b.Name < a.Name || b.Name == a.Name && b.CreateIndex < a.CreateIndex {
				before++
			}
		}
		if before == n%count {
			best = a
		}
	}
	return best
}
