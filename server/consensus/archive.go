package consensus

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// The files of an archive, and bounds on those that are read into memory.
const (
	archiveMeta  = "meta.json"
	archiveState = "state.bin"
	archiveSums  = "SHA256SUMS"

	archiveTextBytesMax = 1 << 20
	restoreTimeout      = 10 * time.Minute // two million allocations take under half a minute
)

// ErrNoSnapshots tells that a development server keeps no snapshots.
var ErrNoSnapshots = nl.Errorf(nl.CodeInternal, "a server in development mode keeps its state in memory and makes no snapshots")

// Save makes a snapshot and writes it as an archive: a gzipped tar of the
// snapshot's description, the state, and the checksums of both.
func (c *Consensus) Save(w io.Writer, modified time.Time) error {
	if c.cfg.Dir == "" {
		return ErrNoSnapshots
	}
	meta, state, err := c.newestSnapshot()
	if err != nil {
		return err
	}
	defer state.Close()
	return WriteArchive(w, meta, state, modified)
}

// WriteArchive writes a snapshot that has been made as Save does. The state is
// compressed already: the archive is as others read it, but stores what it holds
// as it is.
func WriteArchive(w io.Writer, meta *raft.SnapshotMeta, state io.Reader, modified time.Time) error {
	zip, err := gzip.NewWriterLevel(w, gzip.NoCompression)
	if err != nil {
		return fmt.Errorf("packing the snapshot: %w", err)
	}
	out := tar.NewWriter(zip)
	described, err := json.Marshal(meta)
	if err != nil {
		return fmt.Errorf("describing the snapshot: %w", err)
	}
	put := func(name string, size int64, r io.Reader) (sum []byte, err error) {
		err = out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: size, ModTime: modified})
		h := sha256.New()
		if err == nil {
			_, err = io.Copy(io.MultiWriter(out, h), r)
		}
		if err != nil {
			return nil, fmt.Errorf("writing %s of the snapshot: %w", name, err)
		}
		return h.Sum(nil), nil
	}
	metaSum, err := put(archiveMeta, int64(len(described)), bytes.NewReader(described))
	if err != nil {
		return err
	}
	stateSum, err := put(archiveState, meta.Size, state)
	if err != nil {
		return err
	}
	sums := fmt.Sprintf("%x  %s\n%x  %s\n", metaSum, archiveMeta, stateSum, archiveState)
	if _, err := put(archiveSums, int64(len(sums)), strings.NewReader(sums)); err != nil {
		return err
	}
	return errors.Join(out.Close(), zip.Close())
}

// newestSnapshot makes a snapshot, or opens the last one when nothing has
// been written since.
func (c *Consensus) newestSnapshot() (*raft.SnapshotMeta, io.ReadCloser, error) {
	f := c.raft.Snapshot()
	err := f.Error()
	if err == nil {
		return f.Open()
	}
	if !errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return nil, nil, fmt.Errorf("making a snapshot: %w", err)
	}
	list, err := c.files.snapshots.List()
	if err != nil || len(list) == 0 {
		return nil, nil, fmt.Errorf("opening the last snapshot: %w", errors.Join(err, raft.ErrNothingNewToSnapshot))
	}
	return c.files.snapshots.Open(list[0].ID)
}

// Restore verifies an archive and replaces the state of every server by what
// it holds. Only the leader can.
func (c *Consensus) Restore(ctx context.Context, r io.Reader) error {
	if c.cfg.Dir == "" {
		return ErrNoSnapshots
	}
	meta, state, _, err := unpack(r, c.cfg.Dir)
	if err != nil {
		return nl.Errorf(nl.CodeInternal, "failed to restore from snapshot: %s", err)
	}
	defer os.Remove(state.Name())
	defer state.Close()
	if err := c.raft.Restore(meta, state, restoreTimeout); err != nil {
		if errors.Is(err, raft.ErrNotLeader) {
			return ErrNotLeader
		}
		return nl.Errorf(nl.CodeInternal, "failed to restore from snapshot: %s", err)
	}
	// What leads must start again from the state that now is.
	select {
	case c.relead <- struct{}{}:
	default:
	}
	return nil
}

// LoadArchive verifies an archive and gives the state it holds and when it was
// made. No server is needed.
func LoadArchive(r io.Reader) (*store.Snapshot, time.Time, error) {
	_, state, made, err := unpack(r, os.TempDir())
	if err != nil {
		return nil, time.Time{}, err
	}
	defer os.Remove(state.Name())
	defer state.Close()
	s, err := store.Restore(state)
	return s, made, err
}

// unpack reads and verifies an archive. The state lands in a file of its own
// in dir, since it may be larger than memory; the caller removes it.
func unpack(r io.Reader, dir string) (meta *raft.SnapshotMeta, state *os.File, made time.Time, err error) {
	defer func() {
		if err != nil && state != nil {
			err = errors.Join(err, state.Close(), os.Remove(state.Name()))
		}
	}()
	zip, err := gzip.NewReader(r)
	if err != nil {
		return nil, nil, made, fmt.Errorf("failed to decompress snapshot: %w", err)
	}
	sums := map[string]string{}
	var listed string
	for in := tar.NewReader(zip); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, state, made, fmt.Errorf("failed reading snapshot: %w", err)
		}
		sum := sha256.New()
		from := io.TeeReader(in, sum)
		switch h.Name {
		case archiveMeta:
			meta = new(raft.SnapshotMeta)
			err = json.NewDecoder(io.LimitReader(from, archiveTextBytesMax)).Decode(meta)
			if err == nil {
				_, err = io.Copy(io.Discard, from)
			}
		case archiveState:
			made = h.ModTime
			if state != nil {
				return nil, state, made, fmt.Errorf("the snapshot holds %s twice", archiveState)
			}
			if state, err = os.CreateTemp(dir, "restore-*"); err == nil {
				_, err = io.Copy(state, from)
			}
		case archiveSums:
			var b []byte
			b, err = io.ReadAll(io.LimitReader(in, archiveTextBytesMax))
			listed = string(b)
		default:
			return nil, state, made, fmt.Errorf("unexpected file %q in snapshot", h.Name)
		}
		if err != nil {
			return nil, state, made, fmt.Errorf("failed to read or write snapshot data: %w", err)
		}
		sums[h.Name] = hex.EncodeToString(sum.Sum(nil))
	}
	if meta == nil || state == nil {
		return nil, state, made, fmt.Errorf("the snapshot lacks %s or %s", archiveMeta, archiveState)
	}
	if err := verifySums(listed, sums); err != nil {
		return nil, state, made, err
	}
	_, err = state.Seek(0, io.SeekStart)
	return meta, state, made, err
}

func verifySums(listed string, sums map[string]string) error {
	for _, name := range []string{archiveMeta, archiveState} {
		if !strings.Contains(listed, sums[name]+"  "+name+"\n") {
			return fmt.Errorf("failed checking integrity of snapshot: hash check failed for %q", name)
		}
	}
	return nil
}
