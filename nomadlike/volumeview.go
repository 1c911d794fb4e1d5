package nomadlike

// redacted is shown for what may hold secrets.
const redacted = "[REDACTED]"

// Stub is the volume as lists show it.
func (v *HostVolume) Stub() *HostVolumeStub {
	return &HostVolumeStub{
		Namespace: v.Namespace, ID: v.ID, Name: v.Name, PluginID: v.PluginID, NodePool: v.NodePool, NodeID: v.NodeID,
		CapacityBytes: v.CapacityBytes, State: v.State,
		CreateIndex: v.CreateIndex, CreateTime: v.CreateTime, ModifyIndex: v.ModifyIndex, ModifyTime: v.ModifyTime,
	}
}

// With is a copy of the volume with what its plugin tells now; p is nil when no
// node tells of the plugin.
func (v *CSIVolume) With(p *CSIPlugin) *CSIVolume {
	out := *v
	out.Schedulable = false
	if p == nil {
		return &out
	}
	out.Provider, out.ProviderVersion, out.ControllerRequired = p.Provider, p.Version, p.ControllerRequired
	out.ControllersHealthy, out.ControllersExpected = p.ControllersHealthy, p.ControllersExpected
	out.NodesHealthy, out.NodesExpected = p.NodesHealthy, p.NodesExpected
	out.Schedulable = p.NodesHealthy > 0 && (!p.ControllerRequired || p.ControllersHealthy > 0)
	return &out
}

// Shown is a copy of the volume without what callers must not see.
func (v *CSIVolume) Shown() *CSIVolume {
	out := *v
	out.Secrets = nil
	if m := v.MountOptions; m != nil && len(m.MountFlags) > 0 {
		out.MountOptions = &CSIMountOptions{FSType: m.FSType, MountFlags: []string{redacted}}
	}
	return &out
}

// Stub is the volume as lists show it.
func (v *CSIVolume) Stub() *CSIVolListStub {
	return &CSIVolListStub{
		ID: v.ID, Namespace: v.Namespace, Name: v.Name, ExternalID: v.ExternalID, Topologies: v.Topologies,
		AccessMode: v.AccessMode, AttachmentMode: v.AttachmentMode, CurrentReaders: len(v.ReadAllocs), CurrentWriters: len(v.WriteAllocs),
		Schedulable: v.Schedulable, PluginID: v.PluginID, Provider: v.Provider, ControllerRequired: v.ControllerRequired,
		ControllersHealthy: v.ControllersHealthy, ControllersExpected: v.ControllersExpected,
		NodesHealthy: v.NodesHealthy, NodesExpected: v.NodesExpected, ResourceExhausted: v.ResourceExhausted,
		CreateIndex: v.CreateIndex, ModifyIndex: v.ModifyIndex, CreateTime: v.CreateTime, ModifyTime: v.ModifyTime,
	}
}

// Stub is the plugin as lists show it.
func (p *CSIPlugin) Stub() *CSIPluginListStub {
	return &CSIPluginListStub{
		ID: p.ID, Provider: p.Provider, ControllerRequired: p.ControllerRequired,
		ControllersHealthy: p.ControllersHealthy, ControllersExpected: p.ControllersExpected,
		NodesHealthy: p.NodesHealthy, NodesExpected: p.NodesExpected, CreateIndex: p.CreateIndex, ModifyIndex: p.ModifyIndex,
	}
}
