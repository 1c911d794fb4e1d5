// Package device is the contract between a host and a device plugin, in both
// directions: the Device interface with its nouns, the host-side Instance, and
// Serve for plugin mains. A host keeps one instance per plugin: it follows
// Fingerprint for the node's devices, calls Reserve before a task starts, and
// follows Stats. It never schedules devices; that is the server's business.
package device

import (
	"context"
	"time"

	"github.com/nomadlike/nomadlike/plugins/base"
)

// Device finds and lends devices. All methods may be called concurrently.
type Device interface {
	base.Plugin

	// Fingerprint calls emit with all groups at once and again on every change,
	// until ctx ends or emit fails, whose error it returns. Any other error says
	// that the plugin has no devices to offer; see ErrDisabled.
	Fingerprint(ctx context.Context, emit func([]*Group) error) error

	// Reserve says what a task needs in order to use the devices.
	Reserve(ctx context.Context, deviceIDs []string) (*Reservation, error)

	// Stats calls emit every interval, until ctx ends or emit fails.
	Stats(ctx context.Context, interval time.Duration, emit func([]*GroupStats) error) error
}

// ErrDisabled is returned by the streams of a plugin that its config turned off.
var ErrDisabled = disabledError{}

type disabledError struct{}

func (disabledError) Error() string { return "device is not enabled" }

// Group is a set of like devices: vendor, type and name identify it.
type Group struct {
	Vendor     string
	Type       string
	Name       string
	Devices    []*Detected
	Attributes map[string]*base.Attribute
}

// Detected is one device.
type Detected struct {
	// ID stays the same over restarts of the plugin.
	ID                string
	Healthy           bool
	HealthDescription string
	// PCIBusID places the device for NUMA decisions; may be empty.
	PCIBusID string
}

// Reservation is what a task is given.
type Reservation struct {
	Env     map[string]string
	Mounts  []*Mount
	Devices []*Spec
}

// Mount is a host path to be shown to the task.
type Mount struct {
	TaskPath string
	HostPath string
	ReadOnly bool
}

// Spec is a device node to be shown to the task.
type Spec struct {
	TaskPath    string
	HostPath    string
	Permissions string // any of r, w, m
}

// GroupStats are the samples of a group's devices, keyed by device ID.
type GroupStats struct {
	Vendor    string
	Type      string
	Name      string
	Instances map[string]*Stats
}

// Stats is one sample of one device.
type Stats struct {
	// Summary is the figure shown first.
	Summary   *StatValue
	Stats     *StatObject
	Timestamp time.Time
}

// StatObject is a tree of figures.
type StatObject struct {
	Nested     map[string]*StatObject
	Attributes map[string]*StatValue
}

// StatValue is one figure; nil pointers are unset. A denominator makes it a
// fraction.
type StatValue struct {
	FloatNumerator   *float64
	FloatDenominator *float64
	IntNumerator     *int64
	IntDenominator   *int64
	String           *string
	Bool             *bool
	Unit             string
	Desc             string
}

// Validate reports what makes a group unusable for scheduling.
func (g *Group) Validate() error {
	if g.Vendor == "" || g.Type == "" || g.Name == "" {
		return &InvalidGroupError{Group: g, Reason: "vendor, type and name must be set"}
	}
	for _, d := range g.Devices {
		if d.ID == "" {
			return &InvalidGroupError{Group: g, Reason: "a device has no ID"}
		}
	}
	return nil
}

// InvalidGroupError says that a plugin reported a group nobody can use.
type InvalidGroupError struct {
	Group  *Group
	Reason string
}

func (e *InvalidGroupError) Error() string {
	return "device group " + e.Group.Vendor + "/" + e.Group.Type + "/" + e.Group.Name + " is invalid: " + e.Reason
}
