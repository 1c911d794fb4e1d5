package rebalance

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/script"
	"github.com/nomadlike/nomadlike/nomadlike/script/world"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

var _ = flag.Bool("rewrite", false, "write what the scripts print into them")

// cluster is a world whose scheduler and nodes do what they are told.
type cluster struct {
	*world.World
	b     *Balancer
	moves int
}

func newCluster(t *testing.T) *cluster { return &cluster{World: world.New(t), b: New()} }

// TestScripts runs the scripts. Beside the verbs of worlds they know:
//
//	step          one step of the balancer
//	settle [sick] the scheduler works, then the nodes do: what starts becomes
//	              healthy, or with sick only runs
//	follow D      steps and settles whenever there is something to do, for so long;
//	              prints every move
//	where         allocations by node
//	algorithm A   of the scheduler
func TestScripts(t *testing.T) {
	script.Run(t, "testdata/*.txt", func(t *testing.T) func(script.Line) string {
		c := newCluster(t)
		return func(l script.Line) string {
			switch {
			case c.Do(l):
			case l.Verb == "step":
				return c.Step(c.b.Step(c.Now, c.S, c.NewID))
			case l.Verb == "settle":
				c.settle(len(l.Args) == 0)
			case l.Verb == "follow":
				return strings.Join(c.follow(duration(t, l.Args[0])), "\n")
			case l.Verb == "where":
				return c.where()
			case l.Verb == "algorithm":
				config := *c.S.SchedulerConfig()
				config.SchedulerAlgorithm = l.Args[0]
				c.Apply(&op.SetSchedulerConfig{Config: &config})
			case l.Verb == "leads":
				c.b = New()
			default:
				t.Fatalf("unknown verb %q", l.Verb)
			}
			return ""
		}
	})
}

