package consensus

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// HasState tells whether the log has ever held anything; such a server must
// not bootstrap.
func (c *Consensus) HasState() (bool, error) {
	return raft.HasExistingState(c.files.logs, c.files.stable, c.files.snapshots)
}

// Bootstrap makes the first configuration. Every server that calls it must
// give the same peers. It does nothing where there is a configuration already.
func (c *Consensus) Bootstrap(peers []Peer) error {
	var conf raft.Configuration
	for _, p := range peers {
		conf.Servers = append(conf.Servers, raft.Server{
			Suffrage: raft.Voter, ID: raft.ServerID(p.ID), Address: raft.ServerAddress(p.Address),
		})
	}
	err := c.raft.BootstrapCluster(conf).Error()
	if err != nil && !errors.Is(err, raft.ErrCantBootstrap) {
		return fmt.Errorf("bootstrapping with %d servers: %w", len(peers), err)
	}
	return nil
}

// Peers is the newest configuration and its index.
func (c *Consensus) Peers() ([]Peer, uint64, error) {
	f := c.raft.GetConfiguration()
	if err := f.Error(); err != nil {
		return nil, 0, fmt.Errorf("reading the raft configuration: %w", err)
	}
	var out []Peer
	for _, s := range f.Configuration().Servers {
		out = append(out, Peer{ID: string(s.ID), Address: string(s.Address), Voter: s.Suffrage == raft.Voter})
	}
	return out, f.Index(), nil
}

// AddVoter takes a server into the configuration, or changes its address.
func (c *Consensus) AddVoter(id, addr string) error {
	peers, _, err := c.Peers()
	if err != nil {
		return err
	}
	for _, p := range peers {
		if p.ID == id && p.Address == addr && p.Voter {
			return nil
		}
		// Another server had this address before: it cannot come back to it.
		if p.ID != id && p.Address == addr {
			if err := c.RemovePeer(p.ID); err != nil {
				return err
			}
		}
	}
	return c.use(func() error {
		return configurationError(c.raft.AddVoter(raft.ServerID(id), raft.ServerAddress(addr), 0, enqueueTimeout).Error())
	})
}

// RemovePeer takes a server out of the configuration.
func (c *Consensus) RemovePeer(id string) error {
	return c.use(func() error {
		return configurationError(c.raft.RemoveServer(raft.ServerID(id), 0, enqueueTimeout).Error())
	})
}

func configurationError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, raft.ErrNotLeader) || errors.Is(err, raft.ErrLeadershipTransferInProgress) {
		return ErrNotLeader
	}
	return fmt.Errorf("changing the raft configuration: %w", err)
}

// TransferLeadership hands leadership to the peer with the ID, or to the most
// advanced one when ID is "".
func (c *Consensus) TransferLeadership(id string) error {
	if !c.IsElected() {
		return ErrNotLeader
	}
	if id == "" {
		return transferError(c.raft.LeadershipTransfer().Error())
	}
	peers, _, err := c.Peers()
	if err != nil {
		return err
	}
	for _, p := range peers {
		if p.ID == id {
			return transferError(c.raft.LeadershipTransferToServer(raft.ServerID(id), raft.ServerAddress(p.Address)).Error())
		}
	}
	return nl.Errorf(nl.CodeInternal, "id %q was not found in the Raft peer list", id)
}

func transferError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("transferring leadership: %w", err)
}

// Stand stands for election at once instead of waiting for the heartbeat
// timeout. Safety does not depend on when somebody stands.
func (c *Consensus) Stand() error {
	var resp raft.TimeoutNowResponse
	t := c.cfg.Transport
	return t.TimeoutNow(raft.ServerID(c.cfg.ID), t.LocalAddr(), &raft.TimeoutNowRequest{
		RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(c.cfg.ID), Addr: []byte(t.LocalAddr())},
	}, &resp)
}

// CommitIndex and LastIndex are how far the log is committed and written here.
func (c *Consensus) CommitIndex() uint64 { return c.raft.CommitIndex() }

// LastIndex is how far the log is written here.
func (c *Consensus) LastIndex() uint64 { return c.raft.LastIndex() }

// Term is the current term.
func (c *Consensus) Term() uint64 { return c.raft.CurrentTerm() }

// HeartbeatTimeout is how long followers wait for their leader.
func (c *Consensus) HeartbeatTimeout() time.Duration {
	return heartbeatTimeout * time.Duration(c.cfg.Multiplier)
}
