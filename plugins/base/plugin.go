// Package base is the part of the plugin contract that driver and device
// plugins share: who a plugin is, how it is configured, how its process is
// started, spoken to and reattached, and which errors cross the wire with a
// meaning. Hosts call Launch, Reattach and Probe; plugin mains reach it through
// the Serve of plugins/driver and plugins/device. It never decides when a
// plugin is started again: that is the host's business.
package base

import (
	"context"

	"github.com/nomadlike/nomadlike/plugins/base/hclspec"
)

// Type tells what a plugin does. The numbers are part of the wire contract.
type Type int

const (
	TypeUnknown Type = 0
	TypeDriver  Type = 2
	TypeDevice  Type = 3
)

// String is the spelling used for plugin sets and in logs.
func (t Type) String() string {
	switch t {
	case TypeDriver:
		return "driver"
	case TypeDevice:
		return "device"
	default:
		return "unknown"
	}
}

// APIVersion is the only version of the driver and device protocols.
const APIVersion = "v0.1.0"

// Info is how a plugin introduces itself.
type Info struct {
	Type Type
	// Name is what a job writes in task.driver, or a device request's prefix.
	Name string
	// PluginVersion is the plugin's own version; of two binaries with one name
	// the host keeps the higher one.
	PluginVersion string
	// APIVersions lists the protocol versions the plugin speaks.
	APIVersions []string
}

// Config is what SetConfig hands to a plugin.
type Config struct {
	// APIVersion is the negotiated version, spelled as the plugin spelled it.
	APIVersion string
	// PluginConfig is the msgpack form of the plugin block's config; empty when
	// the plugin has no schema. Read it with hclspec.Unmarshal.
	PluginConfig []byte
	// Agent describes the node; nil when a host only validates the config.
	Agent *AgentConfig
}

// AgentConfig is what a plugin learns about the node it runs on.
type AgentConfig struct {
	// ClientMinPort and ClientMaxPort bound the ports a driver may use for its
	// own helpers.
	ClientMinPort uint32
	ClientMaxPort uint32
	Topology      *Topology
}

// Topology describes the processors of the node. Third-party plugins divide by
// its core count and total speed, so a host always sends at least one core with
// a speed; see Topology.Complete.
type Topology struct {
	NodeIDs []uint32
	// Distances is a square matrix in row-major order, empty when unknown.
	Distances [][]uint32
	Cores     []Core
	// OverrideTotalMHz replaces the sum over the cores when not zero.
	OverrideTotalMHz uint64
	// WithheldMHz is kept back from tasks.
	WithheldMHz uint64
}

// Core is one logical processor.
type Core struct {
	SocketID   uint32
	NodeID     uint32
	ID         uint32
	Efficiency bool
	// Disabled cores are reserved for the system.
	Disabled bool
	BaseMHz  uint64
	MaxMHz   uint64
	GuessMHz uint64
}

// MHz is the speed that counts for a core.
func (c Core) MHz() uint64 {
	switch {
	case c.BaseMHz > 0:
		return c.BaseMHz
	case c.MaxMHz > 0:
		return c.MaxMHz
	default:
		return c.GuessMHz
	}
}

// TotalMHz is the speed of the whole node.
func (t *Topology) TotalMHz() uint64 {
	if t == nil {
		return 0
	}
	if t.OverrideTotalMHz > 0 {
		return t.OverrideTotalMHz
	}
	var sum uint64
	for _, c := range t.Cores {
		sum += c.MHz()
	}
	return sum
}

// UsableMHz is what tasks may share.
func (t *Topology) UsableMHz() uint64 {
	if t == nil {
		return 0
	}
	if t.OverrideTotalMHz > 0 {
		return t.OverrideTotalMHz
	}
	var sum uint64
	for _, c := range t.Cores {
		if !c.Disabled {
			sum += c.MHz()
		}
	}
	if sum < t.WithheldMHz {
		return 0
	}
	return sum - t.WithheldMHz
}

// fallbackCoreMHz stands in for a speed nobody could detect; plugins divide by
// it, so it must not be zero.
const fallbackCoreMHz = 1000

// Complete returns a topology that every plugin survives: at least one core,
// every core with a speed.
func (t *Topology) Complete() *Topology {
	out := Topology{}
	if t != nil {
		out = *t
	}
	out.Cores = append([]Core(nil), out.Cores...)
	if len(out.Cores) == 0 {
		out.Cores = []Core{{}}
	}
	for i := range out.Cores {
		if out.Cores[i].MHz() == 0 {
			out.Cores[i].GuessMHz = fallbackCoreMHz
		}
	}
	if len(out.NodeIDs) == 0 {
		out.NodeIDs = []uint32{0}
	}
	return &out
}

// Plugin is what every plugin can do, and what a host sees of it.
//
// SetConfig is called before anything else, possibly several times, with and
// without Config.Agent.
type Plugin interface {
	PluginInfo(ctx context.Context) (*Info, error)
	// ConfigSchema describes the plugin block's config; nil means that the
	// plugin takes none.
	ConfigSchema(ctx context.Context) (*hclspec.Spec, error)
	SetConfig(ctx context.Context, c *Config) error
}
