// Package artifact downloads the artifacts of tasks in a process of its own,
// which knows nothing of the agent but what it is told on standard input. The
// task shell calls Fetcher; the main program calls Main in the helper process.
// Nothing is written outside the allocation's directory, whatever an archive or
// a running task's links say.
package artifact

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/client/task"
)

const (
	readTimeoutDefault = 30 * time.Minute
	overallExtra       = time.Minute
	maxBytesDefault    = 100 << 30
	filesMaxDefault    = 4096
	path               = "/usr/local/bin:/usr/bin:/bin"
	// killWait is how long the helper may take to end after it was told to.
	killWait = 5 * time.Second
)

// Config of a Fetcher.
type Config struct {
	// Command starts the helper process, which calls Main.
	Command func() (path string, args []string)
	// Timeout bounds reading a download; 0 is 30 min.
	Timeout time.Duration
	// MaxBytes bounds a download and what is unpacked from it; 0 is 100 GB.
	MaxBytes int64
	// FilesMax bounds the files of an archive; 0 is 4096.
	FilesMax int
	// Env names variables of the agent that the helper gets.
	Env []string
}

// Fetcher implements task.Fetcher.
type Fetcher struct{ cfg Config }

// New makes one.
func New(cfg Config) *Fetcher {
	if cfg.Timeout <= 0 {
		cfg.Timeout = readTimeoutDefault
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = maxBytesDefault
	}
	if cfg.FilesMax <= 0 {
		cfg.FilesMax = filesMaxDefault
	}
	return &Fetcher{cfg: cfg}
}

// spec is what the helper is told.
type spec struct {
	Source   string
	Mode     string
	Base     string // the allocation's directory
	Dest     string // relative to Base
	Temp     string // relative to Base
	Headers  map[string]string
	Insecure bool
	User     string // "" leaves the owner
	Timeout  time.Duration
	MaxBytes int64
	FilesMax int
}

// Fetch implements task.Fetcher.
func (f *Fetcher) Fetch(ctx context.Context, r task.FetchRequest) error {
	s, err := f.spec(r)
	if err != nil {
		return fmt.Errorf("artifact %q: %w", r.Artifact.GetterSource, err)
	}
	in, err := json.Marshal(s)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, max(f.cfg.Timeout, readTimeoutDefault)+overallExtra)
	defer cancel()
	command, args := f.cfg.Command()
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.Stdin = bytes.NewReader(in)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = killWait
	cmd.Dir = r.AllocDir
	cmd.Env = []string{"PATH=" + path, "TMPDIR=" + filepath.Join(r.TaskDir, "tmp"), "HOME=" + os.Getenv("HOME")}
	for _, name := range f.cfg.Env {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(out.String())
		if text == "" {
			text = err.Error()
		}
		return fmt.Errorf("failed to download artifact %q: %s", r.Artifact.GetterSource, text)
	}
	return nil
}

func (f *Fetcher) spec(r task.FetchRequest) (*spec, error) {
	a := r.Artifact
	source := r.Replace(a.GetterSource)
	if err := supported(source); err != nil {
		return nil, err
	}
	options := url.Values{}
	for k, v := range a.GetterOptions {
		options.Set(k, r.Replace(v))
	}
	if len(options) > 0 {
		mark := "?"
		if strings.Contains(source, "?") {
			mark = "&"
		}
		source += mark + options.Encode()
	}
	headers := map[string]string{}
	for k, v := range a.GetterHeaders {
		headers[k] = r.Replace(v)
	}
	dest, err := destination(r)
	if err != nil {
		return nil, err
	}
	temp, err := filepath.Rel(r.AllocDir, r.TaskDir)
	if err != nil {
		return nil, err
	}
	s := &spec{
		Source: source, Mode: a.GetterMode, Base: r.AllocDir, Dest: dest, Temp: temp, Headers: headers, Insecure: a.GetterInsecure,
		Timeout: f.cfg.Timeout, MaxBytes: f.cfg.MaxBytes, FilesMax: f.cfg.FilesMax,
	}
	if a.Chown {
		s.User = r.User
	}
	return s, nil
}

// supported refuses what this build cannot fetch, by name.
func supported(source string) error {
	forced, _, ok := strings.Cut(source, "::")
	if !ok {
		forced, _, _ = strings.Cut(source, "://")
	}
	switch forced {
	case "s3", "gcs", "gs", "file", "smb":
		return fmt.Errorf("scheme %q is not supported by this node: use http, https, git or hg", forced)
	}
	return nil
}

// destination is relative to the allocation's directory and below the task's
// or the shared one.
func destination(r task.FetchRequest) (string, error) {
	want := r.Replace(r.Artifact.RelativeDest)
	if want == "" {
		want = "local/"
	}
	rel, err := filepath.Rel(r.AllocDir, filepath.Join(r.TaskDir, want))
	if err != nil {
		return "", err
	}
	taskName := filepath.Base(r.TaskDir)
	top, _, _ := strings.Cut(rel, "/")
	if top != taskName && top != "alloc" {
		return "", fmt.Errorf("destination %q escapes the allocation directory", r.Artifact.RelativeDest)
	}
	return rel, nil
}
