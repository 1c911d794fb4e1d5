package driver

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	protobuf "google.golang.org/protobuf/proto"

	"github.com/nomadlike/nomadlike/plugins/driver/proto"
)

// Marshal gives the handle its wire form, for a host to persist.
func (h *TaskHandle) Marshal() ([]byte, error) {
	return protobuf.Marshal(handleToProto(h))
}

// UnmarshalTaskHandle reads what Marshal wrote.
func UnmarshalTaskHandle(data []byte) (*TaskHandle, error) {
	p := &proto.TaskHandle{}
	if err := protobuf.Unmarshal(data, p); err != nil {
		return nil, fmt.Errorf("task handle of %d bytes is damaged: %w", len(data), err)
	}
	return handleFromProto(p), nil
}

func handleToProto(h *TaskHandle) *proto.TaskHandle {
	if h == nil {
		return nil
	}
	return &proto.TaskHandle{
		Version:     int32(h.Version),
		Config:      taskToProto(h.Config),
		State:       proto.TaskState(h.State),
		DriverState: h.DriverState,
	}
}

func handleFromProto(p *proto.TaskHandle) *TaskHandle {
	if p == nil {
		return nil
	}
	return &TaskHandle{
		Version:     int(p.GetVersion()),
		Config:      taskFromProto(p.GetConfig()),
		State:       TaskState(p.GetState()),
		DriverState: p.GetDriverState(),
	}
}

func taskToProto(c *TaskConfig) *proto.TaskConfig {
	if c == nil {
		c = &TaskConfig{}
	}
	return &proto.TaskConfig{
		Id: c.ID, Name: c.Name, JobId: c.JobID, JobName: c.JobName, ParentJobId: c.ParentJobID,
		TaskGroupName: c.TaskGroupName, AllocId: c.AllocID, Namespace: c.Namespace,
		NodeId: c.NodeID, NodeName: c.NodeName, Env: c.Env, DeviceEnv: c.DeviceEnv,
		Resources: resourcesToProto(c.Resources), Mounts: mountsToProto(c.Mounts), Devices: devicesToProto(c.Devices),
		User: c.User, AllocDir: c.AllocDir, StdoutPath: c.StdoutPath, StderrPath: c.StderrPath,
		NetworkIsolationSpec: isolationToProto(c.Network), Dns: dnsToProto(c.DNS),
		MsgpackDriverConfig: c.DriverConfig,
	}
}

func taskFromProto(p *proto.TaskConfig) *TaskConfig {
	return &TaskConfig{
		ID: p.GetId(), Name: p.GetName(), JobID: p.GetJobId(), JobName: p.GetJobName(), ParentJobID: p.GetParentJobId(),
		TaskGroupName: p.GetTaskGroupName(), AllocID: p.GetAllocId(), Namespace: p.GetNamespace(),
		NodeID: p.GetNodeId(), NodeName: p.GetNodeName(), Env: p.GetEnv(), DeviceEnv: p.GetDeviceEnv(),
		Resources: resourcesFromProto(p.GetResources()), Mounts: mountsFromProto(p.GetMounts()), Devices: devicesFromProto(p.GetDevices()),
		User: p.GetUser(), AllocDir: p.GetAllocDir(), StdoutPath: p.GetStdoutPath(), StderrPath: p.GetStderrPath(),
		Network: isolationFromProto(p.GetNetworkIsolationSpec()), DNS: dnsFromProto(p.GetDns()),
		DriverConfig: p.GetMsgpackDriverConfig(),
	}
}

// resourcesToProto always fills both messages: drivers of other kits read them
// without looking.
func resourcesToProto(r *Resources) *proto.Resources {
	if r == nil {
		r = &Resources{}
	}
	out := &proto.Resources{
		AllocatedResources: &proto.AllocatedTaskResources{
			Cpu:    &proto.AllocatedCpuResources{CpuShares: r.CPUMHz},
			Memory: &proto.AllocatedMemoryResources{MemoryMb: r.MemoryMB, MemoryMaxMb: r.MemoryMaxMB},
		},
		LinuxResources: &proto.LinuxResources{
			CpuPeriod: r.Linux.CPUPeriod, CpuQuota: r.Linux.CPUQuota, CpuShares: r.Linux.CPUShares,
			MemoryLimitBytes: r.Linux.MemoryLimitBytes, OomScoreAdj: r.Linux.OOMScoreAdj,
			CpusetCpus: r.Linux.CpusetCPUs, CpusetCgroup: r.Linux.CpusetCgroup, PercentTicks: r.Linux.PercentTicks,
		},
	}
	for _, n := range r.Networks {
		out.AllocatedResources.Networks = append(out.AllocatedResources.Networks, &proto.NetworkResource{
			Device: n.Device, Cidr: n.CIDR, Ip: n.IP, Mbits: int32(n.MBits),
			ReservedPorts: portsToProto(n.ReservedPorts), DynamicPorts: portsToProto(n.DynamicPorts),
		})
	}
	for _, m := range r.Ports {
		out.Ports = append(out.Ports, &proto.PortMapping{
			Label: m.Label, Value: int32(m.Value), To: int32(m.To), HostIp: m.HostIP,
		})
	}
	return out
}

