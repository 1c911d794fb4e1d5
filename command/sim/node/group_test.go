package node

import (
	"testing"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// What an allocation is said to be while it has no machine is what its machine
// would be.
func TestFirst(t *testing.T) {
	mock := func(name string, config map[string]any) *nl.Task {
		return &nl.Task{Name: name, Driver: mockDriver, Config: config, KillTimeout: time.Second}
	}
	hooked := func(hook string, sidecar bool, task *nl.Task) *nl.Task {
		task.Lifecycle = &nl.Lifecycle{Hook: hook, Sidecar: sidecar}
		return task
	}
	runs := map[string]any{"run_for": "90s"}
	for _, c := range []struct {
		name   string
		tasks  []*nl.Task
		first  bool
		runFor time.Duration
	}{
		{"one that runs", []*nl.Task{mock("t", runs)}, true, 90 * time.Second},
		{"one of another driver", []*nl.Task{{Name: "t", Driver: "raw_exec"}}, true, time.Hour},
		{"two, one shorter", []*nl.Task{mock("a", runs), mock("b", map[string]any{"run_for": "45s"})}, true, 45 * time.Second},
		{"a sidecar before, one afterwards", []*nl.Task{
			hooked("prestart", true, mock("a", runs)), mock("b", runs), hooked("poststop", false, mock("c", runs)),
		}, true, 90 * time.Second},
		{"one that others wait for", []*nl.Task{hooked("prestart", false, mock("a", runs)), mock("b", runs)}, true, 90 * time.Second},
		{"one that starts slowly", []*nl.Task{mock("t", map[string]any{"start_block_for": "1s"})}, false, 0},
		{"one that does not start", []*nl.Task{mock("t", map[string]any{"start_error": "broken"})}, false, 0},
		{"one that cannot be read", []*nl.Task{mock("t", map[string]any{"run_for": "soon"})}, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			job := &nl.Job{ID: "j", Type: nl.JobTypeService, TaskGroups: []*nl.Group{{
				Name: "g", Tasks: c.tasks, RestartPolicy: &nl.RestartPolicy{Attempts: 1, Interval: time.Hour, Mode: "fail"},
			}}}
			g := newGroup(job, job.TaskGroups[0])
			if (g.first != nil) != c.first {
				t.Fatalf("begins alike: %v", !c.first)
			}
			if !c.first {
				return
			}
			now := time.Unix(1_000_000, 123)
			a := newAllocation(keep(key{}, &nl.Alloc{}, g), now, &Config{Lifetime: time.Hour, Random: func() float64 { return 0 }})
			if a.machine != nil {
				t.Fatal("it has a machine")
			}
			status, _ := a.look().Status()
			next, live, states := a.next(), a.live(), a.packed()
			if want := after(now, c.runFor); next != want {
				t.Errorf("due at %v, want %v", next.time(), want.time())
			}
			a.wake()
			if got := nl.PackTaskStates(a.machine.States()); !got.Equal(states) {
				t.Errorf("states are said to be\n%+v, but are\n%+v", states.Map(), got.Map())
			}
			if got, _ := a.machine.Status(); status != got || next != a.next() || live != a.live() {
				t.Errorf("said to be %s, due %v, live %v; is %s, due %v, live %v", status, next, live, got, a.next(), a.live())
			}
			a.report()
			a.park(now)
			if !a.parked || a.machine.Tasks[0].State != nil {
				t.Fatal("it is not parked")
			}
			a.wake()
			if got := nl.PackTaskStates(a.machine.States()); !got.Equal(states) {
				t.Errorf("states were\n%+v, and after they were parked\n%+v", states.Map(), got.Map())
			}
		})
	}
}
