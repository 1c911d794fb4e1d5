package server

import (
	"strconv"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/server/endpoint"
	"github.com/nomadlike/nomadlike/server/member"
)

// cluster is the other servers as endpoints see them.
type cluster struct{ s *Server }

// Servers are those of a region, by name.
func (c cluster) Servers(region string) []endpoint.Member {
	if region == "" {
		region = c.s.cfg.Region
	}
	leader, _ := c.s.consensus.Leader()
	out := []endpoint.Member{}
	for _, m := range c.s.members.Region(region) {
		out = append(out, endpoint.Member{
			ID: m.ID, Name: m.Name, Region: m.Region, Datacenter: m.Datacenter, RPCAddr: m.RPCAddr,
			Status: m.Status.String(), Leader: m.ID == leader,
		})
	}
	return out
}

// Regions are those known, sorted.
func (c cluster) Regions() []string { return c.s.members.Regions() }

// AgentMember is a member in the form of the HTTP API.
func AgentMember(m *member.Member) *nl.ServerMember {
	return &nl.ServerMember{
		Name: m.Name, Addr: m.Addr.String(), Port: uint64(m.Port), Tags: m.Tags, Status: m.Status.String(),
		ProtocolMin: uint64(m.ProtocolMin), ProtocolMax: uint64(m.ProtocolMax), ProtocolCur: uint64(m.ProtocolCur),
		DelegateMin: uint64(m.DelegateMin), DelegateMax: uint64(m.DelegateMax), DelegateCur: uint64(m.DelegateCur),
	}
}

// MembersResponse lists the servers of a region in the form of the HTTP API;
// "" is every region.
func (s *Server) MembersResponse(region string) *nl.ServerMembersResponse {
	out := &nl.ServerMembersResponse{ServerName: s.cfg.Name, ServerRegion: s.cfg.Region, ServerDC: s.cfg.Datacenter, Members: []*nl.ServerMember{}}
	for _, m := range s.members.Members() {
		if region == "" || m.Region == region {
			out.Members = append(out.Members, AgentMember(&m))
		}
	}
	return out
}

// Stats are the figures about the server that agents show, by group.
func (s *Server) Stats() map[string]map[string]string {
	return map[string]map[string]string{
		"nomad": {
			"server":        "true",
			"leader":        strconv.FormatBool(s.consensus.IsElected()),
			"leader_addr":   s.consensus.LeaderAddr(),
			"bootstrap":     strconv.FormatBool(s.cfg.BootstrapExpect == 1),
			"known_regions": strconv.Itoa(len(s.members.Regions())),
		},
		"raft": s.consensus.Stats(),
		"serf": s.members.Stats(),
	}
}
