package nomadlike

import "time"

// QueryMeta is what an answer to a read tells about the state it was read
// from. Types that embed it show it in their JSON.
type QueryMeta struct {
	Index       uint64        // state index of the answered data; 0 only when unknown
	LastContact time.Duration // ns since the answering server heard from the leader; 0 on the leader
	KnownLeader bool
	NextToken   string // where the next page starts; "" on the last
}

// WriteMeta is what an answer to a write tells: the index of its commit.
type WriteMeta struct {
	Index uint64
}

// QueryOptions select and bound a read.
type QueryOptions struct {
	Region    string // "" is the receiving server's region
	Namespace string // "" is "default"; "*" is every namespace the token may read
	AuthToken string // secret of the caller; never logged
	Stale     bool   // any server may answer

	MinIndex uint64        // block until the data's index exceeds it; 0 does not block
	MaxWait  time.Duration // bound on blocking; 0 is 300 s, which is also the most

	Prefix    string
	Filter    string // go-bexpr expression over the stored object
	PerPage   int    // 0 is everything
	NextToken string
	Reverse   bool
}

// WriteOptions address a write.
type WriteOptions struct {
	Region    string
	Namespace string
	AuthToken string // secret of the caller; never logged
}

// Read is how a router of calls sees the options of any read request that
// embeds them.
func (o *QueryOptions) Read() *QueryOptions { return o }

// Write is how a router of calls sees the options of any write request that
// embeds them.
func (o *WriteOptions) Write() *WriteOptions { return o }
