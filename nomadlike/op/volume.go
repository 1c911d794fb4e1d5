package op

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// UpsertHostVolumes writes dynamic host volumes. A volume whose node has it
// already becomes ready; one that is no longer known, with MustExist, is
// refused.
type UpsertHostVolumes struct {
	Volumes   []*nl.HostVolume
	MustExist bool
	Time      int64 // unix ns
}

// DeleteHostVolume forgets a dynamic host volume and what groups claim of it.
// Force does so while allocations use it.
type DeleteHostVolume struct {
	Namespace, ID string
	Force         bool
}

// DeleteHostVolumeClaim lets the group of a claim use other volumes.
type DeleteHostVolumeClaim struct{ Namespace, ID string }

// UpsertCSIVolumes registers CSI volumes. What is claimed of them stays.
type UpsertCSIVolumes struct {
	Volumes []*nl.CSIVolume
	Time    int64 // unix ns
}

// DeregisterCSIVolume forgets a CSI volume. Force does so while it is claimed.
type DeregisterCSIVolume struct {
	Namespace, ID string
	Force         bool
}

// ReleaseCSIVolume ends the claims of all allocations of a node on a volume.
type ReleaseCSIVolume struct {
	Namespace, ID, NodeID string
	Time                  int64 // unix ns
}
