package endpoint

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
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
	// feedBurst and feedRate are how many messages, and how many in each second
	// beyond, go out as soon as there is news: a large job on an idle server
	// starts at once, and what is sent so for ever costs a few percent of a core.
	feedBurst = 8192
	feedRate  = 4096
	// feedGather is how long news gathers beyond that: when thousands of
	// allocations a second are placed over thousands of nodes, a message then
	// carries two or three of them, and so does the node's report. To an
	// allocation that came with so many others it is a small part of its wait.
	feedGather = 400 * time.Millisecond
	// feedTick is how much earlier than that news may go, so that few timers fire.
	feedTick = 10 * time.Millisecond
	// feedResetsMax is how many streams are told everything at a time. Once a
	// leader or the state is new, all nodes ask for it, and what thousands of
	// nodes run, with the jobs of it, is some megabytes for each.
	feedResetsMax = 64
	// feedResetTime is how long a stream keeps others from their turn at most: a
	// node that does not read holds up nobody.
	feedResetTime = 10 * time.Second
	// feedKept is how many changes, allocations and jobs a stream has room for
	// while there is nothing to tell; it is seldom told more at once.
	feedKept = 64
)

// allocFeeds gathers from the commits what streams to nodes have to tell, so
// that nobody looks through the allocations of a node for what has changed.
type allocFeeds struct {
	resets chan struct{} // one for each stream that is told everything

	mu     sync.Mutex
	byNode map[string][]*allocFeed
	pace   pace

	encoding sync.Mutex
	encoded  map[jobVersion]*feedJob
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
	woken chan struct{} // room for one
	paced bool          // news may gather
	jobs  []uint32      // numbers of those that the node was sent, in order

	// Guarded by allocFeeds.mu.
	pending []allocChange
	reset   bool // pending is not all of it
	queued  bool // in pace.queue
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
	job   *feedJob  // of alloc; nil: not known yet
}

func newAllocFeeds() *allocFeeds {
	return &allocFeeds{resets: make(chan struct{}, feedResetsMax), byNode: map[string][]*allocFeed{}, encoded: map[jobVersion]*feedJob{}}
}

// job is a job for nodes, encoded for the first of them.
func (fs *allocFeeds) job(j *nl.Job) (*feedJob, error) {
	fs.encoding.Lock()
	defer fs.encoding.Unlock()
	key := versionOf(j)
	if known := fs.encoded[key]; known != nil {
		return known, nil
	}
	told, err := query.NewNodeJob(j)
	if err != nil {
		return nil, err
	}
	if len(fs.encoded) >= feedJobsMax {
		clear(fs.encoded)
	}
	fs.last++
	made := &feedJob{fs.last, told}
	fs.encoded[key] = made
	return made, nil
}

