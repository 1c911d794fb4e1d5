package agent

import (
	"context"
	"crypto/rand"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/client"
	"github.com/nomadlike/nomadlike/client/driver"
	"github.com/nomadlike/nomadlike/client/fingerprint"
	"github.com/nomadlike/nomadlike/client/step/artifact"
	"github.com/nomadlike/nomadlike/drivers"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/session"

	"github.com/nomadlike/nomadlike/command/agent/config"
)

// ArtifactCommand is the hidden command by which this binary downloads one
// artifact, in a process of its own.
const ArtifactCommand = "artifact-fetch"

// ServeArtifact runs the hidden command and gives the process's exit code.
func ServeArtifact() int { return artifact.Main(context.Background(), os.Stdin, os.Stdout) }

// envDenyDefault are variables of the agent that tasks never see.
var envDenyDefault = []string{"CONSUL_TOKEN", "CONSUL_HTTP_TOKEN", "CONSUL_HTTP_TOKEN_FILE", "NOMAD_TOKEN", "VAULT_TOKEN", "CONSUL_LICENSE",
	"CONSUL_LICENSE_PATH", "NOMAD_LICENSE", "NOMAD_LICENSE_PATH", "VAULT_LICENSE", "VAULT_LICENSE_PATH", "AWS_ACCESS_KEY_ID",
	"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_METADATA_URL", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN"}

// clientConfig is what the configuration means to the client.
func (a *Agent) clientConfig() client.Config {
	c := &a.cfg.Client
	opt := options(c.Options)
	return client.Config{
		StateDir: c.StateDir, AllocDir: c.AllocDir, Region: a.cfg.Region, Datacenter: a.cfg.Datacenter, Name: a.cfg.Name,
		NodeClass: c.NodeClass, NodePool: c.NodePool, Meta: c.Meta, HTTPAddr: a.cfg.Advertise.HTTP,
		Servers: clientServers(c, a.cfg.Ports.RPC), Local: a.localServer(),
		Builtins: drivers.Names(), BuiltinCommand: builtinCommand, PluginDir: a.cfg.PluginDir, Plugins: pluginBlocks(a.cfg, opt),
		DriverAllow: opt.list("driver.allowlist", "driver.whitelist"), DriverDeny: opt.list("driver.denylist", "driver.blacklist"),
		EnvDeny:     opt.listOr(envDenyDefault, "env.denylist", "env.blacklist"),
		UserDeny:    opt.listOr([]string{"root", "Administrator"}, "user.denylist", "user.blacklist"),
		UserChecked: opt.listOr([]string{"exec", "qemu", "java"}, "user.checked_drivers"),
		HostVolumes: hostVolumes(c), HostVolumesDir: c.HostVolumesDir, HostVolumePluginDir: c.HostVolumePluginDir, Reserved: reserved(&c.Reserved), MinDynamicPort: c.MinDynamicPort, MaxDynamicPort: c.MaxDynamicPort,
		NodeMaxAllocs: c.NodeMaxAllocs, CgroupParent: c.CgroupParent,
		Fingerprint: fingerprint.Config{
			Version: a.version.Number, Revision: a.version.Revision, AdvertiseAddr: a.cfg.Advertise.HTTP,
			ServiceDiscovery: c.NomadServiceDiscovery == nil || *c.NomadServiceDiscovery,
			NetworkInterface: c.NetworkInterface, NetworkSpeed: c.NetworkSpeed, PreferredFamily: c.PreferredAddressFamily,
			NoLinkLocal: opt.bool("fingerprint.network.disallow_link_local"), HostNetworks: hostNetworks(c), ReservedPorts: c.Reserved.ReservedPorts,
			TotalComputeMHz: c.CPUTotalCompute, MemoryTotalMB: c.MemoryTotalMB, DiskTotalMB: c.DiskTotalMB,
			ReservableCores: c.ReservableCores, ReservedCores: c.Reserved.Cores, ReservedMHz: c.Reserved.CPU,
			BridgeName: c.BridgeNetworkName, BridgeHairpin: c.BridgeNetworkHairpinMode, CNIPath: c.CNIPath, CNIConfigDir: c.CNIConfigDir,
			Allow: opt.list("fingerprint.allowlist", "fingerprint.whitelist"), Deny: opt.list("fingerprint.denylist", "fingerprint.blacklist"),
			Logger: a.log.Named("client.fingerprint"),
		},
		DefaultIneligible: c.DefaultIneligible, DisableRemoteExec: c.DisableRemoteExec, MaxKillTimeout: c.MaxKillTimeout,
		GC: client.GC{Interval: c.GCInterval, Parallel: c.GCParallelDestroys, DiskPercent: c.GCDiskUsageThreshold,
			InodesPercent: c.GCInodeUsageThreshold, MaxAllocations: c.GCMaxAllocs},
		GCVolumesOnNodeGC: c.GCVolumesOnNodeGC,
		Fetch:             artifact.New(artifact.Config{Command: func() (string, []string) { return ownBinary(), []string{ArtifactCommand} }}),
		API:               a.dialAPI, TemplateDeny: templateDeny(c), TemplateNoSandbox: c.Template["disable_file_sandbox"] == true,
		Logger: a.log.Named("client"), Now: time.Now, NewID: func() string { return nl.NewID(rand.Reader) },
	}
}

// localServer is the server of the same agent, nil without one. The client's
// methods are found when they are called: the client does not exist yet.
func (a *Agent) localServer() session.Caller {
	if a.server == nil {
		return nil
	}
	back := session.NewMux()
	back.Fallback(func(string) (session.Caller, bool) { return a.client.Mux(), a.client != nil })
	return a.server.Local(back, a.gone)
}

// builtinCommand runs this binary again as one of its drivers.
func builtinCommand(name string) (string, []string) {
	return ownBinary(), []string{drivers.ServeCommand, name}
}

// ownBinary is the file this process runs.
func ownBinary() string {
	self, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return self
}

// templateDeny are the functions templates may not use; nil is the default.
func templateDeny(c *config.Client) []string {
	for _, key := range []string{"function_denylist", "function_blacklist"} {
		if list, ok := c.Template[key].([]any); ok {
			out := []string{}
			for _, v := range list {
				if s, ok := v.(string); ok {
					out = append(out, s)
				}
			}
			return out
		}
	}
	return nil
}

// clientServers are the servers to dial first.
func clientServers(c *config.Client, port int) (out []string) {
	for _, s := range append(append([]string{}, c.Servers...), c.ServerJoin.RetryJoin...) {
		if _, _, err := net.SplitHostPort(s); err != nil {
			s = net.JoinHostPort(s, strconv.Itoa(port))
		}
		out = append(out, s)
	}
	return out
}

// options are the client's options by their dotted names.
type options map[string]string

// list reads a comma list from the first of the names that is set.
func (o options) list(names ...string) (out []string) {
	for _, n := range names {
		for _, v := range strings.Split(o[n], ",") {
			if v = strings.TrimSpace(v); v != "" {
				out = append(out, v)
			}
		}
		if out != nil {
			break
		}
	}
	return out
}

func (o options) listOr(def []string, names ...string) []string {
	if l := o.list(names...); l != nil {
		return l
	}
	return def
}

func (o options) bool(name string) bool {
	b, err := strconv.ParseBool(o[name])
	return err == nil && b
}

// pluginBlocks are the plugins' own settings; older options still switch some
// of them on.
func pluginBlocks(c *config.Config, o options) map[string]driver.Block {
	out := map[string]driver.Block{}
	for name, p := range c.Plugins {
		out[name] = driver.Block{Args: p.Args, Config: p.Config}
	}
	set := func(name, key string, value any) {
		b := out[name]
		if b.Config == nil {
			b.Config = map[string]any{}
		}
		if _, said := b.Config[key]; !said {
			b.Config[key] = value
		}
		out[name] = b
	}
	if o.bool("driver.raw_exec.enable") || c.DevMode {
		set("raw_exec", "enabled", true)
	}
	if o.bool("docker.privileged.enabled") {
		set("docker", "allow_privileged", true)
	}
	if o.bool("docker.volumes.enabled") {
		set("docker", "volumes", map[string]any{"enabled": true})
	}
	if e := o["docker.endpoint"]; e != "" {
		set("docker", "endpoint", e)
	}
	return out
}

func hostVolumes(c *config.Client) map[string]*nl.ClientHostVolumeConfig {
	out := map[string]*nl.ClientHostVolumeConfig{}
	for n, v := range c.HostVolumes {
		out[n] = &nl.ClientHostVolumeConfig{Name: n, Path: v.Path, ReadOnly: v.ReadOnly}
	}
	return out
}

func hostNetworks(c *config.Client) map[string]*nl.ClientHostNetworkConfig {
	out := map[string]*nl.ClientHostNetworkConfig{}
	for n, v := range c.HostNetworks {
		out[n] = &nl.ClientHostNetworkConfig{Name: n, CIDR: v.CIDR, Interface: v.Interface, ReservedPorts: v.ReservedPorts}
	}
	return out
}

func reserved(r *config.Reserved) *nl.NodeReservedResources {
	return &nl.NodeReservedResources{
		Cpu:      nl.NodeReservedCpuResources{CpuShares: int64(r.CPU)},
		Memory:   nl.NodeReservedMemoryResources{MemoryMB: int64(r.MemoryMB)},
		Disk:     nl.NodeReservedDiskResources{DiskMB: int64(r.DiskMB)},
		Networks: nl.NodeReservedNetworkResources{ReservedHostPorts: r.ReservedPorts},
	}
}

// backend answers the HTTP API: what this agent is asked about itself or its
// own node is answered here, everything else by a server.
type backend struct{ a *Agent }

func (a *Agent) backend() session.Caller { return backend{a} }

// to says who answers a call.
func (b backend) to(method string, req any) session.Caller {
	if strings.HasPrefix(method, "Agent.") && forSelf(req) {
		return b.a.self
	}
	if b.a.server != nil {
		return b.a.server
	}
	if b.ownNode(req) && b.a.client.Mux().Has(method) {
		return b.a.client.Mux()
	}
	return b.a.client.Servers()
}

// ownNode tells whether a request is about this agent's node.
func (b backend) ownNode(req any) bool {
	r, ok := req.(interface {
		Route() (nodeID, allocID string)
	})
	if !ok {
		return false
	}
	nodeID, allocID := r.Route()
	if nodeID != "" || allocID == "" {
		return nodeID == b.a.client.NodeID()
	}
	for _, runner := range b.a.client.Allocs() {
		if runner.ID() == allocID {
			return true
		}
	}
	return false
}

// forSelf tells whether a request names no other agent.
func forSelf(req any) bool {
	switch r := req.(type) {
	case *agentMonitor:
		return r.NodeID == "" && r.ServerID == ""
	case *agentHost:
		return r.NodeID == "" && r.ServerID == ""
	case *agentProfile:
		return r.NodeID == "" && r.ServerID == ""
	}
	return false
}

// Call makes a call.
func (b backend) Call(ctx context.Context, method string, req, reply any) error {
	return b.to(method, req).Call(ctx, method, req, reply)
}

// Stream opens a stream.
func (b backend) Stream(ctx context.Context, method string, req any) (session.Stream, error) {
	return b.to(method, req).Stream(ctx, method, req)
}
