package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/hashicorp/go-hclog"

	"github.com/nomadlike/nomadlike/plugins/base"
)

const (
	// pullProgressPeriod is how often a long download is reported to the user.
	pullProgressPeriod = 2 * time.Minute
	// removeAttempts and removePause bound the removal of an unused image.
	removeAttempts = 3
	removePause    = time.Second
)

// images downloads images and removes those that no task uses any more.
type images struct {
	api func() (*client.Client, error)
	log hclog.Logger

	mu      sync.Mutex
	pulls   map[string]*pull
	users   map[string]map[string]bool // image ID -> task IDs
	removal map[string]*time.Timer
}

// pull is a download that several tasks may wait for.
type pull struct {
	done chan struct{}
	err  error
}

func newImages(api func() (*client.Client, error), log hclog.Logger) *images {
	return &images{api: api, log: log, pulls: map[string]*pull{}, users: map[string]map[string]bool{}, removal: map[string]*time.Timer{}}
}

// pullRequest says how to download one image.
type pullRequest struct {
	ref      string
	auth     func() (string, error) // encoded credentials, empty for none
	timeout  time.Duration
	activity time.Duration
	// progress is called when the download starts and then now and again.
	progress func(message string)
}

// alwaysPulled reports whether a reference names whatever is newest.
func alwaysPulled(ref string) bool {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return false
	}
	if _, digested := named.(reference.Digested); digested {
		return false
	}
	tagged, ok := reference.TagNameOnly(named).(reference.Tagged)
	return ok && tagged.Tag() == "latest"
}

// fetch downloads an image; concurrent calls for one reference share a download.
func (m *images) fetch(ctx context.Context, r pullRequest) error {
	m.mu.Lock()
	p, running := m.pulls[r.ref]
	if !running {
		p = &pull{done: make(chan struct{})}
		m.pulls[r.ref] = p
	}
	m.mu.Unlock()
	if running {
		select {
		case <-p.done:
			return p.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	// Others may wait for it, so it does not end with this caller.
	p.err = m.download(context.WithoutCancel(ctx), r)
	m.mu.Lock()
	delete(m.pulls, r.ref)
	m.mu.Unlock()
	close(p.done)
	return p.err
}

func (m *images) download(ctx context.Context, r pullRequest) error {
	api, err := m.api()
	if err != nil {
		return err
	}
	named, err := reference.ParseNormalizedNamed(r.ref)
	if err != nil {
		return fmt.Errorf("image %q is no valid reference: %w", r.ref, err)
	}
	auth, err := r.auth()
	if err != nil {
		return base.NewRecoverableError(fmt.Errorf("credentials for image %q cannot be found: %w", r.ref, err), false)
	}
	if r.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.timeout)
		defer cancel()
	}
	r.progress("Downloading image")
	stream, err := api.ImagePull(ctx, reference.TagNameOnly(named).String(), image.PullOptions{RegistryAuth: auth})
	if err != nil {
		return pullError(r.ref, err)
	}
	defer stream.Close()
	if err := follow(stream, r); err != nil {
		return pullError(r.ref, err)
	}
	return nil
}

// errStalled ends a download that makes no progress.
var errStalled = errors.New("no progress within pull_activity_timeout")

// follow reads the engine's progress messages to their end.
func follow(stream io.ReadCloser, r pullRequest) error {
	stalled := make(chan struct{})
	var once sync.Once
	var watch *time.Timer
	if r.activity > 0 {
		watch = time.AfterFunc(r.activity, func() {
			once.Do(func() { close(stalled) })
			stream.Close()
		})
		defer watch.Stop()
	}
	decoder := json.NewDecoder(stream)
	reported := time.Now()
	for {
		var m struct {
			Status      string `json:"status"`
			Progress    string `json:"progress"`
			Error       string `json:"error"`
			ErrorDetail struct {
				Message string `json:"message"`
			} `json:"errorDetail"`
		}
		err := decoder.Decode(&m)
		select {
		case <-stalled:
			return errStalled
		default:
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if watch != nil {
			watch.Reset(r.activity)
		}
		if m.Error != "" {
			return errors.New(m.Error)
		}
		if time.Since(reported) >= pullProgressPeriod {
			reported = time.Now()
			r.progress(fmt.Sprintf("Docker image pull progress: %s %s", m.Status, m.Progress))
		}
	}
}

// pullError says whether another attempt could help: not when the registry
// answered that there is no such image.
func pullError(ref string, err error) error {
	text := err.Error()
	gone := cerrdefs.IsNotFound(err) || cerrdefs.IsInvalidArgument(err)
	for _, sign := range []string{"manifest unknown", "not found", "pull access denied", "repository does not exist", "invalid reference"} {
		gone = gone || strings.Contains(text, sign)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.New("image_pull_timeout was reached")
	}
	return base.NewRecoverableError(fmt.Errorf("Failed to pull `%s`: %w", ref, err), !gone) //nolint:staticcheck // text that users know
}

// load reads an image archive from the task's directory.
func (m *images) load(ctx context.Context, localDir, file string) error {
	path := filepath.Join(localDir, file)
	if !inside(localDir, path) {
		return fmt.Errorf("load = %q leads out of the task's local directory", file)
	}
	api, err := m.api()
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("image archive cannot be opened: %w", err)
	}
	defer f.Close()
	resp, err := api.ImageLoad(ctx, f)
	if err != nil {
		return base.NewRecoverableError(fmt.Errorf("image archive %q cannot be loaded: %w", file, err), true)
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// use notes that a task runs the image, and calls off its removal.
func (m *images) use(imageID, taskID string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.users[imageID] == nil {
		m.users[imageID] = map[string]bool{}
	}
	m.users[imageID][taskID] = true
	if t, waiting := m.removal[imageID]; waiting {
		t.Stop()
		delete(m.removal, imageID)
	}
}

// release removes the image after delay when taskID was its last user.
func (m *images) release(imageID, taskID string, remove bool, delay time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.users[imageID], taskID)
	if len(m.users[imageID]) > 0 {
		return
	}
	delete(m.users, imageID)
	if !remove || imageID == "" {
		return
	}
	m.removal[imageID] = time.AfterFunc(delay, func() { m.remove(imageID) })
}

func (m *images) remove(imageID string) {
	m.mu.Lock()
	_, due := m.removal[imageID]
	delete(m.removal, imageID)
	used := len(m.users[imageID]) > 0
	m.mu.Unlock()
	if !due || used {
		return
	}
	api, err := m.api()
	if err != nil {
		return
	}
	for range removeAttempts {
		_, err := api.ImageRemove(context.Background(), imageID, image.RemoveOptions{Force: true})
		if err == nil || cerrdefs.IsNotFound(err) {
			return
		}
		if cerrdefs.IsConflict(err) {
			m.log.Debug("unused image is kept: something else uses it", "image", imageID, "error", err)
			return
		}
		m.log.Warn("unused image cannot be removed", "image", imageID, "error", err)
		time.Sleep(removePause)
	}
}

// close calls off all removals.
func (m *images) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, t := range m.removal {
		t.Stop()
		delete(m.removal, id)
	}
}
