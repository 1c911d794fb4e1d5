package alloc

import (
	"fmt"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/client/task"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func TestHealth(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(sec int) time.Time { return start.Add(time.Duration(sec) * time.Second) }
	// A task: hook, state, second of its start; sidecar where the hook ends in +.
	mk := func(hook, state string, startedAt int, failed bool) *task.Machine {
		spec := &task.Spec{Name: "t", Hook: hook}
		if n := len(hook); n > 0 && hook[n-1] == '+' {
			spec.Hook, spec.Sidecar = hook[:n-1], true
		}
		st := &nl.TaskState{State: state, Failed: failed}
		if startedAt >= 0 {
			st.StartedAt = nl.Time{Time: at(startedAt)}
		}
		return &task.Machine{Spec: spec, State: st}
	}
	running := mk("", "running", 2, false)
	tests := []struct {
		name           string
		tasks          []*task.Machine
		useChecks      bool
		total, passing int
		now            int
		want           string // known healthy wake-second reason
	}{
		{"not started", []*task.Machine{mk("", "pending", -1, false)}, false, 0, 0, 1, "false false 60 "},
		{"just started", []*task.Machine{running}, false, 0, 0, 3, "false false 12 "},
		{"ran long enough", []*task.Machine{running}, false, 0, 0, 12, "true true - "},
		{"failed", []*task.Machine{running, mk("", "dead", 2, true)}, false, 0, 0, 3, "true false - Unhealthy because of failed task"},
		{"ended early", []*task.Machine{mk("", "dead", 2, false)}, false, 0, 0, 3, "true false - Unhealthy because of dead task"},
		{"too late", []*task.Machine{mk("", "pending", -1, false)}, false, 0, 0, 60, "true false - Task not running by deadline"},
		{"init done", []*task.Machine{mk("prestart", "dead", 0, false), running}, false, 0, 0, 12, "true true - "},
		{"init runs", []*task.Machine{mk("prestart", "running", 0, false), mk("", "pending", -1, false)}, false, 0, 0, 12, "false false 60 "},
		{"sidecar ended", []*task.Machine{mk("prestart+", "dead", 0, false), running}, false, 0, 0, 12, "true false - Unhealthy because of dead task"},
		{"poststop waits", []*task.Machine{running, mk("poststop", "pending", -1, false)}, false, 0, 0, 12, "true true - "},
		{"checks fail", []*task.Machine{running}, true, 2, 1, 30, "false false 60 "},
		{"checks fail for too long", []*task.Machine{running}, true, 2, 1, 61, "true false - 1 of 2 checks are not passing by healthy_deadline of 1m0s"},
		{"checks just pass", []*task.Machine{running}, true, 2, 2, 30, "false false 40 "},
		{"no checks declared", []*task.Machine{running}, true, 0, 0, 12, "true true - "},
	}
	for _, tt := range tests {
		h := &Health{Rules: HealthRules{UseChecks: tt.useChecks, MinHealthy: 10 * time.Second, Deadline: time.Minute}, Began: start}
		v := h.Step(at(tt.now), tt.tasks, tt.total, tt.passing)
		wake := "-"
		if !v.Wake.IsZero() {
			wake = fmt.Sprint(int(v.Wake.Sub(start).Seconds()))
		}
		if got := fmt.Sprintf("%v %v %s %s", v.Known, v.Healthy, wake, v.Reason); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestHealthChecksFlap makes sure that a failing check starts the time anew.
func TestHealthChecksFlap(t *testing.T) {
	start := time.Unix(1000, 0)
	tasks := []*task.Machine{{Spec: &task.Spec{}, State: &nl.TaskState{State: nl.TaskStateRunning, StartedAt: nl.Time{Time: start}}}}
	h := &Health{Rules: HealthRules{UseChecks: true, MinHealthy: 10 * time.Second, Deadline: time.Minute}, Began: start}
	for _, step := range []struct {
		sec, passing int
		healthy      bool
	}{{1, 1, false}, {8, 0, false}, {9, 1, false}, {12, 1, false}, {19, 1, true}} {
		if v := h.Step(start.Add(time.Duration(step.sec)*time.Second), tasks, 1, step.passing); v.Healthy != step.healthy {
			t.Errorf("second %d: %+v", step.sec, v)
		}
	}
}

func TestCheckRestart(t *testing.T) {
	start := time.Unix(1000, 0)
	rule := &nl.CheckRestart{Limit: 3, Grace: 5 * time.Second}
	c := &checkRestart{grace: start.Add(rule.Grace)}
	for _, step := range []struct {
		sec     int
		failing bool
		restart bool
	}{
		{1, true, false}, {4, true, false}, // inside the grace
		{6, true, false}, {7, true, false}, {8, true, true}, // the third failure
		{10, true, false}, {12, true, false}, // grace again
		{14, true, false}, {15, false, false}, {16, true, false}, {17, true, false}, {18, true, true},
	} {
		if got := c.step(start.Add(time.Duration(step.sec)*time.Second), rule, time.Second, step.failing); got != step.restart {
			t.Errorf("second %d: restart %v, want %v", step.sec, got, step.restart)
		}
	}
}
