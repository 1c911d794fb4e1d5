package docker

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"

	"github.com/nomadlike/nomadlike/plugins/driver"
)

// addNetwork places the container into a network and publishes its ports.
func addNetwork(r *request, c *driver.TaskConfig, tc *taskConfig, _ *pluginConfig, _ node) error {
	group := c.Network != nil && c.Network.Mode == driver.NetworkModeGroup && tc.NetworkMode == ""
	mode := tc.NetworkMode
	switch {
	case group && c.Network.Labels[sandboxLabel] != "":
		mode = "container:" + c.Network.Labels[sandboxLabel]
	case mode == "":
		mode = "default"
	}
	r.host.NetworkMode = container.NetworkMode(mode)
	joined := r.host.NetworkMode.IsContainer()
	if joined {
		// The namespace has a name of its own.
		r.config.Hostname = ""
	}
	if err := addHostsFile(r, c, tc, group); err != nil {
		return err
	}
	if err := addDNS(r, c, tc); err != nil {
		return err
	}
	if !joined {
		if err := addPorts(r, c, tc); err != nil {
			return err
		}
	}
	return addEndpoint(r, tc, joined)
}

// addEndpoint sets addresses and aliases, which only networks of the user's own
// know.
func addEndpoint(r *request, tc *taskConfig, joined bool) error {
	if len(tc.NetworkAliases) == 0 && tc.IPv4Address == "" && tc.IPv6Address == "" && tc.MacAddress == "" {
		return nil
	}
	if joined || !r.host.NetworkMode.IsUserDefined() {
		if tc.MacAddress != "" && !joined {
			// The engine's own networks take a hardware address only this way.
			r.config.MacAddress = tc.MacAddress //nolint:staticcheck // understood by engines of every age
		}
		if len(tc.NetworkAliases) > 0 {
			return fmt.Errorf("network_aliases need a network of the user's own: set network_mode to its name")
		}
		return nil
	}
	e := &network.EndpointSettings{Aliases: tc.NetworkAliases, MacAddress: tc.MacAddress}
	if tc.IPv4Address != "" || tc.IPv6Address != "" {
		e.IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: tc.IPv4Address, IPv6Address: tc.IPv6Address}
	}
	r.networking = &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{string(r.host.NetworkMode): e}}
	return nil
}

// publish maps a port of the host to one of the container, for tcp and udp.
func (r *request) publish(hostIP string, hostPort, containerPort int) {
	if r.host.PortBindings == nil {
		r.host.PortBindings, r.config.ExposedPorts = nat.PortMap{}, nat.PortSet{}
	}
	for _, proto := range []string{"tcp", "udp"} {
		port := nat.Port(strconv.Itoa(containerPort) + "/" + proto)
		r.config.ExposedPorts[port] = struct{}{}
		r.host.PortBindings[port] = append(r.host.PortBindings[port], nat.PortBinding{HostIP: hostIP, HostPort: strconv.Itoa(hostPort)})
	}
}

func addPorts(r *request, c *driver.TaskConfig, tc *taskConfig) error {
	legacy := merged(tc.PortMap)
	if len(c.Resources.Ports) > 0 {
		if len(legacy) > 0 {
			return fmt.Errorf("port_map cannot be used with ports of the group: use ports and the group's port.to")
		}
		for _, label := range tc.Ports {
			m, ok := findPort(c.Resources.Ports, label)
			if !ok {
				return fmt.Errorf("port %q is not defined in the group's network", label)
			}
			to := m.To
			if to <= 0 {
				to = m.Value
			}
			r.publish(m.HostIP, m.Value, to)
		}
		return nil
	}
	if len(tc.Ports) > 0 {
		return fmt.Errorf("port %q is not defined in the group's network", tc.Ports[0])
	}
	return addLegacyPorts(r, c, legacy)
}

// addLegacyPorts serves networks asked for by the task itself.
func addLegacyPorts(r *request, c *driver.TaskConfig, portMap map[string]int) error {
	if len(c.Resources.Networks) == 0 {
		if len(portMap) > 0 {
			return fmt.Errorf("port_map needs a network with ports")
		}
		return nil
	}
	n := c.Resources.Networks[0]
	for _, p := range append(append([]driver.Port(nil), n.ReservedPorts...), n.DynamicPorts...) {
		to, mapped := portMap[p.Label]
		if !mapped {
			to = p.Value
		}
		r.publish(n.IP, p.Value, to)
		if mapped {
			if c.Env == nil {
				c.Env = map[string]string{}
			}
			c.Env["NOMAD_PORT_"+p.Label] = strconv.Itoa(to)
		}
		delete(portMap, p.Label)
	}
	for label := range portMap {
		return fmt.Errorf("port_map names port %q, which the task's network does not have", label)
	}
	return nil
}

