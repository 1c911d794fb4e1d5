package volume

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/nomadlike/nomadlike/command/specfile"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// texts are blocks of free attributes.
type texts struct {
	Values hcl.Body `hcl:",remain"`
}

// topologies are places from which a volume must or should be reached.
type topologies struct {
	Topology []struct {
		Segments *texts `hcl:"segments,block"`
	} `hcl:"topology,block"`
}

// file is a file with one volume of either type.
type file struct {
	Type        string `hcl:"type"`
	ID          string `hcl:"id,optional"`
	Name        string `hcl:"name,optional"`
	Namespace   string `hcl:"namespace,optional"`
	PluginID    string `hcl:"plugin_id,optional"`
	CapacityMin string `hcl:"capacity_min,optional"`
	CapacityMax string `hcl:"capacity_max,optional"`
	Capability  []struct {
		AccessMode     string `hcl:"access_mode,optional"`
		AttachmentMode string `hcl:"attachment_mode,optional"`
	} `hcl:"capability,block"`
	Parameters *texts `hcl:"parameters,block"`

	// Of host volumes.
	NodePool   string `hcl:"node_pool,optional"`
	NodeID     string `hcl:"node_id,optional"`
	HostPath   string `hcl:"host_path,optional"`
	Constraint []struct {
		Attribute string `hcl:"attribute,optional"`
		Operator  string `hcl:"operator,optional"`
		Value     string `hcl:"value,optional"`
	} `hcl:"constraint,block"`

	// Of CSI volumes.
	ExternalID   string `hcl:"external_id,optional"`
	SnapshotID   string `hcl:"snapshot_id,optional"`
	CloneID      string `hcl:"clone_id,optional"`
	MountOptions *struct {
		FSType     string   `hcl:"fs_type,optional"`
		MountFlags []string `hcl:"mount_flags,optional"`
	} `hcl:"mount_options,block"`
	TopologyRequest *struct {
		Required  *topologies `hcl:"required,block"`
		Preferred *topologies `hcl:"preferred,block"`
	} `hcl:"topology_request,block"`
	Secrets *texts `hcl:"secrets,block"`
	Context *texts `hcl:"context,block"`
}

// wanted is the volume of a file; one of the two is nil.
type wanted struct {
	host *nl.HostVolume
	csi  *nl.CSIVolume
}

// read reads a file, in HCL or in the JSON of the API with a Type.
func read(path string, in io.Reader) (*wanted, error) {
	text, name, err := specfile.Read(path, in)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(strings.TrimSpace(string(text)), "{") {
		return readJSON(text, name)
	}
	// References to attributes of nodes are for the servers.
	escaped := strings.ReplaceAll(strings.ReplaceAll(string(text), "$${", "${"), "${", "$${")
	var f file
	if err := specfile.HCL([]byte(escaped), name, &f); err != nil {
		return nil, err
	}
	switch f.Type {
	case nl.VolumeTypeHost:
		v, err := f.hostVolume(name)
		return &wanted{host: v}, err
	case nl.VolumeTypeCSI:
		v, err := f.csiVolume(name)
		return &wanted{csi: v}, err
	}
	return nil, typeError(name, f.Type)
}

func typeError(name, got string) error {
	return fmt.Errorf("file %s: type is %q; it must be \"host\" or \"csi\"", name, got)
}

func readJSON(text []byte, name string) (*wanted, error) {
	var kind struct{ Type string }
	if err := specfile.JSON(text, name, &kind); err != nil {
		return nil, err
	}
	w := &wanted{}
	var into any
	switch kind.Type {
	case nl.VolumeTypeHost:
		w.host = &nl.HostVolume{}
		into = w.host
	case nl.VolumeTypeCSI:
		w.csi = &nl.CSIVolume{}
		into = w.csi
	default:
		return nil, typeError(name, kind.Type)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return nil, fmt.Errorf("file %s is not the JSON that is wanted: %w", name, err)
	}
	return w, nil
}

func (t *texts) strings(name string) (map[string]string, error) {
	if t == nil {
		return nil, nil
	}
	return specfile.Strings(t.Values, name)
}

