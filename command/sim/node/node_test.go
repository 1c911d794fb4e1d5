package node

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/script"
)

var _ = flag.Bool("rewrite", false, "rewrite the expected parts of testdata")

// world is one node that a script drives.
type world struct {
	t     *testing.T
	began time.Time
	now   time.Time
	wake  time.Time
	node  *Node
	calls []Call // under way
	jobs  map[string]*nl.Job
	index uint64
}

func TestNode(t *testing.T) {
	script.Run(t, "testdata/*.txt", func(t *testing.T) func(script.Line) string {
		began := time.Unix(1_000_000, 0)
		w := &world{t: t, began: began, now: began, jobs: map[string]*nl.Job{}, index: 10}
		w.node = New(Config{Random: func() float64 { return 0 }})
		return w.line
	})
}

func (w *world) line(l script.Line) string {
	w.t.Helper()
	switch l.Verb {
	case "job":
		w.job(l)
		return ""
	case "lifetime":
		w.node = New(Config{Random: func() float64 { return 0 }, Lifetime: w.duration(l.Args[0])})
		return ""
	case "start":
		return w.step(Start{})
	case "ok":
		return w.answer(w.duration(l.Set["ttl"]), nil)
	case "fail":
		err := errors.New("broken")
		if code, set := l.Set["code"]; set {
			n, failed := strconv.Atoi(code)
			if failed != nil {
				w.t.Fatal(failed)
			}
			err = nl.Errorf(nl.Code(n), "refused")
		}
		return w.answer(0, err)
	case "allocs":
		return w.step(Changes{w.message(l)})
	case "pass":
		return w.pass(w.duration(l.Args[0]), w.duration(l.Set["ttl"]))
	}
	w.t.Fatalf("unknown line %+v", l)
	return ""
}

