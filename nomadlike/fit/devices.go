package fit

import nl "github.com/nomadlike/nomadlike/nomadlike"

// DeviceGroup is one kind of device of a node and its free instances.
type DeviceGroup struct {
	Info *nl.NodeDeviceResource
	used map[string]bool // by instance ID; only known, healthy instances are free
}

// Devices is the use of a node's devices.
type Devices struct {
	Groups []*DeviceGroup
	clash  bool
}

func newDevices(n *nl.Node) *Devices {
	d := &Devices{}
	if n.NodeResources == nil {
		return d
	}
	for _, info := range n.NodeResources.Devices {
		d.Groups = append(d.Groups, &DeviceGroup{Info: info, used: map[string]bool{}})
	}
	return d
}

// Free lists the healthy instances nobody uses, in the node's order.
func (g *DeviceGroup) Free() []*nl.NodeDevice {
	var free []*nl.NodeDevice
	for _, i := range g.Info.Instances {
		if i.Healthy && !g.used[i.ID] {
			free = append(free, i)
		}
	}
	return free
}

func (d *Devices) add(a *nl.Alloc) {
	if a.AllocatedResources == nil {
		return
	}
	for _, t := range a.AllocatedResources.Tasks {
		for _, got := range t.Devices {
			for _, g := range d.Groups {
				if g.Info.Vendor != got.Vendor || g.Info.Type != got.Type || g.Info.Name != got.Name {
					continue
				}
				for _, id := range got.DeviceIDs {
					if g.used[id] {
						d.clash = true
					}
					g.used[id] = true
				}
			}
		}
	}
}
