package assign

import (
	"fmt"
	"math/rand/v2"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/expr"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
)

// dynamicTriesMax is how often a free dynamic port is looked for by chance
// before the range is searched from its start.
const dynamicTriesMax = 20

// taking is one assignment of ports under way: ports it took itself are not in
// the node's books yet.
type taking struct {
	node   *fit.Node
	random *rand.Rand
	taken  map[takenPort]bool
}

type takenPort struct {
	ip   string
	port int
}

func (t *taking) free(a *fit.Address, port int) bool {
	return a.Free(port) && !t.taken[takenPort{a.IP, port}]
}

func (t *taking) take(a *fit.Address, port int) {
	if t.taken == nil {
		t.taken = map[takenPort]bool{}
	}
	t.taken[takenPort{a.IP, port}] = true
}

// hostNetwork is the alias of a port's network on this node.
func hostNetwork(p *nl.Port, n *fit.Node) string {
	if strings.HasPrefix(p.HostNetwork, "${") {
		value, _ := expr.Resolve(p.HostNetwork, n.Info)
		return value
	}
	return p.HostNetwork
}

// portsFit is the cheap test: static ports free, enough dynamic ones left.
func (a *Ask) portsFit(n *fit.Node) string {
	ports := n.Ports()
	if n.Clash() {
		return fit.PortClash
	}
	dynamic := map[*fit.Address]int{}
	for _, nw := range a.networks() {
		for _, p := range nw.ReservedPorts {
			if p.IgnoreCollision {
				continue
			}
			addresses := ports.Network(hostNetwork(p, n))
			if len(addresses) == 0 {
				return noAddress(hostNetwork(p, n))
			}
			if firstFree(addresses, p.Value) == nil {
				return reservedCollision(p)
			}
		}
		for _, p := range nw.DynamicPorts {
			addresses := ports.Network(hostNetwork(p, n))
			if len(addresses) == 0 {
				return noAddress(hostNetwork(p, n))
			}
			dynamic[addresses[0]]++
		}
	}
	for address, count := range dynamic {
		if ports.FreeDynamic(address) < count {
			return dynamicExhausted
		}
	}
	return ""
}

const dynamicExhausted = "network: dynamic port selection failed"

func noAddress(alias string) string {
	if alias == "" {
		alias = "default"
	}
	return fmt.Sprintf("network: no addresses available for %q network", alias)
}

func reservedCollision(p *nl.Port) string {
	return fmt.Sprintf("network: reserved port collision %s=%d", p.Label, p.Value)
}

func firstFree(addresses []*fit.Address, port int) *fit.Address {
	for _, a := range addresses {
		if a.Free(port) {
			return a
		}
	}
	return nil
}

// takePorts assigns the ports of the group and of its tasks.
func (a *Ask) takePorts(t *taking, r *nl.AllocatedResources) string {
	if a.network != nil && a.network.Mode != "none" {
		nw, mapped, reason := t.network(a.network)
		if reason != "" {
			return reason
		}
		r.Shared.Networks = []*nl.Network{nw}
		r.Shared.Ports = mapped
	}
	for _, task := range a.tasks {
		if task.network == nil {
			continue
		}
		nw, _, reason := t.network(task.network)
		if reason != "" {
			return reason
		}
		r.Tasks[task.task.Name].Networks = []*nl.Network{nw}
	}
	return ""
}

// network assigns every port of one network block.
func (t *taking) network(ask *nl.Network) (*nl.Network, []*nl.AllocatedPortMapping, string) {
	out := *ask
	out.ReservedPorts, out.DynamicPorts = nil, nil
	ports := t.node.Ports()
	if all := ports.Network(""); len(all) > 0 {
		out.IP = all[0].IP
		if out.Device == "" && ask.MBits > 0 {
			out.Device = all[0].Device
		}
	}
	var mapped []*nl.AllocatedPortMapping
	for _, p := range ask.ReservedPorts {
		got, m, reason := t.static(p)
		if reason != "" {
			return nil, nil, reason
		}
		out.ReservedPorts = append(out.ReservedPorts, got)
		mapped = append(mapped, m)
	}
	for _, p := range ask.DynamicPorts {
		got, m, reason := t.dynamic(p)
		if reason != "" {
			return nil, nil, reason
		}
		out.DynamicPorts = append(out.DynamicPorts, got)
		mapped = append(mapped, m)
	}
	return &out, mapped, ""
}

func (t *taking) static(p *nl.Port) (*nl.Port, *nl.AllocatedPortMapping, string) {
	addresses := t.node.Ports().Network(hostNetwork(p, t.node))
	if len(addresses) == 0 {
		return nil, nil, noAddress(hostNetwork(p, t.node))
	}
	for _, a := range addresses {
		if p.IgnoreCollision || t.free(a, p.Value) {
			if !p.IgnoreCollision {
				t.take(a, p.Value)
			}
			got, m := assigned(p, p.Value, a.IP)
			return got, m, ""
		}
	}
	return nil, nil, reservedCollision(p)
}

func (t *taking) dynamic(p *nl.Port) (*nl.Port, *nl.AllocatedPortMapping, string) {
	ports := t.node.Ports()
	addresses := ports.Network(hostNetwork(p, t.node))
	if len(addresses) == 0 {
		return nil, nil, noAddress(hostNetwork(p, t.node))
	}
	for _, a := range addresses {
		if port := t.findDynamic(ports, a); port > 0 {
			t.take(a, port)
			got, m := assigned(p, port, a.IP)
			return got, m, ""
		}
	}
	return nil, nil, dynamicExhausted
}

// findDynamic finds a free port, if possible one that nobody gave back of late;
// 0 when there is none.
func (t *taking) findDynamic(ports *fit.Ports, a *fit.Address) int {
	if ports.Max < ports.Min {
		return 0
	}
	for range dynamicTriesMax {
		if port := ports.Min + t.random.IntN(ports.Max-ports.Min+1); t.free(a, port) && a.Rested(port) {
			return port
		}
	}
	resting := 0
	for port := ports.Min; port <= ports.Max; port++ {
		switch {
		case !t.free(a, port):
		case a.Rested(port):
			return port
		case resting == 0:
			resting = port
		}
	}
	return resting
}

// assigned is a port with its value in both forms; a port mapped to -1 is
// mapped to itself.
func assigned(p *nl.Port, value int, ip string) (*nl.Port, *nl.AllocatedPortMapping) {
	got := *p
	got.Value = value
	if got.To == -1 {
		got.To = value
	}
	return &got, &nl.AllocatedPortMapping{
		Label: p.Label, Value: value, To: got.To, HostIP: ip, IgnoreCollision: p.IgnoreCollision,
	}
}

// StaticPorts are the host ports the group insists on.
func (a *Ask) StaticPorts() []int {
	var out []int
	add := func(nw *nl.Network) {
		if nw == nil {
			return
		}
		for _, p := range nw.ReservedPorts {
			if !p.IgnoreCollision {
				out = append(out, p.Value)
			}
		}
	}
	if a.network != nil && a.network.Mode != "none" {
		add(a.network)
	}
	for _, t := range a.tasks {
		add(t.network)
	}
	return out
}