func duration(t *testing.T, s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// settle schedules every pending evaluation, then plays the nodes.
func (c *cluster) settle(healthy bool) {
	c.schedule()
	c.play(healthy)
	c.schedule()
	c.play(healthy)
}

func (c *cluster) schedule() {
	var pending []*nl.Eval
	for e := range c.S.Evals(nl.AllNamespaces) {
		if e.Status == nl.EvalStatusPending {
			pending = append(pending, e)
		}
	}
	for _, e := range pending {
		out, err := sched.Schedule(c.S, e, sched.Input{Now: c.Now, NewID: c.NewID, Seed: uint64(len(e.ID))})
		if err != nil {
			c.T.Fatal(err)
		}
		c.Apply(&op.ApplyPlans{Plans: []*op.PlanDelta{store.PlanDelta(out.Plan, c.Now.UnixNano())}})
		c.check()
	}
}

// play is what nodes do: what is to stop ends, what is new runs. An allocation
// that has become healthy has its job looked at, where another waits for it.
func (c *cluster) play(healthy bool) {
	for _, a := range slices.Collect(c.S.Allocs(nl.AllNamespaces)) {
		u := &nl.AllocUpdate{ID: a.ID, ClientStatus: a.ClientStatus}
		switch {
		case a.TerminalClient():
			continue
		case a.TerminalDesired():
			u.ClientStatus = nl.AllocClientComplete
		case !a.Healthy():
			u.ClientStatus = nl.AllocClientRunning
			if healthy {
				u.DeploymentStatus = &nl.AllocDeploymentStatus{Healthy: &healthy, Timestamp: nl.Time{Time: c.Now}}
			}
		default:
			continue
		}
		o := &op.UpdateAllocs{Updates: []*nl.AllocUpdate{u}, Time: c.Now.UnixNano()}
		if before := c.S.Alloc(a.PreviousAllocation()); healthy && before != nil && before.DesiredTransition().Waits() && !before.Terminal() {
			o.Evals = []*nl.Eval{{
				ID: c.NewID(), Namespace: a.Namespace, JobID: a.JobID, Type: a.Job.Type, Priority: 50,
				TriggeredBy: nl.TriggerRebalance, Status: nl.EvalStatusPending,
			}}
		}
		c.Apply(o)
	}
}

// check fails when more of a group is missing than may be on the move.
func (c *cluster) check() {
	c.T.Helper()
	for job := range c.S.Jobs(nl.AllNamespaces, "") {
		g := job.TaskGroups[0]
		healthy, begun := 0, false
		for a := range c.S.AllocsByJob(job.Namespace, job.ID) {
			begun = begun || a.Healthy()
			if !a.Terminal() && a.Healthy() {
				healthy++
			}
		}
		least := g.Count
		if g.Rebalance != nil && !g.StartFirst() {
			least -= g.Rebalance.MaxParallel
		}
		if begun && healthy < least {
			c.T.Errorf("%s: %d of %d are healthy, fewer than %d", job.ID, healthy, g.Count, least)
		}
	}
}

// follow plays for some time, waking when the balancer wants to.
func (c *cluster) follow(d time.Duration) (moved []string) {
	end := c.Now.Add(d)
	for !c.Now.After(end) {
		ops, wake := c.b.Step(c.Now, c.S, c.NewID)
		for _, o := range ops {
			c.Apply(o)
			for id := range o.(*op.TransitionAllocs).Transitions {
				from := c.S.Alloc(id)
				c.settle(true)
				to := c.S.Alloc(c.S.Alloc(id).NextAllocation())
				moved = append(moved, fmt.Sprintf("%s %s: %s to %s", c.Now.Sub(c.Start), from.Name, from.NodeID, to.NodeID))
			}
		}
		switch {
		case len(ops) > 0:
			c.Now = c.Now.Add(time.Second)
		case wake.IsZero() || wake.After(end):
			c.Now = end.Add(time.Nanosecond)
		default:
			c.Now = wake
		}
	}
	c.Now = end
	return moved
}

func (c *cluster) where() string {
	var lines []string
	for n := range c.S.Nodes() {
		var names []string
		for a := range c.S.AllocsByNode(n.ID) {
			if !a.Terminal() {
				names = append(names, a.Name)
			}
		}
		slices.Sort(names)
		lines = append(lines, n.ID+": "+strings.Join(names, " "))
	}
	return strings.Join(lines, "\n")
}

// TestStep_Converges lets clusters of many kinds come to rest: all moves are made
// within hours, and none afterwards.
func TestStep_Converges(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			c := newCluster(t)
			r := rand.New(rand.NewPCG(seed, 3))
			c.random(r)
			if early := len(c.follow(6 * time.Hour)); early > 200 {
				t.Errorf("%d moves", early)
			}
			if late := c.follow(12 * time.Hour); len(late) > 0 {
				t.Errorf("does not come to rest:\n%s", strings.Join(late, "\n"))
			}
		})
	}
}

// random is a cluster of jobs with different wishes, placed while half of its
// nodes were there.
func (c *cluster) random(r *rand.Rand) {
	if r.IntN(2) == 0 {
		config := *c.S.SchedulerConfig()
		config.SchedulerAlgorithm = "spread"
		c.Apply(&op.SetSchedulerConfig{Config: &config})
	}
	node := func(i int) {
		c.Do(line(fmt.Sprintf("node n%02d cpu=%d meta=%c", i, 1000+500*r.IntN(3), 'a'+rune(r.IntN(3)))))
	}
	for i := range 6 {
		node(i)
	}
	for i := range 8 {
		wish := []string{"", "spread", "like=a", "like=b", "spread like=c"}[r.IntN(5)]
		order := []string{"", nl.OrderStartFirst}[r.IntN(2)]
		c.Do(line(fmt.Sprintf("job j%d count=%d cpu=%d rebalance moves=%d %s %s", i, 1+r.IntN(5), 50+25*r.IntN(6), 1+r.IntN(2), order, wish)))
		c.Do(line(fmt.Sprintf("eval first-%d job=j%d status=pending", i, i)))
		c.settle(true)
	}
	c.follow(time.Minute)
	for i := 6; i < 12; i++ {
		node(i)
	}
}

// line parses one line of a script.
func line(text string) script.Line {
	l := script.Line{Set: map[string]string{}}
	for i, f := range strings.Fields(text) {
		key, value, setting := strings.Cut(f, "=")
		switch {
		case i == 0:
			l.Verb = f
		case setting:
			l.Set[key] = value
		default:
			l.Args = append(l.Args, f)
		}
	}
	return l
}
