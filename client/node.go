package client

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"sync"

	"github.com/nomadlike/nomadlike/client/fingerprint"
	"github.com/nomadlike/nomadlike/client/state"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/plugins/base"
)

// node holds what the node is now. Readers get an immutable value.
type node struct {
	mu      sync.Mutex
	current *nl.Node
	static  map[string]string
	dynamic map[string]*string // nil hides a static key
	dirty   chan struct{}      // one pending change
}

// defaultMeta are keys that the service mesh's job templates refer to.
func defaultMeta() map[string]string {
	return map[string]string{
		"connect.sidecar_image":                           "docker.io/envoyproxy/envoy:v${NOMAD_envoy_version}",
		"connect.gateway_image":                           "docker.io/envoyproxy/envoy:v${NOMAD_envoy_version}",
		"connect.log_level":                               "info",
		"connect.proxy_concurrency":                       "1",
		"connect.transparent_proxy.default_outbound_port": "15001",
		"connect.transparent_proxy.default_uid":           "101",
	}
}

func newNode(c *Config, id, secret string, dynamic map[string]*string) *node {
	static := defaultMeta()
	maps.Copy(static, c.Meta)
	name := c.Name
	if name == "" {
		name, _ = os.Hostname()
	}
	eligibility := nl.NodeEligible
	if c.DefaultIneligible {
		eligibility = nl.NodeIneligible
	}
	n := &node{static: static, dynamic: maps.Clone(dynamic), dirty: make(chan struct{}, 1)}
	if n.dynamic == nil {
		n.dynamic = map[string]*string{}
	}
	n.current = &nl.Node{
		ID: id, SecretID: secret, Datacenter: c.Datacenter, Name: name, NodeClass: c.NodeClass, NodePool: c.NodePool,
		HTTPAddr: c.HTTPAddr, TLSEnabled: c.TLSEnabled, CgroupParent: c.CgroupParent,
		Attributes: map[string]string{}, Links: map[string]string{}, Meta: n.merged(),
		NodeResources:     &nl.NodeResources{MinDynamicPort: c.MinDynamicPort, MaxDynamicPort: c.MaxDynamicPort},
		ReservedResources: c.Reserved, Drivers: map[string]*nl.DriverInfo{},
		HostVolumes: maps.Clone(c.HostVolumes), HostNetworks: c.Fingerprint.HostNetworks,
		CSIControllerPlugins: map[string]*nl.CSIInfo{}, CSINodePlugins: map[string]*nl.CSIInfo{},
		NodeMaxAllocs: c.NodeMaxAllocs, GCVolumesOnNodeGC: c.GCVolumesOnNodeGC,
		SchedulingEligibility: eligibility, Status: nl.NodeStatusInit,
	}
	return n
}

// get is the node now; it must not be changed.
func (n *node) get() *nl.Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.current
}

// edit changes a copy of the node and asks for it to be registered.
func (n *node) edit(f func(*nl.Node)) {
	n.mu.Lock()
	next := *n.current
	next.Attributes, next.Meta, next.Drivers = maps.Clone(next.Attributes), maps.Clone(next.Meta), maps.Clone(next.Drivers)
	f(&next)
	next.ComputedClass = nl.ComputedClass(&next)
	n.current = &next
	n.mu.Unlock()
	select {
	case n.dirty <- struct{}{}:
	default:
	}
}

// found takes what the fingerprinters found.
func (n *node) found(r *fingerprint.Result, c *Config) {
	n.edit(func(node *nl.Node) {
		maps.Copy(node.Attributes, r.Attributes)
		maps.Copy(node.Links, r.Links)
		res := *r.Resources
		res.MinDynamicPort, res.MaxDynamicPort = c.MinDynamicPort, c.MaxDynamicPort
		res.Devices = node.NodeResources.Devices
		node.NodeResources = &res
	})
}

// attributes adds attributes.
func (n *node) attributes(more map[string]string) {
	n.edit(func(node *nl.Node) { maps.Copy(node.Attributes, more) })
}

// volumes takes the dynamic host volumes; those of the configuration stand.
func (n *node) volumes(dynamic map[string]*nl.ClientHostVolumeConfig, c *Config) {
	n.edit(func(node *nl.Node) {
		all := maps.Clone(dynamic)
		maps.Copy(all, c.HostVolumes)
		node.HostVolumes = all
	})
}

