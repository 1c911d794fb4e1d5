package interp

import (
	"net"
	"strconv"
	"strings"

	"github.com/nomadlike/nomadlike/nomadlike"
)

// network exposes the ports of the group and those of the task itself.
func (b *builder) network() {
	resources := b.in.Alloc.AllocatedResources
	if resources == nil {
		return
	}
	if own := b.taskResources(b.in.Task.Name); own != nil {
		for _, n := range own.Networks {
			b.taskNetwork(n)
		}
	}
	for _, p := range groupPorts(resources) {
		b.groupPort(p)
	}
}

// groupPorts are the ports of the group; allocations that record them only in
// their networks are understood too.
func groupPorts(r *nomadlike.AllocatedResources) []*nomadlike.AllocatedPortMapping {
	if len(r.Shared.Ports) > 0 {
		return r.Shared.Ports
	}
	var out []*nomadlike.AllocatedPortMapping
	for _, n := range r.Shared.Networks {
		for _, p := range portsOf(n) {
			out = append(out, &nomadlike.AllocatedPortMapping{
				Label: p.Label, Value: p.Value, To: p.To, HostIP: n.IP,
			})
		}
	}
	return out
}

func portsOf(n *nomadlike.Network) []*nomadlike.Port {
	ports := make([]*nomadlike.Port, 0, len(n.ReservedPorts)+len(n.DynamicPorts))
	return append(append(ports, n.ReservedPorts...), n.DynamicPorts...)
}

func (b *builder) groupPort(p *nomadlike.AllocatedPortMapping) {
	hostPort := strconv.Itoa(p.Value)
	inside := hostPort
	if p.To > 0 {
		inside = strconv.Itoa(p.To)
	}
	addr := net.JoinHostPort(p.HostIP, hostPort)
	b.vars["NOMAD_ADDR_"+p.Label] = addr
	b.vars["NOMAD_HOST_ADDR_"+p.Label] = addr
	b.vars["NOMAD_IP_"+p.Label] = p.HostIP
	b.vars["NOMAD_HOST_IP_"+p.Label] = p.HostIP
	b.vars["NOMAD_PORT_"+p.Label] = inside
	b.vars["NOMAD_ALLOC_PORT_"+p.Label] = inside
	b.vars["NOMAD_HOST_PORT_"+p.Label] = hostPort
	if s := b.in.Alloc.NetworkStatus; s != nil {
		b.vars["NOMAD_ALLOC_INTERFACE_"+p.Label] = s.InterfaceName
		b.vars["NOMAD_ALLOC_IP_"+p.Label] = s.Address
		b.vars["NOMAD_ALLOC_ADDR_"+p.Label] = net.JoinHostPort(s.Address, inside)
	}
}

// taskNetwork exposes a network of the task itself, the older form.
func (b *builder) taskNetwork(n *nomadlike.Network) {
	family := "NOMAD_IPv4_"
	if strings.Contains(n.IP, ":") {
		family = "NOMAD_IPv6_"
	}
	for _, p := range portsOf(n) {
		hostPort := strconv.Itoa(p.Value)
		inside := hostPort
		if p.To > 0 {
			inside = strconv.Itoa(p.To)
		}
		if d := b.in.DriverNetwork; d != nil && d.PortMap[p.Label] > 0 {
			inside = strconv.Itoa(d.PortMap[p.Label])
		}
		b.vars["NOMAD_IP_"+p.Label] = n.IP
		b.vars[family+p.Label] = n.IP
		b.vars["NOMAD_PORT_"+p.Label] = inside
		b.vars["NOMAD_ADDR_"+p.Label] = net.JoinHostPort(n.IP, hostPort)
		b.vars["NOMAD_HOST_PORT_"+p.Label] = hostPort
	}
}

// siblings exposes the own networks of the other tasks of the allocation.
func (b *builder) siblings() {
	resources := b.in.Alloc.AllocatedResources
	if resources == nil {
		return
	}
	for task, r := range resources.Tasks {
		if task == b.in.Task.Name || r == nil {
			continue
		}
		for _, n := range r.Networks {
			for _, p := range portsOf(n) {
				name, port := task+"_"+p.Label, strconv.Itoa(p.Value)
				b.vars["NOMAD_IP_"+name] = n.IP
				b.vars["NOMAD_PORT_"+name] = port
				b.vars["NOMAD_ADDR_"+name] = net.JoinHostPort(n.IP, port)
			}
		}
	}
}
