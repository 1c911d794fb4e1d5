package driver

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/driver/proto"
)

// Factory makes the driver of a plugin process.
type Factory func(log hclog.Logger) (Driver, error)

// Serve is the main function of a driver plugin: it returns when the host ends
// the plugin, and exits with code 1 when no host started the process.
func Serve(factory Factory) {
	log := base.NewPluginLogger()
	d, err := factory(log)
	if err != nil {
		fmt.Fprintln(os.Stderr, "driver cannot start:", err)
		os.Exit(1)
	}
	base.Serve(d, base.TypeDriver, log, func(s *grpc.Server) { Register(s, d) })
}

// Register adds the driver service to a gRPC server.
func Register(s *grpc.Server, d Driver) { proto.RegisterDriverServer(s, &server{impl: d}) }

// server is the plugin's side of the driver service.
type server struct {
	proto.UnimplementedDriverServer
	impl Driver
}

func (s *server) Init(ctx context.Context, _ *proto.InitRequest) (*proto.InitResponse, error) {
	return &proto.InitResponse{}, s.impl.Init(ctx)
}

func (s *server) Shutdown(ctx context.Context, _ *proto.ShutdownRequest) (*proto.ShutdownResponse, error) {
	return &proto.ShutdownResponse{}, s.impl.Shutdown(ctx)
}

func (s *server) TaskConfigSchema(ctx context.Context, _ *proto.TaskConfigSchemaRequest) (*proto.TaskConfigSchemaResponse, error) {
	spec, err := s.impl.TaskConfigSchema(ctx)
	return &proto.TaskConfigSchemaResponse{Spec: spec}, err
}

func (s *server) Capabilities(ctx context.Context, _ *proto.CapabilitiesRequest) (*proto.CapabilitiesResponse, error) {
	c, err := s.impl.Capabilities(ctx)
	if err != nil {
		return nil, err
	}
	return &proto.CapabilitiesResponse{Capabilities: capabilitiesToProto(c)}, nil
}

func (s *server) Fingerprint(_ *proto.FingerprintRequest, stream grpc.ServerStreamingServer[proto.FingerprintResponse]) error {
	return s.impl.Fingerprint(stream.Context(), func(f *Fingerprint) error {
		return stream.Send(&proto.FingerprintResponse{
			Attributes:        base.AttributesToProto(f.Attributes),
			Health:            proto.FingerprintResponse_HealthState(f.Health),
			HealthDescription: f.Description,
			Err:               f.Err,
		})
	})
}

func (s *server) RecoverTask(ctx context.Context, r *proto.RecoverTaskRequest) (*proto.RecoverTaskResponse, error) {
	if r.GetHandle() == nil {
		return nil, errors.New("a task cannot be recovered without its handle")
	}
	return &proto.RecoverTaskResponse{}, s.impl.RecoverTask(ctx, handleFromProto(r.GetHandle()))
}

func (s *server) StartTask(ctx context.Context, r *proto.StartTaskRequest) (*proto.StartTaskResponse, error) {
	h, n, err := s.impl.StartTask(ctx, taskFromProto(r.GetTask()))
	if err != nil {
		return nil, base.ErrorToStatus(err)
	}
	return &proto.StartTaskResponse{Handle: handleToProto(h), NetworkOverride: networkToProto(n)}, nil
}

func (s *server) WaitTask(ctx context.Context, r *proto.WaitTaskRequest) (*proto.WaitTaskResponse, error) {
	exit, err := s.impl.WaitTask(ctx, r.GetTaskId())
	if errors.Is(err, base.ErrPluginShutdown) {
		return &proto.WaitTaskResponse{Err: err.Error()}, nil
	}
	if err != nil {
		return nil, err
	}
	resp := &proto.WaitTaskResponse{Result: exitToProto(exit)}
	if exit != nil {
		resp.Err = exit.Err
	}
	return resp, nil
}