func (f *file) hostVolume(name string) (*nl.HostVolume, error) {
	least, err := size(name, "capacity_min", f.CapacityMin)
	if err != nil {
		return nil, err
	}
	most, err := size(name, "capacity_max", f.CapacityMax)
	if err != nil {
		return nil, err
	}
	v := &nl.HostVolume{
		ID: f.ID, Name: f.Name, Namespace: f.Namespace, PluginID: f.PluginID, NodePool: f.NodePool, NodeID: f.NodeID, HostPath: f.HostPath,
		RequestedCapacityMinBytes: int(least), RequestedCapacityMaxBytes: int(most),
	}
	for _, c := range f.Capability {
		v.RequestedCapabilities = append(v.RequestedCapabilities, &nl.HostVolumeCapability{AccessMode: c.AccessMode, AttachmentMode: c.AttachmentMode})
	}
	for _, c := range f.Constraint {
		operator := c.Operator
		if operator == "" {
			operator = "="
		}
		v.Constraints = append(v.Constraints, &nl.Constraint{LTarget: c.Attribute, Operand: operator, RTarget: c.Value})
	}
	v.Parameters, err = f.Parameters.strings(name)
	return v, err
}

func (f *file) csiVolume(name string) (*nl.CSIVolume, error) {
	v := &nl.CSIVolume{
		ID: f.ID, Name: f.Name, Namespace: f.Namespace, PluginID: f.PluginID, ExternalID: f.ExternalID, SnapshotID: f.SnapshotID, CloneID: f.CloneID,
	}
	var err error
	if v.RequestedCapacityMin, err = size(name, "capacity_min", f.CapacityMin); err != nil {
		return nil, err
	}
	if v.RequestedCapacityMax, err = size(name, "capacity_max", f.CapacityMax); err != nil {
		return nil, err
	}
	for _, c := range f.Capability {
		v.RequestedCapabilities = append(v.RequestedCapabilities, &nl.CSIVolumeCapability{AccessMode: c.AccessMode, AttachmentMode: c.AttachmentMode})
	}
	if m := f.MountOptions; m != nil {
		v.MountOptions = &nl.CSIMountOptions{FSType: m.FSType, MountFlags: m.MountFlags}
	}
	if t := f.TopologyRequest; t != nil {
		v.RequestedTopologies = &nl.CSITopologyRequest{}
		if v.RequestedTopologies.Required, err = t.Required.list(name); err != nil {
			return nil, err
		}
		if v.RequestedTopologies.Preferred, err = t.Preferred.list(name); err != nil {
			return nil, err
		}
	}
	for _, one := range []struct {
		from *texts
		to   *map[string]string
	}{{f.Parameters, &v.Parameters}, {f.Secrets, &v.Secrets}, {f.Context, &v.Context}} {
		if *one.to, err = one.from.strings(name); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (t *topologies) list(name string) ([]*nl.CSITopology, error) {
	if t == nil {
		return nil, nil
	}
	var out []*nl.CSITopology
	for _, one := range t.Topology {
		segments, err := one.Segments.strings(name)
		if err != nil {
			return nil, err
		}
		out = append(out, &nl.CSITopology{Segments: segments})
	}
	return out, nil
}

// units of sizes, longest first, so that none is taken for the end of another.
var units = []struct {
	name  string
	bytes float64
}{
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40}, {"pib", 1 << 50},
	{"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12}, {"pb", 1e15},
	{"k", 1e3}, {"m", 1e6}, {"g", 1e9}, {"t", 1e12}, {"p", 1e15}, {"b", 1}, {"", 1},
}

// size reads a size in bytes, such as 10GiB; "" is 0.
func size(name, key, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	lower := strings.ToLower(strings.TrimSpace(text))
	for _, u := range units {
		number, ok := strings.CutSuffix(lower, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if bytes := n * u.bytes; err == nil && bytes >= 0 && bytes < math.MaxInt64 {
			return int64(bytes), nil
		}
		break
	}
	return 0, fmt.Errorf("file %s: %s is %q; write a number and a unit, such as \"500MiB\" or \"10GiB\"", name, key, text)
}
