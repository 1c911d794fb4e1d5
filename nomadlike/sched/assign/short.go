package assign

import (
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
)

// Units of shortages; counts have none.
const (
	MHz = "MHz"
	MB  = "MB"
)

// Shortage is one thing of which a node has too little left.
type Shortage struct {
	Reason             string // as Fits names it
	Asked, Free, Total int64
	Unit               string
	Port               int // the static port that is taken, else 0
}

// Shortages lists everything that keeps the ask from fitting, where Fits names
// only the first; empty when it fits.
func (a *Ask) Shortages(n *fit.Node) []Shortage {
	var out []Shortage
	if a.ports {
		out = append(out, a.portShortages(n)...)
	}
	if a.devices {
		out = append(out, a.deviceShortages(n)...)
	}
	if a.Cores > 0 {
		if free := len(n.Cores().Free()); free < a.Cores {
			out = append(out, Shortage{Reason: fit.CoreClash, Asked: int64(a.Cores), Free: int64(free), Total: int64(n.Cores().Len())})
		}
	}
	need := a.shareOn(n).need
	if got, reason := a.own(n); reason == "" {
		need.CPU += got.mhz
	}
	for _, d := range [...]struct {
		name              string
		asked, used, have int64
		unit              string
	}{
		{"cpu", need.CPU, n.Used.CPU, n.Cap.CPU, MHz},
		{"memory", need.Memory, n.Used.Memory, n.Cap.Memory, MB},
		{"disk", need.Disk, n.Used.Disk, n.Cap.Disk, MB},
	} {
		if d.used+d.asked > d.have {
			out = append(out, Shortage{Reason: d.name, Asked: d.asked, Free: d.have - d.used, Total: d.have, Unit: d.unit})
		}
	}
	if limit := n.Info.NodeMaxAllocs; limit > 0 && len(n.Allocs()) >= limit {
		out = append(out, Shortage{Reason: fit.AllocsPerMax, Asked: 1, Total: int64(limit)})
	}
	if len(out) == 0 {
		if reason := a.Fits(n); reason != "" {
			out = append(out, Shortage{Reason: reason})
		}
	}
	return out
}

func (a *Ask) portShortages(n *fit.Node) []Shortage {
	var out []Shortage
	ports := n.Ports()
	dynamic := map[*fit.Address]int{}
	var order []*fit.Address
	for _, nw := range a.networks() {
		for _, p := range nw.ReservedPorts {
			addresses := ports.Network(hostNetwork(p, n))
			switch {
			case p.IgnoreCollision:
			case len(addresses) == 0:
				out = append(out, Shortage{Reason: noAddress(hostNetwork(p, n))})
			case firstFree(addresses, p.Value) == nil:
				out = append(out, Shortage{Reason: reservedCollision(p), Port: p.Value})
			}
		}
		for _, p := range nw.DynamicPorts {
			addresses := ports.Network(hostNetwork(p, n))
			if len(addresses) == 0 {
				out = append(out, Shortage{Reason: noAddress(hostNetwork(p, n))})
				continue
			}
			if dynamic[addresses[0]]++; dynamic[addresses[0]] == 1 {
				order = append(order, addresses[0])
			}
		}
	}
	for _, address := range order {
		if free, asked := ports.FreeDynamic(address), dynamic[address]; free < asked {
			out = append(out, Shortage{
				Reason: dynamicExhausted, Asked: int64(asked), Free: int64(free), Total: int64(ports.Max - ports.Min + 1),
			})
		}
	}
	return out
}

// networks are those of the group and of its tasks.
func (a *Ask) networks() []*nl.Network {
	var out []*nl.Network
	if a.network != nil && a.network.Mode != "none" {
		out = append(out, a.network)
	}
	for _, t := range a.tasks {
		if t.network != nil {
			out = append(out, t.network)
		}
	}
	return out
}

// deviceShortages counts each request on its own: requests that would fit
// alone but not together are told as one shortage.
func (a *Ask) deviceShortages(n *fit.Node) []Shortage {
	if _, reason := a.own(n); reason != noDevices {
		return nil
	}
	var out []Shortage
	for _, t := range a.tasks {
		for i := range t.devices {
			d := &t.devices[i]
			free, total := 0, 0
			for _, g := range n.Devices().Groups {
				if d.matches(g.Info) {
					free, total = max(free, len(g.Free())), max(total, len(g.Info.Instances))
				}
			}
			if free < d.count {
				out = append(out, Shortage{Reason: "devices: " + d.name, Asked: int64(d.count), Free: int64(free), Total: int64(total)})
			}
		}
	}
	if len(out) == 0 {
		out = append(out, Shortage{Reason: noDevices})
	}
	return out
}

// PortNames are the ports that the ask wants, the static ones with their
// number.
func (a *Ask) PortNames() []string {
	var out []string
	for _, nw := range a.networks() {
		for _, p := range nw.ReservedPorts {
			out = append(out, fmt.Sprintf("%s=%d", p.Label, p.Value))
		}
		for _, p := range nw.DynamicPorts {
			out = append(out, p.Label)
		}
	}
	return out
}
