package fit_test

import (
	"iter"
	"slices"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
)

func TestStages(t *testing.T) {
	need := func(cpu, memory int64) fit.Vector { return fit.Vector{CPU: cpu, Memory: memory} }
	hook := func(name string, sidecar bool) *nl.Lifecycle { return &nl.Lifecycle{Hook: name, Sidecar: sidecar} }
	for _, test := range []struct {
		name string
		add  func(s *fit.Stages)
		want fit.Vector
	}{
		{"nothing", func(*fit.Stages) {}, need(0, 0)},
		{"main tasks add up", func(s *fit.Stages) {
			s.Add(nil, need(100, 10), false)
			s.Add(nil, need(200, 20), false)
		}, need(300, 30)},
		{"prestart runs before main", func(s *fit.Stages) {
			s.Add(hook("prestart", false), need(500, 10), false)
			s.Add(nil, need(200, 20), false)
		}, need(500, 20)},
		{"a prestart sidecar runs with both", func(s *fit.Stages) {
			s.Add(hook("prestart", false), need(500, 10), false)
			s.Add(hook("prestart", true), need(100, 10), false)
			s.Add(nil, need(550, 20), false)
		}, need(650, 30)},
		{"poststart runs with main", func(s *fit.Stages) {
			s.Add(hook("poststart", false), need(100, 10), false)
			s.Add(nil, need(200, 20), false)
		}, need(300, 30)},
		{"poststop runs alone", func(s *fit.Stages) {
			s.Add(hook("poststop", false), need(900, 5), false)
			s.Add(nil, need(200, 20), false)
		}, need(900, 20)},
		{"cores are kept for the whole life", func(s *fit.Stages) {
			s.Add(hook("poststop", false), need(1000, 5), true)
			s.Add(nil, need(200, 20), false)
		}, need(1200, 20)},
	} {
		t.Run(test.name, func(t *testing.T) {
			var s fit.Stages
			test.add(&s)
			if got := s.Need(); got != test.want {
				t.Errorf("needs %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestBitmap(t *testing.T) {
	var b fit.Bitmap
	for _, n := range []int{0, 1, 1023, 1024, 20000, 65535} {
		if b.Has(n) {
			t.Errorf("%d is in the empty set", n)
		}
		if !b.Set(n) || b.Set(n) {
			t.Errorf("adding %d twice should work once", n)
		}
	}
	for _, n := range []int{-1, 65536, 1 << 20} {
		if b.Set(n) || b.Has(n) {
			t.Errorf("%d is out of range", n)
		}
	}
	for _, test := range []struct{ low, high, want int }{
		{0, 65535, 6}, {0, 0, 1}, {2, 1022, 0}, {1, 1024, 3}, {20000, 20000, 1}, {20001, 65534, 0}, {64, 1087, 2}, {-5, 70000, 6},
	} {
		if got := b.Count(test.low, test.high); got != test.want {
			t.Errorf("%d to %d: %d, want %d", test.low, test.high, got, test.want)
		}
	}
}

func TestCapacity(t *testing.T) {
	topology := &nl.Topology{Cores: []*nl.TopologyCore{{ID: 0, BaseSpeed: 2000}, {ID: 1, MaxSpeed: 3000, BaseSpeed: 1000}, {ID: 2, GuessSpeed: 500}}}
	for _, test := range []struct {
		name string
		node *nl.Node
		want fit.Vector
	}{
		{"a node that tells nothing", &nl.Node{}, fit.Vector{}},
		{"less what is reserved", &nl.Node{
			NodeResources: &nl.NodeResources{
				Cpu: nl.LegacyNodeCpuResources{CpuShares: 4000}, Memory: nl.NodeMemoryResources{MemoryMB: 1000}, Disk: nl.NodeDiskResources{DiskMB: 50},
			},
			ReservedResources: &nl.NodeReservedResources{
				Cpu: nl.NodeReservedCpuResources{CpuShares: 500}, Memory: nl.NodeReservedMemoryResources{MemoryMB: 100}, Disk: nl.NodeReservedDiskResources{DiskMB: 5},
			},
		}, fit.Vector{CPU: 3500, Memory: 900, Disk: 45}},
		{"from the cores", &nl.Node{NodeResources: &nl.NodeResources{Processors: nl.NodeProcessorResources{Topology: topology}}}, fit.Vector{CPU: 5500}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := fit.Capacity(test.node); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}

func TestNodeRemoveGivesEverythingBack(t *testing.T) {
	n := fit.NewNode(&nl.Node{NodeResources: &nl.NodeResources{
		Cpu:      nl.LegacyNodeCpuResources{CpuShares: 1000, TotalCpuCores: 2, ReservableCpuCores: []uint64{0, 1}},
		Memory:   nl.NodeMemoryResources{MemoryMB: 100},
		Networks: []*nl.Network{{IP: "10.0.0.1"}},
		Devices:  []*nl.NodeDeviceResource{{Vendor: "v", Type: "gpu", Name: "x", Instances: []*nl.NodeDevice{{ID: "d0", Healthy: true}, {ID: "d1"}}}},
	}})
	a := &nl.Alloc{ID: "a", AllocatedResources: &nl.AllocatedResources{
		Shared: nl.AllocatedSharedResources{Ports: []*nl.AllocatedPortMapping{{Value: 80, HostIP: "10.0.0.1"}}},
		Tasks: map[string]*nl.AllocatedTaskResources{"t": {
			Cpu:     nl.AllocatedCpuResources{CpuShares: 500, ReservedCores: []uint64{1}},
			Memory:  nl.AllocatedMemoryResources{MemoryMB: 60},
			Devices: []*nl.AllocatedDeviceResource{{Vendor: "v", Type: "gpu", Name: "x", DeviceIDs: []string{"d0"}}},
		}},
	}}
	state := func() (port bool, cores, devices int, used fit.Vector) {
		return n.Ports().Network("")[0].Free(80), len(n.Cores().Free()), len(n.Devices().Groups[0].Free()), n.Used
	}
	n.Add(a)
	if port, cores, devices, used := state(); port || cores != 1 || devices != 0 || used != (fit.Vector{CPU: 500, Memory: 60}) {
		t.Errorf("with the allocation: port free %t, cores %d, devices %d, used %+v", port, cores, devices, used)
	}
	if got := n.Check(); got != "" {
		t.Errorf("one allocation does not fit: %s", got)
	}
	twin := *a
	twin.ID = "b"
	n.Add(&twin)
	if got := n.Check(); got != fit.PortClash {
		t.Errorf("two with one port: %q", got)
	}
	if !n.Remove(a) || !n.Remove(&twin) || n.Remove(&twin) {
		t.Error("removing should work once for each")
	}
	if port, cores, devices, used := state(); !port || cores != 2 || devices != 1 || used != (fit.Vector{}) {
		t.Errorf("without allocations: port free %t, cores %d, devices %d, used %+v", port, cores, devices, used)
	}
}

// A node as the state has it is the same as one to which everything was added.
func TestStoredNode(t *testing.T) {
	info := &nl.Node{ID: "n", NodeResources: &nl.NodeResources{
		Cpu: nl.LegacyNodeCpuResources{CpuShares: 1000, TotalCpuCores: 2, ReservableCpuCores: []uint64{0, 1}},
	}}
	alloc := func(id, status string, cores ...uint64) *nl.Alloc {
		return &nl.Alloc{ID: id, NodeID: "n", ClientStatus: status, AllocatedResources: &nl.AllocatedResources{
			Tasks: map[string]*nl.AllocatedTaskResources{"t": {Cpu: nl.AllocatedCpuResources{CpuShares: 100, ReservedCores: cores}}},
		}}
	}
	plain, owner, over, other := alloc("a", "running"), alloc("b", "running", 1), alloc("c", "failed", 0), alloc("d", "running")
	other.NodeID = "elsewhere"
	list := []*nl.Alloc{plain, owner, over}
	var usage fit.Usage
	for _, a := range list {
		usage.Add(a, +1)
	}
	if want := (fit.Usage{Used: fit.Vector{CPU: 200}, Live: 2, Special: 1}); usage != want {
		t.Fatalf("usage %+v, want %+v", usage, want)
	}
	reads := 0
	n := fit.StoredNode(info, usage, func(string) iter.Seq[*nl.Alloc] {
		reads++
		return slices.Values(list)
	})
	if n.Remove(other) || n.Remove(over) {
		t.Error("what is not on the node was removed")
	}
	if !n.Remove(plain) || n.Remove(plain) {
		t.Error("removing should work once")
	}
	placed := alloc("e", "pending")
	n.Add(placed)
	if reads != 0 || n.Live != 2 || n.Used.CPU != 200 {
		t.Errorf("read %d times, live %d, used %+v", reads, n.Live, n.Used)
	}
	if free := n.Cores().Free(); len(free) != 1 || free[0].ID != 0 {
		t.Errorf("free cores %+v", free)
	}
	if got := n.Allocs(); len(got) != 2 || got[0] != owner || got[1] != placed {
		t.Errorf("allocations %v", got)
	}
	if !n.Remove(owner) || !n.Remove(placed) || n.Usage != (fit.Usage{}) || reads != 1 {
		t.Errorf("left %+v, read %d times", n.Usage, reads)
	}
}
