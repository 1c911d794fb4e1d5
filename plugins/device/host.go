package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/device/proto"
)

// Instance is a device plugin in its process, as a host sees it.
type Instance struct {
	*base.Process
	rpc proto.DevicePluginClient
}

var _ Device = (*Instance)(nil)

// Launch starts a plugin process, and configures it when there is a config.
func Launch(ctx context.Context, c base.LaunchConfig, cfg *base.Config) (*Instance, error) {
	c.Type = base.TypeDevice
	p, err := base.Launch(ctx, c)
	if err != nil {
		return nil, err
	}
	d := &Instance{Process: p, rpc: proto.NewDevicePluginClient(p.Conn())}
	if cfg != nil {
		if err := d.SetConfig(ctx, cfg); err != nil {
			p.Kill()
			return nil, fmt.Errorf("device plugin %s refuses its config: %w", c.Command, err)
		}
	}
	return d, nil
}

// Reattach connects to a plugin of an earlier host process, usually to kill it.
func Reattach(ctx context.Context, c base.LaunchConfig, rec base.ReattachRecord) (*Instance, error) {
	c.Type = base.TypeDevice
	p, err := base.Reattach(ctx, c, rec)
	if err != nil {
		return nil, err
	}
	return &Instance{Process: p, rpc: proto.NewDevicePluginClient(p.Conn())}, nil
}

func (d *Instance) fail(ctx context.Context, err error) error {
	return d.Err(ctx, err, ErrDisabled, base.ErrPluginShutdown)
}

// receive passes every message of a stream to take.
func receive[M any](ctx context.Context, d *Instance, stream grpc.ServerStreamingClient[M], err error, take func(*M) error) error {
	if err != nil {
		return d.fail(ctx, err)
	}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return d.fail(ctx, err)
		}
		if err := take(m); err != nil {
			return err
		}
	}
}

// Fingerprint implements Device; an invalid group ends it.
func (d *Instance) Fingerprint(ctx context.Context, emit func([]*Group) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := d.rpc.Fingerprint(ctx, &proto.FingerprintRequest{})
	return receive(ctx, d, stream, err, func(r *proto.FingerprintResponse) error {
		groups := groupsFromProto(r.GetDeviceGroup())
		for _, g := range groups {
			if err := g.Validate(); err != nil {
				return err
			}
		}
		return emit(groups)
	})
}

// Reserve implements Device.
func (d *Instance) Reserve(ctx context.Context, deviceIDs []string) (*Reservation, error) {
	r, err := d.rpc.Reserve(ctx, &proto.ReserveRequest{DeviceIds: deviceIDs})
	if err != nil {
		return nil, d.fail(ctx, err)
	}
	return reservationFromProto(r.GetContainerRes()), nil
}

// Stats implements Device.
func (d *Instance) Stats(ctx context.Context, interval time.Duration, emit func([]*GroupStats) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := d.rpc.Stats(ctx, &proto.StatsRequest{CollectionInterval: durationpb.New(interval)})
	return receive(ctx, d, stream, err, func(r *proto.StatsResponse) error {
		return emit(statsFromProto(r.GetGroups()))
	})
}
