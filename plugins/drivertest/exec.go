package drivertest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/plugins/driver"
)

// execMax is the timeout of commands that end at once.
const execMax = 20 * time.Second

func (w *world) needExec() {
	if !w.caps.Exec {
		w.t.Skip("the driver executes no commands")
	}
	w.needShell()
}

func testExec(t *testing.T, w *world) {
	w.needExec()
	c := w.task(w.h.sleep())
	w.start(c)
	r, err := w.inst.ExecTask(w.ctx(), c.ID, []string{"/bin/sh", "-c", `echo "$MARK"; echo problem >&2; exit 5`}, execMax)
	must(t, err, "exec")
	if r.Exit.ExitCode != 5 || string(r.Stdout) != "set by the host\n" || string(r.Stderr) != "problem\n" {
		t.Errorf("exec returned %+v, stdout %q, stderr %q", r.Exit, r.Stdout, r.Stderr)
	}
	if _, err := w.inst.ExecTask(w.ctx(), "nobody", []string{"true"}, execMax); !errors.Is(err, driver.ErrTaskNotFound) {
		t.Errorf("exec in an unknown task: %v", err)
	}
}

func testExecStreaming(t *testing.T, w *world) {
	w.needExec()
	c := w.task(w.h.sleep())
	w.start(c)
	t.Run("input and output", func(t *testing.T) {
		var out, errs bytes.Buffer
		r, err := w.inst.ExecTaskStreaming(w.ctx(), c.ID, &driver.ExecOptions{
			Command: []string{"/bin/sh", "-c", "cat; echo problem >&2; exit 6"},
			Stdin:   strings.NewReader("from the caller\n"), Stdout: &out, Stderr: &errs,
		})
		must(t, err, "exec")
		if r.ExitCode != 6 || out.String() != "from the caller\n" || errs.String() != "problem\n" {
			t.Errorf("exec returned %+v, stdout %q, stderr %q", r, out.String(), errs.String())
		}
	})
	t.Run("much output", func(t *testing.T) {
		const bytesAsked = 2 << 20
		var out counter
		_, err := w.inst.ExecTaskStreaming(w.ctx(), c.ID, &driver.ExecOptions{
			Command: []string{"/bin/sh", "-c", "dd if=/dev/zero bs=65536 count=32 2>/dev/null"}, Stdout: &out,
		})
		must(t, err, "exec")
		if out.n != bytesAsked {
			t.Errorf("%d of %d bytes arrived", out.n, bytesAsked)
		}
	})
	t.Run("terminal", func(t *testing.T) {
		sizes := make(chan driver.TerminalSize, 1)
		sizes <- driver.TerminalSize{Height: 33, Width: 77}
		in, typed := io.Pipe()
		defer typed.Close()
		out := &buffer{}
		done := make(chan error, 1)
		go func() {
			_, err := w.inst.ExecTaskStreaming(w.ctx(), c.ID, &driver.ExecOptions{
				Command: []string{"/bin/sh"}, Tty: true, Stdin: in, Stdout: out, Resize: sizes,
			})
			done <- err
		}()
		// The size arrives beside the input, so the question may come too early.
		eventually(t, "terminal size", func() bool {
			_, _ = io.WriteString(typed, "stty size\n")
			return strings.Contains(out.String(), "33 77")
		})
		_, _ = io.WriteString(typed, "exit\n")
		must(t, <-done, "exec")
	})
}

type counter struct{ n int }

func (c *counter) Write(p []byte) (int, error) {
	c.n += len(p)
	return len(p), nil
}

// buffer is a bytes.Buffer for two goroutines.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// collect reads a FIFO in the background until the test ends.
func collect(t *testing.T, path string) *buffer {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	must(t, err, "open fifo")
	b := &buffer{}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			_, _ = io.Copy(b, f)
			// Without a writer a pipe reads as ended; one may come.
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		f.Close()
		<-done
	})
	return b
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	must(t, err, "read log")
	return string(raw)
}

// inTask is how a task calls a file of its own directory.
func (w *world) inTask(c *driver.TaskConfig, rel string) string {
	if w.caps.FSIsolation == driver.FSIsolationNone {
		return filepath.Join(c.TaskDir(), rel)
	}
	return "/" + rel
}

func killAndWait(t *testing.T, w *world, pid int) {
	t.Helper()
	must(t, syscall.Kill(pid, syscall.SIGKILL), "kill plugin")
	<-w.inst.Done()
	w.inst.Kill()
}

func (w *world) restartAfterDeath() {
	w.t.Helper()
	inst, err := driver.Launch(w.ctx(), w.h.Launch, w.config)
	must(w.t, err, "launch again")
	w.inst = inst
}
