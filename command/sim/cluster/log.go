package cluster

import (
	"bytes"
	"context"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/nomadlike/nomadlike/command/sim/check"
	"github.com/nomadlike/nomadlike/command/sim/world"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
	"github.com/nomadlike/nomadlike/server/consensus"
	"github.com/nomadlike/nomadlike/server/endpoint"
)

// Times of the log, as the real one has them.
const (
	pulseEvery  = 100 * time.Millisecond // leaders look after followers
	leaseMax    = 250 * time.Millisecond // a leader without a majority steps down
	electionMin = 300 * time.Millisecond
	electionMax = 900 * time.Millisecond
	resendAfter = 500 * time.Millisecond // a message without an answer
	syncMin     = 100 * time.Microsecond
	syncMax     = 3 * time.Millisecond
	// trailing entries are kept behind a snapshot for slow followers.
	trailing = 32
)

var (
	errLost = errors.New("leadership lost while committing log; whether the write was kept is not known")
	errDown = errors.New("the server is shutting down")
)

// entry is one entry of the log; that with number i on disk has index i+1.
// Without data it begins a term.
type entry struct {
	term uint64
	data []byte
	sum  uint64 // of data
	// decided is how much of the log its proposer had applied.
	decided uint64
	op      op.Op // data, decoded by the first server that applied it
}

// snapshotFile is a snapshot on disk. It is written down only when somebody
// reads it, which is seldom: a state does not change.
type snapshotFile struct {
	server int
	index  uint64
	term   uint64 // of the last entry that it holds
	state  *store.Snapshot
	data   []byte // nil: not yet
}

// saveEvery is every how many indexes a snapshot is written down at once, for
// checkers, by all servers that save at that index.
const saveEvery = 8

// write gives the bytes of a snapshot.
func (c *Cluster) write(f *snapshotFile) []byte {
	if f.data == nil {
		var b bytes.Buffer
		if err := f.state.Save(&b); err != nil {
			c.fail(err)
		}
		f.data = b.Bytes()
		c.observe(check.Saved{Server: f.server, Snapshot: f.state, Data: f.data})
	}
	return f.data
}

// replica is the log of one server: what is on its disk, and how far it got.
type replica struct {
	disk world.Disk[*entry]
	snap *snapshotFile
	term uint64
	// dropped is the term of the last entry that was dropped from the front of
	// the disk: what tells whether another log has the same one.
	dropped uint64

	commit, applied uint64
	saving          bool
}

// follower is what the leader knows of another server.
type follower struct {
	match  uint64        // entries it has on disk, as far as it said so
	busy   bool          // a message is under way
	sent   time.Duration // when it left
	commit uint64        // highest commit index that it has heard of, as far as it said so
}

// proposal waits for the log.
type proposal struct {
	process *world.Process
	sum     uint64
	result  endpoint.Result
	err     error
	done    bool
}

// sequencer is a model of consensus: it elects leaders, has a majority of the
// disks keep an entry before it counts as committed, and brings the entries to
// every server in order. Leaders are lost by crashes, partitions, or for no
// reason; then proposals end without anybody knowing whether they were kept,
// and some were. It knows all servers at once, where the real one sends
// messages, only in deciding elections.
type sequencer struct {
	c         *Cluster
	random    *rand.Rand
	replicas  []*replica
	leader    int // -1 is none
	term      uint64
	ready     bool // the leader has applied everything that was committed before
	began     uint64
	followers []*follower
	waiting   map[uint64]*proposal // of the leader, by index
	flushing  bool
	aloneAt   time.Duration // since when the leader has no majority; -1: it has one
	electAt   time.Duration
}

func newSequencer(c *Cluster, servers int) *sequencer {
	q := &sequencer{c: c, random: c.w.Random(purposeLog), leader: -1, waiting: map[uint64]*proposal{}, aloneAt: -1}
	for range servers {
		q.replicas = append(q.replicas, &replica{})
	}
	q.pulse()
	return q
}

func (q *sequencer) majority() int { return len(q.replicas)/2 + 1 }

// sync draws how long a write to disk takes.
func (q *sequencer) sync() time.Duration {
	return syncMin + time.Duration(q.random.Int64N(int64(syncMax-syncMin)))
}

// reach counts the servers that can talk with one, itself included.
func (q *sequencer) reach(id int) (n int) {
	for other := range q.replicas {
		if q.c.servers[other].life != nil && q.c.net.Both(place(id), place(other)) {
			n++
		}
	}
	return n
}