// driver takes what a driver tells of itself; event is what users are told of a
// change. Drivers repeat themselves all the time, which is no news for servers.
func (n *node) driver(name string, info *nl.DriverInfo) (event *nl.NodeEvent) {
	if old := n.get().Drivers[name]; old != nil && sameDriver(old, info) {
		return nil
	}
	n.edit(func(node *nl.Node) {
		old := node.Drivers[name]
		if old != nil {
			for k := range old.Attributes {
				delete(node.Attributes, k)
			}
			if old.HealthDescription != info.HealthDescription || old.Healthy != info.Healthy {
				event = &nl.NodeEvent{
					Subsystem: "Driver", Message: info.HealthDescription, Timestamp: info.UpdateTime,
					Details: map[string]string{"driver": name},
				}
			}
		}
		maps.Copy(node.Attributes, info.Attributes)
		node.Drivers[name] = info
	})
	return event
}

// sameDriver compares all but the time.
func sameDriver(a, b *nl.DriverInfo) bool {
	return a.Detected == b.Detected && a.Healthy == b.Healthy && a.HealthDescription == b.HealthDescription &&
		maps.Equal(a.Attributes, b.Attributes)
}

func (n *node) merged() map[string]string {
	out := maps.Clone(n.static)
	for k, v := range n.dynamic {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = *v
		}
	}
	return out
}

// metaKey is what a key of metadata looks like: names joined by dots.
var metaKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*$`)

// meta answers how the metadata stand.
func (n *node) meta() *nl.NodeMetaResponse {
	n.mu.Lock()
	defer n.mu.Unlock()
	return &nl.NodeMetaResponse{Meta: n.merged(), Dynamic: maps.Clone(n.dynamic), Static: maps.Clone(n.static)}
}

// setMeta changes dynamic metadata and keeps them.
func (n *node) setMeta(change map[string]*string, db *state.DB) error {
	if len(change) == 0 {
		return nl.Errorf(nl.CodeInvalid, "missing required Meta object")
	}
	for _, k := range slices.Sorted(maps.Keys(change)) {
		if !metaKey.MatchString(k) {
			return nl.Errorf(nl.CodeInvalid, "metadata key %q is invalid: keys are identifiers joined by dots", k)
		}
	}
	n.mu.Lock()
	for k, v := range change {
		if _, static := n.static[k]; v == nil && !static {
			delete(n.dynamic, k)
		} else {
			n.dynamic[k] = v
		}
	}
	dynamic := maps.Clone(n.dynamic)
	n.mu.Unlock()
	n.edit(func(node *nl.Node) {
		// edit holds the lock that guards the maps.
		node.Meta = n.merged()
	})
	return db.PutNode(&state.NodeRecord{Meta: dynamic})
}

// agentConfig is what driver plugins learn about the node.
func agentConfig(r *fingerprint.Result) *base.AgentConfig {
	const minPort, maxPort = 14000, 14512
	out := &base.AgentConfig{ClientMinPort: minPort, ClientMaxPort: maxPort, Topology: &base.Topology{}}
	t := r.Resources.Processors.Topology
	if t == nil {
		return out
	}
	out.Topology.OverrideTotalMHz, out.Topology.WithheldMHz = t.OverrideTotalCompute, t.OverrideWitholdCompute
	for _, id := range t.Nodes {
		out.Topology.NodeIDs = append(out.Topology.NodeIDs, uint32(id))
	}
	for _, row := range t.Distances {
		var r []uint32
		for _, d := range row {
			r = append(r, uint32(d))
		}
		out.Topology.Distances = append(out.Topology.Distances, r)
	}
	for _, c := range t.Cores {
		out.Topology.Cores = append(out.Topology.Cores, base.Core{
			SocketID: uint32(c.SocketID), NodeID: uint32(c.NodeID), ID: uint32(c.ID), Efficiency: !c.Grade,
			Disabled: c.Disable, BaseMHz: c.BaseSpeed, MaxMHz: c.MaxSpeed, GuessMHz: c.GuessSpeed,
		})
	}
	return out
}
