package node

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/netip"
	"strconv"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	coreMHz  = 2500
	diskMB   = 200 * 1024
	linkMbit = 1000
	megabyte = 1 << 20
	// signals are those that jobs ask nodes for most.
	signals = "SIGABRT,SIGALRM,SIGCONT,SIGHUP,SIGINT,SIGKILL,SIGQUIT,SIGSTOP,SIGTERM,SIGTRAP,SIGTSTP,SIGUSR1,SIGUSR2,SIGWINCH"
	// dynamicPortMin and dynamicPortMax are the range of a real node.
	dynamicPortMin = 20000
	dynamicPortMax = 32000
)

// Defaults of a shape.
const (
	DefaultMHz      = 10_000
	DefaultMemoryMB = 32 * 1024
	DefaultPrefix   = "sim"
)

// Shape is what simulated nodes look like. Zero fields take defaults.
type Shape struct {
	MHz        int    // 10,000
	MemoryMB   int    // 32,768
	Datacenter string // "dc1"
	Class      string
	Pool       string // "default"
	// Prefix starts the names of nodes, and tells fleets apart: ID and secret
	// follow from the name, so that a fleet that is started again is the same
	// nodes. Default "sim".
	Prefix string
	Meta   map[string]string
	// Version is the agent's version that nodes report.
	Version string
}

// Check completes the shape, or tells what is wrong with it.
func (s *Shape) Check() error {
	if s.MHz < 0 || s.MemoryMB < 0 {
		return fmt.Errorf("a node cannot have %d MHz and %d MB", s.MHz, s.MemoryMB)
	}
	if s.MHz == 0 {
		s.MHz = DefaultMHz
	}
	if s.MemoryMB == 0 {
		s.MemoryMB = DefaultMemoryMB
	}
	if s.Datacenter == "" {
		s.Datacenter = "dc1"
	}
	if s.Pool == "" {
		s.Pool = nl.NodePoolDefault
	}
	if s.Pool == nl.NodePoolAll {
		return fmt.Errorf("nodes cannot be in the pool %q: it stands for every pool", s.Pool)
	}
	if s.Prefix == "" {
		s.Prefix = DefaultPrefix
	}
	return nil
}

// drivers are what simulated nodes claim to have.
func drivers() []string { return []string{"mock_driver", "raw_exec"} }

// name is what the node with the index i is called.
func (s *Shape) name(i int) string { return s.Prefix + "-" + strconv.Itoa(i+1) }

// Identity derives ID and secret of a node from its name. A secret that
// anybody can work out is no secret; what it guards is not real either.
func (s *Shape) Identity(i int) (id, secret string) {
	of := func(what string) string {
		sum := sha256.Sum256([]byte(what + "\x00" + s.Datacenter + "\x00" + s.name(i)))
		return nl.NewID(strings.NewReader(string(sum[:])))
	}
	return of("simulated node"), of("secret of simulated node")
}

// Node is the registration of the node with the index i.
func (s *Shape) Node(i int, now nl.Time) *nl.Node {
	id, secret := s.Identity(i)
	ip := address(i)
	cores := max(1, s.MHz/coreMHz)
	speed := s.MHz / cores
	n := &nl.Node{
		ID: id, SecretID: secret, Name: s.name(i), Datacenter: s.Datacenter, NodeClass: s.Class, NodePool: s.Pool,
		HTTPAddr: ip + ":4646", Meta: maps.Clone(s.Meta), Links: map[string]string{},
		Drivers: map[string]*nl.DriverInfo{}, HostVolumes: map[string]*nl.ClientHostVolumeConfig{},
		HostNetworks:         map[string]*nl.ClientHostNetworkConfig{},
		CSIControllerPlugins: map[string]*nl.CSIInfo{}, CSINodePlugins: map[string]*nl.CSIInfo{},
		ReservedResources:     &nl.NodeReservedResources{},
		SchedulingEligibility: nl.NodeEligible, Status: nl.NodeStatusReady,
		Attributes: map[string]string{
			"cpu.arch": "amd64", "cpu.frequency": strconv.Itoa(speed), "cpu.numcores": strconv.Itoa(cores),
			"cpu.reservablecores": strconv.Itoa(cores), "cpu.modelname": "simulated",
			"cpu.totalcompute": strconv.Itoa(s.MHz), "cpu.usablecompute": strconv.Itoa(s.MHz),
			"kernel.name": "linux", "kernel.arch": "x86_64", "kernel.version": "6.1.0",
			"os.name": "debian", "os.version": "12", "os.signals": signals, "os.cgroups.version": "2",
			"memory.totalbytes": strconv.Itoa(s.MemoryMB * megabyte),
			"numa.node.count":   "1", "numa.node0.cores": "0-" + strconv.Itoa(cores-1),
			"nomad.version": s.Version, "nomad.service_discovery": "true",
			"unique.hostname": s.name(i), "unique.network.ip-address": ip, "unique.advertise.address": ip + ":4646",
			"unique.storage.bytestotal": strconv.Itoa(diskMB * megabyte), "unique.storage.volume": "/",
		},
	}
	if n.Meta == nil {
		n.Meta = map[string]string{}
	}
	for _, d := range drivers() {
		attribute := map[string]string{"driver." + d: "1"}
		maps.Copy(n.Attributes, attribute)
		n.Drivers[d] = &nl.DriverInfo{
			Attributes: attribute, Detected: true, Healthy: true, HealthDescription: "Healthy", UpdateTime: now,
		}
	}
	n.NodeResources = s.resources(ip, cores, speed)
	n.ComputedClass = nl.ComputedClass(n)
	return n
}

func (s *Shape) resources(ip string, cores, speed int) *nl.NodeResources {
	top := &nl.Topology{Nodes: []uint64{0}, Distances: [][]uint64{{10}}, OverrideTotalCompute: uint64(s.MHz)}
	var ids []uint64
	for c := range cores {
		ids = append(ids, uint64(c))
		top.Cores = append(top.Cores, &nl.TopologyCore{ID: uint64(c), Grade: true, BaseSpeed: uint64(speed)})
	}
	return &nl.NodeResources{
		Cpu:        nl.LegacyNodeCpuResources{CpuShares: int64(s.MHz), TotalCpuCores: uint64(cores), ReservableCpuCores: ids},
		Processors: nl.NodeProcessorResources{Topology: top},
		Memory:     nl.NodeMemoryResources{MemoryMB: int64(s.MemoryMB)},
		Disk:       nl.NodeDiskResources{DiskMB: diskMB},
		NodeNetworks: []*nl.NodeNetworkResource{{
			Mode: "host", Device: "eth0", Speed: linkMbit,
			Addresses: []*nl.NodeNetworkAddress{{Family: "ipv4", Alias: "default", Address: ip}},
		}},
		Networks:       []*nl.Network{{Mode: "host", Device: "eth0", CIDR: ip + "/32", IP: ip, MBits: linkMbit}},
		MinDynamicPort: dynamicPortMin, MaxDynamicPort: dynamicPortMax,
	}
}

// address gives every node one of its own.
func address(i int) string {
	a := netip.AddrFrom4([4]byte{10, byte((i + 1) >> 16), byte((i + 1) >> 8), byte(i + 1)})
	return a.String()
}

// String tells the shape in a line.
func (s *Shape) String() string {
	return fmt.Sprintf("%d MHz, %d MB, datacenter %s, pool %s", s.MHz, s.MemoryMB, s.Datacenter, s.Pool)
}
