package wire

import (
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// What nodes tell of their allocations is written and read by hand, to the
// bytes that the library would make: with placements it is most of the log.

// AppendUpdates appends what Encode makes of the list.
func AppendUpdates(b []byte, list []*nl.AllocUpdate) (_ []byte, err error) {
	if list == nil {
		return AppendNull(b), nil
	}
	b = AppendArray(b, len(list))
	for _, u := range list {
		if b, err = appendUpdate(b, u); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func appendUpdate(b []byte, u *nl.AllocUpdate) (_ []byte, err error) {
	if u == nil {
		return AppendNull(b), nil
	}
	texts := [...]string{u.ID, u.ClientStatus, u.ClientDescription}
	fields := [...]bool{
		texts[0] != "", texts[1] != "", texts[2] != "",
		!u.TaskStates.IsZero(), u.DeploymentStatus != nil, u.NetworkStatus != nil,
	}
	b = AppendMap(b, count(fields[:]))
	for i, text := range texts {
		if fields[i] {
			b = AppendText(AppendUint(b, uint64(i+1)), text)
		}
	}
	if fields[3] {
		b = u.TaskStates.AppendCBOR(AppendUint(b, 4))
	}
	if fields[4] {
		b = appendDeploymentStatus(AppendUint(b, 5), u.DeploymentStatus)
	}
	if fields[5] {
		if b, err = appendNetworkStatus(AppendUint(b, 6), u.NetworkStatus); err != nil {
			return nil, fmt.Errorf("allocation %s: %w", u.ID, err)
		}
	}
	return b, nil
}

// ReadUpdates reads such a list; errors are the reader's.
func ReadUpdates(r *Reader) []*nl.AllocUpdate {
	if r.Null() {
		return nil
	}
	n := r.Array()
	out, room := make([]*nl.AllocUpdate, n), make([]nl.AllocUpdate, min(n, roomMax))
	var shared Texts
	for i := range out {
		if len(room) == 0 {
			room = make([]nl.AllocUpdate, min(n-i, roomMax))
		}
		if !r.Null() && r.err == nil {
			out[i], room = &room[0], room[1:]
			readUpdate(r, out[i], &shared)
		}
	}
	return out
}

// roomMax is how many updates are allocated in one piece at most: what says how
// many there are may come from a stranger, and an update takes 150 bytes for
// the one byte that it is announced with.
const roomMax = 64

func readUpdate(r *Reader, u *nl.AllocUpdate, shared *Texts) {
	for range r.Map() {
		switch r.Uint() {
		case 1:
			u.ID = r.Text()
		case 2:
			u.ClientStatus = shared.bytes(r.text())
		case 3:
			u.ClientDescription = shared.bytes(r.text())
		case 4:
			u.TaskStates = readTaskStates(r)
		case 5:
			u.DeploymentStatus = readDeploymentStatus(r)
		case 6:
			u.NetworkStatus = readNetworkStatus(r)
		default:
			r.Skip()
		}
	}
}

// Keys of an op.UpdateAllocs, in their order.
const (
	updateTime    = "Time"
	updateEvals   = "Evals"
	updateNode    = "NodeID"
	updateUpdates = "Updates"
	updateFields  = 4
)

func appendUpdateAllocs(b []byte, o *op.UpdateAllocs) (_ []byte, err error) {
	b = AppendInt(AppendText(AppendMap(b, updateFields), updateTime), o.Time)
	if b, err = appendAny(AppendText(b, updateEvals), o.Evals); err != nil {
		return nil, err
	}
	b = AppendText(AppendText(b, updateNode), o.NodeID)
	return AppendUpdates(AppendText(b, updateUpdates), o.Updates)
}

func decodeUpdateAllocs(body []byte) (op.Op, error) {
	o, r := new(op.UpdateAllocs), NewReader(body)
	for range r.Map() {
		switch string(r.text()) {
		case updateTime:
			o.Time = r.Int()
		case updateEvals:
			if list := readItem[[]*nl.Eval](r); list != nil {
				o.Evals = *list
			}
		case updateNode:
			o.NodeID = r.Text()
		case updateUpdates:
			o.Updates = ReadUpdates(r)
		default:
			r.Skip()
		}
	}
	return o, r.Close()
}
