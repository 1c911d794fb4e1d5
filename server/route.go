package server

import (
	"context"
	"errors"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/session"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
	"github.com/nomadlike/nomadlike/server/consensus"
	"github.com/nomadlike/nomadlike/server/endpoint"
	"github.com/nomadlike/nomadlike/server/rpc"
)

const (
	// leaderHold is how long a call waits for a leader.
	leaderHold = 5 * time.Second
	// holdPauseMin and holdPauseMax bound the pause between two looks, chosen
	// by chance so that the calls that wait do not come all at once.
	holdPauseMin = 5 * time.Millisecond
	holdPauseMax = 25 * time.Millisecond
)

var (
	errNoRegion = nl.Errorf(nl.CodeInternal, "No path to region")
	errNoNode   = nl.Errorf(nl.CodeNotFound, "No path to node")
)

// methods are handlers and where they may run.
type methods struct {
	mux   *session.Mux
	kinds map[string]endpoint.Kind
}

// call is a call on its way to where it runs. What runs it is one function for
// unary calls and another for streams; the way there is the same.
type call struct {
	method string
	req    any
	// local runs the call on this server, remote on another Caller.
	local  func(ctx context.Context, on *session.Mux, req any) error
	remote func(ctx context.Context, to session.Caller, req any) error
	// again tells that the call may be made again after it was lost under way.
	again bool
}

// Call makes a call wherever it runs: here, on the leader, on a node, or in
// another region. A request of a type that the method's handler does not take
// is decoded from its bytes.
func (s *Server) Call(ctx context.Context, method string, req, reply any) error {
	return s.route(ctx, &call{
		method: method, req: req,
		local: func(ctx context.Context, on *session.Mux, req any) error { return on.Call(ctx, method, req, reply) },
		remote: func(ctx context.Context, to session.Caller, req any) error {
			return to.Call(ctx, method, req, reply)
		},
	})
}

// Stream opens a streaming call wherever it runs.
func (s *Server) Stream(ctx context.Context, method string, req any) (session.Stream, error) {
	var out session.Stream
	err := s.route(ctx, &call{
		method: method, req: req,
		local: func(ctx context.Context, on *session.Mux, req any) (err error) {
			out, err = on.Stream(ctx, method, req)
			return err
		},
		remote: func(ctx context.Context, to session.Caller, req any) (err error) {
			out, err = to.Stream(ctx, method, req)
			return err
		},
	})
	return out, err
}

// ServeStream serves a streaming call on the stream it came on: a handler of
// this server gets that very stream.
func (s *Server) ServeStream(ctx context.Context, method string, req any, st session.Stream) error {
	// How a stream ended is no reason to look for another way to serve it.
	var ended error
	err := s.route(ctx, &call{
		method: method, req: req,
		local: func(ctx context.Context, on *session.Mux, req any) error {
			ended = on.ServeStream(ctx, method, req, st)
			return nil
		},
		remote: func(ctx context.Context, to session.Caller, req any) error {
			next, err := to.Stream(ctx, method, req)
			if err == nil {
				ended = session.Relay(st, next)
			}
			return err
		},
	})
	if err == nil {
		err = ended
	}
	return err
}

// handlers finds who answers a method on this server, and where it may run.
func (s *Server) handlers(method string) (*session.Mux, endpoint.Kind, bool) {
	if k, ok := s.own.kinds[method]; ok {
		return s.own.mux, k, true
	}
	k, ok := s.endpoints.Kind(method)
	return s.endpoints.Mux(), k, ok
}

// route brings a call to where it runs.
func (s *Server) route(ctx context.Context, c *call) error {
	if who, ok := agentMethods[c.method]; ok {
		return s.toAgent(ctx, c, who)
	}
	mux, kind, ok := s.handlers(c.method)
	if !ok {
		return nl.Errorf(nl.CodeNotFound, "unknown method %s; the agents may be of different versions", c.method)
	}
	var err error
	if kind == endpoint.OnNode {
		return s.toNode(ctx, c)
	}
	if c.req, err = mux.Request(c.method, c.req); err != nil {
		return err
	}
	region, stale := options(c.req)
	if region != "" && region != s.cfg.Region {
		return s.toRegion(ctx, c, region)
	}
	switch {
	case kind == endpoint.Local, kind == endpoint.Read && stale:
		return c.local(ctx, mux, c.req)
	case kind == endpoint.Read:
		c.again = true
	}
	if err := s.toLeader(ctx, c, mux); err != nil {
		return err
	}
	s.bindNode(ctx, c.req)
	return nil
}

