package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/nomad/api"
)

func TestBatchToCompletion(t *testing.T) {
	needRoot(t)
	t.Parallel()
	a := single(t)
	a.register(batch("done", group("g", 3, shell("t", "echo out; echo err >&2"))))
	for _, s := range a.awaitAllocs("done", 3, api.AllocClientStatusComplete) {
		if code, err := exitCode(s.TaskStates, "t"); err != nil || code != 0 {
			t.Errorf("%s: exit code %d, %v", s.Name, code, err)
		}
		a.awaitLog(s.ID, "t", "out\n")
		if got, err := a.logs(a.alloc(s.ID), "t", "stderr"); err != nil || got != "err\n" {
			t.Errorf("%s: stderr %q, %v", s.Name, got, err)
		}
	}
	await(t, "the job is dead", func() error {
		j, _, err := a.api.Jobs().Info("done", nil)
		if err == nil && *j.Status != "dead" {
			err = fmt.Errorf("it is %s", *j.Status)
		}
		return err
	})
}

func TestExitCodes(t *testing.T) {
	needRoot(t)
	t.Parallel()
	a := single(t)
	// A group each, since a task that fails takes the others of its group along.
	a.register(batch("codes", group("three", 1, shell("t", "exit 3")),
		group("killed", 1, shell("t", "kill -9 $$")), group("fine", 1, shell("t", "true"))))
	ended := append(a.awaitAllocs("codes", 2, api.AllocClientStatusFailed), a.awaitAllocs("codes", 1, api.AllocClientStatusComplete)...)
	want := map[string]int{"three": 3, "killed": 137, "fine": 0}
	for _, s := range ended {
		if got, err := exitCode(s.TaskStates, "t"); err != nil || got != want[s.TaskGroup] {
			t.Errorf("%s: exit code %d, %v; want %d", s.TaskGroup, got, err, want[s.TaskGroup])
		}
		if events := s.TaskStates["t"].Events; hasSignal(events, 9) != (s.TaskGroup == "killed") {
			t.Errorf("%s: signal 9 in its events is %v", s.TaskGroup, hasSignal(events, 9))
		}
	}
}

func hasSignal(events []*api.TaskEvent, signal int) bool {
	for _, e := range events {
		if e.Type == api.TaskTerminated && e.Signal == signal {
			return true
		}
	}
	return false
}

func TestRestartPolicy(t *testing.T) {
	needRoot(t)
	t.Parallel()
	a := single(t)
	// Fails twice, then stays: the count of its starts is in a file that outlives them.
	flaky := group("g", 1, shell("t", `echo x >>$NOMAD_ALLOC_DIR/data/starts
		[ $(wc -l <$NOMAD_ALLOC_DIR/data/starts) -ge 3 ] || exit 5
		exec sleep 600`))
	flaky.RestartPolicy = &api.RestartPolicy{Attempts: ptr(2), Interval: ptr(time.Hour), Delay: ptr(time.Millisecond), Mode: ptr("fail")}
	a.register(service("flaky", flaky))
	hopeless := group("g", 1, shell("t", "exit 6"))
	hopeless.RestartPolicy = &api.RestartPolicy{Attempts: ptr(1), Interval: ptr(time.Hour), Delay: ptr(time.Millisecond), Mode: ptr("fail")}
	a.register(batch("hopeless", hopeless))

	await(t, "the task runs after two restarts", func() error {
		for _, s := range a.awaitAllocs("flaky", 1, api.AllocClientStatusRunning) {
			if st := s.TaskStates["t"]; st.Restarts != 2 || st.State != "running" {
				return fmt.Errorf("restarts %d, state %s", st.Restarts, st.State)
			}
		}
		return nil
	})
	s := a.awaitAllocs("hopeless", 1, api.AllocClientStatusFailed)[0]
	if got := s.TaskStates["t"].Restarts; got != 1 {
		t.Errorf("a task that always fails was restarted %d times, want 1", got)
	}
}

