package sim

import (
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func TestShape(t *testing.T) {
	s := Shape{}
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
	a, again, b := s.node(0, nl.Time{}), s.node(0, nl.Time{}), s.node(1, nl.Time{})
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
	if id, _ := other.identity(0); id == a.ID {
		t.Error("two fleets share a node")
	}
	if got := a.NodeResources.Processors.Topology.Cores; len(got) != 4 || got[0].BaseSpeed != 2500 {
		t.Errorf("cores of 10,000 MHz: %+v", got)
	}
	seen := map[string]bool{}
	for _, i := range []int{0, 1, 254, 255, 256, 65535, 65536, countMax - 1} {
		if at := address(i); seen[at] || at == "10.0.0.0" {
			t.Errorf("node %d has the address %s of another", i, at)
		} else {
			seen[at] = true
		}
	}
}

func TestConfig(t *testing.T) {
	if _, err := New(Config{Count: 0, Lifetime: -1, Shape: Shape{MHz: -1}}); err == nil {
		t.Fatal("taken")
	} else if want := `simulating nodes: 0 nodes cannot be simulated: give a count from 1 to 200000
no server is known: give the RPC address of at least one, host:port
a fleet needs Now and Random
tasks cannot run for -1ns
a node cannot have -1 MHz and 0 MB`; err.Error() != want {
		t.Errorf("error:\n%v\nwant:\n%s", err, want)
	}
	pool := Shape{Pool: nl.NodePoolAll}
	if pool.check() == nil {
		t.Error(`nodes may be in the pool "all"`)
	}
}