func (w *world) duration(s string) time.Duration {
	if s == "" {
		return 0
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// job declares a job of one task. Settings that are not listed are the
// driver's.
func (w *world) job(l script.Line) {
	j := &nl.Job{Namespace: "default", ID: l.Args[0], Type: nl.JobTypeBatch}
	g := &nl.Group{Name: "g", RestartPolicy: &nl.RestartPolicy{Mode: "fail", Interval: time.Hour}}
	task := &nl.Task{Name: "t", Driver: "mock_driver", Config: map[string]any{}, KillTimeout: 5 * time.Second}
	for k, v := range l.Set {
		switch k {
		case "type":
			j.Type = v
		case "driver":
			task.Driver = v
		case "attempts":
			n, err := strconv.Atoi(v)
			if err != nil {
				w.t.Fatal(err)
			}
			g.RestartPolicy.Attempts = n
		case "delay":
			g.RestartPolicy.Delay = w.duration(v)
		case "min_healthy":
			g.Update = &nl.UpdateStrategy{HealthCheck: "task_states", MinHealthyTime: w.duration(v), HealthyDeadline: time.Minute}
		case "shutdown_delay":
			d := w.duration(v)
			g.ShutdownDelay = &d
		case "max_run_duration":
			d := w.duration(v)
			g.MaxRunDuration = &d
		case "group":
			g.Name = v
		case "version":
			n, err := strconv.ParseUint(v, 10, 64)
			if err != nil {
				w.t.Fatal(err)
			}
			j.Version = n
		default:
			task.Config[k] = v
		}
	}
	g.Tasks = []*nl.Task{task}
	j.TaskGroups = []*nl.Group{g}
	w.jobs[j.ID] = j
}

// idOf is the ID of an allocation that a script calls so, nameOf what the script
// calls it.
func idOf(name string) string {
	var k key
	copy(k[:], name)
	return k.String()
}

func nameOf(t *testing.T, id string) string {
	k, ok := keyOf(id)
	if !ok {
		t.Fatalf("%q is no ID", id)
	}
	return string(bytes.TrimRight(k[:], "\x00"))
}

// message reads what servers send: allocations as name=job:flags.
func (w *world) message(l script.Line) *query.NodeAllocChanges {
	w.index++
	m := &query.NodeAllocChanges{Index: w.index}
	silent := false
	for _, a := range l.Args {
		switch name, ok := strings.CutPrefix(a, "-"); {
		case ok:
			m.Removed = append(m.Removed, idOf(name))
		case a == "reset":
			m.Reset = true
		case a == "nojobs":
			silent = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.Set)) {
		parts := strings.Split(l.Set[name], ":")
		j := w.jobs[parts[0]]
		a := &nl.Alloc{
			ID: idOf(name), Namespace: j.Namespace, JobID: j.ID, JobVersion: j.Version, TaskGroup: "g",
			DesiredStatus: nl.AllocDesiredRun, ClientStatus: nl.AllocClientPending, AllocModifyIndex: w.index,
		}
		for _, p := range parts[1:] {
			switch p {
			case "stop":
				a.DesiredStatus = nl.AllocDesiredStop
			case "deployment":
				a.DeploymentID = "d"
			case "next":
				a.DeploymentID = "d2"
			case "decided":
				healthy := true
				a.DeploymentStatus = &nl.AllocDeploymentStatus{Healthy: &healthy}
			case "complete":
				a.ClientStatus = nl.AllocClientComplete
			case "running":
				a.ClientStatus = nl.AllocClientRunning
			default:
				w.t.Fatalf("unknown flag %q", p)
			}
		}
		m.Allocs = append(m.Allocs, a)
		if !silent && !slices.ContainsFunc(m.Jobs, func(told *query.NodeJob) bool { return told.ID == j.ID && told.Version == j.Version }) {
			told, err := query.NewNodeJob(j)
			if err != nil {
				w.t.Fatal(err)
			}
			m.Jobs = append(m.Jobs, told)
		}
	}
	return m
}

func (w *world) answer(ttl time.Duration, err error) string {
	w.t.Helper()
	if len(w.calls) == 0 {
		w.t.Fatal("no call is under way")
	}
	c := w.calls[0]
	w.calls = w.calls[1:]
	return w.step(Answered{Call: c, TTL: ttl, Err: err})
}

// pass lets time go by, with a tick whenever the node asked for one. With a
// TTL, calls are answered at once.
func (w *world) pass(d, ttl time.Duration) string {
	end := w.now.Add(d)
	var out []string
	for ticks := 0; !w.wake.IsZero() && !w.wake.After(end); ticks++ {
		if ticks > 1000 {
			w.t.Fatal("the node spins")
		}
		if w.wake.After(w.now) {
			w.now = w.wake
		}
		if text := w.step(Tick{}); text != "" {
			out = append(out, text)
		}
		for ttl > 0 && len(w.calls) > 0 {
			if text := w.answer(ttl, nil); text != "" {
				out = append(out, text)
			}
		}
	}
	w.now = end
	return strings.Join(out, "\n")
}

// step shows what a step wants done.
func (w *world) step(ev Event) string {
	o := w.node.Step(w.now, ev)
	w.wake = o.Wake
	var out []string
	say := func(format string, args ...any) {
		out = append(out, fmt.Sprintf("%v: ", w.now.Sub(w.began))+fmt.Sprintf(format, args...))
	}
	if o.Follow {
		say("follow")
	}
	if o.Reopen {
		say("reopen")
	}
	for _, call := range o.Calls {
		update := call.Kind == CallUpdate
		if slices.ContainsFunc(w.calls, func(c Call) bool { return (c.Kind == CallUpdate) == update }) {
			w.t.Fatalf("a second call at once: %+v", call)
		}
		w.calls = append(w.calls, call)
		switch call.Kind {
		case CallRegister:
			say("register")
		case CallHeartbeat:
			say("heartbeat")
		case CallUpdate:
			for _, u := range call.Updates {
				say("%s %s (%d running)", nameOf(w.t, u.ID), describe(u), o.Running)
			}
		}
	}
	return strings.Join(out, "\n")
}

func describe(u *nl.AllocUpdate) string {
	text := u.ClientStatus
	if h := u.DeploymentStatus; h != nil && *h.Healthy {
		text += " healthy"
	} else if h != nil {
		text += " unhealthy"
	}
	for name, s := range u.TaskStates.All() {
		text += "; " + name + " " + s.State
		if s.Failed {
			text += " failed"
		}
		for i, e := range s.Events {
			sep := ", "
			if i == 0 {
				sep = ": "
			}
			text += sep + e.Type
			if e.Type == "Driver Failure" || e.Type == "Terminated" {
				text += " [" + e.DisplayMessage + "]"
			}
		}
	}
	return text
}
