package server

import (
	"context"
	"time"

	"github.com/hashicorp/raft"
	"github.com/hashicorp/serf/serf"

	"github.com/nomadlike/nomadlike/server/consensus"
	"github.com/nomadlike/nomadlike/server/member"
)

const (
	// tendInterval is how often the leader compares the log's configuration
	// with gossip even when nothing was heard; the peer's interval of cleaning up.
	tendInterval = 10 * time.Second
	// bootstrapRetry is how soon servers that are to start a cluster together
	// look again whether one exists.
	bootstrapRetry = 500 * time.Millisecond
	// peersTimeout bounds asking a server whether it belongs to a cluster.
	peersTimeout = 3 * time.Second
)

// addresses tells the log where a server is now.
type addresses struct{ s *Server }

// ServerAddr is the address gossip knows of a server. An error makes the log
// use the address of its configuration.
func (a addresses) ServerAddr(id raft.ServerID) (raft.ServerAddress, error) {
	if string(id) == a.s.id {
		return raft.ServerAddress(a.s.listener.Addr()), nil
	}
	for _, m := range a.s.members.Members() {
		if m.ID == string(id) && m.Alive() {
			return raft.ServerAddress(m.RPCAddr), nil
		}
	}
	return "", errNoRegion
}

// memberChanged is told by gossip.
func (s *Server) memberChanged(c member.Change) {
	switch c.Kind {
	case member.Joined:
		s.log.Info("server joined", "name", c.Member.Name, "address", c.Member.RPCAddr)
	case member.Failed:
		s.log.Warn("server failed", "name", c.Member.Name, "address", c.Member.RPCAddr)
	case member.Left:
		s.log.Info("server left", "name", c.Member.Name)
	}
	s.wakeMembers()
}

func (s *Server) wakeMembers() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// tendMembers starts the cluster when it is time, and keeps the log's
// configuration in step with gossip while this server leads.
func (s *Server) tendMembers(ctx context.Context) error {
	started, err := s.bootstrapped()
	if err != nil {
		return err
	}
	if started {
		s.standAlone()
	}
	s.wakeMembers()
	timer := time.NewTimer(tendInterval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-timer.C:
		}
		next := tendInterval
		if !started {
			if started, err = s.tryBootstrap(ctx); err != nil {
				s.log.Error("starting the cluster failed; trying again", "error", err)
			}
			if !started && s.cfg.BootstrapExpect > 1 {
				next = bootstrapRetry
			}
		}
		if s.consensus.IsLeader() {
			s.reconcile()
		}
		timer.Reset(next)
	}
}

// standAlone makes the only voter of a cluster lead at once: there is nobody
// whose heartbeat it could wait for.
func (s *Server) standAlone() {
	peers, _, err := s.consensus.Peers()
	if err != nil || len(peers) != 1 || peers[0].ID != s.id || !peers[0].Voter || s.consensus.IsElected() {
		return
	}
	if err := s.consensus.Stand(); err != nil {
		s.log.Debug("leading at once failed; the heartbeat timeout will do", "error", err)
	}
}

// bootstrapped tells whether this server belongs to a cluster.
func (s *Server) bootstrapped() (bool, error) {
	peers, _, err := s.consensus.Peers()
	return len(peers) > 0, err
}

// tryBootstrap starts the cluster if all servers it is to start with are here
// and none of them belongs to one.
func (s *Server) tryBootstrap(ctx context.Context) (started bool, err error) {
	if started, err := s.bootstrapped(); started || err != nil {
		return started, err
	}
	expect := s.cfg.BootstrapExpect
	switch {
	case expect == 0:
		return false, nil
	case expect == 1:
		err := s.consensus.Bootstrap([]consensus.Peer{{ID: s.id, Address: s.listener.Addr()}})
		s.standAlone()
		return err == nil, err
	}
	var peers []consensus.Peer
	for _, m := range s.members.Region(s.cfg.Region) {
		if m.Bootstrap || m.Expect != expect {
			if m.ID != s.id && (m.Bootstrap || m.Expect != 0) {
				s.log.Warn("a server expects another number of servers; not starting the cluster", "name", m.Name, "expects", m.Expect, "here", expect)
				return false, nil
			}
			continue
		}
		peers = append(peers, consensus.Peer{ID: m.ID, Address: m.RPCAddr})
	}
	if len(peers) < expect {
		return false, nil
	}
	for _, p := range peers {
		if p.ID == s.id {
			continue
		}
		belongs, err := s.belongs(ctx, p.Address)
		if err != nil {
			return false, err
		}
		if belongs {
			s.log.Info("a cluster exists; waiting to be taken in", "known by", p.Address)
			return false, nil
		}
	}
	s.log.Info("starting the cluster", "servers", len(peers))
	return true, s.consensus.Bootstrap(peers)
}

