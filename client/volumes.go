package client

import (
	"context"

	"github.com/nomadlike/nomadlike/client/hostvolume"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// openVolumes finds the dynamic host volumes that were made before.
func (c *Client) openVolumes() {
	n := c.node.get()
	c.volumes = hostvolume.New(hostvolume.Config{
		Dir: c.cfg.HostVolumesDir, PluginDir: c.cfg.HostVolumePluginDir, NodeID: n.ID, NodePool: n.NodePool,
		Version: c.cfg.Fingerprint.Version, Records: c.db,
	}, c.saved.Volumes)
	c.node.volumes(c.volumes.Volumes(), &c.cfg)
}

// findVolumePlugins tells servers which plugins make volumes here.
func (c *Client) findVolumePlugins(ctx context.Context) {
	if !c.cfg.Fingerprint.Wants("host_volume_plugins") {
		return
	}
	attributes, problems := c.volumes.Fingerprint(ctx)
	for _, err := range problems {
		c.log.Warn("host volume plugin cannot be used", "error", err)
	}
	c.node.attributes(attributes)
}

func (c *Client) onCreateVolume(ctx context.Context, req *query.NodeVolume, reply *query.NodeVolumeMade) error {
	err := c.nameIsFree(req.Volume.Name)
	if err == nil {
		reply.HostPath, reply.CapacityBytes, err = c.volumes.Create(ctx, req.Volume)
	}
	return c.volumesChanged(ctx, err)
}

func (c *Client) onRegisterVolume(ctx context.Context, req *query.NodeVolume, reply *query.NodeVolumeMade) error {
	err := c.nameIsFree(req.Volume.Name)
	if err == nil {
		err = c.volumes.Register(req.Volume)
	}
	reply.HostPath, reply.CapacityBytes = req.Volume.HostPath, req.Volume.CapacityBytes
	return c.volumesChanged(ctx, err)
}

func (c *Client) onDeleteVolume(ctx context.Context, req *query.NodeVolume, _ *none) error {
	return c.volumesChanged(ctx, c.volumes.Delete(ctx, req.Volume.ID))
}

// nameIsFree refuses a name of the configuration.
func (c *Client) nameIsFree(name string) error {
	if c.cfg.HostVolumes[name] != nil {
		return nl.Errorf(nl.CodeInternal, "the node has a host volume named %q in its configuration", name)
	}
	return nil
}

// volumesChanged puts a change on disk, then tells servers of it.
func (c *Client) volumesChanged(ctx context.Context, err error) error {
	if err != nil {
		return nl.Errorf(nl.CodeInternal, "%s", err)
	}
	if err := c.db.Sync(ctx); err != nil {
		return err
	}
	c.node.volumes(c.volumes.Volumes(), &c.cfg)
	return nil
}
