package driver

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/nomadlike/nomadlike/plugins/base"
	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
)

// Driver runs tasks. All methods may be called concurrently.
//
// A plugin implements it and hands it to Serve; a host gets it from Launch or
// Reattach. Embed Unsupported for the optional calls.
type Driver interface {
	base.Plugin

	// Init is called once, after SetConfig and before the streams are opened, on
	// launch and on reattach.
	Init(ctx context.Context) error

	// TaskConfigSchema describes a task's config block; never nil.
	TaskConfigSchema(ctx context.Context) (*hclspec.Spec, error)

	Capabilities(ctx context.Context) (*Capabilities, error)

	// Fingerprint calls emit at once and then on every change, until ctx ends or
	// emit fails, whose error it returns.
	Fingerprint(ctx context.Context, emit func(*Fingerprint) error) error

	// RecoverTask takes up a task that an earlier process started. A task that
	// is already known is no error. Handle.Config.DriverConfig may be empty.
	RecoverTask(ctx context.Context, h *TaskHandle) error

	// StartTask returns once the task runs. An ID that is already known is an
	// error. Network is nil unless the driver decides about the address.
	StartTask(ctx context.Context, c *TaskConfig) (*TaskHandle, *Network, error)

	// WaitTask blocks until the task has ended, and returns at once when it has;
	// any number of callers may wait, until DestroyTask. The error says that
	// waiting failed; a task's own failure stands in the result.
	WaitTask(ctx context.Context, taskID string) (*ExitResult, error)

	// StopTask sends signal (empty: the driver's default), waits up to timeout,
	// then kills, and returns when the task has ended.
	StopTask(ctx context.Context, taskID string, timeout time.Duration, signal string) error

	// DestroyTask forgets the task and frees what it held; a running one only
	// when forced.
	DestroyTask(ctx context.Context, taskID string, force bool) error

	InspectTask(ctx context.Context, taskID string) (*TaskStatus, error)

	// TaskStats calls emit every interval until ctx ends, the task ends (nil
	// error) or emit fails.
	TaskStats(ctx context.Context, taskID string, interval time.Duration, emit func(*TaskStats) error) error

	// TaskEvents calls emit for every event of every task, until ctx ends.
	TaskEvents(ctx context.Context, emit func(*TaskEvent) error) error

	// SignalTask delivers a signal by name, such as SIGHUP.
	SignalTask(ctx context.Context, taskID string, signal string) error

	// ExecTask runs a short command beside the task and returns its last output.
	ExecTask(ctx context.Context, taskID string, command []string, timeout time.Duration) (*ExecResult, error)

	// ExecTaskStreaming runs a command beside the task, connected to the streams
	// of opts, and returns its exit.
	ExecTaskStreaming(ctx context.Context, taskID string, opts *ExecOptions) (*ExitResult, error)

	// CreateNetwork makes the network namespace of an allocation; hosts call it
	// when Capabilities.MustCreateNetwork is set. created is false when the
	// namespace was there already.
	CreateNetwork(ctx context.Context, allocID string, r *NetworkRequest) (spec *NetworkIsolation, created bool, err error)

	DestroyNetwork(ctx context.Context, allocID string, spec *NetworkIsolation) error

	// Shutdown is called before a host stops the plugin for good. Tasks go on.
	Shutdown(ctx context.Context) error
}

// Errors with a meaning for the host. They are compared by text on the wire.
var (
	ErrTaskNotFound        = errors.New("task not found for given id")
	ErrStatsNotImplemented = errors.New("stats not implemented for driver")
	ErrExecUnsupported     = errors.New("driver does not support exec")
	ErrExecTaskUnsupported = errors.New("ExecTask is not supported by this driver")
	ErrSignalUnsupported   = errors.New("SignalTask is not supported by this driver")
	ErrCreateNetwork       = errors.New("CreateNetwork RPC not supported by driver")
	ErrDestroyNetwork      = errors.New("DestroyNetwork RPC not supported by driver")
)

// knownErrors are those that a host can compare with errors.Is after they
// crossed the wire.
func knownErrors() []error {
	return []error{ErrTaskNotFound, ErrStatsNotImplemented, ErrExecUnsupported, ErrExecTaskUnsupported,
		ErrSignalUnsupported, ErrCreateNetwork, ErrDestroyNetwork, base.ErrPluginShutdown}
}