func (s *server) StopTask(ctx context.Context, r *proto.StopTaskRequest) (*proto.StopTaskResponse, error) {
	return &proto.StopTaskResponse{}, s.impl.StopTask(ctx, r.GetTaskId(), r.GetTimeout().AsDuration(), r.GetSignal())
}

func (s *server) DestroyTask(ctx context.Context, r *proto.DestroyTaskRequest) (*proto.DestroyTaskResponse, error) {
	return &proto.DestroyTaskResponse{}, s.impl.DestroyTask(ctx, r.GetTaskId(), r.GetForce())
}

func (s *server) InspectTask(ctx context.Context, r *proto.InspectTaskRequest) (*proto.InspectTaskResponse, error) {
	t, err := s.impl.InspectTask(ctx, r.GetTaskId())
	if err != nil {
		return nil, err
	}
	return &proto.InspectTaskResponse{
		Task: &proto.TaskStatus{
			Id: t.ID, Name: t.Name, State: proto.TaskState(t.State),
			StartedAt: timestamppb.New(t.StartedAt), CompletedAt: timestamppb.New(t.CompletedAt),
			Result: exitToProto(t.Exit),
		},
		Driver:          &proto.TaskDriverStatus{Attributes: t.DriverAttributes},
		NetworkOverride: networkToProto(t.Network),
	}, nil
}

func (s *server) TaskStats(r *proto.TaskStatsRequest, stream grpc.ServerStreamingServer[proto.TaskStatsResponse]) error {
	err := s.impl.TaskStats(stream.Context(), r.GetTaskId(), r.GetCollectionInterval().AsDuration(), func(t *TaskStats) error {
		return stream.Send(&proto.TaskStatsResponse{Stats: statsToProto(t)})
	})
	return base.ErrorToStatus(err)
}

func (s *server) TaskEvents(_ *proto.TaskEventsRequest, stream grpc.ServerStreamingServer[proto.DriverTaskEvent]) error {
	return s.impl.TaskEvents(stream.Context(), func(e *TaskEvent) error {
		return stream.Send(&proto.DriverTaskEvent{
			TaskId: e.TaskID, AllocId: e.AllocID, TaskName: e.TaskName,
			Timestamp: timestamppb.New(e.Timestamp), Message: e.Message, Annotations: e.Annotations,
		})
	})
}

func (s *server) SignalTask(ctx context.Context, r *proto.SignalTaskRequest) (*proto.SignalTaskResponse, error) {
	return &proto.SignalTaskResponse{}, s.impl.SignalTask(ctx, r.GetTaskId(), r.GetSignal())
}

func (s *server) ExecTask(ctx context.Context, r *proto.ExecTaskRequest) (*proto.ExecTaskResponse, error) {
	x, err := s.impl.ExecTask(ctx, r.GetTaskId(), r.GetCommand(), r.GetTimeout().AsDuration())
	if err != nil {
		return nil, err
	}
	return &proto.ExecTaskResponse{Stdout: x.Stdout, Stderr: x.Stderr, Result: exitToProto(&x.Exit)}, nil
}

func (s *server) ExecTaskStreaming(stream grpc.BidiStreamingServer[proto.ExecTaskStreamingRequest, proto.ExecTaskStreamingResponse]) error {
	return serveExec(stream, s.impl)
}

func (s *server) CreateNetwork(ctx context.Context, r *proto.CreateNetworkRequest) (*proto.CreateNetworkResponse, error) {
	spec, created, err := s.impl.CreateNetwork(ctx, r.GetAllocId(), &NetworkRequest{Hostname: r.GetHostname()})
	if err != nil {
		return nil, err
	}
	return &proto.CreateNetworkResponse{IsolationSpec: isolationToProto(spec), Created: created}, nil
}

func (s *server) DestroyNetwork(ctx context.Context, r *proto.DestroyNetworkRequest) (*proto.DestroyNetworkResponse, error) {
	return &proto.DestroyNetworkResponse{}, s.impl.DestroyNetwork(ctx, r.GetAllocId(), isolationFromProto(r.GetIsolationSpec()))
}
