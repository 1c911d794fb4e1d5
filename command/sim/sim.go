// Package sim pretends to be nodes: one process registers thousands of them
// with real servers, through the calls that real nodes make, and lets their
// allocations run for as long as their jobs say. The command line starts it, to
// measure servers and schedulers and to try jobs at scale. It never starts a
// process, touches a disk or opens a port for what it is given to run.
//
// Node is the pure part: events in, calls and timers out. It runs allocations
// with the state machines of the real client, so that what is reported has the
// same shape. Fleet is the shell: few connections and one heap of timers for
// all nodes.
package sim

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/nomadlike/nomadlike/client/servers"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Defaults of a simulated node.
const (
	defaultMHz      = 10_000
	defaultMemoryMB = 32 * 1024
	defaultPrefix   = "sim"
	// countMax bounds the nodes of one process: one address of 10.0.0.0/8 each,
	// and no more calls than its sessions carry.
	countMax = 200_000
)

// Config of a fleet.
type Config struct {
	// Count is how many nodes to simulate; required.
	Count int
	// Servers are the RPC addresses of servers, host:port; required.
	Servers []string
	// Shape is what the nodes are.
	Shape Shape
	// Lifetime is how long tasks of drivers other than mock_driver run; 0 is
	// until they are stopped.
	Lifetime time.Duration

	// Dial opens connections; nil dials plain TCP.
	Dial   servers.Dialer
	Logger hclog.Logger     // nil is silence
	Now    func() time.Time // required
	// Random is uniform in [0, 1), safe for concurrent use; required.
	Random func() float64
}

// Shape is what simulated nodes look like. Zero fields take defaults.
type Shape struct {
	MHz        int    // 10,000
	MemoryMB   int    // 32,768
	Datacenter string // "dc1"
	Class      string
	Pool       string // "default"
	// Prefix starts the names of nodes, and tells fleets apart: ID and secret
	// follow from the name, so that a fleet that is started again is the same
	// nodes. Default "sim".
	Prefix string
	Meta   map[string]string
	// Version is the agent's version that nodes report.
	Version string
}

// check completes the config, or tells what is wrong with it.
func (c *Config) check() error {
	var wrong []error
	if c.Count < 1 || c.Count > countMax {
		wrong = append(wrong, fmt.Errorf("%d nodes cannot be simulated: give a count from 1 to %d", c.Count, countMax))
	}
	if len(c.Servers) == 0 {
		wrong = append(wrong, errors.New("no server is known: give the RPC address of at least one, host:port"))
	}
	if c.Now == nil || c.Random == nil {
		wrong = append(wrong, errors.New("a fleet needs Now and Random"))
	}
	if c.Lifetime < 0 {
		wrong = append(wrong, fmt.Errorf("tasks cannot run for %v", c.Lifetime))
	}
	wrong = append(wrong, c.Shape.check())
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	return errors.Join(wrong...)
}

func (s *Shape) check() error {
	if s.MHz < 0 || s.MemoryMB < 0 {
		return fmt.Errorf("a node cannot have %d MHz and %d MB", s.MHz, s.MemoryMB)
	}
	if s.MHz == 0 {
		s.MHz = defaultMHz
	}
	if s.MemoryMB == 0 {
		s.MemoryMB = defaultMemoryMB
	}
	if s.Datacenter == "" {
		s.Datacenter = "dc1"
	}
	if s.Pool == "" {
		s.Pool = nl.NodePoolDefault
	}
	if s.Pool == nl.NodePoolAll {
		return fmt.Errorf("nodes cannot be in the pool %q: it stands for every pool", s.Pool)
	}
	if s.Prefix == "" {
		s.Prefix = defaultPrefix
	}
	return nil
}

// Stats is how a fleet stands.
type Stats struct {
	Nodes      int
	Registered int   // that the servers have taken at least once
	Running    int64 // allocations
	Updates    int64 // statuses of allocations told to the servers so far
	Failures   int64 // calls that failed so far
}

func (s Stats) line(perSecond float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "registered %d/%d   running %d   updates/s %.0f", s.Registered, s.Nodes, s.Running, perSecond)
	if s.Failures > 0 {
		fmt.Fprintf(&b, "   failed calls %d", s.Failures)
	}
	return b.String()
}