// Unsupported answers the optional calls of Driver for drivers that do not
// offer them. Embed it.
type Unsupported struct{}

func (Unsupported) Init(context.Context) error     { return nil }
func (Unsupported) Shutdown(context.Context) error { return nil }

func (Unsupported) TaskStats(context.Context, string, time.Duration, func(*TaskStats) error) error {
	return ErrStatsNotImplemented
}

func (Unsupported) TaskEvents(ctx context.Context, _ func(*TaskEvent) error) error {
	<-ctx.Done()
	return ctx.Err()
}

func (Unsupported) SignalTask(context.Context, string, string) error { return ErrSignalUnsupported }

func (Unsupported) ExecTask(context.Context, string, []string, time.Duration) (*ExecResult, error) {
	return nil, ErrExecTaskUnsupported
}

func (Unsupported) ExecTaskStreaming(context.Context, string, *ExecOptions) (*ExitResult, error) {
	return nil, ErrExecUnsupported
}

func (Unsupported) CreateNetwork(context.Context, string, *NetworkRequest) (*NetworkIsolation, bool, error) {
	return nil, false, ErrCreateNetwork
}

func (Unsupported) DestroyNetwork(context.Context, string, *NetworkIsolation) error {
	return ErrDestroyNetwork
}

// Capabilities says what a driver can do, fixed for the life of the plugin.
type Capabilities struct {
	SendSignals bool
	Exec        bool
	// FSIsolation decides which directories a task sees.
	FSIsolation FSIsolation
	// NetworkModes are the group network modes the driver can join.
	NetworkModes []NetworkMode
	// MustCreateNetwork asks the host to call CreateNetwork instead of making
	// the namespace itself.
	MustCreateNetwork bool
	// NoMounts: volumes and device mounts are refused for this driver.
	NoMounts bool
	// DisableLogCollection: the host starts no log collector.
	DisableLogCollection bool
	// DynamicWorkloadUsers: the host invents a user when the job names none.
	DynamicWorkloadUsers bool
}

// FSIsolation is the file system view of a task. Numbers are wire values.
type FSIsolation int

const (
	FSIsolationNone   FSIsolation = 0
	FSIsolationChroot FSIsolation = 1
	FSIsolationImage  FSIsolation = 2
	FSIsolationUnveil FSIsolation = 3
)

// String is the spelling of configuration files and logs.
func (f FSIsolation) String() string {
	switch f {
	case FSIsolationChroot:
		return "chroot"
	case FSIsolationImage:
		return "image"
	case FSIsolationUnveil:
		return "unveil"
	default:
		return "none"
	}
}

// NetworkMode is how a task relates to its group's network. Numbers are wire
// values.
type NetworkMode int

const (
	NetworkModeHost  NetworkMode = 0
	NetworkModeGroup NetworkMode = 1
	NetworkModeTask  NetworkMode = 2
	NetworkModeNone  NetworkMode = 3
)

// String is the spelling used in messages.
func (m NetworkMode) String() string {
	switch m {
	case NetworkModeHost:
		return "host"
	case NetworkModeGroup:
		return "group"
	case NetworkModeTask:
		return "task"
	default:
		return "none"
	}
}

// Health is the state of a driver on a node. Numbers are wire values.
type Health int

const (
	HealthUndetected Health = 0
	HealthUnhealthy  Health = 1
	HealthHealthy    Health = 2
)

// String is the spelling used in messages.
func (h Health) String() string {
	switch h {
	case HealthUnhealthy:
		return "unhealthy"
	case HealthHealthy:
		return "healthy"
	default:
		return "undetected"
	}
}

// Fingerprint is one observation of the driver on its node.
type Fingerprint struct {
	Attributes  map[string]*base.Attribute
	Health      Health
	Description string
	// Err is a failure to observe; the stream goes on.
	Err string
}

// ExecOptions connects a streaming exec with its caller.
type ExecOptions struct {
	Command []string
	// Tty merges all output into Stdout.
	Tty bool
	// Stdin, Stdout and Stderr may be nil. Stdin's end closes the command's
	// standard input.
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// Resize carries terminal sizes; may be nil.
	Resize <-chan TerminalSize
}

// TerminalSize is the size of the caller's terminal, in characters.
type TerminalSize struct {
	Height int
	Width  int
}

// ExecResult is the outcome of ExecTask.
type ExecResult struct {
	Stdout []byte
	Stderr []byte
	Exit   ExitResult
}
