package assign_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/sched/assign"
)

func node() *fit.Node {
	var cores []*nl.TopologyCore
	for i := range uint64(8) {
		cores = append(cores, &nl.TopologyCore{ID: i, NodeID: i / 4, BaseSpeed: 1000, Disable: i == 0})
	}
	return fit.NewNode(&nl.Node{
		Meta: map[string]string{"net": "public"},
		NodeResources: &nl.NodeResources{
			Cpu: nl.LegacyNodeCpuResources{CpuShares: 8000}, Memory: nl.NodeMemoryResources{MemoryMB: 1000}, Disk: nl.NodeDiskResources{DiskMB: 100},
			Processors: nl.NodeProcessorResources{Topology: &nl.Topology{Cores: cores}},
			NodeNetworks: []*nl.NodeNetworkResource{{Mode: "host", Device: "eth0", Addresses: []*nl.NodeNetworkAddress{
				{Alias: "default", Address: "10.0.0.1"}, {Alias: "public", Address: "1.2.3.4", ReservedPorts: "443"}, {Alias: "public", Address: "1.2.3.5"},
			}}},
			MinDynamicPort: 20000, MaxDynamicPort: 20003,
		},
	})
}

// take assigns the group over and over until it does not fit.
func take(t *testing.T, n *fit.Node, g *nl.Group) (offers []*nl.AllocatedResources, reason string) {
	t.Helper()
	ask, err := assign.New(&nl.Job{}, g, false)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 100 {
		fits := ask.Fits(n)
		offer, reason := ask.Take(n, random)
		if (fits == "") != (reason == "") {
			t.Errorf("the test says %q, the assignment %q", fits, reason)
		}
		if reason != "" {
			return offers, reason
		}
		n.Add(&nl.Alloc{ID: fmt.Sprint(i), AllocatedResources: offer.Resources})
		if over := n.Check(); over != "" {
			t.Fatalf("the node gave away more than it has: %s", over)
		}
		offers = append(offers, offer.Resources)
	}
	t.Fatal("there is no end to it")
	return nil, ""
}

func group(change func(g *nl.Group, t *nl.Task)) *nl.Group {
	task := &nl.Task{Name: "t", Resources: &nl.Resources{CPU: 10, MemoryMB: 10}}
	g := &nl.Group{Name: "g", Tasks: []*nl.Task{task}}
	change(g, task)
	return g
}

func TestDynamicPorts(t *testing.T) {
	got, reason := take(t, node(), group(func(g *nl.Group, _ *nl.Task) {
		g.Networks = []*nl.Network{{DynamicPorts: []*nl.Port{{Label: "a", To: -1}, {Label: "b", To: 80}}}}
	}))
	if len(got) != 2 || reason != "network: dynamic port selection failed" {
		t.Fatalf("%d fit, then %q", len(got), reason)
	}
	var used []int
	for _, r := range got {
		a, b := r.Shared.Ports[0], r.Shared.Ports[1]
		used = append(used, a.Value, b.Value)
		if a.To != a.Value || b.To != 80 || a.HostIP != "10.0.0.1" || r.Shared.Networks[0].IP != "10.0.0.1" || r.Shared.Networks[0].DynamicPorts[1].Value != b.Value {
			t.Errorf("assigned %+v %+v in %+v", a, b, r.Shared.Networks[0])
		}
	}
	slices.Sort(used)
	if !slices.Equal(used, []int{20000, 20001, 20002, 20003}) {
		t.Errorf("ports %v", used)
	}
}

func TestStaticPortTakesAnyAddressOfItsNetwork(t *testing.T) {
	got, reason := take(t, node(), group(func(g *nl.Group, _ *nl.Task) {
		g.Networks = []*nl.Network{{ReservedPorts: []*nl.Port{{Label: "https", Value: 443, HostNetwork: "${meta.net}"}}}}
	}))
	if len(got) != 1 || got[0].Shared.Ports[0].HostIP != "1.2.3.5" || reason != "network: reserved port collision https=443" {
		t.Errorf("%d fit, then %q", len(got), reason)
	}
}

func TestPortsOfTasks(t *testing.T) {
	got, reason := take(t, node(), group(func(_ *nl.Group, task *nl.Task) {
		task.Resources.Networks = []*nl.Network{{MBits: 10, ReservedPorts: []*nl.Port{{Label: "x", Value: 99}}}}
	}))
	if len(got) != 1 || reason == "" {
		t.Fatalf("%d fit, then %q", len(got), reason)
	}
	if nw := got[0].Tasks["t"].Networks[0]; nw.IP != "10.0.0.1" || nw.Device != "eth0" || nw.ReservedPorts[0].Value != 99 {
		t.Errorf("assigned %+v", nw)
	}
}

func TestUnknownNetwork(t *testing.T) {
	_, reason := take(t, node(), group(func(g *nl.Group, _ *nl.Task) {
		g.Networks = []*nl.Network{{DynamicPorts: []*nl.Port{{Label: "a", HostNetwork: "gone"}}}}
	}))
	if reason != `network: no addresses available for "gone" network` {
		t.Errorf("got %q", reason)
	}
}

func TestCores(t *testing.T) {
	for _, test := range []struct {
		affinity string
		count    int
		want     [][]uint64
	}{
		{"none", 3, [][]uint64{{1, 2, 3}, {4, 5, 6}}},
		{"prefer", 4, [][]uint64{{4, 5, 6, 7}}},
		{"prefer", 5, [][]uint64{{1, 2, 3, 4, 5}}},
		{"require", 2, [][]uint64{{1, 2}, {4, 5}, {6, 7}}},
		{"require", 5, nil},
	} {
		t.Run(fmt.Sprint(test.affinity, test.count), func(t *testing.T) {
			var got [][]uint64
			ask, err := assign.New(&nl.Job{}, group(func(_ *nl.Group, task *nl.Task) {
				task.Resources.Cores, task.Resources.NUMA = test.count, &nl.NUMA{Affinity: test.affinity}
			}), false)
			if err != nil {
				t.Fatal(err)
			}
			n := node()
			for i := range 10 {
				offer, reason := ask.Take(n, nil)
				if reason != "" {
					break
				}
				cpu := offer.Resources.Tasks["t"].Cpu
				if cpu.CpuShares != int64(1000*test.count) {
					t.Errorf("%d cores have %d MHz", test.count, cpu.CpuShares)
				}
				got = append(got, cpu.ReservedCores)
				n.Add(&nl.Alloc{ID: fmt.Sprint(i), AllocatedResources: offer.Resources})
			}
			if !slices.EqualFunc(got, test.want, slices.Equal[[]uint64]) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestPlainAsksShareTheirResources(t *testing.T) {
	got, reason := take(t, node(), group(func(g *nl.Group, _ *nl.Task) { g.EphemeralDisk = &nl.EphemeralDisk{SizeMB: 40} }))
	if len(got) != 2 || got[0] != got[1] || reason != "disk" {
		t.Errorf("%d fit, then %q", len(got), reason)
	}
}

func TestOversubscription(t *testing.T) {
	g := group(func(_ *nl.Group, task *nl.Task) { task.Resources.MemoryMaxMB = 500 })
	for _, on := range []bool{false, true} {
		ask, err := assign.New(&nl.Job{}, g, on)
		if err != nil {
			t.Fatal(err)
		}
		offer, _ := ask.Take(node(), nil)
		if got := offer.Resources.Tasks["t"].Memory.MemoryMaxMB; (got == 500) != on || ask.Need.Memory != 10 {
			t.Errorf("oversubscription %t: limit %d, need %d", on, got, ask.Need.Memory)
		}
	}
}