// open begins a feed. What is committed from then on is in it.
func (fs *allocFeeds) open(nodeID string, paced bool) *allocFeed {
	f := &allocFeed{woken: make(chan struct{}, 1), paced: paced, reset: true}
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
	fs.pace.now = time.Now()
	if c.Replaced {
		for _, feeds := range fs.byNode {
			for _, f := range feeds {
				f.startOver()
			}
		}
		return
	}
	// A plan's allocations are of one job, which is looked up for all of them.
	var job *nl.Job
	var told *feedJob
	for i := range c.Changes {
		if c.Changes[i].Table != store.TableAllocs {
			continue
		}
		before, _ := c.Changes[i].Before.(*nl.Alloc)
		after, _ := c.Changes[i].After.(*nl.Alloc)
		switch {
		case after == nil && before != nil:
			fs.tell(before.NodeID, allocChange{index: c.Index, id: before.ID})
		case after != nil && (before == nil || before.AllocModifyIndex != after.AllocModifyIndex):
			if after.Job != job {
				if job, told = after.Job, nil; job != nil {
					told, _ = fs.job(job) // the stream looks again, and tells what is wrong
				}
			}
			fs.tell(after.NodeID, allocChange{c.Index, after.ID, after, told})
			if before != nil && before.NodeID != after.NodeID {
				fs.tell(before.NodeID, allocChange{index: c.Index, id: before.ID})
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
			if len(f.pending) > 1 || f.queued {
				continue // it is awake already, or will be
			}
			if !f.paced || fs.pace.spend() {
				f.wake()
				continue
			}
			fs.gather(f)
		}
	}
}

// pace says which news goes out at once and which gathers. All of it is guarded
// by allocFeeds.mu.
type pace struct {
	now    time.Time // of the commit
	spent  float64   // messages that went out at once and do not count as past yet
	at     time.Time // when that was so
	queue  []gathering
	ticker *time.Timer // runs while queue is not empty
}

// gathering is a feed that has news for later.
type gathering struct {
	feed *allocFeed
	due  time.Time
}

// spend tells whether one more message may go out at once.
func (p *pace) spend() bool {
	p.spent = max(p.spent-feedRate*p.now.Sub(p.at).Seconds(), 0)
	p.at = p.now
	if p.spent >= feedBurst {
		return false
	}
	p.spent++
	return true
}

// gather has a feed woken later.
func (fs *allocFeeds) gather(f *allocFeed) {
	p := &fs.pace
	f.queued = true
	p.queue = append(p.queue, gathering{f, p.now.Add(feedGather)})
	switch {
	case len(p.queue) > 1:
	case p.ticker == nil:
		p.ticker = time.AfterFunc(feedGather, fs.release)
	default:
		p.ticker.Reset(feedGather)
	}
}

// release wakes the feeds whose news has gathered for long enough.
func (fs *allocFeeds) release() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	p := &fs.pace
	now := time.Now()
	n := 0
	for ; n < len(p.queue) && p.queue[n].due.Sub(now) < feedTick; n++ {
		p.queue[n].feed.queued = false
		p.queue[n].feed.wake()
	}
	p.queue = slices.Delete(p.queue, 0, n)
	if len(p.queue) > 0 {
		p.ticker.Reset(p.queue[0].due.Sub(now))
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
// A snapshot taken afterwards holds all that was gathered before. Further
// changes gather in room.
func (fs *allocFeeds) take(f *allocFeed, room []allocChange) (changes []allocChange, reset bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	changes, reset = f.pending, f.reset
	f.pending, f.reset = room, false
	return changes, reset
}

// NodeFeed is a node's stream of allocations, for a caller that waits by other
// means than a goroutine.
type NodeFeed struct {
	e     *Endpoints
	node  string
	feed  *allocFeed
	index uint64
	room  []allocChange // for changes to gather in
}

// OpenFeed begins a stream of a node's allocations; Close ends it. News does
// not gather: every commit with any wakes it.
func (e *Endpoints) OpenFeed(nodeID, secret string) (*NodeFeed, error) {
	return e.openFeed(nodeID, secret, false)
}

func (e *Endpoints) openFeed(nodeID, secret string, paced bool) (*NodeFeed, error) {
	if _, err := e.authNode(nodeID, secret); err != nil {
		return nil, err
	}
	return &NodeFeed{e: e, node: nodeID, feed: e.feeds.open(nodeID, paced)}, nil
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
	msg := new(query.NodeAllocChanges)
	_, err := n.next(msg)
	return msg, err
}

// next makes a message of what the node was not told yet, and tells whether it
// says anything. It uses the room that the last one took.
func (n *NodeFeed) next(msg *query.NodeAllocChanges) (news bool, err error) {
	clear(msg.Jobs)
	clear(msg.Allocs)
	*msg = query.NodeAllocChanges{Index: n.index, Jobs: msg.Jobs[:0], Allocs: msg.Allocs[:0]}
	changes, reset := n.e.feeds.take(n.feed, n.room)
	if n.room = nil; reset {
		err = n.e.feeds.everything(n.feed, msg, n.e.snapshot(), n.node)
	} else {
		err = n.e.feeds.message(n.feed, msg, changes)
		if cap(changes) <= feedKept {
			clear(changes)
			n.room = changes[:0]
		}
	}
	n.index = max(n.index, msg.Index)
	return reset || len(msg.Allocs)+len(msg.Removed) > 0, err
}

// nodeAllocs streams a node its allocations: all of them first, then what
// changes.
func (e *Endpoints) nodeAllocs(ctx context.Context, req *query.NodeAllocs, stream session.Stream) error {
	n, err := e.openFeed(req.NodeID, req.SecretID, true)
	if err != nil {
		return err
	}
	defer n.Close()
	e.cfg.Nodes.Bind(ctx, req.NodeID)
	// One channel tells of everything there may be to do, which costs thousands
	// of streams less than to choose between several.
	defer context.AfterFunc(ctx, n.feed.wake)()
	var rang atomic.Bool
	timer := time.AfterFunc(nodeAllocsWait, func() {
		rang.Store(true)
		n.feed.wake()
	})
	defer timer.Stop()
	var msg query.NodeAllocChanges
	for last := time.Now(); ; <-n.feed.woken {
		if err := ctx.Err(); err != nil {
			return err
		}
		told, err := e.feeds.turn(ctx, n.feed)
		if err != nil {
			return err
		}
		news, err := n.next(&msg)
		if err != nil {
			told()
			return err
		}
		now := time.Now()
		quiet := false
		if rang.Swap(false) {
			quiet = now.Sub(last) >= nodeAllocsWait
			wait := nodeAllocsWait
			if !news && !quiet {
				wait -= now.Sub(last)
			}
			timer.Reset(wait)
		}
		// An empty message tells a broken connection from a quiet one.
		if !news && !quiet {
			told()
			continue
		}
		err = stream.Send(&msg)
		told()
		if err != nil {
			return err
		}
		last = now
		if cap(msg.Allocs) > feedKept {
			msg = query.NodeAllocChanges{}
		}
	}
}

// turn waits until the feed may tell everything, if that is what it has to do
// next. told is called once it has, or has not.
func (fs *allocFeeds) turn(ctx context.Context, f *allocFeed) (told func(), err error) {
	fs.mu.Lock()
	reset := f.reset
	fs.mu.Unlock()
	if !reset {
		return func() {}, nil
	}
	select {
	case fs.resets <- struct{}{}:
		over := sync.OnceFunc(func() { <-fs.resets })
		late := time.AfterFunc(feedResetTime, over)
		return func() { late.Stop(); over() }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// everything tells all there is.
func (fs *allocFeeds) everything(f *allocFeed, msg *query.NodeAllocChanges, s *store.Snapshot, nodeID string) error {
	f.jobs = f.jobs[:0]
	msg.Index, msg.Reset = s.Index(), true
	for a := range s.AllocsByNode(nodeID) {
		if err := fs.add(f, msg, a, nil); err != nil {
			return err
		}
	}
	return nil
}

// message tells changes after the message's index; of an allocation that
// changed twice, the last.
func (fs *allocFeeds) message(f *allocFeed, msg *query.NodeAllocChanges, changes []allocChange) error {
	index := msg.Index
	var last map[string]int
	if len(changes) > feedKept {
		last = make(map[string]int, len(changes))
		for i := range changes {
			last[changes[i].id] = i
		}
	}
	for i := range changes {
		ch := &changes[i]
		again := last != nil && last[ch.id] != i ||
			last == nil && slices.ContainsFunc(changes[i+1:], func(o allocChange) bool { return o.id == ch.id })
		if ch.index <= index || again {
			continue
		}
		msg.Index = max(msg.Index, ch.index)
		if ch.alloc == nil {
			msg.Removed = append(msg.Removed, ch.id)
			continue
		}
		if err := fs.add(f, msg, ch.alloc, ch.job); err != nil {
			return err
		}
	}
	return nil
}

// add puts an allocation into a message, and its job unless the node was sent
// that already.
func (fs *allocFeeds) add(f *allocFeed, msg *query.NodeAllocChanges, a *nl.Alloc, job *feedJob) (err error) {
	msg.Allocs = append(msg.Allocs, a)
	if a.Job == nil {
		return nil
	}
	if job == nil {
		if job, err = fs.job(a.Job); err != nil {
			return err
		}
	}
	at, sent := slices.BinarySearch(f.jobs, job.number)
	if sent {
		return nil
	}
	if f.jobs == nil {
		f.jobs = make([]uint32, 0, feedKept)
	}
	if len(f.jobs) >= feedJobsMax {
		f.jobs, at = f.jobs[:0], 0
	}
	f.jobs = slices.Insert(f.jobs, at, job.number)
	msg.Jobs = append(msg.Jobs, job.told)
	return nil
}
