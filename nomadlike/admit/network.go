package admit

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/nomadlike/nomadlike/nomadlike"
)

// portMax is the highest port number.
const portMax = 65535

// hostnamePattern is a domain name.
var hostnamePattern = regexp.MustCompile(`^([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*\.?$`)

// checkNetworks looks at the networks of the group and of its tasks, whose
// ports share one name space.
func checkNetworks(p findings, g *nomadlike.Group) {
	labels := map[string]string{}
	statics := map[string]map[int]string{}
	args := map[string]bool{}
	for i, n := range g.Networks {
		p := p.element("Networks", i, "", "")
		checkPorts(p, "group network", n, labels, statics)
		if n.Hostname != "" && !strings.Contains(n.Hostname, "${") && !hostnamePattern.MatchString(n.Hostname) {
			p.addf("Hostname", "Hostname %q is not a valid DNS name", n.Hostname)
		}
		if n.CNI == nil {
			continue
		}
		for _, k := range slices.Sorted(maps.Keys(n.CNI.Args)) {
			v := n.CNI.Args[k]
			if strings.Contains(k, ";") || strings.Contains(v, ";") {
				p.addf("CNI/Args/"+escaped(k), "invalid ';' character in CNI arg \"%s = %s\"", k, v)
			}
			if args[k] {
				p.addf("CNI/Args/"+escaped(k), "duplicate CNI arg %q", k)
			}
			args[k] = true
		}
	}
	for i, t := range g.Tasks {
		if t.Resources == nil {
			continue
		}
		for j, n := range t.Resources.Networks {
			checkPorts(p.task(i, t).element("Resources/Networks", j, "", ""), fmt.Sprintf("task %q network", t.Name), n, labels, statics)
		}
	}
}

func checkPorts(p findings, owner string, n *nomadlike.Network, labels map[string]string, statics map[string]map[int]string) {
	for i, port := range slices.Concat(n.ReservedPorts, n.DynamicPorts) {
		p := p.port(n, i, port.Label)
		if other, ok := labels[port.Label]; ok {
			p.addf("Label", "Port label %s already in use by %s", port.Label, other)
		}
		labels[port.Label] = owner + ":" + port.Label
		if port.Value < 0 || port.Value > portMax {
			p.addf("Value", "Port %s (%d) cannot be greater than %d", port.Label, port.Value, portMax)
		}
		if port.To < -1 || port.To > portMax {
			p.addf("To", "Port %q cannot be mapped to a port (%d) outside -1 to %d", port.Label, port.To, portMax)
		}
		if port.IgnoreCollision && n.Mode != "" && n.Mode != "host" {
			p.addf("IgnoreCollision", "Port %q collision may not be ignored on non-host network mode %q", port.Label, n.Mode)
		}
		if port.Value == 0 {
			continue
		}
		taken := statics[port.HostNetwork]
		if taken == nil {
			taken = map[int]string{}
			statics[port.HostNetwork] = taken
		}
		if other, ok := taken[port.Value]; ok && !port.IgnoreCollision {
			p.addf("Value", "Static port %d already reserved by %s", port.Value, other)
		}
		taken[port.Value] = owner + ":" + port.Label
	}
}
