// Package service works out the service registrations of an allocation and
// keeps the servers told of them, for services whose provider is nomad. The
// allocation's runner and the task shells hand registrations to the node's one
// Registrar. Checks are the business of step/check.
package service

import (
	"fmt"
	"slices"
	"strconv"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// ProviderNomad is the provider whose registrations live in the servers' state.
const ProviderNomad = "nomad"

// Address modes.
const (
	modeAuto      = "auto"
	modeHost      = "host"
	modeDriver    = "driver"
	modeAlloc     = "alloc"
	modeAllocIPv6 = "alloc_ipv6"
)

// nodeAddressAttribute is the node's own address.
const nodeAddressAttribute = "unique.network.ip-address"

// Network is a driver's word on a task's address.
type Network struct {
	IP            string
	PortMap       map[string]int
	AutoAdvertise bool
}

// Owner is whose services are meant.
type Owner struct {
	Alloc   *nl.Alloc
	Node    *nl.Node
	Group   *nl.Group
	Task    *nl.Task // nil: those of the group
	Network *Network // of the task; nil when its driver has none
	// Replace interpolates.
	Replace func(string) string
}

// Services are the services of the owner with this package's provider.
func (o *Owner) Services() []*nl.Service {
	list := o.Group.Services
	if o.Task != nil {
		list = o.Task.Services
	}
	var out []*nl.Service
	for _, s := range list {
		if s.Provider == ProviderNomad {
			out = append(out, s)
		}
	}
	return out
}

// id names a registration; it is part of the HTTP API.
func (o *Owner) id(s *nl.Service, name string) string {
	owner := "group-" + o.Group.Name
	if o.Task != nil {
		owner = o.Task.Name
	}
	return fmt.Sprintf("_nomad-task-%s-%s-%s-%s", o.Alloc.ID, owner, name, o.Replace(s.PortLabel))
}

// Registrations are what the servers are told.
func (o *Owner) Registrations() ([]*nl.ServiceRegistration, error) {
	var out []*nl.ServiceRegistration
	for _, s := range o.Services() {
		name := o.Replace(s.Name)
		mode := s.AddressMode
		addr, port, err := o.Resolve(mode, o.Replace(s.PortLabel), o.Replace(s.Address))
		if err != nil {
			return nil, fmt.Errorf("service %q: %w", name, err)
		}
		tags := s.Tags
		if st := o.Alloc.DeploymentStatus; st != nil && st.Canary && len(s.CanaryTags) > 0 {
			tags = s.CanaryTags
		}
		out = append(out, &nl.ServiceRegistration{
			ID: o.id(s, name), ServiceName: name, Namespace: o.Alloc.Namespace, NodeID: o.Node.ID,
			Datacenter: o.Node.Datacenter, JobID: o.Alloc.JobID, AllocID: o.Alloc.ID,
			Tags: o.replaceAll(tags), Address: addr, Port: port,
		})
	}
	return out, nil
}

func (o *Owner) replaceAll(list []string) []string {
	out := make([]string, len(list)) // never nil: the API shows an empty list
	for i := range list {
		out[i] = o.Replace(list[i])
	}
	return out
}

// Resolve finds address and port behind a port label or number.
func (o *Owner) Resolve(mode, label, literal string) (addr string, port int, err error) {
	if mode == "" || mode == modeAuto {
		mode = modeHost
		if literal == "" && o.Network != nil && o.Network.AutoAdvertise {
			mode = modeDriver
		}
	}
	switch mode {
	case modeHost:
		addr, port, err = o.host(label)
	case modeDriver:
		addr, port, err = o.driver(label)
	case modeAlloc, modeAllocIPv6:
		addr, port, err = o.alloc(mode, label)
	default:
		return "", 0, fmt.Errorf("unknown address_mode %q", mode)
	}
	if literal != "" {
		addr = literal
	}
	return addr, port, err
}

func (o *Owner) host(label string) (string, int, error) {
	node := ""
	if o.Node != nil {
		node = o.Node.Attributes[nodeAddressAttribute]
	}
	if label == "" {
		return node, 0, nil
	}
	if p := o.Port(label); p != nil {
		return p.HostIP, p.Value, nil
	}
	n, err := strconv.Atoi(label)
	if err != nil {
		return "", 0, fmt.Errorf("port %q not found: the group's network has no such label", label)
	}
	return node, n, nil
}

func (o *Owner) driver(label string) (string, int, error) {
	if o.Network == nil || o.Network.IP == "" {
		return "", 0, fmt.Errorf("cannot use address_mode=\"driver\": no driver network exists")
	}
	if label == "" {
		return o.Network.IP, 0, nil
	}
	if n, ok := o.Network.PortMap[label]; ok {
		return o.Network.IP, n, nil
	}
	if p := o.Port(label); p != nil {
		if p.To > 0 {
			return o.Network.IP, p.To, nil
		}
		return o.Network.IP, p.Value, nil
	}
	n, err := strconv.Atoi(label)
	if err != nil {
		return "", 0, fmt.Errorf("invalid port %q: not found in the driver's port map", label)
	}
	return o.Network.IP, n, nil
}

func (o *Owner) alloc(mode, label string) (string, int, error) {
	st := o.Alloc.NetworkStatus
	if st == nil || st.Address == "" {
		return "", 0, fmt.Errorf("cannot use address_mode=%q: no allocation network status reported", mode)
	}
	addr := st.Address
	if mode == modeAllocIPv6 {
		if addr = st.AddressIPv6; addr == "" {
			return "", 0, fmt.Errorf("cannot use address_mode=%q: the allocation has no IPv6 address", mode)
		}
	}
	if label == "" {
		return addr, 0, nil
	}
	if p := o.Port(label); p != nil {
		if p.To > 0 {
			return addr, p.To, nil
		}
		return addr, p.Value, nil
	}
	n, err := strconv.Atoi(label)
	if err != nil {
		return "", 0, fmt.Errorf("port %q not found: the group's network has no such label", label)
	}
	return addr, n, nil
}

// Port finds a port of the group, or of the task's own network.
func (o *Owner) Port(label string) *nl.AllocatedPortMapping {
	res := o.Alloc.AllocatedResources
	if res == nil {
		return nil
	}
	for _, p := range res.Shared.Ports {
		if p.Label == label {
			return p
		}
	}
	if o.Task == nil || res.Tasks[o.Task.Name] == nil {
		return nil
	}
	for _, n := range res.Tasks[o.Task.Name].Networks {
		for _, p := range slices.Concat(n.ReservedPorts, n.DynamicPorts) {
			if p.Label == label {
				return &nl.AllocatedPortMapping{Label: label, Value: p.Value, To: p.To, HostIP: n.IP}
			}
		}
	}
	return nil
}