// belongs asks a server whether it belongs to a cluster.
func (s *Server) belongs(ctx context.Context, addr string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, peersTimeout)
	defer cancel()
	to, err := s.pool.To(ctx, addr)
	if err != nil {
		return false, err
	}
	var reply peersReply
	if err := to.Call(ctx, methodPeers, &peersAsk{}, &reply); err != nil {
		return false, err
	}
	return len(reply.Peers) > 0, nil
}

// reconcile brings the log's configuration in step with gossip: who is there
// is taken in, who left is taken out, and who failed is taken out when enough
// others remain.
func (s *Server) reconcile() {
	peers, _, err := s.consensus.Peers()
	if err != nil {
		s.log.Error("comparing the log's configuration with gossip", "error", err)
		return
	}
	add, remove := decideMembers(s.id, s.cfg.Region, peers, s.members.Members(), s.cleanUp())
	for _, p := range remove {
		s.log.Info("taking a server out of the log's configuration", "id", p.ID, "address", p.Address)
		if err := s.consensus.RemovePeer(p.ID); err != nil {
			s.log.Error("taking a server out failed; trying again", "id", p.ID, "error", err)
			return
		}
	}
	for _, p := range add {
		s.log.Info("taking a server into the log's configuration", "id", p.ID, "address", p.Address)
		if err := s.consensus.AddVoter(p.ID, p.Address); err != nil {
			s.log.Error("taking a server in failed; trying again", "id", p.ID, "error", err)
			return
		}
	}
}

// cleanup is what autopilot may do about failed servers.
type cleanup struct {
	dead      bool // take failed servers out
	minQuorum int  // but leave this many
}

func (s *Server) cleanUp() cleanup {
	c := s.store.Snapshot().AutopilotConfig()
	return cleanup{dead: c.CleanupDeadServers, minQuorum: int(c.MinQuorum)}
}

// decideMembers compares the log's configuration with gossip. A server is
// only taken out for having failed when fewer than half of all have.
func decideMembers(self, region string, peers []consensus.Peer, members []member.Member, c cleanup) (add, remove []consensus.Peer) {
	known := map[string]consensus.Peer{}
	for _, p := range peers {
		known[p.ID] = p
	}
	state := map[string]serf.MemberStatus{}
	for _, m := range members {
		if m.Region != region {
			continue
		}
		// The same server may stand in gossip under an old name too.
		if state[m.ID] != serf.StatusAlive {
			state[m.ID] = m.Status
		}
		p, ok := known[m.ID]
		if m.Alive() && (!ok || p.Address != m.RPCAddr || !p.Voter) {
			add = append(add, consensus.Peer{ID: m.ID, Address: m.RPCAddr, Voter: true})
		}
	}
	var failed []consensus.Peer
	for _, p := range peers {
		if p.ID == self {
			continue
		}
		switch state[p.ID] {
		case serf.StatusLeft:
			remove = append(remove, p)
		case serf.StatusFailed:
			failed = append(failed, p)
		}
	}
	if c.dead && len(failed) <= (len(peers)-1)/2 && len(peers)-len(failed) >= max(c.minQuorum, minVotersKept) {
		remove = append(remove, failed...)
	}
	return add, remove
}

// minVotersKept are left however many fail: with three voters one may come
// back, and taking it out would leave two that cannot lose any.
const minVotersKept = 3
