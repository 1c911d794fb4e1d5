package sched_test

import (
	"fmt"
	"strconv"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// putNode adds or changes a node. Keys: cpu, mem, disk, cores (count), dc, pool,
// class, driver (comma separated with +), port (reserved host ports), ports
// (dynamic range a-b), host (extra host network alias), volume (host volumes,
// see setHostVolumes), csi (plugin, see setCSIPlugin), gpu (count of nvidia/gpu/a100), bridge,
// max (allocations), numa (count of NUMA nodes; after cores and gpu); attr.X and meta.X set attributes and meta,
// where ; stands for a comma.
func (w *world) putNode(id string, pairs [][2]string, i int) {
	n := &nl.Node{
		ID: id, Name: id, SecretID: "secret-" + id, Datacenter: "dc1", NodePool: "default",
		Status: nl.NodeStatusReady, SchedulingEligibility: nl.NodeEligible,
		Attributes: map[string]string{"kernel.name": "linux"}, Meta: map[string]string{},
		Drivers: map[string]*nl.DriverInfo{"mock": {Detected: true, Healthy: true}},
		NodeResources: &nl.NodeResources{
			Cpu:    nl.LegacyNodeCpuResources{CpuShares: 4000},
			Memory: nl.NodeMemoryResources{MemoryMB: 8192},
			Disk:   nl.NodeDiskResources{DiskMB: 100000},
			NodeNetworks: []*nl.NodeNetworkResource{{Mode: "host", Device: "eth0", Addresses: []*nl.NodeNetworkAddress{
				{Family: "ipv4", Alias: "default", Address: "10.0.0.1"},
			}}},
		},
		ReservedResources: &nl.NodeReservedResources{},
	}
	for _, p := range pairs {
		values := strings.Split(p[1], ",")
		w.setNode(n, p[0], values[i%len(values)])
	}
	w.scaleNode(n)
	n.ComputedClass = nl.ComputedClass(n)
	w.apply(&op.RegisterNode{Node: n, Time: w.now.UnixNano(), NodePool: &nl.NodePool{Name: n.NodePool}})
}

func (w *world) scaleNode(n *nl.Node) {
	r, reserved := n.NodeResources, n.ReservedResources
	for _, amount := range []*int64{
		&r.Cpu.CpuShares, &r.Memory.MemoryMB, &r.Disk.DiskMB,
		&reserved.Cpu.CpuShares, &reserved.Memory.MemoryMB, &reserved.Disk.DiskMB,
	} {
		*amount *= w.scale
	}
	if t := r.Processors.Topology; t != nil {
		for _, c := range t.Cores {
			c.BaseSpeed *= uint64(w.scale)
		}
	}
}

func (w *world) setNode(n *nl.Node, key, value string) {
	number, _ := strconv.ParseInt(value, 10, 64)
	r := n.NodeResources
	switch key {
	case "cpu":
		r.Cpu.CpuShares = number
	case "mem":
		r.Memory.MemoryMB = number
	case "disk":
		r.Disk.DiskMB = number
	case "cores":
		r.Cpu.TotalCpuCores = uint64(number)
		for c := range number {
			r.Cpu.ReservableCpuCores = append(r.Cpu.ReservableCpuCores, uint64(c))
		}
	case "dc":
		n.Datacenter = value
	case "pool":
		n.NodePool = value
	case "class":
		n.NodeClass = value
	case "driver":
		n.Drivers = map[string]*nl.DriverInfo{}
		for _, d := range strings.Split(value, "+") {
			n.Drivers[d] = &nl.DriverInfo{Detected: true, Healthy: true}
		}
	case "reservedcpu":
		n.ReservedResources.Cpu.CpuShares = number
	case "reserved":
		n.ReservedResources.Memory.MemoryMB = number
	case "port":
		n.ReservedResources.Networks.ReservedHostPorts = value
	case "ports":
		low, high, _ := strings.Cut(value, "-")
		r.MinDynamicPort, _ = strconv.Atoi(low)
		r.MaxDynamicPort, _ = strconv.Atoi(high)
	case "host":
		r.NodeNetworks[0].Addresses = append(r.NodeNetworks[0].Addresses,
			&nl.NodeNetworkAddress{Family: "ipv4", Alias: value, Address: "192.168.0.1"})
	case "bridge":
		r.NodeNetworks = append(r.NodeNetworks, &nl.NodeNetworkResource{Mode: "bridge"})
	case "volume":
		setHostVolumes(n, value)
	case "csi":
		setCSIPlugin(n, value)
	case "gpu":
		model, memory := "a100", int64(80)
		if strings.HasPrefix(value, "t4:") {
			model, memory = "t4", 16
			number, _ = strconv.ParseInt(value[3:], 10, 64)
		}
		d := &nl.NodeDeviceResource{Vendor: "nvidia", Type: "gpu", Name: model,
			Attributes: map[string]*nl.Attribute{"memory": {Int: &memory, Unit: "GiB"}}}
		for g := range number {
			d.Instances = append(d.Instances, &nl.NodeDevice{ID: fmt.Sprintf("%s-%d", model, g), Healthy: true})
		}
		r.Devices = append(r.Devices, d)
	case "numa":
		w.setNUMA(n, uint64(number))
	case "max":
		n.NodeMaxAllocs = int(number)
	default:
		switch kind, name, _ := strings.Cut(key, "."); kind {
		case "attr":
			if value != "" {
				n.Attributes[name] = strings.ReplaceAll(value, ";", ",")
			}
		case "meta":
			n.Meta[name] = value
		default:
			w.t.Fatalf("unknown node setting %q", key)
		}
	}
}

// setNUMA spreads the cores of a node over NUMA nodes, in order, and its device
// instances in turn.
func (w *world) setNUMA(n *nl.Node, nodes uint64) {
	r := n.NodeResources
	cores := r.Cpu.TotalCpuCores
	t := &nl.Topology{BusAssociativity: map[string]uint64{}}
	for i := range nodes {
		t.Nodes = append(t.Nodes, i)
	}
	for i := range cores {
		t.Cores = append(t.Cores, &nl.TopologyCore{ID: i, NodeID: i * nodes / cores, BaseSpeed: uint64(r.Cpu.CpuShares) / cores})
	}
	for _, d := range r.Devices {
		for i, instance := range d.Instances {
			bus := fmt.Sprintf("0000:%02X:00.0", i)
			instance.Locality = &nl.NodeDeviceLocality{PciBusID: bus}
			t.BusAssociativity[strings.ToLower(bus)] = uint64(i) % nodes
		}
	}
	r.Processors.Topology = t
}
