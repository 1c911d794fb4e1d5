package server

import (
	"strings"
	"testing"

	"github.com/hashicorp/serf/serf"

	"github.com/nomadlike/nomadlike/server/consensus"
	"github.com/nomadlike/nomadlike/server/member"
)

// TestDecideMembers writes peers as "id" and members as "id" (alive), "id-"
// (failed), "id!" (left) or "id@" (alive at another address).
func TestDecideMembers(t *testing.T) {
	tests := []struct {
		name, peers, members string
		keepDead             bool
		minQuorum            int
		add, remove          string
	}{
		{"in step", "a b c", "a b c", false, 0, "", ""},
		{"new server", "a b", "a b c", false, 0, "c", ""},
		{"moved server", "a b c", "a b c@", false, 0, "c", ""},
		{"server that left", "a b c", "a b c!", false, 0, "", "c"},
		{"left long ago, unknown to gossip", "a b c", "a b", false, 0, "", ""},
		{"one of three failed: it may come back", "a b c", "a b c-", false, 0, "", ""},
		{"one of four failed", "a b c d", "a b c d-", false, 0, "", "d"},
		{"two of five failed", "a b c d e", "a b c d- e-", false, 0, "", "d e"},
		{"three of five failed: too many", "a b c d e", "a b c- d- e-", false, 0, "", ""},
		{"failed, clean-up off", "a b c d e", "a b c d e-", true, 0, "", ""},
		{"failed, but the minimum would be missed", "a b c d e", "a b c d e-", false, 5, "", ""},
		{"never itself", "a b", "a! b", false, 0, "", ""},
	}
	for _, tt := range tests {
		var peers []consensus.Peer
		for _, id := range strings.Fields(tt.peers) {
			peers = append(peers, consensus.Peer{ID: id, Address: id + ":1", Voter: true})
		}
		var members []member.Member
		for _, m := range strings.Fields(tt.members) {
			id := strings.TrimRight(m, "-!@")
			one := member.Member{ID: id, Region: "r", RPCAddr: id + ":1"}
			one.Status = serf.StatusAlive
			switch strings.TrimPrefix(m, id) {
			case "-":
				one.Status = serf.StatusFailed
			case "!":
				one.Status = serf.StatusLeft
			case "@":
				one.RPCAddr = id + ":2"
			}
			members = append(members, one)
		}
		members = append(members, member.Member{ID: "x", Region: "other", RPCAddr: "x:1", Member: serf.Member{Status: serf.StatusAlive}})
		add, remove := decideMembers("a", "r", peers, members, cleanup{dead: !tt.keepDead, minQuorum: tt.minQuorum})
		ids := func(ps []consensus.Peer) string {
			var out []string
			for _, p := range ps {
				out = append(out, p.ID)
			}
			return strings.Join(out, " ")
		}
		if ids(add) != tt.add || ids(remove) != tt.remove {
			t.Errorf("%s: adds %q and removes %q, want %q and %q", tt.name, ids(add), ids(remove), tt.add, tt.remove)
		}
	}
}
