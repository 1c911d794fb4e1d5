// Package query holds what is asked and answered between agents: requests for
// reads, requests for writes before they become ops, and the calls between
// servers and nodes. It has no behaviour.
package query

import (
	"fmt"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// NodeRegister registers a node, or its changed fingerprint. The node's
// SecretID authenticates it from then on: the first registration of an ID
// fixes its secret.
// Method Node.Register, reply NodeUpdate.
type NodeRegister struct {
	nl.WriteOptions
	Node *nl.Node
}

// NodeHeartbeat keeps a node alive and tells its status.
// Method Node.Heartbeat, reply NodeUpdate.
type NodeHeartbeat struct {
	nl.WriteOptions
	NodeID   string
	SecretID string
	Status   string // "" is ready
}

// NodeUpdate answers registrations and heartbeats.
type NodeUpdate struct {
	Index        uint64
	HeartbeatTTL time.Duration // see BeatPause; the server adds its grace
	Servers      []Server
	Eligibility  string
	// Features are what every server supports, for nodes newer than servers.
	Features uint64
}

// BeatPause is how long a node waits after an answer that came after took and
// granted ttl. That began when the servers heard of the node, some time before:
// a slow answer does not make the next heartbeat late. Servers that take longer
// than what they grant are not asked without a pause.
func BeatPause(ttl, took time.Duration) time.Duration {
	return max(ttl-max(took, 0), ttl/2, time.Millisecond)
}

// Server is where a node may dial.
type Server struct {
	ID, Name, Datacenter string
	RPCAddr              string // host:port
	Leader               bool
}

// NodeAllocUpdates takes a batch of status from a node.
// Method Node.UpdateAllocs, reply Written.
type NodeAllocUpdates struct {
	nl.WriteOptions
	NodeID   string
	SecretID string
	Updates  []*nl.AllocUpdate
}

// Written answers a write that has nothing else to tell.
type Written struct{ Index uint64 }

// NodeAllocs opens the stream of a node's allocations. The first message is
// everything (Reset); what follows are changes.
// Method Node.Allocs (stream of NodeAllocChanges).
type NodeAllocs struct {
	nl.QueryOptions
	NodeID   string
	SecretID string
}

// NodeAllocChanges is one message of that stream. Jobs come before the first
// allocation that needs them and are not repeated on the stream; allocations
// name theirs by (Namespace, JobID, JobVersion).
type NodeAllocChanges struct {
	Index   uint64
	Reset   bool       // Allocs is all there is; what is not in it is to be removed
	Jobs    []*NodeJob // versions that Allocs refer to and the node was not sent yet
	Allocs  wire.AllocList
	Removed []string // allocation IDs the servers no longer know
}

// NodeJob is a version of a job on its way to nodes. It is encoded once for all
// of them, and a node that has it need not decode it.
type NodeJob struct {
	Namespace, ID  string
	Version        uint64
	JobModifyIndex uint64
	Encoded        []byte // shared with others: never changed
}

// NewNodeJob encodes a job.
func NewNodeJob(j *nl.Job) (*NodeJob, error) {
	b, err := wire.Encode(j)
	if err != nil {
		return nil, fmt.Errorf("encoding version %d of job %q for nodes: %w", j.Version, j.ID, err)
	}
	return &NodeJob{Namespace: j.Namespace, ID: j.ID, Version: j.Version, JobModifyIndex: j.JobModifyIndex, Encoded: b}, nil
}

// Job decodes the job.
func (n *NodeJob) Job() (*nl.Job, error) {
	j := new(nl.Job)
	if err := wire.Decode(n.Encoded, j); err != nil {
		return nil, fmt.Errorf("decoding version %d of job %q: %w", n.Version, n.ID, err)
	}
	return j, nil
}

// NodeServices registers or removes service instances of a node.
// Method Node.UpdateServices, reply Written.
type NodeServices struct {
	nl.WriteOptions
	NodeID   string
	SecretID string
	Upsert   []*nl.ServiceRegistration
	Delete   []string // registration IDs
}

// NodeEvents adds events to a node.
// Method Node.AddEvents, reply Written.
type NodeEvents struct {
	nl.WriteOptions
	NodeID   string
	SecretID string
	Events   []*nl.NodeEvent
}

// SignIdentities asks for the workload identities of allocations of the node.
// Method Node.SignIdentities, reply SignedIdentities.
type SignIdentities struct {
	nl.WriteOptions
	NodeID   string
	SecretID string
	Wanted   []IdentityWanted
}

// IdentityWanted names one identity of one task.
type IdentityWanted struct {
	AllocID, Task, Identity string // Identity "default" is the default one
}

// SignedIdentities carries tokens in the order asked.
type SignedIdentities struct {
	Tokens []SignedIdentity
}

// SignedIdentity is one token. The token is a secret.
type SignedIdentity struct {
	IdentityWanted
	JWT     string
	Expires nl.Time // unset: never
	Error   string  // why there is none
}
