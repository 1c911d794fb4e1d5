package alloc

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/client/task"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

var update = flag.Bool("update", false, "rewrite the expected parts of testdata")

// script is an allocation driven by lines of text.
type script struct {
	now     time.Time
	jobType string
	policy  *nl.RestartPolicy
	tasks   []*task.Machine
	m       *Machine
	before  map[string]string
	timers  map[string]int
}

// TestScripts runs the scripts of testdata. A paragraph holds inputs, a line of
// dashes, and what follows from them.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := runScript(t, string(raw))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(raw) {
				t.Errorf("%s: got\n%s", file, got)
			}
		})
	}
}

func runScript(t *testing.T, text string) string {
	s := &script{now: time.Unix(1000, 0), jobType: nl.JobTypeService, before: map[string]string{}, timers: map[string]int{}}
	var out strings.Builder
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		inputs, _, _ := strings.Cut(paragraph, "\n----")
		if i > 0 {
			out.WriteString("\n")
		}
		out.WriteString(inputs + "\n----\n")
		for _, line := range strings.Split(inputs, "\n") {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			for _, l := range s.line(t, strings.Fields(line)) {
				out.WriteString(l + "\n")
			}
		}
	}
	return out.String()
}

func (s *script) line(t *testing.T, f []string) []string {
	t.Helper()
	if s.declare(t, f) {
		return nil
	}
	if s.m == nil {
		s.m = NewMachine(s.tasks)
	}
	arg := func(i int) string {
		if i < len(f) {
			return f[i]
		}
		return ""
	}
	on := func(in task.Input) Input { return TaskInput{Task: arg(1), In: in} }
	var in Input
	switch f[0] {
	case "begin":
		in = Begin{Err: strings.Join(f[1:], " ")}
	case "prepared":
		in = on(task.Prepared{})
	case "preparefails":
		in = on(task.Prepared{Err: "broken", Recoverable: arg(2) == "recoverable", Event: task.SetupFailed(s.now, "broken")})
	case "launched":
		in = on(task.Launched{})
	case "launchfails":
		in = on(task.Launched{Err: "broken", Recoverable: arg(2) == "recoverable"})
	case "exit":
		code, err := strconv.Atoi(arg(2))
		if err != nil {
			t.Fatal(err)
		}
		in = on(task.Ended{Exit: task.Exit{Code: code}})
	case "stopfails":
		in = on(task.Stopped{Err: "driver is stuck"})
	case "wake":
		in = on(task.Wake{Seq: s.timers[arg(1)]})
	case "restored":
		in = on(task.Restored{Found: true})
	case "notrestored":
		in = on(task.Restored{Event: task.Message(s.now, task.EventRestoreFailed, "gone")})
	case "failcheck":
		in = on(task.Restart{Reason: "check failed", Failure: true})
	case "stop":
		in = Stop{NoDelay: arg(1) == "nodelay"}
	case "expire":
		in = Expired{}
	case "deregistered":
		in = Deregistered{}
	case "restart":
		in = RestartTasks{Task: arg(1)}
	case "restartall":
		in = RestartTasks{All: true}
	case "pass":
		d, err := time.ParseDuration(arg(1))
		if err != nil {
			t.Fatal(err)
		}
		s.now = s.now.Add(d)
		return nil
	default:
		t.Fatalf("unknown line %q", f)
	}
	return s.step(in)
}

// declare reads the lines that describe the group.
func (s *script) declare(t *testing.T, f []string) bool {
	t.Helper()
	switch f[0] {
	case "job":
		s.jobType = f[1]
	case "policy":
		s.policy = &nl.RestartPolicy{Mode: "fail"}
		for _, kv := range f[1:] {
			k, v, _ := strings.Cut(kv, "=")
			d, _ := time.ParseDuration(v)
			switch k {
			case "attempts":
				s.policy.Attempts, _ = strconv.Atoi(v)
			case "interval":
				s.policy.Interval = d
			case "delay":
				s.policy.Delay = d
			case "mode":
				s.policy.Mode = v
			}
		}
	case "task":
		spec := &task.Spec{Name: f[1], JobType: s.jobType, Restart: s.policy, KillTimeout: 5 * time.Second}
		var state *nl.TaskState
		for _, kv := range f[2:] {
			k, v, _ := strings.Cut(kv, "=")
			switch k {
			case "hook":
				spec.Hook = v
			case "sidecar":
				spec.Sidecar = true
			case "leader":
				spec.Leader = true
			case "delay":
				spec.ShutdownDelay, _ = time.ParseDuration(v)
			case "was":
				state = &nl.TaskState{State: v}
			}
		}
		s.tasks = append(s.tasks, task.NewMachine(spec, state, s.now, func() float64 { return 0 }))
	default:
		return false
	}
	return true
}

// step shows the effects of an input and what it changed.
func (s *script) step(in Input) []string {
	seen := map[string]int{}
	for _, m := range s.m.Tasks {
		seen[m.Spec.Name] = len(m.State.Events)
	}
	var out []string
	for _, e := range s.m.Step(s.now, in) {
		switch e := e.(type) {
		case TaskEffect:
			out = append(out, fmt.Sprintf("%s: %s", e.Task, s.effect(e.Task, e.Effect)))
		case Deregister:
			out = append(out, strings.TrimSpace(fmt.Sprintf("deregister %s", map[bool]string{true: "nodelay"}[e.NoDelay])))
		case Ended:
			out = append(out, "ended")
		}
	}
	for _, m := range s.m.Tasks {
		name := m.Spec.Name
		for _, e := range m.State.Events[min(seen[name], len(m.State.Events)):] {
			out = append(out, fmt.Sprintf("%s event %s: %s", name, e.Type, e.DisplayMessage))
		}
		now := m.State.State
		if m.State.Failed {
			now += " failed"
		}
		if s.before[name] != now {
			s.before[name] = now
			out = append(out, name+" is "+now)
		}
	}
	status, why := s.m.Status()
	if now := status + " (" + why + ")"; s.before[""] != now {
		s.before[""] = now
		out = append(out, "status "+now)
	}
	return out
}

func (s *script) effect(name string, e task.Effect) string {
	switch e := e.(type) {
	case task.Prepare:
		return "prepare"
	case task.Abort:
		return "abort"
	case task.Launch:
		return "launch"
	case task.Stop:
		return fmt.Sprintf("stop after %v", e.Delay)
	case task.Delay:
		s.timers[name] = e.Seq
		return fmt.Sprintf("delay %v", e.For)
	case task.Clean:
		return "clean"
	case task.Finish:
		return "finish"
	}
	return fmt.Sprintf("unknown effect %T", e)
}