// pulse looks after elections and followers, over and over.
func (q *sequencer) pulse() {
	now := q.c.w.Now()
	switch {
	case q.leader < 0:
		if now >= q.electAt {
			q.elect()
		}
	case q.reach(q.leader) >= q.majority():
		q.aloneAt = -1
	case q.aloneAt < 0:
		q.aloneAt = now
	case now-q.aloneAt >= leaseMax:
		q.depose("it reaches no majority")
	}
	if q.leader >= 0 {
		for id := range q.replicas {
			q.replicate(id)
		}
	}
	q.c.w.After(pulseEvery, q.pulse)
}

// elect makes a server lead that a majority would vote for.
func (q *sequencer) elect() {
	for _, id := range q.random.Perm(len(q.replicas)) {
		if q.c.servers[id].life == nil {
			continue
		}
		votes := 0
		for other := range q.replicas {
			if q.c.servers[other].life != nil && q.c.net.Both(place(id), place(other)) && !q.newer(other, id) {
				votes++
			}
		}
		if votes >= q.majority() {
			q.lead(id)
			return
		}
	}
	q.electAt = q.c.w.Now() + electionMin
}

// newer tells whether the log of a is ahead of that of b.
func (q *sequencer) newer(a, b int) bool {
	x, y := q.replicas[a], q.replicas[b]
	if x.lastTerm() != y.lastTerm() {
		return x.lastTerm() > y.lastTerm()
	}
	return x.disk.Len() > y.disk.Len()
}

func (r *replica) lastTerm() uint64 { return r.termAt(r.disk.Len()) }

// termAt is the term of the last of the first n entries.
func (r *replica) termAt(n int) uint64 {
	if n > r.disk.Base() {
		return r.disk.At(n - 1).term
	}
	return r.dropped
}

// drop forgets the entries before n, of which the last is of a term.
func (r *replica) drop(n int, term uint64) {
	r.disk.Drop(n)
	r.dropped = term
}

func (q *sequencer) lead(id int) {
	q.term++
	q.leader, q.ready, q.aloneAt = id, false, -1
	q.followers = make([]*follower, len(q.replicas))
	for i := range q.followers {
		q.followers[i] = &follower{}
	}
	r := q.replicas[id]
	r.term = q.term
	r.disk.Append(&entry{term: q.term})
	q.began = uint64(r.disk.Len())
	q.c.w.Tracef("server %d is elected for term %d with %d entries", id, q.term, r.disk.Len())
	q.flush()
}

// depose takes leadership away. What the leader proposed and has not committed
// may be kept by the next one, or not.
func (q *sequencer) depose(why string) {
	if q.leader < 0 {
		return
	}
	id := q.leader
	q.c.w.Tracef("server %d leads no longer: %s", id, why)
	q.leader, q.ready = -1, false
	q.electAt = q.c.w.Now() + electionMin + time.Duration(q.random.Int64N(int64(electionMax-electionMin)))
	if l := q.c.servers[id].life; l != nil {
		l.unlead()
	}
	q.fail(errLost)
}

// fail ends what waits.
func (q *sequencer) fail(err error) {
	waiting := q.waiting
	q.waiting = map[uint64]*proposal{}
	for _, index := range sortedKeys(waiting) {
		waiting[index].end(endpoint.Result{}, err)
	}
}

func (p *proposal) end(r endpoint.Result, err error) {
	p.result, p.err, p.done = r, err, true
	p.process.Resume()
}

// propose writes an entry and waits for its commit, in a process.
func (q *sequencer) propose(ctx context.Context, l *life, o op.Op) (endpoint.Result, error) {
	if err := ctx.Err(); err != nil {
		return endpoint.Result{}, err
	}
	if l.dead() || q.leader != l.s.id {
		return endpoint.Result{}, consensus.ErrNotLeader
	}
	data, err := wire.EncodeOp(o)
	if err != nil {
		return endpoint.Result{}, err
	}
	r := q.replicas[q.leader]
	e := &entry{term: q.term, data: data, sum: sum(data), decided: r.applied}
	r.disk.Append(e)
	p := &proposal{process: q.c.w.Running(), sum: e.sum}
	q.waiting[uint64(r.disk.Len())] = p
	q.flush()
	for !p.done {
		if !p.process.Wait() {
			return endpoint.Result{}, errDown // the world has ended
		}
	}
	return p.result, p.err
}

