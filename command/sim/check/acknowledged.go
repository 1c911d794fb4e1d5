package check

import "fmt"

// acknowledged: what a proposer was told is committed stays committed, at that
// index, on every server.
type acknowledged struct {
	applied, acked map[uint64]uint64 // sums by index
}

func newAcknowledged() Checker {
	return &acknowledged{applied: map[uint64]uint64{}, acked: map[uint64]uint64{}}
}

func (*acknowledged) Name() string { return "acknowledged ops survive" }

func (a *acknowledged) Observe(ev Event) error {
	switch ev := ev.(type) {
	case Applied:
		if sum, ok := a.acked[ev.Index]; ok && sum != ev.Sum {
			return fmt.Errorf("entry %d was acknowledged, and server %d applied another in its place", ev.Index, ev.Server)
		}
		a.applied[ev.Index] = ev.Sum
	case Acked:
		if sum, ok := a.applied[ev.Index]; !ok || sum != ev.Sum {
			return fmt.Errorf("entry %d is acknowledged, but was not applied", ev.Index)
		}
		a.acked[ev.Index] = ev.Sum
	case Settled:
		for server, s := range ev.Snapshots {
			if s.Index() < ev.Acked {
				return fmt.Errorf("entry %d was acknowledged, and server %d ends at index %d", ev.Acked, server, s.Index())
			}
		}
	}
	return nil
}