func findPort(ports []driver.PortMapping, label string) (driver.PortMapping, bool) {
	for _, p := range ports {
		if p.Label == label {
			return p, true
		}
	}
	return driver.PortMapping{}, false
}

// addHostsFile writes one /etc/hosts for all tasks of the allocation.
func addHostsFile(r *request, c *driver.TaskConfig, tc *taskConfig, group bool) error {
	if !group || c.Network.Hosts == nil || c.Network.Hosts.Address == "" || c.Network.Hosts.Hostname == "" {
		r.host.ExtraHosts = tc.ExtraHosts
		return nil
	}
	file := filepath.Join(c.AllocDir, "hosts")
	if _, err := os.Stat(file); err != nil {
		text, err := hostsFile(c.Network.Hosts, tc.ExtraHosts)
		if err != nil {
			return err
		}
		const mode = 0o644
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			return fmt.Errorf("hosts file cannot be written: %w", err)
		}
	}
	r.host.Binds = append(r.host.Binds, file+":/etc/hosts")
	return nil
}

func hostsFile(h *driver.HostsConfig, extra []string) (string, error) {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost\n::1 ip6-localhost ip6-loopback\nfe00::0 ip6-localnet\n" +
		"ff00::0 ip6-mcastprefix\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\nff02::3 ip6-allhosts\n\n")
	fmt.Fprintf(&b, "# this entry is the IP address and hostname of the allocation\n%s %s\n", h.Address, h.Hostname)
	for _, e := range extra {
		name, ip, ok := strings.Cut(e, ":")
		if !ok || net.ParseIP(ip) == nil {
			return "", fmt.Errorf("extra_hosts entry %q is malformed: write it as name:ip", e)
		}
		fmt.Fprintf(&b, "%s %s\n", ip, name)
	}
	return b.String(), nil
}

// addDNS prefers what the group says.
func addDNS(r *request, c *driver.TaskConfig, tc *taskConfig) error {
	if c.DNS == nil {
		r.host.DNS, r.host.DNSSearch, r.host.DNSOptions = tc.DNSServers, tc.DNSSearchDomains, tc.DNSOptions
		return nil
	}
	own, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		own = nil
	}
	file := filepath.Join(c.TaskDir(), "resolv.conf")
	const mode = 0o644
	if err := os.WriteFile(file, []byte(resolvConf(c.DNS, string(own))), mode); err != nil {
		return fmt.Errorf("resolv.conf cannot be written: %w", err)
	}
	r.host.Binds = append(r.host.Binds, file+":/etc/resolv.conf")
	return nil
}

// resolvConf writes d; parts that it leaves out come from the host's own file.
func resolvConf(d *driver.DNS, own string) string {
	servers, searches, options := d.Servers, d.Searches, d.Options
	for line := range strings.Lines(own) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		switch {
		case f[0] == "nameserver" && len(d.Servers) == 0:
			servers = append(servers, f[1])
		case f[0] == "search" && len(d.Searches) == 0:
			searches = f[1:]
		case f[0] == "options" && len(d.Options) == 0:
			options = f[1:]
		}
	}
	var b strings.Builder
	if len(searches) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(searches, " "))
	}
	for _, s := range servers {
		fmt.Fprintf(&b, "nameserver %s\n", s)
	}
	if len(options) > 0 {
		fmt.Fprintf(&b, "options %s\n", strings.Join(options, " "))
	}
	return b.String()
}

// address is the task's own address: that of its first network, worth
// advertising unless only this node can reach it.
func address(nets map[string]*network.EndpointSettings, v6 bool) (ip string, advertise bool) {
	for _, name := range slices.Sorted(maps.Keys(nets)) {
		n := nets[name]
		if n == nil {
			continue
		}
		if v6 && n.GlobalIPv6Address != "" {
			return n.GlobalIPv6Address, true
		}
		if n.IPAddress != "" {
			return n.IPAddress, name != "bridge" && name != "nat"
		}
	}
	return "", false
}