func sum(data []byte) uint64 {
	h := fnv.New64a()
	h.Write(data)
	return h.Sum64()
}

// flush has the leader's disk keep what was proposed, and sends it to the
// others meanwhile. What comes while a disk works goes with the next write.
func (q *sequencer) flush() {
	if q.flushing {
		return
	}
	q.flushing = true
	id, term := q.leader, q.term
	l := q.c.servers[id].life
	q.c.w.After(0, func() {
		if q.leader == id && q.term == term {
			for other := range q.replicas {
				q.replicate(other)
			}
		}
		n := q.replicas[id].disk.Len()
		q.c.w.After(q.sync(), func() {
			q.flushing = false
			if q.leader >= 0 && (q.leader != id || q.term != term) {
				q.flush() // somebody else leads by now
			}
			if l.dead() || q.leader != id || q.term != term {
				return
			}
			q.replicas[id].disk.Sync(n)
			q.advance()
			if q.leader == id && q.replicas[id].disk.Len() > n {
				q.flush()
			}
		})
	})
}

// replicate sends a follower what it lacks.
func (q *sequencer) replicate(id int) {
	if id == q.leader || q.c.servers[id].life == nil {
		return
	}
	f, from, to := q.followers[id], q.replicas[q.leader], q.replicas[id]
	now := q.c.w.Now()
	if f.busy && now-f.sent < resendAfter {
		return
	}
	if f.match == uint64(from.disk.Len()) && f.commit == from.commit {
		return
	}
	f.busy, f.sent = true, now
	leader, term, commit, length := q.leader, q.term, from.commit, from.disk.Len()
	life := q.c.servers[id].life
	common := q.common(from, to)
	if common < from.disk.Base() {
		q.install(id, from.snap, term)
		return
	}
	var entries []*entry
	for i := common; i < length; i++ {
		entries = append(entries, from.disk.At(i))
	}
	q.c.net.Send(place(leader), place(id), func() {
		if life.dead() || to.term > term {
			return
		}
		to.term = term
		if to.disk.Len() < common || int(to.commit) > common && to.disk.Len() < int(to.commit) {
			return
		}
		q.accept(to, common, entries)
		q.c.w.After(q.sync(), func() {
			if life.dead() {
				return
			}
			if to.term == term {
				to.disk.Sync(length)
			}
			q.committed(id, min(commit, uint64(length)))
			q.answer(id, leader, term, length, commit)
		})
	})
}

// common is how many entries two logs have in common, as far as both hold them.
// It is below the first entry of a if b has another one there: then b needs a
// snapshot.
func (q *sequencer) common(a, b *replica) int {
	n := min(a.disk.Len(), b.disk.Len())
	low := max(a.disk.Base(), b.disk.Base())
	for n > low && a.disk.At(n-1) != b.disk.At(n-1) {
		n--
	}
	switch {
	case n > low:
	case b.disk.Base() > a.disk.Base():
		return b.disk.Base() // what a snapshot holds was committed
	case n > b.disk.Base() && b.disk.At(n-1).term != a.dropped:
		return n - 1
	}
	return n
}

// accept writes what the leader sent, unless it is there already: a message
// that comes late must not take back a later one.
func (q *sequencer) accept(to *replica, common int, entries []*entry) {
	for i, e := range entries {
		at := common + i
		if at < to.disk.Base() {
			continue
		}
		if at < to.disk.Len() {
			if to.disk.At(at) == e {
				continue
			}
			to.disk.Truncate(at)
		}
		to.disk.Append(e)
	}
}

// answer tells the leader what a follower has on disk.
func (q *sequencer) answer(id, leader int, term uint64, length int, commit uint64) {
	life := q.c.servers[id].life
	q.c.net.Send(place(id), place(leader), func() {
		if q.leader != leader || q.term != term || life.dead() {
			return
		}
		f := q.followers[id]
		f.busy, f.match, f.commit = false, max(f.match, uint64(length)), max(f.commit, commit)
		q.advance()
		if q.leader == leader && q.term == term {
			q.replicate(id)
		}
	})
}

