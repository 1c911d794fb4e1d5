// Package sim pretends to be nodes: one process registers thousands of them
// with real servers, through the calls that real nodes make, and lets their
// allocations run for as long as their jobs say. The command line starts it, to
// measure servers and schedulers and to try jobs at scale. It never starts a
// process, touches a disk or opens a port for what it is given to run.
//
// Package node is the pure part of a node. Fleet is the shell: few connections
// and one heap of timers for all nodes.
package sim

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/nomadlike/nomadlike/client/servers"
	"github.com/nomadlike/nomadlike/command/sim/node"
)

const (
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
	Shape node.Shape
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
	wrong = append(wrong, c.Shape.Check())
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	return errors.Join(wrong...)
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
