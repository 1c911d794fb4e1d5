package consensus

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// machine applies committed entries to the store.
type machine struct {
	store    *store.Store
	snapshot bool // false: snapshots only trim the log in memory
	log      hclog.Logger

	proposed proposals

	once   sync.Once
	broken chan struct{} // closed after cause is set: nothing more may be applied
	cause  error
}

func newMachine(s *store.Store, snapshot bool, log hclog.Logger) *machine {
	return &machine{store: s, snapshot: snapshot, log: log, broken: make(chan struct{})}
}

// applied is the answer to the proposer of an entry.
type applied struct {
	value any
	err   error
}

// Apply applies one entry. One that is of a newer version is skipped by every
// server of this version alike; one that cannot be read ends this server,
// since it would no longer hold what the others hold.
func (m *machine) Apply(l *raft.Log) any {
	select {
	case <-m.broken:
		return applied{err: m.cause}
	default:
	}
	o, err := m.proposed.decode(l.Data)
	var unknown *wire.UnknownKindError
	if errors.As(err, &unknown) {
		m.log.Error("entry of the log skipped", "index", l.Index, "error", err)
		return applied{err: err}
	}
	if err != nil {
		m.fail(fmt.Errorf("entry %d of the log cannot be read: %w; move this server's raft directory away and let it join the others again, or restore a snapshot", l.Index, err))
		return applied{err: m.cause}
	}
	value, err := m.store.Apply(l.Index, o)
	return applied{value: value, err: err}
}

func (m *machine) fail(err error) {
	m.once.Do(func() {
		m.log.Error("the log cannot go on", "error", err)
		m.cause = err
		close(m.broken)
	})
}

// Snapshot takes the state as it is; writing goes on while it is saved.
func (m *machine) Snapshot() (raft.FSMSnapshot, error) {
	select {
	case <-m.broken:
		return nil, m.cause
	default:
	}
	return &saving{state: m.store.Snapshot(), keep: m.snapshot}, nil
}

// Restore replaces the state by a saved one.
func (m *machine) Restore(r io.ReadCloser) error {
	defer r.Close()
	s, err := store.Restore(r)
	if err != nil {
		return fmt.Errorf("reading a snapshot of the state: %w", err)
	}
	m.store.Replace(s)
	return nil
}

// saving is a state on its way to disk.
type saving struct {
	state *store.Snapshot
	keep  bool
}

// Persist streams the state out.
func (s *saving) Persist(sink raft.SnapshotSink) error {
	if !s.keep {
		return sink.Close()
	}
	if err := s.state.Save(sink); err != nil {
		return errors.Join(fmt.Errorf("saving a snapshot of the state: %w", err), sink.Cancel())
	}
	return sink.Close()
}

// Release does nothing: states are garbage collected.
func (s *saving) Release() {}
