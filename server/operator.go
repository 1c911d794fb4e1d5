package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/session"
	"github.com/nomadlike/nomadlike/server/endpoint"
	"github.com/nomadlike/nomadlike/server/member"
)

// Methods that are about servers. Restoring and saving are streams of
// query.Chunk.
const (
	methodHasNode           = "Server.HasNode"
	methodPeers             = "Server.Peers"
	methodProgress          = "Server.Progress"
	methodRaftConfiguration = "Operator.RaftConfiguration" // query.OperatorGet, nl.RaftConfigurationResponse
	methodRemovePeer        = "Operator.RaftRemovePeer"
	methodTransfer          = "Operator.RaftTransfer"
	methodHealth            = "Operator.AutopilotHealth" // query.OperatorGet, nl.OperatorHealthReply
	methodSnapshotSave      = "Operator.SnapshotSave"    // query.OperatorGet
	methodSnapshotRestore   = "Operator.SnapshotRestore" // nl.WriteOptions; ends with one query.Written
)

const (
	// snapshotChunkBytes is how much of an archive one message carries.
	snapshotChunkBytes = 256 << 10
	// progressTimeout bounds asking a server how far it is.
	progressTimeout = time.Second
)

type (
	peersAsk   struct{ nl.QueryOptions }
	peersReply struct{ Peers []string } // IDs of the log's configuration

	removePeer struct {
		nl.WriteOptions
		ID, Address string
	}
	transfer struct {
		nl.WriteOptions
		ID, Address string
	}

	// progress is how far a server's log is.
	progress struct {
		LastIndex, Term uint64
		LastContact     time.Duration
		Leader          bool
	}
)

func (s *Server) ownMethods() *methods {
	m := &methods{mux: session.NewMux(), kinds: map[string]endpoint.Kind{
		methodHasNode: endpoint.Local, methodPeers: endpoint.Local, methodProgress: endpoint.Local,
		methodRaftConfiguration: endpoint.Read, methodRemovePeer: endpoint.Write, methodTransfer: endpoint.Write,
		methodHealth: endpoint.Read, methodSnapshotSave: endpoint.Read, methodSnapshotRestore: endpoint.Write,
	}}
	session.Handle(m.mux, methodHasNode, func(_ context.Context, req *hasNode, reply *hasNodeReply) error {
		_, reply.Has = s.nodes.Lookup(req.NodeID)
		return nil
	})
	session.Handle(m.mux, methodPeers, func(_ context.Context, _ *peersAsk, reply *peersReply) error {
		peers, _, err := s.consensus.Peers()
		for _, p := range peers {
			reply.Peers = append(reply.Peers, p.ID)
		}
		return err
	})
	session.Handle(m.mux, methodProgress, func(_ context.Context, _ *peersAsk, reply *progress) error {
		*reply = s.progress()
		return nil
	})
	session.Handle(m.mux, methodRaftConfiguration, s.raftConfiguration)
	session.Handle(m.mux, methodRemovePeer, s.raftRemovePeer)
	session.Handle(m.mux, methodTransfer, s.raftTransfer)
	session.Handle(m.mux, methodHealth, s.autopilotHealth)
	session.HandleStream(m.mux, methodSnapshotSave, s.snapshotSave)
	session.HandleStream(m.mux, methodSnapshotRestore, s.snapshotRestore)
	return m
}

func (s *Server) progress() progress {
	return progress{LastIndex: s.consensus.LastIndex(), Term: s.consensus.Term(), LastContact: s.consensus.LastContact(), Leader: s.consensus.IsElected()}
}

func (s *Server) raftConfiguration(_ context.Context, _ *query.OperatorGet, reply *nl.RaftConfigurationResponse) error {
	peers, index, err := s.consensus.Peers()
	if err != nil {
		return err
	}
	reply.Index = index
	reply.Servers = []*nl.RaftServer{}
	leader, _ := s.consensus.Leader()
	for _, p := range peers {
		r := &nl.RaftServer{ID: p.ID, Node: "(unknown)", Address: p.Address, Leader: p.ID == leader, Voter: p.Voter, RaftProtocol: "unknown"}
		for _, m := range s.members.Members() {
			if m.ID == p.ID {
				r.Node, r.RaftProtocol = m.Name, m.Tags["raft_vsn"]
			}
		}
		reply.Servers = append(reply.Servers, r)
	}
	return nil
}

