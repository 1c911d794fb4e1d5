package query

import (
	"fmt"
	"slices"

	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// Messages to nodes go out for every allocation that is placed, and come back
// when it runs and is healthy, so their form is written and read by hand; the
// bytes are those that the library makes.

// MarshalCBOR writes the form.
func (m NodeAllocChanges) MarshalCBOR() ([]byte, error) { return m.AppendCBOR(nil) }

// AppendCBOR appends the form.
func (m NodeAllocChanges) AppendCBOR(b []byte) (_ []byte, err error) {
	const fields = 5
	b = wire.AppendMap(b, fields)
	b = wire.AppendText(b, "Jobs")
	if m.Jobs == nil {
		b = wire.AppendNull(b)
	} else {
		b = wire.AppendArray(b, len(m.Jobs))
		for _, j := range m.Jobs {
			b = j.appendCBOR(b)
		}
	}
	b = wire.AppendUint(wire.AppendText(b, "Index"), m.Index)
	b = wire.AppendBool(wire.AppendText(b, "Reset"), m.Reset)
	if b, err = m.Allocs.AppendCBOR(wire.AppendText(b, "Allocs")); err != nil {
		return nil, err
	}
	b = wire.AppendText(b, "Removed")
	if m.Removed == nil {
		return wire.AppendNull(b), nil
	}
	b = wire.AppendArray(b, len(m.Removed))
	for _, id := range m.Removed {
		b = wire.AppendText(b, id)
	}
	return b, nil
}

func (n *NodeJob) appendCBOR(b []byte) []byte {
	const fields = 5
	if n == nil {
		return wire.AppendNull(b)
	}
	b = wire.AppendMap(b, fields)
	b = wire.AppendText(wire.AppendText(b, "ID"), n.ID)
	b = wire.AppendBytes(wire.AppendText(b, "Encoded"), n.Encoded)
	b = wire.AppendUint(wire.AppendText(b, "Version"), n.Version)
	b = wire.AppendText(wire.AppendText(b, "Namespace"), n.Namespace)
	return wire.AppendUint(wire.AppendText(b, "JobModifyIndex"), n.JobModifyIndex)
}

// UnmarshalCBOR reads the form.
func (m *NodeAllocChanges) UnmarshalCBOR(b []byte) error {
	return decode(b, "what changed on a node", m, changesFields[:])
}

var changesFields = [...]field[NodeAllocChanges]{
	{"Jobs", func(m *NodeAllocChanges, r *wire.Reader) { m.Jobs = readList(r, readJob) }},
	{"Index", func(m *NodeAllocChanges, r *wire.Reader) { m.Index = r.Uint() }},
	{"Reset", func(m *NodeAllocChanges, r *wire.Reader) { m.Reset = r.Bool() }},
	{"Allocs", func(m *NodeAllocChanges, r *wire.Reader) { m.Allocs = wire.ReadAllocList(r) }},
	{"Removed", func(m *NodeAllocChanges, r *wire.Reader) { m.Removed = readList(r, (*wire.Reader).Text) }},
}

// jobsRead are jobs that were sent before: a node is sent the same again after it
// has lost its stream, and simulated nodes are by the thousand.
var jobsRead wire.Shared

var jobFields = [...]field[NodeJob]{
	{"ID", func(n *NodeJob, r *wire.Reader) { n.ID = r.Text() }},
	{"Encoded", func(n *NodeJob, r *wire.Reader) { n.Encoded = jobsRead.Read(r) }},
	{"Version", func(n *NodeJob, r *wire.Reader) { n.Version = r.Uint() }},
	{"Namespace", func(n *NodeJob, r *wire.Reader) { n.Namespace = r.Text() }},
	{"JobModifyIndex", func(n *NodeJob, r *wire.Reader) { n.JobModifyIndex = r.Uint() }},
}

func readJob(r *wire.Reader) *NodeJob {
	if r.Null() {
		return nil
	}
	n := new(NodeJob)
	readFields(r, n, jobFields[:])
	return n
}

// MarshalCBOR writes the form.
func (m NodeAllocUpdates) MarshalCBOR() ([]byte, error) { return m.AppendCBOR(nil) }

// AppendCBOR appends the form.
func (m NodeAllocUpdates) AppendCBOR(b []byte) (_ []byte, err error) {
	const fields = 6
	b = wire.AppendMap(b, fields)
	b = wire.AppendText(wire.AppendText(b, "NodeID"), m.NodeID)
	b = wire.AppendText(wire.AppendText(b, "Region"), m.Region)
	if b, err = wire.AppendUpdates(wire.AppendText(b, "Updates"), m.Updates); err != nil {
		return nil, err
	}
	b = wire.AppendText(wire.AppendText(b, "SecretID"), m.SecretID)
	b = wire.AppendText(wire.AppendText(b, "AuthToken"), m.AuthToken)
	return wire.AppendText(wire.AppendText(b, "Namespace"), m.Namespace), nil
}

// UnmarshalCBOR reads the form.
func (m *NodeAllocUpdates) UnmarshalCBOR(b []byte) error {
	return decode(b, "what a node tells of its allocations", m, updatesFields[:])
}

var updatesFields = [...]field[NodeAllocUpdates]{
	{"NodeID", func(m *NodeAllocUpdates, r *wire.Reader) { m.NodeID = r.Text() }},
	{"Region", func(m *NodeAllocUpdates, r *wire.Reader) { m.Region = r.Text() }},
	{"Updates", func(m *NodeAllocUpdates, r *wire.Reader) { m.Updates = wire.ReadUpdates(r) }},
	{"SecretID", func(m *NodeAllocUpdates, r *wire.Reader) { m.SecretID = r.Text() }},
	{"AuthToken", func(m *NodeAllocUpdates, r *wire.Reader) { m.AuthToken = r.Text() }},
	{"Namespace", func(m *NodeAllocUpdates, r *wire.Reader) { m.Namespace = r.Text() }},
}

// field is a field of a form, and how it is read.
type field[T any] struct {
	name string
	read func(*T, *wire.Reader)
}

// decode reads a whole message into m, over whatever that was.
func decode[T any](b []byte, what string, m *T, fields []field[T]) error {
	*m = *new(T)
	r := wire.NewReader(b)
	readFields(r, m, fields)
	if err := r.Close(); err != nil {
		return fmt.Errorf("decoding %s: %w", what, err)
	}
	return nil
}

// readFields reads a map. Fields of later versions are passed over.
func readFields[T any](r *wire.Reader, into *T, fields []field[T]) {
	for range r.Map() {
		name := r.Text()
		at := slices.IndexFunc(fields, func(f field[T]) bool { return f.name == name })
		if at < 0 {
			r.Skip()
			continue
		}
		fields[at].read(into, r)
	}
}

// readList reads an array; null is nil.
func readList[T any](r *wire.Reader, read func(*wire.Reader) T) []T {
	if r.Null() {
		return nil
	}
	list := make([]T, r.Array())
	for i := range list {
		list[i] = read(r)
	}
	return list
}
