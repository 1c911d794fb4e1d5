// Package logs moves the output of tasks from FIFOs into rotated files, in this
// process: a task costs two small goroutines and no helper process. The FIFOs
// are held open for writing too, and so do the supervisors of tasks, so that
// neither side's restart breaks the other. The task shell starts and stops it.
// Reading logs is the business of client/fs.
package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// chunkBytes is what is read from a FIFO at once. Buffers are pooled and
	// held only while there is something to read.
	chunkBytes = 64 << 10
	// lineSearchBytes is how far before a file's end a line end is looked for
	// when the file is full.
	lineSearchBytes = 32 << 10
	// drainMax bounds what is still read after the end of a task: what fits
	// into a FIFO many times over. A process that was left behind and writes
	// without end must not hold the end up.
	drainMax = 16 << 20
)

// Streams are the two outputs of a task.
func streams() []string { return []string{"stdout", "stderr"} }

// FIFO is the path of the FIFO a driver writes a stream to.
func FIFO(dir, task, stream string) string {
	return filepath.Join(dir, "."+task+"."+stream+".fifo")
}

// File is the name of the n-th file of a stream.
func File(task, stream string, n int) string {
	return task + "." + stream + "." + strconv.Itoa(n)
}

// Indexes are the numbers of the files of a stream that exist, rising.
func Indexes(entries []fs.DirEntry, task, stream string) []int {
	prefix := task + "." + stream + "."
	var out []int
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), prefix)
		if !ok {
			continue
		}
		if n, err := strconv.Atoi(rest); err == nil && n >= 0 && strconv.Itoa(n) == rest {
			out = append(out, n)
		}
	}
	sort.Ints(out)
	return out
}

// Limits of a stream's files.
type Limits struct {
	Files    int
	FileSize int64 // bytes
}

// Pump moves the output of one task.
type Pump struct {
	fifos []*os.File
	outs  []*rotator
	done  sync.WaitGroup
	pool  *sync.Pool
}

// NewPool makes the buffers that the pumps of a node share.
func NewPool() *sync.Pool {
	return &sync.Pool{New: func() any { b := make([]byte, chunkBytes); return &b }}
}

// Start makes the FIFOs where they are missing and begins to pump. fail is told
// of the first write that failed; the task is not held up by it.
func Start(dir, task string, limits Limits, pool *sync.Pool, fail func(error)) (*Pump, error) {
	p := &Pump{pool: pool}
	for _, stream := range streams() {
		path := FIFO(dir, task, stream)
		if err := unix.Mkfifo(path, 0o600); err != nil && !errors.Is(err, unix.EEXIST) {
			p.close()
			return nil, fmt.Errorf("making FIFO %s: %w", path, err)
		}
		f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
		if err != nil {
			p.close()
			return nil, fmt.Errorf("opening FIFO %s: %w", path, err)
		}
		p.fifos = append(p.fifos, f)
		out, err := newRotator(dir, task, stream, limits)
		if err != nil {
			p.close()
			return nil, err
		}
		p.outs = append(p.outs, out)
	}
	for i := range p.fifos {
		p.done.Add(1)
		go func() {
			defer p.done.Done()
			if err := p.pump(p.fifos[i], p.outs[i]); err != nil {
				fail(err)
			}
		}()
	}
	return p, nil
}

func (p *Pump) close() {
	for _, f := range p.fifos {
		f.Close()
	}
	for _, o := range p.outs {
		o.close()
	}
}

// pump copies until Stop. It waits without a buffer.
func (p *Pump) pump(f *os.File, out *rotator) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	for {
		var readErr error
		err := raw.Read(func(fd uintptr) bool {
			var n int
			n, readErr = p.once(fd, out, &failed)
			return n > 0 || readErr != nil
		})
		if readErr != nil {
			return fmt.Errorf("reading FIFO %s: %w", f.Name(), readErr)
		}
		if err != nil {
			// Stop was called: what is in the FIFO still counts.
			p.drain(f, out, &failed)
			return failed
		}
	}
}

// drain writes what is in the FIFO now.
func (p *Pump) drain(f *os.File, out *rotator, failed *error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	rest := 0
	raw.Control(func(fd uintptr) {
		for rest < drainMax {
			n, _ := p.once(fd, out, failed)
			if n <= 0 {
				return
			}
			rest += n
		}
	})
}

