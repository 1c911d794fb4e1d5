package node

import (
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func TestShape(t *testing.T) {
	s := Shape{}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	a, again, b := s.Node(0, nl.Time{}), s.Node(0, nl.Time{}), s.Node(1, nl.Time{})
	if a.ID != again.ID || a.SecretID != again.SecretID {
		t.Error("a node that is started again is another one")
	}
	if a.ID == b.ID || a.SecretID == b.SecretID || a.ID == a.SecretID || a.Name == b.Name {
		t.Errorf("nodes are alike: %s %s, %s %s", a.Name, a.ID, b.Name, b.ID)
	}
	if a.ComputedClass != b.ComputedClass {
		t.Error("nodes of one shape are of different computed classes")
	}
	other := s
	other.Prefix = "other"
	if id, _ := other.Identity(0); id == a.ID {
		t.Error("two fleets share a node")
	}
	if got := a.NodeResources.Processors.Topology.Cores; len(got) != 4 || got[0].BaseSpeed != 2500 {
		t.Errorf("cores of 10,000 MHz: %+v", got)
	}
	seen := map[string]bool{}
	for _, i := range []int{0, 1, 254, 255, 256, 65535, 65536, 199_999} {
		if at := address(i); seen[at] || at == "10.0.0.0" {
			t.Errorf("node %d has the address %s of another", i, at)
		} else {
			seen[at] = true
		}
	}
	pool := Shape{Pool: nl.NodePoolAll}
	if pool.Check() == nil {
		t.Error(`nodes may be in the pool "all"`)
	}
}