func resourcesFromProto(p *proto.Resources) *Resources {
	a, l := p.GetAllocatedResources(), p.GetLinuxResources()
	out := &Resources{
		CPUMHz:      a.GetCpu().GetCpuShares(),
		MemoryMB:    a.GetMemory().GetMemoryMb(),
		MemoryMaxMB: a.GetMemory().GetMemoryMaxMb(),
		Linux: LinuxResources{
			CPUPeriod: l.GetCpuPeriod(), CPUQuota: l.GetCpuQuota(), CPUShares: l.GetCpuShares(),
			MemoryLimitBytes: l.GetMemoryLimitBytes(), OOMScoreAdj: l.GetOomScoreAdj(),
			CpusetCPUs: l.GetCpusetCpus(), CpusetCgroup: l.GetCpusetCgroup(), PercentTicks: l.GetPercentTicks(),
		},
	}
	for _, n := range a.GetNetworks() {
		out.Networks = append(out.Networks, &TaskNetwork{
			Device: n.GetDevice(), CIDR: n.GetCidr(), IP: n.GetIp(), MBits: int(n.GetMbits()),
			ReservedPorts: portsFromProto(n.GetReservedPorts()), DynamicPorts: portsFromProto(n.GetDynamicPorts()),
		})
	}
	for _, m := range p.GetPorts() {
		out.Ports = append(out.Ports, PortMapping{
			Label: m.GetLabel(), Value: int(m.GetValue()), To: int(m.GetTo()), HostIP: m.GetHostIp(),
		})
	}
	return out
}

func portsToProto(in []Port) []*proto.NetworkPort {
	var out []*proto.NetworkPort
	for _, p := range in {
		out = append(out, &proto.NetworkPort{Label: p.Label, Value: int32(p.Value)})
	}
	return out
}

func portsFromProto(in []*proto.NetworkPort) []Port {
	var out []Port
	for _, p := range in {
		out = append(out, Port{Label: p.GetLabel(), Value: int(p.GetValue())})
	}
	return out
}

func mountsToProto(in []*Mount) []*proto.Mount {
	var out []*proto.Mount
	for _, m := range in {
		out = append(out, &proto.Mount{
			TaskPath: m.TaskPath, HostPath: m.HostPath, Readonly: m.Readonly, PropagationMode: m.Propagation,
			SelinuxLabel: m.SELinuxLabel, RequestName: m.RequestName,
		})
	}
	return out
}

func mountsFromProto(in []*proto.Mount) []*Mount {
	var out []*Mount
	for _, m := range in {
		out = append(out, &Mount{
			TaskPath: m.GetTaskPath(), HostPath: m.GetHostPath(), Readonly: m.GetReadonly(), Propagation: m.GetPropagationMode(),
			SELinuxLabel: m.GetSelinuxLabel(), RequestName: m.GetRequestName(),
		})
	}
	return out
}

func devicesToProto(in []*Device) []*proto.Device {
	var out []*proto.Device
	for _, d := range in {
		out = append(out, &proto.Device{TaskPath: d.TaskPath, HostPath: d.HostPath, CgroupPermissions: d.Permissions})
	}
	return out
}

func devicesFromProto(in []*proto.Device) []*Device {
	var out []*Device
	for _, d := range in {
		out = append(out, &Device{TaskPath: d.GetTaskPath(), HostPath: d.GetHostPath(), Permissions: d.GetCgroupPermissions()})
	}
	return out
}

