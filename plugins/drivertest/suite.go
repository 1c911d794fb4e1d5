package drivertest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

const (
	// stopMax is the timeout given to StopTask where the task obeys at once.
	stopMax = 10 * time.Second
	// stopShort is the timeout where the task does not obey.
	stopShort = 200 * time.Millisecond
	// statsInterval is how often statistics are asked for.
	statsInterval = 100 * time.Millisecond
)

// part is one check of the suite.
type part struct {
	name string
	run  func(*testing.T, *world)
}

// sharing are the parts that leave the plugin process as it was, so that one
// serves them all at once.
func sharing() []part {
	return []part{
		{"identity", testIdentity},
		{"fingerprint", testFingerprint},
		{"exit codes", testExitCodes},
		{"wait by many", testWaitMany},
		{"unknown task", testUnknownTask},
		{"same ID twice", testSameID},
		{"bad configs", testBadConfigs},
		{"stop by signal", testStop},
		{"stop by force", testStopForce},
		{"destroy", testDestroy},
		{"inspect", testInspect},
		{"log files", testLogFiles},
		{"log pipes", testLogPipes},
		{"log pipes without a reader", testLogsWithoutReader},
		{"no logs", testNoLogs},
		{"environment", testEnvironment},
		{"signal", testSignal},
		{"exec", testExec},
		{"exec streaming", testExecStreaming},
		{"statistics", testStats},
		{"events", testEvents},
	}
}

// restarting are the parts that end their plugin process.
func restarting() []part {
	return []part{
		{"recover after plugin restart", testRecover},
		{"exit while the plugin was gone", testRecoverExited},
		{"recover with an empty config", testRecoverEmptyConfig},
		{"reattach", testReattach},
		{"shutdown leaves tasks", testShutdown},
	}
}

// Run checks that a driver keeps the contract of plugins/driver.
func Run(t *testing.T, h Harness) {
	shared := h
	w := newWorld(t, &shared)
	for _, p := range sharing() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.run(t, w.share(t))
		})
	}
	for _, p := range restarting() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			own := h
			p.run(t, newWorld(t, &own))
		})
	}
}

func (w *world) needShell() {
	if w.h.Shell == nil {
		w.t.Skip("the driver runs no shell scripts")
	}
}

func (w *world) needRecover() {
	if w.h.IgnoresRecover {
		w.t.Skip("tasks of the driver end with the plugin")
	}
}

func testIdentity(t *testing.T, w *world) {
	if w.probed.Info.Name != w.h.Name || w.probed.Info.Type != base.TypeDriver {
		t.Errorf("plugin introduces itself as %+v", w.probed.Info)
	}
	must(t, hclspec.Check(w.schema), "task config schema")
}

func testFingerprint(t *testing.T, w *world) {
	found := errors.New("found")
	err := w.inst.Fingerprint(w.ctx(), func(f *driver.Fingerprint) error {
		if f.Health != driver.HealthHealthy || f.Err != "" {
			t.Errorf("first fingerprint: %+v", f)
		}
		return found
	})
	if !errors.Is(err, found) {
		t.Errorf("fingerprint stream ended with %v", err)
	}
}

func testExitCodes(t *testing.T, w *world) {
	for _, code := range []int{0, 1, 42} {
		c := w.task(w.h.exit(code))
		w.start(c)
		if r := w.wait(c.ID); r.ExitCode != code || r.Signal != 0 || r.OOMKilled || r.Successful() != (code == 0) {
			t.Errorf("exit %d is told as %+v", code, r)
		}
	}
}

func testWaitMany(t *testing.T, w *world) {
	c := w.task(w.h.exit(3))
	w.start(c)
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			r, err := w.inst.WaitTask(w.ctx(), c.ID)
			if err != nil || r.ExitCode != 3 {
				t.Errorf("wait: %+v, %v", r, err)
			}
		})
	}
	wg.Wait()
	if r := w.wait(c.ID); r.ExitCode != 3 {
		t.Errorf("wait after the end: %+v", r)
	}
}