// Flush returns when what was written to the FIFOs before is in the files, so
// that whoever hears of the end of a task finds its last words.
func (p *Pump) Flush() {
	for i := range p.fifos {
		var failed error
		p.drain(p.fifos[i], p.outs[i], &failed)
	}
}

// once reads what there is and writes it. 0 bytes mean that there is nothing.
func (p *Pump) once(fd uintptr, out *rotator, failed *error) (int, error) {
	out.mu.Lock()
	defer out.mu.Unlock()
	buf := p.pool.Get().(*[]byte)
	defer p.pool.Put(buf)
	n, err := unix.Read(int(fd), *buf)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return 0, nil
	}
	if n <= 0 {
		return 0, err
	}
	if _, err := out.Write((*buf)[:n]); err != nil && *failed == nil {
		*failed = err
	}
	return n, nil
}

// Stop writes what is left in the FIFOs and ends. The FIFOs stay for the next
// run of the task.
func (p *Pump) Stop() {
	for _, f := range p.fifos {
		f.SetReadDeadline(time.Unix(1, 0))
	}
	p.done.Wait()
	p.close()
}

// Remove removes the FIFOs of a task.
func Remove(dir, task string) error {
	var errs []error
	for _, stream := range streams() {
		if err := os.Remove(FIFO(dir, task, stream)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// rotator writes one stream to numbered files.
type rotator struct {
	mu                sync.Mutex // reading and writing is one step: order is kept
	dir, task, stream string
	limits            Limits
	index             int
	size              int64
	file              *os.File
}

func newRotator(dir, task, stream string, limits Limits) (*rotator, error) {
	r := &rotator{dir: dir, task: task, stream: stream, limits: limits}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading log directory: %w", err)
	}
	if have := Indexes(entries, task, stream); len(have) > 0 {
		r.index = have[len(have)-1]
	}
	return r, r.open()
}

func (r *rotator) path(n int) string { return filepath.Join(r.dir, File(r.task, r.stream, n)) }

func (r *rotator) open() error {
	f, err := os.OpenFile(r.path(r.index), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("opening log file: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return fmt.Errorf("opening log file: %w", err)
	}
	r.file, r.size = f, info.Size()
	return nil
}

func (r *rotator) close() {
	if r.file != nil {
		r.file.Close()
		r.file = nil
	}
}

// Write appends b, across as many files as it takes.
func (r *rotator) Write(b []byte) (int, error) {
	total := 0
	for len(b) > 0 {
		n := r.room(b)
		if n > 0 {
			if err := r.append(b[:n]); err != nil {
				return total, err
			}
			total += n
			b = b[n:]
		}
		if len(b) > 0 {
			if err := r.rotate(); err != nil {
				return total, err
			}
		}
	}
	return total, nil
}

// room is how much of b goes into the current file: up to the last line end
// near the file's end when not all of it fits.
func (r *rotator) room(b []byte) int {
	free := r.limits.FileSize - r.size
	if r.limits.FileSize <= 0 || free >= int64(len(b)) {
		return len(b)
	}
	if free <= 0 {
		return 0
	}
	from := max(0, int(free)-lineSearchBytes)
	if i := bytes.LastIndexByte(b[from:free], '\n'); i >= 0 {
		return from + i + 1
	}
	return int(free)
}

func (r *rotator) append(b []byte) error {
	if r.file == nil {
		if err := r.open(); err != nil {
			return err
		}
	}
	n, err := r.file.Write(b)
	r.size += int64(n)
	if err != nil {
		return fmt.Errorf("writing log file: %w", err)
	}
	return nil
}

// rotate begins the next file and removes the oldest ones beyond the limit.
func (r *rotator) rotate() error {
	r.close()
	r.index++
	if err := r.open(); err != nil {
		return err
	}
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return fmt.Errorf("reading log directory: %w", err)
	}
	have := Indexes(entries, r.task, r.stream)
	for len(have) > max(1, r.limits.Files) {
		if err := os.Remove(r.path(have[0])); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing old log file: %w", err)
		}
		have = have[1:]
	}
	return nil
}
