package admit

import (
	"maps"
	"slices"
	"strings"

	"github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/spell"
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

func csiModes() []string {
	return []string{singleReader, singleWriter, multiReader, multiSingleWriter, multiMultiWriter}
}

func checkVolumes(p findings, job *nomadlike.Job, g *nomadlike.Group) {
	canaries := 0
	if g.Update != nil {
		canaries = g.Update.Canary
	}
	for _, name := range slices.Sorted(maps.Keys(g.Volumes)) {
		v := g.Volumes[name]
		inner := p.entry("Volumes", name, "volume").apart()
		if v.Source == "" {
			inner.addf("Source", "volume has an empty source")
		}
		if v.PerAlloc {
			if canaries > 0 {
				inner.addf("PerAlloc", "volume cannot be per_alloc when canaries are in use")
			}
			if v.Sticky {
				inner.addf("PerAlloc", "volume cannot be per_alloc and sticky at the same time")
			}
			if job.Type == nomadlike.JobTypeSystem || job.Type == nomadlike.JobTypeSysBatch {
				inner.addf("PerAlloc", "volume cannot be per_alloc in %s jobs", job.Type)
			}
		}
		if v.Type == "csi" {
			checkCSIVolume(inner, v, g.Count)
		} else {
			checkHostVolume(inner, v)
		}
		p.fold("Task group volume "+name, inner)
	}
}

func checkHostVolume(p findings, v *nomadlike.VolumeRequest) {
	if v.MountOptions != nil {
		p.addf("MountOptions", "host volumes cannot have mount options")
	}
	switch v.AccessMode {
	case "", singleWriter, singleSingleWriter, singleMultiWriter:
	case singleReader:
		if !v.ReadOnly {
			p.addf("ReadOnly", "%s volumes must be read-only", v.AccessMode)
		}
	default:
		p.oneOf("AccessMode", v.AccessMode, []string{singleReader, singleWriter, singleSingleWriter, singleMultiWriter}, "host volumes cannot be mounted with the access mode")
	}
	p.oneOf("AttachmentMode", v.AttachmentMode, []string{"", "file-system", "block-device"}, "volume has an invalid attachment mode")
}

func checkCSIVolume(p findings, v *nomadlike.VolumeRequest, count int) {
	switch v.AttachmentMode {
	case "file-system":
	case "block-device":
		if v.MountOptions != nil {
			p.addf("MountOptions", "block devices cannot have mount options")
		}
	case "":
		p.addf("AttachmentMode", "CSI volumes must have an attachment mode: file-system or block-device")
	default:
		p.oneOf("AttachmentMode", v.AttachmentMode, []string{"file-system", "block-device"}, "CSI volume has an invalid attachment mode")
	}
	single := count > 1 && !v.PerAlloc
	switch v.AccessMode {
	case singleReader:
		if !v.ReadOnly {
			p.addf("ReadOnly", "%s volumes must be read-only", v.AccessMode)
		}
		if single {
			p.addf("AccessMode", "volume with %s access mode allows only one reader", v.AccessMode)
		}
	case singleWriter:
		if single {
			p.addf("AccessMode", "volume with %s access mode allows only one writer", v.AccessMode)
		}
	case multiReader:
		if !v.ReadOnly {
			p.addf("ReadOnly", "%s volumes must be read-only", v.AccessMode)
		}
	case multiSingleWriter:
		if single && !v.ReadOnly {
			p.addf("AccessMode", "volume with %s access mode allows only one writer", v.AccessMode)
		}
	case multiMultiWriter:
	case "":
		p.addf("AccessMode", "CSI volumes must have an access mode: %s", strings.Join(csiModes(), ", "))
	default:
		p.oneOf("AccessMode", v.AccessMode, csiModes(), "CSI volume has an invalid access mode")
	}
}

func checkMounts(p findings, g *nomadlike.Group, t *nomadlike.Task) {
	for i, m := range t.VolumeMounts {
		p := p.element("VolumeMounts", i, "", "")
		if _, ok := g.Volumes[m.Volume]; !ok {
			p.addf("Volume", "Volume Mount (%d) references undefined volume %q.%s", i, m.Volume, spell.Hint(m.Volume, slices.Sorted(maps.Keys(g.Volumes))))
		}
		p.oneOf("PropagationMode", m.PropagationMode, []string{"private", "host-to-task", "bidirectional"}, "Volume Mount (%d) has an invalid propagation mode", i)
		p.oneOf("SELinuxLabel", m.SELinuxLabel, []string{"", "z", "Z"}, "Volume Mount (%d) has an invalid SELinux label", i)
	}
}
