//go:build linux

package docker

import (
	"context"
	"fmt"
	"regexp"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"github.com/nomadlike/nomadlike/plugins/driver"
)

const (
	// sandboxPrefix begins the name of the container that holds a network.
	sandboxPrefix = "nomad_init_"
	// sandboxStopSeconds is how long it may take to stop.
	sandboxStopSeconds = 1
)

// namedLikeTask matches "/<task>-<uuid>".
var namedLikeTask = regexp.MustCompile(`^/.*-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// CreateNetwork implements driver.Driver: a container without a network of its
// own holds the allocation's namespace.
func (d *Driver) CreateNetwork(ctx context.Context, allocID string, r *driver.NetworkRequest) (*driver.NetworkIsolation, bool, error) {
	api, err := d.engine()
	if err != nil {
		return nil, false, err
	}
	name := sandboxPrefix + allocID
	if info, err := api.ContainerInspect(ctx, name); err == nil && info.State != nil && info.State.Running {
		return sandboxSpec(info, r.Hostname), false, nil
	}
	cfg, _ := d.settings()
	id, err := d.createSandbox(ctx, api, cfg, name, allocID, r.Hostname)
	if err != nil {
		return nil, false, err
	}
	if err := api.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
		_ = api.ContainerRemove(context.WithoutCancel(ctx), id, container.RemoveOptions{Force: true})
		return nil, false, fmt.Errorf("network container of allocation %s cannot be started: %w", allocID, err)
	}
	info, err := api.ContainerInspect(ctx, id)
	if err != nil {
		return nil, false, fmt.Errorf("network container of allocation %s cannot be inspected: %w", allocID, err)
	}
	return sandboxSpec(info, r.Hostname), true, nil
}

func (d *Driver) createSandbox(ctx context.Context, api *client.Client, cfg *pluginConfig, name, allocID, hostname string) (string, error) {
	config := &container.Config{Image: cfg.InfraImage, Hostname: hostname, Labels: map[string]string{labelAllocID: allocID}}
	host := &container.HostConfig{NetworkMode: "none", RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyUnlessStopped}}
	create := func() (string, error) {
		resp, err := api.ContainerCreate(ctx, config, host, nil, nil, name)
		return resp.ID, err
	}
	id, err := create()
	switch {
	case err != nil && missingImage(err):
		err = d.images.fetch(ctx, pullRequest{
			ref: cfg.InfraImage, timeout: cfg.infraPullTimeout, activity: cfg.pullActivity, progress: func(string) {},
			auth: func() (string, error) { return credentials(cfg.InfraImage, nil, cfg.Auth) },
		})
		if err == nil {
			id, err = create()
		}
	case err != nil && cerrdefs.IsConflict(err):
		// A stopped one of an earlier attempt.
		if err = api.ContainerRemove(ctx, name, container.RemoveOptions{Force: true}); err == nil || cerrdefs.IsNotFound(err) {
			id, err = create()
		}
	}
	if err != nil {
		return "", fmt.Errorf("network container of allocation %s cannot be created from infra_image %s: %w", allocID, cfg.InfraImage, err)
	}
	return id, nil
}

func sandboxSpec(info container.InspectResponse, hostname string) *driver.NetworkIsolation {
	spec := &driver.NetworkIsolation{
		Mode: driver.NetworkModeGroup, Labels: map[string]string{sandboxLabel: info.ID, sandboxHostname: hostname},
	}
	if info.NetworkSettings != nil {
		spec.Path = info.NetworkSettings.SandboxKey
	}
	return spec
}

// DestroyNetwork implements driver.Driver.
func (d *Driver) DestroyNetwork(ctx context.Context, allocID string, spec *driver.NetworkIsolation) error {
	api, err := d.engine()
	if err != nil {
		return err
	}
	id := ""
	if spec != nil {
		id = spec.Labels[sandboxLabel]
	}
	if id == "" {
		list, err := api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(
			filters.Arg("label", labelAllocID+"="+allocID), filters.Arg("name", sandboxPrefix+allocID))})
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return nil
		}
		id = list[0].ID
	}
	seconds := sandboxStopSeconds
	if err := api.ContainerStop(ctx, id, container.StopOptions{Timeout: &seconds}); err != nil && !gone(err) {
		return fmt.Errorf("network container %s cannot be stopped: %w", id, err)
	}
	if err := api.ContainerRemove(ctx, id, container.RemoveOptions{Force: true}); err != nil && !gone(err) {
		return fmt.Errorf("network container %s cannot be removed: %w", id, err)
	}
	return nil
}