func (s *Server) raftRemovePeer(_ context.Context, req *removePeer, _ *query.Written) error {
	peers, _, err := s.consensus.Peers()
	if err != nil {
		return err
	}
	for _, p := range peers {
		if req.ID != "" && p.ID == req.ID || req.Address != "" && p.Address == req.Address {
			return s.consensus.RemovePeer(p.ID)
		}
	}
	if req.ID != "" {
		return nl.Errorf(nl.CodeInternal, "id %q was not found in the Raft configuration", req.ID)
	}
	return nl.Errorf(nl.CodeInternal, "address %q was not found in the Raft configuration", req.Address)
}

func (s *Server) raftTransfer(_ context.Context, req *transfer, reply *nl.LeadershipTransferResponse) error {
	peers, _, err := s.consensus.Peers()
	if err != nil {
		return err
	}
	id, addr := s.consensus.Leader()
	reply.From = nl.RaftIDAddress{ID: id, Address: addr}
	for _, p := range peers {
		if req.ID != "" && p.ID == req.ID || req.Address != "" && p.Address == req.Address {
			reply.To = nl.RaftIDAddress{ID: p.ID, Address: p.Address}
		}
	}
	if reply.To.ID == "" && req.ID+req.Address != "" {
		return nl.Errorf(nl.CodeInternal, "server %q was not found in the Raft configuration", req.ID+req.Address)
	}
	if reply.To == reply.From {
		reply.Noop = true
		return nil
	}
	return s.consensus.TransferLeadership(reply.To.ID)
}

// autopilotHealth looks at every server of the region.
func (s *Server) autopilotHealth(ctx context.Context, _ *query.OperatorGet, reply *nl.OperatorHealthReply) error {
	peers, _, err := s.consensus.Peers()
	if err != nil {
		return err
	}
	conf := s.store.Snapshot().AutopilotConfig()
	own := s.progress()
	healthy := 0
	reply.Servers = []*nl.ServerHealth{}
	for _, p := range peers {
		h := &nl.ServerHealth{ID: p.ID, Address: p.Address, Voter: p.Voter, SerfStatus: "none", LastContact: "0s"}
		if m := s.member(p.ID); m != nil {
			h.Name, h.Version, h.SerfStatus = m.Name, m.Build, m.Status.String()
		}
		var at progress
		switch err := s.ask1(ctx, p.ID, p.Address, &at); {
		case err != nil:
			h.LastContact = "-1ns"
		default:
			h.LastIndex, h.LastTerm, h.Leader, h.LastContact = at.LastIndex, at.Term, at.Leader, at.LastContact.String()
			h.Healthy = h.SerfStatus == "alive" && isHealthy(conf, own, at)
		}
		if h.Healthy {
			h.StableSince = nl.Time{Time: s.cfg.Now()}
			if h.Voter {
				healthy++
			}
		}
		if h.Leader {
			reply.Leader = h.ID
		}
		if h.Voter {
			reply.Voters = append(reply.Voters, h.ID)
		}
		reply.Servers = append(reply.Servers, h)
	}
	reply.Healthy = healthy == len(reply.Voters)
	reply.FailureTolerance = max(0, healthy-(len(reply.Voters)/2+1))
	reply.OptimisticFailureTolerance = reply.FailureTolerance
	return nil
}

// isHealthy judges a server by the thresholds of the configuration.
func isHealthy(conf *nl.AutopilotConfig, leader, at progress) bool {
	limit, err := time.ParseDuration(conf.LastContactThreshold)
	if err == nil && !at.Leader && at.LastContact > limit {
		return false
	}
	return at.Term == leader.Term && at.LastIndex+conf.MaxTrailingLogs >= leader.LastIndex
}

// ask1 asks one server how far it is.
func (s *Server) ask1(ctx context.Context, id, addr string, at *progress) error {
	if id == s.id {
		*at = s.progress()
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, progressTimeout)
	defer cancel()
	to, err := s.pool.To(ctx, addr)
	if err != nil {
		return err
	}
	return to.Call(ctx, methodProgress, &peersAsk{}, at)
}

