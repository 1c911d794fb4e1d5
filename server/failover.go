package server

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"
)

const (
	// knockTimeout bounds knocking at the leader's port. A machine that is
	// gone does not answer at all, and is left to the heartbeat timeout.
	knockTimeout = 200 * time.Millisecond
	// knocks and knockPause: a process that dies may lose its connections a
	// moment before its listener, so an answer counts only when it is repeated.
	knocks     = 5
	knockPause = 10 * time.Millisecond
	// standPause is between the servers that stand for election: the first
	// has won by then, or is gone too.
	standPause = 60 * time.Millisecond
)

// leaderLost is told when a connection of the log has ended. When it was the
// leader's, and its port is closed, the leader's process is dead: this server
// stands for election without waiting for the heartbeat timeout, one server
// after the other so that they do not split the votes.
func (s *Server) leaderLost(ctx context.Context) {
	if !s.look.CompareAndSwap(false, true) {
		return
	}
	defer s.look.Store(false)
	leader, addr := s.consensus.Leader()
	if leader == "" || leader == s.id || !gone(ctx, addr) {
		return
	}
	term := s.consensus.Term()
	select {
	case <-time.After(time.Duration(s.rank(leader)) * standPause):
	case <-ctx.Done():
		return
	}
	if now, _ := s.consensus.Leader(); now != leader && now != "" || s.consensus.Term() != term {
		return // another was quicker
	}
	s.log.Info("the leader is gone; standing for election", "leader", addr)
	if err := s.consensus.Stand(); err != nil {
		s.log.Debug("standing for election at once failed; the heartbeat timeout will do", "error", err)
	}
}

// gone tells whether the process that listened at the address has ended.
func gone(ctx context.Context, addr string) bool {
	for range knocks {
		if refuses(ctx, addr) {
			return true
		}
		select {
		case <-time.After(knockPause):
		case <-ctx.Done():
			return false
		}
	}
	return false
}

// refuses tells whether nobody listens at the address, on a machine that is there.
func refuses(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, knockTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err == nil {
		conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// rank is this server's place among the voters that remain without the leader.
func (s *Server) rank(leader string) (rank int) {
	peers, _, err := s.consensus.Peers()
	if err != nil {
		return 0
	}
	for _, p := range peers {
		if p.ID != leader && p.ID < s.id {
			rank++
		}
	}
	return rank
}
