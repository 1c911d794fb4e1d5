package query

import (
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// NodeIdentityReply answers Node.Identity (NodeGet): what the identity of a
// node says.
type NodeIdentityReply struct {
	Claims map[string]any
	nl.QueryMeta
}

// NodeIntroduction asks for a token that lets a new client introduce itself.
// Method Node.Introduce, reply NodeIntroduced.
type NodeIntroduction struct {
	nl.WriteOptions
	NodeName string // "" for any
	NodePool string
	TTL      time.Duration
}

// NodeIntroduced answers NodeIntroduction. The token is a secret.
type NodeIntroduced struct{ JWT string }

// KeyringAnswer is what servers answered about the keys of gossip.
type KeyringAnswer struct {
	Messages map[string]string // by server, of those that had something to say
	Keys     map[string]int    // base64 key -> servers that have it
	NumNodes int
}
