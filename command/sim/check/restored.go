package check

import (
	"bytes"
	"fmt"

	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// restored: a snapshot that is read back is the state that was written, and
// servers that save at the same index write the same bytes.
type restored struct {
	data map[uint64][]byte // by index
}

func newRestored() Checker { return &restored{data: map[uint64][]byte{}} }

func (*restored) Name() string { return "restored snapshot equals the original" }

func (r *restored) Observe(ev Event) error {
	saved, ok := ev.(Saved)
	if !ok {
		return nil
	}
	index := saved.Snapshot.Index()
	if before, ok := r.data[index]; ok {
		if !bytes.Equal(before, saved.Data) {
			return fmt.Errorf("the snapshot of server %d at index %d is not that of another server", saved.Server, index)
		}
		return nil
	}
	r.data[index] = saved.Data
	s, err := store.Restore(bytes.NewReader(saved.Data))
	if err != nil {
		return fmt.Errorf("the snapshot of server %d cannot be read: %w", saved.Server, err)
	}
	var again bytes.Buffer
	if err := s.Save(&again); err != nil {
		return fmt.Errorf("the snapshot of server %d cannot be written again: %w", saved.Server, err)
	}
	if s.Index() != index || !bytes.Equal(again.Bytes(), saved.Data) {
		return fmt.Errorf("the snapshot of server %d at index %d is read back as another state, of index %d", saved.Server, index, s.Index())
	}
	return nil
}
