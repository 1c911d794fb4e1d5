package queue

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

// player runs script commands against a queue. Tokens are "t" and a number in
// order of delivery; the newest one of each evaluation is remembered.
type player struct {
	t      *testing.T
	q      *Queue
	start  time.Time
	now    time.Time
	count  int
	tokens map[string]string
	asks   map[string]Work // by evaluation ID, MHz of a cluster of 1000 MHz
}

func TestScripts(t *testing.T) {
	script.Run(t, "testdata/*.txt", func(t *testing.T) func(script.Line) string {
		start := time.Unix(1000, 0)
		p := &player{t: t, q: New(Config{}), start: start, now: start, tokens: map[string]string{}, asks: map[string]Work{}}
		return p.do
	})
}

func (p *player) do(l script.Line) string {
	switch l.Verb {
	case "enqueue":
		p.q.Enqueue(p.now, p.eval(l))
	case "dequeue":
		types := l.Args
		if len(types) == 0 {
			types = []string{"service"}
		}
		e, token := p.q.Dequeue(p.now, types, func() string { p.count++; return fmt.Sprintf("t%d", p.count) })
		if e == nil {
			return "none"
		}
		p.tokens[e.ID] = token
		return e.ID + " " + token
	case "ack":
		return p.result(p.q.Ack(p.now, l.Args[0], p.token(l)))
	case "nack":
		return p.result(p.q.Nack(p.now, l.Args[0], p.token(l)))
	case "touch":
		return p.result(p.q.Touch(p.now, l.Args[0], p.token(l)))
	case "return":
		p.q.Return(p.now, l.Args[0], p.token(l))
	case "done":
		p.q.Done(p.now, l.Args[0])
	case "at":
		p.now = p.start.Add(p.duration(l.Args[0]))
		p.q.Tick(p.now)
	case "wake":
		if wake := p.q.Wake(); !wake.IsZero() {
			return wake.Sub(p.start).String()
		}
		return "never"
	case "failed":
		return ids(p.q.TakeFailed())
	case "superseded":
		return ids(p.q.TakeSuperseded(2))
	case "fair": // CAPACITY, off: shares batch work or not
		p.q.ShareFairly(l.Args[0] != "off", func(e *nl.Eval) Work { return p.asks[e.ID] })
		p.q.AddCapacity(Work{CPU: p.mhz(l.Args[0])})
	case "weight":
		p.q.SetWeight(l.Args[0], int(p.mhz(l.Args[1])))
	case "use":
		p.q.Use(l.Args[0], Work{CPU: p.mhz(l.Args[1])})
	case "shares":
		var lines []string
		for _, s := range p.q.Shares() {
			lines = append(lines, fmt.Sprintf("%s weight=%d used=%d share=%.2f ready=%d", s.Namespace, s.Weight, s.Used.CPU, s.Share, s.Ready))
		}
		return strings.Join(lines, "\n")
	case "stats":
		s := p.q.Stats()
		return fmt.Sprintf("ready=%d unacked=%d pending=%d waiting=%d failed=%d superseded=%d",
			s.Ready, s.Unacked, s.Pending, s.Waiting, s.Failed, s.Superseded)
	default:
		p.t.Fatalf("unknown verb %q", l.Verb)
	}
	return ""
}

func (p *player) mhz(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

func (p *player) token(l script.Line) string {
	if t := l.Set["token"]; t != "" {
		return t
	}
	return p.tokens[l.Args[0]]
}

func (p *player) eval(l script.Line) *nl.Eval {
	e := &nl.Eval{ID: l.Args[0], Namespace: "default", JobID: "job-" + l.Args[0], Type: "service", Priority: 50}
	for key, value := range l.Set {
		switch key {
		case "job":
			e.JobID = strings.TrimPrefix(value, "-")
		case "type":
			e.Type = value
		case "ns":
			e.Namespace, e.Type = value, nl.JobTypeBatch
		case "status":
			e.Status = value
		case "ask":
			p.asks[e.ID] = Work{CPU: p.mhz(value)}
		case "wait":
			e.Wait = p.duration(value)
		case "until":
			e.WaitUntil = nl.Time{Time: p.start.Add(p.duration(value))}
		default:
			n, err := strconv.Atoi(value)
			if err != nil {
				p.t.Fatalf("%s=%s: %v", key, value, err)
			}
			switch key {
			case "priority":
				e.Priority = n
			case "index":
				e.CreateIndex, e.ModifyIndex = uint64(n), uint64(n)
			default:
				p.t.Fatalf("unknown setting %q", key)
			}
		}
	}
	return e
}

func (p *player) duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		p.t.Fatal(err)
	}
	return d
}

func (p *player) result(err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	return ""
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
