package driver

import (
	"context"
	"sync"
)

// eventBacklog is how many events a slow listener may lag behind before it
// loses some; a user-facing note is not worth blocking a task for.
const eventBacklog = 64

// Events fans task events out to any number of TaskEvents streams. The zero
// value is ready.
type Events struct {
	mu        sync.Mutex
	listeners map[chan *TaskEvent]bool
}

// Emit hands e to every listener that has room.
func (b *Events) Emit(e *TaskEvent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ch := range b.listeners {
		select {
		case ch <- e:
		default:
		}
	}
}

// Stream is a TaskEvents implementation.
func (b *Events) Stream(ctx context.Context, emit func(*TaskEvent) error) error {
	ch := make(chan *TaskEvent, eventBacklog)
	b.mu.Lock()
	if b.listeners == nil {
		b.listeners = map[chan *TaskEvent]bool{}
	}
	b.listeners[ch] = true
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.listeners, ch)
		b.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-ch:
			if err := emit(e); err != nil {
				return err
			}
		}
	}
}
