package campaign

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"

	"github.com/nomadlike/nomadlike/command/sim/work"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// tuning is what an operator may set, and what must not matter in the end.
type tuning struct{ servers, workers, planBatch, snapshotEvery int }

func (t tuning) String() string {
	return fmt.Sprintf("%d servers, %d workers, %d plans an entry, a snapshot every %d entries", t.servers, t.workers, t.planBatch, t.snapshotEvery)
}

// tunings cover the ends of every range.
func tunings() []tuning {
	return []tuning{{1, 1, 1, 10_000}, {3, 8, 64, 10}, {5, 3, 8, 200}, {3, 1, 64, 1000}, {1, 8, 2, 50}}
}

// Metamorphic runs the work of a seed under several tunings; all must settle to
// the same jobs, counts and statuses. Only faults that do not decide what users
// get done are allowed to differ between the runs: the work is done step by
// step, each repeated until it is acknowledged.
func Metamorphic(seed uint64, o Options) error {
	base := Draw(seed, o)
	plan := work.Plan{Nodes: base.Nodes, Steps: 20, Span: base.Span, Steady: true}
	steps := keep(work.Draw(plan, rand.New(rand.NewPCG(seed, purposeSteps))), o.Keep)
	want, first := "", tuning{}
	for i, t := range tunings() {
		c := base
		c.Servers, c.Workers, c.PlanBatch, c.SnapshotEvery = t.servers, t.workers, t.planBatch, t.snapshotEvery
		c.Quota = 0 // who comes first has room
		c.Steady, c.Steps = true, append([]work.Step(nil), steps...)
		c.Faults = work.Faults{Clock: o.Faults.Clock}
		r := Run(c, nil)
		if r.Err != nil {
			return fmt.Errorf("with %v: %w", t, r.Err)
		}
		got := Outcome(r.Final, o.Faults.Clock)
		if i == 0 {
			want, first = got, t
			continue
		}
		if got != want {
			return fmt.Errorf("other tunings settle to another state\nwith %v:\n%swith %v:\n%s", first, want, t, got)
		}
	}
	return nil
}

// Outcome is what users see in the end, without what depends on who came first:
// how far a deployment and what runs to its end were when their job was stopped
// or changed; what jobs on every node have on those that are not eligible, which
// depends on what came there before; and, where the clocks of servers differ,
// what the leader's clock started before a periodic job was changed.
func Outcome(s *store.Snapshot, clocks bool) string {
	if s == nil {
		return "there is no leader\n"
	}
	var lines []string
	for j := range s.Jobs(nl.AllNamespaces, "") {
		if parent := s.Job(j.Namespace, j.ParentID); clocks && parent != nil && parent.IsPeriodic() {
			continue
		}
		line := fmt.Sprintf("job %s version %d %s stopped %v", j.ID, j.Version, j.Status, j.Stop)
		for _, g := range j.TaskGroups {
			by := map[string]int{}
			for a := range s.AllocsByJob(j.Namespace, j.ID) {
				if n := s.Node(a.NodeID); j.Type == nl.JobTypeSystem && n != nil && !n.Ready() {
					continue
				}
				done := j.Type == nl.JobTypeBatch && a.ClientStatus == nl.AllocClientComplete && !a.TerminalDesired() && a.JobVersion == j.Version
				if !a.Terminal() || done {
					by[a.ClientStatus]++
				}
			}
			line += fmt.Sprintf(", group %s count %d: running %d, complete %d", g.Name, g.Count, by[nl.AllocClientRunning], by[nl.AllocClientComplete])
		}
		if d := s.LatestDeployment(j.Namespace, j.ID); d != nil && d.JobVersion == j.Version && !j.Stop {
			line += ", deployment " + d.Status
		}
		lines = append(lines, line)
	}
	for n := range s.Nodes() {
		lines = append(lines, fmt.Sprintf("node %s %s %s", n.Name, n.Status, n.SchedulingEligibility))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n") + "\n"
}
