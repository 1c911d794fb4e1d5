package blocked

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/script"
)

var _ = flag.Bool("rewrite", false, "write what the scripts print into them")

func TestScripts(t *testing.T) {
	script.Run(t, "testdata/*.txt", func(t *testing.T) func(script.Line) string {
		start := time.Unix(1000, 0)
		p := &player{t: t, tracker: New(), start: start, now: start}
		return p.do
	})
}

type player struct {
	t       *testing.T
	tracker *Tracker
	start   time.Time
	now     time.Time
}

func (p *player) do(l script.Line) string {
	switch l.Verb {
	case "block":
		if !p.tracker.Block(p.now, p.eval(l)) {
			return "missed: " + l.Args[0]
		}
	case "remove":
		p.tracker.Remove(l.Args[0])
	case "change":
		return ids(p.tracker.Release(p.now, p.changes(l)))
	case "remember":
		p.tracker.Remember(p.now, p.changes(l))
	case "at":
		d, err := time.ParseDuration(l.Args[0])
		if err != nil {
			p.t.Fatal(err)
		}
		p.now = p.start.Add(d)
		return ids(p.tracker.Tick(p.now))
	case "wake":
		if wake := p.tracker.Wake(); !wake.IsZero() {
			return wake.Sub(p.start).String()
		}
		return "never"
	case "excess":
		return ids(p.tracker.TakeExcess(10))
	case "held":
		return ids(p.tracker.Evals())
	case "stats":
		return fmt.Sprintf("%+v", p.tracker.Stats())
	default:
		p.t.Fatalf("unknown verb %q", l.Verb)
	}
	return ""
}

func (p *player) number(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

func (p *player) changes(l script.Line) Changes {
	c := Changes{Classes: map[string]bool{}, Nodes: map[string]bool{}, Quotas: map[string]bool{}, Placed: map[Job]bool{}, Volumes: map[string]bool{}}
	for key, value := range l.Set {
		switch key {
		case "class":
			c.Classes[value] = true
		case "node":
			c.Nodes[value] = true
		case "quota":
			c.Quotas[value] = true
		case "placed":
			namespace, id, _ := strings.Cut(value, "/")
			c.Placed[Job{namespace, id}] = true
		case "volume":
			c.Volumes[VolumeKey("default", value)] = true
		case "index":
			c.Index = p.number(value)
		default:
			p.t.Fatalf("unknown setting %q", key)
		}
	}
	return c
}

// eval reads: yes and no list the classes found eligible and not.
func (p *player) eval(l script.Line) *nl.Eval {
	e := &nl.Eval{
		ID: l.Args[0], Namespace: "default", JobID: "job-" + l.Args[0], Type: "service",
		Status: nl.EvalStatusBlocked, TriggeredBy: nl.TriggerQueuedAllocs, ClassEligibility: map[string]bool{},
	}
	for key, value := range l.Set {
		switch key {
		case "job":
			e.JobID = value
		case "yes", "no":
			for _, class := range strings.Split(value, ",") {
				e.ClassEligibility[class] = key == "yes"
			}
		case "awaits":
			e.AwaitedJobs = strings.Split(value, ",")
		case "volumes":
			e.MissingNonNodeResources = strings.Split(value, ",")
		case "escaped":
			e.EscapedComputedClass = value == "true"
		case "system":
			e.Type, e.NodeID = "system", value
		case "quota":
			e.QuotaLimitReached = value
		case "trigger":
			e.TriggeredBy = value
		case "index":
			e.CreateIndex, e.ModifyIndex = p.number(value), p.number(value)
		case "decided":
			e.SnapshotIndex = p.number(value)
		default:
			p.t.Fatalf("unknown setting %q", key)
		}
	}
	return e
}

func ids(evals []*nl.Eval) string {
	if len(evals) == 0 {
		return "none"
	}
	var out []string
	for _, e := range evals {
		out = append(out, e.ID)
	}
	return strings.Join(out, " ")
}
