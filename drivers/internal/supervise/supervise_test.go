//go:build linux

package supervise

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nomadlike/nomadlike/drivers/internal/supervise/core"
)

// TestMain lets the test binary be the supervisor, as binaries without the
// embedded one are.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == Command {
		os.Exit(core.Run())
	}
	goleak.VerifyTestMain(m)
}

// launchers is the way that this build offers: the embedded supervisor, or the
// test binary itself where the build step was left out.
func launchers(t *testing.T) map[string]*Launcher {
	t.Helper()
	l, err := NewLauncher()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return map[string]*Launcher{l.path: l}
}

// TestOwnBinary: a build without the embedded supervisor does the same.
func TestOwnBinary(t *testing.T) {
	l, err := ownBinary()
	if err != nil {
		t.Fatal(err)
	}
	k, err := l.Start(t.Context(), shell(t, "exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	if r := wait(t, k); r.Code != 3 {
		t.Errorf("task ended with %+v", r)
	}
	k.Remove()
}

func shell(t *testing.T, script string) *core.Spec {
	t.Helper()
	dir := t.TempDir()
	return &core.Spec{
		Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin", "EMPTY="}, Dir: dir,
		Stdout: filepath.Join(dir, "out"), Stderr: filepath.Join(dir, "err"), RecordDir: dir, RecordName: ".exit",
	}
}

const waitMax = 20 * time.Second

func wait(t *testing.T, k *Task) core.Record {
	t.Helper()
	select {
	case <-k.Done():
	case <-time.After(waitMax):
		t.Fatal("the task did not end")
	}
	r, at, err := k.Result()
	if err != nil || at.IsZero() {
		t.Fatalf("result: %v at %v", err, at)
	}
	return r
}

func TestExits(t *testing.T) {
	for name, l := range launchers(t) {
		for script, want := range map[string]core.Record{
			"exit 0":      {},
			"exit 3":      {Code: 3},
			"kill -9 $$":  {Code: 137, Signal: 9},
			"kill -15 $$": {Code: 143, Signal: 15},
		} {
			s := shell(t, script)
			k, err := l.Start(t.Context(), s)
			if err != nil {
				t.Fatalf("%s: %s: %v", name, script, err)
			}
			if got := wait(t, k); got != want {
				t.Errorf("%s: %s ended with %+v, want %+v", name, script, got, want)
			}
			// The same is told to a process that comes later.
			again, err := Recover(k.State())
			if err != nil {
				t.Fatalf("%s: %s: %v", name, script, err)
			}
			if got := wait(t, again); got != want {
				t.Errorf("%s: %s was recorded as %+v, want %+v", name, script, got, want)
			}
			k.Remove()
			if entries, _ := filepath.Glob(filepath.Join(s.RecordDir, ".exit*")); len(entries) != 0 {
				t.Errorf("%s: left behind: %v", name, entries)
			}
		}
	}
}

func TestSurroundings(t *testing.T) {
	for name, l := range launchers(t) {
		s := shell(t, `pwd; env; echo problem >&2; cat`)
		k, err := l.Start(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		wait(t, k)
		out, _ := os.ReadFile(s.Stdout)
		errs, _ := os.ReadFile(s.Stderr)
		text := string(out)
		if !strings.HasPrefix(text, s.Dir+"\n") || !strings.Contains(text, "PATH=/usr/bin:/bin\n") || !strings.Contains(text, "EMPTY=\n") || strings.Contains(text, "GOMAXPROCS") {
			t.Errorf("%s: the task saw %q", name, text)
		}
		if string(errs) != "problem\n" {
			t.Errorf("%s: standard error is %q", name, errs)
		}
		k.Remove()
	}
}

func TestStartErrors(t *testing.T) {
	for name, l := range launchers(t) {
		for what, change := range map[string]func(*core.Spec){
			"cannot be started":       func(s *core.Spec) { s.Path = "/no/such/program" },
			"output":                  func(s *core.Spec) { s.Stdout = "/no/such/dir/out" },
			"task directory":          func(s *core.Spec) { s.RecordDir = "/no/such/dir" },
			"network namespace":       func(s *core.Spec) { s.NetNS = "/no/such/ns" },
			"cgroup cannot be joined": func(s *core.Spec) { s.JoinV1 = []string{"/no/such/tasks"} },
			"cgroup /no":              func(s *core.Spec) { s.CgroupV2 = "/no/such/cgroup" },
			"no program":              func(s *core.Spec) { s.Args = nil },
		} {
			s := shell(t, "exit 0")
			change(s)
			if _, err := l.Start(t.Context(), s); err == nil || !strings.Contains(err.Error(), what) {
				t.Errorf("%s: error is %v, want one about %q", name, err, what)
			}
		}
	}
}

func TestStop(t *testing.T) {
	for name, l := range launchers(t) {
		s := shell(t, `trap '' TERM; echo ready; while true; do sleep 0.02; done`)
		k, err := l.Start(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the task is ready", func() bool { return fileHas(s.Stdout, "ready") })
		const patience = 50 * time.Millisecond
		if err := k.Stop(t.Context(), syscall.SIGTERM, patience); err != nil {
			t.Fatal(err)
		}
		if r := wait(t, k); r.Signal != int(syscall.SIGKILL) {
			t.Errorf("%s: stubborn task ended with %+v", name, r)
		}
		if err := k.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("%s: signal to an ended task: %v", name, err)
		}
		k.Remove()
	}
}

// TestWholeTree: what a task starts in the background ends with it, even when it
// hides in a session of its own.
func TestWholeTree(t *testing.T) {
	for name, l := range launchers(t) {
		s := shell(t, `sleep 1000 & echo $! >pids; setsid sh -c 'echo $$ >>pids; exec sleep 1000' & while [ "$(wc -l <pids)" -lt 2 ]; do sleep 0.01; done; exit 4`)
		k, err := l.Start(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if r := wait(t, k); r.Code != 4 {
			t.Errorf("%s: task ended with %+v", name, r)
		}
		raw, err := os.ReadFile(filepath.Join(s.Dir, "pids"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range strings.Fields(string(raw)) {
			pid, err := strconv.Atoi(f)
			if err != nil {
				t.Fatal(err)
			}
			if alive(pid, core.StartTick(pid)) {
				t.Errorf("%s: process %d outlived its task", name, pid)
			}
		}
		k.Remove()
	}
}

func TestRecoverRunning(t *testing.T) {
	for name, l := range launchers(t) {
		k, err := l.Start(t.Context(), shell(t, `exec sleep 1000`))
		if err != nil {
			t.Fatal(err)
		}
		again, err := Recover(k.State())
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if r := wait(t, again); r.Signal != int(syscall.SIGKILL) {
			t.Errorf("%s: recovered task ended with %+v", name, r)
		}
		wait(t, k)
		k.Remove()
	}
}

// TestSupervisorKilled: without its supervisor a task ends, and nobody invents
// an exit code.
func TestSupervisorKilled(t *testing.T) {
	for name, l := range launchers(t) {
		k, err := l.Start(t.Context(), shell(t, `exec sleep 1000`))
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(k.State().SupervisorPid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		select {
		case <-k.Done():
		case <-time.After(waitMax):
			t.Fatal("the loss was not noticed")
		}
		if _, _, err := k.Result(); !errors.Is(err, ErrLost) {
			t.Errorf("%s: result is %v", name, err)
		}
		eventually(t, "the task ends with its supervisor", func() bool { return !k.Alive() })
		if _, err := Recover(k.State()); !errors.Is(err, ErrLost) {
			t.Errorf("%s: recovery says %v", name, err)
		}
	}
}

// TestForgedRecord: the record's directory belongs to the task's user, who must
// not be able to lead the supervisor astray.
func TestForgedRecord(t *testing.T) {
	for name, l := range launchers(t) {
		victim := filepath.Join(t.TempDir(), "victim")
		if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		s := shell(t, `ln -s "$VICTIM" .exit; ln -s "$VICTIM" .exit.tmp; exit 6`)
		s.Env = append(s.Env, "VICTIM="+victim)
		k, err := l.Start(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		wait(t, k)
		eventually(t, "the supervisor ends", func() bool { return !k.supervisorAlive() })
		if raw, _ := os.ReadFile(victim); string(raw) != "precious" {
			t.Errorf("%s: a link was followed: %q", name, raw)
		}
		if r, ok := k.readRecord(); !ok || r.Code != 6 {
			t.Errorf("%s: record is %+v, %v", name, r, ok)
		}
		k.Remove()
	}
}

func TestExec(t *testing.T) {
	for name, l := range launchers(t) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		spec := &core.Spec{Path: "/bin/sh", Args: []string{"sh", "-c", "echo out; exit 8"}, Dir: t.TempDir(), Inherit: true}
		cmd, err := l.Exec(t.Context(), spec, []*os.File{r, w, w})
		if err != nil {
			t.Fatal(err)
		}
		w.Close()
		rec, err := cmd.Wait(t.Context())
		out, _ := io.ReadAll(r)
		if err != nil || rec.Code != 8 || string(out) != "out\n" {
			t.Errorf("%s: %+v, %v, %q", name, rec, err, out)
		}
		r.Close()

		ctx, cancel := context.WithCancel(t.Context())
		spec.Args = []string{"sh", "-c", "exec sleep 1000"}
		cmd, err = l.Exec(ctx, spec, nil)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := cmd.Wait(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: command ended with %v", name, err)
		}
		eventually(t, "the command ends with its caller", func() bool { return !alive(cmd.proc.state.TaskPid, cmd.proc.state.TaskStart) })
	}
}

func TestRecordText(t *testing.T) {
	for _, r := range []core.Record{{}, {Code: 137, Signal: 9, OOM: true}, {Code: 255}} {
		if got, ok := core.ParseRecord(r.Line()); !ok || got != r {
			t.Errorf("%+v reads back as %+v, %v", r, got, ok)
		}
	}
	for _, bad := range []string{"", "exited", "exited 1 2", "exited 1 2 0", "exited a b c\n", "started 1 2 0\n", "exited 1 2 0 4\n"} {
		if r, ok := core.ParseRecord(bad); ok {
			t.Errorf("%q reads as %+v", bad, r)
		}
	}
}

func fileHas(path, text string) bool {
	raw, err := os.ReadFile(path)
	return err == nil && strings.Contains(string(raw), text)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(waitMax); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: did not happen", what)
		}
	}
}
