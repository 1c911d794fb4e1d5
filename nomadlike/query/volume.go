package query

import nl "github.com/nomadlike/nomadlike/nomadlike"

// NodeVolume asks a node to make, take over or remove a dynamic host volume.
// Methods Node.CreateVolume and Node.RegisterVolume, reply NodeVolumeMade, and
// Node.DeleteVolume, no reply.
type NodeVolume struct {
	OnNode
	Volume *nl.HostVolume
}

// NodeVolumeMade is where the volume is.
type NodeVolumeMade struct {
	HostPath      string
	CapacityBytes int64 // 0: no bound
}

// HostVolumeWrite makes a dynamic host volume (method HostVolume.Create) or
// registers one that is there (HostVolume.Register). With an ID it changes one.
type HostVolumeWrite struct {
	nl.WriteOptions
	Volume *nl.HostVolume
}

// HostVolumeWritten is the reply of HostVolumeWrite.
type HostVolumeWritten struct {
	Volume   *nl.HostVolume
	Warnings string
	Index    uint64
}

// HostVolumeList asks for dynamic host volumes whose ID starts with Prefix.
// Method HostVolume.List.
type HostVolumeList struct {
	nl.QueryOptions
	NodeID, NodePool string // "": any
}

// HostVolumes is the reply of HostVolume.List.
type HostVolumes struct {
	nl.QueryMeta
	Volumes []*nl.HostVolumeStub
}

// VolumeGet asks for one volume. Methods HostVolume.Get and CSIVolume.Get.
type VolumeGet struct {
	nl.QueryOptions
	ID string
}

// HostVolumeReply is the reply of HostVolume.Get; the volume is nil when there
// is none.
type HostVolumeReply struct {
	nl.QueryMeta
	Volume *nl.HostVolume
}

// VolumeDelete removes a volume. Methods HostVolume.Delete and
// CSIVolume.Deregister, reply Written. Force does so while it is in use, and of
// host volumes when the node does not answer.
type VolumeDelete struct {
	nl.WriteOptions
	ID    string
	Force bool
}

// HostVolumeClaimList asks for claims whose ID starts with Prefix. Method
// HostVolume.Claims.
type HostVolumeClaimList struct {
	nl.QueryOptions
	JobID, Group, VolumeName string // "": any
}

// HostVolumeClaims is the reply of HostVolume.Claims.
type HostVolumeClaims struct {
	nl.QueryMeta
	Claims []*nl.TaskGroupHostVolumeClaim
}

// CSIVolumeList asks for CSI volumes whose ID starts with Prefix. Method
// CSIVolume.List.
type CSIVolumeList struct {
	nl.QueryOptions
	PluginID, NodeID string // "": any
}

// CSIVolumes is the reply of CSIVolume.List.
type CSIVolumes struct {
	nl.QueryMeta
	Volumes []*nl.CSIVolListStub
}

// CSIVolumeReply is the reply of CSIVolume.Get; the volume is nil when there is
// none.
type CSIVolumeReply struct {
	nl.QueryMeta
	Volume *nl.CSIVolume
	Allocs []*nl.AllocStub
}

// CSIVolumeRegister registers volumes, or with Create has their plugin make
// them. Method CSIVolume.Register, reply Written.
type CSIVolumeRegister struct {
	nl.WriteOptions
	Volumes []*nl.CSIVolume
	Create  bool
}

// CSIVolumeDetach ends the claims of a node. Method CSIVolume.Detach, reply
// Written.
type CSIVolumeDetach struct {
	nl.WriteOptions
	ID, NodeID string
}

// CSIPluginList asks for the plugins that nodes tell of, whose ID starts with
// Prefix. Method CSIPlugin.List.
type CSIPluginList struct{ nl.QueryOptions }

// CSIPlugins is the reply of CSIPlugin.List.
type CSIPlugins struct {
	nl.QueryMeta
	Plugins []*nl.CSIPluginListStub
}

// CSIPluginGet asks for one plugin. Method CSIPlugin.Get.
type CSIPluginGet struct {
	nl.QueryOptions
	ID string
}

// CSIPluginReply is the reply of CSIPlugin.Get; the plugin is nil when there is
// none.
type CSIPluginReply struct {
	nl.QueryMeta
	Plugin *nl.CSIPlugin
}

// CSIPluginAsk is what only a running CSI plugin could answer: to make or
// remove a volume or snapshot, or to list them. Method CSIPlugin.Ask.
type CSIPluginAsk struct {
	nl.WriteOptions
	PluginID string
	// VolumeID names a volume whose plugin is asked; PluginID is "" then.
	VolumeID string
	// Write tells that the plugin would change something.
	Write bool
}
