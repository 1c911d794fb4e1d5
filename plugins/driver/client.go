package driver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
	"github.com/nomadlike/nomadlike/plugins/driver/proto"
)

// shutdownTimeout bounds the Shutdown call of Close.
const shutdownTimeout = 2 * time.Second

// Instance is a driver in a plugin process, as a host sees it.
type Instance struct {
	*base.Process
	rpc proto.DriverClient
}

var _ Driver = (*Instance)(nil)

// Launch starts a plugin process. With a config the driver is configured and
// initialised too; without one the caller does both, after looking at it.
func Launch(ctx context.Context, c base.LaunchConfig, cfg *base.Config) (*Instance, error) {
	c.Type = base.TypeDriver
	p, err := base.Launch(ctx, c)
	if err != nil {
		return nil, err
	}
	d := newInstance(p)
	if cfg == nil {
		return d, nil
	}
	if err := d.SetConfig(ctx, cfg); err != nil {
		p.Kill()
		return nil, fmt.Errorf("driver %s refuses its config: %w", c.Command, err)
	}
	if err := d.Init(ctx); err != nil {
		p.Kill()
		return nil, fmt.Errorf("driver %s cannot be initialised: %w", c.Command, err)
	}
	return d, nil
}

// Reattach connects to a driver that an earlier host process launched, checks
// that it still speaks a known version, and initialises it.
func Reattach(ctx context.Context, c base.LaunchConfig, rec base.ReattachRecord) (*Instance, error) {
	c.Type = base.TypeDriver
	p, err := base.Reattach(ctx, c, rec)
	if err != nil {
		return nil, err
	}
	d := newInstance(p)
	info, err := d.PluginInfo(ctx)
	if err == nil {
		_, err = base.Negotiate(info)
	}
	if err == nil {
		err = d.Init(ctx)
	}
	if err != nil {
		p.Kill()
		return nil, fmt.Errorf("driver process %d cannot be used again: %w", rec.Pid, err)
	}
	return d, nil
}

func newInstance(p *base.Process) *Instance {
	return &Instance{Process: p, rpc: proto.NewDriverClient(p.Conn())}
}

// Close ends the plugin for good: Shutdown, then kill. Tasks go on.
func (d *Instance) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, shutdownTimeout)
	defer cancel()
	err := d.Shutdown(ctx)
	d.Kill()
	return err
}

func (d *Instance) fail(ctx context.Context, err error) error {
	return d.Err(ctx, err, knownErrors()...)
}

// Init implements Driver; older plugins do not know the call.
func (d *Instance) Init(ctx context.Context) error {
	_, err := d.rpc.Init(ctx, &proto.InitRequest{})
	if base.IsUnimplemented(err) {
		return nil
	}
	return d.fail(ctx, err)
}

// Shutdown implements Driver; older plugins do not know the call.
func (d *Instance) Shutdown(ctx context.Context) error {
	_, err := d.rpc.Shutdown(ctx, &proto.ShutdownRequest{})
	if base.IsUnimplemented(err) {
		return nil
	}
	return d.fail(ctx, err)
}

// TaskConfigSchema implements Driver.
func (d *Instance) TaskConfigSchema(ctx context.Context) (*hclspec.Spec, error) {
	r, err := d.rpc.TaskConfigSchema(ctx, &proto.TaskConfigSchemaRequest{})
	if err != nil {
		return nil, d.fail(ctx, err)
	}
	if r.GetSpec() == nil {
		return nil, errors.New("driver has no task config schema: its build is broken")
	}
	return r.GetSpec(), nil
}

// Capabilities implements Driver.
func (d *Instance) Capabilities(ctx context.Context) (*Capabilities, error) {
	r, err := d.rpc.Capabilities(ctx, &proto.CapabilitiesRequest{})
	if err != nil {
		return nil, d.fail(ctx, err)
	}
	return capabilitiesFromProto(r.GetCapabilities()), nil
}

// Fingerprint implements Driver. A stream that the plugin ends returns nil.
func (d *Instance) Fingerprint(ctx context.Context, emit func(*Fingerprint) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := d.rpc.Fingerprint(ctx, &proto.FingerprintRequest{})
	return receive(ctx, d, stream, err, func(r *proto.FingerprintResponse) error {
		health := Health(r.GetHealth())
		if health != HealthHealthy && health != HealthUnhealthy {
			health = HealthUndetected
		}
		return emit(&Fingerprint{
			Attributes:  base.AttributesFromProto(r.GetAttributes()),
			Health:      health,
			Description: r.GetHealthDescription(),
			Err:         r.GetErr(),
		})
	})
}

// receive passes every message of a server stream to take, until one of the
// three ends: the stream (nil), ctx, or take.
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

// RecoverTask implements Driver.
func (d *Instance) RecoverTask(ctx context.Context, h *TaskHandle) error {
	_, err := d.rpc.RecoverTask(ctx, &proto.RecoverTaskRequest{TaskId: h.Config.ID, Handle: handleToProto(h)})
	return d.fail(ctx, err)
}

