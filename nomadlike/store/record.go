package store

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A saved snapshot is a line that names the format, then records, and at the end
// a record with the SHA-256 of all bytes before it. A record is a kind byte, the
// length of its content, the length of its body, and the body, which is the
// content, compressed when the lengths differ. Each record can be read by
// itself. Indexes and whatever else can be derived are not written. A job is
// written once for all allocations that share it, before the first record that
// refers to it, and is referred to by the order of writing, from 1. Allocations
// come by job, and those that were placed together one after the other, so that
// what they have in common is in one record.
const (
	saveFormat = "nomadlike state 2\n"
	// saveFamily is how the first line begins whatever the version.
	saveFamily = "nomadlike state "
)

type recordKind byte

const (
	recordMeta recordKind = iota + 1
	recordJobs
	recordJobRows
	recordAllocs
	recordEvals
	recordDeployments
	recordNodes
	recordNamespaces
	recordNodePools
	recordServices
	recordPolicies
	recordRootKeys
	recordEnd
	recordVariables
	recordQuotas
	recordLedgers
	recordHostVolumes
	recordHostVolumeClaims
	recordCSIVolumes
)

const (
	// A record is ended once it holds so many objects or bytes: enough that what
	// repeats among them is written once, few enough to bound memory.
	recordObjects = 512
	recordBytes   = 1 << 20
	// recordBytesMax bounds the content of a record; one object has no more than
	// an entry of the log, 64 MB.
	recordBytesMax = 1 << 28
	// recordRatioMax is how much smaller a body may be than a content of more
	// than recordUsualMax bytes. What shrinks more is written as it is, so that a
	// few bytes of a damaged file cannot ask for much memory.
	recordRatioMax = 64
	recordUsualMax = 4 * recordBytes
)

// Errors of reading say that it is no saved state; nothing of it is used then.
var (
	errSaveFormat   = errors.New("it does not begin as a saved state; it is another file")
	errSaveChecksum = errors.New("its checksum does not match its content; the file is damaged")
	errSaveRecord   = errors.New("a record is longer than any that is written; the file is damaged")
	errSaveBody     = errors.New("a record does not unpack to what it should; the file is damaged")
)

// recordOut is a record on its way to disk. Its buffers are used again.
type recordOut struct {
	kind          recordKind
	content, body []byte
}

func (r *recordOut) appendHead(b []byte) []byte {
	b = binary.AppendUvarint(append(b, byte(r.kind)), uint64(len(r.content)))
	return binary.AppendUvarint(b, uint64(len(r.body)))
}

// newPacker compresses records on so many goroutines. The fastest level is
// within a tenth of the size that the next ones reach.
func newPacker(goroutines int) (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(goroutines),
		zstd.WithWindowSize(recordBytes), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
}

// pack makes the body of the content. packed is a buffer for it.
func (r *recordOut) pack(packer *zstd.Encoder, packed []byte) (buffer []byte) {
	packed = packer.EncodeAll(r.content, packed[:0])
	r.body = packed
	if !plausible(uint64(len(r.content)), uint64(len(packed))) {
		r.body = r.content
	}
	return packed
}

// plausible tells whether a content may have a compressed body of that length.
func plausible(content, body uint64) bool {
	return body < content && (content <= recordUsualMax || body*recordRatioMax >= content)
}

// recordIn is a record as it was read, and a buffer to unpack it in. Both are
// used again.
type recordIn struct {
	kind         recordKind
	length       int // of the content
	body, buffer []byte
}

// unpack is the content, until the record is used again.
func (r *recordIn) unpack(unpacker *zstd.Decoder) ([]byte, error) {
	if r.length == len(r.body) {
		return r.body, nil
	}
	if cap(r.buffer) < r.length {
		r.buffer = make([]byte, 0, r.length)
	}
	content, err := unpacker.DecodeAll(r.body, r.buffer[:0:r.length])
	if err != nil || len(content) != r.length {
		return nil, errSaveBody
	}
	return content, nil
}

func newUnpacker(goroutines int) (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(goroutines), zstd.WithDecodeAllCapLimit(true),
		zstd.WithDecoderMaxMemory(recordBytesMax), zstd.WithDecoderLowmem(true))
}

// recordReader reads the records of a saved state.
type recordReader struct {
	in  *bufio.Reader
	sum hash.Hash // of all that was read
}

func newRecordReader(r io.Reader) *recordReader {
	return &recordReader{bufio.NewReaderSize(r, 1<<20), sha256.New()}
}

// head reads the first line.
func (rr *recordReader) head() error {
	line := make([]byte, len(saveFormat))
	n, err := io.ReadFull(rr.in, line)
	switch {
	case err == nil && string(line) == saveFormat:
	case bytes.HasPrefix(line[:n], []byte(saveFamily)):
		version, _, _ := bytes.Cut(line[len(saveFamily):n], []byte("\n"))
		return fmt.Errorf("it is of format %q and this version reads %q; restore it with the version that wrote it",
			version, saveFormat[len(saveFamily):len(saveFormat)-1])
	default:
		return errSaveFormat
	}
	rr.sum.Write(line)
	return nil
}

// next reads one record into r; after the last it gives io.EOF, when the
// checksum is right.
func (rr *recordReader) next(r *recordIn) error {
	kind, err := rr.in.ReadByte()
	if err != nil {
		return fmt.Errorf("reading the next record: %w", ended(err))
	}
	head := []byte{kind}
	lengths := [2]uint64{}
	for i := range lengths {
		if lengths[i], err = binary.ReadUvarint(rr.in); err != nil {
			return fmt.Errorf("reading the length of a record: %w", ended(err))
		}
		head = binary.AppendUvarint(head, lengths[i])
	}
	content, length := lengths[0], lengths[1]
	if content > recordBytesMax || content != length && !plausible(content, length) {
		return errSaveRecord
	}
	r.kind, r.length = recordKind(kind), int(content)
	// Room for a large one is made as its bytes come.
	b := bytes.NewBuffer(r.body[:0])
	b.Grow(int(min(length, recordBytes)) + bytes.MinRead)
	if _, err := io.CopyN(b, rr.in, int64(length)); err != nil {
		return fmt.Errorf("reading a record of %d bytes: %w", length, ended(err))
	}
	r.body = b.Bytes()
	if r.kind == recordEnd {
		if !bytes.Equal(rr.sum.Sum(nil), r.body) {
			return errSaveChecksum
		}
		return io.EOF
	}
	rr.sum.Write(head)
	rr.sum.Write(r.body)
	return nil
}

func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
