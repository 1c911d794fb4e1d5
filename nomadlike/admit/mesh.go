package admit

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/nomadlike/nomadlike/nomadlike"
)

// checkConnect looks at the services of a group that take part in the mesh.
func checkConnect(p *Problems, g *nomadlike.Group) {
	blocks, transparent := 0, false
	listeners := map[string]string{}
	for _, s := range g.Services {
		c := s.Connect
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
			p.addf("Service %q: connect must be exactly one of native, sidecar_service or gateway", s.Name)
			continue
		}
		switch {
		case c.Native:
			checkNative(p, g, s)
		case c.SidecarService != nil:
			checkSidecar(p, g, s, listeners)
			if proxy := c.SidecarService.Proxy; proxy != nil && proxy.TransparentProxy != nil {
				transparent = true
				checkTransparent(p, g, s, proxy.TransparentProxy)
			}
		default:
			checkGateway(p, g, s)
		}
	}
	if transparent && blocks > 1 {
		p.addf("Group %q: a transparent proxy needs to be the only connect block of its group", g.Name)
	}
}

func checkNative(p *Problems, g *nomadlike.Group, s *nomadlike.Service) {
	if s.PortLabel == "" {
		p.addf("Service %q is Connect Native and requires a port", s.Name)
	}
	if s.TaskName == "" {
		p.addf("Service %q is Connect Native and requires a task", s.Name)
	} else if g.Task(s.TaskName) == nil {
		p.addf("Service %q is Connect Native and names task %q, which does not exist", s.Name, s.TaskName)
	}
}

// checkMeshNetwork tells whether the group has the one network a proxy needs.
func checkMeshNetwork(p *Problems, g *nomadlike.Group, what string, host bool) {
	if n := len(g.Networks); n != 1 {
		p.addf("Consul Connect %s requires exactly 1 network, found %d in group %q", what, n, g.Name)
		return
	}
	mode := g.Networks[0].Mode
	if !ownNetwork(mode) && !(host && mode == "host") {
		p.addf("Consul Connect %s requires a bridge or cni network, found %q in group %q", what, mode, g.Name)
	}
}

func checkSidecar(p *Problems, g *nomadlike.Group, s *nomadlike.Service, listeners map[string]string) {
	checkMeshNetwork(p, g, "sidecar", false)
	if s.Name != strings.ToLower(s.Name) {
		p.addf("Consul Connect service name %q in group %q must not contain uppercase characters", s.Name, g.Name)
	}
	if g.Name != strings.ToLower(g.Name) {
		p.addf("Consul Connect group %q with service %q must not contain uppercase characters", g.Name, s.Name)
	}
	if s.Connect.SidecarService.Proxy == nil {
		return
	}
	for _, u := range s.Connect.SidecarService.Proxy.Upstreams {
		if u.LocalBindPort == 0 {
			continue
		}
		at := u.LocalBindAddress + ":" + strconv.Itoa(u.LocalBindPort)
		if other, ok := listeners[at]; ok {
			p.addf("Consul Connect services %q and %q in group %q using same address for upstreams (%s)", other, s.Name, g.Name, at)
		}
		listeners[at] = s.Name
	}
}

func checkTransparent(p *Problems, g *nomadlike.Group, s *nomadlike.Service, t *nomadlike.ConsulTransparentProxy) {
	bad := func(what, value string) {
		p.addf("Service %q: transparent_proxy %s %q is invalid", s.Name, what, value)
	}
	if t.UID != "" {
		if _, err := strconv.ParseUint(t.UID, 10, 16); err != nil {
			bad("uid", t.UID)
		}
	}
	for _, uid := range t.ExcludeUIDs {
		if _, err := strconv.ParseUint(uid, 10, 16); err != nil {
			bad("exclude_uids", uid)
		}
	}
	for _, cidr := range t.ExcludeOutboundCIDRs {
		if _, err := netip.ParsePrefix(cidr); err != nil {
			bad("exclude_outbound_cidrs", cidr)
		}
	}
	for _, port := range t.ExcludeInboundPorts {
		if _, err := strconv.ParseUint(port, 10, 16); err == nil {
			continue
		}
		if known := findPort(g, port); known == nil || known.Value == 0 {
			bad("exclude_inbound_ports", port)
		}
	}
	if !t.NoDNS && len(g.Networks) > 0 && g.Networks[0].DNS != nil {
		p.addf("Service %q: network.dns with a transparent_proxy needs no_dns = true", s.Name)
	}
}

func checkGateway(p *Problems, g *nomadlike.Group, s *nomadlike.Service) {
	checkMeshNetwork(p, g, "gateway", true)
	gw := s.Connect.Gateway
	forms := 0
	for _, said := range [...]bool{gw.Ingress != nil, gw.Terminating != nil, gw.Mesh != nil} {
		if said {
			forms++
		}
	}
	if forms != 1 {
		p.addf("Service %q: gateway must be exactly one of ingress, terminating or mesh", s.Name)
	}
	if proxy := gw.Proxy; proxy != nil {
		switch proxy.EnvoyDNSDiscoveryType {
		case "", "STRICT_DNS", "LOGICAL_DNS":
		default:
			p.addf("Service %q: envoy_dns_discovery_type %q is unknown; use STRICT_DNS or LOGICAL_DNS", s.Name, proxy.EnvoyDNSDiscoveryType)
		}
		for name, b := range proxy.EnvoyGatewayBindAddresses {
			if b.Address == "" || b.Port <= 0 && b.Port != -1 {
				p.addf("Service %q: bind address %q needs an address and a port greater than 0, or -1", s.Name, name)
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
		p.addf("Service %q: a mesh gateway needs a port", s.Name)
	}
}

func checkIngress(p *Problems, s *nomadlike.Service, in *nomadlike.ConsulIngressConfigEntry) {
	if len(in.Listeners) == 0 {
		p.addf("Service %q: an ingress gateway needs at least one listener", s.Name)
	}
	for _, l := range in.Listeners {
		if l.Port <= 0 {
			p.addf("Service %q: ingress listener needs a port greater than 0", s.Name)
		}
		switch l.Protocol {
		case "tcp", "http", "http2", "grpc":
		default:
			p.addf("Service %q: ingress listener protocol %q is unknown; use tcp, http, http2 or grpc", s.Name, l.Protocol)
		}
		if len(l.Services) == 0 {
			p.addf("Service %q: ingress listener needs at least one service", s.Name)
		}
		for _, target := range l.Services {
			switch {
			case target.Name == "":
				p.addf("Service %q: service of an ingress listener needs a name", s.Name)
			case l.Protocol == "tcp" && (target.Name == "*" || len(target.Hosts) > 0):
				p.addf("Service %q: tcp listeners take neither wildcard services nor hosts", s.Name)
			case target.Name == "*" && len(target.Hosts) > 0:
				p.addf("Service %q: a wildcard service takes no hosts", s.Name)
			}
		}
	}
}

func checkTerminating(p *Problems, s *nomadlike.Service, t *nomadlike.ConsulTerminatingConfigEntry) {
	if len(t.Services) == 0 {
		p.addf("Service %q: a terminating gateway needs at least one service", s.Name)
	}
	for _, l := range t.Services {
		if l.Name == "" {
			p.addf("Service %q: linked service needs a name", s.Name)
		}
		pair := (l.CertFile == "") == (l.KeyFile == "")
		if !pair || l.CertFile != "" && l.CAFile == "" || l.SNI != "" && l.CAFile == "" {
			p.addf("Service %q: linked service %q needs cert_file and key_file together, and ca_file with them or with sni", s.Name, l.Name)
		}
	}
}
