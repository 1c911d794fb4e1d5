package session

import (
	"context"
	"maps"
	"net"
)

// PeerInfo is who is at the other end of a session. Addr is known from the
// start; the rest after the peer has proved who it is.
type PeerInfo struct {
	NodeID string // set for a node
	Server string // ID of a server, set for a server
	Addr   net.Addr
}

// These hold what a call carries in its context.
type (
	callKey   struct{}
	metaKey   struct{}
	urgentKey struct{}
)

// callInfo is what a served call's context knows about how it arrived.
type callInfo struct {
	session *Session
	back    Caller
	done    <-chan struct{}
	urgent  bool
	meta    map[string]string
}

// Peer is who called; the zero value when the call came from this process.
func Peer(ctx context.Context) PeerInfo {
	if c, ok := ctx.Value(callKey{}).(*callInfo); ok && c.session != nil {
		return c.session.Peer()
	}
	return PeerInfo{}
}

// From is the session a served call came over; nil for one from this process.
func From(ctx context.Context) *Session {
	if c, ok := ctx.Value(callKey{}).(*callInfo); ok {
		return c.session
	}
	return nil
}

// Back is how to call whoever made the call that ctx serves, until done.
func Back(ctx context.Context) (back Caller, done <-chan struct{}, ok bool) {
	c, ok := ctx.Value(callKey{}).(*callInfo)
	switch {
	case !ok:
		return nil, nil, false
	case c.session != nil:
		return c.session, c.session.Done(), true
	default:
		return c.back, c.done, c.back != nil
	}
}

// WithBack marks calls made in this process with the way to call their maker
// back, as a session does by itself.
func WithBack(ctx context.Context, back Caller, done <-chan struct{}) context.Context {
	return context.WithValue(ctx, callKey{}, &callInfo{back: back, done: done})
}

// WithMeta adds a value that travels with the calls made under ctx.
func WithMeta(ctx context.Context, key, value string) context.Context {
	old, _ := ctx.Value(metaKey{}).(map[string]string)
	m := maps.Clone(old)
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return context.WithValue(ctx, metaKey{}, m)
}

// outgoingMeta is what travels with calls made under ctx.
func outgoingMeta(ctx context.Context) map[string]string {
	m, _ := ctx.Value(metaKey{}).(map[string]string)
	return m
}

// Meta is a value that travelled with the call that ctx serves.
func Meta(ctx context.Context, key string) string {
	if c, ok := ctx.Value(callKey{}).(*callInfo); ok {
		return c.meta[key]
	}
	return ""
}

// WithUrgent marks calls made under ctx as urgent: on a session they and their
// replies go before all others, as long as they are small, and they have slots
// of their own. It is for what tells that somebody is alive, which must not wait
// for what somebody has to tell.
func WithUrgent(ctx context.Context) context.Context {
	return context.WithValue(ctx, urgentKey{}, true)
}

// Urgent tells whether calls made under ctx are urgent: so are those made on
// behalf of an urgent call, as when it is passed on.
func Urgent(ctx context.Context) bool {
	if c, ok := ctx.Value(callKey{}).(*callInfo); ok && c.urgent {
		return true
	}
	urgent, _ := ctx.Value(urgentKey{}).(bool)
	return urgent
}
