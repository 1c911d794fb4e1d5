//go:build linux

package docker

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/hashicorp/go-hclog"

	"github.com/nomadlike/nomadlike/drivers/internal/logsink"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

const (
	// logRetryPause is waited before a broken log stream is opened again.
	logRetryPause = 200 * time.Millisecond
	// followGrace is how long a stream may take to end after its container.
	followGrace = 500 * time.Millisecond
	// stampLayout is how the engine writes the time before each message.
	stampLayout = "2006-01-02T15:04:05.000000000Z07:00"
	// messageMax is the engine's longest message; longer lines come in parts.
	messageMax = 16 << 10
	// frameHeader is the length of the header of a multiplexed stream.
	frameHeader = 8
	// frameMax bounds a frame: a message and its time.
	frameMax = 1 << 20
)

// mark is a place in a container's output: the n-th message with a time stamp.
type mark struct {
	stamp int64 // Unix nanoseconds
	n     int64
}

func (m mark) next(stamp int64) mark {
	if stamp == m.stamp {
		return mark{stamp, m.n + 1}
	}
	return mark{stamp, 1}
}

// position is how far one output was passed on. A reader takes what was written
// some time later, and what is unread dies with the pipe, so both are kept.
//
// intent is the message that is being written, and size the file's length before
// it: a plugin killed between the write and the note of it learns from the
// length what happened. A pipe has no such memory: there the message may be
// repeated, which beats losing it.
type position struct {
	written, read, intent mark
	size                  int64
}

// happened is where output stands that now has the given length.
func (p position) happened(length int64) mark {
	if p.intent != p.written && p.intent.n > 0 && length > p.size && p.size >= 0 {
		return p.intent
	}
	return p.written
}

const (
	stdoutIndex = iota
	stderrIndex
	streams
)

// logs passes a container's output to a task's sinks, and remembers on disk how
// far it came, so that a new plugin process neither loses nor repeats a message.
type logs struct {
	sinks [streams]*logsink.Sink
	file  *os.File

	mu  sync.Mutex
	pos [streams]position
	// pending are written messages of each stream that may be unread still.
	pending [streams][]pendingMessage
	total   [streams]int
	// skip are messages of the resumed stamp that were passed on before.
	skip [streams]mark
	tty  bool
	// unreadable is set when the engine's logging driver keeps no output. Only
	// run and what it waits for touch it.
	unreadable bool
}

type pendingMessage struct {
	end  int // total bytes up to its end
	mark mark
}

// logPosition is the file that holds the place, out of the task's reach.
func logPosition(c *driver.TaskConfig) string {
	dir := c.TaskDir()
	private := filepath.Join(dir, "private")
	if st, err := os.Lstat(private); err == nil && st.IsDir() {
		dir = private
	}
	return filepath.Join(dir, ".docker-logs-"+strings.ReplaceAll(c.ID, "/", "_"))
}

// openLogs opens the sinks and resumes from the file if there is one.
func openLogs(c *driver.TaskConfig, tty bool) (*logs, error) {
	l := &logs{tty: tty}
	const mode = 0o600
	f, err := os.OpenFile(logPosition(c), os.O_RDWR|os.O_CREATE, mode)
	if err != nil {
		return nil, fmt.Errorf("log position cannot be kept: %w", err)
	}
	l.file = f
	saved := l.load()
	for i, path := range []string{c.StdoutPath, c.StderrPath} {
		s, err := logsink.Open(path)
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		l.sinks[i] = s
		l.pos[i] = saved[i]
		l.pos[i].written = saved[i].happened(s.Size())
		if !s.Kept() {
			l.pos[i].written = saved[i].read
		}
		l.skip[i] = l.pos[i].written
	}
	return l, nil
}

// Close gives up the sinks.
func (l *logs) Close() error {
	var errs []error
	for _, s := range l.sinks {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(append(errs, l.file.Close())...)
}

// positionWords is how many numbers make up one position.
const positionWords = 7

const positionBytes = streams * positionWords * 8

func (l *logs) load() (out [streams]position) {
	var raw [positionBytes]byte
	if _, err := l.file.ReadAt(raw[:], 0); err != nil {
		return out
	}
	word := func(i int) int64 { return int64(binary.LittleEndian.Uint64(raw[i*8:])) }
	for i := range out {
		at := positionWords * i
		out[i] = position{
			written: mark{word(at), word(at + 1)}, read: mark{word(at + 2), word(at + 3)},
			intent: mark{word(at + 4), word(at + 5)}, size: word(at + 6),
		}
	}
	return out
}

// save is one write of one page, which a killed process has done or not done.
func (l *logs) save() {
	raw := make([]byte, 0, positionBytes)
	for _, p := range l.pos {
		for _, v := range []int64{p.written.stamp, p.written.n, p.read.stamp, p.read.n, p.intent.stamp, p.intent.n, p.size} {
			raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
		}
	}
	// Without the note a restart repeats output, which beats losing it.
	_, _ = l.file.WriteAt(raw, 0)
}

// since is where the engine must resume: the earlier of both streams.
func (l *logs) since() time.Time {
	first := l.skip[stdoutIndex].stamp
	if s := l.skip[stderrIndex].stamp; s < first {
		first = s
	}
	return time.Unix(0, first)
}

// put passes one message on, unless it was before.
func (l *logs) put(stream int, stamp int64, text []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if skip := &l.skip[stream]; skip.n > 0 {
		if stamp < skip.stamp {
			return nil
		}
		if stamp == skip.stamp {
			skip.n--
			return nil
		}
		skip.n = 0
	}
	p := &l.pos[stream]
	p.intent, p.size = p.written.next(stamp), l.sinks[stream].Size()
	if p.size >= 0 {
		l.save()
	}
	if _, err := l.sinks[stream].Write(text); err != nil {
		return err
	}
	p.written = p.intent
	l.total[stream] += len(text)
	l.pending[stream] = append(l.pending[stream], pendingMessage{l.total[stream], p.written})
	l.settle(stream)
	l.save()
	return nil
}

// settle moves the read mark over what readers took.
func (l *logs) settle(stream int) {
	taken := l.total[stream] - l.sinks[stream].Unread()
	q := l.pending[stream]
	for len(q) > 0 && q[0].end <= taken {
		l.pos[stream].read = q[0].mark
		q = q[1:]
	}
	l.pending[stream] = q
}

// drain waits until readers took everything or ctx ends.
func (l *logs) drain(ctx context.Context) {
	for i, s := range l.sinks {
		s.Drain(ctx)
		l.mu.Lock()
		l.settle(i)
		l.save()
		l.mu.Unlock()
	}
}

// run passes the container's output on to its end, over restarts of the engine.
// exited is closed when the container has ended: engines may end a stream before
// the last messages of a short container, or not at all, so what is left is read
// once more then.
func (l *logs) run(ctx context.Context, api *client.Client, id string, exited <-chan struct{}, log hclog.Logger) {
	followCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		l.followToEnd(followCtx, api, id, log)
	}()
	select {
	case <-ctx.Done():
	case <-exited:
	}
	select {
	case <-followed:
	case <-ctx.Done():
	case <-time.After(followGrace):
	}
	cancel()
	<-followed
	if ctx.Err() != nil || l.unreadable {
		return
	}
	l.resume()
	if err := l.follow(ctx, api, id, false); err != nil && !cerrdefs.IsNotFound(err) && ctx.Err() == nil {
		log.Warn("end of container's output cannot be read", "container", id, "error", err)
	}
}

