package nomadlike

// VolumeRequest is a volume that a group asks for.
type VolumeRequest struct {
	// host|csi
	Type string
	// volume name/id
	Source string
	// dynamic host volumes: claim kept
	Sticky bool
	// csi required; host optional
	AccessMode string
	// file-system|block-device
	AttachmentMode string
	// append `[index]`
	PerAlloc     bool
	Name         string
	ReadOnly     bool
	MountOptions *CSIMountOptions
}

// VolumeMount is where a task sees a volume of its group.
type VolumeMount struct {
	// default false
	ReadOnly bool
	// default `private`; private|host-to-task|bidirectional
	PropagationMode string
	// ""|z|Z
	SELinuxLabel string
	Volume       string
	Destination  string
}

// CSIMountOptions are how a CSI volume is mounted.
type CSIMountOptions struct {
	FSType     string
	MountFlags []string
}
