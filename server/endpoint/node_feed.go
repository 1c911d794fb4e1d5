package endpoint

import (
	"context"
	"slices"
	"sync"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/session"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

const (
	// nodeAllocsWait is how long a node's stream stays silent at most.
	nodeAllocsWait = 60 * time.Second
	// feedPendingMax is how many changes wait for a node that does not read; one
	// that is further behind is told everything anew.
	feedPendingMax = 4096
	// feedJobsMax is how many job versions are kept encoded, and how many a node
	// is remembered to have been sent; beyond, some are encoded or sent again.
	feedJobsMax = 4096
)

// allocFeeds gathers from the commits what streams to nodes have to tell, so
// that nobody looks through the allocations of a node for what has changed.
type allocFeeds struct {
	mu     sync.Mutex
	byNode map[string][]*allocFeed

	encoding sync.Mutex
	encoded  map[jobVersion]feedJob
	last     uint32 // number given to a job
}

// feedJob is a job as nodes are sent it, with a number by which feeds remember
// that they sent it: there are as many of these as nodes times their jobs.
type feedJob struct {
	number uint32
	told   *query.NodeJob
}

// allocFeed is one stream to a node.
type allocFeed struct {
	woken   chan struct{}       // room for one
	pending []allocChange       // guarded by allocFeeds.mu
	reset   bool                // guarded by allocFeeds.mu: pending is not all of it
	jobs    map[uint32]struct{} // numbers of those that the node was sent
}

// jobVersion names a version of a job; two incarnations of a purged job differ
// by their create index.
type jobVersion struct {
	namespace, id    string
	created, version uint64
}

func versionOf(j *nl.Job) jobVersion {
	return jobVersion{j.Namespace, j.ID, j.CreateIndex, j.Version}
}

// allocChange is an allocation as it became; one that is gone is its ID only.
type allocChange struct {
	index uint64
	id    string
	alloc *nl.Alloc // nil: gone
}

func newAllocFeeds() *allocFeeds {
	return &allocFeeds{byNode: map[string][]*allocFeed{}, encoded: map[jobVersion]feedJob{}}
}

// job is a job for nodes, encoded for the first of them.
func (fs *allocFeeds) job(j *nl.Job) (feedJob, error) {
	fs.encoding.Lock()
	defer fs.encoding.Unlock()
	key := versionOf(j)
	if known, found := fs.encoded[key]; found {
		return known, nil
	}
	told, err := query.NewNodeJob(j)
	if err != nil {
		return feedJob{}, err
	}
	if len(fs.encoded) >= feedJobsMax {
		clear(fs.encoded)
	}
	fs.last++
	made := feedJob{fs.last, told}
	fs.encoded[key] = made
	return made, nil
}

// open begins a feed. What is committed from then on is in it.
func (fs *allocFeeds) open(nodeID string) *allocFeed {
	f := &allocFeed{woken: make(chan struct{}, 1), reset: true, jobs: map[uint32]struct{}{}}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.byNode[nodeID] = append(fs.byNode[nodeID], f)
	return f
}

func (fs *allocFeeds) close(nodeID string, f *allocFeed) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	left := slices.DeleteFunc(fs.byNode[nodeID], func(o *allocFeed) bool { return o == f })
	if len(left) == 0 {
		delete(fs.byNode, nodeID)
		return
	}
	fs.byNode[nodeID] = left
}

// commit is the store's hook. What a node itself reported is not told to it:
// such a change leaves AllocModifyIndex as it was.
func (fs *allocFeeds) commit(c store.Commit) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if len(fs.byNode) == 0 {
		return
	}
	if c.Replaced {
		for _, feeds := range fs.byNode {
			for _, f := range feeds {
				f.startOver()
			}
		}
		return
	}
	for i := range c.Changes {
		if c.Changes[i].Table != store.TableAllocs {
			continue
		}
		before, _ := c.Changes[i].Before.(*nl.Alloc)
		after, _ := c.Changes[i].After.(*nl.Alloc)
		switch {
		case after == nil && before != nil:
			fs.tell(before.NodeID, allocChange{c.Index, before.ID, nil})
		case after != nil && (before == nil || before.AllocModifyIndex != after.AllocModifyIndex):
			fs.tell(after.NodeID, allocChange{c.Index, after.ID, after})
			if before != nil && before.NodeID != after.NodeID {
				fs.tell(before.NodeID, allocChange{c.Index, before.ID, nil})
			}
		}
	}
}

func (fs *allocFeeds) tell(nodeID string, ch allocChange) {
	for _, f := range fs.byNode[nodeID] {
		switch {
		case f.reset:
		case len(f.pending) >= feedPendingMax:
			f.startOver()
		default:
			f.pending = append(f.pending, ch)
			f.wake()
		}
	}
}

