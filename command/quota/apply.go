package quota

import (
	"context"
	"fmt"
	"net/http"

	"github.com/nomadlike/nomadlike/command/meta"
	"github.com/nomadlike/nomadlike/command/specfile"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func apply(*meta.Meta) *meta.Verb {
	var asJSON bool
	return &meta.Verb{
		Name: "quota apply", Args: "<file>", MinArgs: 1, MaxArgs: 1,
		Summary: "Create or change a quota",
		Text:    "Creates the quota that a file describes, or changes it to that. \"-\" reads standard input. The quota init command writes an example. A lower limit stops nothing that runs; what waits for the quota is tried again.",
		Examples: []meta.Example{
			{Text: "Create a quota", Line: meta.Binary + " quota apply spec.hcl"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Bool(&asJSON, "json", false, "The file is JSON.")
		},
		Predict: meta.PredictFiles("*"),
		Do: func(ctx context.Context, c *meta.Call) error {
			text, name, err := specfile.Read(c.Args[0], c.In)
			if err != nil {
				return err
			}
			q, err := parse(text, name, asJSON)
			if err != nil {
				return err
			}
			client, err := c.Client()
			if err != nil {
				return err
			}
			if _, err := client.Call(ctx, http.MethodPut, "/v1/quota", q, nil, nil); err != nil {
				return fmt.Errorf("applying quota %q: %w", q.Name, err)
			}
			c.Printf("Successfully applied quota specification %q!", q.Name)
			return nil
		},
	}
}

// file is a file with one quota.
type file struct {
	Name        string `hcl:"name"`
	Description string `hcl:"description,optional"`
	Limits      []struct {
		Region    string     `hcl:"region"`
		Limit     *resources `hcl:"region_limit,block"`
		Variables *int       `hcl:"variables_limit"`
	} `hcl:"limit,block"`
}

// resources are limits of a region.
type resources struct {
	CPU       *int     `hcl:"cpu"`
	Cores     *int     `hcl:"cores"`
	Memory    *int64   `hcl:"memory"`
	MemoryMax *int64   `hcl:"memory_max"`
	Secrets   *int     `hcl:"secrets"`
	Devices   []device `hcl:"device,block"`
	Storage   *storage `hcl:"storage,block"`
	Pools     []pool   `hcl:"node_pool,block"`
}

// pool are limits on the nodes of one pool.
type pool struct {
	Name      string   `hcl:"name,label"`
	CPU       *int     `hcl:"cpu"`
	Cores     *int     `hcl:"cores"`
	Memory    *int64   `hcl:"memory"`
	MemoryMax *int64   `hcl:"memory_max"`
	Secrets   *int     `hcl:"secrets"`
	Devices   []device `hcl:"device,block"`
	Storage   *storage `hcl:"storage,block"`
}

type device struct {
	Name  string  `hcl:"name,label"`
	Count *uint64 `hcl:"count"`
}

type storage struct {
	Variables   int `hcl:"variables,optional"`
	HostVolumes int `hcl:"host_volumes,optional"`
}

// parse reads the quota of a file.
func parse(text []byte, name string, asJSON bool) (*nl.QuotaSpec, error) {
	if asJSON {
		var q nl.QuotaSpec
		if err := specfile.JSON(text, name, &q); err != nil {
			return nil, err
		}
		if q.Name == "" {
			return nil, fmt.Errorf("file %s names no quota: set \"Name\"", name)
		}
		return &q, nil
	}
	var f file
	if err := specfile.HCL(text, name, &f); err != nil {
		return nil, err
	}
	q := &nl.QuotaSpec{Name: f.Name, Description: f.Description}
	for _, l := range f.Limits {
		q.Limits = append(q.Limits, &nl.QuotaLimit{Region: l.Region, RegionLimit: l.Limit.noun(), VariablesLimit: l.Variables})
	}
	return q, nil
}

func (r *resources) noun() *nl.QuotaResources {
	if r == nil {
		return nil
	}
	out := &nl.QuotaResources{
		CPU: r.CPU, Cores: r.Cores, MemoryMB: r.Memory, MemoryMaxMB: r.MemoryMax, SecretsMB: r.Secrets,
		Devices: devices(r.Devices), Storage: r.Storage.noun(),
	}
	for _, p := range r.Pools {
		out.NodePools = append(out.NodePools, &nl.NodePoolLimit{
			NodePool: p.Name, CPU: p.CPU, Cores: p.Cores, MemoryMB: p.Memory, MemoryMaxMB: p.MemoryMax, SecretsMB: p.Secrets,
			Devices: devices(p.Devices), Storage: p.Storage.noun(),
		})
	}
	return out
}

// devices are the limits of devices; one that gives no count allows one.
func devices(list []device) []*nl.RequestedDevice {
	var out []*nl.RequestedDevice
	for _, d := range list {
		count := uint64(1)
		if d.Count != nil {
			count = *d.Count
		}
		out = append(out, &nl.RequestedDevice{Name: d.Name, Count: count})
	}
	return out
}

func (s *storage) noun() *nl.QuotaStorageResources {
	if s == nil {
		return nil
	}
	return &nl.QuotaStorageResources{VariablesMB: s.Variables, HostVolumesMB: s.HostVolumes}
}
