package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
)

// logCacheEntries are kept in memory for followers that are a little behind.
const logCacheEntries = 512

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
	w, err := wal.Open(walDir, wal.WithCodec(&checkedCodec{}), wal.WithSegmentSize(segmentMegabytes<<20), wal.WithLogger(log.Named("wal")))
	if err != nil {
		return nil, fmt.Errorf("opening the log in %s: %w; if the disk has damaged it, move the directory away and let this server join the others again, or restore a snapshot", walDir, err)
	}
	marked, err := openMarked(w, filepath.Join(dir, "acknowledged"))
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	f := &logFiles{stable: w, closers: []io.Closer{marked, w}}
	if f.logs, err = raft.NewLogCache(logCacheEntries, marked); err != nil {
		return nil, errors.Join(err, f.close())
	}
	if f.snapshots, err = raft.NewFileSnapshotStoreWithLogger(dir, snapshotsKept, log.Named("snapshot")); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the snapshots in %s: %w", dir, err), f.close())
	}
	return f, nil
}

// checkedCodec writes entries with a checksum, so that a bit that rotted on
// disk is an error and not another state.
type checkedCodec struct{ plain wal.BinaryCodec }

// checkedCodecID is the first that the library leaves to others; it stands in
// the heads of the files.
const checkedCodecID = wal.FirstExternalCodecID + 1

// ID tells the log which codec wrote a file.
func (c *checkedCodec) ID() uint64 { return checkedCodecID }

// Encode writes an entry and the checksum of its bytes.
func (c *checkedCodec) Encode(l *raft.Log, w io.Writer) error {
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	if err := c.plain.Encode(l, io.MultiWriter(w, sum)); err != nil {
		return err
	}
	_, err := w.Write(binary.BigEndian.AppendUint32(nil, sum.Sum32()))
	return err
}

var errDamaged = errors.New("the entry is damaged: its checksum does not match")

// Decode reads an entry if its checksum matches.
func (c *checkedCodec) Decode(b []byte, l *raft.Log) error {
	n := len(b) - crc32.Size
	if n < 0 || crc32.Checksum(b[:n], crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(b[n:]) {
		return errDamaged
	}
	return c.plain.Decode(b[:n], l)
}

// markedLog remembers beside the log how far it has been acknowledged. The
// log itself takes a damaged end for a write that was cut off by a crash and
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
		err = fmt.Errorf("the log ends at entry %d, but %d entries were acknowledged: its end in %s is damaged; move the directory away and let this server join the others again, or restore a snapshot",
			last, acknowledged, filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &markedLog{WAL: w, mark: f}, nil
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
	if err := m.WAL.StoreLogs(logs); err != nil {
		return err
	}
	return m.set(logs[len(logs)-1].Index)
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
