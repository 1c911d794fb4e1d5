package wire

import (
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// What nodes tell of an allocation beside its tasks is written and read by hand
// like the allocation itself. The numbers are those of the nouns.

// appendDeploymentStatus appends a status; nil is null.
func appendDeploymentStatus(b []byte, s *nl.AllocDeploymentStatus) []byte {
	if s == nil {
		return AppendNull(b)
	}
	fields := [...]bool{s.Healthy != nil, !s.Timestamp.IsZero(), s.Canary, s.ModifyIndex != 0}
	b = AppendMap(b, count(fields[:]))
	if fields[0] {
		b = AppendBool(AppendUint(b, 1), *s.Healthy)
	}
	if fields[1] {
		b = AppendInt(AppendUint(b, 2), s.Timestamp.UnixNano())
	}
	if fields[2] {
		b = AppendBool(AppendUint(b, 3), s.Canary)
	}
	if fields[3] {
		b = AppendUint(AppendUint(b, 4), s.ModifyIndex)
	}
	return b
}

// count is how many are set.
func count(fields []bool) (n int) {
	for _, set := range fields {
		if set {
			n++
		}
	}
	return n
}

// readDeploymentStatus reads it; null is nil. Numbers that are not known are
// passed over.
func readDeploymentStatus(r *Reader) *nl.AllocDeploymentStatus {
	if r.err != nil || r.Null() {
		return nil
	}
	s := new(nl.AllocDeploymentStatus)
	for range r.Map() {
		switch r.Uint() {
		case 1:
			if !r.Null() {
				healthy := r.Bool()
				s.Healthy = &healthy
			}
		case 2:
			if !r.Null() {
				s.Timestamp = nl.Time{Time: time.Unix(0, r.Int()).UTC()}
			}
		case 3:
			s.Canary = r.Bool()
		case 4:
			s.ModifyIndex = r.Uint()
		default:
			r.Skip()
		}
	}
	return s
}

// appendNetworkStatus appends a status; nil is null.
func appendNetworkStatus(b []byte, s *nl.AllocNetworkStatus) ([]byte, error) {
	if s == nil {
		return AppendNull(b), nil
	}
	if s.DNS != nil { // seldom
		return appendItem(b, s)
	}
	texts := [...]string{s.InterfaceName, s.Address, s.AddressIPv6}
	fields := [len(texts)]bool{}
	for i, text := range texts {
		fields[i] = text != ""
	}
	b = AppendMap(b, count(fields[:]))
	for i, text := range texts {
		if fields[i] {
			b = AppendText(AppendUint(b, uint64(i+1)), text)
		}
	}
	return b, nil
}

// readNetworkStatus reads it; null is nil. Numbers that are not known are passed
// over.
func readNetworkStatus(r *Reader) *nl.AllocNetworkStatus {
	if r.err != nil || r.Null() {
		return nil
	}
	s := new(nl.AllocNetworkStatus)
	for range r.Map() {
		switch r.Uint() {
		case 1:
			s.InterfaceName = r.Text()
		case 2:
			s.Address = r.Text()
		case 3:
			s.AddressIPv6 = r.Text()
		case 4:
			s.DNS = readItem[nl.DNSConfig](r)
		default:
			r.Skip()
		}
	}
	return s
}
