package admit

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/spell"
)

// checkConnect looks at the services of a group that take part in the mesh.
func checkConnect(p findings, g *nomadlike.Group) {
	blocks, transparent := 0, false
	listeners := map[string]string{}
	for i, s := range g.Services {
		c, at := s.Connect, p.service(i, s)
		if c == nil {
			continue
		}
		blocks++
		forms := 0
		for _, said := range [...]bool{c.Native, c.SidecarService != nil, c.Gateway != nil} {
			if said {
				forms++
			}
		}
		if forms != 1 {
			at.addf("Connect", "Service %q: connect must be exactly one of native, sidecar_service or gateway", s.Name)
			continue
		}
		switch {
		case c.Native:
			checkNative(at, g, s)
		case c.SidecarService != nil:
			checkSidecar(p, at, g, s, listeners)
			if proxy := c.SidecarService.Proxy; proxy != nil && proxy.TransparentProxy != nil {
				transparent = true
				checkTransparent(at, g, s, proxy.TransparentProxy)
			}
		default:
			checkGateway(p, at, g, s)
		}
	}
	if transparent && blocks > 1 {
		p.addf("Services", "Group %q: a transparent proxy needs to be the only connect block of its group", g.Name)
	}
}

func checkNative(p findings, g *nomadlike.Group, s *nomadlike.Service) {
	if s.PortLabel == "" {
		p.addf("PortLabel", "Service %q is Connect Native and requires a port", s.Name)
	}
	if s.TaskName == "" {
		p.addf("TaskName", "Service %q is Connect Native and requires a task", s.Name)
	} else if g.Task(s.TaskName) == nil {
		p.addf("TaskName", "Service %q is Connect Native and names task %q, which does not exist.%s", s.Name, s.TaskName, spell.Hint(s.TaskName, taskNames(g)))
	}
}

// checkMeshNetwork tells whether the group has the one network a proxy needs.
func checkMeshNetwork(p findings, g *nomadlike.Group, what string, host bool) {
	if n := len(g.Networks); n != 1 {
		p.addf("Networks", "Consul Connect %s requires exactly 1 network, found %d in group %q", what, n, g.Name)
		return
	}
	mode := g.Networks[0].Mode
	if !ownNetwork(mode) && !(host && mode == "host") {
		p.addf("Networks/0/Mode", "Consul Connect %s requires a bridge or cni network, found %q in group %q", what, mode, g.Name)
	}
}

func checkSidecar(group, p findings, g *nomadlike.Group, s *nomadlike.Service, listeners map[string]string) {
	checkMeshNetwork(group, g, "sidecar", false)
	if s.Name != strings.ToLower(s.Name) {
		p.addf("Name", "Consul Connect service name %q in group %q must not contain uppercase characters", s.Name, g.Name)
	}
	if g.Name != strings.ToLower(g.Name) {
		group.addf("Name", "Consul Connect group %q with service %q must not contain uppercase characters", g.Name, s.Name)
	}
	if s.Connect.SidecarService.Proxy == nil {
		return
	}
	for i, u := range s.Connect.SidecarService.Proxy.Upstreams {
		if u.LocalBindPort == 0 {
			continue
		}
		at := u.LocalBindAddress + ":" + strconv.Itoa(u.LocalBindPort)
		if other, ok := listeners[at]; ok {
			p.element("Connect/SidecarService/Proxy/Upstreams", i, "", "").addf("LocalBindPort", "Consul Connect services %q and %q in group %q using same address for upstreams (%s)", other, s.Name, g.Name, at)
		}
		listeners[at] = s.Name
	}
}

func checkTransparent(p findings, g *nomadlike.Group, s *nomadlike.Service, t *nomadlike.ConsulTransparentProxy) {
	bad := func(field, what, value string) {
		p.addf("Connect/SidecarService/Proxy/TransparentProxy/"+field, "Service %q: transparent_proxy %s %q is invalid", s.Name, what, value)
	}
	if t.UID != "" {
		if _, err := strconv.ParseUint(t.UID, 10, 16); err != nil {
			bad("UID", "uid", t.UID)
		}
	}
	for _, uid := range t.ExcludeUIDs {
		if _, err := strconv.ParseUint(uid, 10, 16); err != nil {
			bad("ExcludeUIDs", "exclude_uids", uid)
		}
	}
	for _, cidr := range t.ExcludeOutboundCIDRs {
		if _, err := netip.ParsePrefix(cidr); err != nil {
			bad("ExcludeOutboundCIDRs", "exclude_outbound_cidrs", cidr)
		}
	}
	for _, port := range t.ExcludeInboundPorts {
		if _, err := strconv.ParseUint(port, 10, 16); err == nil {
			continue
		}
		if known := findPort(g, port); known == nil || known.Value == 0 {
			bad("ExcludeInboundPorts", "exclude_inbound_ports", port)
		}
	}
	if !t.NoDNS && len(g.Networks) > 0 && g.Networks[0].DNS != nil {
		p.addf("Connect/SidecarService/Proxy/TransparentProxy", "Service %q: network.dns with a transparent_proxy needs no_dns = true", s.Name)
	}
}