func isolationToProto(n *NetworkIsolation) *proto.NetworkIsolationSpec {
	if n == nil {
		return nil
	}
	out := &proto.NetworkIsolationSpec{
		Mode: proto.NetworkIsolationSpec_NetworkIsolationMode(n.Mode), Path: n.Path, Labels: n.Labels,
	}
	if n.Hosts != nil {
		out.HostsConfig = &proto.HostsConfig{Hostname: n.Hosts.Hostname, Address: n.Hosts.Address}
	}
	return out
}

func isolationFromProto(p *proto.NetworkIsolationSpec) *NetworkIsolation {
	if p == nil {
		return nil
	}
	out := &NetworkIsolation{Mode: NetworkMode(p.GetMode()), Path: p.GetPath(), Labels: p.GetLabels()}
	if h := p.GetHostsConfig(); h != nil {
		out.Hosts = &HostsConfig{Hostname: h.GetHostname(), Address: h.GetAddress()}
	}
	return out
}

func dnsToProto(d *DNS) *proto.DNSConfig {
	if d == nil {
		return nil
	}
	return &proto.DNSConfig{Servers: d.Servers, Searches: d.Searches, Options: d.Options}
}

func dnsFromProto(p *proto.DNSConfig) *DNS {
	if p == nil {
		return nil
	}
	return &DNS{Servers: p.GetServers(), Searches: p.GetSearches(), Options: p.GetOptions()}
}

func networkToProto(n *Network) *proto.NetworkOverride {
	if n == nil {
		return nil
	}
	out := &proto.NetworkOverride{Addr: n.IP, AutoAdvertise: n.AutoAdvertise, PortMap: map[string]int32{}}
	for k, v := range n.PortMap {
		out.PortMap[k] = int32(v)
	}
	return out
}

func networkFromProto(p *proto.NetworkOverride) *Network {
	if p == nil {
		return nil
	}
	out := &Network{IP: p.GetAddr(), AutoAdvertise: p.GetAutoAdvertise(), PortMap: map[string]int{}}
	for k, v := range p.GetPortMap() {
		out.PortMap[k] = int(v)
	}
	return out
}

// exitToProto never returns nil: hosts of other kits read it without looking.
// The error text travels beside it.
func exitToProto(r *ExitResult) *proto.ExitResult {
	if r == nil {
		return &proto.ExitResult{}
	}
	return &proto.ExitResult{ExitCode: int32(r.ExitCode), Signal: int32(r.Signal), OomKilled: r.OOMKilled}
}

func exitFromProto(p *proto.ExitResult, errText string) *ExitResult {
	return &ExitResult{ExitCode: int(p.GetExitCode()), Signal: int(p.GetSignal()), OOMKilled: p.GetOomKilled(), Err: errText}
}

func capabilitiesToProto(c *Capabilities) *proto.DriverCapabilities {
	out := &proto.DriverCapabilities{
		SendSignals: c.SendSignals, Exec: c.Exec, FsIsolation: proto.DriverCapabilities_FSIsolation(c.FSIsolation),
		MustCreateNetwork: c.MustCreateNetwork, DisableLogCollection: c.DisableLogCollection,
		DynamicWorkloadUsers: c.DynamicWorkloadUsers,
	}
	if c.NoMounts {
		out.MountConfigs = proto.DriverCapabilities_NO_MOUNTS
	}
	for _, m := range c.NetworkModes {
		out.NetworkIsolationModes = append(out.NetworkIsolationModes, proto.NetworkIsolationSpec_NetworkIsolationMode(m))
	}
	return out
}

func capabilitiesFromProto(p *proto.DriverCapabilities) *Capabilities {
	out := &Capabilities{
		SendSignals: p.GetSendSignals(), Exec: p.GetExec(), FSIsolation: FSIsolation(p.GetFsIsolation()),
		MustCreateNetwork: p.GetMustCreateNetwork(), NoMounts: p.GetMountConfigs() == proto.DriverCapabilities_NO_MOUNTS,
		DisableLogCollection: p.GetDisableLogCollection(), DynamicWorkloadUsers: p.GetDynamicWorkloadUsers(),
	}
	for _, m := range p.GetNetworkIsolationModes() {
		out.NetworkModes = append(out.NetworkModes, NetworkMode(m))
	}
	return out
}

// toTime reads a timestamp; the wire's "never" and a missing one are both the
// zero time.
func toTime(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	v := t.AsTime()
	if v.IsZero() {
		return time.Time{}
	}
	return v
}