func TestExec(t *testing.T) {
	needRoot(t)
	t.Parallel()
	a := single(t)
	a.register(service("long", group("g", 1, shell("t", "exec sleep 600"))))
	s := a.awaitAllocs("long", 1, api.AllocClientStatusRunning)[0]
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out, problems bytes.Buffer
	code, err := a.api.Allocations().Exec(ctx, a.alloc(s.ID), "t", false,
		[]string{"/bin/sh", "-c", "cat; echo $NOMAD_TASK_NAME; echo oops >&2; exit 4"},
		strings.NewReader("typed\n"), &out, &problems, nil, nil)
	if err != nil || code != 4 || out.String() != "typed\nt\n" || problems.String() != "oops\n" {
		t.Errorf("exit code %d, error %v, stdout %q, stderr %q", code, err, &out, &problems)
	}
}

func TestAllocStop(t *testing.T) {
	needRoot(t)
	t.Parallel()
	a := single(t)
	a.register(service("long", group("g", 1, shell("t", "exec sleep 600"))))
	first := a.awaitAllocs("long", 1, api.AllocClientStatusRunning)[0]
	if _, err := a.api.Allocations().Stop(a.alloc(first.ID), nil); err != nil {
		t.Fatal(err)
	}
	stopped := a.awaitAllocs("long", 1, api.AllocClientStatusComplete)[0]
	if stopped.ID != first.ID {
		t.Errorf("%s ended, want %s", stopped.ID, first.ID)
	}
	next := a.awaitAllocs("long", 1, api.AllocClientStatusRunning)[0]
	if next.ID == first.ID || next.Name != first.Name {
		t.Errorf("%s %s replaces %s %s", next.ID, next.Name, first.ID, first.Name)
	}
}

// A client that is told to end leaves its tasks running, and one that starts
// again takes them back.
func TestAgentRestartsCleanly(t *testing.T) {
	needRoot(t)
	t.Parallel()
	a := single(t)
	a.register(service("long", group("g", 2, shell("t", "echo $$ >$NOMAD_ALLOC_DIR/data/pid; exec sleep 600"))))
	a.awaitAllocs("long", 2, api.AllocClientStatusRunning)
	before := a.pids("long", 2)
	if code := a.terminate(); code != 1 {
		t.Errorf("SIGTERM without leave_on_terminate: exit code %d, want 1", code)
	}
	a.start()
	a.awaitNode()
	a.awaitAllocs("long", 2, api.AllocClientStatusRunning)
	samePids(t, before, a.pids("long", 2))
}

// The command line against a real agent: job run monitors to the end, and exit
// codes tell how things went.
func TestCommandLine(t *testing.T) {
	needRoot(t)
	t.Parallel()
	a := single(t)
	file := filepath.Join(a.dir, "ok.hcl")
	text := `
job "ok" {
  type = "batch"
  group "g" {
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "echo hello; exec sleep 600"]
      }
      resources {
        cpu    = 1
        memory = 10
      }
    }
  }
}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	say := func(code int, part string, args ...string) result {
		t.Helper()
		r := a.command(args...)
		if r.code != code || !strings.Contains(r.out+r.err, part) {
			t.Errorf("nomadlike %s: want exit code %d and %q: %s", strings.Join(args, " "), code, part, r)
		}
		return r
	}
	say(0, "", "job", "validate", file)
	say(1, "", "job", "plan", file) // 1: it would change something
	say(0, "complete", "job", "run", file)
	s := a.awaitAllocs("ok", 1, api.AllocClientStatusRunning)[0]
	say(0, "running", "job", "status", "ok")
	a.awaitLog(s.ID, "t", "hello\n")
	say(0, "hello", "alloc", "logs", s.ID)
	say(0, "running", "alloc", "status", s.ID[:8])
	say(9, "from inside", "alloc", "exec", s.ID, "/bin/sh", "-c", "echo from inside; exit 9")
	say(0, "ready", "node", "status")
	say(0, "", "job", "stop", "ok")
	a.awaitAllocs("ok", 1, api.AllocClientStatusComplete)
	say(1, "", "job", "status", "absent")
	say(127, "no-such-command", "no-such-command")
}
