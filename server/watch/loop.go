package watch

import (
	"context"
	"time"

	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// retryAfter is how long a loop waits after the log refused something.
const retryAfter = time.Second

// tables is a set of tables.
type tables uint64

func (t *tables) add(table store.Table) { *t |= 1 << table }

// Loop is one of the leader's loops: it looks at the state, decides, proposes
// and waits, for a change of its tables or for a time.
type Loop struct {
	name    string
	decide  func(now time.Time, s *store.Snapshot) ([]op.Op, time.Time)
	tables  tables
	spacing time.Duration // least time between two looks
	wake    chan struct{} // a table has changed
	forget  func()        // drops memory of what was decided but refused; may be nil
	// proposed is told when what was decided is in the log, or refused; may be nil.
	proposed func(now time.Time)
}

func newLoop(name string, spacing time.Duration, decide func(time.Time, *store.Snapshot) ([]op.Op, time.Time), on ...store.Table) *Loop {
	l := &Loop{name: name, decide: decide, spacing: spacing, wake: make(chan struct{}, 1)}
	for _, table := range on {
		l.tables.add(table)
	}
	return l
}

// Name is what log lines call the loop.
func (l *Loop) Name() string { return l.name }

// Spacing is the least time between the beginnings of two looks.
func (l *Loop) Spacing() time.Duration { return l.spacing }

// Woken tells whether a table of the loop has changed since it was asked last.
func (l *Loop) Woken() bool {
	select {
	case <-l.wake:
		return true
	default:
		return false
	}
}

func (l *Loop) run(ctx context.Context, c *Config) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		start := c.Now()
		next := l.look(ctx, c, start)
		if ctx.Err() != nil || !l.wait(ctx, c, timer, start, next) {
			return
		}
	}
}

// look decides and proposes once, and tells when to look again even if nothing
// changes.
func (l *Loop) look(ctx context.Context, c *Config, start time.Time) (next time.Time) {
	ops, next := l.decide(start, c.Store.Snapshot())
	if len(ops) > 0 && l.proposed != nil {
		defer func() { l.proposed(c.Now()) }()
	}
	for _, o := range ops {
		if _, err := c.Propose(ctx, o); err != nil {
			if ctx.Err() != nil {
				return next
			}
			// The state has moved on since the decision, or leadership is
			// being lost: look again.
			c.Logger.Warn("proposal of a leader's loop was refused", "loop", l.name, "error", err)
			if l.forget != nil {
				l.forget()
			}
			return sooner(next, start.Add(retryAfter))
		}
	}
	return next
}

// wait returns when it is time for another look, false when ctx has ended.
func (l *Loop) wait(ctx context.Context, c *Config, timer *time.Timer, start, next time.Time) bool {
	timer.Stop()
	if !next.IsZero() {
		timer.Reset(max(next.Sub(c.Now()), 0))
	}
	select {
	case <-l.wake:
	case <-timer.C:
	case <-ctx.Done():
		return false
	}
	early := start.Add(l.spacing).Sub(c.Now())
	if early <= 0 {
		return ctx.Err() == nil
	}
	timer.Reset(early)
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// sooner is the earlier of two times, where zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// notify leaves a message unless one is already there.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
