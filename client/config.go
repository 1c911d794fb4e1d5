// Package client is the node agent: it registers a node, takes the allocations
// the servers assign to it, runs them through driver plugins, and tells what
// became of them. The agent composes it; servers and the HTTP API reach it
// through its Mux. It never schedules, and never keeps state that the servers
// should have.
package client

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/nomadlike/nomadlike/client/driver"
	"github.com/nomadlike/nomadlike/client/fingerprint"
	"github.com/nomadlike/nomadlike/client/task"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/session"
)

// Config of a client. Zero values take the default named with the field.
type Config struct {
	StateDir string // required
	AllocDir string // required

	Region     string // "global"
	Datacenter string // "dc1"
	Name       string // the machine's host name
	NodeClass  string
	NodePool   string // "default"
	Meta       map[string]string
	HTTPAddr   string // host:port where the HTTP API of this agent is reached
	TLSEnabled bool

	// Servers are the RPC addresses known at start. Dial opens connections to
	// them; nil dials plain TCP. Local is a server in the same process: then
	// nothing is dialled.
	Servers []string
	Dial    func(ctx context.Context, addr string) (net.Conn, error)
	Local   session.Caller

	// Builtins are the drivers that the agent's own binary serves;
	// BuiltinCommand tells how one is started.
	Builtins                []string
	BuiltinCommand          func(name string) (path string, args []string)
	PluginDir               string
	Plugins                 map[string]driver.Block
	DriverAllow, DriverDeny []string

	// EnvDeny names variables of the agent's environment that tasks never see.
	EnvDeny []string
	// UserDeny names users that the drivers of UserChecked never run as.
	UserDeny, UserChecked []string

	HostVolumes map[string]*nl.ClientHostVolumeConfig
	// HostVolumesDir holds dynamic host volumes, HostVolumePluginDir executables
	// that make some; "": none are made.
	HostVolumesDir, HostVolumePluginDir string

	Reserved       *nl.NodeReservedResources
	MinDynamicPort int // 20000
	MaxDynamicPort int // 32000
	NodeMaxAllocs  int // 0: no limit
	CgroupParent   string
	// Fingerprint says what the operator fixed of the machine.
	Fingerprint fingerprint.Config

	DefaultIneligible bool
	DisableRemoteExec bool
	MaxKillTimeout    time.Duration // 30 s
	GC                GC
	GCVolumesOnNodeGC bool

	// Fetch downloads artifacts (see step/artifact); nil refuses tasks that have
	// some.
	Fetch task.Fetcher
	// API opens a connection to the HTTP API of this agent, for templates that
	// read variables and services; nil dials HTTPAddr.
	API func(ctx context.Context) (net.Conn, error)
	// TemplateDeny names functions that templates may not use; nil is the
	// default list. TemplateNoSandbox lets them leave the allocation.
	TemplateDeny      []string
	TemplateNoSandbox bool

	// KeepPlugins leaves plugin processes running when Run ends, for an agent
	// that follows at once.
	KeepPlugins bool

	Logger hclog.Logger
	Now    func() time.Time
	NewID  func() string
}

// GC says when ended allocations are removed from the node.
type GC struct {
	Interval       time.Duration // 1 min
	Parallel       int           // 2
	DiskPercent    float64       // 80
	InodesPercent  float64       // 70
	MaxAllocations int           // 50
}

// Defaults of Config.
const (
	maxKillTimeoutDefault = 30 * time.Second
	gcIntervalDefault     = time.Minute
	gcParallelDefault     = 2
	gcDiskDefault         = 80
	gcInodesDefault       = 70
	gcMaxAllocsDefault    = 50
	minPortDefault        = 20000
	maxPortDefault        = 32000
)

func (c *Config) complete() error {
	if c.StateDir == "" || c.AllocDir == "" {
		return errors.New("client needs a state directory and an allocation directory: set data_dir, or client.state_dir and client.alloc_dir")
	}
	if len(c.Builtins) > 0 && c.BuiltinCommand == nil {
		return errors.New("client has built-in drivers but no command to start them")
	}
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	set(&c.Region, nl.DefaultRegion)
	set(&c.Datacenter, "dc1")
	set(&c.NodePool, nl.NodePoolDefault)
	atLeast(&c.MinDynamicPort, minPortDefault)
	atLeast(&c.MaxDynamicPort, maxPortDefault)
	atLeast(&c.MaxKillTimeout, maxKillTimeoutDefault)
	atLeast(&c.GC.Interval, gcIntervalDefault)
	atLeast(&c.GC.Parallel, gcParallelDefault)
	atLeast(&c.GC.DiskPercent, gcDiskDefault)
	atLeast(&c.GC.InodesPercent, gcInodesDefault)
	atLeast(&c.GC.MaxAllocations, gcMaxAllocsDefault)
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.NewID == nil {
		c.NewID = func() string { return nl.NewID(rand.Reader) }
	}
	if c.Reserved == nil {
		c.Reserved = &nl.NodeReservedResources{}
	}
	c.Fingerprint.StateDir, c.Fingerprint.AllocDir = c.StateDir, c.AllocDir
	return nil
}

// atLeast sets a value that is not positive to its default.
func atLeast[T int | float64 | time.Duration](v *T, fallback T) {
	if *v <= 0 {
		*v = fallback
	}
}