func testUnknownTask(t *testing.T, w *world) {
	_, err := w.inst.WaitTask(w.ctx(), "nobody")
	if !errors.Is(err, driver.ErrTaskNotFound) {
		t.Errorf("wait: %v", err)
	}
	if _, err := w.inst.InspectTask(w.ctx(), "nobody"); !errors.Is(err, driver.ErrTaskNotFound) {
		t.Errorf("inspect: %v", err)
	}
	if err := w.inst.StopTask(w.ctx(), "nobody", 0, ""); !errors.Is(err, driver.ErrTaskNotFound) {
		t.Errorf("stop: %v", err)
	}
	if err := w.inst.DestroyTask(w.ctx(), "nobody", true); !errors.Is(err, driver.ErrTaskNotFound) {
		t.Errorf("destroy: %v", err)
	}
}

func testSameID(t *testing.T, w *world) {
	c := w.task(w.h.sleep())
	w.start(c)
	if _, _, err := w.inst.StartTask(w.ctx(), c); err == nil {
		t.Error("a second task with the ID of a running one was started")
	}
}

func testBadConfigs(t *testing.T, w *world) {
	for name, block := range w.h.BadConfigs {
		c := w.task(block)
		if _, _, err := w.inst.StartTask(w.ctx(), c); err == nil {
			t.Errorf("%s: the task was started", name)
			_ = w.inst.DestroyTask(w.ctx(), c.ID, true)
		}
		if _, err := w.inst.InspectTask(w.ctx(), c.ID); !errors.Is(err, driver.ErrTaskNotFound) {
			t.Errorf("%s: a task that failed to start is known: %v", name, err)
		}
	}
}

func testStop(t *testing.T, w *world) {
	w.needShell()
	c := w.task(w.h.Shell(`trap 'exit 7' TERM; echo ready; while true; do sleep 0.05; done`))
	w.start(c)
	w.waitForOutput(c, "ready")
	must(t, w.inst.StopTask(w.ctx(), c.ID, stopMax, "SIGTERM"), "stop")
	if r := w.wait(c.ID); r.ExitCode != 7 {
		t.Errorf("task that handles its signal ended with %+v", r)
	}
}

func testStopForce(t *testing.T, w *world) {
	w.needShell()
	c := w.task(w.h.Shell(`trap '' TERM INT; echo ready; while true; do sleep 0.05; done`))
	w.start(c)
	w.waitForOutput(c, "ready")
	began := time.Now()
	must(t, w.inst.StopTask(w.ctx(), c.ID, stopShort, "SIGTERM"), "stop")
	if took := time.Since(began); took < stopShort {
		t.Errorf("the task had %s of its %s to obey", took, stopShort)
	}
	w.checkKilled(w.wait(c.ID))
	must(t, w.inst.StopTask(w.ctx(), c.ID, stopShort, ""), "stop of an ended task")
}

func testDestroy(t *testing.T, w *world) {
	c := w.task(w.h.sleep())
	w.start(c)
	if err := w.inst.DestroyTask(w.ctx(), c.ID, false); err == nil {
		t.Error("a running task was destroyed without force")
	}
	must(t, w.inst.DestroyTask(w.ctx(), c.ID, true), "destroy by force")
	if _, err := w.inst.InspectTask(w.ctx(), c.ID); !errors.Is(err, driver.ErrTaskNotFound) {
		t.Errorf("inspect after destroy: %v", err)
	}
}

func testInspect(t *testing.T, w *world) {
	c := w.task(w.h.sleep())
	w.start(c)
	s, err := w.inst.InspectTask(w.ctx(), c.ID)
	must(t, err, "inspect")
	if s.ID != c.ID || s.Name != c.Name || s.State != driver.TaskStateRunning || s.StartedAt.IsZero() || !s.CompletedAt.IsZero() {
		t.Errorf("running task: %+v", s)
	}
	must(t, w.inst.StopTask(w.ctx(), c.ID, stopShort, "SIGKILL"), "stop")
	w.wait(c.ID)
	s, err = w.inst.InspectTask(w.ctx(), c.ID)
	must(t, err, "inspect after the end")
	if s.State != driver.TaskStateExited || s.CompletedAt.Before(s.StartedAt) || s.Exit == nil {
		t.Errorf("ended task: %+v", s)
	}
}

