//go:build linux

package logsink

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, path string) *Sink {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPipe(t *testing.T) {
	path := fifo(t)
	s := open(t, path)
	if s.Kept() {
		t.Error("a new pipe counts as kept")
	}
	// Nobody reads: neither open nor write may wait or fail.
	if _, err := io.WriteString(s, "early"); err != nil {
		t.Fatal(err)
	}
	if s.Unread() != 5 {
		t.Errorf("%d bytes are unread", s.Unread())
	}
	reader, err := os.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// The reader kept the pipe and what is in it.
	again := open(t, path)
	if !again.Kept() {
		t.Error("a pipe that its reader held counts as lost")
	}
	buf := make([]byte, 5)
	if _, err := io.ReadFull(reader, buf); err != nil || string(buf) != "early" {
		t.Errorf("reader got %q, %v", buf, err)
	}
	const waitMax = 10 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), waitMax)
	defer cancel()
	again.Drain(ctx)
	if again.Unread() != 0 || ctx.Err() != nil {
		t.Errorf("%d bytes are unread after all was read", again.Unread())
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	reader.Close()
	// Now nobody held it: what was in it would be gone.
	last := open(t, path)
	defer last.Close()
	if last.Kept() {
		t.Error("a pipe that nobody held counts as kept")
	}
}

func TestCloseFreesAWriter(t *testing.T) {
	s := open(t, fifo(t))
	done := make(chan error, 1)
	go func() {
		_, err := s.Write(make([]byte, 2*pipeBytes))
		done <- err
	}()
	for s.Unread() < pipeBytes {
		time.Sleep(time.Millisecond)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("a write to a full pipe succeeded")
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for _, text := range []string{"one", "two"} {
		s := open(t, path)
		if !s.Kept() || s.Unread() != 0 {
			t.Error("a file loses nothing")
		}
		if _, err := io.WriteString(s, text); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if raw, _ := os.ReadFile(path); string(raw) != "onetwo" {
		t.Errorf("file holds %q", raw)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "no", "dir")); err == nil {
		t.Error("an impossible output was opened")
	}
}
