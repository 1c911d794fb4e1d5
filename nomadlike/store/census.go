package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Tally is how many objects of a sort a saved state holds, and the bytes they
// take in the file.
type Tally struct {
	Type  string
	Count int
	Size  int64
}

// Census counts what a saved state holds without building it. It verifies the
// checksum. Sorts come in the order in which they are first met.
func Census(r io.Reader) ([]Tally, error) {
	out, err := census(newRecordReader(r))
	if err != nil {
		return nil, fmt.Errorf("counting a saved state: %w", err)
	}
	return out, nil
}

func census(in *recordReader) (out []Tally, err error) {
	if err := in.head(); err != nil {
		return nil, err
	}
	unpacker, err := newUnpacker(1)
	if err != nil {
		return nil, err
	}
	defer unpacker.Close()
	var record recordIn
	for {
		err := in.next(&record)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := record.unpack(unpacker)
		if err != nil {
			return nil, err
		}
		n, err := objectsIn(record.kind, content)
		if err != nil {
			return nil, err
		}
		out = tally(out, record.kind.name(), n, int64(len(record.body)))
	}
}

func tally(all []Tally, name string, n int, size int64) []Tally {
	for i := range all {
		if all[i].Type == name {
			all[i].Count += n
			all[i].Size += size
			return all
		}
	}
	return append(all, Tally{Type: name, Count: n, Size: size})
}

// name is what people call a sort of records.
func (k recordKind) name() string {
	names := map[recordKind]string{
		recordMeta: "Configuration", recordJobs: "JobVersion", recordJobRows: "Job", recordAllocs: "Alloc", recordEvals: "Eval",
		recordDeployments: "Deployment", recordNodes: "Node", recordNamespaces: "Namespace", recordNodePools: "NodePool",
		recordServices: "ServiceRegistration", recordPolicies: "ScalingPolicy", recordRootKeys: "RootKey", recordVariables: "Variable",
		recordQuotas: "Quota", recordLedgers: "QuotaUsage",
	}
	if name := names[k]; name != "" {
		return name
	}
	return fmt.Sprintf("Kind%d", byte(k))
}

// objectsIn is how many objects a record holds.
func objectsIn(kind recordKind, body []byte) (int, error) {
	if kind == recordAllocs {
		_, total, _, err := readRuns(body)
		return int(total), err
	}
	return arrayLength(body), nil
}

// arrayLength is how many elements an encoded array has; anything else is one
// object.
func arrayLength(body []byte) int {
	const array, low = 4 << 5, 0x1f // major type of arrays, and the bits of short lengths
	if len(body) == 0 || body[0]&^low != array {
		return 1
	}
	switch n := body[0] & low; {
	case n < 24:
		return int(n)
	case n == 24 && len(body) > 1:
		return int(body[1])
	case n == 25 && len(body) > 2:
		return int(binary.BigEndian.Uint16(body[1:]))
	}
	return 1
}
