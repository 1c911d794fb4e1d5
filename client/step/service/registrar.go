package service

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	// retryMin and retryMax bound the pause after the servers refused.
	retryMin = time.Second
	retryMax = 30 * time.Second
	// batchMax is how many changes one call carries.
	batchMax = 512
)

// Send tells the servers.
type Send func(ctx context.Context, upsert []*nl.ServiceRegistration, remove []string) error

// Registrar tells the servers of changes, in order per registration, many in
// one call.
type Registrar struct {
	send    Send
	log     hclog.Logger
	mu      sync.Mutex
	pending map[string]*nl.ServiceRegistration // nil removes
	wake    chan struct{}
}

// NewRegistrar makes one.
func NewRegistrar(send Send, log hclog.Logger) *Registrar {
	return &Registrar{send: send, log: log, pending: map[string]*nl.ServiceRegistration{}, wake: make(chan struct{}, 1)}
}

// Register queues registrations.
func (r *Registrar) Register(list []*nl.ServiceRegistration) {
	r.mu.Lock()
	for _, s := range list {
		r.pending[s.ID] = s
	}
	r.mu.Unlock()
	r.kick(len(list))
}

// Deregister queues removals.
func (r *Registrar) Deregister(ids []string) {
	r.mu.Lock()
	for _, id := range ids {
		r.pending[id] = nil
	}
	r.mu.Unlock()
	r.kick(len(ids))
}

func (r *Registrar) kick(n int) {
	if n == 0 {
		return
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run tells the servers until ctx ends.
func (r *Registrar) Run(ctx context.Context) error {
	pause := retryMin
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.wake:
		}
		for {
			upsert, remove := r.take()
			if len(upsert)+len(remove) == 0 {
				break
			}
			if err := r.send(ctx, upsert, remove); err == nil {
				pause = retryMin
				continue
			} else if ctx.Err() == nil {
				r.log.Warn("services cannot be registered", "error", err, "retry", pause)
			}
			r.giveBack(upsert, remove)
			timer := time.NewTimer(pause)
			select {
			case <-ctx.Done():
				timer.Stop()
				return ctx.Err()
			case <-timer.C:
			}
			pause = min(pause*2, retryMax)
		}
	}
}

func (r *Registrar) take() (upsert []*nl.ServiceRegistration, remove []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(r.pending)) {
		if len(upsert)+len(remove) == batchMax {
			break
		}
		if s := r.pending[id]; s != nil {
			upsert = append(upsert, s)
		} else {
			remove = append(remove, id)
		}
		delete(r.pending, id)
	}
	return upsert, remove
}

// giveBack queues what could not be told, unless something newer is queued.
func (r *Registrar) giveBack(upsert []*nl.ServiceRegistration, remove []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range upsert {
		if _, newer := r.pending[s.ID]; !newer {
			r.pending[s.ID] = s
		}
	}
	for _, id := range remove {
		if _, newer := r.pending[id]; !newer {
			r.pending[id] = nil
		}
	}
}