// options are what the way of a call depends on.
func options(req any) (region string, stale bool) {
	switch r := req.(type) {
	case interface{ Read() *nl.QueryOptions }:
		return r.Read().Region, r.Read().Stale
	case interface{ Write() *nl.WriteOptions }:
		return r.Write().Region, false
	}
	return "", false
}

// bindNode remembers a node that has just proved itself to the leader through
// this server: it is here that the node is connected.
func (s *Server) bindNode(ctx context.Context, req any) {
	switch r := req.(type) {
	case *query.NodeRegister:
		s.nodes.Bind(ctx, r.Node.ID)
	case *query.NodeHeartbeat:
		s.nodes.Bind(ctx, r.NodeID)
	}
}

// toLeader runs a call here when this server leads, or else on the leader. It
// waits for a leader, and tries again as long as nothing has been done.
func (s *Server) toLeader(ctx context.Context, c *call, mux *session.Mux) error {
	err := consensus.ErrNotLeader
	for deadline := time.Now().Add(leaderHold); ; {
		switch addr := s.consensus.LeaderAddr(); {
		case s.consensus.IsLeader():
			err = c.local(ctx, mux, c.req)
		case s.consensus.IsElected():
			err = consensus.ErrNotReady
		case rpc.Forwarded(ctx):
			return consensus.ErrNotLeader // the server that forwarded it looks for another
		case addr == "" || addr == s.listener.Addr():
			err = consensus.ErrNotLeader
		default:
			err = s.toServer(ctx, c, addr)
		}
		if !mayRetry(err, c.again) || !time.Now().Before(deadline) {
			return err
		}
		if !s.pause(ctx) {
			return err
		}
	}
}

// mayRetry tells whether a call that failed so was not done, or may be done twice.
func mayRetry(err error, again bool) bool {
	var lost *session.LostError
	if errors.As(err, &lost) {
		return again || !lost.Sent
	}
	return err != nil && consensus.IsNotLeader(err)
}

// pause waits a moment; false when ctx ended.
func (s *Server) pause(ctx context.Context) bool {
	d := holdPauseMin + time.Duration(s.cfg.Jitter()*float64(holdPauseMax-holdPauseMin))
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// toServer runs a call on another server.
func (s *Server) toServer(ctx context.Context, c *call, addr string) error {
	to, err := s.pool.To(ctx, addr)
	if err != nil {
		return err
	}
	return c.remote(rpc.WithForwarded(ctx), to, c.req)
}

// toRegion runs a call on a server of another region, where its leader rules
// apply. It tries every server there once, from a random one on.
func (s *Server) toRegion(ctx context.Context, c *call, region string) error {
	servers := s.members.Region(region)
	if len(servers) == 0 {
		return errNoRegion
	}
	first := int(s.cfg.Jitter() * float64(len(servers)))
	for i := range servers {
		to, err := s.pool.To(ctx, servers[(first+i)%len(servers)].RPCAddr)
		if err != nil {
			continue
		}
		// Not marked as forwarded: that server may still have to go to its leader.
		err = c.remote(ctx, to, c.req)
		var lost *session.LostError
		if errors.As(err, &lost) && !lost.Sent {
			continue
		}
		return err
	}
	return errNoRegion
}

// target reads where a call on a node goes, whatever form the request has.
func target(req any) (t query.OnNode, err error) {
	switch r := req.(type) {
	case interface {
		Route() (nodeID, allocID string)
		Read() *nl.QueryOptions
	}:
		t.QueryOptions = *r.Read()
		t.NodeID, t.AllocID = r.Route()
		return t, nil
	case session.Raw:
		err = wire.Decode(r, &t)
	case *session.Raw:
		err = wire.Decode(*r, &t)
	default:
		return t, nl.Errorf(nl.CodeInvalid, "a request of type %T does not say which node it is for", req)
	}
	if err != nil {
		return t, nl.Errorf(nl.CodeInvalid, "the request cannot be read: %s", err)
	}
	return t, nil
}
