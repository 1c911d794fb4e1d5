package agent

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/nomadlike/nomadlike/command/agent/config"
)

// logIndent sets log lines apart from what the agent says at its start.
const logIndent = "    "

// newLogger makes the agent's logger, to the terminal and to a file if asked.
func newLogger(c *config.Config, out io.Writer) (hclog.InterceptLogger, io.Closer, error) {
	level := hclog.LevelFromString(c.LogLevel)
	if level == hclog.NoLevel {
		return nil, nil, fmt.Errorf("log_level %q is not one of TRACE, DEBUG, INFO, WARN, ERROR, OFF", c.LogLevel)
	}
	var closer io.Closer = io.NopCloser(nil)
	if !c.LogJSON {
		out = &indented{w: out}
	}
	if c.LogFile != "" {
		f, err := openLogFile(c)
		if err != nil {
			return nil, nil, err
		}
		out, closer = io.MultiWriter(out, f), f
	}
	return hclog.NewInterceptLogger(&hclog.LoggerOptions{
		Name: "agent", Level: level, Output: out, JSONFormat: c.LogJSON, IncludeLocation: c.LogIncludeLocation,
		TimeFormat: "2006-01-02T15:04:05.000Z0700",
	}), closer, nil
}

// indented writes whole lines with an indent.
type indented struct {
	mu sync.Mutex
	w  io.Writer
}

func (i *indented) Write(p []byte) (int, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, err := i.w.Write(append([]byte(logIndent), p...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// logFile is a log that starts a new file when the old one is too old or too
// large, and keeps so many old ones.
type logFile struct {
	mu       sync.Mutex
	path     string
	every    time.Duration
	bytesMax int64 // 0 no limit
	keep     int   // 0 all
	file     *os.File
	size     int64
	since    time.Time
}

// logFileMode keeps logs from other users: they hold what operators do.
const logFileMode = 0o640

func openLogFile(c *config.Config) (*logFile, error) {
	path := c.LogFile
	if strings.HasSuffix(path, "/") {
		path = filepath.Join(path, "nomad.log")
	}
	l := &logFile{path: path, every: c.LogRotateDuration, bytesMax: int64(c.LogRotateBytes), keep: c.LogRotateMaxFiles}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("opening log_file: %w", err)
	}
	return l, nil
}

func (l *logFile) open() error {
	if err := os.MkdirAll(filepath.Dir(l.path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, logFileMode)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	l.file, l.size, l.since = f, info.Size(), time.Now()
	return nil
}

func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	tooLarge := l.bytesMax > 0 && l.size+int64(len(p)) > l.bytesMax && l.size > 0
	if tooLarge || l.every > 0 && time.Since(l.since) > l.every {
		if err := l.rotate(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(p)
	l.size += int64(n)
	return n, err
}

// rotate sets the file aside under the time and opens a new one.
func (l *logFile) rotate() error {
	l.file.Close()
	ext := filepath.Ext(l.path)
	base := strings.TrimSuffix(l.path, ext)
	if err := os.Rename(l.path, fmt.Sprintf("%s-%d%s", base, time.Now().UnixNano(), ext)); err != nil {
		return err
	}
	if old, err := filepath.Glob(base + "-*" + ext); err == nil && l.keep > 0 && len(old) > l.keep {
		slices.Sort(old)
		for _, o := range old[:len(old)-l.keep] {
			os.Remove(o)
		}
	}
	return l.open()
}

func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}