// StartTask implements Driver.
func (d *Instance) StartTask(ctx context.Context, c *TaskConfig) (*TaskHandle, *Network, error) {
	r, err := d.rpc.StartTask(ctx, &proto.StartTaskRequest{Task: taskToProto(c)})
	if err != nil {
		return nil, nil, d.fail(ctx, err)
	}
	if msg := r.GetDriverErrorMsg(); msg != "" || r.GetResult() != proto.StartTaskResponse_SUCCESS {
		return nil, nil, base.NewRecoverableError(errors.New(msg), r.GetResult() == proto.StartTaskResponse_RETRY)
	}
	return handleFromProto(r.GetHandle()), networkFromProto(r.GetNetworkOverride()), nil
}

// WaitTask implements Driver.
func (d *Instance) WaitTask(ctx context.Context, taskID string) (*ExitResult, error) {
	r, err := d.rpc.WaitTask(ctx, &proto.WaitTaskRequest{TaskId: taskID})
	if err != nil {
		return nil, d.fail(ctx, err)
	}
	if r.GetErr() == base.ErrPluginShutdown.Error() {
		return nil, base.ErrPluginShutdown
	}
	return exitFromProto(r.GetResult(), r.GetErr()), nil
}

// StopTask implements Driver.
func (d *Instance) StopTask(ctx context.Context, taskID string, timeout time.Duration, signal string) error {
	_, err := d.rpc.StopTask(ctx, &proto.StopTaskRequest{TaskId: taskID, Timeout: durationpb.New(timeout), Signal: signal})
	return d.fail(ctx, err)
}

// DestroyTask implements Driver.
func (d *Instance) DestroyTask(ctx context.Context, taskID string, force bool) error {
	_, err := d.rpc.DestroyTask(ctx, &proto.DestroyTaskRequest{TaskId: taskID, Force: force})
	return d.fail(ctx, err)
}

// InspectTask implements Driver.
func (d *Instance) InspectTask(ctx context.Context, taskID string) (*TaskStatus, error) {
	r, err := d.rpc.InspectTask(ctx, &proto.InspectTaskRequest{TaskId: taskID})
	if err != nil {
		return nil, d.fail(ctx, err)
	}
	t := r.GetTask()
	return &TaskStatus{
		ID: t.GetId(), Name: t.GetName(), State: TaskState(t.GetState()),
		StartedAt: toTime(t.GetStartedAt()), CompletedAt: toTime(t.GetCompletedAt()),
		Exit:             exitFromProto(t.GetResult(), ""),
		DriverAttributes: r.GetDriver().GetAttributes(), Network: networkFromProto(r.GetNetworkOverride()),
	}, nil
}

// TaskStats implements Driver.
func (d *Instance) TaskStats(ctx context.Context, taskID string, interval time.Duration, emit func(*TaskStats) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := d.rpc.TaskStats(ctx, &proto.TaskStatsRequest{TaskId: taskID, CollectionInterval: durationpb.New(interval)})
	return receive(ctx, d, stream, err, func(r *proto.TaskStatsResponse) error {
		if r.GetStats().GetTimestamp() == nil {
			return nil
		}
		return emit(statsFromProto(r.GetStats()))
	})
}

// TaskEvents implements Driver.
func (d *Instance) TaskEvents(ctx context.Context, emit func(*TaskEvent) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := d.rpc.TaskEvents(ctx, &proto.TaskEventsRequest{})
	return receive(ctx, d, stream, err, func(e *proto.DriverTaskEvent) error {
		return emit(&TaskEvent{
			TaskID: e.GetTaskId(), AllocID: e.GetAllocId(), TaskName: e.GetTaskName(),
			Timestamp: toTime(e.GetTimestamp()), Message: e.GetMessage(), Annotations: e.GetAnnotations(),
		})
	})
}

// SignalTask implements Driver.
func (d *Instance) SignalTask(ctx context.Context, taskID string, signal string) error {
	_, err := d.rpc.SignalTask(ctx, &proto.SignalTaskRequest{TaskId: taskID, Signal: signal})
	return d.fail(ctx, err)
}

// ExecTask implements Driver.
func (d *Instance) ExecTask(ctx context.Context, taskID string, command []string, timeout time.Duration) (*ExecResult, error) {
	r, err := d.rpc.ExecTask(ctx, &proto.ExecTaskRequest{TaskId: taskID, Command: command, Timeout: durationpb.New(timeout)})
	if err != nil {
		return nil, d.fail(ctx, err)
	}
	return &ExecResult{Stdout: r.GetStdout(), Stderr: r.GetStderr(), Exit: *exitFromProto(r.GetResult(), "")}, nil
}

// CreateNetwork implements Driver.
func (d *Instance) CreateNetwork(ctx context.Context, allocID string, r *NetworkRequest) (*NetworkIsolation, bool, error) {
	req := &proto.CreateNetworkRequest{AllocId: allocID}
	if r != nil {
		req.Hostname = r.Hostname
	}
	resp, err := d.rpc.CreateNetwork(ctx, req)
	if err != nil {
		return nil, false, d.fail(ctx, err)
	}
	return isolationFromProto(resp.GetIsolationSpec()), resp.GetCreated(), nil
}

// DestroyNetwork implements Driver; without a spec there is nothing to destroy.
func (d *Instance) DestroyNetwork(ctx context.Context, allocID string, spec *NetworkIsolation) error {
	if spec == nil {
		return nil
	}
	_, err := d.rpc.DestroyNetwork(ctx, &proto.DestroyNetworkRequest{AllocId: allocID, IsolationSpec: isolationToProto(spec)})
	return d.fail(ctx, err)
}
