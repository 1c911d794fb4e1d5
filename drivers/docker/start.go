//go:build linux

package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"

	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/driver"
)

const (
	// createAttempts and createPause bound retries of an engine in trouble; the
	// pause doubles up to createPauseMax.
	createAttempts = 5
	createPause    = 50 * time.Millisecond
	createPauseMax = time.Minute
)

// starter is one call of StartTask.
type starter struct {
	d   *Driver
	api *client.Client
	p   *pluginConfig
	c   *driver.TaskConfig
	tc  *taskConfig
	req *request
}

// run brings the container up and returns what is known about it.
func (s *starter) run(ctx context.Context) (*container.InspectResponse, error) {
	if err := s.prefetch(ctx); err != nil {
		return nil, err
	}
	id, running, err := s.create(ctx)
	if err != nil {
		return nil, err
	}
	if !running {
		if err := s.api.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
			s.discard(id)
			return nil, fmt.Errorf("Failed to start container %s: %w", id, err) //nolint:staticcheck // text that users know
		}
	}
	info, err := s.api.ContainerInspect(ctx, id)
	if err != nil {
		s.discard(id)
		return nil, base.NewRecoverableError(fmt.Errorf("container %s cannot be inspected after its start: %w", id, err), true)
	}
	return &info, nil
}

func (s *starter) discard(id string) {
	err := s.api.ContainerRemove(context.Background(), id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !cerrdefs.IsNotFound(err) {
		s.d.log.Error("container that failed to start cannot be removed", "container", id, "error", err)
	}
}

// prefetch gets images that must not be taken as they are found. Others are
// fetched when the engine says that it has none, which saves a question.
func (s *starter) prefetch(ctx context.Context) error {
	switch {
	case s.tc.Load != "":
		return s.d.images.load(ctx, s.c.LocalDir(), s.tc.Load)
	case s.tc.ForcePull || alwaysPulled(s.tc.Image):
		return s.pull(ctx)
	default:
		return nil
	}
}

func (s *starter) pull(ctx context.Context) error {
	return s.d.images.fetch(ctx, pullRequest{
		ref: s.tc.Image, timeout: s.tc.pullTimeout, activity: s.p.pullActivity,
		auth: func() (string, error) {
			auth, err := credentials(s.tc.Image, s.tc.Auth, s.p.Auth)
			if err != nil && s.tc.AuthSoftFail {
				s.d.log.Warn("image is pulled without credentials", "image", s.tc.Image, "error", err)
				return "", nil
			}
			return auth, err
		},
		progress: func(message string) { s.d.event(s.c, message, map[string]string{"image": s.tc.Image}) },
	})
}

// create makes the container, or finds it running already.
func (s *starter) create(ctx context.Context) (id string, running bool, err error) {
	pause, pulled, conflicts := createPause, false, 0
	for attempt := 1; ; attempt++ {
		resp, err := s.api.ContainerCreate(ctx, s.req.config, s.req.host, s.req.networking, nil, s.req.name)
		switch {
		case err == nil:
			return resp.ID, false, nil
		case missingImage(err) && !pulled && s.tc.Load == "":
			if err := s.pull(ctx); err != nil {
				return "", false, err
			}
			pulled = true
			continue
		case cerrdefs.IsConflict(err) && conflicts < max(s.p.ContainerExistsAttempts, 1):
			conflicts++
			if id, ok := s.resolveConflict(ctx); ok {
				return id, true, nil
			}
			continue
		case !transient(err) || attempt >= createAttempts:
			return "", false, base.NewRecoverableError(fmt.Errorf("Failed to create container: %w", err), transient(err)) //nolint:staticcheck // text that users know
		}
		select {
		case <-ctx.Done():
			return "", false, ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, createPauseMax)
	}
}

// missingImage tells a missing image from a missing network or volume.
func missingImage(err error) bool {
	return cerrdefs.IsNotFound(err) && strings.Contains(strings.ToLower(err.Error()), "no such image")
}

// transient errors are the engine's own, and go away.
func transient(err error) bool {
	return errors.Is(err, io.EOF) || client.IsErrConnectionFailed(err) ||
		(cerrdefs.IsInternal(err) && !strings.Contains(err.Error(), "invalid"))
}

// resolveConflict deals with a container that has the task's name: ours from a
// start whose answer was lost is kept, a dead one is removed.
func (s *starter) resolveConflict(ctx context.Context) (id string, running bool) {
	info, err := s.api.ContainerInspect(ctx, s.req.name)
	if err != nil || info.Config == nil || info.State == nil {
		return "", false
	}
	known := s.d.knows(info.ID)
	if info.State.Running && !known && info.Config.Labels[labelAllocID] == s.c.AllocID {
		return info.ID, true
	}
	if !known {
		s.discard(info.ID)
	}
	return "", false
}
