//go:build linux

// Package logsink writes a task's output to where the host wants it: a FIFO that
// an agent reads, a plain file, or nowhere. Drivers that produce output
// themselves, rather than hand descriptors to a process, use it. It never blocks
// for lack of a reader other than by the pipe being full.
package logsink

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// pipeBytes is the size given to a FIFO. It differs from the kernel's default
	// on purpose: a FIFO of default size was not open since we last held it, so
	// what was unread in it then is lost.
	pipeBytes = 128 << 10
	// drainPoll is the pause between looks at what a reader left unread.
	drainPoll = 2 * time.Millisecond
)

// Sink is one output of one task.
type Sink struct {
	f    *os.File
	fifo bool
	kept bool
}

// Open opens path for writing. An empty path is the null device.
func Open(path string) (*Sink, error) {
	if path == "" {
		path = os.DevNull
	}
	st, err := os.Stat(path)
	if err == nil && st.Mode()&os.ModeNamedPipe != 0 {
		return openFIFO(path)
	}
	const mode = 0o644
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, mode)
	if err != nil {
		return nil, fmt.Errorf("output cannot be opened: %w", err)
	}
	// What was written to a file stays.
	return &Sink{f: f, kept: true}, nil
}

// openFIFO opens read-write, which neither waits for a reader nor breaks
// without one.
func openFIFO(path string) (*Sink, error) {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("output cannot be opened: %w", err)
	}
	s := &Sink{f: f, fifo: true}
	size, err := s.control(unix.F_GETPIPE_SZ, 0)
	s.kept = err == nil && size == pipeBytes
	if !s.kept {
		// A refusal only costs the knowledge above.
		_, _ = s.control(unix.F_SETPIPE_SZ, pipeBytes)
	}
	return s, nil
}

func (s *Sink) control(cmd, arg int) (n int, err error) {
	raw, err := s.f.SyscallConn()
	if err != nil {
		return 0, err
	}
	if cerr := raw.Control(func(fd uintptr) { n, err = unix.FcntlInt(fd, cmd, arg) }); cerr != nil {
		return 0, cerr
	}
	return n, err
}

// Kept reports whether everything that was written since the first Open is read
// or still readable.
func (s *Sink) Kept() bool { return s.kept }

// Write implements io.Writer; it blocks while a FIFO is full.
func (s *Sink) Write(p []byte) (int, error) { return s.f.Write(p) }

// Unread is the number of written bytes that no reader took yet.
func (s *Sink) Unread() int {
	if !s.fifo {
		return 0
	}
	raw, err := s.f.SyscallConn()
	if err != nil {
		return 0
	}
	n := 0
	if err := raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }); err != nil {
		return 0
	}
	return n
}

// Size is the length of a plain file, -1 for anything else.
func (s *Sink) Size() int64 {
	st, err := s.f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return -1
	}
	return st.Size()
}

// Drain waits until everything was read, or ctx ends.
func (s *Sink) Drain(ctx context.Context) {
	for s.Unread() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-time.After(drainPoll):
		}
	}
}

// Close gives the output up; a blocked Write returns.
func (s *Sink) Close() error { return s.f.Close() }