func testLogFiles(t *testing.T, w *world) {
	c := w.task(w.h.print("to stdout", "to stderr"))
	w.start(c)
	w.wait(c.ID)
	w.waitForOutput(c, "to stdout")
	eventually(t, "standard error", func() bool { return readFile(t, c.StderrPath) == "to stderr" })
	if got := readFile(t, c.StdoutPath); got != "to stdout" {
		t.Errorf("standard output holds %q", got)
	}
}

func testLogPipes(t *testing.T, w *world) {
	c := w.task(w.h.print("through a pipe", "and another"))
	w.fifos(c)
	out, errs := collect(t, c.StdoutPath), collect(t, c.StderrPath)
	w.start(c)
	w.wait(c.ID)
	eventually(t, "both outputs", func() bool { return out.String() == "through a pipe" && errs.String() == "and another" })
}

func testLogsWithoutReader(t *testing.T, w *world) {
	c := w.task(w.h.print("written while nobody read", ""))
	w.fifos(c)
	w.start(c)
	if r := w.wait(c.ID); !r.Successful() {
		t.Errorf("task without a reader ended with %+v", r)
	}
	out := collect(t, c.StdoutPath)
	eventually(t, "late output", func() bool { return out.String() == "written while nobody read" })
}

func testNoLogs(t *testing.T, w *world) {
	c := w.task(w.h.print("gone", "gone"))
	c.StdoutPath, c.StderrPath = driver.NullDevice, driver.NullDevice
	w.start(c)
	if r := w.wait(c.ID); !r.Successful() {
		t.Errorf("task without logs ended with %+v", r)
	}
}

func testEnvironment(t *testing.T, w *world) {
	w.needShell()
	c := w.task(w.h.Shell(`echo "$MARK"`))
	w.start(c)
	w.wait(c.ID)
	w.waitForOutput(c, "set by the host\n")
}

func testRecover(t *testing.T, w *world) {
	w.needRecover()
	c := w.task(w.h.sleep())
	h := w.start(c)
	w.restart()
	must(t, w.inst.RecoverTask(w.ctx(), h), "recover")
	must(t, w.inst.RecoverTask(w.ctx(), h), "recover what is known")
	s, err := w.inst.InspectTask(w.ctx(), c.ID)
	must(t, err, "inspect")
	if s.State != driver.TaskStateRunning {
		t.Fatalf("recovered task is %s", s.State)
	}
	must(t, w.inst.StopTask(w.ctx(), c.ID, stopMax, "SIGKILL"), "stop")
	w.checkKilled(w.wait(c.ID))
}

// checkKilled looks at the result of a task that was killed.
func (w *world) checkKilled(r *driver.ExitResult) {
	w.t.Helper()
	if r.Successful() && !w.h.KillSucceeds {
		w.t.Errorf("killed task ended with %+v", r)
	}
}

func testRecoverExited(t *testing.T, w *world) {
	w.needRecover()
	w.needShell()
	c := w.task(w.h.Shell(`echo started; while [ ! -e "$WAITFOR" ]; do sleep 0.05; done; exit 9`))
	// The task sees its own directories under other names with some drivers.
	c.Env["WAITFOR"] = w.inTask(c, "local/go")
	h := w.start(c)
	w.waitForOutput(c, "started")
	pid := w.inst.ReattachRecord().Pid
	killAndWait(t, w, pid)
	must(t, os.WriteFile(c.LocalDir()+"/go", nil, 0o666), "let the task end")
	w.restartAfterDeath()
	must(t, w.inst.RecoverTask(w.ctx(), h), "recover")
	if r := w.wait(c.ID); r.ExitCode != 9 {
		t.Errorf("task that ended meanwhile is told as %+v", r)
	}
}