// install sends a follower a whole snapshot.
func (q *sequencer) install(id int, snap *snapshotFile, term uint64) {
	leader, life, to := q.leader, q.c.servers[id].life, q.replicas[id]
	q.c.net.Send(place(leader), place(id), func() {
		if life.dead() || to.term > term || to.applied >= snap.index {
			return
		}
		s, err := store.Restore(bytes.NewReader(q.c.write(snap)))
		if err != nil {
			q.c.fail(err)
			return
		}
		q.c.w.Tracef("server %d takes a snapshot of index %d", id, snap.index)
		to.term = term
		to.disk.Truncate(to.disk.Base())
		to.drop(int(snap.index), snap.term)
		to.snap, to.commit, to.applied = snap, snap.index, snap.index
		life.store.Replace(s)
		life.touch()
		q.answer(id, leader, term, int(snap.index), snap.index)
	})
}

// advance commits what a majority keeps, and applies it on the leader.
func (q *sequencer) advance() {
	id, term, r := q.leader, q.term, q.replicas[q.leader]
	for n := uint64(r.disk.Synced()); n > r.commit; n-- {
		if r.disk.At(int(n)-1).term != term {
			break // entries of earlier terms are committed by a later one
		}
		keep := 1
		for other, f := range q.followers {
			if other != id && f.match >= n {
				keep++
			}
		}
		if keep >= q.majority() {
			q.committed(id, n)
			break
		}
	}
	if q.leader != id || q.term != term {
		return
	}
	for other := range q.replicas {
		q.replicate(other) // followers learn what is committed
	}
}

// committed lets a server apply what is committed.
func (q *sequencer) committed(id int, index uint64) {
	r, l := q.replicas[id], q.c.servers[id].life
	r.commit = max(r.commit, min(index, uint64(r.disk.Len())))
	for r.applied < r.commit && !l.dead() && q.c.err == nil {
		r.applied++
		e := r.disk.At(int(r.applied) - 1)
		var result endpoint.Result
		var err error
		if e.data != nil {
			result, err = l.apply(r.applied, e)
		}
		if id != q.leader {
			continue
		}
		if e.term == q.term && r.applied == q.began {
			q.ready = true
			l.lead()
		}
		if p := q.waiting[r.applied]; p != nil {
			delete(q.waiting, r.applied)
			q.c.acked(r.applied, p.sum)
			p.end(result, err)
		}
	}
	q.save(id)
}

// save writes a snapshot when it is time.
func (q *sequencer) save(id int) {
	r, l := q.replicas[id], q.c.servers[id].life
	last := uint64(0)
	if r.snap != nil {
		last = r.snap.index
	}
	if l.dead() || r.saving || r.applied-last < uint64(q.c.cfg.SnapshotEvery) {
		return
	}
	s := l.store.Snapshot()
	index := s.Index()
	file := &snapshotFile{server: id, index: index, term: r.termAt(int(index)), state: s}
	if index%saveEvery == 0 {
		q.c.write(file)
	}
	r.saving = true
	q.c.w.After(10*q.sync(), func() {
		if l.dead() {
			return
		}
		r.saving = false
		if r.snap != nil && r.snap.index >= index {
			return // a newer one was installed meanwhile
		}
		r.snap = file
		if keep := int(index) - trailing; keep > r.disk.Base() {
			r.drop(keep, r.termAt(keep))
		}
	})
}

// crash forgets what was not synced.
func (q *sequencer) crash(id int) {
	r := q.replicas[id]
	lost, torn := 0, false
	if q.c.cfg.Faults.Disk {
		lost, torn = r.disk.Crash(q.random)
	}
	r.saving = false
	q.c.w.Tracef("server %d crashes; entries lost %d, torn %v", id, lost, torn)
	if q.leader == id {
		q.leader, q.ready = -1, false
		q.electAt = q.c.w.Now() + electionMin + time.Duration(q.random.Int64N(int64(electionMax-electionMin)))
		q.fail(errDown)
	}
}

// open gives the state that a server finds on its disk.
func (q *sequencer) open(id int) *store.Snapshot {
	r := q.replicas[id]
	if id < len(q.followers) {
		// It has what it had on disk, and does not know what of it is committed.
		f := q.followers[id]
		f.commit, f.busy = 0, false
	}
	r.applied, r.commit = 0, 0
	if r.snap == nil {
		return store.Empty()
	}
	s, err := store.Restore(bytes.NewReader(q.c.write(r.snap)))
	if err != nil {
		q.c.fail(err)
		return store.Empty()
	}
	r.applied, r.commit = r.snap.index, r.snap.index
	return s
}
