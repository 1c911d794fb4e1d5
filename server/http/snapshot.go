package http

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"os"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// snapshotChunkBytes is how much of an archive one message carries.
const snapshotChunkBytes = 256 << 10

// snapshotSave answers with an archive of the state. The archive is spooled
// first: its digest goes into a header, before the first byte.
func snapshotSave(r *request) (any, error) {
	if err := r.agentAllowed(); err != nil {
		return nil, err
	}
	o, err := r.read()
	if err != nil {
		return nil, err
	}
	s, err := r.api.cfg.Backend.Stream(r.Context(), "Operator.SnapshotSave", &query.OperatorGet{QueryOptions: o})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	spool, err := os.CreateTemp("", "snapshot-*")
	if err != nil {
		return nil, err
	}
	defer spool.Close()
	defer os.Remove(spool.Name())
	sum := sha256.New()
	for {
		var c query.Chunk
		if err := s.Recv(&c); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if _, err := io.MultiWriter(spool, sum).Write(c.Data); err != nil {
			return nil, err
		}
	}
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	r.w.Header().Set("Digest", "sha-256="+base64.StdEncoding.EncodeToString(sum.Sum(nil)))
	r.w.Header().Set("Content-Type", "application/x-gzip")
	io.Copy(r.w, spool)
	return written, nil
}

// snapshotRestore replaces the state by an archive.
func snapshotRestore(r *request) (any, error) {
	if err := r.agentAllowed(); err != nil {
		return nil, err
	}
	o := r.write()
	s, err := r.api.cfg.Backend.Stream(r.Context(), "Operator.SnapshotRestore", &o)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	buf := make([]byte, snapshotChunkBytes)
	for {
		n, err := r.Body.Read(buf)
		if n > 0 {
			if err := s.Send(&query.Chunk{Data: buf[:n]}); err != nil {
				break // the answer tells why
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nl.Errorf(nl.CodeInvalid, "failed to read stream: %v", err)
		}
	}
	if err := s.CloseSend(); err != nil {
		return nil, err
	}
	var reply query.Written
	if err := s.Recv(&reply); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return nil, nil
}