func checkGateway(group, p findings, g *nomadlike.Group, s *nomadlike.Service) {
	checkMeshNetwork(group, g, "gateway", true)
	gw := s.Connect.Gateway
	forms := 0
	for _, said := range [...]bool{gw.Ingress != nil, gw.Terminating != nil, gw.Mesh != nil} {
		if said {
			forms++
		}
	}
	if forms != 1 {
		p.addf("Connect/Gateway", "Service %q: gateway must be exactly one of ingress, terminating or mesh", s.Name)
	}
	if proxy := gw.Proxy; proxy != nil {
		p.oneOf("Connect/Gateway/Proxy/EnvoyDNSDiscoveryType", proxy.EnvoyDNSDiscoveryType, []string{"", "STRICT_DNS", "LOGICAL_DNS"}, "Service %q: invalid envoy_dns_discovery_type", s.Name)
		for name, b := range proxy.EnvoyGatewayBindAddresses {
			if b.Address == "" || b.Port <= 0 && b.Port != -1 {
				p.addf("Connect/Gateway/Proxy/EnvoyGatewayBindAddresses/"+escaped(name), "Service %q: bind address %q needs an address and a port greater than 0, or -1", s.Name, name)
			}
		}
	}
	if gw.Ingress != nil {
		checkIngress(p, s, gw.Ingress)
	}
	if gw.Terminating != nil {
		checkTerminating(p, s, gw.Terminating)
	}
	if gw.Mesh != nil && s.PortLabel == "" {
		p.addf("PortLabel", "Service %q: a mesh gateway needs a port", s.Name)
	}
}

func checkIngress(p findings, s *nomadlike.Service, in *nomadlike.ConsulIngressConfigEntry) {
	if len(in.Listeners) == 0 {
		p.addf("Connect/Gateway/Ingress", "Service %q: an ingress gateway needs at least one listener", s.Name)
	}
	for i, l := range in.Listeners {
		p := p.element("Connect/Gateway/Ingress/Listeners", i, "", "")
		if l.Port <= 0 {
			p.addf("Port", "Service %q: ingress listener needs a port greater than 0", s.Name)
		}
		p.oneOf("Protocol", l.Protocol, []string{"tcp", "http", "http2", "grpc"}, "Service %q: invalid ingress listener protocol", s.Name)
		if len(l.Services) == 0 {
			p.addf("Services", "Service %q: ingress listener needs at least one service", s.Name)
		}
		for j, target := range l.Services {
			p := p.element("Services", j, "", "")
			switch {
			case target.Name == "":
				p.addf("Name", "Service %q: service of an ingress listener needs a name", s.Name)
			case l.Protocol == "tcp" && (target.Name == "*" || len(target.Hosts) > 0):
				p.addf("", "Service %q: tcp listeners take neither wildcard services nor hosts", s.Name)
			case target.Name == "*" && len(target.Hosts) > 0:
				p.addf("Hosts", "Service %q: a wildcard service takes no hosts", s.Name)
			}
		}
	}
}

func checkTerminating(p findings, s *nomadlike.Service, t *nomadlike.ConsulTerminatingConfigEntry) {
	if len(t.Services) == 0 {
		p.addf("Connect/Gateway/Terminating", "Service %q: a terminating gateway needs at least one service", s.Name)
	}
	for i, l := range t.Services {
		p := p.element("Connect/Gateway/Terminating/Services", i, "", "")
		if l.Name == "" {
			p.addf("Name", "Service %q: linked service needs a name", s.Name)
		}
		pair := (l.CertFile == "") == (l.KeyFile == "")
		if !pair || l.CertFile != "" && l.CAFile == "" || l.SNI != "" && l.CAFile == "" {
			p.addf("", "Service %q: linked service %q needs cert_file and key_file together, and ca_file with them or with sni", s.Name, l.Name)
		}
	}
}
