package endpoint

import (
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// A node that is not heard of must be heard of before it tells of its
// allocations: the scheduler would count what it runs as unreachable again,
// after the node had said that it runs.
func TestUpdateAllocsOfSilentNode(t *testing.T) {
	w := newRules(t)
	node := &nl.Node{
		ID: uuidOf(1), SecretID: "s", Name: "n", Datacenter: "dc1", NodePool: nl.NodePoolDefault,
		Status: nl.NodeStatusReady, SchedulingEligibility: nl.NodeEligible,
		NodeResources: &nl.NodeResources{}, ReservedResources: &nl.NodeReservedResources{},
	}
	w.apply(&op.RegisterNode{Node: node})
	for _, test := range []struct {
		status string
		want   nl.Code
	}{
		{nl.NodeStatusReady, 0},
		{nl.NodeStatusDisconnected, nl.CodeConflict},
		{nl.NodeStatusDown, nl.CodeConflict},
		{nl.NodeStatusInit, 0},
	} {
		w.apply(&op.SetNodeStatus{NodeID: node.ID, Status: test.status})
		err := w.e.Mux().Call(t.Context(), "Node.UpdateAllocs", &query.NodeAllocUpdates{
			NodeID: node.ID, SecretID: "s", Updates: []*nl.AllocUpdate{{ID: uuidOf(2), ClientStatus: nl.AllocClientRunning}},
		}, &query.Written{})
		if (err != nil) != (test.want != 0) || err != nil && nl.CodeOf(err) != test.want {
			t.Errorf("node is %s: %v", test.status, err)
		}
	}
}

// A node that proves itself is heard of, whatever it calls for and whatever
// comes of it; one that does not is not.
func TestNodesAreHeardOf(t *testing.T) {
	node := uuidOf(1)
	for _, test := range []struct {
		method     string
		req, reply any
		secret     string
	}{
		{"Node.UpdateAllocs", &query.NodeAllocUpdates{NodeID: node, SecretID: "s"}, &query.Written{}, "s"},
		{"Node.UpdateAllocs", &query.NodeAllocUpdates{NodeID: node, SecretID: "x"}, &query.Written{}, "x"},
		{"Node.UpdateServices", &query.NodeServices{NodeID: node, SecretID: "s"}, &query.Written{}, "s"},
		{"Node.AddEvents", &query.NodeEvents{NodeID: node, SecretID: "s"}, &query.Written{}, "s"},
		{"Node.Heartbeat", &query.NodeHeartbeat{NodeID: node, SecretID: "s", Status: "none such"}, &query.NodeUpdate{}, "s"},
		{"Node.Heartbeat", &query.NodeHeartbeat{NodeID: node, SecretID: "x"}, &query.NodeUpdate{}, "x"},
	} {
		w := newRules(t)
		w.apply(&op.RegisterNode{Node: &nl.Node{
			ID: node, SecretID: "s", Name: "n", Datacenter: "dc1", NodePool: nl.NodePoolDefault, Status: nl.NodeStatusReady,
			SchedulingEligibility: nl.NodeEligible, NodeResources: &nl.NodeResources{}, ReservedResources: &nl.NodeReservedResources{},
		}})
		w.e.Mux().Call(t.Context(), test.method, test.req, test.reply)
		if got, want := len(w.heard) == 1 && w.heard[0] == node, test.secret == "s"; got != want {
			t.Errorf("%s with secret %q: heard of %q", test.method, test.secret, w.heard)
		}
	}
}
