package device

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"

	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/device/proto"
)

// statsIntervalDefault stands in for an interval of zero.
const statsIntervalDefault = time.Second

// Factory makes the device plugin of a plugin process.
type Factory func(log hclog.Logger) (Device, error)

// Serve is the main function of a device plugin: it returns when the host ends
// the plugin, and exits with code 1 when no host started the process.
func Serve(factory Factory) {
	log := base.NewPluginLogger()
	d, err := factory(log)
	if err != nil {
		fmt.Fprintln(os.Stderr, "device plugin cannot start:", err)
		os.Exit(1)
	}
	base.Serve(d, base.TypeDevice, log, func(s *grpc.Server) {
		proto.RegisterDevicePluginServer(s, &server{impl: d})
	})
}

// server is the plugin's side of the device service.
type server struct {
	proto.UnimplementedDevicePluginServer
	impl Device
}

func (s *server) Fingerprint(_ *proto.FingerprintRequest, stream grpc.ServerStreamingServer[proto.FingerprintResponse]) error {
	return s.impl.Fingerprint(stream.Context(), func(g []*Group) error {
		return stream.Send(&proto.FingerprintResponse{DeviceGroup: groupsToProto(g)})
	})
}

func (s *server) Reserve(ctx context.Context, r *proto.ReserveRequest) (*proto.ReserveResponse, error) {
	res, err := s.impl.Reserve(ctx, r.GetDeviceIds())
	if err != nil {
		return nil, err
	}
	return &proto.ReserveResponse{ContainerRes: reservationToProto(res)}, nil
}

func (s *server) Stats(r *proto.StatsRequest, stream grpc.ServerStreamingServer[proto.StatsResponse]) error {
	interval := r.GetCollectionInterval().AsDuration()
	if interval <= 0 {
		interval = statsIntervalDefault
	}
	return s.impl.Stats(stream.Context(), interval, func(g []*GroupStats) error {
		return stream.Send(&proto.StatsResponse{Groups: statsToProto(g)})
	})
}