// resume makes the next stream begin after what was passed on.
func (l *logs) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.skip {
		l.skip[i] = l.pos[i].written
	}
}

// followToEnd opens the stream again whenever it breaks.
func (l *logs) followToEnd(ctx context.Context, api *client.Client, id string, log hclog.Logger) {
	for ctx.Err() == nil {
		err := l.follow(ctx, api, id, true)
		switch {
		case err == nil || ctx.Err() != nil || cerrdefs.IsNotFound(err):
			return
		case strings.Contains(err.Error(), "does not support reading"):
			l.unreadable = true
			log.Info("output of container is not collected: its logging driver cannot be read", "container", id)
			return
		}
		log.Debug("output of container broke off, resuming", "container", id, "error", err)
		l.resume()
		select {
		case <-ctx.Done():
		case <-time.After(logRetryPause):
		}
	}
}

func (l *logs) follow(ctx context.Context, api *client.Client, id string, forever bool) error {
	opts := container.LogsOptions{ShowStdout: true, ShowStderr: true, Follow: forever, Timestamps: true}
	if since := l.since(); since.UnixNano() > 0 {
		opts.Since = fmt.Sprintf("%d.%09d", since.Unix(), since.Nanosecond())
	}
	stream, err := api.ContainerLogs(ctx, id, opts)
	if err != nil {
		return err
	}
	defer stream.Close()
	if l.tty {
		err = splitTTY(stream, l.put)
	} else {
		err = splitFrames(stream, l.put)
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

type putFunc func(stream int, stamp int64, text []byte) error

// splitFrames reads a multiplexed stream, one message a frame.
func splitFrames(r io.Reader, put putFunc) error {
	br := bufio.NewReader(r)
	var header [frameHeader]byte
	var buf []byte
	for {
		if _, err := io.ReadFull(br, header[:]); err != nil {
			return err
		}
		size := int(binary.BigEndian.Uint32(header[4:]))
		if size > frameMax {
			return fmt.Errorf("log stream has a frame of %d bytes, more than the %d expected", size, frameMax)
		}
		if cap(buf) < size {
			buf = make([]byte, size)
		}
		buf = buf[:size]
		if _, err := io.ReadFull(br, buf); err != nil {
			return err
		}
		stamp, text, err := splitStamp(buf)
		if err != nil {
			return err
		}
		stream := stdoutIndex
		const stderrFrame, systemFrame = 2, 3
		switch header[0] {
		case stderrFrame:
			stream = stderrIndex
		case systemFrame:
			return fmt.Errorf("engine broke the log stream off: %s", text)
		}
		if err := put(stream, stamp, text); err != nil {
			return err
		}
	}
}

// splitTTY reads a stream without frames: a message ends with its line, or at
// the engine's longest.
func splitTTY(r io.Reader, put putFunc) error {
	br := bufio.NewReader(r)
	stampBytes := len("2006-01-02T15:04:05.000000000Z ")
	for {
		head := make([]byte, stampBytes)
		if _, err := io.ReadFull(br, head); err != nil {
			return err
		}
		stamp, _, err := splitStamp(head)
		if err != nil {
			return err
		}
		var text []byte
		for len(text) < messageMax {
			b, err := br.ReadByte()
			if errors.Is(err, io.EOF) && len(text) > 0 {
				break
			}
			if err != nil {
				return err
			}
			if text = append(text, b); b == '\n' {
				break
			}
		}
		if err := put(stdoutIndex, stamp, text); err != nil {
			return err
		}
	}
}

func splitStamp(message []byte) (stamp int64, text []byte, err error) {
	for i, b := range message {
		if b != ' ' {
			continue
		}
		t, err := time.Parse(stampLayout, string(message[:i]))
		if err != nil {
			return 0, nil, fmt.Errorf("log message has a time that does not parse: %w", err)
		}
		return t.UnixNano(), message[i+1:], nil
	}
	return 0, nil, errors.New("log message has no time")
}
