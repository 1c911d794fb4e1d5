package fit

import (
	"strconv"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// The range of dynamic ports of a node that names none.
const (
	dynamicPortMin = 20000
	dynamicPortMax = 32000
)

// defaultNetwork is the alias of the address that ports use when they name no
// host network.
const defaultNetwork = "default"

// Address is one address of a node and its ports in use.
type Address struct {
	IP, Alias, Device string
	used              Bitmap
	resting           map[int]bool // given back of late
}

// Ports is the use of a node's ports.
type Ports struct {
	Addresses []*Address
	Min, Max  int // dynamic range, both included
	clash     bool
}

func newPorts(n *nl.Node) *Ports {
	p := &Ports{Min: dynamicPortMin, Max: dynamicPortMax}
	if r := n.NodeResources; r != nil {
		if r.MinDynamicPort > 0 {
			p.Min = r.MinDynamicPort
		}
		if r.MaxDynamicPort > 0 {
			p.Max = r.MaxDynamicPort
		}
		p.addAddresses(r)
	}
	if r := n.ReservedResources; r != nil {
		for _, a := range p.Addresses {
			a.reserve(r.Networks.ReservedHostPorts)
		}
	}
	return p
}

// addAddresses lists the addresses of the node's interfaces; a node that tells
// only the older form has one, which is the default.
func (p *Ports) addAddresses(r *nl.NodeResources) {
	for _, nw := range r.NodeNetworks {
		for _, a := range nw.Addresses {
			address := &Address{IP: a.Address, Alias: a.Alias, Device: nw.Device}
			address.reserve(a.ReservedPorts)
			p.Addresses = append(p.Addresses, address)
		}
	}
	if len(p.Addresses) > 0 {
		return
	}
	for _, nw := range r.Networks {
		if nw.IP != "" {
			p.Addresses = append(p.Addresses, &Address{IP: nw.IP, Alias: defaultNetwork, Device: nw.Device})
		}
	}
}

// reserve marks ports such as "22,80,8000-8100" as used.
func (a *Address) reserve(list string) {
	for _, part := range strings.Split(list, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		low, err := strconv.Atoi(strings.TrimSpace(from))
		if err != nil {
			continue
		}
		high := low
		if isRange {
			if high, err = strconv.Atoi(strings.TrimSpace(to)); err != nil {
				continue
			}
		}
		for port := low; port <= min(high, portsMax-1); port++ {
			a.used.Set(port)
		}
	}
}

// Free tells whether the port of the address is not in use.
func (a *Address) Free(port int) bool { return port > 0 && port < portsMax && !a.used.Has(port) }

// FreeDynamic is how many ports of the range are left on the address.
func (p *Ports) FreeDynamic(a *Address) int {
	return p.Max - p.Min + 1 - a.used.Count(p.Min, p.Max)
}

// Network yields the addresses of a host network, the default one for "".
func (p *Ports) Network(alias string) []*Address {
	if alias == "" {
		alias = defaultNetwork
	}
	var out []*Address
	for _, a := range p.Addresses {
		if a.Alias == alias {
			out = append(out, a)
		}
	}
	return out
}

// add marks the ports of an allocation as used. Two allocations with one port
// are noted as a clash.
func (p *Ports) add(a *nl.Alloc) { each(a.AllocatedResources, p.take) }

// each yields the ports that an allocation holds.
func each(r *nl.AllocatedResources, yield func(ip string, port int)) {
	if r == nil {
		return
	}
	networks := func(list []*nl.Network) {
		for _, nw := range list {
			for _, ports := range [2][]*nl.Port{nw.ReservedPorts, nw.DynamicPorts} {
				for _, port := range ports {
					if !port.IgnoreCollision {
						yield(nw.IP, port.Value)
					}
				}
			}
		}
	}
	for _, m := range r.Shared.Ports {
		if !m.IgnoreCollision {
			yield(m.HostIP, m.Value)
		}
	}
	if len(r.Shared.Ports) == 0 {
		networks(r.Shared.Networks)
	}
	for _, t := range r.Tasks {
		networks(t.Networks)
	}
}

// take marks a port of the address with that IP; an address that the node no
// longer has is every one of its addresses.
func (p *Ports) take(ip string, port int) {
	found := false
	for _, a := range p.Addresses {
		if a.IP == ip {
			found = true
			if !a.used.Set(port) {
				p.clash = true
			}
		}
	}
	if found {
		return
	}
	for _, a := range p.Addresses {
		a.used.Set(port)
	}
}
