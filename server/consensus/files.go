package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// logCacheEntries are kept in memory for followers that are a little behind;
// others are sent what is on disk. An entry of status or plans may have half a
// megabyte.
const logCacheEntries = 64

// logFiles are where the log lives.
type logFiles struct {
	logs      raft.LogStore
	stable    raft.StableStore
	snapshots raft.SnapshotStore
	closers   []io.Closer
}

func (f *logFiles) close() error {
	var errs []error
	for _, c := range f.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// openFiles opens or creates the files under dir; "" is memory.
func openFiles(dir string, segmentMegabytes int, log hclog.Logger) (*logFiles, error) {
	if dir == "" {
		m := raft.NewInmemStore()
		return &logFiles{logs: m, stable: m, snapshots: raft.NewDiscardSnapshotStore()}, nil
	}
	walDir := filepath.Join(dir, "wal")
	if err := os.MkdirAll(walDir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of the log: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	meta := &metadb.BoltMetaDB{} // given to the log, which does not close it
	f := &logFiles{closers: []io.Closer{meta, lock}}
	w, err := wal.Open(walDir, wal.WithMetaStore(meta), wal.WithSegmentFiler(filer{segment.NewFiler(walDir, fs.New())}),
		wal.WithSegmentSize(segmentMegabytes<<20), wal.WithLogger(log.Named("wal")))
	if err != nil {
		return nil, errors.Join(damaged(walDir, err), f.close())
	}
	f.stable = w
	f.closers = slices.Insert(f.closers, 0, io.Closer(w))
	marked, err := openMarked(w, filepath.Join(dir, "acknowledged"))
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	f.closers = slices.Insert(f.closers, 0, io.Closer(marked))
	if f.logs, err = raft.NewLogCache(logCacheEntries, marked); err != nil {
		return nil, errors.Join(err, f.close())
	}
	if f.snapshots, err = raft.NewFileSnapshotStoreWithLogger(dir, snapshotsKept, log.Named("snapshot")); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the snapshots in %s: %w", dir, err), f.close())
	}
	return f, nil
}

// filer opens the segments of the log. One that was still being written when
// its end was cut off is sealed without an index, which the log cannot read once
// it is opened again: such a segment is searched through like the last one.
type filer struct{ types.SegmentFiler }

func (f filer) Open(info types.SegmentInfo) (types.SegmentReader, error) {
	if info.IndexStart == 0 {
		return f.RecoverTail(info)
	}
	return f.SegmentFiler.Open(info)
}

// damaged says what can be done about a log that does not open.
func damaged(dir string, err error) error {
	return fmt.Errorf("opening the log in %s: %w; if the disk has damaged it, move the directory away and let this server join the others again, or restore a snapshot", dir, err)
}

// A server that has just been killed may hold its lock for a moment longer.
const (
	lockAttempts = 50
	lockPause    = 100 * time.Millisecond
)

// lockDir keeps two servers from sharing a directory.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock of the log: %w", err)
	}
	for range lockAttempts {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			return f, nil
		}
		time.Sleep(lockPause)
	}
	return nil, errors.Join(fmt.Errorf("locking the log in %s: %w; another agent is running on this directory", dir, err), f.Close())
}

// checksum is over everything an entry is.
func checksum(l *raft.Log) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	head := make([]byte, 0, 17)
	head = binary.BigEndian.AppendUint64(head, l.Index)
	head = binary.BigEndian.AppendUint64(head, l.Term)
	head = append(head, byte(l.Type))
	return crc32.Update(crc32.Checksum(head, table), table, l.Data)
}

// markedLog keeps a checksum with every entry, so that a bit that rotted on
// disk is an error and not another state, and remembers beside the log how far
// it has been acknowledged. The log itself takes a damaged end for a write that was cut off by a crash and
// drops it; the mark tells the two apart. It is not synced: it may lag behind
// after a power failure, but is never ahead of what was synced.
type markedLog struct {
	*wal.WAL
	mark *os.File
}

func openMarked(w *wal.WAL, path string) (*markedLog, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the mark of the log: %w", err)
	}
	var b [8]byte
	acknowledged := uint64(0)
	if _, err := f.ReadAt(b[:], 0); err == nil {
		acknowledged = binary.BigEndian.Uint64(b[:])
	}
	last, err := w.LastIndex()
	if err == nil && last < acknowledged {
		err = fmt.Errorf("it ends at entry %d, but %d entries were acknowledged", last, acknowledged)
	}
	m := &markedLog{WAL: w, mark: f}
	if err == nil {
		err = m.verify()
	}
	if err != nil {
		return nil, errors.Join(damaged(filepath.Dir(path), err), f.Close())
	}
	return m, nil
}

// verify reads every entry once: what uses the log later has no way to go on
// without one.
func (m *markedLog) verify() error {
	first, err := m.FirstIndex()
	if err != nil {
		return err
	}
	last, err := m.LastIndex()
	if err != nil {
		return err
	}
	var l raft.Log
	for i := first; i <= last && last > 0; i++ {
		if err := m.GetLog(i, &l); err != nil {
			return err
		}
	}
	return nil
}

func (m *markedLog) set(index uint64) error {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], index)
	_, err := m.mark.WriteAt(b[:], 0)
	return err
}

// StoreLog appends one entry.
func (m *markedLog) StoreLog(l *raft.Log) error { return m.StoreLogs([]*raft.Log{l}) }

// StoreLogs appends entries with one sync, and marks them.
func (m *markedLog) StoreLogs(logs []*raft.Log) error {
	summed := make([]*raft.Log, len(logs))
	for i, l := range logs {
		if len(l.Extensions) > 0 {
			return fmt.Errorf("entry %d of the log has extensions of its own, which nothing here writes", l.Index)
		}
		c := *l
		c.Extensions = binary.BigEndian.AppendUint32(nil, checksum(l))
		summed[i] = &c
	}
	if err := m.WAL.StoreLogs(summed); err != nil {
		return err
	}
	return m.set(logs[len(logs)-1].Index)
}

// GetLog reads an entry and checks it.
func (m *markedLog) GetLog(index uint64, l *raft.Log) error {
	if err := m.read(index, l); err != nil {
		return err
	}
	if len(l.Extensions) != crc32.Size || binary.BigEndian.Uint32(l.Extensions) != checksum(l) {
		return fmt.Errorf("entry %d is damaged: its checksum does not match", index)
	}
	l.Extensions = nil
	return nil
}

// read reads an entry as the log below has it, whose decoder panics on some
// bytes that it never wrote.
func (m *markedLog) read(index uint64, l *raft.Log) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("entry %d is damaged: %v", index, r)
		}
	}()
	return m.WAL.GetLog(index, l)
}

// DeleteRange removes entries from either end. When the end goes, the mark
// goes back first, and is synced.
func (m *markedLog) DeleteRange(from, to uint64) error {
	last, err := m.WAL.LastIndex()
	if err != nil {
		return err
	}
	if to >= last {
		back := from
		if back > 0 {
			back--
		}
		first, err := m.WAL.FirstIndex()
		if err != nil {
			return err
		}
		if from <= first {
			back = 0 // all of it goes
		}
		if err := m.set(back); err != nil {
			return err
		}
		if err := m.mark.Sync(); err != nil {
			return err
		}
	}
	return m.WAL.DeleteRange(from, to)
}

// Close closes the mark; the log below has its own owner.
func (m *markedLog) Close() error { return m.mark.Close() }
