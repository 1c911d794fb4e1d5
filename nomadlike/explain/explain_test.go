package explain_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/explain"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/script"
	"github.com/nomadlike/nomadlike/nomadlike/script/world"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

var _ = flag.Bool("rewrite", false, "write what the scripts print into them")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestScripts knows, beside the lines of package world:
//
//	explain JOB [plan]    what is told of the job
//	why ALLOC             of the allocation
//	eval-why EVAL         of the evaluation; last is the one that was scheduled
//	schedule JOB          decides and commits
//	pause-broker          in the scheduler configuration
func TestScripts(t *testing.T) {
	script.Run(t, "testdata/*.txt", func(t *testing.T) func(script.Line) string {
		return (&subject{World: world.New(t)}).do
	})
}

type subject struct {
	*world.World
	ids  int
	last string // evaluation that was scheduled
}

func (s *subject) newID() string {
	s.ids++
	return fmt.Sprintf("x%d", s.ids)
}

func (s *subject) input() explain.Input {
	return explain.Input{Input: sched.Input{Now: s.Now, NewID: s.newID, Seed: 1}}
}

func (s *subject) do(l script.Line) string {
	switch l.Verb {
	case "explain":
		return s.explain(l)
	case "why":
		return s.why(l.Args[0])
	case "eval-why":
		if l.Args[0] == "last" {
			return s.evalWhy(s.last)
		}
		return s.evalWhy(l.Args[0])
	case "schedule":
		s.schedule(l.Args[0])
	case "pause-broker":
		c := *s.S.SchedulerConfig()
		c.PauseEvalBroker = true
		s.Apply(&op.SetSchedulerConfig{Config: &c})
	default:
		if !s.Do(l) {
			s.T.Fatalf("unknown line %q", l.Verb)
		}
	}
	return ""
}

func (s *subject) schedule(job string) {
	s.T.Helper()
	j := s.S.Job("default", job)
	e := &nl.Eval{ID: s.newID(), Namespace: "default", JobID: job, Type: j.Type, Priority: j.Priority, TriggeredBy: nl.TriggerJobRegister,
		Status: nl.EvalStatusPending, CreateTime: s.Now.UnixNano(), ModifyTime: s.Now.UnixNano()}
	s.last = e.ID
	s.Apply(&op.UpsertEvals{Evals: []*nl.Eval{e}})
	out, err := sched.Schedule(s.S, s.S.Eval(e.ID), s.input().Input)
	if err != nil {
		s.T.Fatal(err)
	}
	s.Apply(&op.ApplyPlans{Plans: []*op.PlanDelta{store.PlanDelta(out.Plan, s.Now.UnixNano())}})
}

func (s *subject) explain(l script.Line) string {
	s.T.Helper()
	before := s.S.Index()
	var x *nl.JobExplanation
	var err error
	if len(l.Args) > 1 {
		j := s.S.Job("default", l.Args[0])
		e := &nl.Eval{ID: s.newID(), Namespace: "default", JobID: j.ID, Type: j.Type, TriggeredBy: nl.TriggerJobRegister, Status: nl.EvalStatusPending}
		_, x, err = explain.Plan(s.S, e, s.input())
	} else {
		x, err = explain.Job(s.S, "default", l.Args[0], s.input())
	}
	if err != nil {
		s.T.Fatal(err)
	}
	if s.S.Index() != before {
		s.T.Error("explaining has changed the state")
	}
	if x == nil {
		return "nothing"
	}
	lines := []string{x.Summary}
	if x.Waiting {
		lines[0] = "waiting: " + x.Summary
	}
	lines = append(lines, reasons("", x.Reasons)...)
	for _, g := range x.Groups {
		lines = append(lines, fmt.Sprintf("group %s: %s", g.Name, g.Summary))
		lines = append(lines, reasons("  ", g.Reasons)...)
		if g.Failure != nil {
			lines = append(lines, fmt.Sprintf("  failed at %d: %d without a place", g.Failure.Index, g.Failure.Count))
		}
		for _, p := range g.Placed {
			lines = append(lines, fmt.Sprintf("  placed %s on %s at %d: %s", p.AllocID, p.NodeName, p.Index, p.Why))
		}
		if g.PlacedMore > 0 {
			lines = append(lines, fmt.Sprintf("  placed %d more", g.PlacedMore))
		}
	}
	return strings.Join(lines, "\n")
}

func reasons(indent string, list []*nl.ExplainReason) []string {
	var out []string
	for _, r := range list {
		line := fmt.Sprintf("%s%s: %s", indent, r.Kind, r.Text)
		out = append(out, line)
	}
	return out
}

func (s *subject) why(id string) string {
	x := explain.Alloc(s.S, id, s.input())
	if x == nil {
		return "nothing"
	}
	return strings.Join(append([]string{x.Summary}, reasons("", x.Reasons)...), "\n")
}

func (s *subject) evalWhy(id string) string {
	x, err := explain.Eval(s.S, id, s.input())
	if err != nil {
		s.T.Fatal(err)
	}
	if x == nil {
		return "nothing"
	}
	lines := append([]string{x.Summary}, reasons("", x.Reasons)...)
	for _, f := range x.Failures {
		lines = append(lines, fmt.Sprintf("%d without a place at %d", f.Count, f.Index))
	}
	for _, p := range x.Placed {
		lines = append(lines, fmt.Sprintf("placed %s on %s", p.Name, p.NodeName))
	}
	if x.Now != nil {
		lines = append(lines, "now: "+x.Now.Summary)
	}
	return strings.Join(lines, "\n")
}