func (s *Server) member(id string) *member.Member {
	for _, m := range s.members.Members() {
		if m.ID == id {
			return &m
		}
	}
	return nil
}

// chunks writes an archive as messages of a stream.
type chunks struct{ to session.Stream }

func (c chunks) Write(b []byte) (int, error) {
	for n := 0; n < len(b); {
		part := b[n:min(n+snapshotChunkBytes, len(b))]
		if err := c.to.Send(&query.Chunk{Data: part}); err != nil {
			return n, err
		}
		n += len(part)
	}
	return len(b), nil
}

// unchunked reads an archive from the messages of a stream.
type unchunked struct {
	from session.Stream
	left []byte
}

func (u *unchunked) Read(b []byte) (int, error) {
	for len(u.left) == 0 {
		var c query.Chunk
		if err := u.from.Recv(&c); err != nil {
			return 0, err
		}
		u.left = c.Data
	}
	n := copy(b, u.left)
	u.left = u.left[n:]
	return n, nil
}

func (s *Server) snapshotSave(_ context.Context, _ *query.OperatorGet, to session.Stream) error {
	return s.consensus.Save(chunks{to}, s.cfg.Now())
}

func (s *Server) snapshotRestore(ctx context.Context, _ *nl.WriteOptions, from session.Stream) error {
	if err := s.consensus.Restore(ctx, &unchunked{from: from}); err != nil {
		return err
	}
	return from.Send(&query.Written{Index: s.store.Snapshot().Index()})
}

// SnapshotSave writes an archive of the state, made by the leader unless stale.
func (s *Server) SnapshotSave(ctx context.Context, o nl.QueryOptions, w io.Writer) error {
	from, err := s.Stream(ctx, methodSnapshotSave, &query.OperatorGet{QueryOptions: o})
	if err != nil {
		return err
	}
	defer from.Close()
	_, err = io.Copy(w, &unchunked{from: from})
	return err
}

// SnapshotRestore replaces the state of all servers by that of an archive.
func (s *Server) SnapshotRestore(ctx context.Context, o nl.WriteOptions, r io.Reader) error {
	to, err := s.Stream(ctx, methodSnapshotRestore, &o)
	if err != nil {
		return err
	}
	defer to.Close()
	if _, err := io.Copy(chunks{to}, onlyReader{r}); err != nil {
		// The other side says best why it takes no more.
		if answer := to.Recv(&query.Written{}); answer != nil && !errors.Is(answer, io.EOF) {
			return answer
		}
		return fmt.Errorf("failed to read stream: %w", err)
	}
	if err := to.CloseSend(); err != nil {
		return err
	}
	return to.Recv(&query.Written{})
}

// onlyReader hides a WriterTo, which would write pieces of any size.
type onlyReader struct{ io.Reader }

// RaftConfiguration is the log's configuration, as the leader has it.
func (s *Server) RaftConfiguration(ctx context.Context, o nl.QueryOptions) (*nl.RaftConfigurationResponse, error) {
	var reply nl.RaftConfigurationResponse
	err := s.Call(ctx, methodRaftConfiguration, &query.OperatorGet{QueryOptions: o}, &reply)
	return &reply, err
}

// RaftRemovePeer takes a server out of the log's configuration, by ID or address.
func (s *Server) RaftRemovePeer(ctx context.Context, id, address string) error {
	return s.Call(ctx, methodRemovePeer, &removePeer{ID: id, Address: address}, nil)
}

// RaftTransfer hands leadership over, to a server by ID or address if given.
func (s *Server) RaftTransfer(ctx context.Context, id, address string) (*nl.LeadershipTransferResponse, error) {
	var reply nl.LeadershipTransferResponse
	err := s.Call(ctx, methodTransfer, &transfer{ID: id, Address: address}, &reply)
	return &reply, err
}

// AutopilotHealth is how the servers of the region are.
func (s *Server) AutopilotHealth(ctx context.Context, o nl.QueryOptions) (*nl.OperatorHealthReply, error) {
	var reply nl.OperatorHealthReply
	err := s.Call(ctx, methodHealth, &query.OperatorGet{QueryOptions: o}, &reply)
	return &reply, err
}