func (f *allocFeed) startOver() {
	f.pending, f.reset = nil, true
	f.wake()
}

func (f *allocFeed) wake() {
	select {
	case f.woken <- struct{}{}:
	default:
	}
}

// take gives what has gathered; reset says that the state is to be told anew.
// A snapshot taken afterwards holds all that was gathered before.
func (fs *allocFeeds) take(f *allocFeed) (changes []allocChange, reset bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	changes, reset = f.pending, f.reset
	f.pending, f.reset = nil, false
	return changes, reset
}

// NodeFeed is a node's stream of allocations, for a caller that waits by other
// means than a goroutine.
type NodeFeed struct {
	e     *Endpoints
	node  string
	feed  *allocFeed
	index uint64
}

// OpenFeed begins a stream of a node's allocations; Close ends it.
func (e *Endpoints) OpenFeed(nodeID, secret string) (*NodeFeed, error) {
	if _, err := e.authNode(nodeID, secret); err != nil {
		return nil, err
	}
	return &NodeFeed{e: e, node: nodeID, feed: e.feeds.open(nodeID)}, nil
}

// Close ends the stream.
func (n *NodeFeed) Close() { n.e.feeds.close(n.node, n.feed) }

// Woken tells whether something has changed since it was asked last.
func (n *NodeFeed) Woken() bool {
	select {
	case <-n.feed.woken:
		return true
	default:
		return false
	}
}

// Next is what the node was not told yet: everything at first, then what has
// changed, which may be nothing.
func (n *NodeFeed) Next() (*query.NodeAllocChanges, error) {
	changes, reset := n.e.feeds.take(n.feed)
	var msg *query.NodeAllocChanges
	if reset {
		msg = n.feed.everything(n.e.snapshot(), n.node)
	} else {
		msg = n.feed.message(changes, n.index)
	}
	n.index = max(n.index, msg.Index)
	return msg, n.e.feeds.addJobs(n.feed, msg)
}

// nodeAllocs streams a node its allocations: all of them first, then what
// changes.
func (e *Endpoints) nodeAllocs(ctx context.Context, req *query.NodeAllocs, stream session.Stream) error {
	n, err := e.OpenFeed(req.NodeID, req.SecretID)
	if err != nil {
		return err
	}
	defer n.Close()
	e.cfg.Nodes.Bind(ctx, req.NodeID)
	timer := time.NewTimer(nodeAllocsWait)
	defer timer.Stop()
	for {
		msg, err := n.Next()
		if err != nil {
			return err
		}
		// An empty message tells a broken connection from a quiet one.
		if err := stream.Send(msg); err != nil {
			return err
		}
		timer.Reset(nodeAllocsWait)
		select {
		case <-n.feed.woken:
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *allocFeed) everything(s *store.Snapshot, nodeID string) *query.NodeAllocChanges {
	clear(f.jobs)
	msg := &query.NodeAllocChanges{Index: s.Index(), Reset: true}
	msg.Allocs = slices.AppendSeq(msg.Allocs, s.AllocsByNode(nodeID))
	return msg
}

// message tells changes after index; of an allocation that changed twice, the
// last.
func (f *allocFeed) message(changes []allocChange, index uint64) *query.NodeAllocChanges {
	msg := &query.NodeAllocChanges{Index: index}
	var last map[string]int
	if len(changes) > 1 {
		last = make(map[string]int, len(changes))
		for i := range changes {
			last[changes[i].id] = i
		}
	}
	for i, ch := range changes {
		if ch.index <= index || last != nil && last[ch.id] != i {
			continue
		}
		msg.Index = max(msg.Index, ch.index)
		if ch.alloc == nil {
			msg.Removed = append(msg.Removed, ch.id)
			continue
		}
		msg.Allocs = append(msg.Allocs, ch.alloc)
	}
	return msg
}

// addJobs puts into a message the jobs of its allocations that the node was not
// sent yet.
func (fs *allocFeeds) addJobs(f *allocFeed, msg *query.NodeAllocChanges) error {
	for _, a := range msg.Allocs {
		if a.Job == nil {
			continue
		}
		job, err := fs.job(a.Job)
		if err != nil {
			return err
		}
		if _, sent := f.jobs[job.number]; sent {
			continue
		}
		if len(f.jobs) >= feedJobsMax {
			clear(f.jobs)
		}
		f.jobs[job.number] = struct{}{}
		msg.Jobs = append(msg.Jobs, job.told)
	}
	return nil
}
