package query

import (
	"fmt"

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

// UnmarshalCBOR reads the form. Fields of later versions are passed over.
func (m *NodeAllocChanges) UnmarshalCBOR(b []byte) error {
	*m = NodeAllocChanges{}
	r := wire.NewReader(b)
	for range r.Map() {
		switch r.Text() {
		case "Jobs":
			m.Jobs = readJobs(r)
		case "Index":
			m.Index = r.Uint()
		case "Reset":
			m.Reset = r.Bool()
		case "Allocs":
			m.Allocs = wire.ReadAllocList(r)
		case "Removed":
			if !r.Null() {
				m.Removed = make([]string, r.Array())
				for i := range m.Removed {
					m.Removed[i] = r.Text()
				}
			}
		default:
			r.Skip()
		}
	}
	if err := r.Close(); err != nil {
		return fmt.Errorf("decoding what changed on a node: %w", err)
	}
	return nil
}

func readJobs(r *wire.Reader) []*NodeJob {
	if r.Null() {
		return nil
	}
	jobs := make([]*NodeJob, r.Array())
	for i := range jobs {
		if !r.Null() {
			jobs[i] = readJob(r)
		}
	}
	return jobs
}

func readJob(r *wire.Reader) *NodeJob {
	n := new(NodeJob)
	for range r.Map() {
		switch r.Text() {
		case "ID":
			n.ID = r.Text()
		case "Encoded":
			n.Encoded = r.Bytes()
		case "Version":
			n.Version = r.Uint()
		case "Namespace":
			n.Namespace = r.Text()
		case "JobModifyIndex":
			n.JobModifyIndex = r.Uint()
		default:
			r.Skip()
		}
	}
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

// UnmarshalCBOR reads the form. Fields of later versions are passed over.
func (m *NodeAllocUpdates) UnmarshalCBOR(b []byte) error {
	*m = NodeAllocUpdates{}
	r := wire.NewReader(b)
	for range r.Map() {
		switch r.Text() {
		case "NodeID":
			m.NodeID = r.Text()
		case "Region":
			m.Region = r.Text()
		case "Updates":
			m.Updates = wire.ReadUpdates(r)
		case "SecretID":
			m.SecretID = r.Text()
		case "AuthToken":
			m.AuthToken = r.Text()
		case "Namespace":
			m.Namespace = r.Text()
		default:
			r.Skip()
		}
	}
	if err := r.Close(); err != nil {
		return fmt.Errorf("decoding what a node tells of its allocations: %w", err)
	}
	return nil
}
