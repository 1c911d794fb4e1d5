package fit

import (
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// PortRest is how long a dynamic port is not handed out again while others are
// free: whoever still talks to the allocation that had it must not reach a
// stranger.
const PortRest = 30 * time.Second

// Freed is what an allocation gave back.
type Freed struct {
	AllocID   string
	At        int64 // unix ns
	Resources *nl.AllocatedResources
}

// HasPorts tells whether resources name any port.
func HasPorts(r *nl.AllocatedResources) bool {
	if r == nil {
		return false
	}
	if len(r.Shared.Ports) > 0 || len(r.Shared.Networks) > 0 {
		return true
	}
	for _, t := range r.Tasks {
		if len(t.Networks) > 0 {
			return true
		}
	}
	return false
}

// Rest keeps the dynamic ports among these from being handed out again while
// others are free.
func (n *Node) Rest(r *nl.AllocatedResources) {
	if !HasPorts(r) {
		return
	}
	n.resting = append(n.resting, r)
	if n.ports != nil {
		n.ports.rest(r)
	}
}

// RestWhenAsked is Rest for what is known elsewhere: tell is called when somebody
// asks for ports, if anybody does.
func (n *Node) RestWhenAsked(tell func(*Node)) { n.rested = tell }

// rest marks the ports of an allocation that is over.
func (p *Ports) rest(r *nl.AllocatedResources) {
	each(r, func(ip string, port int) {
		for _, a := range p.Addresses {
			if a.IP == ip {
				if a.resting == nil {
					a.resting = map[int]bool{}
				}
				a.resting[port] = true
			}
		}
	})
}

// Rested tells whether nobody gave the port back of late.
func (a *Address) Rested(port int) bool { return !a.resting[port] }
