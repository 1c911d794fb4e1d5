package fingerprint

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// fallbackSpeed is taken for the speed of a link that does not tell, in Mbit/s.
const fallbackSpeed = 1000

const aliasDefault = "default"

// defaultInterface is the interface of the default route, "" when there is
// none.
func defaultInterface() string {
	f, err := os.Open("/proc/net/route")
	if err != nil {
		return ""
	}
	defer f.Close()
	scan := bufio.NewScanner(f)
	for scan.Scan() {
		fields := strings.Fields(scan.Text())
		if len(fields) > 7 && fields[1] == "00000000" && fields[7] == "00000000" {
			return fields[0]
		}
	}
	return ""
}

// gateway is the router of an interface, "" when it has none.
func gateway(name string) string {
	f, err := os.Open("/proc/net/route")
	if err != nil {
		return ""
	}
	defer f.Close()
	scan := bufio.NewScanner(f)
	for scan.Scan() {
		fields := strings.Fields(scan.Text())
		if len(fields) < 3 || fields[0] != name || fields[1] != "00000000" {
			continue
		}
		if raw, err := hex.DecodeString(fields[2]); err == nil && len(raw) == 4 {
			slices.Reverse(raw)
			return net.IP(raw).String()
		}
	}
	return ""
}

func speedOf(c *Config, name string) int64 {
	if c.NetworkSpeed > 0 {
		return int64(c.NetworkSpeed)
	}
	if n, err := strconv.ParseInt(readTrim("/sys/class/net/"+name+"/speed"), 10, 64); err == nil && n > 0 {
		return n
	}
	return fallbackSpeed
}

// network looks at all interfaces; the chosen one gives the node its address.
func network(c *Config) found {
	chosen := c.NetworkInterface
	if chosen == "" {
		chosen = defaultInterface()
	}
	ifaces, err := net.Interfaces()
	if err != nil {
		return found{err: err}
	}
	if chosen == "" {
		for _, i := range ifaces {
			if i.Flags&net.FlagLoopback != 0 {
				chosen = i.Name
			}
		}
	}
	out := found{attributes: map[string]string{}}
	nodeNets := []*nl.NodeNetworkResource{}
	var networks []*nl.Network
	for _, i := range ifaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addrs := addresses(c, i)
		n := &nl.NodeNetworkResource{Mode: "host", Device: i.Name, MacAddress: i.HardwareAddr.String(), Speed: speedOf(c, i.Name)}
		for _, a := range addrs {
			family := "ipv4"
			if a.Addr().Is6() {
				family = "ipv6"
			}
			for _, alias := range aliases(c, i.Name, a.Addr(), chosen) {
				na := &nl.NodeNetworkAddress{
					Family: family, Alias: alias, Address: a.Addr().String(), ReservedPorts: c.ReservedPorts, Gateway: gateway(i.Name),
				}
				if h := c.HostNetworks[alias]; h != nil && h.ReservedPorts != "" {
					na.ReservedPorts = h.ReservedPorts
				}
				n.Addresses = append(n.Addresses, na)
			}
			if i.Name == chosen {
				if out.attributes["unique.network.ip-address"] == "" {
					out.attributes["unique.network.ip-address"] = a.Addr().String()
				}
				networks = append(networks, &nl.Network{
					Mode: "host", Device: i.Name, CIDR: fmt.Sprintf("%s/%d", a.Addr(), a.Addr().BitLen()), IP: a.Addr().String(), MBits: int(n.Speed),
				})
			}
		}
		nodeNets = append(nodeNets, n)
	}
	if c.NetworkInterface != "" && len(networks) == 0 {
		out.err = fmt.Errorf("interface %q has no usable address", c.NetworkInterface)
	}
	out.resources = func(r *nl.NodeResources) { r.NodeNetworks, r.Networks = nodeNets, networks }
	return out
}

// addresses are the usable addresses of an interface: link-local ones only
// when there are no others.
func addresses(c *Config, i net.Interface) []netip.Prefix {
	list, err := i.Addrs()
	if err != nil {
		return nil
	}
	var global, local []netip.Prefix
	for _, a := range list {
		p, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits())
		if p.Addr().IsLinkLocalUnicast() {
			local = append(local, p)
		} else {
			global = append(global, p)
		}
	}
	if len(global) == 0 && !c.NoLinkLocal {
		global = local
	}
	preferV6 := c.PreferredFamily == "ipv6"
	slices.SortStableFunc(global, func(a, b netip.Prefix) int {
		if a.Addr().Is6() == b.Addr().Is6() || c.PreferredFamily == "" {
			return 0
		}
		if a.Addr().Is6() == preferV6 {
			return -1
		}
		return 1
	})
	return global
}

// aliases are the host networks an address belongs to, after the default one.
func aliases(c *Config, iface string, addr netip.Addr, chosen string) []string {
	var out []string
	if iface == chosen {
		out = append(out, aliasDefault)
	}
	var names []string
	for name, h := range c.HostNetworks {
		prefix, err := netip.ParsePrefix(h.CIDR)
		if h.Interface == iface && h.CIDR == "" || err == nil && prefix.Contains(addr) && (h.Interface == "" || h.Interface == iface) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return append(out, names...)
}
