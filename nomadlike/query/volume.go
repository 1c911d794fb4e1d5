package query

import nl "github.com/nomadlike/nomadlike/nomadlike"

// VolumeList asks for volumes, of which there are none yet: the reply is only
// a QueryMeta. Method Volume.List.
type VolumeList struct {
	nl.QueryOptions
	// Capabilities are those of which the caller needs one.
	Capabilities []string
}
