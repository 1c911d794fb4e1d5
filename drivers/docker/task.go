//go:build linux

package docker

import (
	"context"
	"fmt"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/hashicorp/go-hclog"

	"github.com/nomadlike/nomadlike/plugins/driver"
)

const (
	// engineRetryPause is waited before an engine that does not answer is asked
	// again about a container.
	engineRetryPause = 500 * time.Millisecond
	// outputGrace is how long the end of a container's output may lag behind its
	// exit before the exit is told anyway.
	outputGrace = 2 * time.Second
)

// task is one container of ours.
type task struct {
	cfg     *driver.TaskConfig
	id      string
	imageID string
	network *driver.Network
	started time.Time

	// forget ends everything that watches the container.
	forget   context.CancelFunc
	watchers sync.WaitGroup

	done     chan struct{}
	exit     *driver.ExitResult
	finished time.Time
}

// taskState is what recovery needs.
type taskState struct {
	ContainerID   string          `codec:"ContainerID"`
	DriverNetwork *driver.Network `codec:"DriverNetwork"`
	TTY           bool            `codec:"TTY"`
}

func (t *task) ended() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

// watch follows the container's output and exit until both are over or the task
// is forgotten. out is nil when nobody wants the output.
func (t *task) watch(api *client.Client, out *logs, log hclog.Logger) {
	ctx, cancel := context.WithCancel(context.Background())
	t.forget = cancel
	outputDone, exited := make(chan struct{}), make(chan struct{})
	if out == nil {
		close(outputDone)
	} else {
		t.watchers.Go(func() {
			// The sinks close with the context, so that no write blocks for good.
			stop := context.AfterFunc(ctx, func() { _ = out.Close() })
			out.run(ctx, api, t.id, exited, log)
			close(outputDone)
			out.drain(ctx)
			if stop() {
				_ = out.Close()
			}
		})
	}
	t.watchers.Go(func() {
		exit, at := t.waitExit(ctx, api, log)
		if exit == nil {
			return
		}
		close(exited)
		// Readers shall find the whole output when they hear of the exit.
		select {
		case <-outputDone:
		case <-ctx.Done():
		case <-time.After(outputGrace):
		}
		t.exit, t.finished = exit, at
		close(t.done)
	})
}

// waitExit returns nil only when ctx ended.
func (t *task) waitExit(ctx context.Context, api *client.Client, log hclog.Logger) (*driver.ExitResult, time.Time) {
	for {
		exited, failed := api.ContainerWait(ctx, t.id, container.WaitConditionNotRunning)
		select {
		case w := <-exited:
			return t.exitOf(ctx, api, int(w.StatusCode))
		case err := <-failed:
			if ctx.Err() != nil {
				return nil, time.Time{}
			}
			if cerrdefs.IsNotFound(err) {
				return &driver.ExitResult{Err: "container was removed by someone else"}, time.Now()
			}
			log.Warn("engine does not tell about a container, asking again", "container", t.id, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil, time.Time{}
		case <-time.After(engineRetryPause):
		}
	}
}

func (t *task) exitOf(ctx context.Context, api *client.Client, code int) (*driver.ExitResult, time.Time) {
	exit, at := &driver.ExitResult{ExitCode: code}, time.Now()
	info, err := api.ContainerInspect(ctx, t.id)
	if err == nil && info.State != nil {
		if ended, err := time.Parse(time.RFC3339Nano, info.State.FinishedAt); err == nil && !ended.IsZero() {
			at = ended
		}
		exit.OOMKilled = info.State.OOMKilled
		if info.State.Error != "" {
			exit.Err = info.State.Error
		}
	}
	switch {
	case exit.OOMKilled:
		exit.Err = "OOM Killed"
	case exit.Err == "" && code != 0:
		exit.Err = fmt.Sprintf("Docker container exited with non-zero exit code: %d", code)
	}
	return exit, at
}

// result waits for the exit.
func (t *task) result(ctx context.Context) (*driver.ExitResult, error) {
	select {
	case <-t.done:
		return t.exit, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// drop ends the watchers and waits for them.
func (t *task) drop() {
	t.forget()
	t.watchers.Wait()
}