func testRecoverEmptyConfig(t *testing.T, w *world) {
	w.needRecover()
	c := w.task(w.h.sleep())
	h := w.start(c)
	raw, err := h.Marshal()
	must(t, err, "marshal handle")
	again, err := driver.UnmarshalTaskHandle(raw)
	must(t, err, "unmarshal handle")
	if !bytes.Equal(again.DriverState, h.DriverState) {
		t.Error("driver state changed on disk")
	}
	again.Config.DriverConfig = nil
	w.restart()
	must(t, w.inst.RecoverTask(w.ctx(), again), "recover")
	must(t, w.inst.DestroyTask(w.ctx(), c.ID, true), "destroy")
}

func testReattach(t *testing.T, w *world) {
	c := w.task(w.h.sleep())
	w.start(c)
	rec := w.inst.ReattachRecord()
	must(t, w.inst.Detach(), "detach")
	again, err := driver.Reattach(w.ctx(), w.h.Launch, rec)
	must(t, err, "reattach")
	w.inst = again
	s, err := w.inst.InspectTask(w.ctx(), c.ID)
	must(t, err, "inspect")
	if s.State != driver.TaskStateRunning {
		t.Errorf("task is %s", s.State)
	}
}

func testSignal(t *testing.T, w *world) {
	w.needShell()
	if !w.caps.SendSignals {
		t.Skip("the driver sends no signals")
	}
	c := w.task(w.h.Shell(`trap 'echo heard' USR1; echo ready; while true; do sleep 0.05; done`))
	w.start(c)
	w.waitForOutput(c, "ready")
	must(t, w.inst.SignalTask(w.ctx(), c.ID, "SIGUSR1"), "signal")
	w.waitForOutput(c, "heard")
	err := w.inst.SignalTask(w.ctx(), c.ID, "SIGNONSENSE")
	if refused := err != nil; refused == w.h.InterruptsUnknown {
		t.Errorf("a signal that does not exist: %v", err)
	}
}

func testStats(t *testing.T, w *world) {
	c := w.task(w.h.sleep())
	w.start(c)
	enough := errors.New("enough")
	n := 0
	err := w.inst.TaskStats(w.ctx(), c.ID, statsInterval, func(s *driver.TaskStats) error {
		if s.Timestamp.IsZero() {
			t.Errorf("sample without a time: %+v", s)
		}
		if n++; s.Usage.Memory.RSS+s.Usage.Memory.Usage > 0 && n > 1 {
			return enough
		}
		return nil
	})
	if errors.Is(err, driver.ErrStatsNotImplemented) {
		t.Skip("the driver has no statistics")
	}
	if !errors.Is(err, enough) {
		t.Errorf("statistics ended with %v after %d samples", err, n)
	}
}

func testEvents(t *testing.T, w *world) {
	ctx, cancel := context.WithCancel(w.ctx())
	done := make(chan error, 1)
	go func() { done <- w.inst.TaskEvents(ctx, func(*driver.TaskEvent) error { return nil }) }()
	c := w.task(w.h.exit(0))
	w.start(c)
	w.wait(c.ID)
	select {
	case err := <-done:
		t.Fatalf("event stream ended early: %v", err)
	default:
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("event stream ended with %v", err)
	}
}

func testShutdown(t *testing.T, w *world) {
	w.needRecover()
	c := w.task(w.h.sleep())
	h := w.start(c)
	must(t, w.inst.Close(w.ctx()), "close")
	w.restartAfterDeath()
	must(t, w.inst.RecoverTask(w.ctx(), h), "recover")
	s, err := w.inst.InspectTask(w.ctx(), c.ID)
	must(t, err, "inspect")
	if s.State != driver.TaskStateRunning {
		t.Errorf("task is %s", s.State)
	}
}

func (w *world) waitForOutput(c *driver.TaskConfig, want string) {
	w.t.Helper()
	eventually(w.t, "output "+want, func() bool { return strings.Contains(readFile(w.t, c.StdoutPath), want) })
}
