package admit

import (
	"maps"
	"slices"

	"github.com/nomadlike/nomadlike/nomadlike"
)

// Access modes of volumes.
const (
	singleReader       = "single-node-reader-only"
	singleWriter       = "single-node-writer"
	singleSingleWriter = "single-node-single-writer"
	singleMultiWriter  = "single-node-multi-writer"
	multiReader        = "multi-node-reader-only"
	multiSingleWriter  = "multi-node-single-writer"
	multiMultiWriter   = "multi-node-multi-writer"
)

func checkVolumes(p *Problems, job *nomadlike.Job, g *nomadlike.Group) {
	canaries := 0
	if g.Update != nil {
		canaries = g.Update.Canary
	}
	for _, name := range slices.Sorted(maps.Keys(g.Volumes)) {
		v := g.Volumes[name]
		var inner Problems
		if v.Source == "" {
			inner.addf("volume has an empty source")
		}
		if v.PerAlloc {
			if canaries > 0 {
				inner.addf("volume cannot be per_alloc when canaries are in use")
			}
			if v.Sticky {
				inner.addf("volume cannot be per_alloc and sticky at the same time")
			}
			if job.Type == nomadlike.JobTypeSystem || job.Type == nomadlike.JobTypeSysBatch {
				inner.addf("volume cannot be per_alloc in %s jobs", job.Type)
			}
		}
		if v.Type == "csi" {
			checkCSIVolume(&inner, v, g.Count)
		} else {
			checkHostVolume(&inner, v)
		}
		p.within("Task group volume "+name, inner)
	}
}

func checkHostVolume(p *Problems, v *nomadlike.VolumeRequest) {
	if v.MountOptions != nil {
		p.addf("host volumes cannot have mount options")
	}
	switch v.AccessMode {
	case "", singleWriter, singleSingleWriter, singleMultiWriter:
	case singleReader:
		if !v.ReadOnly {
			p.addf("%s volumes must be read-only", v.AccessMode)
		}
	default:
		p.addf("host volumes cannot be mounted with %s access mode", v.AccessMode)
	}
	switch v.AttachmentMode {
	case "", "file-system", "block-device":
	default:
		p.addf("volume has an invalid attachment mode %q", v.AttachmentMode)
	}
}

func checkCSIVolume(p *Problems, v *nomadlike.VolumeRequest, count int) {
	switch v.AttachmentMode {
	case "file-system":
	case "block-device":
		if v.MountOptions != nil {
			p.addf("block devices cannot have mount options")
		}
	case "":
		p.addf("CSI volumes must have an attachment mode")
	default:
		p.addf("CSI volume has an invalid attachment mode %q", v.AttachmentMode)
	}
	single := count > 1 && !v.PerAlloc
	switch v.AccessMode {
	case singleReader:
		if !v.ReadOnly {
			p.addf("%s volumes must be read-only", v.AccessMode)
		}
		if single {
			p.addf("volume with %s access mode allows only one reader", v.AccessMode)
		}
	case singleWriter:
		if single {
			p.addf("volume with %s access mode allows only one writer", v.AccessMode)
		}
	case multiReader:
		if !v.ReadOnly {
			p.addf("%s volumes must be read-only", v.AccessMode)
		}
	case multiSingleWriter:
		if single && !v.ReadOnly {
			p.addf("volume with %s access mode allows only one writer", v.AccessMode)
		}
	case multiMultiWriter:
	case "":
		p.addf("CSI volumes must have an access mode")
	default:
		p.addf("CSI volume has an invalid access mode %q", v.AccessMode)
	}
}

func checkMounts(p *Problems, g *nomadlike.Group, t *nomadlike.Task) {
	for i, m := range t.VolumeMounts {
		if _, ok := g.Volumes[m.Volume]; !ok {
			p.addf("Volume Mount (%d) references undefined volume %q", i, m.Volume)
		}
		p.oneOf(m.PropagationMode, []string{"private", "host-to-task", "bidirectional"}, "Volume Mount (%d) has an invalid propagation mode", i)
		if !slices.Contains([]string{"", "z", "Z"}, m.SELinuxLabel) {
			p.addf("Volume Mount (%d) has an invalid SELinux label %q", i, m.SELinuxLabel)
		}
	}
}
