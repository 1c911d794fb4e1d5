package fs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/nomadlike/nomadlike/client/step/logs"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

const (
	// pollEvery is how often a followed file is looked at. Only readers that
	// wait pay for it.
	pollEvery = 100 * time.Millisecond
	// heartbeatEvery is how often an idle stream tells that it lives.
	heartbeatEvery = time.Second

	originStart = "start"
	originEnd   = "end"

	eventDeleted   = "file deleted"
	eventTruncated = "file truncated"

	logDir = "alloc/logs"
)

// Send takes frames.
type Send func(*query.Frame) error

func checkOrigin(origin string) (string, error) {
	switch origin {
	case "":
		return originStart, nil
	case originStart, originEnd:
		return origin, nil
	}
	return "", nl.Errorf(nl.CodeInvalid, "origin must be start or end")
}

// follower passes a file on as it grows.
type follower struct {
	tree  *Tree
	send  Send
	path  string
	f     *os.File
	pos   int64
	named bool // the frame with the file's name was sent
	buf   []byte
	idle  time.Time // of the last frame
}

func (w *follower) open(p string, pos int64) error {
	f, err := w.tree.openFile(p)
	if err != nil {
		return err
	}
	if w.f != nil {
		w.f.Close()
	}
	w.f, w.path, w.pos, w.named = f, p, pos, false
	return nil
}

func (w *follower) close() {
	if w.f != nil {
		w.f.Close()
	}
}

// drain sends what the file holds beyond the position.
func (w *follower) drain() error {
	for {
		n, err := w.f.ReadAt(w.buf, w.pos)
		if n > 0 {
			w.pos += int64(n)
			frame := &query.Frame{Data: append([]byte(nil), w.buf[:n]...), Offset: w.pos}
			if !w.named {
				frame.File, w.named = w.path, true
			}
			w.idle = time.Now()
			if err := w.send(frame); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// beat sends a heartbeat when nothing was sent for long.
func (w *follower) beat() error {
	if time.Since(w.idle) < heartbeatEvery {
		return nil
	}
	w.idle = time.Now()
	return w.send(&query.Frame{})
}

// gone tells whether the file was removed or replaced, and repositions after a
// truncation.
func (w *follower) gone() (bool, error) {
	now, err := w.tree.root.Stat(w.path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, w.send(&query.Frame{File: w.path, Offset: w.pos, FileEvent: eventDeleted})
	}
	if err != nil {
		return false, err
	}
	if now.Size() < w.pos {
		w.pos = 0
		return false, w.send(&query.Frame{File: w.path, FileEvent: eventTruncated})
	}
	return false, nil
}

// Stream passes a file on, and follows it until it is deleted or ctx ends.
func (t *Tree) Stream(ctx context.Context, p, origin string, offset int64, follow bool, send Send) error {
	origin, err := checkOrigin(origin)
	if err != nil {
		return err
	}
	p = clean(p)
	w := &follower{tree: t, send: send, buf: make([]byte, frameBytesMax), idle: time.Now()}
	defer w.close()
	if err := w.open(p, 0); err != nil {
		return err
	}
	info, err := w.f.Stat()
	if err != nil {
		return err
	}
	w.pos = position(origin, offset, info.Size())
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if err := w.drain(); err != nil || !follow {
			return err
		}
		if gone, err := w.gone(); err != nil || gone {
			return err
		}
		if err := w.beat(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func position(origin string, offset, size int64) int64 {
	if origin == originEnd {
		return max(0, size-offset)
	}
	return min(max(0, offset), size)
}

// LogRequest asks for the log of a task.
type LogRequest struct {
	Task, Type string
	Origin     string
	Offset     int64
	Follow     bool
	// Running tells whether more may come.
	Running func() bool
}

// Logs passes on the log of a task across its files, and follows it.
func (t *Tree) Logs(ctx context.Context, r LogRequest, send Send) error {
	origin, err := checkOrigin(r.Origin)
	if err != nil {
		return err
	}
	if r.Type != "stdout" && r.Type != "stderr" {
		return nl.Errorf(nl.CodeInvalid, "must provide log type (stdout/stderr)")
	}
	w := &follower{tree: t, send: send, buf: make([]byte, frameBytesMax), idle: time.Now()}
	defer w.close()
	index, pos, err := t.locate(r, origin)
	if err != nil {
		return err
	}
	if err := w.open(r.file(index), pos); err != nil {
		return err
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if err := w.drain(); err != nil {
			return err
		}
		next, err := t.nextIndex(r, index)
		if err != nil {
			return err
		}
		if next > index {
			// What was written between the last read and the rotation.
			if err := w.drain(); err != nil {
				return err
			}
			if err := w.open(r.file(next), 0); err != nil && nl.CodeOf(err) != nl.CodeNotFound {
				return err
			}
			index = next
			continue
		}
		if !r.Follow {
			return nil
		}
		if err := w.beat(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (r *LogRequest) file(n int) string { return path.Join(logDir, logs.File(r.Task, r.Type, n)) }

func (t *Tree) indexes(r LogRequest) ([]int, error) {
	d, err := t.root.Open(logDir)
	if err != nil {
		return nil, wording(err, logDir)
	}
	defer d.Close()
	entries, err := d.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	return logs.Indexes(entries, r.Task, r.Type), nil
}

// nextIndex is the number of the file after index, index itself when there is
// none.
func (t *Tree) nextIndex(r LogRequest, index int) (int, error) {
	have, err := t.indexes(r)
	if err != nil {
		return 0, err
	}
	for _, n := range have {
		if n > index {
			return n, nil
		}
	}
	return index, nil
}

// locate finds the file and the position in it where reading begins.
func (t *Tree) locate(r LogRequest, origin string) (index int, pos int64, err error) {
	have, err := t.indexes(r)
	if err != nil {
		return 0, 0, err
	}
	if len(have) == 0 {
		return 0, 0, nl.Errorf(nl.CodeNotFound, "log entry for task %q and log type %q not found", r.Task, r.Type)
	}
	left := max(0, r.Offset)
	if origin == originEnd {
		for i := len(have) - 1; i >= 0; i-- {
			size, err := t.size(r.file(have[i]))
			if err != nil {
				return 0, 0, err
			}
			if left <= size || i == 0 {
				return have[i], max(0, size-left), nil
			}
			left -= size
		}
	}
	for i, n := range have {
		size, err := t.size(r.file(n))
		if err != nil {
			return 0, 0, err
		}
		if left < size || i == len(have)-1 {
			return n, min(left, size), nil
		}
		left -= size
	}
	return 0, 0, fmt.Errorf("no position in the log of task %q", r.Task)
}

func (t *Tree) size(p string) (int64, error) {
	info, err := t.root.Stat(p)
	if err != nil {
		return 0, wording(err, p)
	}
	return info.Size(), nil
}
