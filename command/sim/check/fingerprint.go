package check

import (
	"fmt"

	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// fingerprintEvery is how many entries are between two comparisons of whole
// states: each costs as much as a hundred entries,
// and a difference stays until the end, when all are compared.
const fingerprintEvery = 512

// fingerprint: servers that have applied the same entries hold the same state,
// and entries at the same index are the same.
type fingerprint struct {
	sums   map[uint64]uint64
	states map[uint64]string
}

func newFingerprint() Checker {
	return &fingerprint{sums: map[uint64]uint64{}, states: map[uint64]string{}}
}

func (*fingerprint) Name() string { return "equal fingerprint at equal index" }

func (f *fingerprint) Observe(ev Event) error {
	switch ev := ev.(type) {
	case Applied:
		if before, ok := f.sums[ev.Index]; ok && before != ev.Sum {
			return fmt.Errorf("server %d applied another entry %d than others did", ev.Server, ev.Index)
		}
		f.sums[ev.Index] = ev.Sum
		if ev.Index%fingerprintEvery == 0 {
			return f.compare(ev.Server, ev.Snapshot)
		}
	case Settled:
		for server, s := range ev.Snapshots {
			if err := f.compare(server, s); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *fingerprint) compare(server int, s *store.Snapshot) error {
	got := s.Fingerprint()
	want, ok := f.states[s.Index()]
	if ok && got != want {
		return fmt.Errorf("server %d has fingerprint %s at index %d, another has %s", server, got, s.Index(), want)
	}
	f.states[s.Index()] = got
	return nil
}
