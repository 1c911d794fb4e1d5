//go:build linux

package docker

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nomadlike/nomadlike/plugins/driver"
)

func decodeAuth(t *testing.T, encoded string) string {
	t.Helper()
	raw, err := base64.URLEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// message is one line of a container's output at a made-up time.
type message struct {
	stream int
	at     int64
	text   string
}

// frames writes messages the way the engine sends them without a terminal.
func frames(list []message) []byte {
	var b bytes.Buffer
	for _, m := range list {
		body := time.Unix(0, m.at).UTC().Format("2006-01-02T15:04:05.000000000Z") + " " + m.text
		header := [frameHeader]byte{byte(m.stream + 1)}
		binary.BigEndian.PutUint32(header[4:], uint32(len(body)))
		b.Write(header[:])
		b.WriteString(body)
	}
	return b.Bytes()
}

func outputTask(t *testing.T, fifos bool) *driver.TaskConfig {
	t.Helper()
	dir := t.TempDir()
	c := &driver.TaskConfig{ID: "a/t/1", Name: "t", AllocDir: dir, StdoutPath: filepath.Join(dir, "out"), StderrPath: filepath.Join(dir, "err")}
	if err := os.MkdirAll(filepath.Join(c.TaskDir(), "private"), 0o755); err != nil {
		t.Fatal(err)
	}
	if fifos {
		for _, p := range []string{c.StdoutPath, c.StderrPath} {
			if err := syscall.Mkfifo(p, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return c
}

func resume(t *testing.T, c *driver.TaskConfig) *logs {
	t.Helper()
	l, err := openLogs(c, false)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// feed replays the container's whole output from where l wants to resume.
func feed(t *testing.T, l *logs, list []message, limit int) {
	t.Helper()
	var rest []message
	for _, m := range list[:limit] {
		if m.at >= l.since().UnixNano() {
			rest = append(rest, m)
		}
	}
	if err := splitFrames(bytes.NewReader(frames(rest)), l.put); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
}

func output() []message {
	return []message{
		{stdoutIndex, 100, "one\n"}, {stdoutIndex, 100, "same time\n"}, {stderrIndex, 100, "err one\n"}, {stdoutIndex, 200, "two\n"},
		{stderrIndex, 300, "err two\n"}, {stderrIndex, 300, "err three\n"}, {stdoutIndex, 300, "three\n"}, {stdoutIndex, 300, "four\n"},
	}
}

// TestEveryInterruption: wherever a plugin is killed, the next one neither loses
// nor repeats a message.
func TestEveryInterruption(t *testing.T) {
	list := output()
	for cut := range len(list) + 1 {
		for again := cut; again <= len(list); again++ {
			c := outputTask(t, false)
			for _, limit := range []int{cut, again, len(list)} {
				l := resume(t, c)
				feed(t, l, list, limit)
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
			}
			for i, path := range []string{c.StdoutPath, c.StderrPath} {
				raw, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if want := joined(list, i); string(raw) != want {
					t.Errorf("interrupted after %d and %d: stream %d holds %q, want %q", cut, again, i, raw, want)
				}
			}
		}
	}
}

func joined(list []message, stream int) string {
	var b strings.Builder
	for _, m := range list {
		if m.stream == stream {
			b.WriteString(m.text)
		}
	}
	return b.String()
}

// TestPipeAndReaderLost: what nobody read when agent and plugin died together is
// passed on again; with a reader that lived it is not.
func TestPipeAndReaderLost(t *testing.T) {
	list := []message{{stdoutIndex, 100, "read\n"}, {stdoutIndex, 200, "unread\n"}}
	for _, readerLives := range []bool{false, true} {
		t.Run(fmt.Sprint("reader lives: ", readerLives), func(t *testing.T) {
			c := outputTask(t, true)
			l := resume(t, c)
			feed(t, l, list, 1)
			reader, err := os.OpenFile(c.StdoutPath, os.O_RDONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			got := readN(t, reader, len("read\n"))
			l.resume()
			feed(t, l, list, 2)
			if !readerLives {
				reader.Close()
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l = resume(t, c)
			defer l.Close()
			if !readerLives {
				if reader, err = os.OpenFile(c.StdoutPath, os.O_RDONLY, 0); err != nil {
					t.Fatal(err)
				}
			}
			defer reader.Close()
			feed(t, l, list, 2)
			got += readN(t, reader, len("unread\n"))
			if got != "read\nunread\n" || l.sinks[stdoutIndex].Unread() != 0 {
				t.Errorf("reader got %q, %d bytes more are there", got, l.sinks[stdoutIndex].Unread())
			}
		})
	}
}

func readN(t *testing.T, r io.Reader, n int) string {
	t.Helper()
	buf := make([]byte, n)
	if _, err := io.ReadFull(r, buf); err != nil {
		t.Fatal(err)
	}
	return string(buf)
}

func TestTerminalOutput(t *testing.T) {
	const stamp = "2026-01-02T03:04:05.000000007Z "
	long := strings.Repeat("x", messageMax)
	in := stamp + "line\r\n" + stamp + long + stamp + "rest\n" + stamp + "no end"
	var got []string
	err := splitTTY(strings.NewReader(in), func(stream int, at int64, text []byte) error {
		if stream != stdoutIndex || at%1e9 != 7 {
			t.Errorf("stream %d at %d", stream, at)
		}
		got = append(got, string(text))
		return nil
	})
	if !errors.Is(err, io.EOF) || strings.Join(got, "|") != "line\r\n|"+long+"|rest\n|no end" {
		t.Errorf("%d messages, %v", len(got), err)
	}
}

func TestDamagedStreams(t *testing.T) {
	none := func(int, int64, []byte) error { return nil }
	for name, raw := range map[string][]byte{
		"huge frame": {1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff},
		"no time":    append([]byte{1, 0, 0, 0, 0, 0, 0, 4}, "text"...),
		"bad time":   append([]byte{1, 0, 0, 0, 0, 0, 0, 6}, "x text"...),
		"system":     append([]byte{3, 0, 0, 0, 0, 0, 0, 22}, "2026-01-02T03:04:05Z x"...),
	} {
		if err := splitFrames(bytes.NewReader(raw), none); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKilledBetweenWriteAndNote: the file's length tells whether the last
// message was written.
func TestKilledBetweenWriteAndNote(t *testing.T) {
	list := output()[:2]
	for _, written := range []bool{false, true} {
		c := outputTask(t, false)
		l := resume(t, c)
		feed(t, l, list, 1)
		p := &l.pos[stdoutIndex]
		p.intent, p.size = p.written.next(list[1].at), l.sinks[stdoutIndex].Size()
		l.save()
		if written {
			if _, err := io.WriteString(l.sinks[stdoutIndex], list[1].text); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = resume(t, c)
		feed(t, l, list, 2)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if raw, _ := os.ReadFile(c.StdoutPath); string(raw) != joined(list, stdoutIndex) {
			t.Errorf("written before the kill: %v: file holds %q", written, raw)
		}
	}
}
