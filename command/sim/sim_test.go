package sim

import (
	"testing"

	"github.com/nomadlike/nomadlike/command/sim/node"
)

func TestConfig(t *testing.T) {
	if _, err := New(Config{Count: 0, Lifetime: -1, Shape: node.Shape{MHz: -1}}); err == nil {
		t.Fatal("taken")
	} else if want := `simulating nodes: 0 nodes cannot be simulated: give a count from 1 to 200000
no server is known: give the RPC address of at least one, host:port
a fleet needs Now and Random
tasks cannot run for -1ns
a node cannot have -1 MHz and 0 MB`; err.Error() != want {
		t.Errorf("error:\n%v\nwant:\n%s", err, want)
	}
}
